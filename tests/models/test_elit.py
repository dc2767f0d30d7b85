"""ELIT: an ensemble that teaches itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_atomai.data.recipes_teaching import Elit
from napari_atomai.errors import BadModel, BadOption
from napari_atomai.models.elit import ELIT
from napari_atomai.simulate.samples import sample

QUICK = Elit(iterations=1, steps=2, remember=0, change=0)


def picture() -> np.ndarray:
    return np.asarray(sample("graphene").image.frame(0), float)[:128, :128]


def test_each_round_is_kept_and_one_that_is_there_is_not_done_again(tmp_path: Path) -> None:
    first = ELIT(QUICK).fit(picture(), tmp_path)
    assert [each.number for each in first.rounds] == [0, 1]
    assert (tmp_path / "rounds.csv").read_text().startswith("number,atoms,labels")
    again = ELIT(QUICK).fit(picture(), tmp_path)
    assert again.table()["atoms"] == first.table()["atoms"]
    assert np.array_equal(again.last.positions[0], first.last.positions[0])
    with pytest.raises(BadOption, match="other options"):
        ELIT(QUICK.model_copy(update={"steps": 3})).fit(picture(), tmp_path)


def test_an_ensemble_that_taught_itself_does_not_bear_the_figures_of_its_base() -> None:
    rounds = ELIT(QUICK).fit(picture()).rounds
    card = rounds[1].model.card
    assert rounds[0].model.card.metrics
    assert not card.metrics
    assert not card.risk
    assert card.name == "atoms-ensemble ELIT 1"
    assert "after 1 round of" in card.description


def test_columns_just_outside_of_the_frame_are_not_taken_for_atoms() -> None:
    whole = np.asarray(sample("graphene").image.frame(0), float)
    first = 3  # the frame cuts columns
    (seen,) = ELIT(QUICK).fit(whole[first : first + 120, first : first + 120]).rounds[0].positions
    truth = sample("graphene").truth.positions - first
    inner = truth[((truth > -0.5) & (truth < 119.5)).all(axis=1)]
    assert len(seen) <= len(inner) + 2
    assert np.linalg.norm(seen[:, None] - inner[None], axis=2).min(axis=1).max() < 4


def test_truth_is_only_judged_by() -> None:
    alone = ELIT(QUICK).fit(picture())
    judged = ELIT(QUICK).fit(picture(), truth=[alone.rounds[0].positions[0]])
    assert judged.rounds[0].f1 == 1.0
    assert np.array_equal(judged.last.positions[0], alone.last.positions[0])
    assert np.isnan(alone.last.f1)


def test_one_net_and_nets_that_agree_on_nothing_are_refused() -> None:
    with pytest.raises(BadModel, match="no ensemble"):
        ELIT(Elit(model="atoms")).fit(picture())
    with pytest.raises(BadOption, match="agree on no atom"):
        ELIT(QUICK).fit(np.random.default_rng(0).normal(size=(96, 96)))

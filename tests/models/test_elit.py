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

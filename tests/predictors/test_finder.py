"""A finder of several nets pools what they say, and scales it to probabilities."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, logit

from napari_atomai.data.progress import finish
from napari_atomai.files.weights import Weights, read_weights, write_weights
from napari_atomai.predictors.detect import as_alone, detecting
from napari_atomai.predictors.engines import OnnxEngine
from napari_atomai.predictors.finder import finder_for
from napari_atomai.predictors.tiles import predict_tiled
from napari_atomai.prepare.normalise import channels

FRAME = np.random.default_rng(4).random((61, 83)).astype(np.float32)


def ensemble(members: list[Weights], **card: object) -> Weights:
    tensors = {f"{i}.{name}": a for i, one in enumerate(members) for name, a in one.tensors.items()}
    return Weights(members[0].card.model_copy(update={"members": len(members)} | card), tensors, "e")


@pytest.fixture
def members(make_weights: Callable[..., Weights]) -> list[Weights]:
    return [make_weights(seed=seed) for seed in range(3)]


def maps_of(members: list[Weights]) -> np.ndarray:
    stack = channels(FRAME)
    return np.stack([finish(predict_tiled(OnnxEngine(one), stack))[0] for one in members])


def test_the_members_of_a_file_are_the_nets_that_went_into_it(members: list[Weights], tmp_path: Path) -> None:
    whole = ensemble(members)
    write_weights(tmp_path / "e.safetensors", whole.card, whole.tensors)
    for one, back in zip(members, read_weights(tmp_path / "e.safetensors").of_members(), strict=True):
        assert back.card == one.card
        assert back.tensors.keys() == one.tensors.keys()
        for name, array in one.tensors.items():
            np.testing.assert_array_equal(back.tensors[name], array)


def test_probability_and_uncertainty_are_mean_and_deviation_of_the_members(members: list[Weights]) -> None:
    seen = finish(detecting(finder_for(ensemble(members)), FRAME, zoom=1.0))
    maps = maps_of(members)
    np.testing.assert_allclose(seen.probability, maps.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(seen.spread, maps.std(axis=0, ddof=1), atol=1e-6)
    where = np.round(seen.peaks.positions).astype(int)
    at = seen.spread[where[:, 0], where[:, 1]]
    assert np.corrcoef(seen.score_sd, at)[0, 1] > 0.8


def test_a_single_net_has_no_uncertainty(weights: Weights) -> None:
    seen = finish(detecting(finder_for(weights), FRAME, zoom=1.0))
    assert seen.spread is None
    assert seen.score_sd is None


def test_calibration_scales_the_log_odds(weights: Weights) -> None:
    card = weights.card.model_copy(update={"calibration": (2.0, -0.5)})
    seen = finish(detecting(finder_for(dataclasses.replace(weights, card=card)), FRAME, zoom=1.0))
    plain = maps_of([weights])[0]
    np.testing.assert_allclose(seen.probability, expit(2 * logit(plain) - 0.5), atol=1e-5)


def test_without_a_lattice_the_log_odds_are_scaled_once_more(weights: Weights) -> None:
    seen = finish(detecting(finder_for(weights), FRAME, zoom=1.0))
    assert as_alone(seen, weights.card) is seen
    lone = as_alone(seen, weights.card.model_copy(update={"alone": (1.5, -3.0)}))
    np.testing.assert_allclose(lone.probability, expit(1.5 * logit(seen.probability) - 3), atol=1e-5)
    np.testing.assert_allclose(lone.peaks.scores, expit(1.5 * logit(seen.peaks.scores) - 3), atol=1e-5)
    np.testing.assert_array_equal(lone.peaks.positions, seen.peaks.positions)


def test_progress_counts_the_tiles_of_all_members(members: list[Weights]) -> None:
    steps = [progress.fraction for progress in detecting(finder_for(ensemble(members)), FRAME, zoom=1.0)]
    np.testing.assert_allclose(steps, [1 / 3, 2 / 3, 1.0])

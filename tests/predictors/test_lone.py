"""Lone atoms: their width, how far they stand out, and what a finder makes of it."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.data.progress import finish
from napari_atomai.models.storage import load_weights
from napari_atomai.predictors.finder import finder_for
from napari_atomai.predictors.lone import detecting_alone, standing_out, width_of
from napari_atomai.simulate.imaging import Columns, draw

PLACES = np.array([[30.0, 40.0], [90.0, 60.0], [60.0, 130.0], [128.0, 140.0], [110.0, 20.0], [20.0, 100.0]])


def spots(width: float, counts: float = 60.0) -> np.ndarray:
    columns = Columns(PLACES, np.ones(len(PLACES)), np.full((len(PLACES), 2), width))
    clean = draw(columns, (160, 170)) + 0.5
    return np.random.default_rng(1).poisson(counts * clean).astype(np.float32)


@pytest.mark.parametrize("width", [2.0, 3.0])
def test_the_width_of_spots_is_measured(width: float) -> None:
    assert width_of(spots(width)) == pytest.approx(width, rel=0.3)


def test_a_width_is_that_of_the_transposed_image_and_knows_no_unit() -> None:
    frame = spots(3.0)
    assert width_of(frame.T) == pytest.approx(width_of(frame), rel=1e-4)
    assert width_of(1000 * frame - 5e4) == pytest.approx(width_of(frame), rel=1e-3)


def test_a_flat_image_has_no_width() -> None:
    assert np.isnan(width_of(np.full((64, 64), 7.0)))


def test_atoms_stand_out_of_the_noise_and_noise_does_not() -> None:
    height = standing_out(spots(3.0), 3.0)
    rows, columns = PLACES.astype(int).T
    assert height[rows, columns].min() > 5
    noise = standing_out(np.random.default_rng(0).normal(size=(160, 170)), 3.0)
    assert noise.std() == pytest.approx(1.0, abs=0.15)
    assert noise.max() < 5


@pytest.mark.parametrize("width", [2.0, 4.0])
def test_lone_atoms_are_found_where_they_are_and_nowhere_else(width: float) -> None:
    seen = finish(detecting_alone(finder_for(load_weights("atoms")), spots(width), width))
    found = seen.peaks.positions[seen.peaks.scores >= 0.5]
    assert len(found) == len(PLACES)
    gaps = np.linalg.norm(found[:, None] - PLACES, axis=-1).min(axis=0)
    assert gaps.max() < 0.5 * width
    assert seen.probability.shape == (160, 170)
    assert seen.score_sd is None


def test_progress_runs_from_begin_to_end_once() -> None:
    finder = finder_for(load_weights("atoms"))
    told = [step.fraction for step in detecting_alone(finder, spots(2.0), 2.0)]
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)

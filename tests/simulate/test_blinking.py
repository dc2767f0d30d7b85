"""The simulated movie has the drift, the states and the calibration that it says."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.errors import BadOption
from napari_atomai.simulate.blinking import blinking_columns


def test_columns_lie_where_the_truth_says_and_bright_ones_are_twice_as_bright() -> None:
    film = blinking_columns(frames=3, size=100, dose=2000.0)
    assert film.image.shape == (3, 100, 100)
    assert film.image.pixel_size == (0.02, 0.02)
    assert film.image.axes[0].unit == "s"
    for frame in range(3):
        part = film.truth.keep(film.truth.frames == frame)
        rows, cols = np.rint(part.positions).astype(int).T
        height = film.image.frame(frame)[rows, cols] - np.percentile(film.image.frame(frame), 5)
        dim, bright = (np.median(height[part.classes == state]) for state in (0, 1))
        assert bright / dim == pytest.approx(2, rel=0.1)


def test_states_change_as_often_as_asked_and_the_drift_is_that_of_the_columns() -> None:
    film = blinking_columns(frames=60, size=80, leaving=(0.1, 0.3), seed=3)
    state = film.truth.classes.reshape(60, -1)
    left = state[1:] != state[:-1]
    assert left[state[:-1] == 0].mean() == pytest.approx(0.1, abs=0.04)
    assert left[state[:-1] == 1].mean() == pytest.approx(0.3, abs=0.08)
    where = film.truth.positions.reshape(60, -1, 2)
    assert (where - where[0]).mean(axis=1) == pytest.approx(film.drift, abs=0.3)
    assert (
        blinking_columns(frames=2, size=64).image.pixels == blinking_columns(frames=2, size=64).image.pixels
    ).all()


def test_impossible_movies_are_refused() -> None:
    for wrong in ({"frames": 0}, {"leaving": (0.5, 1.5)}):
        with pytest.raises(BadOption, match="frames with probabilities"):
            blinking_columns(**wrong)

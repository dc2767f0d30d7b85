"""Figures of lattices and movies show the numbers, and empty ones do not fail."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.plots.lattice import (
    direction_colours,
    distance_figure,
    map_figure,
    rose_figure,
    vector_figure,
)
from napari_atomai.plots.movies import drift_figure, path_figure, transition_figure
from napari_atomai.stat.movies.states import counted


def test_arrows_begin_at_the_atoms_and_point_along_the_vectors() -> None:
    where = np.stack(np.meshgrid(*[np.arange(5.0) * 10 + 5] * 2), -1).reshape(-1, 2)
    vectors = np.tile([-1.0, 2.0], (25, 1))
    vectors[3] = np.nan
    figure = vector_figure(where, vectors, np.zeros((50, 50)), title="shift")
    (arrows,) = (c for c in figure.axes[0].collections if hasattr(c, "U"))
    assert np.array_equal(arrows.get_offsets(), np.delete(where, 3, 0)[:, ::-1])
    assert pytest.approx(np.full(24, -0.5)) == arrows.V / arrows.U
    assert "times as long as it is" in figure.texts[0].get_text()


def test_a_map_is_drawn_about_zero() -> None:
    values = np.linspace(-0.01, 0.03, 400).reshape(20, 20)
    values[0, 0] = np.nan
    figure = map_figure({"exx": values, "rotation": values})
    strain = figure.axes[0].images[0]
    low, high = strain.get_clim()
    assert low == -high
    assert 2.5 < high <= 3
    assert figure.axes[1].images[0].get_clim()[1] < 0.031


def test_colours_go_round_once() -> None:
    right, up, left, down = direction_colours(np.array([[0, 1], [-1, 0], [0, -1], [1, 0]], float))
    assert np.argmax(right) == 0
    assert left == pytest.approx(right[[1, 0, 0]])
    assert np.abs(up - down).max() > 0.3


@pytest.mark.parametrize("count", [0, 1, 200])
def test_few_or_no_values_are_drawn_too(count: int) -> None:
    values = np.linspace(0, 10, count)
    distance_figure(values, np.zeros(count, int), "nm").canvas.draw()
    rose_figure(values * 36).canvas.draw()
    vector_figure(np.stack([values, values], 1), np.full((count, 2), np.nan)).canvas.draw()
    drift_figure(np.zeros((count, 2))).canvas.draw()
    map_figure({"exx": np.full((4, 4), np.nan)}).canvas.draw()


def test_probabilities_are_written_with_their_counts() -> None:
    figure = transition_figure(counted(np.array([[3, 1], [0, 0]])))
    words = [text.get_text() for text in figure.axes[0].texts]
    assert words[0].startswith("0.75\n")
    assert words[0].endswith("\n3")
    low, high = (float(end) for end in words[0].split("\n")[1].split(" to "))
    assert 0 < low < 0.75 < high < 1
    assert words[2:] == ["0", "0"]


def test_paths_are_drawn_as_column_and_row() -> None:
    path = np.array([[1.0, 2.0], [3.0, 4.0]])
    (lines,) = path_figure([path], np.zeros((9, 9))).axes[0].collections
    assert np.array_equal(lines.get_segments()[0], path[:, ::-1])

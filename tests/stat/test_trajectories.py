"""Trajectories and transition matrices with the paper's words."""

from __future__ import annotations

import numpy as np
import pytest

import napari_atomai as aoi
from napari_atomai.errors import BadAtoms

pytest.importorskip("sklearn")


def movie(frames: int = 12, side: int = 64) -> tuple[np.ndarray, dict[int, np.ndarray], np.ndarray]:
    """Return pictures of nine atoms that are bright or dim, their coordinates, and how each was."""
    rng = np.random.default_rng(0)
    sites = np.stack(np.meshgrid(*[np.array([14, 32, 50])] * 2, indexing="ij"), -1).reshape(-1, 2)
    bright = np.cumsum(rng.random((frames, 9)) < 0.2, axis=0) % 2
    rows, cols = np.indices((side, side))
    stack, tables = [], {}
    for frame in range(frames):
        where = sites + rng.normal(0, 0.5, sites.shape)
        spots = np.exp(-((rows - where[:, :1, None]) ** 2 + (cols - where[:, 1:, None]) ** 2) / 8)
        stack.append(
            ((1 + 2 * bright[frame])[:, None, None] * spots).sum(0) + rng.normal(0, 0.02, (side, side))
        )
        tables[frame] = np.column_stack([where, np.zeros(9)])[rng.permutation(9)]
    return np.stack(stack), tables, bright


def test_all_atoms_are_followed_and_their_states_counted() -> None:
    stack, tables, bright = movie()
    local = aoi.stat.imlocal(stack[..., None], tables, window_size=12)
    found = aoi.stat.transition_matrix(local, 2, rmax=5, sum_all_transitions=True)
    assert len(found["trajectories"]) == len(found["transitions"]) == 9
    assert all(path.shape == (12, 3) for path in found["trajectories"])
    assert all(np.array_equal(when, np.arange(12)) for when in found["frames"])
    assert len(found["gmm_components"]) == 2
    changes = sum((np.diff(path[:, -1]) != 0).sum() for path in found["trajectories"])
    assert changes == (np.diff(bright, axis=0) != 0).sum()
    assert found["all_transitions"].sum(axis=1) == pytest.approx([1, 1])


def test_short_trajectories_are_left_out_and_late_ones_are_not() -> None:
    stack, tables, _ = movie(6)
    tables[0], tables[5] = tables[0][:4], tables[5][:0]
    local = aoi.stat.imlocal(stack[..., None], tables, window_size=12)
    assert len(aoi.stat.get_all_trajectories(local, rmax=5)["trajectories"]) == 9
    long = aoi.stat.get_all_trajectories(local, min_length=4, rmax=5)
    assert [len(path) for path in long["trajectories"]] == [5] * 4


def test_one_atom_is_followed_from_where_it_was() -> None:
    _, tables, _ = movie(5)
    path, frames = aoi.stat.get_trajectory(tables, (32, 32), 5)
    assert np.array_equal(frames, np.arange(5))
    assert np.abs(path[:, :2] - 32).max() < 3
    nothing, none = aoi.stat.get_trajectory(tables, (500, 500), 5)
    assert nothing.shape == (0, 3)
    assert len(none) == 0


def test_the_matrix_of_a_trace_is_that_of_its_steps() -> None:
    found = aoi.stat.calculate_transition_matrix([0, 0, 1, 0, 2])
    assert found == pytest.approx(np.array([[1 / 3, 1 / 3, 1 / 3], [1, 0, 0], [0, 0, 0]]))
    assert aoi.stat.calculate_transition_matrix([0]) == pytest.approx(np.zeros((1, 1)))
    for trace in ([], [0, -1]):
        with pytest.raises(BadAtoms):
            aoi.stat.calculate_transition_matrix(trace)


def test_counts_are_summed_over_trajectories_and_gaps_left_out() -> None:
    paths = [np.array([[0, 0, 1], [0, 0, 1], [0, 0, 3]]), np.array([[0, 0, 1], [0, 0, 3]])]
    given = {"trajectories": paths, "frames": [np.array([0, 1, 2]), np.array([0, 5])]}
    found = aoi.stat.sum_transitions(given, 3)
    assert found == pytest.approx(np.array([[0.5, 0, 0.5], [0, 0, 0], [0, 0, 0]]))
    aoi.stat.sum_transitions(given, 3, plot_results=True)
    assert given["figure"].axes
    with pytest.raises(BadAtoms, match="msize is 2"):
        aoi.stat.sum_transitions(given, 2)


@pytest.mark.parametrize("start", [(), (5,), (np.nan, 3), np.ones((2, 2))])
def test_a_start_that_is_no_place_is_refused(start: object) -> None:
    with pytest.raises(BadAtoms, match="start_coord"):
        aoi.stat.get_trajectory({0: np.zeros((1, 3))}, start, 5)  # type: ignore[arg-type]


@pytest.mark.parametrize("table", [np.ones((6, 2)), np.full((2, 3), np.nan)])
def test_a_table_that_holds_no_places_is_refused(table: np.ndarray) -> None:
    with pytest.raises(BadAtoms, match=r"shape|finite"):
        aoi.stat.get_trajectory({0: table}, (1, 1), 5)

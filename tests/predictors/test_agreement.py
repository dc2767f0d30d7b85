"""Atoms of an ensemble: one to one, mean and spread as they were put in."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.errors import BadImage, BadOption
from napari_atomai.predictors.agreement import ensemble_locate, matched

ROWS, COLUMNS = np.meshgrid(np.arange(12.0, 90, 15), np.arange(12.0, 120, 15), indexing="ij")
GRID = np.stack([ROWS.ravel(), COLUMNS.ravel()], axis=1)


def spots(positions: np.ndarray, height: float = 0.9) -> np.ndarray:
    rows, columns = np.mgrid[:100, :130]
    distance = np.hypot(rows - positions[:, 0, None, None], columns - positions[:, 1, None, None])
    return height * np.exp(-0.5 * (distance / 2.5) ** 2).max(axis=0)


def maps(*of_classes: np.ndarray) -> np.ndarray:
    """Probabilities (1, y, x, classes + background)."""
    foreground = np.stack(of_classes, -1)
    return np.concatenate([foreground, 1 - foreground.sum(-1, keepdims=True)], -1)[None]


def order(positions: np.ndarray) -> np.ndarray:
    return np.lexsort(np.round(positions / 5).T)


def test_mean_and_spread_are_those_of_the_members() -> None:
    rng = np.random.default_rng(0)
    moved = GRID + rng.normal(0, 0.6, (12, *GRID.shape))
    (found,) = ensemble_locate([maps(spots(one)) for one in moved], 7.5).values()
    assert len(found) == len(GRID)
    assert (found.members == 12).all()
    at = order(found.positions)
    np.testing.assert_allclose(found.positions[at], moved.mean(0)[order(GRID)], atol=0.15)
    np.testing.assert_allclose(found.spread[at], moved.std(0, ddof=1)[order(GRID)], atol=0.15)


def test_the_order_of_the_members_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    members = [maps(spots(GRID + rng.normal(0, 0.5, GRID.shape))) for _ in range(4)]
    one, other = ensemble_locate(members, 7.5)[0], ensemble_locate(members[::-1], 7.5)[0]
    a, b = order(one.positions), order(other.positions)
    np.testing.assert_allclose(one.positions[a], other.positions[b], atol=1e-6)
    np.testing.assert_allclose(one.spread[a], other.spread[b], atol=1e-6)


def test_all_atoms_are_kept_with_few_members_and_no_outliers() -> None:
    members = np.stack([maps(spots(GRID))[0]] * 2)[:, None]  # as one array, with nothing to drop
    found = ensemble_locate(members, 7.5)[0]
    assert len(found) == len(GRID)
    np.testing.assert_allclose(found.spread, 0, atol=1e-9)


def test_an_atom_that_few_members_see_is_left_out_and_others_say_how_many() -> None:
    missing = GRID[1:]
    members = [maps(spots(GRID))] * 3 + [maps(spots(missing))]
    found = ensemble_locate(members, 7.5, agreement=0.5)[0]
    nearest = np.hypot(*(found.positions - GRID[0]).T).argmin()
    assert len(found) == len(GRID)
    assert found.members[nearest] == 3
    assert sorted(found.members)[1] == 4
    assert len(ensemble_locate(members, 7.5, agreement=0.9)[0]) == len(missing)
    assert len(ensemble_locate([*members[:1], *members[3:] * 3], 7.5)[0]) == len(missing)


def test_every_atom_has_one_class_though_members_differ() -> None:
    left, right = GRID[GRID[:, 1] < 60], GRID[GRID[:, 1] > 60]
    sure, unsure = maps(spots(left), spots(right)), maps(spots(right, 0.55), spots(left, 0.55))
    found = ensemble_locate([sure, unsure], 7.5, threshold=0.3)[0]
    assert len(found) == len(GRID)
    np.testing.assert_array_equal(found.classes, (found.positions[:, 1] > 60).astype(int))


def test_a_single_class_is_the_object() -> None:
    found = ensemble_locate([spots(GRID)[None, ..., None]] * 2, 7.5)[0]
    assert len(found) == len(GRID)
    assert (found.classes == 0).all()


def test_frames_without_atoms_and_a_single_member_are_fine() -> None:
    one = np.concatenate([maps(spots(GRID)), maps(np.zeros((100, 130)))])
    found = ensemble_locate([one], 7.5)
    assert [len(found[0]), len(found[1])] == [len(GRID), 0]
    assert found[1].positions.shape == (0, 2)
    assert np.isnan(found[0].spread).all()


def test_matching_takes_the_nearest_pairs_first_and_each_point_once() -> None:
    reference = np.array([[0.0, 0], [0, 3], [0, 50]])
    found = np.array([[0, 1.9], [0, 4.5], [0, 90], [0, 3.2]])
    assert set(zip(*(one.tolist() for one in matched(reference, found, 5)), strict=True)) == {(1, 3), (0, 0)}
    assert len(matched(reference, np.empty((0, 2)), 5)[0]) == 0


def test_matching_a_crowd_is_the_greedy_matching() -> None:
    rng = np.random.default_rng(2)
    one, other = rng.random((60, 2)) * 20, rng.random((70, 2)) * 20
    distance = np.hypot(*(one[:, None] - other).T).T
    expected = set()
    for flat in distance.argsort(axis=None):
        i, j = np.unravel_index(flat, distance.shape)
        if distance[i, j] <= 2 and not any(i == a or j == b for a, b in expected):
            expected.add((i, j))
    assert set(zip(*(found.tolist() for found in matched(one, other, 2)), strict=True)) == expected


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(BadImage, match="no maps"):
        ensemble_locate([], 5)
    with pytest.raises(BadImage, match=r"member 2 .* \(1, 4, 5, 2\)"):
        ensemble_locate([np.zeros((1, 4, 4, 2)), np.zeros((1, 4, 5, 2))], 5)
    with pytest.raises(BadOption, match=r"agreement is 1\.5"):
        ensemble_locate([np.zeros((1, 4, 4, 2))], 5, agreement=1.5)

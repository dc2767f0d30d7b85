"""Doubtful bonds chosen together: where a choice bond by bond goes wrong, and what must not matter."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.graphx import find_bonds
from napari_atomai.graphx.joint import jointly

BOND = 1.42
RADII = 1.52
NOISE = 0.1


def honeycomb(rows: int = 14, cols: int = 9) -> np.ndarray:
    motif = np.array([[0, 0], [0, 1], [np.sqrt(3) / 2, 1.5], [np.sqrt(3) / 2, 2.5]])
    corners = np.stack(np.meshgrid(np.arange(rows) * np.sqrt(3), np.arange(cols) * 3, indexing="ij"), -1)
    where: np.ndarray = (corners.reshape(-1, 1, 2) + motif).reshape(-1, 2) * BOND
    return where[find_bonds(where).coordination > 1]


def as_set(pairs: np.ndarray) -> set[tuple[int, ...]]:
    return {tuple(pair) for pair in np.sort(pairs, axis=1).tolist()}


def middle_bond(where: np.ndarray) -> tuple[int, int]:
    near = int(np.linalg.norm(where - where.mean(axis=0), axis=1).argmin())
    other = int(np.argsort(np.linalg.norm(where - where[near], axis=1))[1])
    return near, other


def moved_to(where: np.ndarray, one: int, other: int, length: float) -> np.ndarray:
    """Return the positions with two atoms moved along the line between them, to a distance."""
    along = where[other] - where[one]
    change = (length / np.linalg.norm(along) - 1) / 2 * along
    moved: np.ndarray = where.copy()
    moved[[one, other]] += np.array([-change, change])
    return moved


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("length", [1.9, 2.05, 2.2])
def test_a_bond_that_noise_stretched_stays_and_none_crosses_a_vacancy(length: float, seed: int) -> None:
    sheet = honeycomb()
    noise = np.random.default_rng(seed).normal(0, NOISE, sheet.shape)
    one, other = middle_bond(sheet)
    assert tuple(sorted((one, other))) in as_set(
        find_bonds(moved_to(sheet + noise, one, other, length)).pairs
    )
    around = np.flatnonzero(np.isclose(np.linalg.norm(sheet - sheet[one], axis=1), BOND))
    rim = [int(atom) - (atom > one) for atom in around[:2]]
    holed = np.delete(sheet + noise, one, axis=0)
    assert tuple(sorted(rim)) not in as_set(find_bonds(moved_to(holed, rim[0], rim[1], length)).pairs)


@pytest.mark.parametrize("seed", range(6))
def test_a_second_neighbour_nearer_than_the_bond_beside_it_takes_the_place_of_none(seed: int) -> None:
    sheet = honeycomb()
    built = as_set(find_bonds(sheet).pairs)
    one, other = middle_bond(sheet)
    beyond = [int(a) for a in np.flatnonzero(np.isclose(np.linalg.norm(sheet - sheet[other], axis=1), BOND))]
    second = next(atom for atom in beyond if atom != one)
    noise = np.random.default_rng(seed).normal(0, NOISE, sheet.shape)
    noise[[one, other, second]] = 0
    near = moved_to(sheet + noise, one, second, 1.75)
    near[other] += 0.15 * (sheet[other] - (sheet[one] + sheet[second]) / 2)
    assert as_set(find_bonds(near).pairs) == built


def test_order_sense_and_scale_of_the_positions_do_not_matter() -> None:
    rng = np.random.default_rng(3)
    where = honeycomb() + rng.normal(0, 0.12, honeycomb().shape)
    bonds = as_set(find_bonds(where).pairs)
    order = rng.permutation(len(where))
    permuted = find_bonds(where[order]).pairs
    assert as_set(order[permuted]) == bonds
    assert as_set(find_bonds(where[:, ::-1]).pairs) == bonds
    turn = np.array([[np.cos(0.7), -np.sin(0.7)], [np.sin(0.7), np.cos(0.7)]])
    assert as_set(find_bonds(where @ turn + 100).pairs) == bonds
    flat = np.column_stack([where, np.zeros(len(where))])
    differ = as_set(find_bonds(flat).pairs) ^ bonds  # in space, shapes of six atoms are not compared
    assert len(differ) <= 2


def test_two_sheets_far_apart_are_judged_as_each_alone() -> None:
    sheets = [honeycomb() + np.random.default_rng(seed).normal(0, 0.12, honeycomb().shape) for seed in (0, 1)]
    count = len(sheets[0])
    both = find_bonds(np.concatenate([sheets[0], sheets[1] + 500])).pairs
    assert as_set(both[both[:, 0] < count]) == as_set(find_bonds(sheets[0]).pairs)
    assert as_set(both[both[:, 0] >= count] - count) == as_set(find_bonds(sheets[1]).pairs)


def test_without_noise_nothing_is_chosen_again() -> None:
    bonds = find_bonds(honeycomb())
    kept = np.ones(len(bonds), bool)
    limits = np.full(len(bonds.positions), 3.0)
    assert jointly(bonds.pairs, bonds.lengths / RADII, bonds.vectors, limits, kept) is kept


@pytest.mark.parametrize("limit", [np.inf, 4.0])
def test_atoms_whose_angles_are_not_known_keep_what_was_chosen(limit: float) -> None:
    where = honeycomb() + np.random.default_rng(0).normal(0, 0.15, honeycomb().shape)
    bonds = find_bonds(where)
    kept = np.random.default_rng(1).random(len(bonds)) < 0.7
    limits = np.full(len(where), limit)
    assert jointly(bonds.pairs, bonds.lengths / RADII, bonds.vectors, limits, kept).tolist() == kept.tolist()


def test_no_atom_has_more_bonds_than_it_may_at_any_noise() -> None:
    for noise in (0.05, 0.15, 0.3, 0.5):
        where = honeycomb() + np.random.default_rng(0).normal(0, noise, honeycomb().shape)
        assert find_bonds(where).coordination.max() <= 3

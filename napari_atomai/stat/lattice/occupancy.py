"""Sites without an atom, and atoms unlike the others on their sublattice, each with a probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from napari_atomai.errors import BadAtoms
from napari_atomai.stat.lattice.fit import Lattice

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

LARGEST = 3
"""A vacancy is at most so many neighbouring sites; more are a hole."""

_FREE = 0.55  # distances between neighbours: no atom is nearer to an empty site
_RING = np.array([[-1, -1], [-1, 0], [-1, 1], [0, -1], [0, 1], [1, -1], [1, 0], [1, 1]])
_SURROUNDED = 5  # of the eight cells around
_ROUNDS = 60
_NEAR = 24
_FEWEST = 8
_WIDE = 12.0
"""Outliers are spread evenly over so many deviations, beyond the usual values, to each side."""


@dataclass(frozen=True, eq=False)
class EmptySites:
    """Sites that have no atom though their neighbours have.

    Parameters
    ----------
    positions : array, shape (M, 2)
        Where the atom would be, from its neighbours.
    grain, sublattice : array of int, shape (M,)
    index : array of int, shape (M, 2)
    size : array of int, shape (M,)
        How many empty sites of the sublattice are neighbours of each other here, itself included.
    """

    positions: Vector
    grain: Integers
    sublattice: Integers
    index: Integers
    size: Integers

    def __len__(self) -> int:
        return len(self.grain)

    @property
    def vacancy(self) -> Flags:
        """Whether each is a vacancy, and not part of a hole."""
        return np.asarray(self.size <= LARGEST, bool)


def empty_sites(positions: Vector, lattice: Lattice) -> EmptySites:
    """Find the sites without an atom that are enclosed by atoms, or have five of eight neighbours.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Row, column, of all atoms.
    lattice : Lattice
        Of these atoms.

    Returns
    -------
    EmptySites
        Not those beside a dislocation, where an atom lies although the index says there is none.
    """
    tree = cKDTree(positions)
    parts = [
        _empty(positions, lattice, number, sublattice, tree)
        for number, cell in enumerate(lattice.cells)
        for sublattice in range(len(cell.offsets))
    ]
    return EmptySites(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _empty(
    positions: Vector, lattice: Lattice, number: int, sublattice: int, tree: cKDTree
) -> tuple[Vector, Integers, Integers, Integers, Integers]:
    mine = np.flatnonzero((lattice.grain == number) & (lattice.sublattice == sublattice))
    if len(mine) == 0:
        none = np.empty(0, np.int64)
        return np.empty((0, 2)), none, none, np.empty((0, 2), np.int64), none
    index = lattice.index[mine]
    low = index.min(axis=0) - 1
    grid = np.zeros(index.max(axis=0) - low + 2, bool)
    grid[tuple((index - low).T)] = True
    around = ndimage.convolve(grid.astype(np.int64), np.ones((3, 3), np.int64), mode="constant")
    bare = ~grid & (ndimage.binary_fill_holes(grid) | (around >= _SURROUNDED))
    cells = np.argwhere(bare) + low
    where = _expected(cells, positions[mine], index, lattice.cells[number].vectors)
    away, _ = tree.query(where, distance_upper_bound=1e9) if len(where) else (np.empty(0), None)
    free = np.asarray(away) > _FREE * lattice.spacing
    bare[tuple((cells[~free] - low).T)] = False
    labels, _ = ndimage.label(bare, np.ones((3, 3)))
    size = np.bincount(labels.ravel())[labels[tuple((cells[free] - low).T)]]
    count = int(free.sum())
    return where[free], np.full(count, number), np.full(count, sublattice), cells[free], size.astype(np.int64)


def _expected(cells: Integers, positions: Vector, index: Integers, vectors: Vector) -> Vector:
    """Return where the atoms of cells (M, 2) would be, from the nearest atoms in terms of the index."""
    if len(cells) == 0:
        return np.empty((0, 2))
    number = min(4, len(index))
    away, near = cKDTree(index @ vectors).query(cells @ vectors, k=np.arange(1, number + 1))
    guesses = positions[near] + (cells[:, None] - index[near]) @ vectors
    weight = 1 / np.maximum(away, 1e-9)[..., None] ** 2
    return np.asarray((guesses * weight).sum(axis=1) / weight.sum(axis=1), np.float64)


def vacancy_probability(occupied: ArrayLike, between: ArrayLike, empty: ArrayLike) -> Vector:
    """Return the probability (M,) that sites are empty, from how bright they are.

    Parameters
    ----------
    occupied : array, shape (N,)
        Brightness of the atoms of the sublattice, measured as that of the sites.
    between : array, shape (K,)
        The same at places where no atom is.
    empty : array, shape (M,)
        The same at the sites.

    Returns
    -------
    array, shape (M,)
        Bayes' rule with a Gaussian for each of the first two and even odds before the pixels are seen; NaN
        where fewer than three values tell one of the Gaussians.
    """
    here, nothing, values = (np.asarray(each, np.float64) for each in (occupied, between, empty))
    if min(len(here), len(nothing)) < 3:
        return np.full(len(values), np.nan)
    (m1, s1), (m0, s0) = _robust(here), _robust(nothing)
    odds = 0.5 * ((values - m1) / s1) ** 2 - 0.5 * ((values - m0) / s0) ** 2 + np.log(s1 / s0)
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -700, 700))), np.float64)


def outlier_probability(values: ArrayLike, positions: ArrayLike, groups: ArrayLike) -> tuple[Vector, Vector]:
    """Return how unlike the others of its group each atom is, and the probability that it is no such atom.

    Values are compared with the median of the nearest atoms of the group, so that thickness may change;
    then a Gaussian of usual values, with a robust width, is set against an even spread of unusual ones,
    whose share is found by expectation maximisation.

    Parameters
    ----------
    values : array, shape (N,)
        Brightness, or another feature; NaN where it is not known.
    positions : array, shape (N, 2)
        Row, column.
    groups : array of int, shape (N,)
        Sublattice of each; below 0 for atoms that are not judged.

    Returns
    -------
    score : array, shape (N,)
        Deviation from the atoms around in standard deviations, positive for brighter ones.
    probability : array, shape (N,)
        NaN in groups of fewer than eight.
    """
    given, where = np.asarray(values, np.float64), np.asarray(positions, np.float64)
    which = np.asarray(groups, np.int64)
    if not len(given) == len(where) == len(which):
        raise BadAtoms(f"{len(where)} atoms came with {len(given)} values and {len(which)} groups.")
    score, probability = np.full((2, len(given)), np.nan)
    for group in np.unique(which[which >= 0]):
        mine = np.flatnonzero((which == group) & np.isfinite(given))
        if len(mine) < _FEWEST:
            continue
        near = cKDTree(where[mine]).query(where[mine], k=min(_NEAR, len(mine)))[1]
        off = given[mine] - np.median(given[mine][near], axis=1)
        middle, width = _robust(off)
        score[mine] = (off - middle) / width
        probability[mine] = _outliers(score[mine])
    return score, probability


def _robust(values: Vector) -> tuple[float, float]:
    middle = float(np.median(values))
    width = 1.4826 * float(np.median(np.abs(values - middle)))
    # Equal values have a width, too: without it a rounding error were a dopant.
    return middle, max(width, 1e-6 * max(abs(middle), float(np.abs(values).max(initial=0.0))), 1e-300)


def _outliers(score: Vector) -> Vector:
    reach = 2 * (_WIDE + float(np.abs(score).max()))
    usual = np.exp(-0.5 * np.minimum(score**2, 1400)) / np.sqrt(2 * np.pi)
    share = 0.02
    for _ in range(_ROUNDS):
        unusual = share / reach
        probability = unusual / (unusual + (1 - share) * usual)
        share = float(np.clip(probability.mean(), 0.5 / len(score), 0.5))
    return np.asarray(probability, np.float64)

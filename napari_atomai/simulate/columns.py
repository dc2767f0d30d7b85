"""Atoms to columns: what lies behind each other along the beam is one column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from ase import Atoms

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]

_SAME = 0.02
"""Atoms whose projections are nearer than this (Å) are drawn as one."""

_FEW = 3
"""Columns of at most so many atoms are told apart by how many of each element they hold."""


_CHAIN = 1.0
"""Atoms of a larger standard deviation than so many tolerances are a chain."""


@dataclass(frozen=True, eq=False)
class ProjectedColumns:
    """Columns of a structure, and the points they are drawn from.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Row, column in Å, weighted by scattering strength.
    strength : array, shape (N,)
        Sum of Z to the power of the exponent over the atoms of a column.
    spread : array, shape (N, 2)
        Standard deviation of its atoms along rows and columns, Å.
    top : array, shape (N,)
        Height of its uppermost atom, Å.
    classes : array of int, shape (N,)
        Index into `class_names`.
    class_names : tuple of str
        What columns consist of, from the faintest on average to the brightest.
    points : array, shape (M, 2)
        Row, column in Å of atoms that lie exactly behind each other.
    weights : array, shape (M,)
        Strength of each point.
    owner : array of int, shape (M,)
        The column of each point.
    chained : array of bool, shape (N,)
        Where atoms follow each other so far that they are no column, as in a grain off its zone axis.
    """

    positions: Vector
    strength: Vector
    spread: Vector
    top: Vector
    classes: Integers
    class_names: tuple[str, ...]
    points: Vector
    weights: Vector
    owner: Integers
    chained: NDArray[np.bool_]


def project(atoms: Atoms, tolerance: float = 0.4, exponent: float = 1.7) -> ProjectedColumns:
    """Group atoms into columns along the beam, which runs along z.

    Parameters
    ----------
    atoms : ase.Atoms
        x is the column of the image, y the row.
    tolerance : float
        Atoms nearer than this in the plane are of one column, Å; so are chains of them.
    exponent : float
        Power of the atomic number.
    """
    flat = np.asarray(atoms.positions, float)[:, [1, 0]]
    strength = np.asarray(atoms.numbers, float) ** exponent
    point = _coinciding(flat)
    weights = _sums(point, strength)
    points = _means(flat, point, strength)
    owner = _chained(points, tolerance)
    column = owner[point]
    count = int(owner.max(initial=-1)) + 1
    positions = _means(flat, column, strength)
    spread = np.sqrt(np.maximum(_means((flat - positions[column]) ** 2, column, strength), 0))
    top = np.full(count, -np.inf)
    np.maximum.at(top, column, atoms.positions[:, 2])
    total = _sums(column, strength)
    classes, names = _compositions(atoms, column, count, total)
    chained = spread.max(axis=1, initial=0) > _CHAIN * tolerance
    return ProjectedColumns(positions, total, spread, top, classes, names, points, weights, owner, chained)


def _coinciding(flat: Vector) -> Integers:
    """Return the number (N,) of the point at which each atom lies."""
    if len(flat) == 0:
        return np.empty(0, np.int64)
    grid = np.round(flat / _SAME).astype(np.int64)
    grid -= grid.min(axis=0)
    key = grid[:, 0] * (int(grid[:, 1].max()) + 1) + grid[:, 1]
    numbered: Integers = np.unique(key, return_inverse=True)[1].astype(np.int64)
    return numbered


def _sums(group: Integers, values: Vector) -> Vector:
    """Return the sum of values (N,) in each group; bincount would return integers for none."""
    return np.bincount(group, values).astype(np.float64)


def _chained(points: Vector, tolerance: float) -> Integers:
    """Return the number (N,) of the group of each point, linked by steps of at most a tolerance."""
    if len(points) == 0:
        return np.empty(0, np.int64)
    pairs = cKDTree(points).query_pairs(tolerance, output_type="ndarray")
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(points),) * 2)
    return np.asarray(connected_components(links, directed=False)[1], np.int64)


def _means(values: Vector, group: Integers, weights: Vector) -> Vector:
    """Return weighted means (groups, 2) of values (N, 2)."""
    sums = [_sums(group, weights * values[:, axis]) for axis in (0, 1)]
    means: Vector = np.stack(sums, axis=1) / _sums(group, weights)[:, None]
    return means


def _compositions(
    atoms: Atoms, column: Integers, count: int, strength: Vector
) -> tuple[Integers, tuple[str, ...]]:
    """Class columns by what they consist of."""
    if count == 0:
        return np.empty(0, np.int64), ()
    heavy_first, element = np.unique(-np.asarray(atoms.numbers), return_inverse=True)
    kinds = len(heavy_first)
    held = np.bincount(column * kinds + element, minlength=count * kinds).reshape(count, kinds)
    few = bool(held.sum(axis=1).max() <= _FEW)
    distinct, which = np.unique(held if few else (held > 0).astype(np.int64), axis=0, return_inverse=True)
    mean = np.bincount(which, strength) / np.bincount(which)
    order = np.argsort(mean, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    symbols = [atoms.symbols[int(np.argmax(element == kind))] for kind in range(kinds)]
    return rank[which].astype(np.int64), tuple(_formula(symbols, distinct[index]) for index in order)


def _formula(symbols: list[str], held: Integers) -> str:
    parts = zip(symbols, held, strict=True)
    return "".join(symbol + (str(number) if number > 1 else "") for symbol, number in parts if number)

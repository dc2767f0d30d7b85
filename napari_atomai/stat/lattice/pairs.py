"""Distances and angles between neighbours along the lattice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_atomai.stat.lattice.fit import Lattice
from napari_atomai.stat.lattice.indexing import keys

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]

STEPS = ("a", "b")
_MISFIT = 0.35


@dataclass(frozen=True, eq=False)
class Pairs:
    """Neighbours of the same sublattice, one cell apart.

    Parameters
    ----------
    first, second : array of int, shape (P,)
        Which atoms; the second lies one step along a or b from the first.
    step : array of int, shape (P,)
        0 along a, 1 along b.
    distance : array, shape (P,)
        In the unit of the positions.
    angle : array, shape (P,)
        Direction from the first to the second in degrees, counter-clockwise from the right.
    distance_sd : array, shape (P,)
        Standard errors; NaN where those of the positions are not known.
    """

    first: Integers
    second: Integers
    step: Integers
    distance: Vector
    angle: Vector
    distance_sd: Vector


def neighbour_pairs(positions: Vector, lattice: Lattice, *, sd: Vector | None = None) -> Pairs:
    """Return all pairs of neighbours one step along a or b.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Row, column.
    lattice : Lattice
        Of these atoms.
    sd : array, shape (N, 2), optional
        Standard errors of the positions.

    Returns
    -------
    Pairs
        None across a dislocation, where an index does not lead to a neighbour.
    """
    parts = [
        _along(positions, lattice, number, axis) for number in range(len(lattice.cells)) for axis in (0, 1)
    ]
    first, second, step = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    apart = positions[second] - positions[first]
    distance = np.linalg.norm(apart, axis=1)
    error = np.full(len(distance), np.nan)
    if sd is not None:
        along = apart / np.maximum(distance, 1e-300)[:, None]
        error = np.sqrt((along**2 * (sd[first] ** 2 + sd[second] ** 2)).sum(axis=1))
    return Pairs(first, second, step, distance, np.degrees(np.arctan2(-apart[:, 0], apart[:, 1])), error)


def _along(
    positions: Vector, lattice: Lattice, number: int, axis: int
) -> tuple[Integers, Integers, Integers]:
    mine = np.flatnonzero(lattice.grain == number)
    unit = np.eye(2, dtype=np.int64)[axis]
    here = keys(lattice.index[mine], lattice.sublattice[mine])
    there = keys(lattice.index[mine] + unit, lattice.sublattice[mine])
    order = np.argsort(here, kind="stable")
    place = np.clip(np.searchsorted(here[order], there), 0, len(order) - 1)
    found = here[order][place] == there
    first, second = mine[found], mine[order[place[found]]]
    vector = lattice.cells[number].vectors[axis]
    misfit = np.linalg.norm(positions[second] - positions[first] - vector, axis=1)
    good = misfit < _MISFIT * np.linalg.norm(vector)
    return first[good], second[good], np.full(int(good.sum()), axis)

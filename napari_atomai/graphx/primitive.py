"""Shortest-path (primitive) rings, for graphs that need not be planar.

A ring is primitive when no two of its members are nearer along other bonds than along the ring
(D. S. Franzblau, doi:10.1103/PhysRevB.44.4925). Each is found from its lowest atom: two shortest paths of the
same length that share only their ends, or whose ends are bonded. All paths grow at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_atomai.errors import BadOption
from napari_atomai.graphx.bonds import Bonds, neighbour_table
from napari_atomai.graphx.rings import Rings, assembled

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

MOST_PATHS = 20_000_000
"""Paths and pairs of paths that are followed at most, of a few thousand atoms at a time."""
_BLOCK = 2000


@dataclass(frozen=True, eq=False)
class Distances:
    """Numbers of bonds between pairs of atoms near to each other, as sorted keys."""

    keys: Integers
    steps: NDArray[np.int8]
    count: int

    def between(self, one: Integers, other: Integers) -> Integers:
        """Return how many bonds the shortest path has; 127 where it has more than were counted."""
        key = one * self.count + other
        at = np.minimum(np.searchsorted(self.keys, key), len(self.keys) - 1)
        return np.where(self.keys[at] == key, self.steps[at], 127).astype(np.int64)


@dataclass(frozen=True, eq=False)
class BondVectors:
    """Vectors of bonds by the atoms at their ends."""

    keys: Integers
    vectors: Vector
    count: int

    @classmethod
    def of(cls, bonds: Bonds) -> BondVectors:
        """Sort the bonds, each in both directions."""
        count = len(bonds.positions)
        keys = np.concatenate([bonds.pairs @ [count, 1], bonds.pairs @ [1, count]])
        order = np.argsort(keys, kind="stable")
        return cls(keys[order], np.concatenate([bonds.vectors, -bonds.vectors])[order], count)

    def between(self, one: Integers, other: Integers) -> Vector:
        """Return the vectors from atoms to others that they are bonded to."""
        found: Vector = self.vectors[np.searchsorted(self.keys, one * self.count + other)]
        return found


def primitive_rings(bonds: Bonds, most: int) -> Rings:
    """Return the shortest-path rings with at most so many members; see `graphx.rings.find_rings`."""
    count = len(bonds.positions)
    table = neighbour_table(bonds.pairs, count)
    distances = _distances(table, most // 2)
    found: dict[int, list[Integers]] = {size: [] for size in range(3, most + 1)}
    for first in range(0, count if len(bonds) else 0, _BLOCK):
        starts = np.arange(first, min(first + _BLOCK, count))
        for rings in _from_starts(starts, table, distances, most):
            found[rings.shape[1]].append(rings)
    vectors = BondVectors.of(bonds)
    tables = []
    for size, parts in found.items():
        members = np.concatenate([np.empty((0, size), np.int64), *parts])
        around = vectors.between(members, np.roll(members, -1, axis=1))
        closed = np.abs(around.sum(axis=1)).max(axis=1, initial=0.0) < 1e-6
        tables.append((members[closed], around[closed]))
    return assembled(bonds, tables, "shortest paths", ())


def _distances(table: Integers, reach: int) -> Distances:
    """Count the bonds between atoms up to a number of bonds, in rings of growing radius around all atoms."""
    count = len(table)
    shells = [np.arange(count) * (count + 1)]
    for _ in range(reach):
        near = table[shells[-1] % count]
        grown = (shells[-1] // count * count)[:, None] + near
        fresh = np.unique(grown[near >= 0])
        # A neighbour of one shell lies in it, in the one before or in the next.
        for shell in shells[-2:]:
            fresh = np.setdiff1d(fresh, shell, assume_unique=True)
        shells.append(fresh)
        _check_number(sum(map(len, shells)))
    keys = np.concatenate(shells)
    steps = np.repeat(np.arange(reach + 1, dtype=np.int8), [len(shell) for shell in shells])
    order = np.argsort(keys, kind="stable")
    return Distances(keys[order], steps[order], count)


def _from_starts(starts: Integers, table: Integers, distances: Distances, most: int) -> Iterator[Integers]:
    """Yield the rings whose lowest atom is among some, as tables (R, members)."""
    paths = starts[:, None]
    for half in range(1, most // 2 + 1):
        paths = _longer(paths, table, distances, half)
        key = paths[:, 0] * len(table) + paths[:, -1]
        paths, key = paths[order := np.argsort(key, kind="stable")], key[order]
        number = np.arange(len(paths))
        if half > 1:
            one, other = _joined(number, number + 1, np.searchsorted(key, key, side="right"))
            yield _primitive(paths[one], paths[other], distances, even=True)
        if 2 * half + 1 <= most:
            ends = table[paths[:, -1]]
            path, column = np.nonzero(ends > paths[:, -1:])
            wanted = paths[path, 0] * len(table) + ends[path, column]
            one, other = _joined(path, np.searchsorted(key, wanted), np.searchsorted(key, wanted, "right"))
            yield _primitive(paths[one], paths[other], distances, even=False)


def _longer(paths: Integers, table: Integers, distances: Distances, length: int) -> Integers:
    """Grow shortest paths by one bond; all atoms are above the first, which is the lowest of its ring."""
    following = table[paths[:, -1]]
    path, column = np.nonzero(following > paths[:, :1])
    new = following[path, column]
    further = distances.between(paths[path, 0], new) == length
    _check_number(int(further.sum()))
    return np.column_stack([paths[path[further]], new[further]])


def _joined(index: Integers, low: Integers, high: Integers) -> tuple[Integers, Integers]:
    """Return each index beside every number from its `low` up to its `high`."""
    number = np.maximum(high - low, 0)
    _check_number(int(number.sum()))
    before = np.cumsum(number) - number
    inside = np.arange(int(number.sum())) - np.repeat(before, number)
    return np.repeat(index, number), np.repeat(low, number) + inside


def _primitive(one: Integers, other: Integers, distances: Distances, *, even: bool) -> Integers:
    """Return the rings that pairs of paths make, as far as they are primitive."""
    inner = slice(1, -1) if even else slice(1, None)
    apart = (one[:, inner] != other[:, inner]).all(axis=1)
    rings = np.column_stack([one[apart], other[apart][:, inner][:, ::-1]])
    half = rings.shape[1] // 2
    # Parts of shortest paths are shortest: only the farthest members need a look.
    away = distances.between(rings, np.roll(rings, -half, axis=1))
    return np.asarray(rings[(away == half).all(axis=1)])


def _check_number(number: int) -> None:
    if number > MOST_PATHS:
        raise BadOption(
            f"Following shortest-path rings takes more than {MOST_PATHS:,} paths.",
            why="Atoms have too many bonds, or rings too many members, for that.",
            remedy="Ask for smaller rings or a smaller piece, check the scale, or take faces.",
        )

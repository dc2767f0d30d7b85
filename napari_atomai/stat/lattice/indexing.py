"""Which cell of the lattice, and which sublattice, each atom belongs to: walked from neighbour to neighbour.

A walk needs the lattice to be regular only from one cell to the next, so that strain, bending and the drift
of a scan, which would lead a single grid astray after some cells, do no harm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components
from scipy.spatial import cKDTree

from napari_atomai.stat.lattice.translations import TOLERANCE

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

NONE = -1
"""Grain and sublattice of an atom that lies on no lattice."""

_STEPS = np.array([[1, 0], [0, 1], [1, 1], [1, -1]])
_JOINED = 3
_SAME = 0.3  # distances between neighbours within which an atom sits on a site
_LEAST = 0.04  # of the atoms of a grain: fewer do not make a sublattice
_FEWEST = 6
_APART = 1.05  # cells: a sublattice has its neighbours of the others nearer than this


@dataclass(frozen=True, slots=True)
class Indexed:
    """Cell and sublattice of atoms of one grain.

    Parameters
    ----------
    index : array of int, shape (N, 2)
        Cell along a and b; 0 for atoms on no site.
    sublattice : array of int, shape (N,)
        -1 for atoms on no site.
    offsets : array, shape (S, 2)
        Of each sublattice within the cell, in cells; the first is 0, 0.
    """

    index: Integers
    sublattice: Integers
    offsets: Vector


def indexed(positions: Vector, classes: Integers, vectors: Vector, spacing: float) -> Indexed:
    """Give the atoms that lie on a lattice their cell and sublattice.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Of atoms, some of which may lie on other lattices or on none.
    classes : array of int, shape (N,)
        Order sublattices: by the most frequent class of their atoms, then by number of atoms.
    vectors : array, shape (2, 2)
        a and b.
    spacing : float
        Distance between neighbours.
    """
    part, cell = _walked(positions, vectors, spacing)
    sizes = np.bincount(part)
    main = part == np.argmax(sizes)
    seed = _ahead(positions, cell, main, vectors)
    sublattice = np.full(len(positions), NONE)
    index = np.zeros((len(positions), 2), np.int64)
    offsets: list[Vector] = []
    fewest = max(_FEWEST, _LEAST * sizes.max())
    for number in np.argsort(-sizes, kind="stable"):
        if sizes[number] < fewest:
            break
        mine = part == number
        shift = _shift(seed[mine], vectors, spacing)
        if shift is None or not _interleaved(positions[mine], positions[main], vectors):
            continue
        which = _which(shift, offsets, vectors, spacing)
        if which == len(offsets):
            offsets.append(shift - np.floor(shift + 0.25))
        sublattice[mine] = which
        index[mine] = cell[mine] + np.rint(shift - offsets[which]).astype(np.int64)
    if not offsets:
        return Indexed(index, sublattice, np.empty((0, 2)))
    found = _ordered(Indexed(index, sublattice, np.array(offsets)), classes)
    return settled(positions, found, vectors, spacing)


def _walked(positions: Vector, vectors: Vector, spacing: float) -> tuple[Integers, Integers]:
    """Return connected parts (N,), and cells (N, 2) counted within each from some atom of it."""
    edges = [_edges(positions, step @ vectors, spacing) for step in _STEPS]
    one = np.concatenate([first for first, _ in edges])
    other = np.concatenate([second for _, second in edges])
    kind = np.repeat(np.arange(len(_STEPS)), [len(first) for first, _ in edges])
    count = len(positions)
    inner = _regular(one, other, count)
    one, other, kind = one[inner], other[inner], kind[inner]
    steps = np.concatenate([_STEPS, -_STEPS])
    code = np.concatenate([kind, kind + len(_STEPS)]) + 1
    pairs = np.concatenate([one, other]), np.concatenate([other, one])
    # Two steps cannot join the same two atoms: they differ by more than twice the tolerance.
    graph = csr_array(coo_array((code, pairs), shape=(count, count)))
    _, part = connected_components(graph, directed=False)
    _, roots = np.unique(part, return_index=True)
    joined = _with_root(graph, roots)
    _, before = breadth_first_order(joined, count, directed=False)
    before = before[:count]
    lone = before == count
    before = np.where(lone, np.arange(count), before)
    along = np.asarray(graph[before, np.arange(count)]).ravel() - 1
    cell = np.where(lone[:, None], 0, steps[along])
    while (before != before[before]).any():  # sum along the way to the root, doubling its length each time
        cell = cell + cell[before]
        before = before[before]
    return np.asarray(part, np.int64), cell.astype(np.int64)


def _regular(one: Integers, other: Integers, count: int) -> Flags:
    """Choose the pairs between atoms that each have three such neighbours or more.

    Where there is no lattice an atom has one now and then, and a walk over those leads from site to site.
    """
    kept = np.ones(len(one), bool)
    while True:
        joined = np.bincount(one[kept], minlength=count) + np.bincount(other[kept], minlength=count)
        still = kept & (joined[one] >= _JOINED) & (joined[other] >= _JOINED)
        if still.sum() == kept.sum():
            return kept
        kept = still


def _with_root(graph: csr_array, roots: Integers) -> csr_array:
    """Add one atom that all parts hang on, so that one walk visits them all."""
    count = graph.shape[0]
    plain = graph.tocoo()
    rows = np.concatenate([plain.coords[0], np.full(len(roots), count)])
    cols = np.concatenate([plain.coords[1], roots])
    ones = np.ones(len(rows))
    return csr_array(coo_array((ones, (rows, cols)), shape=(count + 1, count + 1)))


def _edges(positions: Vector, step: Vector, spacing: float) -> tuple[Integers, Integers]:
    """Return pairs of atoms that lie a step apart, each atom in at most one as its beginning and its end."""
    found = cKDTree(positions).query(positions + step, distance_upper_bound=TOLERANCE * spacing)
    away, end = np.asarray(found[0]), np.asarray(found[1], np.int64)
    begin = np.flatnonzero(np.isfinite(away))
    order = begin[np.argsort(away[begin], kind="stable")]
    _, first = np.unique(end[order], return_index=True)
    kept = order[first]
    return kept, end[kept]


def _ahead(positions: Vector, cell: Integers, main: Flags, vectors: Vector) -> Vector:
    """Return where each atom lies, in cells, relative to the walk over the largest part, minus its own cell.

    Equal for all atoms of a part that lies on the same lattice.
    """
    nearest = np.flatnonzero(main)[cKDTree(positions[main]).query(positions)[1]]
    inside = (positions - positions[nearest]) @ np.linalg.inv(vectors)
    seed: Vector = inside + cell[nearest] - cell
    return seed


def _shift(seed: Vector, vectors: Vector, spacing: float) -> Vector | None:
    """Return what the atoms of a part agree on; None where they do not, as in a turned grain."""
    middle = np.median(seed, axis=0)
    astray = np.linalg.norm((seed - middle) @ vectors, axis=1)
    return middle if np.median(astray) < _SAME * spacing else None


def _interleaved(positions: Vector, others: Vector, vectors: Vector) -> bool:
    """Whether atoms lie among others, and not beside them as the next grain or domain does."""
    away, _ = cKDTree(others).query(positions)
    return bool(np.mean(away < _APART * np.linalg.norm(vectors, axis=1).max()) > 0.7)


def _which(shift: Vector, offsets: list[Vector], vectors: Vector, spacing: float) -> int:
    for number, offset in enumerate(offsets):
        apart = shift - offset
        if np.linalg.norm((apart - np.rint(apart)) @ vectors) < _SAME * spacing:
            return number
    return len(offsets)


def _ordered(found: Indexed, classes: Integers) -> Indexed:
    """Order sublattices by class and size, and let the first have no offset."""
    number = len(found.offsets)
    sizes = np.bincount(found.sublattice[found.sublattice >= 0], minlength=number)
    usual = [np.bincount(classes[found.sublattice == each]).argmax() for each in range(number)]
    order = np.lexsort((-sizes, usual))
    offsets = found.offsets[order] - found.offsets[order[0]]
    jump = np.floor(offsets + 0.25).astype(np.int64)
    rank = np.argsort(order)
    on = found.sublattice >= 0
    sublattice, index = found.sublattice.copy(), found.index.copy()
    sublattice[on] = rank[sublattice[on]]
    index[on] += jump[sublattice[on]]
    return Indexed(index, sublattice, offsets - jump)


def settled(positions: Vector, found: Indexed, vectors: Vector, spacing: float) -> Indexed:
    """Put atoms that no walk has reached on the free site they lie at, judged from their nearest neighbour.

    Such are dopants of another class, and atoms beside vacancies, at tips and in small islands.
    """
    on, left = np.flatnonzero(found.sublattice >= 0), np.flatnonzero(found.sublattice < 0)
    if len(left) == 0 or len(on) == 0:
        return found
    away, nearest = cKDTree(positions[on]).query(positions[left])
    nearest = on[nearest]
    place = (positions[left] - positions[nearest]) @ np.linalg.inv(vectors)
    place = place + found.index[nearest] + found.offsets[found.sublattice[nearest]]
    apart = place[:, None] - found.offsets
    off = np.linalg.norm((apart - np.rint(apart)) @ vectors, axis=-1)
    which = np.argmin(off, axis=1)
    cell = np.rint(apart[np.arange(len(left)), which]).astype(np.int64)
    best = off[np.arange(len(left)), which]
    fine = (best < _SAME * spacing) & (away < 1.5 * np.linalg.norm(vectors, axis=1).max())
    order = np.flatnonzero(fine)[np.argsort(best[fine], kind="stable")]
    taken = keys(found.index[on], found.sublattice[on])
    wanted = keys(cell[order], which[order])
    _, first = np.unique(wanted, return_index=True)
    kept = order[first][~np.isin(wanted[first], taken)]
    index, sublattice = found.index.copy(), found.sublattice.copy()
    index[left[kept]], sublattice[left[kept]] = cell[kept], which[kept]
    return Indexed(index, sublattice, found.offsets)


def keys(index: Integers, sublattice: Integers) -> Integers:
    """Return one number (N,) for each site, whichever cell and sublattice it is."""
    half = 1 << 20
    found: Integers = ((index[:, 0] + half) * (2 * half) + index[:, 1] + half) * 64 + sublattice
    return found

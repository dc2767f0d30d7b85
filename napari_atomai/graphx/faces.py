"""Rings as the faces of a planar graph.

Every bond is two half-edges. After a half-edge into an atom comes the one that leaves it next in the sense
opposite to that in which angles grow: following them goes around a face. All half-edges are followed at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_atomai.errors import BadOption
from napari_atomai.graphx.bonds import Bonds
from napari_atomai.graphx.crossings import without_crossings
from napari_atomai.graphx.rings import Rings, assembled, corners_of, signed_areas

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

HOLE = 64
"""Largest face that is followed to its end; longer ones are borders."""


@dataclass(frozen=True, eq=False)
class HalfEdges:
    """Half-edges sorted by the atom they leave and by angle, and which one follows each around its face."""

    origin: NDArray[np.int32]
    vectors: Vector
    twin: NDArray[np.int32]
    next: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Orbits:
    """Around each half-edge's face: members (0: more than followed) and its lowest half-edge."""

    size: NDArray[np.int8]
    lowest: NDArray[np.int32]


def face_rings(bonds: Bonds, most: int) -> Rings:
    """Return the inner faces with at most so many members; see `graphx.rings.find_rings`."""
    if bonds.positions.shape[1] != 2:
        raise BadOption(
            "Faces were asked of atoms in space.",
            why="A graph has faces only where it is drawn in a plane.",
            remedy="Give rows and columns only, or take shortest-path rings.",
        )
    kept = _without_tails(bonds)
    notes: tuple[str, ...] = ()
    edges, orbits = _followed(kept)
    if not _is_planar(kept, edges, orbits):
        clean = without_crossings(bonds)
        notes = _on_crossings(len(bonds) - len(clean))
        bonds, kept = clean, _without_tails(clean)
        edges, orbits = _followed(kept)
    if _same_on_both_sides(edges, orbits).any():
        kept = _without_bridges(kept, edges, orbits)
        edges, orbits = _followed(kept)
    tables = []
    for size in range(3, most + 1):
        around = _members(edges, orbits, size)
        vectors = edges.vectors[around]
        inner = (signed_areas(corners_of(vectors), vectors) > 0) & _closed(vectors)
        # Where two rings hang together by one atom, a walk comes by it twice: that is a border, too.
        members = edges.origin[around[inner]].astype(np.int64)
        once = (np.diff(np.sort(members, axis=1), axis=1) > 0).all(axis=1)
        tables.append((members[once], vectors[inner][once]))
    return assembled(bonds, tables, "faces", notes)


def half_edges(bonds: Bonds) -> HalfEdges:
    """Sort the half-edges of bonds in a plane and find what follows each."""
    count = len(bonds)
    origin = bonds.pairs.T.ravel().astype(np.int32)
    vectors = np.concatenate([bonds.vectors, -bonds.vectors])
    order = np.argsort(4.0 * origin + _quadrants(vectors), kind="stable")
    rank = np.empty(2 * count, np.int32)
    rank[order] = np.arange(2 * count, dtype=np.int32)
    twin = rank[(order + count) % max(2 * count, 1)]
    origin, vectors = origin[order], vectors[order]
    number = np.bincount(origin, minlength=len(bonds.positions))
    last = np.cumsum(number) - 1
    target = origin[twin]
    first = (last - number + 1)[target]
    following = np.where(twin == first, last[target], twin - 1).astype(np.int32)
    return HalfEdges(origin, vectors, twin, following)


def _quadrants(vectors: Vector) -> Vector:
    """Return a number from 0 to below 4 that grows with the angle, cheaper than the angle."""
    y, x = vectors[:, 0], vectors[:, 1]
    slope = y / (np.abs(x) + np.abs(y))
    turned: Vector = np.where(x >= 0, np.where(y >= 0, slope, 4 + slope), 2 - slope)
    return np.minimum(turned, 4 - 1e-12)


def _followed(bonds: Bonds) -> tuple[HalfEdges, Orbits]:
    edges = half_edges(bonds)
    count = len(edges.next)
    size = np.zeros(count, np.int8)
    lowest = np.zeros(count, np.int32)
    start = np.arange(count, dtype=np.int32)
    here, low = edges.next, start
    for step in range(1, HOLE + 1):
        closed = here == start
        if closed.any():
            size[start[closed]] = step
            lowest[start[closed]] = low[closed]
            start, here, low = start[~closed], here[~closed], low[~closed]
        low = np.minimum(low, here)
        here = edges.next[here]
    return edges, Orbits(size, lowest)


def _members(edges: HalfEdges, orbits: Orbits, size: int) -> Integers:
    """Return the half-edges (R, size) around all faces of a size."""
    found = np.flatnonzero(orbits.size == size)
    columns = [found[orbits.lowest[found] == found]]
    for _ in range(size - 1):
        columns.append(edges.next[columns[-1]])
    return np.stack(columns, axis=1)


def _closed(vectors: Vector) -> Flags:
    """Tell which walks come back to the same image of the atom where they began."""
    return np.asarray((np.abs(vectors.sum(axis=1)) < 1e-6 * np.abs(vectors).max(initial=1.0)).all(axis=1))


def _labels(edges: HalfEdges) -> Integers:
    """Return which face each half-edge belongs to."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(edges.next)
    graph = coo_array((np.ones(count, np.int8), (np.arange(count), edges.next)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def _border_labels(edges: HalfEdges, orbits: Orbits) -> tuple[Integers, Integers]:
    """Return the half-edges of faces too long to be followed, and which of these faces each belongs to."""
    long = np.flatnonzero(orbits.size == 0)
    place = np.empty(len(edges.next), np.int32)
    place[long] = np.arange(len(long), dtype=np.int32)
    inside = HalfEdges(
        edges.origin[long], edges.vectors[long], long.astype(np.int32), place[edges.next[long]]
    )
    return long, _labels(inside) if len(long) else long


def _same_on_both_sides(edges: HalfEdges, orbits: Orbits) -> Flags:
    """Tell which half-edges have one face on both sides: bridges, which belong to no ring."""
    face = orbits.lowest.astype(np.int64)
    long, label = _border_labels(edges, orbits)
    face[long] = -1 - label
    return np.asarray(face == face[edges.twin])


def _without_bridges(bonds: Bonds, edges: HalfEdges, orbits: Orbits) -> Bonds:
    bridge = _same_on_both_sides(edges, orbits)
    ends = np.stack([edges.origin, edges.origin[edges.twin]], axis=1)[bridge].astype(np.int64)
    count = len(bonds.positions) + 1
    keys = np.unique(ends[:, 0] * count + ends[:, 1])
    return bonds.keep(~np.isin(bonds.pairs[:, 0] * count + bonds.pairs[:, 1], keys))


def _without_tails(bonds: Bonds, rounds: int = 4) -> Bonds:
    """Take off atoms with one bond, a few times over: most bridges go this cheap way."""
    for _ in range(rounds):
        tail = bonds.coordination == 1
        if not tail.any():
            break
        bonds = bonds.keep(~tail[bonds.pairs].any(axis=1))
    return bonds


def _is_planar(bonds: Bonds, edges: HalfEdges, orbits: Orbits) -> bool:
    """Check that bonds do not cross: Euler's formula, and every face turning once around itself."""
    if bonds.cell is None and not _euler_holds(bonds, edges, orbits):
        return False
    turn = _turns(edges)
    for size in range(1, HOLE + 1):
        around = _members(edges, orbits, size)
        if not len(around):
            continue
        vectors = edges.vectors[around]
        shut = _closed(vectors)
        turns = np.rint(turn[around].sum(axis=1) / (2 * np.pi))
        area = signed_areas(corners_of(vectors), vectors)
        if (shut & (np.abs(area) > 1e-9) & (turns != np.sign(area))).any():
            return False
    return True


def _turns(edges: HalfEdges) -> Vector:
    """Return the angle by which a walk turns at the end of each half-edge, within half a turn."""
    one, other = edges.vectors, edges.vectors[edges.next]
    across = one[:, 1] * other[:, 0] - one[:, 0] * other[:, 1]
    turn = np.arctan2(across, np.einsum("ij,ij->i", one, other))
    turn[edges.next == edges.twin] = -np.pi  # the end of a tail goes around its atom on the outside
    return np.asarray(turn)


def _euler_holds(bonds: Bonds, edges: HalfEdges, orbits: Orbits) -> bool:
    """Compare atoms - bonds + faces with twice the pieces, each of which has an outer face of its own."""
    bonded = int((bonds.coordination > 0).sum())
    pieces = int(bonds.pieces().max(initial=-1)) + 1 - (len(bonds.positions) - bonded)
    followed = int(((orbits.lowest == np.arange(len(edges.next))) & (orbits.size > 0)).sum())
    borders = int(_border_labels(edges, orbits)[1].max(initial=-1)) + 1
    return bonded - len(bonds) + followed + borders == 2 * pieces


def _on_crossings(removed: int) -> tuple[str, ...]:
    if not removed:
        return ()
    return (f"{removed} bond(s) crossed shorter ones and were left out, so that rings are faces of a plane.",)

"""Defects: connected groups of rings of unusual size, and foreign atoms, each with a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from napari_atomai.graphx.rings import Rings

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]

NAMES = MappingProxyType(
    {
        (5, 7): "dislocation (5-7)",
        (5, 9): "vacancy (5-9)",
        (12,): "vacancy",
        (14,): "divacancy",
        (5, 5, 8): "divacancy (5-8-5)",
        (5, 5, 5, 7, 7, 7): "divacancy (555-777)",
        (5, 5, 5, 5, 7, 7, 7, 7): "divacancy (5555-6-7777)",
    }
)
"""What groups of ring sizes are called in a honeycomb."""

LOOP = "5-7 loop"
FLOWER = "flower (5-7 loop)"
BOUNDARY = "grain boundary"
SUBSTITUTION = "substitution"
OTHER = "other"

_HONEYCOMB = 6
_RARE = 0.2  # an element with no more than this share of the atoms is foreign
_REACH = 3.5  # ring spacings between dislocations of one boundary
_MANY = 8  # unusual rings in a row make a boundary where defects have no names
_LONG = 3.0  # times as long as wide is a chain
_PER_ROOT_AREA = 1.0746  # distance of neighbouring hexagons over the root of their area


@dataclass(frozen=True, eq=False)
class Defect:
    """One defect.

    Parameters
    ----------
    kind : str
        "Stone-Wales", "vacancy", "grain boundary" ...; "other" where the group of rings has no name.
    signature : str
        Sizes of its rings in rising order, as "5-5-7-7"; foreign elements after them.
    position : array, shape (D,)
        Mean of its rings' centres, in Å.
    extent : float
        Length along its longest direction, from atom to atom, in Å.
    rings, atoms : array of int
        Indices of its rings and of their atoms.
    """

    kind: str
    signature: str
    position: Vector
    extent: float
    rings: Integers
    atoms: Integers


def find_defects(rings: Rings, usual: int = 0) -> list[Defect]:
    """Group rings of unusual size that share bonds, and name the groups.

    Rows of 5-7 dislocations become one grain boundary where they lie within a few rings of each other.

    Parameters
    ----------
    rings : Rings
        Of all sizes.
    usual : int
        Size of the rings of the undisturbed structure; 0 for the most frequent one.

    Returns
    -------
    list of Defect
        Largest first; substitutions last.
    """
    if usual == 0:
        usual = max(rings.counts().items(), key=lambda item: item[1])[0] if len(rings) else _HONEYCOMB
    unusual = rings.sizes != usual
    pairs = rings.neighbours()
    pairs = pairs[unusual[pairs].all(axis=1)]
    groups = _groups(np.flatnonzero(unusual), pairs, len(rings))
    named = [(group, _name(rings.sizes[group], _within(pairs, group), usual)) for group in groups]
    found = [_defect(rings, group, kind) for group, kind in _with_boundaries(rings, named, usual)]
    return sorted(found, key=lambda each: -len(each.rings)) + _substitutions(rings)


def summary(defects: Sequence[Defect]) -> dict[str, int]:
    """How many defects there are of each kind, the most frequent first."""
    return dict(Counter(defect.kind for defect in defects).most_common())


def _groups(chosen: Integers, pairs: Integers, count: int) -> list[Integers]:
    """Return the connected groups among some things, by pairs of them."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not len(chosen):
        return []
    graph = coo_array((np.ones(len(pairs), bool), tuple(pairs.T)), shape=(count, count))
    label = connected_components(graph, directed=False)[1][chosen]
    order = np.argsort(label, kind="stable")
    return np.split(chosen[order], np.flatnonzero(np.diff(label[order])) + 1)


def _within(pairs: Integers, group: Integers) -> Integers:
    return pairs[np.isin(pairs[:, 0], group)]


def _name(sizes: Integers, pairs: Integers, usual: int) -> str:
    """Name a group of rings by their sizes (R,) and by which of them, as pairs, share bonds."""
    signature = tuple(np.sort(sizes).tolist())
    if usual != _HONEYCOMB:
        return OTHER
    if signature == (5, 5, 7, 7):
        return "Stone-Wales" if len(pairs) == 5 else "dislocation pair"
    if signature in NAMES:
        return NAMES[signature]
    counts = Counter(signature)
    degree = np.unique(pairs, return_counts=True)[1]
    paired = set(counts) == {5, 7} and counts[5] == counts[7]
    if paired and len(pairs) == len(sizes) and (degree == 2).all() and len(degree) == len(sizes):
        return FLOWER if counts[5] == 6 else LOOP
    return OTHER if not paired else "dislocations (5-7)"


def _with_boundaries(
    rings: Rings, named: list[tuple[Integers, str]], usual: int
) -> list[tuple[Integers, str]]:
    """Join dislocations in a row to grain boundaries; where defects have no names, many groups of any."""
    from scipy.spatial import cKDTree

    loose = [i for i, (_, kind) in enumerate(named) if kind.startswith("dislocation") or kind == OTHER]
    if len(loose) == 0 or np.isnan(rings.areas).any():
        return named
    member = np.repeat(loose, [len(named[i][0]) for i in loose])
    ring = np.concatenate([named[i][0] for i in loose])
    reach = _REACH * _PER_ROOT_AREA * float(np.sqrt(np.median(rings.areas)))
    near = cKDTree(rings.centres[ring]).query_pairs(reach, output_type="ndarray")
    rows = _groups(np.array(loose), member[near].astype(np.int64), len(named))
    result = [each for i, each in enumerate(named) if i not in set(loose)]
    for row in rows:
        joined = np.concatenate([named[i][0] for i in row])
        counts = Counter(rings.sizes[joined].tolist())
        balanced = min(counts[5], counts[7]) >= 3 and counts[5] + counts[7] >= 0.7 * len(joined)
        if usual != _HONEYCOMB:
            balanced = len(joined) >= _MANY
        if balanced and _elongated(rings.centres[joined]):
            result.append((joined, BOUNDARY))
        else:
            result += [named[i] for i in row]
    return result


def _elongated(points: Vector) -> bool:
    length, width = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)[:2]
    return bool(length > _LONG * width)


def _defect(rings: Rings, group: Integers, kind: str) -> Defect:
    entries = np.isin(rings.ring_of(), group) if len(group) > 50 else None
    parts = [rings.atoms[entries]] if entries is not None else [rings.members(int(ring)) for ring in group]
    atoms = np.unique(np.concatenate(parts))
    centres = _unwrapped(rings.centres[group], rings.bonds.cell)
    signature = "-".join(str(size) for size in np.sort(rings.sizes[group]).tolist())
    foreign = sorted(set(rings.bonds.elements[atoms].tolist()) & set(_foreign(rings)))
    extent = _extent(_unwrapped(rings.bonds.positions[atoms], rings.bonds.cell))
    return Defect(kind, " + ".join([signature, *foreign]), centres.mean(axis=0), extent, group, atoms)


def _extent(points: Vector) -> float:
    centred = points - points.mean(axis=0)
    along = np.linalg.svd(centred, full_matrices=False)[2][0]
    return float(np.ptp(centred @ along))


def _unwrapped(points: Vector, cell: Vector | None) -> Vector:
    """Bring points of a periodic structure to the images nearest to the first."""
    if cell is None:
        return points
    away = points - points[0]
    moved: Vector = points - np.rint(away @ np.linalg.pinv(cell)) @ cell
    return moved


def _foreign(rings: Rings) -> list[str]:
    bonded = rings.bonds.coordination > 0
    kinds, number = np.unique(rings.bonds.elements[bonded], return_counts=True)
    return [str(kind) for kind, n in zip(kinds, number, strict=True) if n <= _RARE * bonded.sum()]


def _substitutions(rings: Rings) -> list[Defect]:
    bonds = rings.bonds
    foreign = np.flatnonzero(np.isin(bonds.elements, _foreign(rings)) & (bonds.coordination > 0))
    count = bonds.coordination
    return [
        Defect(
            SUBSTITUTION,
            f"{bonds.elements[atom]}, {count[atom]} bonds",
            bonds.positions[atom],
            0.0,
            np.flatnonzero(np.isin(np.arange(len(rings)), rings.ring_of()[rings.atoms == atom])),
            np.array([atom]),
        )
        for atom in foreign.tolist()
    ]

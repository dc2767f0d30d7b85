"""Which atoms are bonded: covalent radii, a tolerance for noise, and no more bonds than an element has."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from napari_atomai.errors import BadAtoms, BadOption
from napari_atomai.graphx.joint import jointly
from napari_atomai.graphx.likely import incident, likely
from napari_atomai.graphx.pairs import pairs_within
from napari_atomai.graphx.radii import VALENCES, bond_length, kinds_of, radii_of

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

STRETCH = 1.5
"""How much longer than the sum of the radii a bond of noisy positions may look, where valences allow it."""

_CROWDED = 20.0  # neighbours within a bond length: no structure has as many
_OVERLAP = 0.3  # of the sum of the radii: nearer than this, two positions are those of one atom
_USUAL = (0.75, 1.25)  # of the expected length: the mean bond of a right scale lies within


@dataclass(frozen=True, eq=False)
class Bonds:
    """Atoms and the bonds between them.

    Parameters
    ----------
    positions : array, shape (N, D)
        In Å; row, column in a plane, or any order in space.
    elements : array of str, shape (N,)
        Symbols.
    pairs : array of int, shape (B, 2)
        Indices of bonded atoms.
    vectors : array, shape (B, D)
        From the first atom of a pair to the second, in Å; across a periodic border to the nearest image.
    cell : array, shape (D, D), optional
        Vectors by which the structure repeats.
    notes : tuple of str
        Sentences a person should see.
    """

    positions: Vector
    elements: NDArray[np.str_]
    pairs: Integers
    vectors: Vector
    cell: Vector | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def lengths(self) -> Vector:
        """Length of each bond in Å."""
        lengths: Vector = np.sqrt(np.einsum("ij,ij->i", self.vectors, self.vectors))
        return lengths

    @property
    def coordination(self) -> Integers:
        """How many bonds each atom has."""
        return np.bincount(self.pairs.ravel(), minlength=len(self.positions)).astype(np.int64)

    def keep(self, which: ArrayLike) -> Bonds:
        """Return the bonds chosen by a mask or by indices, with all atoms."""
        index = np.asarray(which)
        return dataclasses.replace(self, pairs=self.pairs[index], vectors=self.vectors[index])

    def pieces(self) -> Integers:
        """Return which connected piece each atom belongs to, the largest being 0."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        count = len(self.positions)
        graph = coo_array((np.ones(len(self), bool), tuple(self.pairs.T)), shape=(count, count))
        _, label = connected_components(graph, directed=False)
        order = np.argsort(-np.bincount(label, minlength=1), kind="stable")
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        return np.asarray(rank[label], np.int64)


def find_bonds(
    positions: ArrayLike,
    elements: str | Sequence[str] | NDArray[np.str_] = "C",
    *,
    tolerance: float = 1.2,
    stretch: float = STRETCH,
    longest: float = 0.0,
    valences: Mapping[str, int] | None = None,
    cell: ArrayLike | None = None,
) -> Bonds:
    """Find the bonds between atoms.

    Two atoms are bonded when they are nearer than `tolerance` times the sum of their covalent radii. Atoms of
    elements with a limit on their bonds keep their nearest ones only, and may have longer bonds, up to
    `stretch` times the sum, while both have bonds to give and no triangle would close: positions measured
    with noise would otherwise lose some (0.12 Å along each axis breaks one bond of graphene in a hundred).

    Parameters
    ----------
    positions : array, shape (N, 2) or (N, 3)
        In Å.
    elements : str, or sequence of str of length N
        Symbol of all atoms, or of each.
    tolerance : float
        Of the sum of the radii, at least 0.5.
    stretch : float
        Of the sum of the radii; no more than `tolerance` for none.
    longest : float
        No bond is longer than this, in Å; 0 for no such limit.
    valences : mapping of str to int, optional
        Most bonds of an element; B, C and N: 3, Si: 4 when left out. An empty mapping for no limits.
    cell : array, shape (D, D), optional
        Vectors (rows) in Å by which the structure repeats; rows of zeros for directions in which it does not.

    Returns
    -------
    Bonds

    Raises
    ------
    BadAtoms
        If positions are not such an array, or not finite.
    BadOption
        If a tolerance is out of range, or the atoms are so near to each other that the scale must be wrong.
    UnknownOption
        If there is no such element.
    """
    where = _checked(positions)
    symbols = np.broadcast_to(np.asarray(elements, dtype=str), (len(where),))
    if tolerance < 0.5 or longest < 0:
        raise BadOption(
            f"A tolerance of {tolerance:g} and a longest bond of {longest:g} Å were asked for.",
            remedy="Give a tolerance of at least 0.5, usually 1.2, and a length of 0 or more.",
        )
    box = None if cell is None else np.asarray(cell, float)
    if len(where) < 2:
        return Bonds(where, symbols, np.empty((0, 2), np.int64), np.empty((0, where.shape[1])), box)
    kinds, which = kinds_of(symbols)
    radii = radii_of(kinds)[which]
    limits = _limits(kinds, VALENCES if valences is None else valences)[which]
    reach = 2 * radii.max() * max(tolerance, stretch if np.isfinite(limits).any() else 0.0)
    reach = min(reach, longest) if longest else reach
    tree = cKDTree(where)
    _check_density(tree, reach, kinds[0])
    pairs, vectors = pairs_within(where, reach, box, tree)
    relative = np.sqrt(np.einsum("ij,ij->i", vectors, vectors)) / (radii[pairs[:, 0]] + radii[pairs[:, 1]])
    pairs, relative, vectors, twice = _without_doubles(pairs, relative, vectors, len(where))
    both_limited = np.isfinite(limits)[pairs].all(axis=1)
    near = relative <= np.where(both_limited, max(stretch, tolerance), tolerance)
    pairs, relative, vectors = pairs[near], relative[near], vectors[near]
    kept = likely(pairs, relative, vectors, limits, tolerance)
    kept = jointly(pairs, relative, vectors, limits, kept)
    bonds = Bonds(where, symbols, pairs[kept], vectors[kept], box)
    return dataclasses.replace(bonds, notes=(*_on_doubles(twice), *_on_scale(bonds, kinds, which)))


def _checked(positions: ArrayLike) -> Vector:
    where = np.asarray(positions, dtype=np.float64)
    if where.size == 0:
        where = where.reshape(0, where.shape[-1] if where.ndim == 2 and where.shape[-1] else 2)
    if where.ndim != 2 or where.shape[1] not in (2, 3):
        raise BadAtoms(f"Positions have shape {where.shape}.", remedy="Give (N, 2) or (N, 3), in Å.")
    lost = int((~np.isfinite(where)).any(axis=1).sum())
    if lost:
        raise BadAtoms(
            f"{lost} of {len(where)} positions are not finite.", remedy="Leave those atoms out first."
        )
    return where


def _limits(kinds: Sequence[str], valences: Mapping[str, int]) -> Vector:
    return np.array([valences.get(kind, np.inf) for kind in kinds], float)


def _check_density(tree: cKDTree, reach: float, element: str) -> None:
    """Refuse positions so dense that looking for bonds would take for ever and mean nothing."""
    sample = tree.data[:: max(tree.n // 500, 1)]
    crowd = float(np.mean(tree.query_ball_point(sample, reach, return_length=True))) - 1
    if crowd <= _CROWDED:
        return
    nearest = float(np.median(np.asarray(tree.query(sample, k=[2])[0])))
    usual = bond_length(element, element)
    raise BadOption(
        f"An atom has {crowd:.0f} others within {reach:.2f} Å; the nearest lies at {nearest:.3g} Å, where "
        f"{element}-{element} bonds measure {usual:.3g} Å.",
        why="The scale must be wrong, or these are no atoms of that element.",
        remedy="Calibrate the image, or let the scale be estimated from the known bond length.",
    )


def _without_doubles(
    pairs: Integers, relative: Vector, vectors: Vector, count: int
) -> tuple[Integers, Vector, Vector, int]:
    """Leave out the second of two positions of one atom, with all its pairs."""
    second = np.zeros(count, bool)
    second[pairs[relative < _OVERLAP, 1]] = True
    if not second.any():
        return pairs, relative, vectors, 0
    alone = ~second[pairs].any(axis=1)
    return pairs[alone], relative[alone], vectors[alone], int(second.sum())


def neighbour_table(pairs: Integers, count: int) -> Integers:
    """Return the neighbours of each atom, shape (N, most), filled up with -1."""
    return incident(pairs, np.ones(len(pairs), bool), count)[0]


def _on_doubles(twice: int) -> tuple[str, ...]:
    if not twice:
        return ()
    return (
        f"{twice} position(s) lie so near to another that both must be the same atom: the later of each two "
        "was left without bonds.",
    )


def _on_scale(bonds: Bonds, kinds: Sequence[str], which: Integers) -> tuple[str, ...]:
    if not len(bonds):
        return ("No two atoms are near enough for a bond: check the scale and the elements.",)
    known = np.array([[bond_length(one, other) for other in kinds] for one in kinds])
    expected = known[which[bonds.pairs[:, 0]], which[bonds.pairs[:, 1]]]
    ratio = float(np.median(bonds.lengths / expected))
    if _USUAL[0] <= ratio <= _USUAL[1]:
        return ()
    return (
        f"Bonds measure {ratio:.2f} times what is known of these elements: the scale is probably wrong by "
        "that factor.",
    )

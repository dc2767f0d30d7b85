"""Which of the bonds that noisy positions allow are likely: no triangles, no surplus, no odd angles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

_FIRM = 1.1  # of the sum of the radii: a side of a triangle no longer than this is believed ...
_NEAR = 1.25  # unless both its ends have more neighbours within this than they may have
_BENT = np.deg2rad(37)  # how far the gaps at both ends of a stretched bond may lie aside of it, to one side
_OFF = np.deg2rad([40, 15])  # the same where only one end has a gap: at a ...
_AT = (1.2, 1.5)  # ... length over the sum of radii of these


def likely(pairs: Integers, relative: Vector, vectors: Vector, limits: Vector, tolerance: float) -> Flags:
    """Tell which candidates are bonds.

    Second neighbours that noise brought together close triangles, whose longest side goes. Atoms keep the
    nearest of what is left, as many as they may have. A stretched bond stays only where it points into the
    gap that the others of both its ends leave, as it would not across a vacancy; and one that was the longest
    side of a triangle comes back where nothing took its place.

    Parameters
    ----------
    pairs, relative, vectors
        Candidates: atoms (P, 2), length over the sum of radii (P,), and vector (P, D).
    limits : array, shape (N,)
        Most bonds of each atom; infinite for no limit.
    tolerance : float
        Bonds longer than this, relatively, are stretched.

    Returns
    -------
    array of bool, shape (P,)
    """
    doubtful = np.isfinite(limits)[pairs].all(axis=1)
    near = np.bincount(pairs[relative <= _NEAR].ravel(), minlength=len(limits))
    asked = (relative > _FIRM) | (near > limits)[pairs].all(axis=1)
    third = doubtful & _closes_triangle(pairs, relative, asked, np.ones(len(pairs), bool))
    kept = ~third
    kept[kept] = within_valence(pairs[kept], relative[kept], limits)
    stretched = np.flatnonzero(kept & (relative > tolerance))
    kept[stretched[_points_aside(pairs, relative, vectors, kept, stretched)]] = False
    return kept | _second_chance(pairs, relative, vectors, limits, kept)


def _second_chance(pairs: Integers, relative: Vector, vectors: Vector, limits: Vector, kept: Flags) -> Flags:
    count = np.bincount(pairs[kept].ravel(), minlength=len(limits))
    free = (count < limits)[pairs].all(axis=1) & np.isfinite(limits)[pairs].all(axis=1) & ~kept
    back = free & ~_closes_triangle(pairs, np.ones(len(pairs)), free, kept)
    chosen = np.flatnonzero(back)
    chosen = chosen[~_points_aside(pairs, relative, vectors, kept, chosen)]
    room = np.where(np.isfinite(limits), limits - count, np.inf)
    back = np.zeros(len(pairs), bool)
    back[chosen[within_valence(pairs[chosen], relative[chosen], room)]] = True
    return back


def within_valence(pairs: Integers, relative: Vector, limits: Vector) -> Flags:
    """Tell which bonds are among the nearest that both atoms may have."""
    count = np.bincount(pairs.ravel(), minlength=len(limits))
    kept = np.ones(len(pairs), bool)
    some = np.flatnonzero((count > limits)[pairs].any(axis=1))
    atoms, bond = pairs[some].ravel(), np.repeat(some, 2)
    order = np.lexsort((relative[bond], atoms))
    atoms, bond = atoms[order], bond[order]
    # Ranks are right for overfull atoms only, all of whose bonds are among these.
    rank = np.arange(len(atoms)) - np.searchsorted(atoms, atoms)
    kept[bond[(rank >= limits[atoms]) & (count > limits)[atoms]]] = False
    return kept


def incident(pairs: Integers, chosen: Flags, count: int) -> tuple[Integers, Integers]:
    """Return each atom's neighbours by chosen bonds, and these, shape (N, most), filled up with -1."""
    index = np.flatnonzero(chosen)
    ends = np.concatenate([pairs[index], pairs[index][:, ::-1]])
    bond = np.concatenate([index, index])
    order = np.argsort(ends[:, 0], kind="stable")
    ends, bond = ends[order], bond[order]
    number = np.bincount(ends[:, 0], minlength=count)
    column = np.arange(len(ends)) - (np.cumsum(number) - number)[ends[:, 0]]
    shape = (count, max(int(number.max(initial=0)), 1))
    neighbours, bonds = np.full(shape, -1, np.int64), np.full(shape, -1, np.int64)
    neighbours[ends[:, 0], column], bonds[ends[:, 0], column] = ends[:, 1], bond
    return neighbours, bonds


def _closes_triangle(pairs: Integers, length: Vector, asked: Flags, among: Flags) -> Flags:
    """Tell which of the pairs asked for close a triangle with two others that are no longer."""
    closes = np.zeros(len(pairs), bool)
    which = np.flatnonzero(asked)
    if not len(which):
        return closes
    count = int(pairs.max()) + 1
    touched = np.zeros(count, bool)
    touched[pairs[which]] = True
    neighbours, bonds = incident(pairs, among & touched[pairs].any(axis=1), count)
    one, other = neighbours[pairs[which, 0]][:, :, None], neighbours[pairs[which, 1]][:, None, :]
    sides = length[bonds[pairs[which, 0]]][:, :, None], length[bonds[pairs[which, 1]]][:, None, :]
    shared = (one == other) & (one >= 0) & (np.maximum(*sides) <= length[which][:, None, None])
    closes[which] = shared.any(axis=(1, 2))
    return closes


def _points_aside(pairs: Integers, relative: Vector, vectors: Vector, kept: Flags, which: Integers) -> Flags:
    """Tell which bonds point aside of the gaps that the others of their ends leave.

    Noise turns the gaps of both ends of a bond to opposite sides as often as to the same. Two atoms at the
    rim of a vacancy have theirs towards its middle, both on one side of the line between them: 60 degrees.
    """
    if not len(which):
        return np.zeros(0, bool)
    touched = np.zeros(int(pairs.max()) + 1, bool)
    touched[pairs[which]] = True
    _, bonds = incident(pairs, kept & touched[pairs].any(axis=1), len(touched))
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    off = np.stack([_off(pairs, unit, bonds, which, end) for end in (0, 1)])
    known = np.asarray(np.isfinite(off).all(axis=2))
    together = np.linalg.norm(np.where(known[:, :, None], off, 0.0).sum(axis=0), axis=1)
    return np.asarray(together > np.where(known.all(axis=0), _BENT, np.interp(relative[which], _AT, _OFF)))


def _off(pairs: Integers, unit: Vector, bonds: Integers, which: Integers, end: int) -> Vector:
    """Return the angle from bonds, as they leave one end, to the gap that its others leave; NaN: not two.

    As vectors (K, D) across the bonds: they tell the side.
    """
    atom = pairs[which, end]
    around = bonds[atom]
    others = (around >= 0) & (around != which[:, None])
    sense = np.where(pairs[around, 0] == atom[:, None], 1.0, -1.0)
    gap = -(unit[around] * (sense * others)[:, :, None]).sum(axis=1)
    leaving = unit[which] * (1 if end == 0 else -1)
    along = np.einsum("ij,ij->i", gap, leaving)
    across = gap - along[:, None] * leaving
    aside = np.linalg.norm(across, axis=1)
    angle = np.arctan2(aside, along) / np.maximum(aside, 1e-12)
    sure = (others.sum(axis=1) == 2) & (np.hypot(aside, along) > 0.3)
    return np.where(sure[:, None], angle[:, None] * across, np.nan)

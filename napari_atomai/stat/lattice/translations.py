"""Vectors that bring a pattern of atoms onto itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, Delaunay, QhullError, cKDTree

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

TOLERANCE = 0.22
"""How far from its place an atom may lie, in distances between neighbours."""

_REACH = 6.0  # longest vector tried, in distances between neighbours: cells of up to about 20 columns
_SAMPLE = 2000
_BIN = 0.1
_MOST = 80
_ALIKE = 0.85  # a lattice vector is obeyed by nearly as many atoms as the best one
_FEWEST = 0.4  # of the atoms; in random patterns some 4 % obey any vector
_NEIGHBOURS = 40
_BEST_PART = 85  # percentile
_IN_LINE = 0.4
_STRETCH = 0.08


@dataclass(frozen=True, slots=True)
class Shares:
    """Vectors between atoms, shortest first, and how well each is obeyed around each atom of a sample.

    Parameters
    ----------
    vectors : array, shape (K, 2)
    around : array, shape (K, M)
        Share, among the atoms around each of M atoms, of those that the vector leads to an atom of the same
        class; atoms that it leads out of the pattern do not count.
    """

    vectors: Vector
    around: Vector

    def among(self, atoms: Flags) -> Vector:
        """Return the share (K,) in that part of the chosen atoms where each vector is obeyed best.

        Grains obey their own vectors one beside the other, each fully; sublattices, among each other, a
        vector that is no lattice vector everywhere in part. The best part tells both apart.
        """
        if not atoms.any():
            return np.zeros(len(self.vectors))
        return np.asarray(np.percentile(self.around[:, atoms], _BEST_PART, axis=1), np.float64)


def lattice_vectors(positions: Vector, classes: Integers, spacing: float) -> Vector | None:
    """Return the shortest two vectors that bring the pattern, or a large part of it, onto itself.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Of atoms of any number of sublattices, or grains.
    classes : array of int, shape (N,)
        Atoms are brought onto atoms of their own class. Zeros: of any.
    spacing : float
        Distance between neighbours.

    Returns
    -------
    array, shape (2, 2)
        a, which points to the right within 45 degrees where it can, and b, clockwise from it; None where
        there are none.
    """
    shares = _shares(positions, classes, spacing)
    first = shares.among(np.ones(shares.around.shape[1], bool))
    if len(first) == 0 or first.max() < _FEWEST:
        return None
    a = int(np.argmax(first >= _ALIKE * first.max()))
    # Only atoms that obey a are asked about b: in a polycrystal both must be of one grain.
    second = shares.among(shares.around[a] >= _ALIKE * first[a])
    across = shares.vectors @ _turned(shares.vectors[a]) / np.linalg.norm(shares.vectors[a])
    second = np.where(np.abs(across) > _IN_LINE * spacing, second, 0.0)
    if second.max() < _FEWEST:
        return None
    b = int(np.argmax(second >= _ALIKE * second.max()))
    return reduced(shares.vectors[[a, b]])


def agreeing(
    positions: Vector, classes: Integers, vectors: Vector, spacing: float
) -> tuple[Integers, Integers]:
    """Return, for each vector (K, 2), how many atoms it leads to one of the same class, and to any."""
    tree, count = cKDTree(positions), len(positions)
    ends = positions + vectors[:, None]
    found = np.asarray(tree.query(ends, distance_upper_bound=TOLERANCE * spacing)[1], np.int64)
    there = found < count
    same = there & (classes[np.minimum(found, count - 1)] == classes)
    return same.sum(axis=1), there.sum(axis=1)


def reduced(vectors: Vector) -> Vector:
    """Return the shortest vectors of the same lattice (Lagrange and Gauss), in their usual order."""
    a, b = sorted(vectors, key=lambda vector: float(vector @ vector))
    while True:
        b = b - np.rint(a @ b / (a @ a)) * a
        if b @ b >= a @ a * (1 - 1e-9):
            break
        a, b = b, a
    if abs(b[1]) * np.linalg.norm(a) > abs(a[1]) * np.linalg.norm(b) * (1 + 1e-6):
        a, b = b, a
    a = a if a[1] > 0 or (a[1] == 0 and a[0] > 0) else -a
    b = b if a[1] * b[0] - a[0] * b[1] > 0 else -b
    # Of b and b - a, equally long in a hexagonal lattice, the one that is not sharper than a right angle.
    other = b - np.sign(a @ b) * a
    if a @ b > 0 and other @ other <= (b @ b) * 1.02 and a[1] * other[0] - a[0] * other[1] > 0:
        b = other
    return np.stack([a, b])


def alike(vectors: Vector, reference: Vector) -> Vector:
    """Return vectors of the same lattice, turned against `reference` as little as its symmetry allows."""
    best, least = vectors, np.inf
    steps = [np.array(step) for step in np.ndindex(3, 3)]
    for one in steps:
        for other in steps:
            pair = np.stack([one - 1, other - 1]) @ vectors
            if np.linalg.det(pair / np.linalg.norm(vectors, axis=1)) * np.linalg.det(vectors) < 1e-3:
                continue
            turn, stretch = _compared(pair, reference)
            if stretch < _STRETCH and abs(turn) < least - 1e-6:
                best, least = pair, abs(turn)
    return best


def _compared(pair: Vector, reference: Vector) -> tuple[float, float]:
    """Return by which angle one pair of vectors is turned against another, and how far it is deformed."""
    change = np.linalg.solve(reference, pair)
    u, sizes, v = np.linalg.svd(change)
    turn = u @ v
    return float(np.arctan2(turn[0, 1] - turn[1, 0], np.trace(turn))), float(np.abs(sizes - 1).max())


def _turned(vector: Vector) -> Vector:
    return np.array([-vector[1], vector[0]])


def _shares(positions: Vector, classes: Integers, spacing: float) -> Shares:
    rng = np.random.default_rng(0)
    count = len(positions)
    sample = np.arange(count) if count <= _SAMPLE else np.sort(rng.choice(count, _SAMPLE, replace=False))
    tree = cKDTree(positions)
    near = cKDTree(positions[sample]).sparse_distance_matrix(tree, _REACH * spacing, output_type="ndarray")
    alike = (near["v"] > 0.5 * spacing) & (classes[sample][near["i"]] == classes[near["j"]])
    apart = positions[near["j"][alike]] - positions[sample][near["i"][alike]]
    vectors = _peaks(np.concatenate([apart, -apart]), spacing)
    if len(vectors) == 0:
        return Shares(vectors, np.empty((0, len(sample))))
    inside = _inside(positions)
    obeyed, judged = np.zeros((2, len(vectors), len(sample)), bool)
    trees = [cKDTree(positions[classes == each]) for each in range(int(classes.max(initial=0)) + 1)]
    for number, vector in enumerate(vectors):
        there = positions[sample] + vector
        judged[number] = inside(there) & np.isfinite(tree.query(there, distance_upper_bound=2 * spacing)[0])
        for each, own in enumerate(trees):
            mine = classes[sample] == each
            if own.n and mine.any():
                found = own.query(there[mine], distance_upper_bound=TOLERANCE * spacing)[0]
                obeyed[number, mine] = np.isfinite(found)
    return Shares(vectors, _around(positions[sample], obeyed & judged, judged))


def _around(positions: Vector, obeyed: Flags, judged: Flags) -> Vector:
    """Return the share of the judged atoms around each atom that obey; 0 where hardly any is judged."""
    if len(positions) <= _NEIGHBOURS:
        near = np.zeros((len(positions), 1), np.int64) + np.arange(len(positions))
    else:
        near = np.asarray(cKDTree(positions).query(positions, k=_NEIGHBOURS)[1], np.int64)
    known = np.stack([row[near].sum(axis=1) for row in judged])
    held = np.stack([row[near].sum(axis=1) for row in obeyed])
    return np.where(known >= 0.2 * near.shape[1], held / np.maximum(known, 1), 0.0)


def _peaks(apart: Vector, spacing: float) -> Vector:
    """Return where differences (P, 2) between atoms gather, one of each pair of opposites, shortest first."""
    edges = np.arange(-_REACH - _BIN, _REACH + 1.5 * _BIN, _BIN) * spacing
    counts = ndimage.gaussian_filter(np.histogram2d(apart[:, 0], apart[:, 1], bins=[edges, edges])[0], 1.0)
    highest = (ndimage.maximum_filter(counts, size=5) == counts) & (counts > 0.05 * counts.max(initial=0.0))
    rows, cols = np.nonzero(highest)
    best = np.argsort(-counts[rows, cols], kind="stable")[:_MOST]
    vectors = np.stack([edges[rows[best]], edges[cols[best]]], axis=1) + 0.5 * _BIN * spacing
    half = (vectors[:, 1] > 1e-9) | ((np.abs(vectors[:, 1]) <= 1e-9) & (vectors[:, 0] > 0))
    vectors = vectors[half]
    if not len(apart) or not len(vectors):
        return np.empty((0, 2))
    tree = cKDTree(apart)
    for _ in range(2):
        close = tree.query_ball_point(vectors, TOLERANCE * spacing)
        means = [apart[some].mean(axis=0) if some else old for some, old in zip(close, vectors, strict=True)]
        vectors = np.array(means)
    return np.asarray(vectors[np.argsort(np.hypot(*vectors.T), kind="stable")])


def _inside(positions: Vector) -> Callable[[Vector], Flags]:
    """Return a function that tells which places lie within the outermost atoms."""
    try:
        hull = Delaunay(positions[ConvexHull(positions).vertices])
    except QhullError:  # all on one line
        return lambda places: np.zeros(len(places), bool)
    return lambda places: np.asarray(hull.find_simplex(places) >= 0)

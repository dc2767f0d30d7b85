"""Compare what was found with what is there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

from napari_atomai.simulate.scenes import TrainingPair

Vector = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Tally:
    """Hits, false alarms and misses."""

    hits: int
    false: int
    missed: int

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.hits + other.hits, self.false + other.false, self.missed + other.missed)

    @property
    def precision(self) -> float:
        """Share of what was found that is there; 1 when nothing was found."""
        found = self.hits + self.false
        return self.hits / found if found else 1.0

    @property
    def recall(self) -> float:
        """Share of what is there that was found; 1 when nothing is there."""
        there = self.hits + self.missed
        return self.hits / there if there else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = 2 * self.hits + self.false + self.missed
        return 2 * self.hits / total if total else 1.0


def match(found: Vector, true: Vector, within: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair found with true positions one to one, as many as possible, none further apart than `within`.

    Parameters
    ----------
    found, true : arrays, shape (N, 2) and (M, 2)
        Row, column.
    within : float
        Largest distance of a pair.

    Returns
    -------
    of_found, of_true : arrays of int, shape (K,)
        Indices of the pairs.
    """
    gaps = cKDTree(found.reshape(-1, 2)).sparse_distance_matrix(
        cKDTree(true.reshape(-1, 2)), within, output_type="ndarray"
    )
    # Each found position may also stay alone, at a price above that of any pair.
    alone = np.arange(len(found))
    rows = np.concatenate([gaps["i"], alone])
    columns = np.concatenate([gaps["j"], len(true) + alone])
    # Prices must not be 0, which a sparse matrix takes for "no edge".
    prices = np.concatenate([gaps["v"] / within + 1e-6, np.full(len(found), 1e3)])
    shape = (len(found), len(true) + len(found))
    if len(found) == 0:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    one, other = min_weight_full_bipartite_matching(coo_array((prices, (rows, columns)), shape=shape))
    paired = other < len(true)
    return one[paired].astype(np.int64), other[paired].astype(np.int64)


def judged(found: Vector, pair: TrainingPair, within: float = 4.0) -> tuple[Flags, Flags]:
    """Say which of the positions found in a training image are true, and which count at all.

    What lies where nobody could say, or on the border, where discs of columns just outside reach in, counts
    neither way.

    Returns
    -------
    true, counts : arrays of bool, shape (N,)
    """
    of_found, _ = match(found, pair.positions, within)
    true = np.zeros(len(found), bool)
    true[of_found] = True
    shape = np.array(pair.weight.shape)
    where = np.clip(np.round(found).astype(int), 0, shape - 1)
    certain = pair.weight[where[:, 0], where[:, 1]] > 0
    inside = ((found > 1) & (found < shape - 2)).all(axis=1)
    return true, true | (certain & inside)


def tally(found: Vector, pair: TrainingPair, within: float = 4.0) -> Tally:
    """Count hits against a training image; what lies where nobody could say counts neither way."""
    true, counts = judged(found, pair, within)
    hits = int(true.sum())
    return Tally(hits, int((counts & ~true).sum()), len(pair.positions) - hits)

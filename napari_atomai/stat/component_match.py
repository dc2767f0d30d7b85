"""Which components of two decompositions of the same samples tell the same."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from napari_atomai.errors import BadOption


def match_components(one: ArrayLike, other: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find for each component of one decomposition its partner in another, by how loadings go together.

    Pairs are chosen one to one so that the sum of the absolute correlations is largest.

    Parameters
    ----------
    one, other : array, shape (N, K) and (N, L)
        Loadings of the same samples.

    Returns
    -------
    partner : array of int, shape (K,)
        Number of the component of `other`; -1 where there are too few of them.
    correlation : array, shape (K,)
        Pearson's, with its sign; NaN without a partner, 0 where a loading is the same everywhere.

    Raises
    ------
    BadOption
        If the numbers of samples differ, or there are less than two.
    """
    first, second = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if len(first) != len(second) or len(first) < 2:
        raise BadOption(
            f"{len(first)} samples cannot be compared with {len(second)}.",
            why="Loadings are compared sample by sample.",
            remedy="Compare two decompositions of the same windows.",
        )
    strength = _standard(first).T @ _standard(second) / len(first)
    rows, columns = linear_sum_assignment(-np.abs(strength))
    partner = np.full(first.shape[1], -1, np.int64)
    correlation = np.full(first.shape[1], np.nan)
    partner[rows], correlation[rows] = columns, strength[rows, columns]
    return partner, correlation


def shared_rows(one: ArrayLike, other: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which rows of two tables (N, D) and (M, D) are the same, as indices into each.

    No row may be twice in a table.
    """
    tables = [np.ascontiguousarray(np.asarray(table, np.float64)) for table in (one, other)]
    form: Any = [(f"f{i}", np.float64) for i in range(tables[0].shape[1])]
    here, there = (table.view(form).ravel() for table in tables)
    _, first, second = np.intersect1d(here, there, return_indices=True)
    return np.asarray(first, np.int64), np.asarray(second, np.int64)


def _standard(loadings: NDArray[Any]) -> NDArray[np.float64]:
    away = loadings - loadings.mean(axis=0)
    spread = away.std(axis=0)
    result: NDArray[np.float64] = np.divide(away, spread, out=np.zeros_like(away), where=spread > 0)
    return result

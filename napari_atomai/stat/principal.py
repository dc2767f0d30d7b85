"""Principal components of samples in memory, or read block by block."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.stat.rows import Rows

Matrix = NDArray[Any]

_SPARE = 10  # directions that are followed beyond those asked for, so that the last is exact, too
_WIDER, _PASSES = 6, 4  # the same of a block of Krylov's, and how many blocks
_TALL = 10  # times as many samples as features, from which on the covariance is cheaper than the table
_TOGETHER = 128  # rows that are multiplied at once: they stay in the cache


@dataclass(frozen=True, eq=False)
class Principal:
    """The strongest directions of samples (N, F).

    Parameters
    ----------
    axes : array, shape (K, F)
        Of unit length, at right angles; the strongest first.
    scores : array, shape (N, K)
        How far each sample reaches along them.
    mean : array, shape (F,)
    total : float
        Sum of squares of all samples about the mean.
    """

    axes: Matrix
    scores: Matrix
    mean: Matrix
    total: float


def principal(rows: Rows, count: int, seed: int = 1) -> Principal:
    """Return the strongest directions of samples.

    Large tables by a block Krylov method (Musco and Musco, arXiv:1504.05477), small ones exactly, dask arrays
    by incremental PCA.

    Parameters
    ----------
    rows : Rows
        N samples of F features.
    count : int
        How many directions, at most the smaller of N and F.
    seed : int
        Of the directions that are begun with.
    """
    rows = rows.settled()
    if rows.lazy:
        return _incremental(rows, count)
    if 2 * _PASSES * (count + _WIDER) > min(rows.shape):
        return _exact(rows.values, count)
    return _krylov(rows.values, count, seed)


def _krylov(table: Matrix, count: int, seed: int) -> Principal:
    mean = table.mean(axis=0, dtype=np.float64).astype(table.dtype)
    rng = np.random.default_rng(seed)
    block = rng.standard_normal((table.shape[1], count + _WIDER)).astype(table.dtype)
    basis: list[Matrix] = []
    for _ in range(_PASSES):
        block, _ = np.linalg.qr(_power(table, mean, block))
        basis.append(block)
    kept, _ = np.linalg.qr(np.concatenate(basis, axis=1))
    seen = np.concatenate([away @ kept for away in _centred(table, mean)])
    _, turns = np.linalg.eigh((seen.T @ seen).astype(np.float64))
    chosen = turns[:, : -count - 1 : -1].astype(table.dtype)
    return Principal((kept @ chosen).T, seen @ chosen, mean, _total(table, mean))


def _power(table: Matrix, mean: Matrix, block: Matrix) -> Matrix:
    """Return covariance @ block, but for a factor, in one reading of the table."""
    result = np.zeros(block.shape[::-1], table.dtype)
    for away in _centred(table, mean):
        # The narrow matrix is turned, not the samples: several times faster for a table stored by rows.
        result += np.ascontiguousarray((away @ block).T) @ away
    return result.T


def _centred(table: Matrix, mean: Matrix) -> Iterator[Matrix]:
    for low in range(0, len(table), _TOGETHER):
        yield table[low : low + _TOGETHER] - mean


def _exact(table: Matrix, count: int) -> Principal:
    from sklearn.decomposition import PCA

    solver = "covariance_eigh" if len(table) >= _TALL * table.shape[1] else "full"
    model = PCA(count, svd_solver=solver)
    scores = model.fit_transform(table)
    return Principal(model.components_, scores, model.mean_, _total(table, model.mean_))


def _total(table: Matrix, mean: Matrix) -> float:
    return sum(float(np.einsum("ij,ij->i", a, a).sum(dtype=np.float64)) for a in _centred(table, mean))


def _incremental(rows: Rows, count: int) -> Principal:
    from sklearn.decomposition import IncrementalPCA

    model = IncrementalPCA(min(count + _SPARE, *rows.shape))
    for block in _filled_blocks(rows, model.n_components):
        model.partial_fit(block)
    axes, mean, total = model.components_[:count], model.mean_, 0.0
    scores = np.empty((rows.shape[0], count))
    for part, block in rows.blocks():
        away = block - mean
        scores[part] = away @ axes.T
        total += float((away**2).sum(dtype=np.float64))
    return Principal(axes, scores, mean, total)


def _filled_blocks(rows: Rows, least: int) -> Generator[Matrix, None, None]:
    """Yield blocks of at least so many rows each: an incremental PCA needs as many as components."""
    kept: list[Matrix] = []
    for _, block in rows.blocks():
        kept.append(block)
        if sum(map(len, kept)) >= 2 * least:
            joined = np.concatenate(kept)
            yield joined[:-least]
            kept = [joined[-least:]]
    yield np.concatenate(kept)

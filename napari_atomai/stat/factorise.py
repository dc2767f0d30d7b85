"""Non-negative factors of samples, by accelerated hierarchical least squares."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.progress import Progress
from napari_atomai.errors import BadImage
from napari_atomai.stat.rows import Rows, lowest_of

Matrix = NDArray[Any]

CYCLES = 1000
_SWEEPS = 4  # of the small problem for each pass over the samples, which costs most
_LOOK_BACK, _LAST = 10, 3  # cycles over which the error must still have sunk: projected, and of the samples
_TOLERANCE = 1e-5  # of the error, by which a cycle must lower it
_SPARE = 10  # directions that are followed beyond those asked for
_TINY = 1e-12


def factorising(
    rows: Rows, count: int, seed: int = 1, cycles: int = CYCLES, *, offset: float = 0.0
) -> Generator[Progress, None, tuple[Matrix, Matrix, float, bool]]:
    """Find loadings and components, none negative, whose product is nearest to the samples.

    Alternating passes with several cheap sweeps for each product with the samples (accelerated HALS, Gillis
    and Glineur, 10.1162/NECO_a_00256), begun from the singular vectors (NNDSVD, Boutsidis and Gallopoulos,
    10.1016/j.patcog.2007.09.010), so that the result depends on the samples and hardly on the seed. Most
    cycles are done on the samples projected onto their strongest directions, where they cost little (Tepper
    and Sapiro, 10.1109/TSP.2016.2516971); the last ones, until nothing sinks, on the samples themselves.

    Parameters
    ----------
    rows : Rows
        None negative.
    count : int
        How many components.
    seed : int
        Of the singular vectors, which are found by random projection.
    cycles : int
        Most passes over the projection, and over the samples.
    offset : float
        What was added to the samples already, for the words about negative ones.

    Yields
    ------
    Progress
        The relative error after each pass.

    Returns
    -------
    loadings : array, shape (N, count)
    components : array, shape (count, F)
    error : float
        Norm of what remains, relative to that of the samples.
    converged : bool

    Raises
    ------
    BadImage
        If samples are negative, or all are zero.
    """
    _check(rows, offset)
    rows = rows.settled()
    whole = rows.squared()
    sketch = _projected(rows, count, seed)
    factors = _begun(sketch, count)
    factors, _, _ = yield from _cycling(sketch, whole, factors, cycles, _LOOK_BACK)
    (loadings, components), error, converged = yield from _cycling(rows, whole, factors, cycles, _LAST)
    return loadings, components, error, converged


class Table(Protocol):
    """What is factorised: samples (N, F), or what stands for them."""

    def times(self, matrix: Matrix) -> Matrix:
        """Return samples @ matrix, for a matrix (F, K)."""
        ...

    def turned_times(self, matrix: Matrix) -> Matrix:
        """Return samples.T @ matrix, for a matrix (N, K)."""
        ...


@dataclass(frozen=True, eq=False)
class _Sketch:
    """Samples projected onto their strongest directions: scores (N, w) times axes (w, F)."""

    scores: Matrix
    axes: Matrix

    def times(self, matrix: Matrix) -> Matrix:
        result: Matrix = self.scores @ (self.axes @ matrix)
        return result

    def turned_times(self, matrix: Matrix) -> Matrix:
        result: Matrix = ((matrix.T @ self.scores) @ self.axes).T
        return result


def _cycling(
    table: Table, whole: float, factors: tuple[Matrix, Matrix], cycles: int, look_back: int
) -> Generator[Progress, None, tuple[tuple[Matrix, Matrix], float, bool]]:
    """Better loadings and components in turns until the error sinks no more."""
    loadings, components = factors
    errors: list[float] = []
    converged = False
    while len(errors) < cycles and not converged:
        loadings = _swept(loadings, table.times(components.T), components @ components.T)
        cross, gram = table.turned_times(loadings), loadings.T @ loadings
        components = _swept(components.T, cross, gram).T
        errors.append(_error(whole, components, cross, gram))
        converged = _settled(errors, look_back)
        yield Progress(len(errors), cycles, "non-negative components", {"error": errors[-1]})
    return (loadings, components), errors[-1], converged


def _check(rows: Rows, offset: float) -> None:
    lowest = lowest_of(rows.values) - offset
    if lowest + offset < 0:
        added = f" An offset of {offset:.4g} is not enough." if offset else ""
        raise BadImage(
            f"The smallest value is {lowest:.4g}: non-negative components cannot make it.{added}",
            why="NMF writes every sample as a sum of components that are nowhere negative.",
            remedy=f"Add an offset of {_enough(-lowest)} (option offset), or choose PCA or ICA.",
        )
    if rows.squared() == 0:
        raise BadImage("All samples are zero.", remedy="Choose a part of the data with signal.")


def _enough(value: float) -> str:
    """Return a number with three digits that is not below a value."""
    step = 10.0 ** (np.floor(np.log10(value)) - 2)
    return f"{np.ceil(value / step * (1 - 1e-12)) * step:.6g}"


def _error(whole: float, components: Matrix, cross: Matrix, gram: Matrix) -> float:
    double = components.astype(np.float64)
    explained = 2 * (double.T * cross).sum() - ((double @ double.T) * gram).sum()
    return float(np.sqrt(max(whole - explained, 0.0) / whole))


def _settled(errors: list[float], look_back: int) -> bool:
    if len(errors) <= look_back:
        return False
    before = errors[-1 - look_back]
    return before - errors[-1] <= look_back * _TOLERANCE * max(before, 1e-6)


def _swept(factor: Matrix, cross: Matrix, gram: Matrix) -> Matrix:
    """Better one factor (M, K) given products with the samples (M, K) and of the other factor (K, K)."""
    factor = factor.copy()
    for _ in range(_SWEEPS):
        for k in range(factor.shape[1]):
            step = (cross[:, k] - factor @ gram[:, k]) / max(float(gram[k, k]), _TINY)
            factor[:, k] = np.maximum(factor[:, k] + step, 0)
    return factor


def _begun(sketch: _Sketch, count: int) -> tuple[Matrix, Matrix]:
    turned, values, right = np.linalg.svd(sketch.scores, full_matrices=False)
    left, right = turned[:, :count] * values[:count], (right @ sketch.axes)[:count]
    # A Python number: a NumPy one would turn single into double precision, at twice the time.
    floor = 0.01 * float(np.sqrt(abs(float((left @ right.mean(axis=1)).mean())) / count))
    loadings, components = np.empty_like(left), np.empty_like(right)
    for k in range(count):
        halves = [(np.maximum(sign * left[:, k], 0), np.maximum(sign * right[k], 0)) for sign in (1, -1)]
        one, other = max(halves, key=lambda pair: float(np.linalg.norm(pair[0]) * np.linalg.norm(pair[1])))
        balance = np.sqrt(max(float(np.linalg.norm(other)), _TINY) / max(float(np.linalg.norm(one)), _TINY))
        loadings[:, k], components[k] = one * balance, other / balance
    # Exact zeros would stay for ever in a product; the mean lets them grow (NNDSVDa).
    return np.maximum(loadings, floor), np.maximum(components, floor)


def _projected(rows: Rows, count: int, seed: int) -> _Sketch:
    """Project samples onto somewhat more than so many of their strongest directions.

    By random projection and two power passes (Halko, Martinsson and Tropp, 10.1137/090771806).
    """
    width = min(count + _SPARE, *rows.shape)
    start = np.random.default_rng(seed).standard_normal((rows.shape[1], width)).astype(np.float32)
    for _ in range(2):
        basis, _ = np.linalg.qr(rows.times(start))
        start, _ = np.linalg.qr(rows.turned_times(basis))
    return _Sketch(rows.times(start), np.ascontiguousarray(start.T))

"""Samples to be decomposed: a table that may be larger than memory, read in blocks of rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.errors import BadImage, BadOption

Matrix = NDArray[Any]

NOISE = ("uniform", "poisson")
"""What the noise is like: the same everywhere, or that of counts."""

_TOGETHER = 128  # rows that are looked at at once
_FEWEST = 10  # counts in a whole row or column from which on their number tells how they vary


@dataclass(frozen=True, eq=False)
class Rows:
    """Samples (N, F), one per row, each divided by a weight of its row and one of its column.

    Parameters
    ----------
    values : array, shape (N, F)
        NumPy, or a dask array that is read in its chunks of rows.
    row_weights : array, shape (N,)
    column_weights : array, shape (F,)
    """

    values: Any
    row_weights: Matrix
    column_weights: Matrix

    @property
    def shape(self) -> tuple[int, int]:
        """Number of samples and of features."""
        return int(self.values.shape[0]), int(self.values.shape[1])

    @property
    def lazy(self) -> bool:
        """Whether the samples are read from a dask array, block by block."""
        return hasattr(self.values, "compute")

    def blocks(self) -> Iterator[tuple[slice, Matrix]]:
        """Yield where a block lies and its weighted values."""
        for part, block in blocks(self.values):
            if self._weighted:
                block = block / (self.row_weights[part, None] * self.column_weights)
            yield part, block

    @property
    def _weighted(self) -> bool:
        return bool((self.row_weights != 1).any() or (self.column_weights != 1).any())

    def settled(self) -> Rows:
        """Return the same with the division done once, where the samples lie in memory."""
        if self.lazy or not self._weighted:
            return self
        values = self.values / (self.row_weights[:, None] * self.column_weights)
        return Rows(values, np.ones_like(self.row_weights), np.ones_like(self.column_weights))

    def times(self, matrix: Matrix) -> Matrix:
        """Return samples @ matrix, for a matrix (F, K)."""
        narrow = np.ascontiguousarray(matrix)
        return np.concatenate([block @ narrow for _, block in self.blocks()])

    def turned_times(self, matrix: Matrix) -> Matrix:
        """Return samples.T @ matrix, for a matrix (N, K)."""
        # The narrow matrix is turned, not the samples: several times faster for a table stored by rows.
        result = np.zeros((matrix.shape[1], self.shape[1]), matrix.dtype)
        for part, block in self.blocks():
            result += np.ascontiguousarray(matrix[part].T) @ block
        return result.T

    def squared(self) -> float:
        """Return the sum of all squares."""
        return sum(float(np.einsum("ij,ij->", block, block, dtype=np.float64)) for _, block in self.blocks())


def blocks(values: Any) -> Iterator[tuple[slice, Matrix]]:
    """Yield the blocks of a table (N, F) as floating numbers; dask ones follow its chunks of rows."""
    if not hasattr(values, "compute"):
        yield slice(0, len(values)), values
        return
    low = 0
    for size in values.chunks[0]:
        part = slice(low, low + size)
        yield part, np.asarray(values[part].compute(scheduler="synchronous")).astype(np.float32, copy=False)
        low += size


def as_rows(samples: Any, noise: str = "uniform", *, by_row: bool = False) -> Rows:
    """Check samples and weight them by their noise.

    Counts vary by the square root of what is expected, so that they are divided by the square root of the
    mean of their column (and row): then noise is alike everywhere (Keenan and Kotula, 10.1002/sia.1657).

    Parameters
    ----------
    samples : array, shape (N, ...)
        NumPy or dask; what follows the first axis is laid flat.
    noise : str
        "uniform", or "poisson" for counts.
    by_row : bool
        Whether rows have weights, too.

    Raises
    ------
    BadImage
        If there are no samples, or they are not finite real numbers, or counts are negative.
    BadOption
        If the noise has no known name.
    """
    if noise not in NOISE:
        raise BadOption(f"The noise {noise!r} is not known.", remedy=f"Choose one of {', '.join(NOISE)}.")
    if samples.ndim < 2 or 0 in samples.shape or samples.dtype.kind not in "buif":
        raise BadImage(
            f"The samples have shape {tuple(samples.shape)} and type {samples.dtype}.",
            remedy="Give real numbers of shape (samples, ...), at least one of each.",
        )
    table = samples.reshape(samples.shape[0], -1)
    if not hasattr(table, "compute"):
        table = table.astype(np.result_type(table.dtype, np.float32), copy=False)
    elif table.numblocks[1] > 1:
        table = table.rechunk({1: -1})
    if noise == "uniform":
        _row_sums(table)
        return Rows(table, np.ones(table.shape[0], np.float32), np.ones(table.shape[1], np.float32))
    by_columns, row_means = _means(table)
    lowest = lowest_of(table)
    if lowest < 0:
        raise BadImage(
            f"The smallest value is {lowest:.4g}; counts are not negative.",
            why="The noise of counts follows from the counts.",
            remedy="Choose uniform noise, or undo what was subtracted from the counts.",
        )
    rows = _roots(row_means, table.shape[1]) if by_row else np.ones(len(row_means))
    return Rows(table, rows.astype(np.float32), _roots(by_columns, table.shape[0]).astype(np.float32))


def all_alike(table: Any) -> bool:
    """Tell whether all samples are the same; most often the first few rows say that they are not."""
    first = None
    for _, block in blocks(table):
        first = block[:1] if first is None else first
        for low in range(0, len(block), _TOGETHER):
            if (block[low : low + _TOGETHER] != first).any():
                return False
    return True


def lowest_of(table: Any) -> float:
    """Return the smallest value."""
    return min(float(block.min()) for _, block in blocks(table))


def _row_sums(table: Any) -> Matrix:
    """Add up each row, which shows whether all its values are finite."""
    sums = []
    for part, block in blocks(table):
        with np.errstate(over="ignore"):
            added = block.sum(axis=1)
        if not np.isfinite(added).all():  # large values add up to infinity in single precision, too
            added = block.sum(axis=1, dtype=np.float64)
        bad = np.flatnonzero(~np.isfinite(added))
        if len(bad):
            raise BadImage(
                f"{len(bad)} of the samples {part.start} to {part.stop - 1} hold values that are not finite, "
                f"the first is sample {part.start + bad[0]}.",
                why="One of them would spread over every component.",
                remedy="Leave these samples out, or fill them.",
            )
        sums.append(added)
    return np.concatenate(sums)


def _means(table: Any) -> tuple[Matrix, Matrix]:
    """Return the mean of each column and of each row."""
    rows = _row_sums(table) / table.shape[1]
    total = sum(block.sum(axis=0, dtype=np.float64) for _, block in blocks(table))
    return total / table.shape[0], rows


def _roots(means: Matrix, each: int) -> Matrix:
    """Return the square roots of means of so many values each, of which the smallest are raised."""
    # A channel with a handful of counts in all would become as strong as the strongest, as a lone spike.
    mean = max(float(means.mean()), 1e-30)
    floor = max(1e-3 * mean, min(_FEWEST / each, 0.1 * mean))
    return np.sqrt(np.maximum(means, floor))

"""Sideways jitter of scan lines, told from the atoms themselves with the help of their lattice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solveh_banded
from scipy.spatial import cKDTree

from napari_atomai.errors import BadAtoms, BadOption
from napari_atomai.locate.neighbours import typical_spacing

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

_NEIGHBOURS = 12
"""Neighbours of an atom that may have a partner on its other side."""

_TOLERANCE = 0.25
"""A partner is where the lattice has it to this part of the spacing."""

_FEWEST = 100
"""Atoms with such neighbours below which rows cannot be told from noise."""

_ROUNDS = 4
_KERNEL = np.sqrt(0.5)
"""Rows count for the column of an atom by the square of its slope: a Gaussian of this part of its width."""


@dataclass(frozen=True, eq=False)
class RowJitter:
    """Scan lines put straight.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Row, column, in pixels, columns corrected.
    shifts : array, shape (Y,)
        Estimated shift of each scan line along the columns, in pixels, the less sure the nearer to zero.
    rms : float
        Estimated root mean square of the true shifts, in pixels; 0 where atoms show none.
    """

    positions: Array
    shifts: Array
    rms: float


def correct_row_jitter(positions: ArrayLike, sigma: float, rows: int) -> RowJitter:
    """Estimate one sideways shift per scan line and take it out of the positions.

    An atom is expected in the middle between any two neighbours that lie opposite each other, so that bent
    and strained lattices need no model. What all atoms on a scan line are off by, along the fast axis
    (columns), is the line's shift; it is found for all lines at once by ridge regression, with the rows an
    atom covers weighed as its fit weighs them, and a ridge that follows from the correlation of atoms on the
    same line.

    This **erases real displacements** that are common to most atoms of a scan line and differ from those a
    few atoms further up and down: a planar fault, domain wall, interface or surface relaxation that runs
    along the scan lines, and part of what single atoms do in images with few atoms per line. Do not use it
    to measure those; scan again with the scan turned by 90 degrees instead. Bends and strains over many
    lattice planes stay.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Refined: row, column, in pixels. Scan lines are rows of the image.
    sigma : float
        Width of the atoms along the rows, in pixels, such as the median of ``Fit.sigma_row``.
    rows : int
        Scan lines of the image.

    Returns
    -------
    RowJitter

    Raises
    ------
    BadAtoms
        If positions are not (N, 2), or fewer than a hundred atoms lie in a lattice.
    BadOption
        If `sigma` or `rows` is not positive.
    """
    where = np.asarray(positions, np.float64)
    if where.ndim != 2 or where.shape[1] != 2:
        raise BadAtoms(f"Positions have shape {where.shape}.", remedy="Give (N, 2): row and column.")
    if not (np.isfinite(sigma) and sigma > 0 and rows > 0):
        raise BadOption(f"sigma is {sigma} px, rows {rows}.", remedy="Give positive numbers.")
    known = np.flatnonzero(((where > -0.5) & (where[:, :1] < rows - 0.5)).all(1) & np.isfinite(where).all(1))
    inside = where[known]
    pairs, paired = _pairs(inside)
    if paired.sum() < _FEWEST:
        raise BadAtoms(
            f"Only {int(paired.sum())} of {len(where)} atoms lie between two neighbours.",
            why="Without a lattice, a shifted line cannot be told from atoms that are elsewhere.",
            remedy=f"Use it on crystals with at least {_FEWEST} atoms.",
        )
    shifts, smooth, rms = _solved(inside, pairs, paired, _Rows.of(inside[:, 0], sigma, rows))
    corrected = where.copy()
    corrected[known, 1] -= smooth
    return RowJitter(corrected, shifts, rms)


@dataclass(frozen=True, eq=False)
class _Rows:
    """How much each scan line counts for each atom: weights (N, L), from line `first` (N,) on."""

    first: NDArray[np.int64]
    weights: Array
    count: int

    @classmethod
    def of(cls, row: Array, sigma: float, count: int) -> _Rows:
        half = max(1, int(np.ceil(3 * _KERNEL * sigma)))
        first = np.floor(row + 0.5).astype(np.int64) - half
        line = first[:, None] + np.arange(2 * half + 1)
        weights = np.exp(-0.5 * np.square((line - row[:, None]) / (_KERNEL * sigma)))
        weights[(line < 0) | (line >= count)] = 0.0
        return cls(first, weights / weights.sum(1, keepdims=True), count)

    @property
    def lines(self) -> NDArray[np.int64]:
        """Numbers of the scan lines (N, L), those outside moved to the border, where their weight is 0."""
        lines: NDArray[np.int64] = self.first[:, None] + np.arange(self.weights.shape[1])
        return lines.clip(0, self.count - 1)

    def seen(self, shifts: Array) -> Array:
        """Shift of each atom."""
        result: Array = np.einsum("nl,nl->n", self.weights, shifts[self.lines])
        return result

    def ridge(self, residual: Array, use: Flags, ridge: float) -> Array:
        """Shifts of all lines that explain the residuals of some atoms, drawn to zero."""
        lines, weights = self.lines[use], self.weights[use]
        length = weights.shape[1]
        right = np.bincount(lines.ravel(), (weights * residual[use, None]).ravel(), self.count)
        band = np.zeros((length, self.count))
        for lag in range(length):  # diagonals of the normal equations
            product = weights[:, : length - lag] * weights[:, lag:]
            band[lag] = np.bincount(lines[:, : length - lag].ravel(), product.ravel(), self.count)
        band[0] += ridge
        return np.asarray(solveh_banded(band, right, lower=True), np.float64)


def _solved(where: Array, pairs: NDArray[np.int64], paired: Flags, rows: _Rows) -> tuple[Array, Array, float]:
    """Shifts of the lines (Y,) and of the atoms (N,), and their root mean square."""
    shifts, smooth, rms = np.zeros(rows.count), np.zeros(len(where)), 0.0
    for _ in range(_ROUNDS):
        # The neighbours' own shifts are taken out as far as they are known.
        straight = where[:, 1] - smooth
        residual = where[:, 1] - _middle(straight, pairs)
        residual[paired] = np.clip(residual[paired], *_bounds(residual[paired]))
        common, noise = _shared(residual[paired], where[paired, 0])
        rms = float(np.sqrt(common / np.mean(np.square(rows.weights).sum(1))))
        if common == 0.0:
            return np.zeros(rows.count), np.zeros(len(where)), 0.0
        shifts = rows.ridge(residual, paired, noise / rms**2)
        smooth = rows.seen(shifts)
    return shifts, smooth, rms


def _pairs(where: Array) -> tuple[NDArray[np.int64], Flags]:
    """Opposite neighbours of each atom, indices (N, K, 2), -1 where there are none; and who has any."""
    count = len(where)
    if count <= _NEIGHBOURS:
        return np.full((count, 1, 2), -1), np.zeros(count, np.bool_)
    tree = cKDTree(where)
    near = np.asarray(tree.query(where, k=_NEIGHBOURS + 1)[1])[:, 1:]
    distance, other = tree.query(2 * where[:, None] - where[near])
    met = distance < _TOLERANCE * typical_spacing(where)
    met &= other != np.arange(count)[:, None]
    pairs = np.where(met[..., None], np.stack([near, other], axis=-1), -1)
    return pairs.astype(np.int64), met.any(1)


def _middle(column: Array, pairs: NDArray[np.int64]) -> Array:
    """Mean of the middles between opposite neighbours; NaN where there are none."""
    met = pairs[..., 0] >= 0
    total = np.where(met, column[pairs].mean(-1), 0.0).sum(1)
    count = met.sum(1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _bounds(residual: Array) -> tuple[float, float]:
    """Four standard deviations around the median: what is beyond is not jitter."""
    middle = float(np.median(residual))
    spread = 4 * 1.48 * float(np.median(np.abs(residual - middle)))
    return middle - spread, middle + spread


def _shared(residual: Array, row: Array) -> tuple[float, float]:
    """Covariance of the residuals of different atoms on the same line, and the variance that is their own."""
    line = np.floor(row + 0.5).astype(np.int64)
    number, total, squares = (np.bincount(line, weight) for weight in (None, residual, residual**2))
    pairs = float((number * (number - 1)).sum())
    common = max(float((total**2 - squares).sum()) / pairs, 0.0) if pairs else 0.0
    return common, max(float(np.mean(residual**2)) - common, 1e-12)

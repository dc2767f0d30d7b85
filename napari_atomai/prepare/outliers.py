"""Pixels of the detector that say nothing of the sample: hot and dead ones, and lines that were lost."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

_FAR = 8.0  # deviations: of a million pixels of noise none lies there
_BULK = 0.995  # of the pixels are no outliers, and tell what noise is
_IN_BULK = 3.0  # deviations that hold so many, where noise is no wider than a Gaussian
_SHARED = 0.2  # of its height that a neighbour has: the narrowest column, of 0.6 px, gives its own more
_SAMPLES = 500_000


def outliers(frame: NDArray[Any]) -> Mask:
    """Tell which pixels cannot be of the sample: single ones far outside all around, and constant lines.

    A column is wider than a pixel, so it raises the neighbours of its highest pixel, too; a pixel whose
    neighbours know nothing of it is the detector's (hot, dead, struck by a cosmic ray). What noise is, is
    told by the image and, for bright places, around the pixel: single counts in a sparse image stay.

    Parameters
    ----------
    frame : array, shape (y, x)
        Real numbers; pixels that are not finite are no outliers.

    Returns
    -------
    array of bool, shape (y, x)
        Also True for a row or column of one value between two that vary.
    """
    pixels = np.asarray(frame)
    pixels = pixels if pixels.dtype == np.float32 else pixels.astype(np.float64)
    known = np.isfinite(pixels)
    pixels = pixels if known.all() else np.where(known, pixels, np.nan)
    bad = np.zeros(pixels.shape, np.bool_)
    if min(pixels.shape) < 5:
        return bad
    bad |= _lost(pixels)[:, None] | _lost(pixels.T)
    above = _above_neighbours(pixels)
    step = -(-above.size // _SAMPLES)
    size = np.abs(above.ravel()[::step])
    size = size[~np.isnan(size)]
    if not len(size):
        return bad
    noise = _noise(size)
    if noise > 0:
        with np.errstate(invalid="ignore"):
            row, column = np.nonzero(np.abs(above) > (1 - _SHARED) * _FAR * noise)
        alone = _alone(pixels, row, column, noise)
        bad[row[alone], column[alone]] = True
    return bad


def filled(frame: NDArray[Any], bad: Mask) -> NDArray[Any]:
    """Return a frame (y, x) with outliers replaced by the mean of the good pixels next to them."""
    if not bad.any():
        return frame
    row, column = np.nonzero(bad)
    around = _around(np.where(bad, np.nan, frame), row, column, 1)
    known = np.isfinite(around)
    count = known.sum(axis=1)
    mean = np.where(known, around, 0).sum(axis=1) / np.maximum(count, 1)
    made = np.array(frame)
    made[row, column] = np.where(count > 0, mean, np.nan)
    return made


def _noise(size: NDArray[Any]) -> float:
    """Return the deviation of noise, by what pixels differ from their neighbours."""
    middle, bulk = float(np.median(size)), float(np.quantile(size, _BULK))
    # Where most pixels are like their neighbours (single counts, clipped images) the others are no noise.
    return max(1.4826 * middle, bulk / _IN_BULK) if middle > 0 else bulk


def _lost(pixels: NDArray[Any]) -> Mask:
    """Tell which rows have one value only, which most pixels on both sides of them do not have."""
    lost: Mask = (pixels == pixels[:, :1]).all(axis=1)
    lost[[0, -1]] = False
    row = np.flatnonzero(lost)
    for beside in (row - 1, row + 1):
        lost[row] &= np.mean(pixels[beside] != pixels[row, :1], axis=1) > 0.5
    return lost


def _above_neighbours(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return each pixel minus the mean of the four beside it; those at the edge have fewer."""
    framed = np.pad(pixels, 1, mode="reflect")
    beside = framed[:-2, 1:-1] + framed[2:, 1:-1]
    beside += framed[1:-1, :-2]
    beside += framed[1:-1, 2:]
    beside *= 0.25
    above: NDArray[Any] = pixels - beside
    return above


def _alone(pixels: NDArray[Any], row: NDArray[Any], column: NDArray[Any], noise: float) -> Mask:
    """Tell which of some pixels stand far out of the 24 around them, and their neighbours do not."""
    around = _around(pixels, row, column, 2)
    with np.errstate(invalid="ignore"):
        middle = np.nanmedian(around, axis=1) if len(around) else np.empty(0)
        spread = 1.4826 * np.nanmedian(np.abs(around - middle[:, None]), axis=1) if len(around) else middle
        height = pixels[row, column] - middle
        far = np.abs(height) > _FAR * np.maximum(spread, noise)
        beside = around[:, _BESIDE] - middle[:, None]
        shared = np.nanmax(beside * np.sign(height)[:, None], axis=1, initial=-np.inf) > _SHARED * np.abs(
            height
        )
    return np.asarray(far & ~shared, np.bool_)


def _around(pixels: NDArray[Any], row: NDArray[Any], column: NDArray[Any], reach: int) -> NDArray[Any]:
    """Return the pixels around some, (N, n), without them; NaN beyond the edge."""
    offsets = np.arange(-reach, reach + 1)
    down, right = (part.ravel() for part in np.meshgrid(offsets, offsets, indexing="ij"))
    others = (down != 0) | (right != 0)
    rows, columns = row[:, None] + down[others], column[:, None] + right[others]
    inside = (rows >= 0) & (rows < pixels.shape[0]) & (columns >= 0) & (columns < pixels.shape[1])
    values = pixels[np.where(inside, rows, 0), np.where(inside, columns, 0)]
    return np.where(inside & np.isfinite(values), values, np.nan)


_BESIDE = [7, 11, 12, 16]
"""Of the 24 pixels around one, row by row, those that share a side with it."""

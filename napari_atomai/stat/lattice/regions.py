"""Which atoms lie in a region."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def in_region(positions: ArrayLike, corners: ArrayLike) -> NDArray[np.bool_]:
    """Tell which positions lie in a polygon.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Row, column.
    corners : array, shape (K, 2)
        Of the polygon, one after the other; two are opposite corners of an upright rectangle.

    Returns
    -------
    array of bool, shape (N,)
        Where sides cross, by the even-odd rule.
    """
    where, outline = np.asarray(positions, np.float64), np.asarray(corners, np.float64)
    if len(outline) == 2:
        low, high = outline.min(axis=0), outline.max(axis=0)
        return np.asarray(((where >= low) & (where <= high)).all(axis=1))
    row, col = where[:, :1], where[:, 1:]
    (r0, c0), (r1, c1) = outline.T, np.roll(outline, -1, axis=0).T
    # A line to the right of each position crosses the outline an odd number of times if it lies inside.
    between = (r0 > row) != (r1 > row)
    rise = np.where(r1 == r0, 1.0, r1 - r0)
    crossed = between & (col < c0 + (row - r0) * (c1 - c0) / rise)
    return np.asarray(crossed.sum(axis=1) % 2 == 1)

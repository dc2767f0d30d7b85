"""Rings as pictures: for every pixel the size of the ring that it lies in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_atomai.workflow.rings import FrameRings

Vector = NDArray[np.float64]
Picture = NDArray[np.uint8]

_BLOCK = 4_000_000  # pixels of bounding boxes looked at in one go


def ring_size_map(found: Sequence[FrameRings], shape: Sequence[int]) -> Picture:
    """Return the size of the ring around every pixel; 0 where there is none.

    Parameters
    ----------
    found : sequence of FrameRings
        Rings of each frame, in a plane.
    shape : sequence of int
        Of the image or movie: leading axes, rows, columns.

    Returns
    -------
    array of uint8
        Of that shape.
    """
    frames = np.zeros((int(np.prod(shape[:-2], dtype=int)), *shape[-2:]), np.uint8)
    for part in found:
        rings = part.rings
        for size in np.unique(rings.sizes).tolist():
            chosen = rings.keep(rings.sizes == size)
            corners = part.in_pixels(chosen.corners()).reshape(-1, size, 2)
            _fill(frames[part.frame], corners, size)
    return frames.reshape(tuple(shape))


def _fill(picture: Picture, polygons: Vector, value: int) -> None:
    """Write a value into the pixels whose centres lie within polygons (R, k, 2) of row and column."""
    first = np.floor(polygons.min(axis=1)).astype(np.int64)
    height, width = (int(n) + 1 for n in np.ceil(polygons.max(axis=1) - first).max(axis=0))
    for start in range(0, len(polygons), max(_BLOCK // (height * width), 1)):
        block = slice(start, start + max(_BLOCK // (height * width), 1))
        rows = first[block, 0, None] + np.arange(height)
        columns = first[block, 1, None] + np.arange(width)
        inside = _inside(polygons[block], rows, columns)
        inside &= ((rows >= 0) & (rows < picture.shape[0]))[:, :, None]
        inside &= ((columns >= 0) & (columns < picture.shape[1]))[:, None, :]
        ring, row, column = np.nonzero(inside)
        picture[rows[ring, row], columns[ring, column]] = value


def _inside(polygons: Vector, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which points of each polygon's grid (R, h, w) lie within: odd numbers of sides right of them."""
    inside = np.zeros((*rows.shape, columns.shape[1]), bool)
    for one, other in zip(
        np.moveaxis(polygons, 1, 0), np.moveaxis(np.roll(polygons, -1, 1), 1, 0), strict=True
    ):
        between = (one[:, None, 0] > rows) != (other[:, None, 0] > rows)
        rise = np.where(between, other[:, None, 0] - one[:, None, 0], 1.0)
        at = one[:, None, 1] + (rows - one[:, None, 0]) * (other - one)[:, None, 1] / rise
        inside ^= between[:, :, None] & (columns[:, None, :] < at[:, :, None])
    return inside

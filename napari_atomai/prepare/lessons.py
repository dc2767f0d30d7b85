"""Lessons for a finder of atoms: what a person reviewed of a picture, and which part is kept to judge by.

Outside of what was reviewed nobody knows: those pixels are neither atoms nor background.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.errors import BadOption
from napari_atomai.prepare.masks import IGNORED
from napari_atomai.prepare.normalise import Picture, channels, compressed, finite, percentiles

Mask = NDArray[np.bool_]
Vector = NDArray[np.float64]

RADIUS = 3.0
"""Of the discs around atoms, in pixels at the scale of the nets, as in simulated scenes."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """A picture at the scale of the nets, and what is known of it.

    Parameters
    ----------
    picture : array of float32, shape (y, x)
        Brightness as the nets see it: about 0 to 1.
    labels : array of int64, shape (y, x)
        1 on an atom, 0 on background, -1 where nobody looked, and where it is kept to judge by.
    held : array of int64, shape (y, x)
        The same of what is kept to judge by; -1 elsewhere.
    """

    picture: Picture
    labels: NDArray[np.int64]
    held: NDArray[np.int64]

    @classmethod
    def parted(cls, pixels: NDArray[np.floating], labels: NDArray[np.int64], held: Mask) -> Lesson:
        """Make a lesson of a picture, all its labels, and the part (y, x) to judge by."""
        learned = np.where(held, IGNORED, labels)
        return cls(brightness(pixels), learned, np.where(held, labels, IGNORED))


def brightness(pixels: NDArray[np.floating]) -> Picture:
    """Return the first of the channels that a net sees of an image."""
    known = finite(pixels)
    low, high = percentiles(known)
    if not high > low:
        return np.zeros(known.shape, np.float32)
    result: Picture = compressed(np.maximum((known - low) / (high - low), -0.5)).astype(np.float32)
    return result


def as_seen(patch: Picture) -> Picture:
    """Return the channels (2, y, x) of a part of a picture whose brightness is that of the whole."""
    seen = channels(patch)
    seen[0] = patch
    return seen


def region_mask(regions: Sequence[ArrayLike], shape: tuple[int, int]) -> Mask:
    """Return which pixels (y, x) have their centre in one of the polygons.

    Parameters
    ----------
    regions : sequence of array, shape (K, 2)
        Row, column of the corners, in pixels; K at least 3. None at all means the whole frame.
    shape : (y, x)
        Of the frame.

    Raises
    ------
    BadOption
        If a polygon has too few corners, or corners that are not finite.
    """
    if not regions:
        return np.ones(shape, np.bool_)
    inside = np.zeros(shape, np.bool_)
    for number, region in enumerate(regions):
        corners = np.asarray(region, np.float64)
        if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3 or not np.isfinite(corners).all():
            raise BadOption(
                f"Reviewed region {number} has corners of shape {corners.shape}.",
                remedy="Give (K, 2): row and column of three or more corners, in pixels.",
            )
        inside |= _filled(corners, shape)
    return inside


def _filled(corners: Vector, shape: tuple[int, int]) -> Mask:
    """Fill a polygon by the even-odd rule."""
    rows, columns = np.arange(shape[0])[:, None], np.arange(shape[1])[None, :]
    odd = np.zeros(shape, np.bool_)
    for (row, column), (next_row, next_column) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if row != next_row:
            spans = (row > rows) != (next_row > rows)
            crossing = column + (rows - row) * (next_column - column) / (next_row - row)
            odd ^= spans & (columns < crossing)
    return odd


def in_mask(positions: Vector, mask: Mask) -> Mask:
    """Return which positions (N, 2) lie on a pixel of a mask."""
    where = np.round(positions).astype(np.int64).reshape(-1, 2)
    inside = ((where >= 0) & (where < mask.shape)).all(axis=1)
    row, column = np.clip(where, 0, np.array(mask.shape) - 1).T
    return np.asarray(inside & mask[row, column])


def held_out(reviewed: Mask, positions: Vector, share: float, block: float, seed: int) -> Mask:
    """Choose blocks of what was reviewed that are not learned from.

    Blocks with atoms and blocks without are chosen apart, so that both kinds are there in the same share.

    Parameters
    ----------
    reviewed : array of bool, shape (y, x)
        What a person looked at.
    positions : array, shape (N, 2)
        Row, column of the atoms in it.
    share : float
        Part to choose; 0 = nothing.
    block : float
        Side of a block, pixels.
    seed : int
        Of the choice.

    Returns
    -------
    array of bool, shape (y, x)
    """
    rows, columns = (np.arange(length) // max(block, 1.0) for length in reviewed.shape)
    number = (rows[:, None] * (columns[-1] + 1) + columns[None, :]).astype(np.int64)
    there = np.unique(number[reviewed])
    row, column = np.clip(np.round(positions).astype(np.int64), 0, np.array(reviewed.shape) - 1).T
    full = np.intersect1d(there, number[row, column])
    random = np.random.default_rng(seed)
    chosen = [
        random.permutation(kind)[: round(share * len(kind))] for kind in (full, np.setdiff1d(there, full))
    ]
    return np.asarray(reviewed & np.isin(number, np.concatenate(chosen)))

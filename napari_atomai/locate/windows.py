"""Windows cut out of an image at many places at once, and Gaussians rendered back into it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.errors import BadAtoms, BadImage
from napari_atomai.locate import gaussian

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Layer = NDArray[np.float32]

_ELEMENTS = 120_000
"""Pixels of windows worked on at a time: half a MB per array, which stays in the processor's cache."""

_SAMPLED = 60_000
"""Pixels looked at for the median and the range of an image."""

_ABSURD = 1e6
"""A pixel this many times the range of the image away from its median is broken, not signal."""


@dataclass(frozen=True, eq=False)
class Canvas:
    """An image with a margin on all sides, so that no window leaves it.

    Parameters
    ----------
    pixels : array of float32, shape (Y + 2 margin, X + 2 margin)
        In units of `unit` above `level`; 0 where not valid.
    valid : array of float32, same shape
        One; zero in the margin and where a pixel is not to be used.
    margin : int
    level, unit : float
        Image = level + unit x pixels.
    """

    pixels: Layer
    valid: Layer
    margin: int
    level: float
    unit: float

    @classmethod
    def of(cls, image: NDArray[Any], valid: NDArray[np.bool_], margin: int) -> Canvas:
        """Prepare an image (Y, X) whose usable pixels are given."""
        good = valid & np.isfinite(image)
        level, unit = _typical(image, good)
        shape = (image.shape[0] + 2 * margin, image.shape[1] + 2 * margin)
        inside = (slice(margin, margin + image.shape[0]), slice(margin, margin + image.shape[1]))
        pixels, usable = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = (image - np.asarray(level, _float(image))) / np.asarray(unit, _float(image))
            good &= np.abs(scaled) < _ABSURD
        pixels[inside] = np.where(good, scaled, 0)
        usable[inside] = good
        return cls(pixels, usable, margin, level, unit)

    def blank(self) -> Layer:
        """Return a layer of zeros of the canvas' size."""
        return np.zeros_like(self.pixels)

    def cut(self, layer: NDArray[Any], centres: Integers, half: int) -> NDArray[Any]:
        """Windows (N, K, K) of 2 `half` + 1 pixels around whole-pixel centres (N, 2)."""
        size = 2 * half + 1
        corners = centres + (self.margin - half)
        every = np.lib.stride_tricks.sliding_window_view(layer, (size, size))
        found: NDArray[Any] = every[corners[:, 0], corners[:, 1]]
        return found

    def whole(self, centres: Integers, half: int) -> NDArray[np.bool_]:
        """Tell which windows (N,) surely hold valid pixels only; none where the image has other pixels."""
        inside = self.valid[self.margin : -self.margin, self.margin : -self.margin]
        within = (centres >= half) & (centres < np.array(inside.shape) - half)
        return np.asarray(within.all(axis=1) & bool(inside.all()), np.bool_)

    def add(self, layer: Layer, parameters: Array, half: int) -> None:
        """Add Gaussians (N, 6), centres in pixels of the image, without background, to a layer."""
        for part in parts(len(parameters), half):
            centres = nearest_pixel(parameters[part, :2])
            local = parameters[part].copy()
            local[:, :2] -= centres
            drawn = gaussian.values(local, half)
            np.add.at(layer.ravel(), self._index(centres, half).ravel(), drawn.ravel())

    def _index(self, centres: Integers, half: int) -> Integers:
        width = self.pixels.shape[1]
        offsets = np.arange(-half, half + 1)
        around = offsets[:, None] * width + offsets
        middle = (centres + self.margin) @ np.array([width, 1])
        index: Integers = middle[:, None, None] + around
        return index


def parts(count: int, half: int) -> Iterator[slice]:
    """Slices of `count` windows, each small enough to be worked on at once."""
    size = max(1, _ELEMENTS // (2 * half + 1) ** 2)
    return (slice(first, min(first + size, count)) for first in range(0, count, size))


def distances(half: int) -> Array:
    """Distance (K, K) of a window's 2 `half` + 1 pixels from its middle."""
    offsets = np.arange(-half, half + 1)
    distance: Array = np.hypot(offsets[:, None], offsets)
    return distance


def nearest_pixel(positions: Array) -> Integers:
    """Whole-pixel positions nearest to (N, 2)."""
    return np.floor(positions + 0.5).astype(np.int64)


def binned(image: NDArray[Any], valid: NDArray[np.bool_], factor: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Mean of the valid pixels in blocks of `factor` x `factor`, and how many there are in each.

    Blocks at the far edges are filled up with pixels that are not valid.
    """
    fill = [(0, -n % factor) for n in image.shape]
    shape = tuple(-(-n // factor) for n in image.shape)
    blocks = (shape[0], factor, shape[1], factor)
    count = np.pad(valid, fill).reshape(blocks).sum((1, 3))
    total = np.pad(np.where(valid, image, 0), fill).reshape(blocks).sum((1, 3), dtype=np.float64)
    return total / np.maximum(count, 1), count


def checked(
    image: ArrayLike, positions: ArrayLike, valid: ArrayLike | None
) -> tuple[NDArray[Any], Array, NDArray[np.bool_]]:
    """Image (Y, X), positions (N, 2) and usable pixels (Y, X) as arrays.

    Raises
    ------
    BadImage
        If the image is not two-dimensional numbers, or `valid` has another shape.
    BadAtoms
        If positions are not (N, 2).
    """
    pixels = plain(image)
    where = np.asarray(positions, dtype=np.float64)
    if where.size == 0:
        where = where.reshape(0, 2)
    if where.ndim != 2 or where.shape[1] != 2:
        raise BadAtoms(
            f"Positions have shape {where.shape}.", remedy="Give (N, 2): row and column of each atom."
        )
    usable = np.isfinite(pixels)
    if valid is not None:
        given = np.asarray(valid, dtype=np.bool_)
        if given.shape != pixels.shape:
            raise BadImage(
                f"The image has shape {pixels.shape}, the mask of valid pixels {given.shape}.",
                remedy="Give one true or false for each pixel.",
            )
        usable &= given
    return pixels, where, usable


def plain(image: ArrayLike) -> NDArray[Any]:
    """Return a two-dimensional image of floats, float32 where it was.

    Raises
    ------
    BadImage
        If it is not two-dimensional, or not of real numbers.
    """
    pixels = np.asarray(image)
    if pixels.ndim != 2 or pixels.dtype.kind not in "buif":
        raise BadImage(
            f"The image has shape {pixels.shape} and type {pixels.dtype}.",
            remedy="Give one image of shape (y, x), of integers or floats.",
        )
    return pixels.astype(_float(pixels), copy=False)


def _float(pixels: NDArray[Any]) -> type[np.float32] | type[np.float64]:
    return np.float32 if pixels.dtype.itemsize <= 2 or pixels.dtype == np.float32 else np.float64


def _typical(image: NDArray[Any], good: NDArray[np.bool_]) -> tuple[float, float]:
    """Median and range of an image, of some of its pixels."""
    step = max(1, int(np.sqrt(image.size / _SAMPLED)))
    some = image[::step, ::step][good[::step, ::step]]
    if some.size == 0:
        return 0.0, 1.0
    low, level, high = np.percentile(some.astype(np.float64), [0.5, 50, 99.5])
    unit = float(high - low) or float(np.abs(some - level).max())
    return float(level), unit if np.isfinite(unit) and unit > 0 else 1.0

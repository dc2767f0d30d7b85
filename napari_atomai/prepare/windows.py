"""Windows cut out of a stack of images at many places at once.

A window of w pixels around row r starts at row r - w // 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from napari_atomai.errors import BadImage, BadOption

Pixels = NDArray[Any]
Integers = NDArray[np.int64]
Vector = NDArray[np.float64]
Sides = tuple[int, int]


def plain_stack(images: ArrayLike) -> Pixels:
    """Return images (n, y, x) or (n, y, x, c) of those, or of one (y, x).

    Raises
    ------
    BadImage
        If it is none of these.
    """
    given = np.asarray(images)
    if given.ndim not in (2, 3, 4) or 0 in given.shape or given.dtype.kind not in "buif":
        raise BadImage(
            f"The images have shape {given.shape} and type {given.dtype}.",
            remedy="Give real numbers of shape (y, x), (n, y, x) or (n, y, x, c).",
        )
    return given[None] if given.ndim == 2 else given


def image_stack(images: ArrayLike) -> Pixels:
    """Return images (n, y, x, c) of (n, y, x, c), (n, y, x) or (y, x)."""
    stack = plain_stack(images)
    return stack if stack.ndim == 4 else stack[..., None]


def nearest_pixel(positions: Vector) -> Integers:
    """Whole-pixel positions nearest to (N, 2)."""
    return np.floor(positions + 0.5).astype(np.int64)


def sides_of(window: int | tuple[int, int]) -> Sides:
    """Return rows and columns of a window, of which one number gives both.

    Raises
    ------
    BadOption
        If they are not whole numbers above 0.
    """
    sides = tuple(window) if isinstance(window, tuple | list) else (window, window)
    if len(sides) != 2 or not all(isinstance(side, int | np.integer) and side >= 1 for side in sides):
        raise BadOption(f"The window is {window} px wide.", remedy="Give 1, 2, 3 ... px, or two of them.")
    return int(sides[0]), int(sides[1])


def corners_around(positions: Vector, window: Sides) -> Integers:
    """First row and column (N, 2) of windows around positions (N, 2)."""
    corners: Integers = nearest_pixel(positions) - np.array(window, np.int64) // 2
    return corners


def fits(corners: NDArray[Any], window: Sides, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Tell which windows (N, 2) lie within an image of a shape (y, x)."""
    within = (corners >= 0) & (corners + window <= shape)
    return within[:, 0] & within[:, 1]


def cut(stack: Pixels, corners: Integers, frames: Integers, window: Sides) -> Pixels:
    """Cut windows (N, h, w, ...) out of a stack (n, y, x, ...)."""
    rows, columns = (corners[:, axis, None] + np.arange(window[axis]) for axis in (0, 1))
    windows: Pixels = stack[frames[:, None, None], rows[:, :, None], columns[:, None, :]]
    return windows


def resampled(stack: Pixels, corners: Vector, frames: Integers, window: Sides) -> Pixels:
    """Interpolate windows (N, h, w, c) whose corners lie between pixels, by cubic splines."""
    steps = np.stack(np.meshgrid(*(np.arange(side) for side in window), indexing="ij"))
    result = np.empty((len(corners), *window, stack.shape[-1]), np.float64)
    for frame in np.unique(frames):
        here = frames == frame
        where = np.moveaxis(corners[here, :, None, None] + steps, 1, 0)
        for channel in range(stack.shape[-1]):
            image = _filled(stack[frame, ..., channel])
            result[here, ..., channel] = ndimage.map_coordinates(image, where, order=3, mode="mirror")
    return result.astype(stack.dtype) if stack.dtype.kind == "f" else result


def _filled(image: Pixels) -> NDArray[np.float64]:
    # One NaN would spread over the whole image through the spline.
    known = np.isfinite(image)
    return np.where(known, image, np.median(image[known]) if known.any() else 0.0).astype(np.float64)


def random_corners(shape: tuple[int, ...], window: Sides, number: int, rng: np.random.Generator) -> Integers:
    """Draw first rows and columns (number, 2) of windows within an image, no two the same.

    Raises
    ------
    BadImage
        If the image has not that many windows.
    """
    free = [size - side + 1 for size, side in zip(shape, window, strict=True)]
    if min(free) < 1 or not 1 <= number <= free[0] * free[1]:
        raise BadImage(
            f"{number} different windows of {window[0]} x {window[1]} px were asked of an image of "
            f"{shape[0]} x {shape[1]} px.",
            remedy="Ask for at least one, of a size that the image has.",
        )
    chosen = rng.choice(free[0] * free[1], number, replace=False)
    return np.stack(np.unravel_index(chosen, free), axis=1).astype(np.int64)

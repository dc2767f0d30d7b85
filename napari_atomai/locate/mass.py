"""Centre of mass around every atom: the cheap way to sub-pixel positions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.errors import BadOption
from napari_atomai.locate import fit, windows
from napari_atomai.locate.fit import Fit
from napari_atomai.locate.windows import Canvas

Array = NDArray[np.float64]

_ROUNDS = 8
_FEWEST = 5


def refine_centre_of_mass(
    image: ArrayLike, positions: ArrayLike, radius: float, *, valid: ArrayLike | None = None
) -> Fit:
    """Move every atom to the centre of mass of what rises above its surroundings.

    Pixels count by a Gaussian weight of half the radius that moves with the atom until it rests, so that
    the place of the window does not pull. Neighbours are not subtracted, and widths are not measured.

    Parameters
    ----------
    image : array, shape (Y, X)
        Bright atoms; give the negative of an image with dark ones. Any unit.
    positions : array, shape (N, 2)
        Start: row, column, in pixels.
    radius : float
        Half width of the window in pixels, at least 1.5; about half the distance between neighbours.
    valid : array of bool, shape (Y, X), optional
        Pixels to use; those that are not finite are never used.

    Returns
    -------
    Fit
        Its widths and quality are NaN, its amplitude is that of the middle pixels.

    Raises
    ------
    BadImage, BadAtoms, BadOption
        If shapes or numbers cannot be used.
    """
    if not (np.isfinite(radius) and radius >= 1.5):
        raise BadOption(f"The radius of the window is {radius} px.", remedy="Give at least 1.5 pixels.")
    pixels, start, usable = windows.checked(image, positions, valid)
    half = max(2, int(np.ceil(radius)))
    canvas = Canvas.of(pixels, usable, 2 * half + 1)
    reason = fit.unusable(start, pixels.shape)
    which = np.flatnonzero(reason == fit.OK)
    columns, found = np.full((8, len(start)), np.nan), start.copy()
    for part in windows.parts(len(which), half):
        index = which[part]
        found[index], columns[:, index], reason[index] = _centres(canvas, start[index], half, radius)
    failed = reason != fit.OK
    found[failed], columns[:, failed] = start[failed], np.nan
    return fit.of_columns(found, columns, reason)


def _centres(canvas: Canvas, start: Array, half: int, radius: float) -> tuple[Array, Array, NDArray[np.int8]]:
    """Positions (n, 2), columns of `Fit` (8, n) and reasons (n,) of one part."""
    middle = windows.nearest_pixel(start)
    data = canvas.cut(canvas.pixels, middle, half).astype(np.float64)
    use = canvas.cut(canvas.valid, middle, half) > 0
    offsets = np.arange(-half, half + 1.0)
    distance = np.hypot(offsets[:, None], offsets)
    level, variance = _surroundings(data, use & (distance > 0.7 * radius) & (distance <= radius + 0.5))
    above = (data - level[:, None, None]) * use
    place = start - middle
    for _ in range(_ROUNDS):
        pull, weight, stiff, jitter = _pull(above, use, place, 0.5 * radius)
        place = place + np.clip(pull / np.where(weight > 0, weight, np.inf)[:, None], -0.5, 0.5)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.sqrt(variance[:, None] * jitter) / np.abs(stiff)
    inner = above[:, half - 1 : half + 2, half - 1 : half + 2].mean((1, 2))
    total = (above * (distance <= radius + 0.5)).sum((1, 2))
    nothing = np.full(len(start), np.nan)
    background = canvas.level + canvas.unit * level
    amounts = (canvas.unit * inner, background, nothing, nothing, canvas.unit * total)
    columns = np.stack([*amounts, *error.T, nothing])
    reason = np.zeros(len(start), np.int8)
    reason[np.hypot(*(place - (start - middle)).T) > 0.8 * radius] = fit.FAR
    reason[~(weight > 0)] = fit.NO_PEAK
    reason[use.sum((1, 2)) < _FEWEST] = fit.FEW
    return middle + place, columns, reason


def _surroundings(data: Array, rim: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Mean and variance of the pixels in the rim of each window."""
    count = np.maximum(rim.sum((1, 2)), 1)
    level: Array = (data * rim).sum((1, 2)) / count
    variance: Array = (np.square(data - level[:, None, None]) * rim).sum((1, 2)) / count
    return level, variance


def _pull(
    above: Array, use: NDArray[np.bool_], place: Array, sigma: float
) -> tuple[Array, Array, Array, Array]:
    """Weighted first moment (n, 2), weight (n,), change of the moment with place, and its noise (n, 2)."""
    half = above.shape[-1] // 2
    t = np.arange(-half, half + 1.0) - place[:, :, None]
    g = np.exp(-0.5 * np.square(t / sigma))
    first, slope = g * t, g * np.square(t / sigma)
    row, col = g[:, 0], g[:, 1]
    weight = _total(row, above, col)
    pull = np.stack([_total(first[:, 0], above, col), _total(row, above, first[:, 1])], axis=1)
    stiff = np.stack([_total(slope[:, 0], above, col), _total(row, above, slope[:, 1])], axis=1)
    squares = [_total(first[:, 0] ** 2, use, col**2), _total(row**2, use, first[:, 1] ** 2)]
    return pull, weight, stiff - weight[:, None], np.stack(squares, axis=1)


def _total(row: Array, layer: NDArray[np.float64] | NDArray[np.bool_], col: Array) -> Array:
    total: Array = (row[:, None, :] @ layer @ col[:, :, None])[:, 0, 0]
    return total

"""Along a line and between points: profiles, distances, angles; right for pixels that are not square."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.data.image import UNCALIBRATED
from napari_atomai.errors import BadImage, BadOption

PixelSize = float | tuple[float, float]

_REACH = 0.5  # a pixel ends half a pixel beyond its centre
_LEAST_WEIGHT = 0.5  # of a sample between good pixels and missing ones
_PROMINENCE = 0.25  # of the profile's range: what is less is noise on a peak, not a peak
_MOST_SAMPLES = 50_000_000


@dataclass(frozen=True, eq=False)
class Profile:
    """Values along a line.

    Parameters
    ----------
    distance : array, shape (N,)
        Distance of each sample from the start of the line, in `unit`; evenly spaced.
    values : array, shape (N,)
        Mean over the width of the line; NaN where the line is outside the image.
    unit : str
        "nm", or "pixel" where no pixel size was given.
    width : float
        Over how much was averaged, perpendicular to the line, in `unit`.
    """

    distance: NDArray[np.float64]
    values: NDArray[np.float64]
    unit: str = UNCALIBRATED
    width: float = 1.0

    @property
    def length(self) -> float:
        """Length of the line, in `unit`."""
        return float(self.distance[-1])


def line_profile(
    pixels: Any,
    start: tuple[float, float],
    end: tuple[float, float],
    width: float = 1.0,
    pixel_size: PixelSize | None = None,
) -> Profile:
    """Sample an image along a line, averaged over a width perpendicular to it.

    Samples lie about one pixel apart and are interpolated linearly. What lies outside the image, or is
    NaN, is left out of the mean. Of lazy pixels only the rectangle around the line is read.

    Parameters
    ----------
    pixels : array, shape (y, x)
        NumPy or dask array of real numbers.
    start, end : (row, column)
        In pixels, centres at integers.
    width : float
        In pixels across the line: a horizontal line of width 3 takes the mean of three rows.
    pixel_size : float or (row, column), optional
        Size of a pixel in nm. Pixels that are not square are taken as such: "perpendicular" is meant in
        nm, not in pixels.

    Returns
    -------
    Profile

    Raises
    ------
    BadImage
        If the pixels are not a single frame.
    BadOption
        If the line has no length, its ends are not numbers, or the width is less than one pixel.
    """
    size = _size(pixel_size)
    ends = np.array([start, end], dtype=np.float64)
    _check(pixels, ends, width)
    across = _across(ends, size)
    samples = int(np.ceil(float(np.hypot(*(ends[1] - ends[0]))) - 1e-9)) + 1
    samples, lines = max(2, samples), int(np.ceil(width - 1e-9))
    if samples * lines > _MOST_SAMPLES:
        raise BadOption(
            f"A line of {samples} by {lines} pixels is too large to be sampled.",
            remedy="Draw a shorter line, or make it narrower.",
        )
    along = np.linspace(ends[0], ends[1], samples)
    offsets = ((np.arange(lines) + 0.5) / lines - 0.5) * width
    where = along[:, None, :] + offsets[:, None] * across
    places = np.linspace(0.0, 1.0, samples) * distance(ends, pixel_size)
    unit = UNCALIBRATED if pixel_size is None else "nm"
    return Profile(places, _mean_at(pixels, where), unit, width * float(np.hypot(*(across * size))))


def distance(points: ArrayLike, pixel_size: PixelSize | None = None) -> float:
    """Length of the way through points (N, 2) as (row, column) in pixels; in nm with a pixel size."""
    places = np.asarray(points, dtype=np.float64) * _size(pixel_size)
    return float(np.hypot(*np.diff(places, axis=0).T).sum())


def angle(points: ArrayLike, pixel_size: PixelSize | None = None) -> float:
    """Angle at the second of three points (3, 2) as (row, column), in degrees from 0 to 180.

    Without a pixel size pixels are taken as square. NaN where two of the points are the same.
    """
    places = np.asarray(points, dtype=np.float64) * _size(pixel_size)
    one, other = places[0] - places[1], places[2] - places[1]
    if not (one.any() and other.any()):
        return float("nan")
    turn = one[0] * other[1] - one[1] * other[0]
    return float(np.degrees(np.arctan2(abs(turn), one @ other)))


def inclination(points: ArrayLike, pixel_size: PixelSize | None = None) -> float:
    """Angle of the line through two points (2, 2) to the horizontal, in degrees above -90 up to 90.

    Positive where the line rises to the right on the screen, on which rows run down.
    """
    rise, run = np.diff(np.asarray(points, dtype=np.float64) * _size(pixel_size), axis=0)[0] * (-1.0, 1.0)
    degrees = float(np.degrees(np.arctan2(rise, run)))
    folded = (degrees + 90.0) % 180.0 - 90.0
    return 90.0 if folded == -90.0 else folded


def width_nm(points: ArrayLike, width: float, pixel_size: PixelSize | None = None) -> float:
    """Width of a line through two points (2, 2), given in pixels, in nm (pixels without a pixel size)."""
    size = _size(pixel_size)
    return width * float(np.hypot(*(_across(np.asarray(points, dtype=np.float64), size) * size)))


def peaks(profile: Profile) -> NDArray[np.float64]:
    """Positions of the maxima of a profile, in its unit, between samples by a parabola; shape (N,).

    A maximum must stand out from its surroundings by a quarter of the profile's range.
    """
    from scipy.signal import find_peaks  # takes the better part of a second

    values = profile.values
    good = np.isfinite(values)
    if good.sum() < 3:
        return np.empty(0)
    span = float(np.ptp(values[good]))
    filled = np.where(good, values, values[good].min())
    found, _ = find_peaks(filled, prominence=max(_PROMINENCE * span, np.finfo(float).tiny))
    before, here, after = filled[found - 1], filled[found], filled[found + 1]
    bend = before - 2 * here + after
    shift = np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, 1.0), 0.0)
    step = profile.distance[1] - profile.distance[0]
    places: NDArray[np.float64] = profile.distance[found] + np.clip(shift, -0.5, 0.5) * step
    return places


def period(profile: Profile) -> float:
    """Mean distance from maximum to maximum, in the profile's unit; NaN with fewer than two maxima."""
    found = peaks(profile)
    return float((found[-1] - found[0]) / (len(found) - 1)) if len(found) > 1 else float("nan")


def fwhm(profile: Profile) -> float:
    """Full width of the highest peak at half its height above the profile's minimum, in its unit.

    The flanks are interpolated linearly. NaN where the peak has not both flanks on the line.
    """
    values = profile.values
    if not np.isfinite(values).any():
        return float("nan")
    top = int(np.nanargmax(values))
    half = (values[top] + np.nanmin(values)) / 2
    low = ~(values > half)  # NaN counts as low: a peak does not go on where nothing is known
    left, right = np.flatnonzero(low[:top]), np.flatnonzero(low[top:])
    if not (left.size and right.size):
        return float("nan")
    return _crossing(profile, top + right[0], -1, half) - _crossing(profile, left[-1], 1, half)


def _crossing(profile: Profile, outside: int, step: int, level: float) -> float:
    inside = outside + step
    low, high = profile.values[outside], profile.values[inside]
    share = (level - low) / (high - low)  # NaN beside a gap, and so is the answer
    return float(profile.distance[outside] + share * (profile.distance[inside] - profile.distance[outside]))


def _across(ends: NDArray[np.float64], size: NDArray[np.float64]) -> NDArray[np.float64]:
    """Step of one pixel, (row, column) in pixels, that is perpendicular to the line in nm."""
    rows, columns = (ends[1] - ends[0]) * size
    step = np.array([columns, -rows]) / size
    return np.asarray(step / np.hypot(*step))


def _mean_at(pixels: Any, where: NDArray[np.float64]) -> NDArray[np.float64]:
    shape = np.array(pixels.shape)
    inside = ((where >= -_REACH) & (where <= shape - 1 + _REACH)).all(axis=-1)
    values, share = _interpolated(pixels, np.clip(where, 0, shape - 1))
    weights = np.where(inside & (share >= _LEAST_WEIGHT), 1.0, 0.0)
    values, share = values * weights, share * weights
    total, mean = share.sum(axis=1), np.full(len(where), np.nan)
    np.divide(values.sum(axis=1), total, out=mean, where=total > 0)
    return mean


def _interpolated(pixels: Any, where: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return linear interpolations without the missing pixels, and the weight that the others had."""
    low = np.floor(where.min(axis=(0, 1))).astype(int)
    high = np.ceil(where.max(axis=(0, 1))).astype(int) + 1
    part = np.asarray(pixels[low[0] : high[0], low[1] : high[1]])  # lazy pixels are read here
    first = np.floor(where).astype(int)
    beyond = where - first
    values, share = np.zeros(where.shape[:2]), np.zeros(where.shape[:2])
    for corner in ((0, 0), (0, 1), (1, 0), (1, 1)):
        at = np.minimum(first - low + corner, np.array(part.shape) - 1)
        weight = np.where(corner, beyond, 1 - beyond).prod(axis=-1)
        found = part[at[..., 0], at[..., 1]].astype(np.float64)
        known = np.isfinite(found)
        values += weight * np.where(known, found, 0.0)
        share += weight * known
    return values, share


def _size(pixel_size: PixelSize | None) -> NDArray[np.float64]:
    size = np.broadcast_to(np.asarray(1.0 if pixel_size is None else pixel_size, dtype=np.float64), (2,))
    if not (np.isfinite(size).all() and (size > 0).all()):
        raise BadOption(
            f"A pixel size of {pixel_size} is not possible.",
            why="Every length in nm is computed from it.",
            remedy="Give a positive number, or one for rows and one for columns; None when it is not known.",
        )
    return size


def _check(pixels: Any, ends: NDArray[np.float64], width: float) -> None:
    if pixels.ndim != 2 or 0 in pixels.shape:
        raise BadImage(
            f"A profile was asked of data of shape {tuple(pixels.shape)}.",
            why="A line lies in one frame of rows and columns.",
            remedy="Give one frame: image.frame(0).",
        )
    if ends.shape != (2, 2) or not np.isfinite(ends).all() or (ends[0] == ends[1]).all():
        raise BadOption(
            f"The ends of the line are {ends.tolist()}.",
            why="A profile runs from one point to another.",
            remedy="Give two different points as (row, column).",
        )
    if not (np.isfinite(width) and width >= 1):
        raise BadOption(f"A width of {width} pixels is not possible.", remedy="Give 1 or more.")

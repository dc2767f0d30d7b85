"""Spots of a power spectrum: where their maximum lies, and the lattice spacings and angles they stand for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_atomai.errors import BadOption

_CERTAINTY = 5.0  # e^-5: how seldom noise alone shows one bin above the level
_OUTER = 0.8  # of the highest frequency: beyond it there is mostly noise
_CROSS = 2
_FAINT = 1e-7  # of the strongest spot: leakage, not a spot


@dataclass(frozen=True)
class Spot:
    """A spatial frequency, in cycles per pixel: it stays when the image is calibrated anew.

    Parameters
    ----------
    row, column : float
        From -0.5 to 0.5; rows run down.
    """

    row: float
    column: float

    def frequency(self, pixel_size: tuple[float, float] | None = None) -> float:
        """Return 1/d: per nm with a pixel size (row, column) in nm, else per pixel."""
        return float(np.hypot(*self._vector(pixel_size)))

    def spacing(self, pixel_size: tuple[float, float] | None = None) -> float:
        """Return d: in nm with a pixel size (row, column) in nm, else in pixels; infinite at the centre."""
        frequency = self.frequency(pixel_size)
        return 1.0 / frequency if frequency else float("inf")

    def degrees(self, pixel_size: tuple[float, float] | None = None) -> float:
        """Return its direction from the centre, above -180 up to 180, counter-clockwise from the right."""
        row, column = self._vector(pixel_size)
        return float(np.degrees(np.arctan2(-row, column))) if row or column else float("nan")

    def angle_to(self, other: Spot, pixel_size: tuple[float, float] | None = None) -> float:
        """Return the angle to another spot, seen from the centre, in degrees from 0 to 180."""
        turn = self.degrees(pixel_size) - other.degrees(pixel_size)
        return abs((turn + 180.0) % 360.0 - 180.0)

    def _vector(self, pixel_size: tuple[float, float] | None) -> tuple[float, float]:
        rows, columns = (1.0, 1.0) if pixel_size is None else pixel_size
        return self.row / rows, self.column / columns


def spot_near(power: NDArray[np.floating], near: Spot, reach: float | tuple[float, float] = 2.0) -> Spot:
    """Return the strongest spot near a place, between bins by a parabola through the log power.

    The main lobe of a window such as Hann's is close to a Gaussian, whose logarithm is a parabola
    (Gasior and Gonzalez, AIP Conf. Proc. 732, 276 (2004)).

    Parameters
    ----------
    power : array, shape (rows, columns)
        Power spectrum with frequency 0 in the middle, at ``shape // 2``.
    near : Spot
        Where to look.
    reach : float or (rows, columns)
        How far to look, in bins.

    Raises
    ------
    BadOption
        If the place is outside the spectrum.
    """
    shape, middle = np.array(power.shape), np.array(power.shape) // 2
    at = np.rint(middle + np.array([near.row, near.column]) * shape).astype(int)
    if (at < 0).any() or (at >= shape).any():
        raise BadOption(f"There is no frequency {near.row:.3g}, {near.column:.3g} per pixel in the spectrum.")
    extent = np.maximum(np.ceil(np.broadcast_to(np.asarray(reach, dtype=float), (2,))), 1).astype(int)
    low, high = np.maximum(at - extent, 0), np.minimum(at + extent + 1, shape)
    part = np.asarray(power[low[0] : high[0], low[1] : high[1]], dtype=np.float64)
    best = low + np.array(np.unravel_index(int(np.argmax(part)), part.shape))
    shift = [_between(power, best, axis) for axis in (0, 1)]
    row, column = (best + shift - middle) / shape
    return Spot(float(row), float(column))


def _between(power: NDArray[np.floating], best: NDArray[np.int_], axis: int) -> float:
    index = best[axis]
    if not 0 < index < power.shape[axis] - 1:
        return 0.0
    line = power[:, best[1]] if axis == 0 else power[best[0]]
    values = np.asarray(line[index - 1 : index + 2], dtype=np.float64)
    if not (values > 0).all():
        return 0.0
    before, here, after = np.log(values)
    bend = before - 2 * here + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0 else 0.0


def extent_of_spots(power: NDArray[np.floating]) -> float:
    """Return the frequency, in cycles per pixel, within which all spots lie that stand out of the noise.

    The level of the noise is taken from the highest frequencies; power of noise is distributed
    exponentially, so that the level that no bin of noise reaches follows from their number.
    """
    far = [np.abs(np.arange(n) - n // 2) / n for n in power.shape]
    outer = [frequency > _OUTER * 0.5 for frequency in far]
    noise = np.concatenate([power[outer[0]].ravel(), power[:, outer[1]].ravel()])
    level = float(np.median(noise)) / np.log(2) * (np.log(power.size) + _CERTAINTY) if noise.size else 0.0
    # The cross through the middle is what the edges of the image leave behind.
    beside = [frequency * len(frequency) >= _CROSS for frequency in far]
    quadrants = power[np.ix_(*beside)]
    if not quadrants.size:
        return 0.5
    above = quadrants > max(level, _FAINT * float(quadrants.max()))
    rows, columns = (frequency[one] for frequency, one in zip(far, beside, strict=True))
    reach = [rows[above.any(axis=1)], columns[above.any(axis=0)]]
    return max((float(one.max()) for one in reach if one.size), default=0.5)

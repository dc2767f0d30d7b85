"""Power spectra of images, the lattice peaks in them, and the pixel size that a known spacing gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from napari_atomai.data.image import Image
from napari_atomai.errors import BadImage, BadOption
from napari_atomai.stat.spots import Spot, spot_near

_SMALLEST = 16
_LOWEST_BINS = 3  # nearer to the middle there are only slopes and the window's own lobe
_STANDS_OUT = 6.0  # how many times a peak's amplitude exceeds that of its ring
_APART = 4  # bins between peaks
_BETWEEN = 0.012  # bins, r.m.s.: how far the parabola between bins is off, however strong the peak
_BESIDE_AXES = 2  # bins: how far the cross through the middle reaches, of scan lines and of the edges
_ALONG_AXES = 31  # bins of that cross that a bin in it is compared with
_HIGHEST = 0.45  # cycles per pixel; a period of less than about two pixels is not measured


@dataclass(frozen=True)
class LatticePeak:
    """A set of lattice planes, seen as a peak of the power spectrum.

    Parameters
    ----------
    spot : Spot
        Spatial frequency, cycles per pixel; of the two opposite peaks the one to the right.
    spot_sd : float
        Standard error of the frequency, cycles per pixel: of noise and of the place between bins, not of
        scan distortion.
    strength : float
        How many times its amplitude exceeds that of its surroundings.
    """

    spot: Spot
    spot_sd: float
    strength: float

    @property
    def period_px(self) -> float:
        """Distance between the planes, pixels."""
        return self.spot.spacing()

    @property
    def period_sd_px(self) -> float:
        """Standard error of that distance, pixels."""
        return self.spot_sd * self.period_px**2


@dataclass(frozen=True)
class LatticeCalibration:
    """Pixel size that follows from a known distance of lattice planes.

    Parameters
    ----------
    pixel_size : (row, column)
        nm.
    relative_sd : float
        Standard error, relative to the pixel size.
    peak : LatticePeak
        What was measured.
    spacing_nm : float
        What was given.
    """

    pixel_size: tuple[float, float]
    relative_sd: float
    peak: LatticePeak
    spacing_nm: float


def power_spectrum(pixels: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the power spectrum of an image under a Hann window.

    Parameters
    ----------
    pixels : array, shape (y, x)
        Pixels that are not finite count as the mean of the others.

    Returns
    -------
    array of float32, shape (y, x)
        Frequency 0 is in the middle, at ``shape // 2``; row ``i`` stands for ``(i - y // 2) / y`` cycles
        per pixel. Scaled so that white noise of unit variance has a mean of 1.

    Raises
    ------
    BadImage
        If there are fewer than two rows and columns.
    """
    if pixels.ndim != 2 or min(pixels.shape) < 2:
        raise BadImage(
            f"A power spectrum needs rows and columns; the shape is {pixels.shape}.",
            remedy="Choose an image, or a larger region.",
        )
    finite = np.isfinite(pixels)
    mean = float(np.mean(pixels, where=finite, dtype=np.float64)) if finite.any() else 0.0
    flat = np.where(finite, pixels - mean, 0).astype(np.float32)
    windows = [np.hanning(n + 1)[:-1].astype(np.float32) for n in pixels.shape]
    flat *= windows[0][:, None]
    flat *= windows[1][None]
    half = np.abs(fft.rfft2(flat)) ** 2
    half /= np.float32(np.prod([float(np.sum(w.astype(np.float64) ** 2)) for w in windows]))
    return _whole(half, pixels.shape)


def _whole(half: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Fill in the half that a real transform leaves out, with frequency 0 in the middle."""
    rows, columns = shape
    whole = np.empty(shape, np.float32)
    middle = columns // 2
    right = np.fft.fftshift(half, axes=0)
    whole[:, middle:] = right[:, : columns - middle]
    opposite = (2 * (rows // 2) - np.arange(rows)) % rows
    whole[:, :middle] = right[opposite][:, middle:0:-1]
    return whole


def lattice_peaks(pixels: NDArray[np.floating], count: int = 8) -> list[LatticePeak]:
    """Return the peaks of the power spectrum that stand out of their surroundings, strongest first.

    Every peak is compared with the median of the ring of equal frequency, so that slopes and the fall-off
    of the microscope do not matter. Of two opposite peaks, which say the same, one is given.

    Parameters
    ----------
    pixels : array, shape (y, x)
        One image or region.
    count : int
        At most so many.

    Raises
    ------
    BadImage
        If there are fewer than 16 rows or columns.
    """
    if pixels.ndim != 2 or min(pixels.shape) < _SMALLEST:
        raise BadImage(
            f"A lattice needs at least {_SMALLEST} x {_SMALLEST} pixels; the shape is {pixels.shape}.",
            remedy="Choose an image, or a larger region.",
        )
    power = power_spectrum(_of_unit_size(pixels))
    contrast = _above_ring(power)
    best = ndimage.maximum_filter(contrast, size=2 * _APART + 1)
    where = np.argwhere((contrast == best) & (contrast > _STANDS_OUT))
    where = where[np.argsort(-contrast[tuple(where.T)])]
    where = where[_first_of_opposite(where - np.array(power.shape) // 2)][:count]
    return [_peak(power, row, column, float(contrast[row, column])) for row, column in where]


def _of_unit_size(pixels: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return pixels less their mean, the furthest at 1: currents in A are too small for float32 squared."""
    values = np.asarray(pixels, dtype=np.float64)
    finite = np.isfinite(values)
    largest = np.max(np.abs(values), where=finite, initial=0.0)
    if not largest:
        return values
    values = values / largest  # first, so that the mean of huge values does not overflow
    values = values - np.mean(values, where=finite)
    extent = np.max(np.abs(values), where=finite, initial=0.0)
    result: NDArray[np.float64] = values / extent if extent else values
    return result


def _first_of_opposite(bins: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which peaks do not lie opposite to one before them; close to the axis both are found."""
    apart = np.abs(bins[:, None] + bins[None]).max(axis=-1)
    result: NDArray[np.bool_] = ~np.tril(apart <= _APART, -1).any(axis=1)
    return result


def _above_ring(power: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the amplitude relative to the median of its ring; 0 where no peak is looked for."""
    far = [(np.arange(n) - n // 2) / n for n in power.shape]
    bins = [np.abs(f * n) for f, n in zip(far, power.shape, strict=True)]
    frequency = np.hypot(far[0][:, None], far[1][None])
    fine = np.rint(frequency * min(power.shape)).astype(np.int64)
    count = np.bincount(fine.ravel())
    order = np.argsort(fine, axis=None, kind="stable")
    middle = np.cumsum(count) - count + count // 2
    # Medians of all rings at once: sorted by ring, then by power, the median stands in the middle.
    by_power = power.ravel()[order]
    ranked = by_power[np.lexsort((by_power, fine.ravel()[order]))]
    medians = np.sqrt(ndimage.median_filter(ranked[np.minimum(middle, power.size - 1)], 5) + 1e-30)
    amplitude = np.sqrt(power.astype(np.float64))
    result: NDArray[np.float64] = amplitude / _with_cross(amplitude, medians[fine])
    nothing = (frequency > _HIGHEST) | (np.hypot(bins[0][:, None], bins[1][None]) < _LOWEST_BINS)
    nothing |= (bins[0][:, None] < 1.5) & (bins[1][None] < 1.5)
    nothing |= far[1][None] < 0  # the opposite peak says the same
    nothing |= (far[1][None] == 0) & (far[0][:, None] < 0)
    result[nothing] = 0
    return result


def _with_cross(amplitude: NDArray[np.float64], level: NDArray[np.float64]) -> NDArray[np.float64]:
    """Raise the level near the axes to what is usual along them: jumps between scan lines are no lattice."""
    level = level.copy()
    for axis in (0, 1):
        middle = amplitude.shape[1 - axis] // 2
        near = slice(max(middle - _BESIDE_AXES, 0), middle + _BESIDE_AXES + 1)
        where = (slice(None), near) if axis == 0 else (near, slice(None))
        size = (_ALONG_AXES, 1) if axis == 0 else (1, _ALONG_AXES)
        level[where] = np.maximum(level[where], ndimage.median_filter(amplitude[where], size))
    return level


def _peak(power: NDArray[np.float32], row: int, column: int, strength: float) -> LatticePeak:
    middle = np.array(power.shape) // 2
    at = (np.array([row, column]) - middle) / power.shape
    spot = spot_near(power, Spot(float(at[0]), float(at[1])), 1.0)
    # In bins: the Cramer-Rao bound under a Hann window, about 0.6 over the amplitude ratio, and the parabola.
    sd = float(np.hypot(0.6 / strength, _BETWEEN)) / min(power.shape)
    return LatticePeak(spot, sd, strength)


def calibrate_by_lattice(image: Image, peak: LatticePeak, spacing_nm: float) -> LatticeCalibration:
    """Return the pixel size for which a peak stands for lattice planes of a known distance.

    Parameters
    ----------
    image : Image
        Its ratio of row to column size is kept; where it says nothing, pixels are taken as square.
    peak : LatticePeak
        From `lattice_peaks`.
    spacing_nm : float
        Distance of the lattice planes (d, not the distance of atoms), nm.

    Raises
    ------
    BadOption
        If the distance is not a positive number.
    """
    if not np.isfinite(spacing_nm) or spacing_nm <= 0:
        raise BadOption(
            f"A distance of lattice planes of {spacing_nm} nm is not possible.",
            remedy="Give the known distance in nm, for instance 0.3905 for SrTiO3 (100).",
        )
    ratio = image.pixel_ratio
    columns = spacing_nm / peak.spot.spacing((ratio, 1.0))
    relative = peak.spot_sd / peak.spot.frequency()
    return LatticeCalibration((columns * ratio, columns), relative, peak, spacing_nm)

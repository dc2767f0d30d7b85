"""The distance between neighbouring columns of a crystal, measured in its image before any is found.

Periodic order stands out in the Fourier transform as isolated peaks. Kept alone, they give back an image of
the lattice without noise and background, and the nearest distance between its maxima is read off. Noise,
amorphous films, edges and gratings have no such peaks in two directions: the answer is then None.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft, ndimage
from scipy.spatial import cKDTree

from napari_atomai.locate import windows

Array = NDArray[np.float64]

_LARGEST = 1024
"""Side of the largest piece that is transformed."""

_FEWEST_PERIODS = 5
"""A lattice must repeat so many times across the image to be called one."""

_SHORTEST = 2.2
"""Shortest period in pixels that is believed; two is where aliasing begins."""

_FINE = 6.0
"""A coarse version of a large image is trusted when columns are this many of its pixels apart."""

_CENTRE = 64
"""Distance from the centre, in periods across the image, up to which noise may change within few of them."""

_LOWER = 0.35
"""Part of the pixels of a ring that are surely noise."""

_FAINTEST = 1e-3
"""Peaks with a smaller part of the strongest peak's power are left out."""

_ORDERS = 3.5
"""Peaks more than this many times farther out than the innermost strong one are left out."""

_MARGIN = 9.0
"""A peak must exceed the noise around it by ln(number of pixels) plus this, in units of the noise."""


def autocorrelation_spacing(image: ArrayLike) -> float | None:
    """Estimate the distance between neighbouring columns from the image's Fourier transform.

    Parameters
    ----------
    image : array, shape (Y, X)
        Bright columns; give the negative of an image with dark ones. What is not finite is filled.

    Returns
    -------
    float or None
        In pixels; None when no lattice is seen.

    Raises
    ------
    BadImage
        If the image is not two-dimensional numbers.

    Notes
    -----
    A first guess, to be checked against what is found. It is known to see a lattice in a sharp-edged
    rectangle and in a noiseless ramp, and to be wrong by up to a half when fewer than six periods are seen.
    """
    pixels = windows.plain(image)
    if min(pixels.shape) < 16:
        return None
    factor = -(-max(pixels.shape) // _LARGEST)
    if factor == 1:
        return _measure(pixels)
    coarse, _ = windows.binned(pixels, np.isfinite(pixels), factor)
    found = _measure(coarse)
    if found is not None and found >= _FINE:
        return float(found * factor)
    each = (_measure(piece) for piece in _pieces(pixels))
    return next((spacing for spacing in each if spacing is not None), None)


def _clean(pixels: NDArray[np.floating]) -> Array:
    """Fill what is not finite, and keep single hot pixels from being seen everywhere."""
    good = np.isfinite(pixels)
    if not good.any():
        return np.zeros(pixels.shape)
    low, middle, high = np.percentile(pixels[good].astype(np.float64), [0.1, 50, 99.9])
    clean: Array = np.clip(
        np.where(good, pixels, middle).astype(np.float64) - middle, low - middle, high - middle
    )
    return clean / (high - low) if high > low else np.zeros(pixels.shape)


def _pieces(pixels: NDArray[np.floating]) -> list[NDArray[np.floating]]:
    """Cut out the middle, then the middles of the four quarters, at full resolution."""
    sides = [min(n, _LARGEST) for n in pixels.shape]
    rows, cols = (
        [int(part * (n - side)) for part in (0.5, 0.15, 0.85)]
        for n, side in zip(pixels.shape, sides, strict=True)
    )
    corners = [(rows[0], cols[0]), *((row, col) for row in rows[1:] for col in cols[1:])]
    return [pixels[r : r + sides[0], c : c + sides[1]] for r, c in corners]


def _measure(pixels: NDArray[np.floating]) -> float | None:
    pixels = _clean(pixels)
    window = np.outer(*(np.hanning(n + 2)[1:-1] for n in pixels.shape))
    smooth = pixels
    for _ in range(2):
        smooth = ndimage.uniform_filter(smooth, min(pixels.shape) // 3, mode="nearest")
    spectrum = fft.fft2((pixels - smooth) * window)
    bragg = _bragg_peaks(np.abs(spectrum) ** 2)
    if not _two_directions(bragg, pixels.shape):
        return None
    mask = np.zeros(pixels.shape)
    mask[tuple(bragg.T)] = 1.0
    mask = ndimage.maximum_filter(mask, footprint=_DISC, mode="wrap")
    lattice = fft.ifft2(spectrum * mask).real
    central = window > 0.15
    found = _distance_of_maxima(np.where(central, lattice / np.maximum(window, 0.15), 0.0), central)
    # Waves cannot make maxima closer than about half the shortest of them, other than by accident.
    finest = np.hypot(*(f.ravel()[i] for f, i in zip(_frequencies(pixels.shape), bragg.T, strict=True))).max()
    return found if found is not None and found * finest > 0.5 else None


_DISC = np.hypot(*np.mgrid[-3:4, -3:4]) <= 3.2
"""What is kept around a peak: slow changes of the lattice live there."""


def _frequencies(shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Row and column frequencies in periods per pixel, ready to broadcast."""
    return fft.fftfreq(shape[0])[:, None], fft.fftfreq(shape[1])[None, :]


def _bragg_peaks(power: Array) -> NDArray[np.intp]:
    """Find the indices (M, 2) of isolated peaks far above the noise around them."""
    frequency = np.hypot(*_frequencies(power.shape))
    allowed = (frequency >= _FEWEST_PERIODS / min(power.shape)) & (frequency <= 1 / _SHORTEST)
    contrast = np.where(allowed, power / np.maximum(_noise(power, frequency), 1e-300), 0.0)
    highest = ndimage.maximum_filter(power, size=5, mode="wrap") == power
    peaks = highest & (contrast > np.log(power.size) + _MARGIN)
    strongest = power[peaks].max(initial=0.0)
    peaks &= power >= _FAINTEST * strongest
    lead = frequency[peaks & (power >= 0.1 * strongest)]
    peaks &= frequency <= _ORDERS * lead.min(initial=1.0)
    return np.argwhere(peaks)


def _noise(power: Array, frequency: Array, side: int = 8) -> Array:
    """Mean of noise with the median that is seen around each place, and at its distance from the centre.

    The first keeps streaks from passing as peaks, the second what rises towards the centre.
    """
    rows, cols = (n // side * side for n in power.shape)
    grid = (rows // side, side, cols // side, side)
    median = np.median(fft.fftshift(power)[:rows, :cols].reshape(grid), axis=(1, 3))
    distance = fft.fftshift(frequency)[:rows, :cols].reshape(grid).mean((1, 3))
    local = ndimage.median_filter(median, size=3, mode="wrap")
    ring = np.round(distance * min(rows, cols) / side).astype(np.int64)
    around = ndimage.median(median, ring, index=np.arange(ring.max() + 1))[ring]
    wide = np.maximum(local, around).repeat(side, 0).repeat(side, 1) / np.log(2)
    wide = np.pad(wide, [(0, power.shape[0] - rows), (0, power.shape[1] - cols)], mode="edge")
    noise: Array = fft.ifftshift(wide)
    radius = frequency * min(power.shape)
    centre = radius < _CENTRE
    # There are fewer places in the centre than in the whole, and fewer chances of a high one.
    noise[centre] = np.maximum(noise[centre], 0.4 * _ring_noise(power[centre], radius[centre]))
    return noise


def _ring_noise(power: Array, radius: Array) -> Array:
    """Mean of noise from the lower third of each ring: peaks may take up half of a small one."""
    ring = np.round(radius).astype(np.int64)
    order = np.lexsort((power, ring))
    count = np.bincount(ring)
    lower = power[order][np.cumsum(count) - count + (count * _LOWER).astype(np.int64)]
    noise: Array = lower[ring] / -np.log(1 - _LOWER)
    return noise


def _two_directions(bragg: NDArray[np.intp], shape: tuple[int, ...]) -> bool:
    """Whether two peaks do not lie on one line through the centre."""
    if len(bragg) < 4:
        return False
    rows, cols = _frequencies(shape)
    angle = np.arctan2(rows[bragg[:, 0], 0], cols[0, bragg[:, 1]])
    apart = np.abs(np.sin(angle[:, None] - angle))
    return bool(apart.max() > 0.3)


def _distance_of_maxima(lattice: Array, inside: NDArray[np.bool_]) -> float | None:
    """Median distance between neighbouring maxima that are not mere ripples."""
    low, high = np.percentile(lattice[inside], [1, 99])
    top = (ndimage.maximum_filter(lattice, size=3) == lattice) & inside
    top &= lattice > low + 0.4 * (high - low)
    top[[0, -1]] = top[:, [0, -1]] = False
    rows, cols = np.nonzero(top)
    if len(rows) < 8:
        return None
    centre = lattice[rows, cols]
    positions = np.stack([rows, cols], axis=1).astype(np.float64)
    for axis, (down, right) in enumerate(((1, 0), (0, 1))):
        before, after = lattice[rows - down, cols - right], lattice[rows + down, cols + right]
        curve = 2 * centre - before - after
        positions[:, axis] += np.where(curve > 0, 0.5 * (after - before) / np.maximum(curve, 1e-300), 0.0)
    nearest, third = np.median(cKDTree(positions).query(positions, k=4)[0], axis=0)[[1, 3]]
    # Maxima in small clusters, far from each other, are ripples on top of something larger.
    return float(nearest) if third < 3.5 * nearest else None

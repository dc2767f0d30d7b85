"""Columns to counts: the probe, the scan and the detector.

Columns are Gaussians with an optional wider skirt (probe tails); distortions follow the list of
Lobato et al., arXiv:2303.17025.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Vector = NDArray[np.float64]
Picture = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Columns:
    """Atomic columns to be drawn.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Row, column, in pixels.
    amplitudes : array, shape (N,)
        Height of each column above the background.
    sigmas : array, shape (N, 2)
        Standard deviation along rows and columns, in pixels.
    """

    positions: Vector
    amplitudes: Vector
    sigmas: Vector


def draw(
    columns: Columns, shape: tuple[int, int], *, skirt: float = 0.0, skirt_width: float = 2.5
) -> Picture:
    """Draw columns as Gaussians, each with a share `skirt` of its height in a wider Gaussian.

    Returns
    -------
    array of float32, shape `shape`
    """
    picture = _gaussians(columns.positions, columns.amplitudes * (1 - skirt), columns.sigmas, shape)
    if skirt > 0:
        wide = columns.sigmas * skirt_width
        picture += _gaussians(columns.positions, columns.amplitudes * skirt, wide, shape)
    return picture


def _gaussians(positions: Vector, amplitudes: Vector, sigmas: Vector, shape: tuple[int, int]) -> Picture:
    # A Gaussian is a product of one along rows and one along columns: all of them are one matrix product.
    along = []
    for axis in (0, 1):
        grid = np.arange(shape[axis], dtype=np.float32)
        distance = (grid[None] - positions[:, axis, None].astype(np.float32)) / sigmas[:, axis, None].astype(
            np.float32
        )
        along.append(np.exp(-0.5 * distance * distance))
    picture: Picture = (along[0] * amplitudes[:, None].astype(np.float32)).T @ along[1]
    return picture


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """How an image was taken. Lengths are in pixels of the finished image.

    Parameters
    ----------
    dose : float
        Electrons counted per pixel where the picture is 1.
    read_noise : float
        Standard deviation of detector noise, in units of the picture.
    jitter : float
        Standard deviation of the sideways shift of a scan line.
    row_gain : float
        Relative standard deviation of the brightness of scan lines.
    row_offset : float
        Standard deviation of what is added to a whole scan line, in units of the picture.
    blur : float
        Standard deviation of a Gaussian blur after detection (averaging, filtering).
    hot_pixels : float
        Share of pixels that are far too bright or too dark.
    gamma : float
        Contrast curve applied at the end, on a picture scaled 0 to 1.
    saturation : float
        Quantile above which the picture is clipped; 1 = none.
    """

    dose: float = 100.0
    read_noise: float = 0.0
    jitter: float = 0.0
    row_gain: float = 0.0
    row_offset: float = 0.0
    blur: float = 0.0
    hot_pixels: float = 0.0
    gamma: float = 1.0
    saturation: float = 1.0


def expose(picture: Picture, conditions: Conditions, rng: np.random.Generator) -> Picture:
    """Record a noiseless picture: scan distortion, counting statistics, detector.

    Parameters
    ----------
    picture : array, shape (y, x)
        Expected brightness; 1 gives ``conditions.dose`` counts.
    conditions : Conditions
        Dose, and the faults of scan and detector.
    rng : numpy.random.Generator
        Where all noise comes from.

    Returns
    -------
    array of float32, shape (y, x)
        In the units of `picture` unless `gamma` differs from 1.
    """
    seen = shift_lines(picture, conditions.jitter, rng)
    if conditions.row_gain > 0:
        seen = seen * (1 + conditions.row_gain * rng.standard_normal((len(seen), 1))).astype(np.float32)
    counts = rng.poisson(np.clip(seen, 0, None) * conditions.dose)
    image = (counts / conditions.dose).astype(np.float32)
    if conditions.row_offset > 0:
        image += conditions.row_offset * rng.standard_normal((len(image), 1), dtype=np.float32)
    if conditions.read_noise > 0:
        image += conditions.read_noise * rng.standard_normal(image.shape, dtype=np.float32)
    if conditions.blur > 0:
        image = ndimage.gaussian_filter(image, conditions.blur)
    if conditions.hot_pixels > 0:
        hit = rng.random(image.shape) < conditions.hot_pixels
        image[hit] = rng.uniform(image.min(), 2 * image.max() + 0.1, int(hit.sum()))
    if conditions.saturation < 1:
        image = np.minimum(image, np.quantile(image, conditions.saturation))
    if conditions.gamma != 1:
        low, high = float(image.min()), float(image.max())
        image = ((image - low) / max(high - low, 1e-12)) ** conditions.gamma
    return image.astype(np.float32)


def shift_lines(picture: Picture, jitter: float, rng: np.random.Generator) -> Picture:
    """Shift each scan line sideways by a normal amount of standard deviation `jitter` pixels."""
    if jitter <= 0:
        return picture
    rows, columns = picture.shape
    where = np.arange(columns) + jitter * rng.standard_normal((rows, 1))
    where = np.clip(where, 0, columns - 1)
    left = np.minimum(where.astype(np.int64), columns - 2)
    share = (where - left).astype(np.float32)
    line = np.arange(rows)[:, None]
    shifted: Picture = picture[line, left] * (1 - share) + picture[line, left + 1] * share
    return shifted


def speckle(shape: tuple[int, int], grain: float, rng: np.random.Generator) -> Picture:
    """Return amorphous material: smoothed noise of zero mean and unit deviation, `grain` pixels coarse."""
    noise = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), grain, mode="wrap")
    spread = float(noise.std())
    return noise / spread if spread > 0 else noise

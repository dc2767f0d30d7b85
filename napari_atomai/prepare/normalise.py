"""The one scaling of intensities, used in training and in prediction alike.

Two channels are made of an image: its brightness between two percentiles, and its contrast against
the surroundings. The second lets a net see columns on thickness gradients, the first tells vacuum
from sample.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Picture = NDArray[np.float32]

CHANNELS = 2
"""Channels that `channels` makes."""

LOW_PERCENTILE, HIGH_PERCENTILE = 1.0, 99.5
SURROUNDINGS = 18.0
"""Standard deviation in pixels of the Gaussian that says what an atom's surroundings are."""

_BLOCK = 4
_REACH = 48
_FLAT = 0.05
_DARKEST = -0.5
_MAX_SAMPLES = 1_000_000


def channels(image: NDArray[Any]) -> Picture:
    """Scale an image at the net's own pixel size.

    Parameters
    ----------
    image : array, shape (y, x)
        Real numbers; pixels that are not finite count as the median.

    Returns
    -------
    array of float32, shape (2, y, x)
        Brightness (about 0 to 1, more for the brightest) and local contrast (about -2 to 2). All zeros
        for a constant image.
    """
    pixels = finite(image)
    low, high = percentiles(pixels)
    span = high - low
    if not span > 0:
        return np.zeros((CHANNELS, *pixels.shape), np.float32)
    bright = compressed(np.maximum((pixels - low) / span, _DARKEST)).astype(np.float32)
    above = bright - _surroundings(bright)
    spread = _surroundings(above * above)
    contrast = above / np.sqrt(spread + (_FLAT * float(above.std())) ** 2 + 1e-12)
    return np.stack([bright, np.clip(contrast, -8, 8) / 2]).astype(np.float32)


def _surroundings(image: Picture) -> Picture:
    """Return the image under the Gaussian of `SURROUNDINGS`, made from means over blocks of pixels.

    So wide a Gaussian leaves nothing that blocks could miss, and what they and the straight lines between
    their middles blur, it blurs less: the widths add up to that of the Gaussian itself.
    """
    rows, columns = image.shape
    if min(rows, columns) < 4 * SURROUNDINGS:
        return ndimage.gaussian_filter(image, SURROUNDINGS, mode="reflect", truncate=2.5)
    # As far as the Gaussian reaches, or what is mirrored at the end of the last block would count instead.
    padded = np.pad(image, [(_REACH, _REACH + -n % _BLOCK) for n in image.shape], mode="symmetric")
    blocks = padded.reshape(padded.shape[0] // _BLOCK, _BLOCK, -1, _BLOCK).mean(axis=(1, 3))
    own = (_BLOCK**2 - 1) / 12 + (_BLOCK**2) / 6  # variances of a block and of a line between two
    sigma = float(np.sqrt(SURROUNDINGS**2 - own)) / _BLOCK
    coarse: Picture = ndimage.gaussian_filter(blocks, sigma, mode="reflect", truncate=2.5)
    inner = slice(_REACH // _BLOCK - 1, 1 - _REACH // _BLOCK)
    fine = _interpolated(_interpolated(coarse[inner, inner]).T).T
    return fine[_BLOCK : _BLOCK + rows, _BLOCK : _BLOCK + columns]


def _interpolated(coarse: Picture) -> Picture:
    """Return rows `_BLOCK` times as dense, on straight lines between the middles of the given ones."""
    framed = np.pad(coarse, [(1, 1), (0, 0)], mode="edge")
    before, here, after = framed[:-2], framed[1:-1], framed[2:]
    result = np.empty((len(coarse), _BLOCK, coarse.shape[1]), np.float32)
    for index in range(_BLOCK):
        share = np.float32((index + 0.5) / _BLOCK - 0.5)
        other = after if share > 0 else before
        result[:, index] = here + abs(share) * (other - here)
    return result.reshape(-1, coarse.shape[1])


def compressed(brightness: NDArray[Any]) -> NDArray[Any]:
    """Let brightness above 1 grow as its logarithm: a heavy atom among light ones stays a peak."""
    return np.where(brightness > 1, 1 + np.log(np.maximum(brightness, 1)), brightness)


def finite(image: NDArray[Any]) -> NDArray[np.float32]:
    """Return the image as float32 with pixels that are not finite set to the median of the others.

    The mean is taken off in double precision first, so that a small contrast on a large offset survives.
    """
    pixels = np.asarray(image)
    if pixels.dtype.kind != "f":
        pixels = pixels.astype(np.float64)
    known = np.isfinite(pixels)
    if not known.any():
        return np.zeros(pixels.shape, np.float32)
    if not known.all():
        pixels = np.where(known, pixels, np.median(pixels[known]))
    pixels = pixels.astype(np.float64, copy=False)
    largest = float(np.abs(pixels).max())
    scale = 1.0 if largest < 1e18 else largest
    single: Picture = ((pixels - pixels.mean()) / scale).astype(np.float32)
    return single


def percentiles(pixels: NDArray[Any]) -> tuple[float, float]:
    """Return the two percentiles that brightness is measured between, from a sample of a large image."""
    step = max(1, int(np.sqrt(pixels.size / _MAX_SAMPLES)))
    low, high = np.percentile(pixels[::step, ::step], [LOW_PERCENTILE, HIGH_PERCENTILE])
    return float(low), float(high)

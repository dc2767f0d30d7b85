"""Lone atoms on a support: what the nets see there, and how far a spot stands out of the grain around it.

Without a lattice no spacing tells the scale: the width of the spots does. Neighbours say nothing of an atom
either, and a single net takes grains of the film for atoms, so three zooms are pooled, and the height of the
spot above its surroundings counts as evidence of its own (the matched filter of a spot: a difference of
Gaussians, Lindeberg, Int. J. Comput. Vis. 30, 79 (1998)).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit, logit

from napari_atomai.data.progress import Progress
from napari_atomai.locate.centres import find_peaks
from napari_atomai.predictors.detect import FLOOR, Detected, pooled, spread_at, to_size
from napari_atomai.predictors.finder import Finder
from napari_atomai.predictors.scale import resized
from napari_atomai.prepare.normalise import channels

Map = NDArray[np.float32]

APART = 2.5
"""Two lone atoms are never nearer than this many of their widths."""

_WIDTH = 1.8
"""Standard deviation, in pixels, of the spots that the nets see best."""

_ZOOMS = (2**-0.5, 1.0, 2**0.5)
_SMALLEST, _LARGEST = 0.15, 1.5
_SCALES = 2.0 ** np.arange(0, 3.6, 0.5)
_PART = 768
_AROUND = 28
"""Side of the square, in widths of a spot, over which grain is measured."""

_ENOUGH = 5.0
"""Noise that far out is so rare that more of it is no more evidence."""

_ODDS = 1e-4


def width_of(frame: NDArray[Any]) -> float:
    """Return the standard deviation of the spots in a frame, pixels; NaN where none stand out.

    Parameters
    ----------
    frame : array, shape (y, x)
        Finite pixels, atoms bright.

    Notes
    -----
    The width under which maxima rise furthest above what noise alone would reach.
    """
    starts = [max((n - _PART) // 2, 0) for n in frame.shape]
    part = np.asarray(frame[starts[0] : starts[0] + _PART, starts[1] : starts[1] + _PART], np.float32)
    scales = [float(scale) for scale in _SCALES if scale == 1 or scale < min(part.shape) / 16]
    evidence = np.array([_evidence(part, scale) for scale in scales])
    best = int(np.argmax(evidence))
    if evidence[best] == 0:
        return float("nan")
    return float(scales[best] * 2 ** (0.5 * _vertex(np.sqrt(evidence), best)))


def standing_out(frame: NDArray[Any], width: float) -> Map:
    """Return how far each pixel rises above its surroundings, in standard deviations of the grain near it.

    Parameters
    ----------
    frame : array, shape (y, x)
        Finite pixels.
    width : float
        Standard deviation of a spot, pixels.
    """
    pixels = np.asarray(frame, np.float32)
    band: Map = ndimage.gaussian_filter(pixels, width, mode="nearest")
    band -= ndimage.gaussian_filter(pixels, 2 * width, mode="nearest")
    # Clipped at three deviations: atoms shall not count as grain.
    most = 3.0 * float(np.sqrt(np.median(band**2)))
    side = 2 * int(_AROUND * width / 2) + 1
    power = ndimage.uniform_filter(np.minimum(np.abs(band), most) ** 2, side, mode="nearest")
    least = 1e-12 * float(band.var()) + float(np.finfo(np.float32).tiny)
    band /= np.sqrt(np.maximum(power, least))
    return band


def detecting_alone(finder: Finder, frame: NDArray[Any], width: float) -> Generator[Progress, None, Detected]:
    """Find candidates in a frame that shows no lattice.

    Parameters
    ----------
    finder : Finder
        Nets whose card says what evidence is worth (`ModelCard.lone`).
    frame : array, shape (y, x)
        Finite pixels, atoms bright.
    width : float
        Standard deviation of a spot, pixels.

    Returns
    -------
    Detected
        Scores are probabilities that an atom is there, seen by itself.
    """
    slope, offset = finder.card.lone
    evidence = np.minimum(standing_out(frame, width), _ENOUGH)
    spread = None
    for number, factor in enumerate(_ZOOMS):
        zoom = min(max(_WIDTH / width * factor, _SMALLEST), _LARGEST)
        probability, apart = yield from pooled(finder, channels(resized(frame, zoom)), number, len(_ZOOMS))
        seen = np.clip(to_size(probability, frame.shape), _ODDS, 1 - _ODDS)
        evidence += logit(seen) / len(_ZOOMS)
        if factor == 1.0 and apart is not None:
            spread = to_size(apart, frame.shape)
    probability = expit(np.float32(slope) * evidence + np.float32(offset))
    peaks = find_peaks(probability, min_distance=APART * width, floor=FLOOR)
    return Detected(peaks, spread_at(spread, peaks.positions), probability, spread)


def _evidence(part: Map, width: float) -> float:
    height = standing_out(part, width)
    top = ndimage.maximum_filter(height, 2 * int(np.ceil(1.5 * width)) + 1, mode="nearest") == height
    # The height that some maximum of noise reaches in one image of ten.
    noise = np.sqrt(2 * np.log(max(0.1 * part.size / width**2, 3.0)))
    above = np.maximum(height[top], 0) ** 2 - noise**2
    return float(np.maximum(above, 0).sum())


def _vertex(values: NDArray[np.floating], top: int) -> float:
    """Return the steps from the highest of some values to the vertex of the parabola through it."""
    if not 0 < top < len(values) - 1:
        return 0.0
    before, here, after = values[top - 1 : top + 2]
    bend = before - 2 * here + after
    return float((before - after) / (2 * bend)) if bend < 0 else 0.0

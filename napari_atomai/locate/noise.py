"""How noisy a pixel is, learnt from what a fit leaves over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Pixels = NDArray[np.float32]

_BINS = 16
_ENOUGH = 300
"""Pixels below which the noise is taken to be the same everywhere."""


@dataclass(frozen=True)
class Noise:
    """Variance of a pixel that ought to have a given value: ``base + slope * value``.

    Counting gives a slope, the electronics a base; both hold in any unit and with any offset.

    Parameters
    ----------
    base, slope : float
    least : float
        The variance is never taken to be smaller, so that no pixel decides alone.
    """

    base: float = 1.0
    slope: float = 0.0
    least: float = 1e-30

    def weights(self, expected: Pixels) -> Pixels:
        """One over the variance of pixels that ought to have these values."""
        if self.slope == 0.0:
            return np.full(expected.shape, 1.0 / max(self.base, self.least), np.float32)
        variance = expected * np.float32(self.slope)
        variance += np.float32(self.base)
        np.maximum(variance, np.float32(self.least), out=variance)
        weights: Pixels = np.reciprocal(variance, out=variance)
        return weights


def learn(expected: Array, residual: Array) -> Noise:
    """Fit a straight line to the squared residuals over the expected value.

    Parameters
    ----------
    expected, residual : array, shape (M,)
        Of pixels all over the image.

    Returns
    -------
    Noise
        The same everywhere when there are too few pixels, or no sign that bright ones are noisier.
    """
    if not np.any(residual):
        return Noise()
    if len(expected) < _ENOUGH:
        return Noise(float(np.square(residual).mean()))
    order = np.array_split(np.argsort(expected, kind="stable"), _BINS)
    value = np.array([expected[part].mean() for part in order])
    variance = np.array([np.square(residual[part]).mean() for part in order])
    least = 0.05 * float(np.median(variance))
    flat = Noise(float(np.square(residual).mean()), 0.0, least)
    if np.ptp(value) == 0 or least == 0:
        return flat
    expect = variance
    slope = base = 0.0
    for _ in range(3):
        # The scatter of a mean square is proportional to itself: weigh by one over what is expected.
        weight = 1.0 / np.maximum(expect, least) ** 2
        weight /= weight.sum()
        middle, mean = weight @ value, weight @ variance
        slope = float(weight @ ((value - middle) * (variance - mean)) / (weight @ (value - middle) ** 2))
        base = float(mean - slope * middle)
        expect = base + slope * value
    return Noise(base, slope, least) if slope > 0 else flat

"""How well Gaussians stand for the pixels of their windows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_atomai.locate import gaussian
from napari_atomai.locate.gaussian import COL, ROW, Normal, Windows

Array = NDArray[np.float64]
Pixels = NDArray[np.float32]


def rough_error(fitted: gaussian.Fitted, cut: Windows) -> Array:
    """Error bar of the position without correlations: to measure moves by."""
    normal = fitted.normal
    pixels = np.count_nonzero(_flat(cut.weights), axis=1)
    noisy = np.sqrt(np.maximum(normal.cost, 0) / np.maximum(pixels - gaussian.PARAMETERS, 1))
    stiff = np.sqrt(np.maximum(np.einsum("nii->ni", normal.matrix)[:, [ROW, COL]], 1e-300))
    errors = np.abs(gaussian.scale(fitted.parameters)[:, [ROW, COL]]) / stiff
    return np.asarray(noisy * errors.max(1), np.float64)


def goodness(cut: Windows, normal: Normal) -> Array:
    """Residual variance in units of the weights, quality, gain and number of pixels: (4, n)."""
    weights, data = _flat(cut.weights), _flat(cut.data)
    pixels = np.count_nonzero(weights, axis=1)
    weight = np.einsum("nk->n", weights, dtype=np.float64)
    mean = np.einsum("nk,nk->n", weights, data) / np.maximum(weight, 1e-300)
    data = data - mean[:, None].astype(np.float32)
    spread = np.einsum("nk,nk,nk->n", weights, data, data).astype(np.float64)
    cost = np.maximum(normal.cost, 0)
    unit = cost / np.maximum(pixels - gaussian.PARAMETERS, 1)
    lower = np.maximum(spread - cost, 0)
    quality = np.clip(lower / np.maximum(spread, 1e-300), 0, 1)
    # A noise-free image explains itself without end.
    gain = np.minimum(lower, 1e12 * unit) / np.where(unit > 0, unit, 1.0)
    return np.stack([unit, quality, np.where(unit > 0, gain, 1e12 * (lower > 0)), pixels.astype(np.float64)])


def plain(cut: Windows, unit: Array) -> tuple[Windows, Pixels]:
    """Windows whose pixels all count alike, and the variance of each pixel."""
    used = (cut.weights > 0).astype(np.float32)
    variance = used / np.where(used > 0, cut.weights, 1.0) * unit[:, None, None]
    return Windows(cut.data, used), variance.astype(np.float32)


def _flat(cut: Pixels) -> Pixels:
    return cut.reshape(len(cut), cut.shape[1] * cut.shape[2])

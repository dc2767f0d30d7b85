"""Small pictures of datasets, for lists. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_atomai.data.image import Image
from napari_atomai.plugin.layers import contrast_limits, first_look, sampled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_atomai.data.spectrum import Spectrum

_PIXELS = 192 * 192
_ROWS, _COLUMNS = 64, 96


def thumbnail(dataset: Image | Spectrum) -> NDArray[np.uint8]:
    """Draw a dataset in grey, shape (rows, columns): an image's first look, the curve of a spectrum.

    Lazy pixels are read here: call it in a worker.
    """
    if isinstance(dataset, Image):
        return _grey(sampled(dataset.pixels[first_look(dataset)], _PIXELS))
    if dataset.n_points > 1:
        return _grey(sampled(dataset.values, _PIXELS))
    return _curve(np.asarray(dataset.at(0), dtype=np.float64))


def _grey(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    low, high = contrast_limits(pixels)
    grey = np.clip((pixels.astype(np.float64) - low) / (high - low), 0, 1)
    return np.ascontiguousarray(np.nan_to_num(255 * grey), dtype=np.uint8)


def _curve(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Fill what lies under a curve; each column shows the highest of its channels."""
    known = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    starts = np.unique(np.linspace(0, len(known), _COLUMNS, endpoint=False).astype(int))
    tops = np.maximum.reduceat(known, starts)
    low, high = float(tops.min()), float(tops.max())
    height = 1 + (_ROWS - 2) * (tops - low) / ((high - low) or 1.0)
    filled = np.arange(_ROWS)[::-1, np.newaxis] < height
    return np.where(filled, 200, 30).astype(np.uint8)

"""Pairs of a spot whose place gives a spectrum its peak."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DIMS: tuple[tuple[int, int], tuple[int]] = ((7, 9), (13,))
SMALL = {"nbfilters_encoder": 6, "nbfilters_decoder": 6, "nblayers_encoder": 2, "nblayers_decoder": 2}


def spots(count: int = 48, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return images (n, 7, 9) of some hundred counts, and spectra (n, 13) of about 1e-9."""
    place = np.random.default_rng(seed).uniform(1, 7, count)[:, None, None]
    rows, columns = np.indices((7, 9))
    images = 300 + 100 * np.exp(-((rows - 3) ** 2 + (columns - place) ** 2) / 4)
    spectra = 1e-9 * np.exp(-((np.arange(13) - 1.5 * place[:, :, 0]) ** 2) / 8)
    return images, spectra


def r2(truth: NDArray[np.float64], told: NDArray[np.float32]) -> float:
    """Return the share of variance that is explained."""
    return float(1 - np.square(truth - told).sum() / np.square(truth - truth.mean(axis=0)).sum())

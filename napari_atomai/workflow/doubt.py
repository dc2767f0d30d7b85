"""How much is not known of a pixel, and how much of that the nets of an ensemble disagree about. No torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

_LEAST = 1e-7
_LEAST_VARIANCE = 1e-12

Map = NDArray[np.float32]


def entropy(probability: NDArray[Any]) -> Map:
    """Return the entropy of a yes or no of that probability, in bits, of the same shape: 1 is "no idea"."""
    p = np.clip(np.asarray(probability, np.float64), _LEAST, 1 - _LEAST)
    return np.asarray(-(p * np.log2(p) + (1 - p) * np.log2(1 - p)), np.float32)


def mutual_information(probability: NDArray[Any], spread: NDArray[Any]) -> Map:
    """Return what the nets of an ensemble disagree about, in bits: the part of the entropy that is theirs.

    It is the entropy of the mean less the mean of the entropies (BALD: Houlsby et al., arXiv:1112.5745). The
    members' probabilities are taken to follow the beta distribution of that mean and standard deviation,
    whose mean entropy is known in closed form.

    Parameters
    ----------
    probability : array
        Mean probability of the members.
    spread : array of the same shape
        Their standard deviation.

    Returns
    -------
    array of float32
        0 where all agree, 1 where half of them are sure of yes and the other half of no.
    """
    m = np.clip(np.asarray(probability, np.float64), _LEAST, 1 - _LEAST)
    largest = m * (1 - m)
    variance = np.clip(np.asarray(spread, np.float64) ** 2, _LEAST_VARIANCE, largest * (1 - _LEAST))
    size = largest / variance - 1
    within = digamma(size + 1) - m * digamma(m * size + 1) - (1 - m) * digamma((1 - m) * size + 1)
    return np.asarray(np.clip(entropy(m) - within / np.log(2), 0, 1), np.float32)

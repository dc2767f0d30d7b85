"""What width the atoms of one image have in common, from what each of them says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_atomai.locate import gaussian
from napari_atomai.locate.gaussian import COL, ROW, SIGMA_COL, SIGMA_ROW, Normal, WidthPrior

Array = NDArray[np.float64]

_POPULATION = 8
"""Fewer atoms say nothing about what width is common."""

_SPREAD = 0.1
"""Widths are taken to differ by at least this part of their mean."""


def learn(parameters: Array, normal: Normal, unit: Array, prior: WidthPrior) -> WidthPrior:
    """Learn the common width, and how far widths really differ.

    Every atom is asked what it would say without the prior, and counts by how sure it is of it. A centre that
    is fitted to noise makes a Gaussian narrower by half its variance over its width (the mean of the second
    derivative of the likelihood); this is put back, or thousands of faint atoms would agree on too narrow a
    width.

    Parameters
    ----------
    parameters : array, shape (N, 6)
        Fitted with `prior`.
    normal : Normal
        Normal equations there.
    unit : array, shape (N,)
        Variance of the noise in units of the weights.
    prior : WidthPrior
        What was known before.

    Returns
    -------
    WidthPrior
        One that says nothing where there are too few atoms.
    """
    inverse = np.einsum("nii->ni", gaussian.inverse(normal.matrix))
    good = np.isfinite(inverse).all(1) & (unit > 0)
    variance = np.where(good[:, None], inverse, 1.0) * gaussian.scale(parameters) ** 2 * unit[:, None]
    if good.sum() < _POPULATION:
        return WidthPrior()
    width = parameters[good, SIGMA_ROW : SIGMA_COL + 1]
    place, post = variance[good][:, [ROW, COL]], variance[good][:, [SIGMA_ROW, SIGMA_COL]]
    mean = prior.mean if prior.precision else _typical(width, post)
    alone = 1.0 / np.maximum(1.0 / post - prior.precision, 1e-6 / post)
    said = (width - mean) * (alone / post) + np.minimum(place, mean**2) / (2 * mean)
    real = max(_real(said, alone), (_SPREAD * mean) ** 2)
    weight = 1.0 / (alone + real)
    reach = 3 * np.sqrt(alone + real)
    mean += float((weight * np.clip(said, -reach, reach)).sum() / weight.sum())
    return WidthPrior(mean, 1.0 / real)


def _typical(width: Array, variance: Array) -> float:
    """Median of the better half."""
    return float(np.median(width[variance <= np.median(variance)]))


def _real(said: Array, variance: Array) -> float:
    """Variance of what the better half say, beyond their own noise."""
    best = variance <= np.median(variance)
    spread = 1.48 * float(np.median(np.abs(said[best] - np.median(said[best]))))
    return spread**2 - float(np.median(variance[best]))

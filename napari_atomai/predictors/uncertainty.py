"""How sure a prediction is: entropies of probabilities, and the temperature that makes them honest."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

from napari_atomai.data.arguments import shown, whole_number
from napari_atomai.errors import BadImage, BadOption

Maps = NDArray[np.float32]

_TINY = 1e-12
_COLDEST, _HOTTEST = 0.05, 20.0


def entropy(probabilities: ArrayLike) -> Maps:
    """Return the entropy of every pixel, in nats.

    Parameters
    ----------
    probabilities : array, shape (..., classes)
        They sum to 1; of a single class, each is that of the object against the background.

    Returns
    -------
    array of float32, shape (...)
        From 0 (sure) to the logarithm of the number of classes (of 2 for a single class).
    """
    one = np.asarray(probabilities, np.float32)
    result = _surprise(one).sum(axis=-1, dtype=np.float32)
    if one.shape[-1] == 1:
        result = result + _surprise(1 - one[..., 0])
    floored: Maps = np.maximum(result, np.float32(0))
    return floored


def tempered(probabilities: ArrayLike, temperature: float) -> Maps:
    """Return probabilities as if their logits had been divided by a temperature; above 1 is less sure.

    Parameters
    ----------
    probabilities : array, shape (..., classes)
        Of one net, or the mean of an ensemble: an ensemble is pooled first and tempered then.
    temperature : float
        Above 0; 1 changes nothing.

    Raises
    ------
    BadOption
        If the temperature is not above 0.

    Notes
    -----
    Guo et al., "On calibration of modern neural networks", arXiv:1706.04599; pooling first: Rahaman and
    Thiery, "Uncertainty quantification and deep ensembles", arXiv:2007.08792.
    """
    if not (np.isfinite(temperature) and temperature > 0):
        raise BadOption(f"The temperature is {temperature}.", remedy="Give a number above 0.")
    one = np.asarray(probabilities, np.float32)
    if temperature == 1:
        return one
    if one.shape[-1] == 1:
        return tempered(np.concatenate([one, 1 - one], axis=-1), temperature)[..., :1]
    logs = np.log(np.maximum(one, _TINY)) / np.float32(temperature)
    powers = np.exp(logs - logs.max(axis=-1, keepdims=True))
    result: Maps = powers / powers.sum(axis=-1, keepdims=True)
    return result


def a_map(given: ArrayLike) -> Maps:
    """Return probabilities as an array.

    Raises
    ------
    BadImage
        If they are no numbers, or their sizes differ.
    """
    try:
        return np.asarray(given, np.float32)
    except (TypeError, ValueError) as error:
        raise BadImage(
            f"The probabilities are {shown(given)}.", remedy="Give an array (n, y, x, classes) of numbers."
        ) from error


def fit_temperature(probabilities: ArrayLike, labels: ArrayLike, ignore_index: int = -1) -> float:
    """Return the temperature at which probabilities fit labels that were not trained on.

    Parameters
    ----------
    probabilities : array, shape (n, y, x, classes)
        Of one net, or the mean of an ensemble.
    labels : array of int, shape (n, y, x)
        Class of every pixel; with a single class, 1 is the object and 0 the background.
    ignore_index : int
        Label of pixels that do not count.

    Raises
    ------
    BadOption
        If no pixel counts, or shapes or labels do not fit.

    Notes
    -----
    Least negative log-likelihood; sources: see `tempered`.
    """
    one, label = a_map(probabilities), np.asarray(labels)
    if one.ndim < 2 or one.shape[:-1] != label.shape:
        raise BadOption(
            f"Probabilities have shape {one.shape} and labels {label.shape}.",
            remedy="Give (n, y, x, classes) and (n, y, x).",
        )
    counts = label != whole_number("ignore_index", ignore_index, -(2**31))
    one, label = one[counts], label[counts].astype(np.intp)
    if one.shape[-1] == 1:
        one = np.concatenate([1 - one, one], axis=-1)
    if len(label) == 0 or label.min() < 0 or label.max() >= one.shape[-1]:
        seen = f"from {label.min()} to {label.max()}" if len(label) else "none that count"
        raise BadOption(
            f"The labels are {seen}.",
            remedy=f"Give labels from 0 to {one.shape[-1] - 1}, and some that count.",
        )

    def loss(log_temperature: float) -> float:
        at_label = np.take_along_axis(tempered(one, float(np.exp(log_temperature))), label[:, None], axis=-1)
        return float(-np.log(np.maximum(at_label, _TINY)).mean(dtype=np.float64))

    found = minimize_scalar(loss, bounds=(np.log(_COLDEST), np.log(_HOTTEST)), method="bounded")
    return float(np.exp(found.x))


def _surprise(probabilities: Maps) -> Maps:
    result: Maps = -probabilities * np.log(np.maximum(probabilities, np.float32(_TINY)))
    return result

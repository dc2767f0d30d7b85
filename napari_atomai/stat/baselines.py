"""What a trained model has to beat: the mean, the nearest neighbour, and a linear model of components."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.errors import BadImage

Matrix = NDArray[np.float64]

MODEL = "model"
BASELINES = ("mean", "nearest neighbour", "PCA regression")
_COMPONENTS = 20
_BLOCK = 4_000_000
_MARGIN = 0.005
_FEW = 50
"""Neighbouring places are alike: with fewer held out, a score can be chance."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """How good a model is beside simple ones, on pairs that none of them saw.

    Parameters
    ----------
    scores : mapping of str to float
        R2 of "model" and of each baseline: 1 is perfect, 0 as good as the test set's own mean.
    held_out : int
        Pairs they were scored on; 0 = not told.
    """

    scores: Mapping[str, float]
    held_out: int = 0

    @property
    def best_baseline(self) -> str:
        """The baseline with the highest R2."""
        return max((name for name in self.scores if name != MODEL), key=lambda name: self.scores[name])

    @property
    def better(self) -> bool:
        """Whether the model explains more than every baseline, by half a percent of the variance."""
        return self.scores[MODEL] > max(self.scores[self.best_baseline], 0) + _MARGIN

    def sentence(self) -> str:
        """Say how good the model is, and plainly where it is no better than something simple."""
        model, name = self.scores[MODEL], self.best_baseline
        other = f"{name} {self.scores[name]:.3f}"
        if self.better:
            few = f" Only {self.held_out} pairs were held out: this can be chance."
            return f"Held-out R2 {model:.3f}; best baseline: {other}." + few * (0 < self.held_out < _FEW)
        if max(self.scores.values()) < _MARGIN:
            return (
                f"Held-out R2 {model:.3f} (best baseline: {other}): these data do not allow a prediction, "
                "neither by the model nor by anything simple."
            )
        return f"Held-out R2 {model:.3f} is no better than the {other}: use that instead."


def compared(
    prediction: ArrayLike, train: tuple[ArrayLike, ArrayLike], test: tuple[ArrayLike, ArrayLike]
) -> Comparison:
    """Score a model's prediction and every baseline.

    Parameters
    ----------
    prediction : array, shape (n, ...)
        Of the model for the test inputs.
    train, test : pair of arrays
        Inputs (n, ...) and targets (n, ...).
    """
    truth = test[1]
    scores = {MODEL: r2(truth, prediction)}
    for name, predict in zip(BASELINES, (mean_signal, nearest_neighbour, pca_regression), strict=True):
        scores[name] = r2(truth, predict(*train, test[0]))
    return Comparison(scores, len(np.asarray(truth)))


def r2(truth: ArrayLike, prediction: ArrayLike) -> float:
    """Return the share of the variance of `truth` about its mean signal that a prediction explains.

    Parameters
    ----------
    truth, prediction : array, shape (n, ...)
        All channels count alike, in their own unit.

    Returns
    -------
    float
        1: perfect; 0: as good as the mean of `truth`; NaN where `truth` does not vary.

    Raises
    ------
    BadImage
        If shapes differ.
    """
    real, told = _rows(truth), _rows(prediction)
    if real.shape != told.shape:
        raise BadImage(
            f"The truth has shape {np.shape(truth)}, the prediction {np.shape(prediction)}.",
            remedy="Give one prediction for each.",
        )
    variance = float(np.square(real - real.mean(axis=0)).sum())
    return 1 - float(np.square(real - told).sum()) / variance if variance > 0 else float("nan")


def mean_signal(inputs: ArrayLike, targets: ArrayLike, asked: ArrayLike) -> Matrix:
    """Return the mean of the targets for everything that is asked, shape (n asked, ...)."""
    del inputs
    known = np.asarray(targets, dtype=np.float64)
    return np.broadcast_to(known.mean(axis=0), (len(np.asarray(asked)), *known.shape[1:]))


def nearest_neighbour(inputs: ArrayLike, targets: ArrayLike, asked: ArrayLike) -> Matrix:
    """Return the target of the input that is most alike (least squares), shape (n asked, ...)."""
    known, wanted = _rows(inputs), _rows(asked)
    lengths = np.square(known).sum(axis=1)
    step = max(1, _BLOCK // len(known))
    nearest = [
        np.argmin(lengths - 2 * wanted[first : first + step] @ known.T, axis=1)
        for first in range(0, len(wanted), step)
    ]
    chosen: Matrix = np.asarray(targets, dtype=np.float64)[np.concatenate(nearest)]
    return chosen


def pca_regression(
    inputs: ArrayLike, targets: ArrayLike, asked: ArrayLike, components: int = _COMPONENTS
) -> Matrix:
    """Return a linear prediction from the principal components of the inputs, shape (n asked, ...).

    Parameters
    ----------
    inputs, targets, asked : array, shape (n, ...)
        What is known, and for which inputs to predict.
    components : int
        How many are used; never more than a fifth of the pairs, so that noise is not fitted.
    """
    known, values, wanted = _rows(inputs), _rows(targets), _rows(asked)
    centre, level = known.mean(axis=0), values.mean(axis=0)
    _, strengths, directions = np.linalg.svd(known - centre, full_matrices=False)
    count = min(components, max(len(known) // 5, 1), int((strengths > 1e-9 * strengths[0]).sum()))
    seen = (known - centre) @ directions[:count].T
    slopes = np.linalg.lstsq(seen, values - level, rcond=None)[0]
    told: Matrix = (wanted - centre) @ directions[:count].T @ slopes + level
    return told.reshape(len(wanted), *np.shape(targets)[1:])


def _rows(values: ArrayLike) -> Matrix:
    array = np.asarray(values, dtype=np.float64)
    return array.reshape(len(array), -1)

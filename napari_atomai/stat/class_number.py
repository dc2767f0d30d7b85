"""How many classes there are, and how they are told apart: mixtures of Gaussians, with the evidence."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST = 6
"""Largest number of classes that is tried."""

VALLEY = 0.6
"""`Evidence.valley` from which two classes are not apart."""

_FEWEST = 3  # atoms that make a class by themselves
_FAR = 8.0  # deviations of the others from which even one atom does
_CERTAIN = 10.0  # a difference in BIC that is called very strong (Kass and Raftery 1995)
_SAMPLE = 1000
_TRIALS = 2
_NARROWEST = 1e-3  # variance, in units of the variance of the whole


@dataclass(frozen=True)
class Evidence:
    """What speaks for and against a number of classes.

    Parameters
    ----------
    classes : int
        The number tried.
    bic : float
        Bayesian information criterion of a mixture of so many Gaussians: smaller is better, 10 is a lot.
    silhouette : float
        How much nearer atoms are to their own class than to the next, -1 to 1; NaN for one class.
    valley : float
        Of the two classes hardest to tell apart, how many atoms lie between them for each in the middle of
        the smaller one: 0 for a gap, 1 and more for no valley at all. One or two atoms make a class where
        they lie 8 standard deviations from another.
    smallest : int
        Atoms in the smallest class.
    """

    classes: int
    bic: float
    silhouette: float
    valley: float
    smallest: int

    @property
    def holds(self) -> bool:
        """Whether every class has atoms and a valley around it."""
        return self.classes == 1 or (self.smallest > 0 and self.valley < VALLEY)


def suggested_number(evidence: Sequence[Evidence]) -> int:
    """Return the number of classes with the best BIC among those that hold."""
    best = evidence[0]
    for entry in evidence[1:]:
        if entry.holds and entry.bic < best.bic - _CERTAIN:
            best = entry
    return best.classes


def evidence_for(features: Vector, seed: int = 0, most: int = MOST) -> tuple[Evidence, ...]:
    """Try 1, 2, ... classes on features (N, F) and say how well each number does."""
    if len(features) < 2:
        return (Evidence(1, float("nan"), float("nan"), 0.0, len(features)),)
    largest = max(1, min(most, len(features) // _FEWEST, len(np.unique(features, axis=0))))
    return tuple(_tried(features, number, seed) for number in range(1, largest + 1))


def _tried(features: Vector, number: int, seed: int) -> Evidence:
    mixture = fitted_mixture(features, number, seed)
    labels = np.asarray(mixture.predict(features), np.int64)
    sizes = np.bincount(labels, minlength=number)
    return Evidence(
        number,
        float(mixture.bic(features)),
        _silhouette(features, labels, seed),
        _valley(features, labels, number),
        int(sizes.min()),
    )


def fitted_mixture(features: Vector, number: int, seed: int) -> Any:
    """Fit `number` Gaussians to features (N, F); of several starts the likeliest."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    common: dict[str, Any] = {
        "n_components": number,
        "reg_covar": _NARROWEST * float(features.var(axis=0).max()) + 1e-12,
        "random_state": seed,
        "max_iter": 300,
    }
    starts = [GaussianMixture(n_init=_TRIALS, **common)]
    if number > 1:
        # k-means, the usual start, overlooks a few bright atoms among many; the widest gaps find them.
        starts.append(GaussianMixture(means_init=_gap_means(features, number), **common))
    with warnings.catch_warnings():
        # A mixture of too many Gaussians need not converge; it then loses on BIC.
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixtures = [start.fit(in_one_order(features)) for start in starts]
    return max(mixtures, key=lambda mixture: mixture.lower_bound_)


def in_one_order(features: Vector) -> Vector:
    """Return the rows sorted: random starts then do not depend on the order of the atoms."""
    return features[np.lexsort(np.round(features.T, 9))]


def _gap_means(features: Vector, number: int) -> Vector:
    """Cut the first feature at its widest gaps; return the means (number, F) of the parts."""
    order = np.argsort(features[:, 0], kind="stable")
    gaps = np.diff(features[order, 0])
    cuts = np.sort(np.argsort(-gaps, kind="stable")[: number - 1])
    parts = np.split(order, cuts + 1)
    return np.stack([features[part].mean(axis=0) for part in parts])


def _silhouette(features: Vector, labels: Integers, seed: int) -> float:
    from sklearn.metrics import silhouette_score

    if len(features) > _SAMPLE:
        some = np.random.default_rng(seed).choice(len(features), _SAMPLE, replace=False)
        features, labels = features[some], labels[some]
    if not 1 < len(np.unique(labels)) < len(features):
        return float("nan")
    return float(silhouette_score(features, labels))


def _valley(features: Vector, labels: Integers, number: int) -> float:
    """Return the shallowest valley between any two classes."""
    pairs = [(one, other) for one in range(number) for other in range(one)]
    return max((valley_between(features[labels == a], features[labels == b]) for a, b in pairs), default=0.0)


def valley_between(one: Vector, other: Vector) -> float:
    """Return how many atoms (N, F) lie between two classes, as `Evidence.valley` has it."""
    if min(len(one), len(other)) == 0:
        return np.inf
    across = other.mean(axis=0) - one.mean(axis=0)
    length = float(across @ across)
    if length == 0:
        return np.inf
    if min(len(one), len(other)) < _FEWEST:
        many = one if len(one) > len(other) else other
        spread = float((many @ across).std()) / length
        return 0.0 if _FAR * spread < 1 else 1.0
    here, there = ((part - one.mean(axis=0)) @ across / length for part in (one, other))
    along = np.concatenate([here, there])
    middle = here.std() / max(here.std() + there.std(), 1e-12)
    first, between, last = (int((np.abs(along - at) < 0.15).sum()) for at in (0.0, middle, 1.0))
    return between / max(min(first, last), 1)

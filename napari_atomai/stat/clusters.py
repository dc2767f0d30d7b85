"""Features of atoms to classes: thresholds, k-means, mean shift, mixtures of Gaussians."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_atomai.stat.class_number import VALLEY, fitted_mixture, in_one_order, valley_between

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]

METHODS = ("threshold", "kmeans", "meanshift", "gmm")
"""Ways to divide atoms into classes."""

_BINS = 256
_NARROWEST = 0.03  # of the deviation of all: a class of equal values has a width, too


def otsu_thresholds(values: Vector, classes: int = 2) -> Vector:
    """Return the thresholds that leave the least variance within classes (Otsu, 10.1109/TSMC.1979.4310076).

    Found exactly on a histogram of 256 bins, for any number of classes, by dynamic programming.

    Parameters
    ----------
    values : array, shape (N,)
        Finite.
    classes : int
        How many; one more than there are thresholds.

    Returns
    -------
    array, shape (classes - 1,)
        Rising.
    """
    counts, edges = np.histogram(values, _BINS)
    number = np.concatenate([[0], np.cumsum(counts)]).astype(np.float64)
    summed = np.concatenate([[0], np.cumsum(counts * (edges[:-1] + edges[1:]) / 2)])
    # What a class of the bins from i up to j adds to the variance between classes; empty ones add nothing.
    within = np.maximum(number[None] - number[:, None], 1e-12)
    gain = np.triu((summed[None] - summed[:, None]) ** 2 / within, 1)
    gain[np.tril_indices(_BINS + 1)] = -np.inf
    best, came_from = gain[0], []
    for _ in range(classes - 1):
        total = best[:, None] + gain
        # Anywhere in a run of empty bins is as good: the middle of it.
        ends = np.argmax(total, axis=0), _BINS - np.argmax(total[::-1], axis=0)
        came_from.append((ends[0] + ends[1]) // 2)
        best = np.max(total, axis=0)
    cuts, end = [], _BINS
    for table in reversed(came_from):
        end = int(table[end])
        cuts.append(edges[end])
    return np.array(cuts[::-1], float)


def divided(
    features: Vector, method: str, number: int, seed: int, quantile: float = 0.25
) -> tuple[Integers, Vector]:
    """Divide atoms into classes.

    Parameters
    ----------
    features : array, shape (N, F)
        Of similar scale; a threshold looks at the first only.
    method : {"threshold", "kmeans", "meanshift", "gmm"}
        How; mean shift finds the number by itself where it is 0.
    number : int
        Of classes.
    seed : int
        Of the starts.
    quantile : float
        Mean shift: of the distances between atoms, which becomes the bandwidth.

    Returns
    -------
    classes : array of int, shape (N,)
    probabilities : array, shape (N, K)
        Of each class, as if it were a Gaussian.
    """
    if number == 1:
        return np.zeros(len(features), np.int64), np.ones((len(features), 1))
    if method == "gmm":
        mixture = fitted_mixture(features, number, seed)
        probabilities: Vector = mixture.predict_proba(features)
        return probabilities.argmax(axis=1), probabilities
    if method == "threshold":
        labels = np.digitize(features[:, 0], otsu_thresholds(features[:, 0], number))
    elif method == "kmeans":
        labels = _by_means(features, number, seed)
    else:
        labels = _by_shift(features, quantile)
    return compact(labels), belonging(features, compact(labels))


def compact(labels: NDArray[np.integer]) -> Integers:
    """Return classes numbered from 0 without gaps."""
    numbered: Integers = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    return numbered


def _by_means(features: Vector, number: int, seed: int) -> Integers:
    from sklearn.cluster import KMeans

    means = KMeans(number, n_init=10, random_state=seed).fit(in_one_order(features))
    return np.asarray(means.predict(features), np.int64)


def _by_shift(features: Vector, quantile: float) -> Integers:
    from sklearn.cluster import MeanShift, estimate_bandwidth

    bandwidth = estimate_bandwidth(in_one_order(features), quantile=quantile, n_samples=500, random_state=0)
    if not bandwidth > 0:
        return np.zeros(len(features), np.int64)
    labels = MeanShift(bandwidth=bandwidth, bin_seeding=True).fit_predict(features)
    return _joined(features, np.asarray(labels, np.int64))


def _joined(features: Vector, labels: Integers) -> Integers:
    """Join classes with no valley between them, the nearest first: mean shift leaves splinters."""
    labels = compact(labels)
    while (count := int(labels.max()) + 1) > 1:
        parts = [features[labels == each] for each in range(count)]
        alike = [
            (float(np.linalg.norm(parts[one].mean(axis=0) - parts[other].mean(axis=0))), one, other)
            for one in range(count)
            for other in range(one)
            if valley_between(parts[one], parts[other]) >= VALLEY
        ]
        if not alike:
            break
        _, one, other = min(alike)
        labels = compact(np.where(labels == one, other, labels))
    return labels


def belonging(features: Vector, labels: Integers) -> Vector:
    """Return the probability (N, K) that atoms belong to each class, taken for a Gaussian along each feature.

    Parameters
    ----------
    features : array, shape (N, F)
        What the classes were made from.
    labels : array of int, shape (N,)
        Classes, from 0 without gaps.
    """
    count = int(labels.max(initial=-1)) + 1
    floor = _NARROWEST * features.std(axis=0).max() + 1e-12
    parts = [features[labels == each] for each in range(count)]
    log = np.empty((len(features), count))
    for each, part in enumerate(parts):
        width = np.maximum(part.std(axis=0), floor)
        away = (features - part.mean(axis=0)) / width
        log[:, each] = np.log(len(part)) - np.log(width).sum() - 0.5 * (away * away).sum(axis=1)
    log -= log.max(axis=1, keepdims=True)
    share = np.exp(log)
    probabilities: Vector = share / share.sum(axis=1, keepdims=True)
    return probabilities


def main_features(patches: Vector, most: int = 6, least_share: float = 0.03) -> Vector:
    """Return the principal components (N, F) of patches (N, P) that carry at least a share of the variance.

    All in units of the first one's deviation, so that weak ones stay weak.
    """
    from sklearn.decomposition import PCA

    size = min(most, *patches.shape)
    model = PCA(size, svd_solver="full" if min(patches.shape) < 500 else "covariance_eigh").fit(patches)
    kept = max(1, int(np.count_nonzero(model.explained_variance_ratio_ >= least_share)))
    scores: Vector = model.transform(patches)[:, :kept]
    return scores / max(float(scores[:, 0].std()), 1e-12)


def in_order(values: Vector, labels: Integers, probabilities: Vector) -> tuple[Integers, Vector]:
    """Return classes, and their probabilities, numbered by rising mean value."""
    count = probabilities.shape[1]
    number = np.bincount(labels, minlength=count)
    mean = np.where(number > 0, np.bincount(labels, values, count) / np.maximum(number, 1), np.inf)
    order = np.argsort(mean, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(count)
    return rank[labels].astype(np.int64), probabilities[:, order]

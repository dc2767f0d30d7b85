"""What lies in a space of latents: clusters, density, paths of atoms, and what latents go with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.stats import rankdata

from napari_atomai.errors import BadOption, UnknownOption
from napari_atomai.stat.class_number import Evidence, evidence_for, fitted_mixture, suggested_number
from napari_atomai.stat.clusters import belonging
from napari_atomai.stat.movies.linking import Tracks

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]

METHODS = ("gmm", "kmeans", "hdbscan")
"""Ways to put points together."""

_SAMPLE = 10_000
"""Points that clusters are learned from; the others are told by them."""
_COUNTED = 4000
"""Points that decide how many clusters there are."""
_FEWEST_ON_CURVE, _ON_CURVE, _BENDS, _GAP = 50, 0.95, 7, 0.2
"""Motifs from which on a curve is looked for, the share that it has to explain each way, the degree of its
polynomial, and the widest gap that is no border between groups."""
_BINS, _BLUR = 128, 1.5


@dataclass(frozen=True, eq=False)
class Clusters:
    """Points that were put together.

    Parameters
    ----------
    labels : array of int, shape (N,)
        From 1, the largest cluster first; 0 = in none (hdbscan only).
    probability : array, shape (N,)
        Of the cluster that each is in.
    method : str
    evidence : tuple of Evidence
        What speaks for each number of clusters, where it was to be found.
    """

    labels: Integers
    probability: Vector
    method: str
    evidence: tuple[Evidence, ...] = ()

    @property
    def number(self) -> int:
        """How many clusters there are."""
        return int(self.labels.max(initial=0))


def on_circle(angle: ArrayLike, symmetry: int = 1) -> Vector:
    """Return cosine and sine (N, 2) of angles: points that are near each other where angles are.

    Parameters
    ----------
    angle : array, shape (N,)
        Radians.
    symmetry : int
        How often a motif looks the same within a turn; angles a part of a turn apart become one point.
    """
    turned = symmetry * np.asarray(angle, np.float64)
    return np.column_stack([np.cos(turned), np.sin(turned)])


def suggested_clusters(points: ArrayLike, *, seed: int = 0) -> tuple[int, tuple[Evidence, ...]]:
    """Return how many clusters points support, from 1 to 6, and what speaks for each number.

    A mixture of Gaussians must be likelier by far (BIC), and its parts have a valley between them.

    Parameters
    ----------
    points : array, shape (N, D)
        At most 4,000 of them, drawn at random, are looked at.
    seed : int
        Of the draw and of starts.
    """
    evidence = evidence_for(_some(_checked(points), _COUNTED, seed), seed)
    return suggested_number(evidence), evidence


def clustered(points: ArrayLike, method: str = "gmm", number: int = 0, *, seed: int = 0) -> Clusters:
    """Put points together that lie near each other.

    Parameters
    ----------
    points : array, shape (N, D)
        Finite. Clusters are learned from at most 10,000, drawn at random, and the others told by them.
    method : {"gmm", "kmeans", "hdbscan"}
        Mixture of Gaussians; k-means; or density (Campello et al., 10.1007/978-3-642-37456-2_14), which finds
        the number by itself and leaves out what lies between.
    number : int
        Of clusters; 0 = as many as the points support.
    seed : int
        Of the draw and of starts.

    Raises
    ------
    UnknownOption
        If there is no such method.
    BadOption
        If there are fewer points than clusters, or they are not finite numbers.
    """
    if method not in METHODS:
        raise UnknownOption("method of clustering", method, METHODS)
    values = _checked(points)
    if number > len(values):
        raise BadOption(f"{number} clusters of {len(values)} points.", remedy="Choose fewer clusters.")
    sample = _some(values, _SAMPLE, seed)
    if method == "hdbscan":
        return _by_density(values, sample)
    evidence: tuple[Evidence, ...] = ()
    if not number:
        number, evidence = suggested_clusters(values, seed=seed)
    if method == "gmm":
        shares: Vector = fitted_mixture(sample, number, seed).predict_proba(values)
    else:
        from sklearn.cluster import KMeans

        means = KMeans(number, n_init=10, random_state=seed).fit(sample)
        shares = belonging(values, np.asarray(means.predict(values), np.int64))
    found = shares.argmax(axis=1)
    return Clusters(_by_size(found + 1), shares[np.arange(len(found)), found], method, evidence)


def _by_density(values: Vector, sample: Vector) -> Clusters:
    from sklearn.cluster import HDBSCAN

    smallest = max(5, len(sample) // 50)
    if len(sample) < 2 * smallest:
        return Clusters(np.ones(len(values), np.int64), np.ones(len(values)), "hdbscan")
    found = HDBSCAN(min_cluster_size=smallest, copy=True).fit(sample)
    nearest = np.asarray(cKDTree(sample).query(values)[1])
    labels = np.asarray(found.labels_, np.int64)[nearest] + 1
    return Clusters(_by_size(labels), np.asarray(found.probabilities_, float)[nearest], "hdbscan")


def _by_size(labels: Integers) -> Integers:
    """Return labels numbered from 1, the largest first; 0 stays."""
    sizes = np.bincount(labels)
    sizes[0] = 0
    order = np.argsort(-sizes, kind="stable")
    rank = np.zeros(len(sizes), np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    rank[0] = 0
    return rank[labels]


def _checked(points: ArrayLike) -> Vector:
    values = np.asarray(points, np.float64)
    if values.ndim != 2 or not len(values) or not np.isfinite(values).all():
        raise BadOption(
            f"The points have shape {values.shape}, {np.count_nonzero(~np.isfinite(values))} values are not "
            "finite.",
            remedy="Give finite numbers of shape (N, D).",
        )
    return values


def _some(values: Vector, most: int, seed: int) -> Vector:
    if len(values) <= most:
        return values
    return values[np.random.default_rng(seed).choice(len(values), most, replace=False)]


def density(points: ArrayLike) -> Vector:
    """Return how densely points lie around each of them, from 0 to 1 where it is densest.

    Parameters
    ----------
    points : array, shape (N, 2)
        Counted in 128 x 128 bins and smoothed, so that 200,000 of them take a moment.
    """
    values = _checked(points)
    if len(values) < 2:
        return np.ones(len(values))
    low, high = values.min(axis=0), values.max(axis=0)
    size = np.where(high > low, high - low, 1.0)
    where = (values - low) / size * (_BINS - 1)
    index = np.rint(where).astype(np.int64)
    counts = np.bincount(index[:, 0] * _BINS + index[:, 1], minlength=_BINS * _BINS).reshape(_BINS, _BINS)
    smooth = ndimage.gaussian_filter(counts.astype(np.float64), _BLUR, mode="constant")
    found = ndimage.map_coordinates(smooth, where.T, order=1)
    return np.asarray(found / found.max(), np.float64)


def along_tracks(values: ArrayLike, tracks: Tracks) -> Vector:
    """Return what atoms of a movie have, as paths in time.

    Parameters
    ----------
    values : array, shape (N,) or (N, D)
        Latents of the atoms.
    tracks : Tracks
        Which of them are the same.

    Returns
    -------
    array, shape (tracks, frames) or (tracks, frames, D)
        NaN where an atom was not seen.
    """
    given = np.asarray(values, np.float64)
    paths = np.full((len(tracks), tracks.length, *given.shape[1:]), np.nan)
    paths[tracks.track, tracks.frames] = given
    return paths


def unwrapped(angle: ArrayLike, period: float = 2 * np.pi) -> Vector:
    """Return angles (tracks, frames) that go on beyond a whole turn, over frames without a sighting, too."""
    given = np.atleast_2d(np.asarray(angle, np.float64))
    known = np.isfinite(given)
    last = np.maximum.accumulate(np.where(known, np.arange(given.shape[1]), -1), axis=1)
    first = known.argmax(axis=1)[:, None]
    filled = np.take_along_axis(given, np.where(last < 0, first, last), axis=1)
    whole: Vector = np.where(known, np.unwrap(np.nan_to_num(filled), axis=1, period=period), np.nan)
    return whole.reshape(np.shape(angle))


@dataclass(frozen=True, eq=False)
class Correlation:
    """How latents go with a quantity.

    Parameters
    ----------
    linear, ranks : array, shape (D,)
        Pearson's and Spearman's coefficient of each latent, from -1 to 1; NaN where it does not vary.
    together : float
        Of the best sum of all latents with the quantity, 0 to 1.
    count : int
        Atoms for which all is known.
    """

    linear: Vector
    ranks: Vector
    together: float
    count: int


def correlated(latents: ArrayLike, quantity: ArrayLike) -> Correlation:
    """Compare latents with a quantity of the same atoms.

    Parameters
    ----------
    latents : array, shape (N,) or (N, D)
        Of the atoms.
    quantity : array, shape (N,)
        Atoms for which it, or a latent, is not finite are left out.
    """
    z, q = np.asarray(latents, np.float64), np.asarray(quantity, np.float64)
    z = z.reshape(len(q), -1)
    known = np.isfinite(q) & np.isfinite(z).all(axis=1)
    z, q = z[known], q[known]
    if len(q) < 3:
        return Correlation(np.full(z.shape[1], np.nan), np.full(z.shape[1], np.nan), float("nan"), len(q))
    centred, target = z - z.mean(axis=0), q - q.mean()
    weights = np.linalg.lstsq(centred, target, rcond=None)[0]
    together = _pearson((centred @ weights)[:, None], target)[0]
    ranked = np.asarray(rankdata(z, axis=0), np.float64)
    return Correlation(_pearson(z, q), _pearson(ranked, np.asarray(rankdata(q))), float(together), len(q))


def _pearson(columns: Vector, other: NDArray[Any]) -> Vector:
    one, two = columns - columns.mean(axis=0), other - other.mean()
    size = np.sqrt((one**2).sum(axis=0) * (two**2).sum())
    return np.asarray(np.where(size > 0, (one * two[:, None]).sum(axis=0) / np.maximum(size, 1e-300), np.nan))


def on_one_curve(latents: ArrayLike) -> list[tuple[int, int, float]]:
    """Return pairs of latents of which each follows from the other along a smooth curve.

    Either is fitted by a polynomial in the ranks of the other. Points that fall into groups are not told: any
    few groups lie on some curve.

    Parameters
    ----------
    latents : array, shape (n, D)
        Latents of motifs.

    Returns
    -------
    list of (int, int, float)
        Columns of the two, and the lower of the two shares of variance that are explained, at least 0.95;
        empty for fewer than 50 motifs.
    """
    values = np.asarray(latents, float)
    found: list[tuple[int, int, float]] = []
    if len(values) < _FEWEST_ON_CURVE:
        return found
    for first in range(values.shape[1]):
        for second in range(first + 1, values.shape[1]):
            one, other = values[:, first], values[:, second]
            share = min(_explained(one, other), _explained(other, one))
            if share >= _ON_CURVE and max(_widest_gap(one), _widest_gap(other)) <= _GAP:
                found.append((first, second, share))
    return found


def _explained(by: Vector, what: Vector) -> float:
    """Return the share of the variance of a quantity that a polynomial in the ranks of another explains."""
    total = float(what.var())
    if total == 0:
        return 0.0
    ranks = (rankdata(by) - 0.5) / len(by) * 2 - 1
    fit = np.polynomial.chebyshev.chebfit(ranks, what, _BENDS)
    left = float(np.square(what - np.polynomial.chebyshev.chebval(ranks, fit)).sum()) / (len(by) - _BENDS - 1)
    return 1 - left / (total * len(by) / (len(by) - 1))


def _widest_gap(values: Vector) -> float:
    """Return the widest gap between neighbours, as a part of where nearly all values lie."""
    low, high = np.percentile(values, [2, 98])
    inside = np.sort(values[(values >= low) & (values <= high)])
    return float(np.diff(inside).max() / (high - low)) if high > low else 1.0

"""Components and loadings of samples, by one door: PCA, ICA, NMF, Gaussian mixtures, a mixture then PCA.

The samples are patches, spectra or Fourier transforms of windows; more of them than memory holds come as a
dask array, chunked along the samples.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.arguments import whole_number
from napari_atomai.data.progress import Progress, finish
from napari_atomai.errors import BadImage, BadOption, UnknownOption
from napari_atomai.stat.class_view import require_sklearn
from napari_atomai.stat.factorise import CYCLES, factorising
from napari_atomai.stat.principal import principal
from napari_atomai.stat.rows import Rows, all_alike, as_rows

Matrix = NDArray[Any]

METHODS = ("pca", "ica", "nmf", "gmm", "pca_gmm")
"""Ways to decompose."""

_MIXED = 20  # directions in which a mixture is fitted


@dataclass(frozen=True, eq=False)
class Components:
    """Components of samples, and how much of each lies in every sample.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    components : array, shape (K, ...)
        In the shape and unit of the samples; the strongest first.
    loadings : array, shape (N, K)
        Of a mixture: the probability of each class.
    mean : array, shape (...)
        What components are added to; 0 for NMF and mixtures.
    explained : array, shape (K,)
        Share that each has in the variance of the samples (NMF: in their sum of squares; mixture: the
        share of the samples).
    error : float
        Norm of what the components leave over, relative to that of the samples (PCA, ICA: about the mean).
    converged : bool
        Whether another pass would change little.
    offset : float
        What was added to the samples before.
    classes : array of int, shape (N,)
        Of a mixture: the likeliest class, from 0; otherwise the component of largest loading.
    within : tuple of Components
        Of "pca_gmm": the principal components of each class.
    """

    method: str
    components: Matrix
    loadings: Matrix
    mean: Matrix
    explained: Matrix
    error: float
    converged: bool = True
    offset: float = 0.0
    classes: Matrix = field(default_factory=lambda: np.zeros(0, np.int64))
    within: tuple[Components, ...] = ()

    def reconstruct(self, chosen: list[int] | None = None) -> Matrix:
        """Return samples (N, ...) made of the mean and all, or some, of the components."""
        kept = list(range(len(self.components))) if chosen is None else chosen
        sums = np.tensordot(self.loadings[:, kept], self.components[kept], axes=(1, 0))
        result: Matrix = sums + self.mean - self.offset
        return result


Work = Generator[Progress, None, Components]


def decompose(
    samples: Any,
    method: str = "pca",
    n_components: int = 4,
    *,
    noise: str = "uniform",
    offset: float = 0.0,
    seed: int = 1,
    cycles: int = CYCLES,
) -> Components:
    """Decompose samples; see `decomposing`, which tells its progress."""
    work = decomposing(samples, method, n_components, noise=noise, offset=offset, seed=seed, cycles=cycles)
    return finish(work)


def decomposing(
    samples: Any,
    method: str = "pca",
    n_components: int = 4,
    *,
    noise: str = "uniform",
    offset: float = 0.0,
    seed: int = 1,
    cycles: int = CYCLES,
) -> Work:
    """Decompose samples into components and loadings.

    Order and sign do not depend on the seed or the order of the pixels: components come in order of what
    they explain, and the sum of the cubes of each is positive.

    Parameters
    ----------
    samples : array, shape (N, ...)
        Finite real numbers, NumPy or dask (chunked along the first axis).
    method : str
        "pca", "ica", "nmf", "gmm" (in the space of at most 20 principal components) or "pca_gmm" (a
        mixture, then the principal components of each class).
    n_components : int
        How many; of "pca_gmm" classes, with two principal components each.
    noise : str
        "poisson" weights counts so that their noise is uniform.
    offset : float
        Added to all samples, for NMF of data that reach below zero.
    seed : int
        Of random starts.
    cycles : int
        Most passes of NMF.

    Yields
    ------
    Progress

    Returns
    -------
    Components

    Raises
    ------
    BadImage
        If samples are not finite, all the same, or negative where they may not be.
    BadOption
        If there are fewer samples or features than components.
    UnknownOption
        If the method has no known name.
    """
    if method not in METHODS:
        raise UnknownOption("method of decomposition", method, METHODS)
    require_sklearn()
    shifted = samples + offset if offset else samples
    rows = as_rows(shifted, noise, by_row=method == "nmf")
    _check_count(n_components, rows.shape)
    seed = whole_number("The seed", seed, 0)
    yield Progress(0, 0, f"{method} of {rows.shape[0]} samples")
    if method == "nmf":
        found = yield from _nmf(rows, n_components, seed, cycles, offset)
    elif all_alike(rows.values):
        raise BadImage(
            f"All {rows.shape[0]} samples are the same.",
            why=f"{method} describes how samples differ.",
            remedy="Choose a part of the data with signal.",
        )
    else:
        found = _MAKERS[method](rows, n_components, seed)
    return replace(shaped(_ordered(found), tuple(samples.shape[1:])), offset=offset)


def _check_count(count: int, shape: tuple[int, int]) -> None:
    if not 1 <= whole_number("The number of components", count, 0) <= min(shape):
        raise BadOption(
            f"{count} components were asked of {shape[0]} samples with {shape[1]} values each.",
            why="There cannot be more components than samples, or than values in a sample.",
            remedy=f"Ask for 1 to {min(shape)} components, or give more samples.",
        )


def _pca(rows: Rows, count: int, seed: int) -> Components:
    found = principal(rows, count, seed)
    power = (found.scores.astype(np.float64) ** 2).sum(axis=0)
    return Components(
        "pca",
        found.axes * rows.column_weights,
        found.scores,
        found.mean * rows.column_weights,
        power / max(found.total, 1e-300),
        _left(power.sum(), found.total),
    )


def _ica(rows: Rows, count: int, seed: int) -> Components:
    from sklearn.decomposition import FastICA
    from sklearn.exceptions import ConvergenceWarning

    found = principal(rows, count, seed)
    model = FastICA(count, whiten="unit-variance", random_state=seed, max_iter=1000)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ConvergenceWarning)
        loadings = model.fit_transform(found.scores.astype(np.float64))
    patterns = model.mixing_.T @ found.axes
    power = (patterns.astype(np.float64) ** 2).sum(axis=1) * len(loadings)
    return Components(
        "ica",
        patterns * rows.column_weights,
        loadings,
        found.mean * rows.column_weights,
        power / max(found.total, 1e-300),
        _left(power.sum(), found.total),
        not told,
    )


def _nmf(rows: Rows, count: int, seed: int, cycles: int, offset: float) -> Work:
    work = factorising(rows, count, seed, cycles, offset=offset)
    loadings, components, error, converged = yield from work
    loadings = loadings * rows.row_weights[:, None]
    components = components * rows.column_weights
    # Components of unit mean square: loadings are then in the unit of the samples and can be compared.
    size = np.sqrt((components**2).mean(axis=1))
    size[size == 0] = 1
    loadings, components = loadings * size, components / size[:, None]
    power = (loadings.astype(np.float64) ** 2).sum(axis=0) * components.shape[1]
    explained = power / max(float(power.sum()), 1e-300)
    zero = np.zeros(components.shape[1], components.dtype)
    return Components("nmf", components, loadings, zero, explained * (1 - error**2), error, converged)


def _gmm(rows: Rows, count: int, seed: int, covariance: str = "full") -> Components:
    probabilities, converged = _mixed(rows, count, seed, covariance)
    weights = probabilities.sum(axis=0)
    means = rows.turned_times(probabilities).T / np.maximum(weights, 1e-12)[:, None]
    left = whole = 0.0
    overall = (weights[:, None] * means).sum(axis=0) / weights.sum()
    for part, block in rows.blocks():
        left += float(((block - probabilities[part] @ means) ** 2).sum())
        whole += float(((block - overall) ** 2).sum())
    return Components(
        "gmm",
        means * rows.column_weights,
        probabilities,
        np.zeros(rows.shape[1]),
        weights / weights.sum(),
        float(np.sqrt(left / whole)) if whole else 0.0,
        converged,
    )


def _mixed(rows: Rows, count: int, seed: int, covariance: str) -> tuple[Matrix, bool]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    scores = principal(rows, min(_MIXED, *rows.shape), seed).scores
    scale = max(float(scores[:, 0].std()), 1e-12)
    features = scores.astype(np.float64) / scale
    model = GaussianMixture(count, covariance_type=covariance, n_init=4, random_state=seed, reg_covar=1e-5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # told by the result
        model.fit(features)
    return model.predict_proba(features), bool(model.converged_)


def _pca_gmm(rows: Rows, count: int, seed: int) -> Components:
    return mixture_with_axes(rows, [2] * count, seed)


def mixture_with_axes(rows: Rows, counts: list[int], seed: int, covariance: str = "full") -> Components:
    """Divide samples into classes, and find principal components (`counts`) within each."""
    mixture = _ordered(_gmm(rows, len(counts), seed, covariance))
    within = []
    for each, number in enumerate(counts):
        part = np.flatnonzero(mixture.classes == each)
        if all_alike(rows.values[part]):  # none, or one: nothing differs within the class
            none = np.zeros((len(part), 0))
            within.append(replace(mixture, components=mixture.components[:0], loadings=none))
            continue
        own = Rows(rows.values[part], rows.row_weights[part], rows.column_weights)
        within.append(_ordered(_pca(own, min(number, *own.shape), seed)))
    return replace(mixture, method="pca_gmm", within=tuple(within))


_MAKERS: dict[str, Callable[[Rows, int, int], Components]] = {
    "pca": _pca,
    "ica": _ica,
    "gmm": _gmm,
    "pca_gmm": _pca_gmm,
}


def _left(explained: float, total: float) -> float:
    return float(np.sqrt(max(1 - explained / total, 0.0))) if total > 0 else 0.0


def _ordered(found: Components) -> Components:
    order = np.argsort(-found.explained, kind="stable")
    components, loadings = found.components[order], found.loadings[:, order]
    if found.method in ("pca", "ica"):
        cubes = (components.astype(np.float64) ** 3).sum(axis=1)
        signs = np.where(cubes < 0, -1, 1).astype(components.dtype)
        components, loadings = components * signs[:, None], loadings * signs
    classes = loadings.argmax(axis=1).astype(np.int64)
    return replace(
        found, components=components, loadings=loadings, explained=found.explained[order], classes=classes
    )


def shaped(found: Components, shape: tuple[int, ...]) -> Components:
    """Return the same with components and mean in the shape of a sample."""
    within = tuple(shaped(each, shape) for each in found.within)
    mean = found.mean.reshape(shape)
    return replace(found, components=found.components.reshape(-1, *shape), mean=mean, within=within)

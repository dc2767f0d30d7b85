"""Zernike moments: what a patch looks like, however it is turned, without any training.

Orthogonal polynomials on a disc (Zernike, 10.1016/S0031-8914(34)80259-5); the magnitude of a moment does not
change when the patch is turned (Khotanzad and Hong, 10.1109/34.55109).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import eval_jacobi

from napari_atomai.errors import BadImage, BadOption

Vector = NDArray[np.float64]
Moments = NDArray[np.complex128]

DEGREE = 10
"""Degree of the finest moments where nobody says."""

_FINER = 8  # parts of a pixel along each side: the disc cuts some of them
_HIGHEST = 60
_TOGETHER = 1 << 22  # values that are multiplied at once


@dataclass(frozen=True, eq=False)
class Embedding:
    """Patches as points, and the directions that these lie along.

    Parameters
    ----------
    points : array, shape (N, D)
        In units of the deviation along the first direction.
    explained : array, shape (D,)
        Share of the variance of the features along each direction.
    """

    points: Vector
    explained: Vector


def orders(degree: int) -> NDArray[np.int64]:
    """Return degree n and order m (K, 2) of all moments up to a degree, with m >= 0."""
    pairs = [(n, m) for n in range(degree + 1) for m in range(n % 2, n + 1, 2)]
    return np.array(pairs, np.int64)


def polynomials(radius: ArrayLike, angle: ArrayLike, degree: int) -> Moments:
    """Return V_nm = R_nm(r) exp(i m theta) of places in the unit disc, for all of `orders`.

    Parameters
    ----------
    radius, angle : array, shape (...)
        Radians, counter-clockwise as displayed.
    degree : int
        Highest n.

    Returns
    -------
    array of complex, shape (K, ...)
        Zero outside the disc.
    """
    r, theta = np.asarray(radius, np.float64), np.asarray(angle, np.float64)
    found = np.empty((len(orders(degree)), *r.shape), np.complex128)
    for k, (n, m) in enumerate(orders(degree).tolist()):
        half = (n - m) // 2
        radial = (-1) ** half * r**m * eval_jacobi(half, m, 0, 1 - 2 * r**2)
        found[k] = radial * np.exp(1j * m * theta)
    return np.where(r <= 1, found, 0)


def zernike_moments(patches: ArrayLike, degree: int = DEGREE) -> Moments:
    """Return the moments of patches in the disc that fits into them.

    Parameters
    ----------
    patches : array, shape (N, h, w)
        h and w are equal; finite.
    degree : int
        Highest degree; at most the side of the patches, for finer ones are not sampled.

    Returns
    -------
    array of complex, shape (N, K)
        A_nm for each of `orders(degree)`. A patch that is turned counter-clockwise by an angle has the moment
        times exp(-i m angle).

    Raises
    ------
    BadImage
        If patches are no squares of at least 4 px, or hold values that are not finite.
    BadOption
        If the degree is below 0 or too fine for the patches.
    """
    values = np.asarray(patches, np.float64)
    if values.ndim != 3 or values.shape[1] != values.shape[2] or values.shape[1] < 4:
        raise BadImage(
            f"The patches have shape {values.shape}.", remedy="Give (N, side, side) of 4 px or more."
        )
    if not np.isfinite(values).all():
        raise BadImage("The patches hold values that are not finite.", remedy="Leave those patches out.")
    side = values.shape[1]
    if not 0 <= degree <= min(side, _HIGHEST):
        raise BadOption(
            f"The degree is {degree} and the patches are {side} px wide.",
            why="Finer moments change faster than pixels can tell.",
            remedy=f"Choose 0 to {min(side, _HIGHEST)}.",
        )
    basis = _basis(side, degree)
    flat = values.reshape(len(values), -1)
    together = max(1, _TOGETHER // flat.shape[1])
    parts = [flat[i : i + together] @ basis for i in range(0, len(flat), together)]
    return np.concatenate([*parts, np.empty((0, basis.shape[1]), np.complex128)])


@lru_cache(maxsize=8)
def _basis(side: int, degree: int) -> Moments:
    """Return (n + 1) / pi times conj(V_nm) integrated over every pixel, shape (side * side, K)."""
    fine = side * _FINER
    axis = (2 * np.arange(fine) + 1) / fine - 1
    rows, columns = np.meshgrid(axis, axis, indexing="ij")
    radius, angle = np.hypot(rows, columns), np.arctan2(-rows, columns)
    area = (2 / fine) ** 2
    found = np.conj(polynomials(radius, angle, degree)).reshape(-1, side, _FINER, side, _FINER)
    whole = found.sum(axis=(2, 4)) * area * ((orders(degree)[:, 0] + 1) / np.pi)[:, None, None]
    basis: Moments = np.ascontiguousarray(whole.reshape(len(whole), -1).T)
    basis.flags.writeable = False
    return basis


def rotation_invariants(patches: ArrayLike, degree: int = DEGREE) -> Vector:
    """Return numbers that stay when patches are turned: |A_nm|, and A_n0 with its sign.

    Parameters
    ----------
    patches : array, shape (N, side, side)
        Their brightness counts, too: a brighter atom is another one.
    degree : int
        Highest degree.

    Returns
    -------
    array, shape (N, K)
        One column for each of `orders(degree)`.
    """
    moments = zernike_moments(patches, degree)
    return np.where(orders(degree)[:, 1] == 0, moments.real, np.abs(moments))


def embedded(features: ArrayLike, dimensions: int = 2) -> Embedding:
    """Return features as points along the directions of most variance (principal components).

    Parameters
    ----------
    features : array, shape (N, K)
        Of one unit, as `rotation_invariants` gives them: those that vary most count most.
    dimensions : int
        How many directions; directions that are not there are zero.

    Raises
    ------
    BadImage
        If there are fewer than two, or nothing varies.
    """
    from sklearn.decomposition import PCA

    values = np.asarray(features, np.float64)
    if len(values) < 2 or not np.ptp(values, axis=0).max(initial=0.0) > 1e-9 * np.abs(values).max(
        initial=0.0
    ):
        raise BadImage(
            f"Nothing varies in the features of {len(values)} patches.",
            remedy="Give patches that differ, and more than one of them.",
        )
    size = min(dimensions, *values.shape)
    model = PCA(size, svd_solver="covariance_eigh").fit(values)
    points = np.zeros((len(values), dimensions))
    points[:, :size] = model.transform(values)
    explained = np.zeros(dimensions)
    explained[:size] = model.explained_variance_ratio_
    return Embedding(points / points[:, 0].std(), explained)

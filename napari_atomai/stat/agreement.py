"""How far several descriptions of the same samples say the same."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.errors import BadImage

Vector = NDArray[np.float64]


def canonical_correlations(one: ArrayLike, other: ArrayLike) -> Vector:
    """Return the correlations of the directions in which two descriptions agree best, falling.

    1 means that one follows from the other by a linear map, whatever the order, sign, or mixture of its
    numbers (Hotelling, doi:10.1093/biomet/28.3-4.321).

    Parameters
    ----------
    one, other : array, shape (N, D), (N, E)
        Descriptions of the same N samples; more than D + E of them.

    Returns
    -------
    array, shape (min(D, E),)

    Raises
    ------
    BadImage
        If they do not describe the same number of samples, or too few.
    """
    first, second = (np.asarray(each, np.float64) for each in (one, other))
    if first.ndim != 2 or second.ndim != 2 or len(first) != len(second):
        raise BadImage(
            f"The descriptions have shapes {first.shape} and {second.shape}.",
            remedy="Give (N, D) and (N, E) of the same samples.",
        )
    if len(first) <= first.shape[1] + second.shape[1]:
        raise BadImage(
            f"{len(first)} samples are described by {first.shape[1]} and {second.shape[1]} numbers.",
            why="So few agree by chance.",
            remedy="Give more samples than numbers.",
        )
    bases = [_basis(each - each.mean(axis=0)) for each in (first, second)]
    found = np.zeros(min(first.shape[1], second.shape[1]))
    values = np.linalg.svd(bases[0].T @ bases[1], compute_uv=False)
    found[: len(values)] = np.clip(values, 0, 1)
    return found


def agreement(descriptions: Sequence[ArrayLike]) -> Vector:
    """Return the mean canonical correlation of each pair of descriptions, shape (M, M)."""
    found = np.eye(len(descriptions))
    for i, j in combinations(range(len(descriptions)), 2):
        found[i, j] = found[j, i] = canonical_correlations(descriptions[i], descriptions[j]).mean()
    return found


def _basis(centred: Vector) -> Vector:
    """Return an orthonormal basis of the columns; those that do not vary are left out."""
    left, strength, _ = np.linalg.svd(centred, full_matrices=False)
    known: Vector = left[:, strength > 1e-9 * max(float(strength[0]), 1e-300)]
    return known

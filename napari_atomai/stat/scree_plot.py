"""How many components samples have: the scree plot, and which of it stands above noise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.stat.rows import as_rows

Matrix = NDArray[Any]

_MOST_SAMPLES = 3000


def scree(samples: Any, noise: str = "uniform", seed: int = 1) -> tuple[Matrix, int]:
    """Return the share of variance of each principal component, and how many stand above noise.

    Above noise are those, from the first, with more variance than the component of the same rank of samples
    whose values were shuffled within each feature (parallel analysis, Horn, 10.1007/BF02289447); at least
    1. So noise may differ between features, as that of counts does. Of more than 3,000 samples as many are
    drawn at random.

    Parameters
    ----------
    samples : array, shape (N, ...)
        Finite real numbers, NumPy or dask.
    noise : str
        "poisson" for counts.
    seed : int
        Of the draw and of shuffling.

    Returns
    -------
    shares : array, shape (min(N, F),)
        Falling, with the sum 1.
    number : int
    """
    rng = np.random.default_rng(seed)
    if samples.shape[0] > _MOST_SAMPLES:
        drawn = rng.choice(samples.shape[0], _MOST_SAMPLES, replace=False)
        samples = samples[np.sort(drawn)]
    table = np.concatenate([block for _, block in as_rows(samples, noise).blocks()]).astype(np.float64)
    table -= table.mean(axis=0)
    powers, chance = _powers(table), _powers(rng.permuted(table, axis=0))
    number = int(np.argmin(np.append(powers > chance, False)))
    return powers / max(float(powers.sum()), 1e-300), max(1, number)


def suggested_number(method: str, above: int) -> int:
    """Return how many components a method needs where so many principal ones stand above noise.

    Those of NMF and the classes of a mixture have no mean that they are added to: they need one more.
    """
    return above + (method in ("nmf", "gmm", "pca_gmm"))


def _powers(table: Matrix) -> Matrix:
    small = table if table.shape[0] <= table.shape[1] else table.T
    return np.clip(np.linalg.eigvalsh(small @ small.T)[::-1], 0, None)

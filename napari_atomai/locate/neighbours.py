"""How far atoms are from each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from napari_atomai.errors import BadAtoms
from napari_atomai.locate.spacing import autocorrelation_spacing

__all__ = ["autocorrelation_spacing", "nearest_distances", "typical_spacing"]


def nearest_distances(positions: ArrayLike) -> NDArray[np.float64]:
    """Distance from every atom to the nearest other one.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Row, column, in any unit of length.

    Returns
    -------
    array, shape (N,)
        Infinite for an atom that is alone, or whose position is not a number.

    Raises
    ------
    BadAtoms
        If positions are not (N, 2).
    """
    where = np.asarray(positions, dtype=np.float64)
    if where.size == 0:
        return np.empty(0)
    if where.ndim != 2 or where.shape[1] != 2:
        raise BadAtoms(
            f"Positions have shape {where.shape}.", remedy="Give (N, 2): row and column of each atom."
        )
    distances = np.full(len(where), np.inf)
    known = np.isfinite(where).all(1)
    if known.sum() > 1:
        found = cKDTree(where[known]).query(where[known], k=[2])[0]
        distances[known] = np.asarray(found)[:, 0]
    return distances


def typical_spacing(positions: ArrayLike) -> float:
    """Median distance to the nearest neighbour; NaN with fewer than two atoms.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Row, column, in any unit of length.

    Returns
    -------
    float
        In the unit of the positions.
    """
    distances = nearest_distances(positions)
    near = distances[np.isfinite(distances)]
    return float(np.median(near)) if len(near) else float("nan")

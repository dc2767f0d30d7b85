"""How the background leans at each atom, from the backgrounds of the atoms around it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Array = NDArray[np.float64]

_NEIGHBOURS = 13
"""The atom itself and a dozen around it: the noise of a slope is then small next to that of one window."""


def slopes(positions: Array, levels: Array) -> Array:
    """Slope of the plane through the levels of each atom and its neighbours, shape (N, 2), per pixel.

    A plane fitted in one window would cost a third of the precision of the position; this costs nothing.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Row, column, in pixels.
    levels : array, shape (N,)
        Fitted backgrounds. One far from those around it is cut back to them.

    Returns
    -------
    array, shape (N, 2)
        Along rows and columns; zero with too few atoms, or where they lie on one line.
    """
    if len(positions) < _NEIGHBOURS:
        return np.zeros((len(positions), 2))
    near = np.asarray(cKDTree(positions).query(positions, k=_NEIGHBOURS)[1])
    apart = positions[near] - positions[near].mean(1, keepdims=True)
    level = levels[near]
    middle = np.median(level, axis=1, keepdims=True)
    spread = 4 * np.median(np.abs(level - middle), axis=1, keepdims=True)
    level = np.clip(level, middle - spread, middle + spread)
    matrix = np.einsum("nki,nkj->nij", apart, apart)
    vector = np.einsum("nki,nk->ni", apart, level - level.mean(1, keepdims=True))
    size = np.einsum("nii->n", matrix)
    flat = np.linalg.det(matrix) < 0.01 * size**2
    matrix[flat] = np.eye(2)
    found = np.linalg.solve(matrix, vector[:, :, None])[:, :, 0]
    found[flat] = 0.0
    return np.asarray(found, np.float64)

"""Numbers of atoms made into an image: between atoms by the triangles that they span."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import cKDTree

from napari_atomai.errors import BadAtoms


def interpolated(
    positions: ArrayLike, values: ArrayLike, shape: tuple[int, int], *, step: int = 1, reach: float = 2.0
) -> NDArray[np.float32]:
    """Interpolate values of atoms linearly on a grid of pixels.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Row, column in pixels, of one frame.
    values : array, shape (N,) or (N, K)
        Of each atom.
    shape : (rows, columns)
        Of the image.
    step : int
        Pixels between points of the map.
    reach : float
        Points farther from every atom than this many typical distances between neighbours are NaN.

    Returns
    -------
    array, shape (rows / step, columns / step), or (K, ...) of those
        NaN outside the outermost atoms.

    Raises
    ------
    BadAtoms
        If there are fewer than three atoms, they lie on one line, or the numbers differ.
    """
    where, given = np.asarray(positions, np.float64), np.asarray(values, np.float64)
    flat = given.reshape(len(given), -1) if len(given) else given.reshape(0, 1)
    spread = where - where.mean(axis=0) if len(where) else where
    if len(where) != len(given) or len(where) < 3 or np.linalg.matrix_rank(spread, tol=1e-6) < 2:
        raise BadAtoms(
            f"{len(where)} positions came with {len(given)} values.",
            why="A map is spanned by at least three atoms that do not lie on one line.",
            remedy="Choose more atoms, with one value each.",
        )
    axes = [np.arange(0, size, step, dtype=np.float64) for size in shape]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    result = LinearNDInterpolator(where, flat)(grid)
    tree = cKDTree(where)
    nearest, _ = tree.query(where, k=[2])
    spacing = float(np.median(nearest))
    away, _ = tree.query(grid, distance_upper_bound=reach * spacing)
    result[~np.isfinite(away)] = np.nan
    maps: NDArray[np.float32] = np.moveaxis(result, -1, 0).astype(np.float32)
    return maps if given.ndim > 1 else maps[0]

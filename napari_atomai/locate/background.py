"""How the background leans at each atom, from the backgrounds of the atoms around it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Array = NDArray[np.float64]

_NEIGHBOURS = 13
"""The atom itself and a dozen around it: the noise of a slope is then small next to that of one window."""


class Planes:
    """Planes through the levels of each atom and its neighbours.

    A plane fitted in one window would cost a third of the precision of the position; this costs nothing.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Row, column, in pixels.
    """

    def __init__(self, positions: Array) -> None:
        self.near: NDArray[np.intp] | None = None
        if len(positions) < _NEIGHBOURS:
            return
        self.near = np.asarray(cKDTree(positions).query(positions, k=_NEIGHBOURS)[1])
        rows, cols = (axis[self.near] - axis[self.near].mean(1, keepdims=True) for axis in positions.T)
        self.rows, self.cols = rows, cols
        self.moments = (_dot(rows, rows), _dot(rows, cols), _dot(cols, cols))

    def slopes(self, levels: Array) -> Array:
        """Slope of the planes, shape (N, 2), along rows and columns, per pixel.

        Parameters
        ----------
        levels : array, shape (N,)
            Fitted backgrounds. One far from those around it is cut back to them.

        Returns
        -------
        array, shape (N, 2)
            Zero with too few atoms, or where they lie on one line.
        """
        if self.near is None:
            return np.zeros((len(levels), 2))
        level = levels[self.near]
        middle = np.median(level, axis=1, keepdims=True)
        spread = 4 * np.median(np.abs(level - middle), axis=1, keepdims=True)
        level = np.clip(level - middle, -spread, spread)
        along, across = _dot(self.rows, level), _dot(self.cols, level)
        rr, rc, cc = self.moments
        size = rr * cc - rc * rc
        size[size < 0.01 * (rr + cc) ** 2] = np.inf
        return np.stack([(cc * along - rc * across) / size, (rr * across - rc * along) / size], axis=1)


def _dot(one: Array, two: Array) -> Array:
    product: Array = np.einsum("nk,nk->n", one, two)
    return product

"""Tilted ellipses: the two widths of a column and how it is turned, from second moments."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_atomai.locate import gaussian
from napari_atomai.locate.gaussian import COL, LEVEL, ROW, SIGMA_COL, SIGMA_ROW, Pixels, Windows

Array = NDArray[np.float64]

_SUPPORTED = 3.0
"""An ellipse is turned, not round, where its two widths differ by so many standard deviations."""


def ellipses(cut: Windows, variance: Pixels, parameters: Array) -> Array:
    """Long and short width and angle of every atom, shape (3, N).

    Second moments are taken under the fitted Gaussian as a weight. A Gaussian of covariance S seen through
    one of covariance W has moments M with ``1/M = 1/S + 1/W``, however it is turned, so that S is known
    without bias for any ellipse.

    Parameters
    ----------
    cut : Windows
        Data without neighbours and lean, weights 1 for the pixels to use and 0 for the others.
    variance : array of float32, shape (N, K, K)
        Of each pixel; 0 for those not used.
    parameters : array, shape (N, 6)
        Fitted, centres relative to the middle of the window.

    Returns
    -------
    array, shape (3, N)
        Widths in pixels; the angle of the long axis in degrees from the column axis towards the row axis, -90
        to 90, NaN where the data do not tell the ellipse from a round one. All NaN where there is no peak.
    """
    level = parameters[:, LEVEL, None, None].astype(np.float32)
    above = gaussian.moments(cut.weights * (cut.data - level), parameters)
    noisy = gaussian.squared_moment(variance, parameters)
    seen = np.square(parameters[:, [SIGMA_ROW, SIGMA_COL]])
    with np.errstate(divide="ignore", invalid="ignore"):
        norm = above / above[:, :1, :1]
        cross = norm[:, 1, 1] - norm[:, 1, 0] * norm[:, 0, 1]
        rows = norm[:, 2, 0] - norm[:, 1, 0] ** 2
        cols = norm[:, 0, 2] - norm[:, 0, 1] ** 2
        # In units of the fitted widths: 1/S = 1/M - 1, turned back by Cramer's rule twice.
        size = rows * cols - cross**2
        row_row, col_col, row_col = cols / size - 1, rows / size - 1, -cross / size
        size = row_row * col_col - row_col**2
        sigma = seen.prod(1) ** 0.5
        row_row, col_col, row_col = (
            seen[:, ROW] * col_col / size,
            seen[:, COL] * row_row / size,
            -sigma * row_col / size,
        )
        noise = 4 * sigma * np.sqrt(noisy) / above[:, 0, 0]
        half = np.hypot(row_col, 0.5 * (row_row - col_col))
        mean = 0.5 * (row_row + col_col)
        angle = np.rad2deg(0.5 * np.arctan2(2 * row_col, col_col - row_row))
        angle[~(half > _SUPPORTED * noise)] = np.nan
        found = np.stack([np.sqrt(mean + half), np.sqrt(mean - half), angle])
        found[:, ~(above[:, 0, 0] > 0) | ~np.isfinite(found[:2]).all(0)] = np.nan
    return found

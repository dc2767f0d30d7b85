"""What a refinement finds of every atom, and why it may have failed."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

REASONS = (
    "",
    "outside the image",
    "too few pixels",
    "not finite",
    "moved too far",
    "no peak here",
    "width ran to its limit",
    "fell onto a neighbour",
    "did not settle",
    "too uncertain",
)
"""Why an atom kept its start, by the number in ``Fit.reason``; 0 is no reason, the fit is good."""

OK, OUTSIDE, FEW, NOT_FINITE, FAR, NO_PEAK, WIDTH, COLLISION, UNSETTLED, UNCERTAIN = range(len(REASONS))
"""Names of these numbers."""


COLUMNS = 13
"""What is told of an atom besides its position and reason."""


@dataclass(frozen=True, eq=False)
class Fit:
    """What a refinement found, one entry per atom, lengths in pixels.

    An atom whose fit failed keeps its start; `reason` says why, its standard deviation is that of starts, and
    all else is NaN.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Row, column.
    amplitude, background : array, shape (N,)
        Height of the Gaussian above its background, and the background, in units of the image.
    sigma_row, sigma_col : array, shape (N,)
        Standard deviations of the Gaussian (its widths).
    intensity : array, shape (N,)
        Sum of the Gaussian over all pixels.
    row_sd, col_sd : array, shape (N,)
        Standard deviation of the position due to noise, from the covariance of the fit. Noise that is
        correlated from pixel to pixel (interpolated or averaged images) makes it too small.
    quality : array, shape (N,)
        Part of the window's variance that the fit explains, 0 to 1.
    significance : array, shape (N,)
        How far the atom stands out of the noise, in standard deviations: the square root of twice what it
        adds to the log-likelihood.
    amplitude_sd : array, shape (N,)
        Standard deviation of the amplitude.
    sigma_major, sigma_minor : array, shape (N,)
        Long and short width of the ellipse that the atom is, from its second moments.
    angle : array, shape (N,)
        Of its long axis, in degrees from the column axis towards the row axis, -90 to 90; NaN where the data
        do not tell it from a round one.
    reason : array of int8, shape (N,)
        Index into `REASONS`.
    """

    positions: Array
    amplitude: Array
    background: Array
    sigma_row: Array
    sigma_col: Array
    intensity: Array
    row_sd: Array
    col_sd: Array
    quality: Array
    significance: Array
    amplitude_sd: Array
    sigma_major: Array
    sigma_minor: Array
    angle: Array
    reason: NDArray[np.int8]

    @property
    def converged(self) -> NDArray[np.bool_]:
        """Where the fit is good."""
        good: NDArray[np.bool_] = self.reason == OK
        return good

    def keep(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> Fit:
        """Return some of the atoms."""
        parts = (getattr(self, field.name)[which] for field in dataclasses.fields(self))
        return Fit(*parts)

    @property
    def reasons(self) -> NDArray[np.str_]:
        """The reasons in words; empty where the fit is good."""
        return np.array(REASONS)[self.reason]


def unusable(start: Array, shape: tuple[int, ...]) -> NDArray[np.int8]:
    """Reasons (N,) known before any fit: OUTSIDE, NOT_FINITE or OK."""
    reason = np.zeros(len(start), np.int8)
    with np.errstate(invalid="ignore"):
        reason[~((start >= -0.5) & (start <= np.array(shape) - 0.5)).all(1)] = OUTSIDE
    reason[~np.isfinite(start).all(1)] = NOT_FINITE
    return reason


def of_columns(positions: Array, columns: Array, reason: NDArray[np.int8]) -> Fit:
    """Make a `Fit` of its columns, in their order, as the rows of one array; those left out are NaN."""
    every = np.full((COLUMNS, len(positions)), np.nan)
    every[: len(columns)] = columns
    names = [field.name for field in dataclasses.fields(Fit)][1:-1]
    parts: dict[str, Any] = dict(zip(names, every, strict=True))
    return Fit(positions, reason=reason, **parts)

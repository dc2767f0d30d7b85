"""Sub-pixel positions from the raw pixels, thousands of atoms at once, with an error bar on each.

Every atom is a 2-D Gaussian with its axes along rows and columns, on a background of its own, fitted by
weighted least squares (Levenberg-Marquardt) in a window around it. What all other atoms put into that window
is rendered and subtracted, in sweeps: without it a neighbour pulls (Mukherjee et al., Adv. Struct. Chem.
Imaging 6, 1 (2020), doi:10.1186/s40679-020-0068-y). The weights come from the residuals themselves: a
straight line of variance over intensity, which is the Poisson likelihood for counted electrons, plain least
squares for uniform noise, and right in any unit. Columns with wider tails than a Gaussian's have these
subtracted, too, where hundreds of columns together show them (`napari_atomai.locate.tails`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.errors import BadOption
from napari_atomai.locate import fit, windows
from napari_atomai.locate.fit import REASONS, Fit
from napari_atomai.locate.gaussian import (
    HEIGHT,
    LEVEL,
    SIGMA_COL,
    SIGMA_ROW,
    Limits,
)
from napari_atomai.locate.mass import refine_centre_of_mass
from napari_atomai.locate.neighbours import nearest_distances
from napari_atomai.locate.sweeps import Found, Plan, Weighting, solve
from napari_atomai.locate.windows import Canvas

Array = NDArray[np.float64]

__all__ = ["REASONS", "Fit", "fit_radius", "refine_centre_of_mass", "refine_gaussian"]

_SAMPLES = 25
"""Windows wider than this are binned first: the cost of an atom then does not grow with the zoom."""

_FEWEST = 9
"""Pixels a window needs for six parameters."""

_NARROWEST = 0.3
"""Smallest width of a Gaussian in pixels: below it a single pixel is fitted."""


def fit_radius(spacing: float) -> float:
    """Half width of the window that suits atoms at a distance of `spacing` pixels from each other."""
    return max(0.5 * spacing, 1.5) if np.isfinite(spacing) else 5.0


def refine_gaussian(
    image: ArrayLike,
    positions: ArrayLike,
    radius: float,
    *,
    valid: ArrayLike | None = None,
    sweeps: int = 12,
    max_shift: float | None = None,
    weighting: Weighting = "noise",
    tails: bool = True,
) -> Fit:
    """Fit a 2-D Gaussian to every atom, its neighbours' subtracted.

    Parameters
    ----------
    image : array, shape (Y, X)
        Bright atoms; give the negative of an image with dark ones. Any unit.
    positions : array, shape (N, 2)
        Start: row, column, in pixels.
    radius : float
        Half width of the window in pixels, at least 1.5; about half the distance between neighbours.
    valid : array of bool, shape (Y, X), optional
        Pixels to use; those that are not finite are never used.
    sweeps : int
        At most so many rounds of subtracting neighbours; atoms that have settled drop out.
    max_shift : float, optional
        An atom that would move farther, in pixels, keeps its start. 0.8 `radius` when left out.
    weighting : "noise" or "uniform"
        Whether pixels are weighted by the noise seen in the image, or all alike.
    tails : bool
        Whether wide tails under all atoms are looked for, and subtracted where the image shows them.

    Returns
    -------
    Fit

    Raises
    ------
    BadImage, BadAtoms, BadOption
        If shapes or numbers cannot be used.
    """
    pixels, start, usable = windows.checked(image, positions, valid)
    shift = _shift(radius, max_shift)
    factor = max(1, int(np.ceil((2 * radius + 1) / _SAMPLES)))
    reason = fit.unusable(start, pixels.shape)
    if factor > 1:
        mean, count = windows.binned(pixels, usable, factor)
        pixels, usable = mean, 2 * count >= factor * factor
    middle = (factor - 1) / 2
    radius, shift = radius / factor, shift / factor
    plan = Plan(
        max(2, round(radius)), radius, Limits(shift + 1.0, _NARROWEST, 1.5 * radius), sweeps, weighting, tails
    )
    canvas = Canvas.of(pixels, usable, 4 * plan.half + int(np.ceil(shift)) + 4)
    which = np.flatnonzero(reason == fit.OK)
    found = solve(canvas, (start[which] - middle) / factor, plan)
    reason[which] = _verdict(found, (start[which] - middle) / factor, shift, plan)
    return _report(start, reason, found, reason[which] == fit.OK, canvas, factor)


def _verdict(found: Found, start: Array, shift: float, plan: Plan) -> NDArray[np.int8]:
    """Reason of every atom that was fitted; a later rule overrules an earlier one."""
    fitted, (row, col, height) = found.parameters, found.variance[:, :3].T
    sigma = fitted[:, SIGMA_ROW : SIGMA_COL + 1]
    limits = plan.limits
    reason = np.zeros(len(start), np.int8)
    with np.errstate(invalid="ignore"):
        error = np.sqrt(np.maximum(row, col))
        reason[found.moved > np.maximum(error, 0.05)] = fit.UNSETTLED
        reason[~(error < shift)] = fit.UNCERTAIN
        reason[(sigma <= 1.01 * limits.narrow).any(1) | (sigma >= 0.99 * limits.wide).any(1)] = fit.WIDTH
        reason[~(fitted[:, HEIGHT] > np.sqrt(height))] = fit.NO_PEAK
        reason[np.hypot(*(fitted[:, :2] - start).T) > shift] = fit.FAR
    reason[found.pixels < _FEWEST] = fit.FEW
    reason[~np.isfinite(fitted).all(1)] = fit.NOT_FINITE
    good = reason == fit.OK
    reason[np.flatnonzero(good)[_collided(start[good], fitted[good, :2])]] = fit.COLLISION
    return reason


def _collided(start: Array, end: Array) -> NDArray[np.bool_]:
    """Atoms that came much closer to another than they were: two fits of one peak."""
    if len(start) < 2:
        return np.zeros(len(start), np.bool_)
    closer: NDArray[np.bool_] = nearest_distances(end) < 0.5 * nearest_distances(start)
    return closer


def _report(
    start: Array, reason: NDArray[np.int8], found: Found, good: NDArray[np.bool_], canvas: Canvas, factor: int
) -> Fit:
    """Back to pixels and units of the image; atoms that failed keep their start."""
    fitted = found.parameters[good]
    columns = np.full((fit.COLUMNS, len(start)), np.nan)
    positions = start.copy()
    which = np.flatnonzero(reason == fit.OK)
    positions[which] = fitted[:, :2] * factor + (factor - 1) / 2
    sigma = _unbinned(fitted[:, SIGMA_ROW : SIGMA_COL + 1], factor)
    intensity = 2 * np.pi * canvas.unit * factor**2
    intensity = intensity * fitted[:, [HEIGHT, SIGMA_ROW, SIGMA_COL]].prod(1)
    amplitude = intensity / (2 * np.pi * sigma.prod(1))
    background = canvas.level + canvas.unit * fitted[:, LEVEL]
    errors = np.sqrt(_second_order(found.variance, found.parameters)[good].T) * factor
    height_sd = amplitude * np.sqrt(found.variance[good, HEIGHT]) / fitted[:, HEIGHT]
    major, minor, angle = found.ellipse[:, good]
    widths = _unbinned(np.stack([major, minor]), factor)
    sureness = (found.quality[good], np.sqrt(found.gain[good]), height_sd)
    columns[:, which] = np.stack(
        [amplitude, background, *sigma.T, intensity, *errors, *sureness, *widths, angle]
    )
    kept = ~np.isin(reason, (fit.OK, fit.OUTSIDE, fit.NOT_FINITE))
    columns[5:7, kept] = _error_of_starts(positions[which] - start[which])[:, None]
    return fit.of_columns(positions, columns, reason)


def _unbinned(sigma: Array, factor: int) -> Array:
    """Widths in pixels of the image: averaging over a bin has widened Gaussians by the bin's own variance."""
    widened: Array = np.square(sigma * factor) - (factor**2 - 1) / 12
    return np.sqrt(np.maximum(widened, _NARROWEST**2))


def _error_of_starts(moves: Array) -> Array:
    """Return the standard deviation (row, column) of starts: how far the good atoms were from theirs."""
    return np.sqrt(np.square(moves).mean(0)) if len(moves) >= _FEWEST else np.full(2, np.nan)


def _second_order(variance: Array, fitted: Array) -> Array:
    """Variance (N, 2) of row and column, with what is left out where noise bends the peak itself.

    The centre is where the image, seen through the Gaussian, is highest. There the curvature is as noisy as
    the height: of squares of 1.5 and 0.5 times the variance over the width squared, which go together. The
    mean of error squared over the Fisher variance of the fit is then about 1 + 3 variance / width^2; the 3
    was chosen between estimates of 3 and 6 by the z-scores of simulated images (benchmarks/refine.py).
    """
    place = variance[:, :2]
    part = place.mean(1) / np.square(fitted[:, SIGMA_ROW : SIGMA_COL + 1]).mean(1)
    return np.asarray(place * (1 + 3 * np.minimum(part, 0.5))[:, None])


def _shift(radius: float, max_shift: float | None) -> float:
    if not (np.isfinite(radius) and radius >= 1.5):
        raise BadOption(
            f"The radius of the window is {radius} px.",
            why="A Gaussian has six parameters; fewer pixels than that say nothing.",
            remedy="Give at least 1.5, about half the distance between neighbouring atoms.",
        )
    shift = 0.8 * radius if max_shift is None else float(max_shift)
    if not (np.isfinite(shift) and shift > 0):
        raise BadOption(f"max_shift is {max_shift} px.", remedy="Give a positive number of pixels.")
    return shift

"""Columns that were missed, and columns that the pixels do not support."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage, optimize

from napari_atomai.errors import BadOption
from napari_atomai.locate import centres, gaussian, noise, windows
from napari_atomai.locate.centres import Peaks
from napari_atomai.locate.fit import NO_PEAK, Fit
from napari_atomai.locate.neighbours import typical_spacing
from napari_atomai.locate.noise import Noise
from napari_atomai.locate.windows import Canvas

Array = NDArray[np.float64]
Layer = NDArray[np.float32]
Flags = NDArray[np.bool_]

_ENOUGH = 8
"""Fewer good atoms say nothing about what a column looks like."""

_LEAST = 3.0
"""Nothing lower is taken for a column, however small the area where one is allowed."""

APART = 0.75
"""Part of the spacing that a missed column keeps from its neighbours: holes of square lattices are nearer."""


def find_missed(
    image: ArrayLike,
    fit: Fit,
    *,
    valid: ArrayLike | None = None,
    min_distance: float | None = None,
    false_alarms: float = 0.001,
) -> Peaks:
    """Find columns in what a refinement leaves over.

    A score test: the residual r is compared with a Gaussian g of the common width everywhere,
    ``T = sum(g r / v) / sqrt(sum(g^2 / v))``, where v is the variance of a pixel as learnt from the residual
    next to known atoms. T is in standard deviations, whatever the unit of the image. The threshold is the
    height that noise alone reaches `false_alarms` times per known atom within the area where a column is
    allowed: ``area / (2 sigma^2) (2 pi)^(-3/2) T exp(-T^2/2)`` peaks of such noise are higher than T (Adler,
    The Geometry of Random Fields (1981), for the correlation of a Gaussian with itself).

    Parameters
    ----------
    image : array, shape (Y, X)
        The image that was refined, atoms bright.
    fit : Fit
        What the refinement found; columns are looked for that look like these.
    valid : array of bool, shape (Y, X), optional
        Pixels to use.
    min_distance : float, optional
        From known atoms and from each other, in pixels. 0.75 of the median distance of neighbours when left
        out: only what is missing in a lattice, not what may lie between its columns.
    false_alarms : float
        Columns found that are not there, per known atom, if noise were all there is besides those.

    Returns
    -------
    Peaks
        Positions (M, 2), and T as scores, highest first; none where fewer than eight atoms are good.

    Raises
    ------
    BadImage, BadOption
        If shapes or numbers cannot be used.
    """
    pixels, _, usable = windows.checked(image, fit.positions, valid)
    good = fit.converged
    apart = APART * typical_spacing(fit.positions[good]) if min_distance is None else float(min_distance)
    if not (false_alarms > 0 and (apart > 0 or good.sum() < _ENOUGH)):
        raise BadOption(
            f"min_distance is {min_distance} px and false_alarms {false_alarms}.",
            remedy="Give positive numbers.",
        )
    if good.sum() < _ENOUGH or not usable.any():
        return Peaks(np.empty((0, 2)), np.empty(0))
    sigma = float(np.median(np.sqrt(fit.sigma_row[good] * fit.sigma_col[good])))
    test, allowed = _score_test(pixels, usable, fit, sigma, apart)
    least = _threshold(float(allowed.sum()), sigma, false_alarms * float(good.sum()))
    places, heights = centres.local_maxima(np.where(allowed, test, np.float32(0)), least)
    order = np.argsort(-heights, kind="stable")
    order = order[centres.best(places[order], apart)]
    return Peaks(places[order], heights[order])


def log_odds(fit: Fit, radius: float, prior: ArrayLike | None = None) -> Array:
    """Logarithm of the odds that each column is there, against it not being there.

    The rule of the largest posterior probability of the number of columns (Fatermans, Van Aert, den Dekker,
    Ultramicroscopy 201, 81 (2019), arXiv:1902.05809) for one column more or less: with uniform priors over an
    area and a range of amplitudes, and the likelihood taken to be normal around its peak, the evidence of a
    column is ``exp(gain) (2 pi)^(3/2) sd_row sd_col sd_amplitude / (area range)``. Its gain in log-likelihood
    must thus pay for the volume of places and heights at which noise could have put it.

    Parameters
    ----------
    fit : Fit
        What a refinement found.
    radius : float
        Of the area in which the column was looked for, in pixels: that of the window, or `max_shift`.
    prior : array, shape (N,), optional
        Probability of each before the pixels were fitted, such as a net's score; 1/2 when left out.

    Returns
    -------
    array, shape (N,)
        Minus infinity where the fit found no peak; where it failed for another reason the pixels say nothing,
        and the odds are those of `prior`.
    """
    odds = np.zeros(len(fit.positions))
    odds[fit.reason == NO_PEAK] = -np.inf
    good = fit.converged
    if not good.any():
        return odds
    tallest = 1.5 * float(np.percentile(fit.amplitude[good], 95))
    volume = fit.row_sd * fit.col_sd * fit.amplitude_sd * (2 * np.pi) ** 1.5
    with np.errstate(divide="ignore", invalid="ignore"):
        evidence = 0.5 * fit.significance**2 + np.log(volume / (np.pi * radius**2 * tallest))
    odds[good] = evidence[good]
    if prior is not None:
        before = np.clip(np.asarray(prior, np.float64), 1e-6, 1 - 1e-6)
        odds += np.log(before / (1 - before))
    return odds


def _score_test(
    pixels: NDArray[Any], usable: Flags, fit: Fit, sigma: float, apart: float
) -> tuple[Layer, Flags]:
    """T at every pixel, and where a column is allowed."""
    good = fit.converged
    half = int(np.ceil(3.5 * max(sigma, float(np.percentile(fit.sigma_row[good], 95)))))
    # A fitted centre may lie outside the image by as much as a fit may move.
    outside = np.maximum(-fit.positions[good], fit.positions[good] - np.array(pixels.shape)).max(initial=0)
    canvas = Canvas.of(pixels, usable, max(half, int(np.ceil(apart))) + int(np.ceil(outside)) + 2)
    model = canvas.blank()
    canvas.add(model, _gaussians(fit, canvas), half)
    inner = (slice(canvas.margin, -canvas.margin),) * 2
    weight, model, data = canvas.valid[inner], model[inner], canvas.pixels[inner]
    level = _background(data - model, weight, 1.5 * apart)
    rest = (data - model - level) * weight
    near = _near(fit.positions, pixels.shape, apart)
    learnt = _noise(model + level, rest, (weight > 0) & near)
    certain = learnt.weights(model + level) * weight
    up = ndimage.gaussian_filter(rest * certain, sigma, mode="constant", truncate=4.0)
    # g^2 is a Gaussian narrower by the root of 2; filters are normalised to a sum of 1.
    down = ndimage.gaussian_filter(certain, sigma / np.sqrt(2), mode="constant", truncate=4.0)
    scale = 2 * np.sqrt(np.pi) * sigma
    test = scale * up / np.sqrt(np.maximum(down, 1e-30))
    return test.astype(np.float32), (weight > 0) & ~near


def _gaussians(fit: Fit, canvas: Canvas) -> Array:
    good = fit.converged
    parameters = np.zeros((int(good.sum()), gaussian.PARAMETERS))
    parameters[:, :2] = fit.positions[good]
    parameters[:, gaussian.HEIGHT] = fit.amplitude[good] / canvas.unit
    parameters[:, gaussian.SIGMA_ROW] = fit.sigma_row[good]
    parameters[:, gaussian.SIGMA_COL] = fit.sigma_col[good]
    return parameters


def _background(rest: Layer, weight: Layer, reach: float) -> Layer:
    """Smooth level under the atoms."""
    total, count = (
        ndimage.gaussian_filter(each, reach, mode="nearest", truncate=2.5) for each in (rest * weight, weight)
    )
    return np.asarray(total / np.maximum(count, 1e-6), np.float32)


def _noise(expected: Layer, rest: Layer, use: Flags) -> Noise:
    """Learn the noise from some of the pixels next to atoms."""
    where = np.flatnonzero(use)
    where = where[:: max(1, len(where) // 100_000)]
    return noise.learn(expected.ravel()[where].astype(float), rest.ravel()[where].astype(float))


def _near(positions: Array, shape: tuple[int, ...], apart: float) -> Flags:
    """Pixels (Y, X) nearer than `apart` to a position."""
    half = int(np.ceil(apart))
    near = np.zeros((shape[0] + 2 * half, shape[1] + 2 * half), np.bool_)
    middle = windows.nearest_pixel(positions[np.isfinite(positions).all(1)])
    inside = ((middle >= 0) & (middle < shape)).all(1)
    rows, cols = np.nonzero(windows.distances(half) < apart)
    near[middle[inside, :1] + rows, middle[inside, 1:] + cols] = True
    return near[half : half + shape[0], half : half + shape[1]]


def _threshold(area: float, sigma: float, alarms: float) -> float:
    """Height that noise reaches `alarms` times within an area."""

    def excess(height: float) -> float:
        return float(area / (2 * sigma**2) * (2 * np.pi) ** -1.5 * height * np.exp(-(height**2) / 2)) - alarms

    return float(optimize.brentq(excess, _LEAST, 40.0)) if excess(_LEAST) > 0 else _LEAST

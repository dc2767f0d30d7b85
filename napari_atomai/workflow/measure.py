"""Measure every candidate on the raw pixels: sub-pixel position with its error, widths, intensity."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.special import expit

from napari_atomai.data.recipe import RefineAtoms
from napari_atomai.locate.centres import Peaks
from napari_atomai.locate.complete import refine_complete
from napari_atomai.locate.fit import FAR, NO_PEAK
from napari_atomai.locate.neighbours import nearest_distances
from napari_atomai.locate.refine import Fit, fit_radius, refine_centre_of_mass, refine_gaussian

Vector = NDArray[np.float64]
Features = dict[str, NDArray[Any]]

_OUTERMOST = 0.12
"""Part of the spacing that a pixel of the net's map and a half are."""

_SURE = 0.5
"""Neighbour distances are told among atoms at least this sure, as long as the atom itself is not less."""


def measured(
    pixels: NDArray[Any],
    peaks: Peaks,
    spacing: float,
    refine: RefineAtoms,
    *,
    closest: float,
    known: Features | None = None,
    complete: bool = False,
) -> tuple[Vector, Features]:
    """Refine candidates and describe each of them.

    Parameters
    ----------
    pixels : array, shape (y, x)
        One frame, atoms bright; pixels that are not finite are left out.
    peaks : Peaks
        Candidates: positions (N, 2) as row, column in pixels, and scores.
    spacing : float
        Distance between neighbouring atoms, in pixels.
    refine : RefineAtoms
        Method, and the window's half width (0: from the spacing).
    closest : float
        Of two candidates that end up nearer than this, the surer one is kept.
    known : dict of str to array, shape (N,), optional
        What is known of the candidates already, to be carried over.
    complete : bool
        Whether candidates that the pixels do not support are left out, and columns that no candidate led to
        are added, with their probability as score (``added``), where a Gaussian is fitted.

    Returns
    -------
    positions : array, shape (M, 2)
        Row, column, in pixels.
    features : dict of str to array, shape (M,)
        ``score``, ``refined``, ``neighbour_px``, ``at_border`` and what the fit measured.
    """
    fit: Fit | None
    if complete and refine.method == "gaussian":
        fit, peaks, known = _completed(pixels, peaks, refine.radius or fit_radius(spacing), known or {})
    else:
        fit = _fit(pixels, peaks.positions, spacing, refine)
    positions = peaks.positions if fit is None else fit.positions
    kept = _one_each(positions, peaks.scores, closest)
    kept = kept[_inside(positions, fit, pixels.shape, spacing)[kept]]
    positions, scores = positions[kept], peaks.scores[kept]
    edge = np.minimum(positions, np.array(pixels.shape) - 1 - positions).min(axis=1, initial=np.inf)
    features: Features = {
        "score": scores,
        "neighbour_px": _neighbours(positions, scores),
        "at_border": edge < 0.5 * spacing,
    }
    features |= {name: values[kept] for name, values in (known or {}).items()}
    if fit is not None:
        features |= {
            "refined": fit.converged[kept],
            "row_sd_px": fit.row_sd[kept],
            "col_sd_px": fit.col_sd[kept],
            "intensity": fit.intensity[kept],
            "amplitude": fit.amplitude[kept],
            "background": fit.background[kept],
            "sigma_row_px": fit.sigma_row[kept],
            "sigma_col_px": fit.sigma_col[kept],
            "sigma_major_px": fit.sigma_major[kept],
            "sigma_minor_px": fit.sigma_minor[kept],
            "angle_deg": fit.angle[kept],
            "significance": fit.significance[kept],
        }
    return positions, features


def _completed(
    pixels: NDArray[Any], peaks: Peaks, radius: float, known: Features
) -> tuple[Fit, Peaks, Features]:
    """Fit, and the candidates and what is known of them, after some were dropped and others added."""
    done = refine_complete(pixels, peaks.positions, radius, scores=peaks.scores, valid=np.isfinite(pixels))
    old = done.origin[~done.added]
    scores = np.concatenate([peaks.scores[old], expit(done.log_odds[done.added])])
    unknown = np.full(int(done.added.sum()), np.nan)
    features: Features = {name: np.concatenate([values[old], unknown]) for name, values in known.items()}
    features["added"] = done.added
    return done.fit, Peaks(done.fit.positions, scores), features


def _fit(pixels: NDArray[Any], positions: Vector, spacing: float, refine: RefineAtoms) -> Fit | None:
    radius = refine.radius or fit_radius(spacing)
    valid = np.isfinite(pixels)
    if refine.method == "gaussian":
        return refine_gaussian(pixels, positions, radius, valid=valid)
    if refine.method == "centre of mass":
        return refine_centre_of_mass(pixels, positions, radius, valid=valid)
    return None


def _inside(positions: Vector, fit: Fit | None, shape: tuple[int, ...], spacing: float) -> NDArray[np.bool_]:
    """Tell which centres lie in the frame, by more than twice their own error.

    A column just outside can be seen by its flank, and its mirror image in the padding looks like a centre on
    the outermost pixels of the net's map. The fit of such a one leaves the frame, or finds no peak in it.
    """
    margin = np.full(positions.shape, 0.5)
    if fit is not None:
        errors = 2 * np.stack([fit.row_sd, fit.col_sd], axis=1)
        margin = np.where(fit.converged[:, None], errors, margin)
        margin[(fit.reason == FAR) | (fit.reason == NO_PEAK)] = max(0.5, _OUTERMOST * spacing)
    inner = (positions + 0.5 >= margin) & (np.array(shape) - 0.5 - positions >= margin)
    return np.asarray(inner.all(axis=1))


def _one_each(positions: Vector, scores: Vector, closest: float) -> NDArray[np.int64]:
    """Return the indices of the candidates that have no surer one nearer than `closest`."""
    if len(positions) < 2:
        return np.arange(len(positions))
    pairs = cKDTree(positions).query_pairs(closest, output_type="ndarray")
    first_is_less = scores[pairs[:, 0]] < scores[pairs[:, 1]]
    weaker = np.where(first_is_less, pairs[:, 0], pairs[:, 1])
    return np.setdiff1d(np.arange(len(positions)), weaker)


def _neighbours(positions: Vector, scores: Vector) -> Vector:
    """Return the distance to the nearest atom that is likely there, pixels; NaN for a lone one."""
    sure = scores >= _SURE
    result = np.full(len(positions), np.nan)
    result[sure] = nearest_distances(positions[sure])
    if sure.any() and not sure.all():
        result[~sure] = cKDTree(positions[sure]).query(positions[~sure])[0]
    result[~np.isfinite(result)] = np.nan
    return result

"""Refinement that also finds what was missed, and leaves out what the pixels do not support."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from napari_atomai.errors import BadAtoms
from napari_atomai.locate.evidence import APART, find_missed, log_odds
from napari_atomai.locate.fit import Fit
from napari_atomai.locate.neighbours import typical_spacing
from napari_atomai.locate.refine import refine_gaussian

Array = NDArray[np.float64]

_EXPECTED = 0.95
"""Probability that a start is a column, where nothing is said of it."""

_UNEXPECTED = 0.9
"""Probability of a column that was found in the residual, where the lattice has room for one."""

_CROWDED = 0.05
"""Probability, at most, of a column where the lattice has no room: next to a clearer one."""

_CLOSE = 0.5
"""Part of the spacing within which two starts may share one column."""


@dataclass(frozen=True, eq=False)
class Completed:
    """What a completing refinement found.

    Parameters
    ----------
    fit : Fit
        The columns that are left, those that were added last.
    origin : array of int, shape (N,)
        Which start each comes from; -1 for those that were added.
    log_odds : array, shape (N,)
        Logarithm of the odds that the column is there; see `napari_atomai.locate.evidence.log_odds`.
    dropped : array of int, shape (D,)
        Starts that the pixels do not support.
    """

    fit: Fit
    origin: NDArray[np.int64]
    log_odds: Array
    dropped: NDArray[np.int64]

    @property
    def added(self) -> NDArray[np.bool_]:
        """Columns that no start led to."""
        new: NDArray[np.bool_] = self.origin < 0
        return new


def refine_complete(
    image: ArrayLike,
    positions: ArrayLike,
    radius: float,
    *,
    scores: ArrayLike | None = None,
    valid: ArrayLike | None = None,
    min_distance: float | None = None,
    false_alarms: float = 0.001,
) -> Completed:
    """Refine, drop what the pixels do not support, add what was missed, and refine again.

    Parameters
    ----------
    image : array, shape (Y, X)
        Bright atoms. Any unit.
    positions : array, shape (N, 2)
        Start: row, column, in pixels.
    radius : float
        Half width of the window in pixels; see `refine_gaussian`.
    scores : array, shape (N,), optional
        Probability that each start is a column; 0.95 when left out.
    valid : array of bool, shape (Y, X), optional
        Pixels to use.
    min_distance, false_alarms : float, optional
        See `napari_atomai.locate.evidence.find_missed`. Of two starts nearer to each other than two thirds
        of `min_distance` (half the spacing), the fainter is left out: give less where columns are that near.

    Returns
    -------
    Completed

    Raises
    ------
    BadImage, BadAtoms, BadOption
        If shapes or numbers cannot be used.
    """
    fit = refine_gaussian(image, positions, radius, valid=valid, tails=False)
    count = len(fit.positions)
    believed = _believed(scores, count)
    apart = APART * typical_spacing(fit.positions) if min_distance is None else float(min_distance)
    fainter = _intruders(fit, _CLOSE / APART * apart)
    odds = log_odds(fit, 0.8 * radius, _prior(fit, believed, apart))
    origin = np.arange(count)
    if fainter.any():
        # Two fits that share one column look clear, both of them: the one left shows what is missing.
        origin = np.flatnonzero(~fainter & ~(odds < 0))
        fit = refine_gaussian(image, fit.positions[origin], radius, valid=valid, tails=False)
        odds = log_odds(fit, 0.8 * radius, _prior(fit, believed[origin], apart))
    fit, origin, odds = _kept(fit, origin, odds)
    missed = find_missed(image, fit, valid=valid, min_distance=min_distance, false_alarms=false_alarms)
    if len(missed) or len(origin) < count:
        fit = refine_gaussian(
            image, np.concatenate([fit.positions, missed.positions]), radius, valid=valid, tails=False
        )
        found = _returned(np.asarray(positions, np.float64), origin, missed.positions, _CLOSE / APART * apart)
        believed = np.concatenate([believed[origin], np.full(len(missed), _UNEXPECTED)])
        origin = np.concatenate([origin, found])
        odds = log_odds(fit, 0.8 * radius, _prior(fit, believed, apart))
        fit, origin, odds = _kept(fit, origin, odds)
    return Completed(fit, origin, odds, np.setdiff1d(np.arange(count), origin))


def _kept(fit: Fit, origin: NDArray[np.int64], odds: Array) -> tuple[Fit, NDArray[np.int64], Array]:
    """Leave out what is not likely there."""
    stay = ~(odds < 0)
    return fit.keep(stay), origin[stay], odds[stay]


def _returned(start: Array, kept: NDArray[np.int64], missed: Array, reach: float) -> NDArray[np.int64]:
    """Return which start, left out by mistake, each missed column belongs to; -1 for none."""
    origin = np.full(len(missed), -1)
    out = np.setdiff1d(np.flatnonzero(np.isfinite(start).all(-1)), kept)
    if len(out) and len(missed):
        distance, nearest = (np.atleast_1d(each) for each in cKDTree(start[out]).query(missed))
        order = np.argsort(distance)
        order = order[distance[order] < reach]
        start_of, first = np.unique(nearest[order], return_index=True)
        origin[order[first]] = out[start_of]
    return origin


def _believed(scores: ArrayLike | None, count: int) -> Array:
    if scores is None:
        return np.full(count, _EXPECTED)
    given = np.asarray(scores, np.float64)
    if given.shape != (count,):
        raise BadAtoms(
            f"There are {count} positions and scores of shape {given.shape}.",
            remedy="Give one score for each position.",
        )
    return given


def _prior(fit: Fit, believed: Array, apart: float) -> Array:
    """Lower what is believed of columns that stand where the lattice has no room."""
    return np.where(_intruders(fit, apart), np.minimum(believed, _CROWDED), believed)


def _intruders(fit: Fit, apart: float) -> NDArray[np.bool_]:
    """Tell which columns are nearer than `apart` to a clearer one."""
    fainter = np.zeros(len(fit.positions), np.bool_)
    known = np.flatnonzero(np.isfinite(fit.positions).all(1))
    if len(known) < 2 or not apart > 0:
        return fainter
    clear = np.nan_to_num(fit.significance, nan=0.0)
    pair = known[cKDTree(fit.positions[known]).query_pairs(apart, output_type="ndarray")]
    first_is_less = clear[pair[:, 0]] < clear[pair[:, 1]]
    fainter[np.where(first_is_less, pair[:, 0], pair[:, 1])] = True
    return fainter

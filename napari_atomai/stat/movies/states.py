"""States of atoms, how often they change from one into another, and how long they last."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta

from napari_atomai.errors import BadAtoms, BadOption
from napari_atomai.stat.class_number import evidence_for, suggested_number
from napari_atomai.stat.clusters import divided, in_order
from napari_atomai.stat.movies.linking import Tracks

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]

CONFIDENCE = 0.95
"""Of all intervals."""

_PRIOR = 0.5  # Jeffreys
_FEWEST, _RAREST = 3, 0.001  # sightings of a state, and their share


@dataclass(frozen=True, eq=False)
class Transitions:
    """How often each state is followed by each, summed over all tracks.

    Parameters
    ----------
    counts : array of int, shape (K, K)
        From (row) to (column), in the next frame.
    probability : array, shape (K, K)
        Of the next state; rows of states from which no step was seen are NaN.
    low, high : array, shape (K, K)
        Ends of the interval that holds each probability with 95 % (Jeffreys).
    skipped : int
        Steps over frames without a sighting, which are not counted.
    """

    counts: Integers
    probability: Vector
    low: Vector
    high: Vector
    skipped: int = 0


@dataclass(frozen=True, eq=False)
class Dwells:
    """How long each state lasts.

    Parameters
    ----------
    mean : array, shape (K,)
        Mean time in a state until it is left, in frames or in the unit of `frame_time`, where leaving is as
        likely at any time. Stays whose beginning or end was not seen count with the time they were seen;
        infinite where the state was never left, NaN where it was never seen to go on.
    low, high : array, shape (K,)
        Ends of its interval, 95 %.
    stays, left : array of int, shape (K,)
        How many stays there were, and how many of them ended before our eyes.
    """

    mean: Vector
    low: Vector
    high: Vector
    stays: Integers
    left: Integers


def gaussian_states(features: ArrayLike, number: int = 0, *, seed: int = 0) -> tuple[Integers, Vector]:
    """Divide atoms into states by a mixture of Gaussians.

    Parameters
    ----------
    features : array, shape (N,) or (N, F)
        Of every atom of a movie; each is brought to the same spread.
    number : int
        Of states; 0 = as many as the evidence supports (BIC, with a valley between any two).
    seed : int
        Of the starts.

    Returns
    -------
    states : array of int, shape (N,)
        From 0, by rising mean of the first feature.
    probabilities : array, shape (N, K)

    Raises
    ------
    BadAtoms
        If features are not finite, or fewer than two atoms.
    BadOption
        If there are more states than atoms.
    """
    values = np.asarray(features, np.float64)
    values = values.reshape(len(values), -1) if values.ndim else values.reshape(1, 1)
    if len(values) < 2 or not np.isfinite(values).all():
        raise BadAtoms(
            f"{len(values)} atoms have features of which {int((~np.isfinite(values)).sum())} are not finite.",
            remedy="Give two atoms or more, each with numbers.",
        )
    if not 0 <= number <= len(values):
        raise BadOption(
            f"{number} states of {len(values)} atoms.", remedy="Ask for 1 or more, or 0 = automatic."
        )
    spread = values.std(axis=0)
    scaled = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    # A state is seen again and again: one sighting far from all others is none, as a dopant would be a class.
    fewest = max(_FEWEST, _RAREST * len(values))
    many = number or suggested_number(
        [each for each in evidence_for(scaled, seed) if each.classes == 1 or each.smallest >= fewest]
    )
    if many == 1 or not spread.any():
        return np.zeros(len(values), np.int64), np.ones((len(values), 1))
    labels, probabilities = divided(scaled, "gmm", many, seed)
    return in_order(values[:, 0], labels, probabilities)


def transitions(tracks: Tracks, states: ArrayLike, number: int = 0) -> Transitions:
    """Count which state follows which along the tracks.

    Parameters
    ----------
    tracks : Tracks
        Of the atoms of a movie.
    states : array of int, shape (N,)
        Of each atom, from 0.
    number : int
        How many states there are; 0 = as many as occur.
    """
    state, many = _checked(tracks, states, number)
    before, after = tracks.steps()
    next_frame = tracks.frames[after] - tracks.frames[before] == 1
    before, after = before[next_frame], after[next_frame]
    counts = np.bincount(state[before] * many + state[after], minlength=many * many).reshape(many, many)
    return counted(counts, int((~next_frame).sum()))


def counted(counts: Integers, skipped: int = 0) -> Transitions:
    """Return probabilities and their intervals of counts (K, K) of transitions."""
    rows = counts.sum(axis=1, keepdims=True)
    probability = np.where(rows > 0, counts / np.maximum(rows, 1), np.nan)
    low, high = (np.where(rows > 0, end, np.nan) for end in _interval(counts, rows - counts))
    return Transitions(counts, probability, low, high, skipped)


def _interval(yes: Integers, no: Integers) -> tuple[Vector, Vector]:
    """Return Jeffreys' interval of a share; it reaches 0 and 1 where nothing, or nothing else, was seen."""
    tail = (1 - CONFIDENCE) / 2
    low = np.where(yes > 0, beta.ppf(tail, yes + _PRIOR, no + _PRIOR), 0.0)
    high = np.where(no > 0, beta.ppf(1 - tail, yes + _PRIOR, no + _PRIOR), 1.0)
    return low, high


def dwell_times(tracks: Tracks, states: ArrayLike, number: int = 0, *, frame_time: float = 1.0) -> Dwells:
    """Estimate how long states last.

    Parameters
    ----------
    tracks : Tracks
        Of the atoms of a movie.
    states : array of int, shape (N,)
        Of each atom, from 0.
    number : int
        How many states there are; 0 = as many as occur.
    frame_time : float
        Time from one frame to the next, in any unit.
    """
    if not frame_time > 0:
        raise BadOption(f"The time of a frame is {frame_time:g}.", remedy="Give a time above 0.")
    state, many = _checked(tracks, states, number)
    counts = transitions(tracks, state, many).counts
    seen, stayed = counts.sum(axis=1), np.diag(counts)
    left = seen - stayed
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(seen > 0, seen / left, np.nan)
        low, high = (1 / end for end in reversed(_interval(left, stayed)))
    low, high = np.where(seen > 0, low, np.nan), np.where(seen > 0, high, np.nan)
    # A stay begins where a track does, comes into sight again, or has changed its state.
    order = tracks.order()
    goes_on = np.zeros(len(order), bool)
    if len(order) > 1:
        here, there = order[:-1], order[1:]
        goes_on[1:] = (
            (tracks.track[here] == tracks.track[there])
            & (tracks.frames[there] - tracks.frames[here] == 1)
            & (state[here] == state[there])
        )
    stays = np.bincount(state[order[~goes_on]], minlength=many)
    return Dwells(mean * frame_time, low * frame_time, high * frame_time, stays, left)


def _checked(tracks: Tracks, states: ArrayLike, number: int) -> tuple[Integers, int]:
    state = np.asarray(states, np.int64)
    if state.shape != tracks.track.shape:
        raise BadAtoms(
            f"There are {len(tracks.track)} atoms and {state.shape} states.", remedy="Give one for each."
        )
    most = int(state.max(initial=-1)) + 1
    if state.min(initial=0) < 0 or (number and most > number):
        raise BadOption(
            f"States go from {state.min(initial=0)} to {most - 1}, but there are {number or most}.",
            remedy="Count states from 0.",
        )
    return state, number or most

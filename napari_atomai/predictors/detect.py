"""Candidates for atoms in one frame: scale, nets, peaks, and back to the image's own pixels."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_atomai.data.card import ModelCard
from napari_atomai.data.progress import Progress
from napari_atomai.locate.centres import Peaks, find_peaks
from napari_atomai.predictors.finder import Finder, calibrated
from napari_atomai.predictors.scale import resized, true_zoom
from napari_atomai.predictors.tiles import predict_tiled
from napari_atomai.prepare.normalise import channels

Map = NDArray[np.float32]

FLOOR = 0.05
"""Peaks of a lower probability are not kept."""

CLOSEST = 0.45
"""Two atoms are never nearer than this share of the spacing."""


@dataclass(frozen=True, eq=False)
class Detected:
    """What the nets saw in one frame.

    Parameters
    ----------
    peaks : Peaks
        Positions (N, 2) as row, column in pixels of the frame, and scores: the mean over the members.
    score_sd : array, shape (N,), or None
        Standard deviation of the score among the members; None for a single net.
    probability : array of float32, shape (y, x)
        At the frame's own size.
    spread : array of float32, shape (y, x), or None
        Standard deviation of the probability among the members.
    """

    peaks: Peaks
    score_sd: NDArray[np.float64] | None
    probability: Map
    spread: Map | None


def as_alone(seen: Detected, card: ModelCard) -> Detected:
    """Return what was seen with the probabilities of images in which there is no lattice.

    Grains of noise and film are taken for atoms far more often there: the score of a lone spot is worth less
    than that of one among many.
    """
    slope, offset = card.alone
    if (slope, offset) == (1.0, 0.0):
        return seen
    peaks = Peaks(seen.peaks.positions, calibrated(seen.peaks.scores, slope, offset))
    return replace(seen, peaks=peaks, probability=calibrated(seen.probability, slope, offset))


def detecting(finder: Finder, frame: NDArray[Any], zoom: float) -> Generator[Progress, None, Detected]:
    """Find candidates in a frame whose zoom to the nets' scale is known.

    Parameters
    ----------
    finder : Finder
        The nets.
    frame : array, shape (y, x)
        Finite pixels, atoms bright.
    zoom : float
        Factor that brings the spacing of atoms to what the nets know.

    Returns
    -------
    Detected
    """
    stack = channels(resized(frame, zoom))
    probability, spread = yield from pooled(finder, stack)
    peaks = find_peaks(probability, min_distance=CLOSEST * finder.card.spacing_best, floor=FLOOR)
    score_sd = spread_at(spread, peaks.positions)
    if spread is not None:
        spread = to_size(spread, frame.shape)
    positions = (peaks.positions + 0.5) / true_zoom(frame.shape, zoom) - 0.5
    return Detected(Peaks(positions, peaks.scores), score_sd, to_size(probability, frame.shape), spread)


def pooled(
    finder: Finder, stack: Map, done: int = 0, of: int = 1
) -> Generator[Progress, None, tuple[Map, Map | None]]:
    """Mean and standard deviation over the members, holding the maps of one member at a time.

    Parameters
    ----------
    finder : Finder
        The nets.
    stack : array, shape (channels, y, x)
        What they see.
    done, of : int
        How many such stacks were seen before, of how many: for the progress told.
    """
    mean = squares = None
    count = len(finder.engines)
    for number, engine in enumerate(finder.engines, start=1):
        maps = yield from _part(predict_tiled(engine, stack), done * count + number - 1, of * count)
        seen: Map = maps.max(axis=0)
        if mean is None or squares is None:
            mean, squares = seen.astype(np.float32), np.zeros_like(seen)
            continue
        step = seen - mean
        mean += step / number
        squares += step * (seen - mean)
    assert mean is not None  # a finder has at least one net
    assert squares is not None
    return mean, (None if count == 1 else np.sqrt(squares / (count - 1)))


def _part(work: Generator[Progress, None, Map], done: int, of: int) -> Generator[Progress, None, Map]:
    """Tell the progress of one member as part of all members."""
    while True:
        try:
            inner = next(work)
        except StopIteration as end:
            maps: Map = end.value
            return maps
        yield Progress(done * inner.of + inner.step, of * inner.of, inner.message)


def spread_at(spread: Map | None, positions: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the values (N,) of a map of the spread among members, if there is one."""
    if spread is None:
        return None
    return ndimage.map_coordinates(spread, positions.T, order=1, mode="nearest").astype(np.float64)


def to_size(probability: Map, shape: tuple[int, ...]) -> Map:
    """Bring a map back to the size of the frame."""
    if probability.shape == shape:
        return probability
    factors = tuple(new / old for new, old in zip(shape, probability.shape, strict=True))
    result = ndimage.zoom(probability, factors, order=1, mode="nearest", grid_mode=True)
    return np.clip(result, 0, 1)

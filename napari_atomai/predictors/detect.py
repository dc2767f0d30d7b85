"""Candidates for atoms in one frame: scale, net, peaks, and back to the image's own pixels."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_atomai.data.card import ModelCard
from napari_atomai.data.progress import Progress
from napari_atomai.locate.centres import Peaks, find_peaks
from napari_atomai.predictors.engines import Engine
from napari_atomai.predictors.scale import resized, true_zoom
from napari_atomai.predictors.tiles import predict_tiled
from napari_atomai.prepare.normalise import channels

FLOOR = 0.05
"""Peaks of a lower probability are not kept."""

CLOSEST = 0.45
"""Two atoms are never nearer than this share of the spacing."""


@dataclass(frozen=True, eq=False)
class Detected:
    """What the net saw in one frame.

    Parameters
    ----------
    peaks : Peaks
        Positions (N, 2) as row, column in pixels of the frame, and scores.
    probability : array of float32, shape (y, x)
        At the frame's own size.
    """

    peaks: Peaks
    probability: NDArray[np.float32]


def detecting(
    engine: Engine, card: ModelCard, frame: NDArray[Any], zoom: float
) -> Generator[Progress, None, Detected]:
    """Find candidates in a frame whose zoom to the net's scale is known.

    Parameters
    ----------
    engine, card
        The net.
    frame : array, shape (y, x)
        Finite pixels, atoms bright.
    zoom : float
        Factor that brings the spacing of atoms to what the net knows.

    Returns
    -------
    Detected
    """
    scaled = resized(frame, zoom)
    maps = yield from predict_tiled(engine, channels(scaled))
    probability = maps.max(axis=0)
    peaks = find_peaks(probability, min_distance=CLOSEST * card.spacing_best, floor=FLOOR)
    factors = true_zoom(frame.shape, zoom)
    positions = (peaks.positions + 0.5) / factors - 0.5
    return Detected(Peaks(positions, peaks.scores), _back(probability, frame.shape))


def _back(probability: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Bring a map back to the size of the frame."""
    if probability.shape == shape:
        return probability
    factors = tuple(new / old for new, old in zip(shape, probability.shape, strict=True))
    result = ndimage.zoom(probability, factors, order=1, mode="nearest", grid_mode=True)
    return np.clip(result, 0, 1)

"""The probability around one place, predicted anew: quick enough to follow a click."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.data.progress import finish
from napari_atomai.errors import BadOption
from napari_atomai.predictors.finder import Finder
from napari_atomai.predictors.scale import resized
from napari_atomai.predictors.tiles import predict_tiled
from napari_atomai.prepare.lessons import as_seen
from napari_atomai.prepare.normalise import compressed, finite, percentiles

_SIDE = 96
"""Half a side of the tile, in pixels at the scale of the nets; twice the reach of the local contrast."""


@dataclass(frozen=True, eq=False)
class Tile:
    """A part of a probability map: ``probability[part] = tile.probability``.

    Parameters
    ----------
    part : (slice, slice)
        Rows and columns in the frame.
    probability : array of float32, shape (y, x)
        Of these pixels.
    """

    part: tuple[slice, slice]
    probability: NDArray[np.float32]


def predict_near(finder: Finder, frame: NDArray[np.floating], zoom: float, position: ArrayLike) -> Tile:
    """Predict the surroundings of a place.

    Parameters
    ----------
    finder : Finder
        The nets; their answers are averaged.
    frame : array, shape (y, x)
        Atoms bright. Brightness is measured in all of it, so that the tile fits into the whole map.
    zoom : float
        To the scale of the nets, as it was found for the frame.
    position : (row, column)
        In pixels of the frame.

    Returns
    -------
    Tile
        The inner half of what was looked at: the rim sees too little of its surroundings.

    Raises
    ------
    BadOption
        If the place lies outside of the frame.
    """
    where, shape = np.asarray(position, np.float64), np.array(frame.shape)
    if not ((where > -0.5) & (where < shape - 0.5)).all():
        raise BadOption(f"{where.tolist()} lies outside of a frame of {frame.shape} pixels.")
    reach = _SIDE / zoom
    outer = _box(where, reach, shape)
    low, high = percentiles(frame)
    piece = finite(frame[outer]) + float(np.nanmean(frame[outer]))  # `finite` takes the mean off
    seen = compressed(np.maximum((piece - low) / max(high - low, 1e-12), -0.5)).astype(np.float32)
    stack = as_seen(resized(seen, zoom))
    maps = [finish(predict_tiled(engine, stack)).max(axis=0) for engine in finder.engines]
    whole = resized(np.mean(maps, axis=0), 1 / zoom)
    inner = _box(where, reach / 2, shape)
    rows, columns = (
        np.clip(np.arange(i.start, i.stop) - o.start, 0, side - 1)
        for i, o, side in zip(inner, outer, whole.shape, strict=True)
    )
    return Tile(inner, np.clip(whole[np.ix_(rows, columns)], 0, 1))


def _box(where: NDArray[np.float64], reach: float, shape: NDArray[np.int64]) -> tuple[slice, slice]:
    low = np.clip(np.floor(where - reach), 0, shape).astype(int)
    high = np.clip(np.ceil(where + reach) + 1, 0, shape).astype(int)
    return slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))

"""Images of any size through a net: pad, cut into overlapping tiles, put together again.

Tiles overlap by the reach of the net, so the result is that of the whole image.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.progress import Progress
from napari_atomai.predictors.engines import Engine

Map = NDArray[np.float32]

TILE = 640
"""Rows and columns of a tile's own part; what it sees beyond is the net's reach."""


def predict_tiled(engine: Engine, stack: Map, tile: int = TILE) -> Generator[Progress, None, Map]:
    """Run a net over an image, tile by tile.

    Parameters
    ----------
    engine : Engine
        What runs the net.
    stack : array, shape (channels, y, x)
        The normalised image.
    tile : int
        Size of a tile's own part; smaller takes less memory and more time.

    Yields
    ------
    Progress
        After each tile.

    Returns
    -------
    array of float32, shape (classes, y, x)
        Probabilities.
    """
    rows, columns = stack.shape[1:]
    margin = engine.halo
    padded = _pad(stack, margin, engine.multiple)
    step = max(tile // engine.multiple, 1) * engine.multiple
    corners = [(r, c) for r in range(0, rows, step) for c in range(0, columns, step)]
    result: Map | None = None
    for done, (r, c) in enumerate(corners, start=1):
        part = padded[:, r : r + step + 2 * margin, c : c + step + 2 * margin]
        seen = engine(part[None])[0]
        if result is None:
            result = np.empty((len(seen), rows, columns), np.float32)
        own = seen[:, margin : margin + min(step, rows - r), margin : margin + min(step, columns - c)]
        result[:, r : r + step, c : c + step] = own
        yield Progress(done, len(corners), "looking for atoms")
    assert result is not None  # there is at least one tile
    return result


def _pad(stack: Map, margin: int, multiple: int) -> Map:
    """Mirror the image at its borders, far enough for the net's reach and for whole steps."""
    widths = [(0, 0)]
    for size in stack.shape[1:]:
        widths.append((margin, margin + (-size) % multiple))
    return np.pad(stack, widths, mode="symmetric")

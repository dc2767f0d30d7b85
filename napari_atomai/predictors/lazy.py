"""Predictions as dask arrays: nothing is read or predicted before it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np
from dask.delayed import delayed
from numpy.typing import NDArray

from napari_atomai.predictors.engines import Engine
from napari_atomai.predictors.pieces import Frame, Piece, plan
from napari_atomai.predictors.stacks import Stack
from napari_atomai.predictors.tiles import Map, channels_last, running
from napari_atomai.prepare.scaling import Limits, Scaling


def predicted(engine: Engine, images: Any, scaling: Scaling, budget: float, tile: int) -> Any:
    """Return the probabilities (n, y, x, classes) of a dask stack (n, y, x, channels), lazily.

    Frames that the net can take whole within the budget are blocks, several where they are small; larger
    ones are cut into blocks that overlap by the net's reach.
    """
    frames, rows, columns, _ = images.shape
    frame = Frame.mirrored(rows, columns, engine.facts)
    pieces = plan(frames, frame, engine.facts, budget, tile)
    if pieces[0].rows == (0, rows) and pieces[0].columns == (0, columns):
        batch = pieces[0].frames[1]
        stack = images.rechunk((batch, rows, columns, -1))
        chunks = (*stack.chunks[:3], (engine.facts.classes,))
        return da.map_blocks(  # type: ignore[no-untyped-call] # dask is typed in part
            Whole(engine, scaling),
            stack,
            dtype=np.float32,
            chunks=chunks,
            meta=np.empty((0,) * 4, np.float32),
        )
    # Every tile of a frame is scaled by the same limits, which are measured once.
    limits = [delayed(scaling.limits)(scaling.measured_on(images[number])) for number in range(frames)]
    tiles = iter(_tile(engine, images, scaling, frame, piece, limits) for piece in pieces)
    down, across = (len({getattr(piece, axis) for piece in pieces}) for axis in ("rows", "columns"))
    # Four dimensions, of which the innermost list goes along the last one.
    grid = [[[[next(tiles)] for _ in range(across)] for _ in range(down)] for _ in range(frames)]
    return da.block(grid)  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Whole:
    """Predicts frames as a whole. Can be sent to another process."""

    engine: Engine
    scaling: Scaling

    def __call__(self, images: NDArray[Any]) -> Map:
        """Map (n, y, x, channels) to (n, y, x, classes)."""
        count, rows, columns, _ = images.shape
        whole = Piece((0, count), (0, rows), (0, columns))
        return _run(self.engine, Stack(images, self.scaling, self.engine.facts), whole)


@dataclass(frozen=True)
class Tile:
    """Predicts a part of a frame that was cut out with its surroundings. Can be sent to another process."""

    engine: Engine
    scaling: Scaling
    own: Piece

    def __call__(self, images: NDArray[Any], limits: Limits) -> Map:
        """Map (1, y, x, channels) to the own part (1, y, x, classes)."""
        return _run(self.engine, Stack(images, self.scaling, self.engine.facts, limits), self.own)


def _tile(
    engine: Engine, images: Any, scaling: Scaling, frame: Frame, piece: Piece, limits: list[Any]
) -> Any:
    # What is mirrored beyond the border lies in what is cut out; so its own border is that of the frame.
    spans = [(max(start, 0), min(stop, size))
             for (start, stop), size in zip(frame.seen(piece, engine.facts), (frame.rows, frame.columns),
                                            strict=True)]  # fmt: skip
    (top, bottom), (left, right) = spans
    number = piece.frames[0]
    part = images[number : number + 1, top:bottom, left:right]
    own = Piece(
        (0, 1),
        (piece.rows[0] - top, piece.rows[1] - top),
        (piece.columns[0] - left, piece.columns[1] - left),
    )
    maps = delayed(Tile(engine, scaling, own))(part, limits[number])
    shape = (1, own.rows[1] - own.rows[0], own.columns[1] - own.columns[0], engine.facts.classes)
    return da.from_delayed(maps, shape, np.float32)  # type: ignore[no-untyped-call]


def _run(engine: Engine, stack: Stack, piece: Piece) -> Map:
    shape = [stop - start for start, stop in (piece.frames, piece.rows, piece.columns)]
    result = np.empty((*shape, engine.facts.classes), np.float32)
    for done, maps, _ in running(engine, stack.read, stack.frame, [piece]):
        place = [
            slice(one[0] - whole[0], one[1] - whole[0])
            for one, whole in (
                (done.frames, piece.frames),
                (done.rows, piece.rows),
                (done.columns, piece.columns),
            )
        ]
        result[tuple(place)] = channels_last(maps)
    stack.tell()
    return result

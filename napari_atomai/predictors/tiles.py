"""Images of any size through a net: piece by piece, mirrored at the border, put together again.

Tiles overlap by the reach of the net, so the result is that of the whole image.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.progress import Progress
from napari_atomai.errors import TooLarge
from napari_atomai.predictors.engines import Batch, Engine, out_of_memory
from napari_atomai.predictors.pieces import Frame, Indices, Piece, Span, mirrored, plan

Map = NDArray[np.float32]

TILE = 1280
"""Rows and columns of a tile's own part; what it sees beyond is the net's reach, and work done twice: tiles
of half that size take a third more time for an image of 1024 pixels."""

Read = Callable[[Span, Indices, Indices], Batch]
"""Gives frames (start, stop) at rows and columns, normalised, as (n, channels, y, x)."""


def running(
    engine: Engine, read: Read, frame: Frame, pieces: Iterable[Piece]
) -> Generator[tuple[Piece, Map, int]]:
    """Run a net over pieces; one that memory does not do for is cut in two, and so are those as large.

    Yields
    ------
    piece, maps, left
        The piece, its result (frames, classes, rows, columns), and how many pieces are still to come.

    Raises
    ------
    TooLarge
        If memory does not do for the smallest piece.
    """
    # The largest of a frame first: the memory kept from it does for the others.
    todo = deque(sorted(pieces, key=lambda one: (one.frames, -frame.work(one, engine.facts))))
    most = float("inf")
    try:
        while todo:
            piece = todo.popleft()
            halves = piece.halves(engine.multiple) if piece.size > most else None
            if halves is None:
                try:
                    maps = _run(engine, read, frame, piece)
                except (MemoryError, RuntimeError) as error:
                    halves, most = _smaller(engine, frame, piece, error), piece.size / 2
            if halves is None:
                yield piece, maps, len(todo)
            else:
                todo.extendleft(halves[::-1])
    finally:
        engine.rest()


def _run(engine: Engine, read: Read, frame: Frame, piece: Piece) -> Map:
    rows, columns = frame.seen(piece, engine.facts)
    seen = engine(read(piece.frames, mirrored(rows, frame.rows), mirrored(columns, frame.columns)))
    _, own_rows, own_columns = piece.where
    top, left = rows[0], columns[0]
    return seen[
        :,
        :,
        own_rows.start - top : own_rows.stop - top,
        own_columns.start - left : own_columns.stop - left,
    ]


def _smaller(engine: Engine, frame: Frame, piece: Piece, error: Exception) -> tuple[Piece, Piece]:
    """Return the halves of a piece that memory did not do for; any other error is raised."""
    if isinstance(error, TooLarge) or not out_of_memory(error):
        raise error
    engine.rest()
    halves = piece.halves(engine.multiple)
    if halves is None:
        rows, columns = (stop - start for start, stop in frame.seen(piece, engine.facts))
        raise TooLarge(
            f"Memory does not do for a tile of {rows} × {columns} pixels, the smallest that this net takes.",
            remedy="Close other programs, or use a smaller net.",
        ) from error
    return halves


def predict_tiled(engine: Engine, stack: Map, tile: int = TILE) -> Generator[Progress, None, Map]:
    """Run a net over an image that is mirrored all around as far as the net reaches, tile by tile.

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
    frame = Frame(rows, columns, margin=engine.halo)
    result = np.empty((engine.facts.classes, rows, columns), np.float32)

    def read(_: Span, rows: Indices, columns: Indices) -> Batch:
        return taken(stack.transpose(1, 2, 0), rows, columns).transpose(2, 0, 1)[None]

    work = running(engine, read, frame, plan(1, frame, engine.facts, float("inf"), tile))
    for done, (piece, maps, left) in enumerate(work, start=1):
        result[:, *piece.where[1:]] = maps[0]
        yield Progress(done, done + left, "looking for atoms")
    return result


def taken(image: NDArray[Any], rows: Indices, columns: Indices) -> NDArray[Any]:
    """Return rows and columns of an image (y, x, ...); without a copy where they follow each other."""
    for axis, chosen in enumerate((rows, columns)):
        straight = bool((np.diff(chosen) == 1).all())
        kept = slice(int(chosen[0]), int(chosen[-1]) + 1) if straight else chosen
        image = image[kept] if axis == 0 else image[:, kept]
    return image


def channels_last(maps: Map) -> Map:
    """Turn (n, classes, y, x) into (n, y, x, classes)."""
    return maps.transpose(0, 2, 3, 1)

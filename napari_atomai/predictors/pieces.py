"""How a stack is cut into pieces that a net can take: multiples, overlap, mirrored borders."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from napari_atomai.predictors.engines import NetFacts

Indices = NDArray[np.intp]
Span = tuple[int, int]

MOST_FRAMES = 32
"""Most frames in one batch; more gain nothing."""

BORDER = 32
"""Pixels that an image is mirrored by, all around, at most. A net's reach may be longer, but what it makes of
the zeros beyond fades: with AtomAI's MXene net, 64 change the outer 12 pixels by 0.008 of probability on
average. All of the reach would cost an image of 2048 pixels a tenth more time."""

SMALLEST = 64
"""Rows and columns of a tile's own part are never planned to be fewer: all work would be overlap."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a stack that goes through the net in one batch.

    Parameters
    ----------
    frames, rows, columns : (start, stop)
        The part whose result is kept. Rows and columns start at multiples of the net's step.
    """

    frames: Span
    rows: Span
    columns: Span

    @property
    def size(self) -> int:
        """Pixels."""
        return _length(self.frames) * _length(self.rows) * _length(self.columns)

    @property
    def where(self) -> tuple[slice, slice, slice]:
        """Index into a stack (frames, rows, columns)."""
        return slice(*self.frames), slice(*self.rows), slice(*self.columns)

    def halves(self, multiple: int) -> tuple[Piece, Piece] | None:
        """Cut between frames, or else across the longer side; None if there is nothing left to cut."""
        if _length(self.frames) > 1:
            middle = sum(self.frames) // 2
            first, last = self.frames
            return replace(self, frames=(first, middle)), replace(self, frames=(middle, last))
        tall = _length(self.rows) >= _length(self.columns)
        start, stop = self.rows if tall else self.columns
        middle = start + round_up((stop - start) // 2, multiple)
        if not start < middle < stop:
            return None
        if tall:
            return replace(self, rows=(start, middle)), replace(self, rows=(middle, stop))
        return replace(self, columns=(start, middle)), replace(self, columns=(middle, stop))


@dataclass(frozen=True, slots=True)
class Frame:
    """The size of the images, and how far they are mirrored beyond their border for the net.

    Parameters
    ----------
    rows, columns : int
        Of every image.
    margin : int
        Mirrored pixels all around; to these come those that make the size a multiple.
    """

    rows: int
    columns: int
    margin: int = 0

    @classmethod
    def mirrored(cls, rows: int, columns: int, facts: NetFacts) -> Frame:
        """Return a frame that is mirrored so far that its border is no border to the net.

        No farther than the net reaches, nor than a quarter of the image: a net that was trained on images as
        small as that knows them with their borders.
        """
        far = min(BORDER, rows // 4, columns // 4) // facts.multiple * facts.multiple
        far = min(far, facts.halo)
        return cls(rows, columns, far)

    def seen(self, piece: Piece, facts: NetFacts) -> tuple[Span, Span]:
        """Rows and columns that the net sees for a piece; some may lie beyond the border."""
        return self._seen(piece.rows, self.rows, facts), self._seen(piece.columns, self.columns, facts)

    def work(self, piece: Piece, facts: NetFacts) -> int:
        """Pixels that go through the net for a piece."""
        rows, columns = self.seen(piece, facts)
        return _length(piece.frames) * _length(rows) * _length(columns)

    def _seen(self, own: Span, size: int, facts: NetFacts) -> Span:
        end = round_up(size, facts.multiple) + self.margin
        stop = own[0] + round_up(_length(own), facts.multiple)
        return max(own[0] - facts.halo, -self.margin), min(stop + facts.halo, end)


def mirrored(span: Span, size: int) -> Indices:
    """Return indices start to stop of an axis that is mirrored at both ends, again and again if need be."""
    steps = np.arange(*span) % (2 * size)
    return np.where(steps < size, steps, 2 * size - 1 - steps)


def plan(frames: int, frame: Frame, facts: NetFacts, budget: float, tile: int = 0) -> list[Piece]:
    """Cut a stack into pieces that a net can take within a memory budget, with the least overlap.

    Parameters
    ----------
    frames : int
        How many images.
    frame : Frame
        Their size.
    facts : NetFacts
        Of the net.
    budget : float
        Bytes for the net at work. Where a tile's overlap alone takes more, tiles are as small as useful.
    tile : int
        Largest number of rows and columns of a piece; 0 = as large as the budget allows.
    """
    most = budget / facts.bytes_per_pixel
    sides = frame.rows, frame.columns
    steps = _steps(frame, most, facts, tile)
    rows, columns = (_cuts(size, step) for size, step in zip(sides, steps, strict=True))
    whole = len(rows) == len(columns) == 1
    pixels = prod(round_up(size, facts.multiple) + 2 * frame.margin for size in sides)
    batch = max(int(min(most / pixels, MOST_FRAMES)), 1) if whole else 1
    return [Piece(some, row, column) for some in _cuts(frames, batch) for row in rows for column in columns]


def round_up(size: int, multiple: int) -> int:
    """Round up to a multiple."""
    return -(-size // multiple) * multiple


def _steps(frame: Frame, most: float, facts: NetFacts, tile: int) -> tuple[int, int]:
    """Return the own rows and columns of tiles of at most so many pixels that take the least work."""
    sides, margin = (frame.rows, frame.columns), frame.margin
    limit = max(tile // facts.multiple * facts.multiple, facts.multiple) if tile else max(sides)
    smallest = min(round_up(SMALLEST, facts.multiple), limit)
    best, work = (_even(sides[0], smallest, facts), _even(sides[1], smallest, facts)), float("inf")
    for parts in range(-(-sides[0] // limit), -(-sides[0] // smallest) + 1):
        down = _even(sides[0], -(-sides[0] // parts), facts)
        room = most / _seen_at_most(sides[0], down, facts, margin)
        whole = round_up(sides[1], facts.multiple)
        fits = (
            whole
            if whole + 2 * margin <= room
            else int((room - 2 * facts.halo) // facts.multiple * facts.multiple)
        )
        if fits < smallest:
            continue
        across = _even(sides[1], min(fits, limit), facts)
        total = _work(sides[0], down, facts, margin) * _work(sides[1], across, facts, margin)
        if total <= work:  # of equal ones the strips along rows, which lie together in memory
            best, work = (down, across), total
    return best


def _even(size: int, largest: int, facts: NetFacts) -> int:
    """Return the step that cuts a side into equal parts of at most `largest` (rounded up to a multiple)."""
    parts = -(-size // largest)
    return round_up(-(-size // parts), facts.multiple)


def _seen_at_most(size: int, step: int, facts: NetFacts, margin: int) -> int:
    inside = min(-(-size // step) - 1, 2)  # sides of a tile that are not at the border
    beyond = inside * facts.halo + (2 - inside) * margin
    return min(step + beyond, round_up(size, facts.multiple) + 2 * margin)


def _work(size: int, step: int, facts: NetFacts, margin: int) -> int:
    """Rows (or columns) that go through the net for a side cut in such steps."""
    return size + 2 * facts.halo * (-(-size // step) - 1) + 2 * margin


def _cuts(size: int, step: int) -> list[Span]:
    return [(start, min(start + step, size)) for start in range(0, size, step)]


def _length(span: Span) -> int:
    return span[1] - span[0]

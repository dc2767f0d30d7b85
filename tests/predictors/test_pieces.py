"""Stacks are cut so that every pixel comes once, within memory, and tiles start where the net steps."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.predictors.engines import NetFacts
from napari_atomai.predictors.pieces import SMALLEST, Frame, Piece, mirrored, plan

FACTS = NetFacts(channels=1, classes=1, multiple=8, halo=24, bytes_per_pixel=100)


def test_mirroring_repeats_the_border_pixel_and_goes_back_and_forth() -> None:
    assert mirrored((-3, 8), 4).tolist() == [2, 1, 0, 0, 1, 2, 3, 3, 2, 1, 0]
    assert mirrored((-2, 4), 1).tolist() == [0] * 6


@pytest.mark.parametrize("shape", [(1, 3, 3), (3, 513, 200), (70, 16, 16), (1, 1000, 31), (2, 800, 801)])
@pytest.mark.parametrize("budget", [1e5, 3e6, 1e9])
@pytest.mark.parametrize("tile", [0, 100])
def test_every_pixel_belongs_to_one_piece(shape: tuple[int, int, int], budget: float, tile: int) -> None:
    count = np.zeros(shape, int)
    for piece in plan(shape[0], Frame(*shape[1:]), FACTS, budget, tile):
        count[piece.where] += 1
        assert piece.rows[0] % 8 == piece.columns[0] % 8 == 0
    assert (count == 1).all()


@pytest.mark.parametrize("shape", [(1, 2048, 2048), (5, 3000, 500), (40, 64, 64), (1, 1000, 31)])
@pytest.mark.parametrize("budget", [5e6, 2e7, 1e8])
def test_no_piece_takes_more_memory_than_the_budget(shape: tuple[int, int, int], budget: float) -> None:
    frame = Frame(*shape[1:])
    for piece in plan(shape[0], frame, FACTS, budget):
        (top, bottom), (left, right) = frame.seen(piece, FACTS)
        frames = piece.frames[1] - piece.frames[0]
        assert frames * (bottom - top) * (right - left) * FACTS.bytes_per_pixel <= budget


def test_an_image_that_fits_is_one_piece_and_sees_only_what_its_size_needs() -> None:
    frame = Frame(250, 243)
    (piece,) = plan(1, frame, FACTS, 1e9)
    assert frame.seen(piece, FACTS) == ((0, 256), (0, 248))


def test_strips_are_preferred_where_they_overlap_less_than_squares() -> None:
    wide = NetFacts(channels=1, classes=1, multiple=8, halo=136, bytes_per_pixel=200)
    pieces = plan(1, Frame(2048, 2048), wide, 512 * 2**20)
    assert [(p.rows, p.columns) for p in pieces] == [((0, 1024), (0, 2048)), ((1024, 2048), (0, 2048))]


def test_with_too_little_memory_for_the_overlap_tiles_are_as_small_as_useful() -> None:
    pieces = plan(1, Frame(300, 200), FACTS, 1.0)
    assert {p.rows[1] - p.rows[0] for p in pieces} <= {SMALLEST, 300 % SMALLEST}


def test_halves_make_up_the_piece_and_start_at_multiples() -> None:
    piece = Piece((0, 5), (0, 8), (16, 40))
    assert piece.halves(8) == (Piece((0, 2), (0, 8), (16, 40)), Piece((2, 5), (0, 8), (16, 40)))
    one = Piece((3, 4), (0, 8), (16, 35))
    assert one.halves(8) == (Piece((3, 4), (0, 8), (16, 32)), Piece((3, 4), (0, 8), (32, 35)))
    assert Piece((3, 4), (0, 8), (16, 24)).halves(8) is None


def test_halving_ends_at_pieces_of_one_step() -> None:
    todo, ends = [Piece((0, 3), (0, 50), (0, 37))], []
    while todo:
        halves = todo[-1].halves(8)
        ends += [todo.pop()] if halves is None else []
        if halves is not None:
            todo[-1:] = halves
    assert len(ends) == 3 * 7 * 5
    assert sum(piece.size for piece in ends) == 3 * 50 * 37

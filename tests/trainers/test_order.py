"""Batches: every image as often as any other, the same order for the same seed, none dropped."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.trainers.order import Order, bounds


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 3))
def test_an_epoch_shows_every_image_once_in_batches_that_are_about_equal(
    images: int, batch: int, turn: int
) -> None:
    order = Order(images, batch, full_epoch=True, seed=3)
    batches = [order.indices(turn * order.per_cycle + part) for part in range(order.per_cycle)]
    assert sorted(np.concatenate(batches).tolist()) == list(range(images))
    sizes = [len(each) for each in batches]
    assert max(sizes) <= batch
    assert max(sizes) - min(sizes) <= 1


@given(st.integers(1, 40), st.integers(1, 20))
def test_batch_after_batch_every_image_is_seen_equally_often(images: int, batch: int) -> None:
    order = Order(images, batch, full_epoch=False, seed=3)
    seen = np.concatenate([order.indices(step).numpy() for step in range(images)])
    assert len(seen) == images * batch
    assert (np.bincount(seen, minlength=images) == batch).all()


def test_the_order_follows_from_the_seed() -> None:
    one, same, other = (Order(50, 7, full_epoch=False, seed=seed).indices(3).tolist() for seed in (1, 1, 2))
    assert one == same
    assert one != other
    assert Order(50, 7, full_epoch=False, shuffled=False).indices(1).tolist() == list(range(7, 14))


def test_another_epoch_has_another_order() -> None:
    order = Order(50, 50, full_epoch=True)
    assert order.indices(0).tolist() != order.indices(1).tolist()


def test_bounds_cover_everything_once() -> None:
    assert [(part.start, part.stop) for part in bounds(7, 3)] == [(0, 2), (2, 4), (4, 7)]
    assert [(part.start, part.stop) for part in bounds(1, 2)] == [(0, 0), (0, 1)]

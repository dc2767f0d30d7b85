"""Predictions as dask arrays equal those in memory, and read nothing before they are asked for."""

from __future__ import annotations

import pickle
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest

from napari_atomai.predictors.lazy import predicted
from napari_atomai.predictors.segmentation import SegPredictor
from napari_atomai.prepare.scaling import Scaling
from tests.predictors.fakes import Fake, Smooth


class Counted:
    """An array that counts what is read of it."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.read = array, 0
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __getitem__(self, where: Any) -> np.ndarray:
        part = self.array[where]
        self.read += part.size
        return part


def stack(*shape: int) -> np.ndarray:
    return (1000 * np.random.default_rng(0).random(shape)).astype(">u2")


@pytest.mark.parametrize("chunks", [(1, 64, 64), (2, 17, 90), (3, 200, 30)])
@pytest.mark.parametrize("tile", [0, 48])
@pytest.mark.parametrize("kind", ["percentile", "minmax", "none"])
def test_the_result_is_that_of_numpy(chunks: tuple[int, int, int], tile: int, kind: str) -> None:
    images = stack(3, 130, 90)
    predictor = SegPredictor(Smooth(), scaling=Scaling.of({"kind": kind}), tile=tile)
    lazy = predictor.lazily(da.from_array(images, chunks=chunks))
    assert (lazy.shape, lazy.dtype) == ((3, 130, 90, 1), np.float32)
    np.testing.assert_allclose(lazy.compute(scheduler="synchronous"), predictor.predict(images), atol=1e-6)


def test_images_larger_than_the_sample_are_scaled_by_the_same_limits() -> None:
    images = stack(1, 1100, 1300)
    predictor = SegPredictor(Fake(), tile=512)
    lazy = predictor.lazily(da.from_array(images, chunks=(1, 300, 300)))
    np.testing.assert_array_equal(lazy.compute(scheduler="synchronous"), predictor.predict(images))


def test_nothing_is_read_before_it_is_asked_for_and_only_the_frame_then() -> None:
    source = Counted(stack(40, 64, 64).astype("<u2"))
    images = da.from_array(source, chunks=(1, 64, 64), meta=np.empty((0, 0, 0), "<u2"))
    engine = Fake()
    lazy = SegPredictor(engine, memory_budget=64 * 64).lazily(images)
    assert (source.read, engine.shapes) == (0, [])
    lazy[7].compute(scheduler="synchronous")
    assert source.read == 64 * 64
    assert len(engine.shapes) == 1


def test_of_a_tiled_frame_only_the_tiles_asked_for_are_predicted() -> None:
    engine = Fake()
    lazy = SegPredictor(engine, tile=32, scaling=Scaling(kind="none")).lazily(da.zeros((2, 128, 128)))
    lazy[1, :10, :10].compute(scheduler="synchronous")
    assert engine.shapes == [(1, 1, 40, 40)]  # with 4 of overlap, and 4 mirrored


def test_a_tile_that_memory_does_not_do_for_is_halved() -> None:
    images, engine = stack(1, 64, 64), Fake(room=700)
    lazy = SegPredictor(engine, tile=48, scaling=Scaling(kind="none")).lazily(da.from_array(images))
    np.testing.assert_array_equal(lazy.compute(scheduler="synchronous")[..., 0], images)


def test_what_a_cluster_would_be_sent_can_be_sent() -> None:
    images = da.from_array(stack(2, 64, 64), chunks=(1, 32, 32))
    for tile in (0, 32):
        lazy = predicted(Smooth(), images[..., None], Scaling(), 1e9, tile)
        graph = pickle.loads(pickle.dumps(dict(lazy.__dask_graph__())))
        keys = list(dask.core.flatten(lazy.__dask_keys__()))
        found = np.concatenate([one.ravel() for one in dask.get(graph, keys)])
        expected = np.concatenate([one.ravel() for one in dask.get(dict(lazy.__dask_graph__()), keys)])
        np.testing.assert_array_equal(found, expected)


def test_a_dask_stack_in_memory_mode_gives_what_numpy_gives() -> None:
    images = stack(3, 40, 40)
    predictor = SegPredictor(Smooth())
    lazy = da.from_array(images, chunks=(2, 25, 25))
    np.testing.assert_array_equal(predictor.predict(lazy), predictor.predict(images))

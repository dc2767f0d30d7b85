"""Tiles give what the whole image gives."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.data.progress import finish
from napari_atomai.files.weights import Weights
from napari_atomai.predictors.engines import OnnxEngine
from napari_atomai.predictors.tiles import predict_tiled


@pytest.mark.parametrize("shape", [(130, 97), (64, 64), (9, 200), (257, 31)])
def test_tiles_give_what_the_whole_image_gives(weights: Weights, shape: tuple[int, int]) -> None:
    engine = OnnxEngine(weights)
    stack = np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32)
    whole = finish(predict_tiled(engine, stack, tile=512))
    tiled = finish(predict_tiled(engine, stack, tile=48))
    assert whole.shape == (1, *shape)
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


def test_progress_counts_the_tiles(weights: Weights) -> None:
    stack = np.zeros((2, 100, 60), np.float32)
    steps = list(predict_tiled(OnnxEngine(weights), stack, tile=48))
    assert [(step.step, step.of) for step in steps] == [(1, 6), (2, 6), (3, 6), (4, 6), (5, 6), (6, 6)]

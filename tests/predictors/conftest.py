"""Small random nets, as weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_atomai.data.card import ModelCard
from napari_atomai.files.weights import Weights


def random_weights(filters: tuple[int, ...] = (4, 6, 8), classes: int = 1, seed: int = 0) -> Weights:
    """Weights of a U-Net that nobody trained, with lively batch statistics."""
    rng = np.random.default_rng(seed)
    options = {"channels": 2, "classes": classes, "filters": list(filters), "layers": 2, "bottleneck": [1, 2]}
    tensors: dict[str, Any] = {}

    def conv(name: str, out: int, into: int, size: int, bias: bool = False) -> None:
        tensors[f"{name}.weight"] = rng.normal(0, (into * size * size) ** -0.5, (out, into, size, size))
        if bias:
            tensors[f"{name}.bias"] = rng.normal(0, 0.1, out)

    def norm(name: str, count: int) -> None:
        for part, (low, high) in {
            "weight": (0.5, 1.5), "bias": (-0.2, 0.2), "running_mean": (-0.2, 0.2), "running_var": (0.5, 2.0)
        }.items():  # fmt: skip
            tensors[f"{name}.{part}"] = rng.uniform(low, high, count)

    def block(name: str, into: int, out: int, count: int) -> None:
        for i in range(count):
            conv(f"{name}.{3 * i}", out, into if i == 0 else out, 3)
            norm(f"{name}.{3 * i + 1}", out)

    conv("stem", filters[0], 2, 6)
    norm("stem_norm", filters[0])
    for level, count in enumerate(filters[:-1]):
        block(f"down.{level}", filters[max(level - 1, 0)], count, 2)
    block("bottom", filters[-2], filters[-1], 2)
    for level, (fine, coarse) in enumerate(zip(filters[-2::-1], filters[:0:-1], strict=True)):
        conv(f"squeeze.{level}", fine, coarse, 1, bias=True)
        block(f"up.{level}", 2 * fine, fine, 2)
    conv("head", 4 * classes, filters[0], 1, bias=True)
    single = {name: array.astype(np.float32) for name, array in tensors.items()}
    names = tuple(f"class {i}" for i in range(classes))
    return Weights(ModelCard(name="random", net="unet", net_options=options, classes=names), single, "0")


@pytest.fixture
def make_weights() -> Callable[..., Weights]:
    return random_weights


@pytest.fixture
def weights() -> Weights:
    return random_weights()

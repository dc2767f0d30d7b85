"""A small task that every trainer test learns: bright squares on noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from napari_atomai.trainers.loop import Trainer
from napari_atomai.trainers.options import TrainingOptions
from napari_atomai.trainers.randomness import own_randomness
from napari_atomai.trainers.task import Objective, Pairs


def squares(images: int, size: int = 16, seed: int = 0) -> Pairs:
    """Return noisy images (n, 1, y, x) with one bright square each, and where it is (n, y, x)."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((images, size, size), np.int64)
    for label in labels:
        row, col = rng.integers(1, size - 6, 2)
        label[row : row + 5, col : col + 5] = 1
    pixels = labels + 0.5 * rng.standard_normal(labels.shape)
    return Pairs.of(pixels[:, None].astype(np.float32), labels)


def tiny_net(norm: bool = True, dropout: float = 0.0, seed: int = 0) -> nn.Sequential:
    with own_randomness(seed):
        layers = [nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4) if norm else nn.Identity(), nn.ReLU()]
        return nn.Sequential(*layers, nn.Dropout(dropout), nn.Conv2d(4, 1, 3, padding=1))


def loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    counts = target != -1
    return functional.binary_cross_entropy_with_logits(logits[:, 0][counts], target[counts].float())


def trainer(net: nn.Module | None = None, augment: Any = None, **options: Any) -> Trainer:
    """Return a run on 20 images and 6 to test on; 12 cycles of batches of 4 unless told otherwise."""
    chosen = TrainingOptions.of({"training_cycles": 12, "batch_size": 4, "learning_rate": 0.02, **options})
    data = squares(20), squares(6, seed=1)
    return Trainer(net or tiny_net(), data, Objective(loss, augment=augment), chosen)


def weights(net: nn.Module) -> list[np.ndarray]:
    return [tensor.detach().numpy().copy() for tensor in net.state_dict().values()]


def same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))

"""What is learned: pairs of input and target, how far off a result is, and what comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_atomai.trainers.options import Augmentation, Loss


class Scores(Protocol):
    """Collects results batch by batch and says how good they are."""

    def update(self, logits: torch.Tensor, target: torch.Tensor) -> None:
        """Take a batch into account."""

    def result(self) -> Mapping[str, float]:
        """Return the scores by name."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Inputs and targets that belong together; not copied, cut into batches as they lie.

    Parameters
    ----------
    inputs : tensor, shape (n, ...)
    targets : tensor, shape (n, ...)
        Whole numbers become int64 batch by batch, so they may be kept in the smallest type that holds them.
    """

    inputs: torch.Tensor
    targets: torch.Tensor

    @classmethod
    def of(cls, inputs: NDArray[Any], targets: NDArray[Any]) -> Pairs:
        """Share the memory of two arrays."""
        return cls(torch.from_numpy(_shareable(inputs)), torch.from_numpy(_shareable(targets)))

    def __len__(self) -> int:
        return len(self.inputs)

    def batch(self, indices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return inputs as float32 and targets as int64 or float32."""
        targets = self.targets[indices]
        return self.inputs[
            indices
        ].float(), targets.float() if targets.is_floating_point() else targets.long()


def _shareable(array: NDArray[Any]) -> NDArray[Any]:
    # torch has no unsigned 16 and 32 bits for what follows, no other byte order and no read-only memory.
    native = array.dtype.newbyteorder("=")
    kind = {"uint16": np.int32, "uint32": np.int64}.get(native.name, native)
    return np.require(array, kind, ["C", "W"])


@dataclass(frozen=True, eq=False)
class Objective:
    """How a net's result is judged.

    Parameters
    ----------
    loss : function of (result, target)
        A mean over what counts.
    scores : function, optional
        Makes a fresh `Scores`; its "iou" (or its first entry) is reported as accuracy.
    augment : function of (inputs, targets, generator), optional
        Applied to the batches that are learned from, never to those that test.
    ignore_index : int
        Value of targets (whole numbers) that do not count.
    """

    loss: Loss
    scores: Callable[[], Scores] | None = None
    augment: Augmentation | None = None
    ignore_index: int = -1

    def counted(self, targets: torch.Tensor) -> int:
        """Return how many values of a target count."""
        if targets.is_floating_point():
            return targets.numel()
        return int((targets != self.ignore_index).sum())


@dataclass(frozen=True, eq=False)
class Trained:
    """What a run came to.

    Parameters
    ----------
    net : torch.nn.Module
        With the weights that are kept; in evaluation mode, on the device where it was before.
    kept : str
        "best": those with the lowest test loss; "average": the average of the last part of the run.
    cycles, best_cycle : int
        How many cycles were done; which of them, counted from 1, was the best (0: none).
    test_loss : float
        Of the weights that are kept.
    history : mapping of str to list of float
        "train_loss", "test_loss" and, where asked for, "train_accuracy", "test_accuracy", per cycle.
    notes : tuple of str
        What a person should know: why it ended early, what was done about memory.
    """

    net: nn.Module = field(repr=False)
    kept: str
    cycles: int
    best_cycle: int
    test_loss: float
    history: Mapping[str, list[float]] = field(default_factory=dict, repr=False)
    notes: tuple[str, ...] = ()

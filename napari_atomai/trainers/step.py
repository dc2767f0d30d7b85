"""One step of learning and one look at the test images, a batch in parts, in one process or several.

A batch goes through the net in parts of `micro` images, whose gradients add up to that of the whole: memory
is bounded, and for nets without batch normalisation nothing changes. Batch normalisation uses the statistics
of a part, as it would on several GPUs ("ghost" batches; Hoffer et al., arXiv:1705.08741, find that this
generalises better, not worse). Gradient checkpointing was not chosen: it computes everything twice and would
update the running statistics twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from napari_atomai.trainers.batches import Batch
from napari_atomai.trainers.devices import Place
from napari_atomai.trainers.order import bounds
from napari_atomai.trainers.task import Objective, Scores


@dataclass(frozen=True, eq=False)
class Learner:
    """Runs batches through a net.

    Parameters
    ----------
    net : torch.nn.Module
    objective : Objective
    place : Place
        The device, and this process among several.
    micro : int
        Images that go through the net at once.
    """

    net: nn.Module
    objective: Objective
    place: Place
    micro: int

    def gradient(self, batch: Batch, scores: Scores | None = None) -> float:
        """Leave the gradient of a batch's loss in the parameters, and return the loss."""
        self.net.train()
        for parameter in self.net.parameters():
            parameter.grad = None
        total = 0.0
        for inputs, targets, weight in self._parts(batch):
            with self.place.autocast():
                result = self.net(inputs)
            loss = self.objective.loss(result.float(), targets) * weight
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
            if scores is not None:
                scores.update(result.detach().float(), targets)
        self.place.sum_gradients(self.net.parameters())
        return self.place.total(total)[0]

    @torch.no_grad()
    def judge(self, batch: Batch, scores: Scores | None = None) -> float:
        """Return the loss of a batch, as the net would give it in use."""
        self.net.eval()
        total = 0.0
        for inputs, targets, weight in self._parts(batch):
            with self.place.autocast():
                result = self.net(inputs)
            total += float(self.objective.loss(result.float(), targets)) * weight
            if scores is not None:
                scores.update(result.float(), targets)
        return self.place.total(total)[0]

    def _parts(self, batch: Batch) -> Iterator[tuple[torch.Tensor, torch.Tensor, float]]:
        """Cut this process's share into parts, each with its weight in the batch: what counts in it."""
        inputs, targets = batch
        everything = max(self.objective.counted(targets), 1)
        own = self.place.share(len(inputs))
        inputs, targets = inputs[own], targets[own]
        for part in bounds(len(inputs), max(-(-len(inputs) // self.micro), 1)):
            weight = self.objective.counted(targets[part]) / everything
            if weight:
                yield inputs[part].to(self.place.device), targets[part].to(self.place.device), weight

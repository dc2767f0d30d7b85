"""Which batch comes when: to learn from, to test on, to compute batch statistics from."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

import torch

from napari_atomai.trainers.options import TrainingOptions
from napari_atomai.trainers.order import Order, bounds
from napari_atomai.trainers.randomness import Stream, generator
from napari_atomai.trainers.task import Objective, Pairs

Batch = tuple[torch.Tensor, torch.Tensor]

_LOOKED_AT = 64


class Batches:
    """The batches of a run; each follows from the options and its number alone.

    Parameters
    ----------
    train, test : Pairs
    objective : Objective
        Its augmentation is applied to what is learned from.
    options : TrainingOptions
    """

    def __init__(self, train: Pairs, test: Pairs, objective: Objective, options: TrainingOptions) -> None:
        self._train, self._test, self._augment, self._seed = train, test, objective.augment, options.seed
        full = options.full_epoch
        self._order = Order(len(train), options.batch_size, full, options.seed)
        self._test_order = Order(len(test), min(options.batch_size, len(test)), full, shuffled=False)
        self.per_cycle = self._order.per_cycle
        self.cycles_per_test = 1 if full else self._test_order.per_round
        """Cycles after which every test image has been looked at."""

    @cached_property
    def fingerprint(self) -> dict[str, int]:
        """What tells these images to learn from apart from others: how many, and a sum over some of them."""
        some = self._train.inputs[:: max(1, len(self._train) // _LOOKED_AT)]
        return {"images": len(self._train), "content": zlib.crc32(some.contiguous().numpy().tobytes())}

    def one(self) -> Batch:
        """Return a batch of a single image."""
        return self._train.batch(torch.zeros(1, dtype=torch.int64))

    def learned(self, step: int) -> Batch:
        """Return the batch to learn from at a step, counted from 0."""
        return self._varied(self._order.indices(step), step)

    def tested(self, cycle: int) -> Iterator[Batch]:
        """Yield the batches to test on in a cycle, counted from 0: all in a full epoch, else the next one."""
        per_cycle = self._test_order.per_cycle
        for step in range(cycle * per_cycle, (cycle + 1) * per_cycle):
            yield self._test.batch(self._test_order.indices(step))

    def every_test(self) -> Iterator[Batch]:
        """Yield all test images once."""
        for part in bounds(len(self._test), self._test_order.per_round):
            yield self._test.batch(torch.arange(part.start, part.stop))

    def inputs(self, micro: int) -> Iterator[torch.Tensor]:
        """Yield every image to learn from once, varied as in training, at most `micro` at a time."""
        once = replace(self._order, full_epoch=True)
        for step in range(once.per_round):
            inputs, _ = self._varied(once.indices(step), step)
            for part in bounds(len(inputs), -(-len(inputs) // micro)):
                yield inputs[part]

    def _varied(self, indices: torch.Tensor, step: int) -> Batch:
        batch = self._train.batch(indices)
        if self._augment is None:
            return batch
        return self._augment(*batch, generator(self._seed, Stream.AUGMENTATION, step))

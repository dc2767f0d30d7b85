"""In which order images are learned from: no image is ever dropped."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from napari_atomai.trainers.randomness import Stream, generator


@dataclass(frozen=True)
class Order:
    """Which images make up which batch; it follows from the step alone.

    Parameters
    ----------
    images, batch : int
        How many images there are, and how many make a batch.
    full_epoch : bool
        True: a cycle is all images, in batches as equal as can be, none larger than `batch`. False: a cycle
        is one batch of exactly `batch` images, cut from one shuffled round of all images after another.
    seed : int
        Of the shuffling.
    shuffled : bool
        False walks through the images as they lie.
    """

    images: int
    batch: int
    full_epoch: bool
    seed: int = 0
    shuffled: bool = True

    @property
    def per_round(self) -> int:
        """Batches in which every image is seen at least once."""
        return -(-self.images // self.batch)

    @property
    def per_cycle(self) -> int:
        """Batches in a cycle."""
        return self.per_round if self.full_epoch else 1

    def indices(self, step: int) -> torch.Tensor:
        """Return the indices of the images of batch number `step`, counted from 0."""
        if self.full_epoch:
            turn, part = divmod(step, self.per_round)
            chosen = self._round(turn)[bounds(self.images, self.per_round)[part]]
        else:
            places = np.arange(step * self.batch, (step + 1) * self.batch)
            turns = places // self.images
            rounds = [
                self._round(int(turn))[places[turns == turn] % self.images] for turn in np.unique(turns)
            ]
            chosen = np.concatenate(rounds)
        return torch.tensor(chosen)

    def _round(self, turn: int) -> NDArray[np.int64]:
        return _shuffled(self.images, self.seed, turn) if self.shuffled else np.arange(self.images)


def bounds(count: int, parts: int) -> list[slice]:
    """Cut `count` things into `parts` runs whose lengths differ by one at most."""
    edges = [part * count // parts for part in range(parts + 1)]
    return [slice(first, last) for first, last in pairwise(edges)]


@lru_cache(maxsize=8)
def _shuffled(images: int, seed: int, turn: int) -> NDArray[np.int64]:
    order: NDArray[np.int64] = torch.randperm(images, generator=generator(seed, Stream.ORDER, turn)).numpy()
    order.flags.writeable = False
    return order

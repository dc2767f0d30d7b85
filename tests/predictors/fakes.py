"""Engines without a net: one gives back its input, the other a mean of neighbours."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from napari_atomai.predictors.engines import BaseEngine, Batch, NetFacts


class Fake(BaseEngine):
    """An engine whose result is its input, and whose memory does for so many pixels."""

    def __init__(
        self, room: float = float("inf"), error: type[Exception] = MemoryError, halo: int = 4
    ) -> None:
        super().__init__(NetFacts(channels=1, classes=1, multiple=4, halo=halo, bytes_per_pixel=1.0))
        self.room, self.error = room, error
        self.shapes: list[tuple[int, ...]] = []
        self.rested = 0

    def __call__(self, batch: Batch) -> Batch:
        self.shapes.append(batch.shape)
        if batch.size > self.room:
            raise self.error("CUDA out of memory. Tried to allocate 2.00 GiB")
        return np.array(batch)

    def rest(self) -> None:
        self.rested += 1


class Smooth(Fake):
    """An engine that sees four pixels aside, beyond the border nothing."""

    def __call__(self, batch: Batch) -> Batch:
        return ndimage.uniform_filter(batch, (1, 1, 9, 9), mode="constant")

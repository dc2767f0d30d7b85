"""Randomness of one's own: streams that follow from a seed and a step alone.

Nothing is drawn from the global random state, so a run gives the same weights whatever the program did
before; and no state of a generator has to be kept, so a run that was stopped goes on as if it had not been.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import numpy as np
import torch

from napari_atomai.data.arguments import whole_number

CPU = torch.device("cpu")


class Stream(IntEnum):
    """What the random numbers are for; no two uses share a stream."""

    WEIGHTS = 0
    ORDER = 1
    AUGMENTATION = 2
    DROPOUT = 3
    PERTURBATION = 4
    SPLIT = 5
    SAMPLES = 6
    MEMBERS = 7


def seed_of(seed: int, stream: Stream, *steps: int) -> int:
    """Return the seed of one step of one stream: 63 bits, well mixed.

    Raises
    ------
    BadOption
        If the seed is no whole number from 0.
    """
    seed = whole_number("The seed", seed, 0)
    words = np.random.SeedSequence([seed, int(stream), *steps]).generate_state(1, np.uint64)
    return int(words[0] >> np.uint64(1))


def generator(seed: int, stream: Stream, *steps: int) -> torch.Generator:
    """Return a generator of one step of one stream, on the CPU."""
    return torch.Generator().manual_seed(seed_of(seed, stream, *steps))


@contextmanager
def own_randomness(seed: int, device: torch.device = CPU) -> Iterator[None]:
    """Seed the global random state for the code inside, and put it back as it was.

    For code that cannot be handed a generator: layers that draw their weights, dropout. The default type of
    floats is float32 inside, whatever another library made it.
    """
    cuda = [device.index or 0] if device.type == "cuda" else []
    kind = torch.get_default_dtype()
    with torch.random.fork_rng(devices=cuda), _mps_kept(device):
        # Not torch.manual_seed: it would seed every device, also those that were not forked.
        torch.default_generator.manual_seed(seed)
        for index in cuda:
            torch.cuda.default_generators[index].manual_seed(seed)
        if device.type == "mps":
            torch.mps.manual_seed(seed)
        torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            torch.set_default_dtype(kind)


@contextmanager
def _mps_kept(device: torch.device) -> Iterator[None]:
    if device.type != "mps":
        yield
        return
    state = torch.mps.get_rng_state()
    try:
        yield
    finally:
        torch.mps.set_rng_state(state)

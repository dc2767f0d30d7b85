"""Random numbers of augmentation: every image has a stream of its own, so none depends on its neighbours."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

_NAMES = (
    "flip_rows", "flip_columns", "turns", "rotation", "zoom", "row", "column", "drift", "drift_angle",
    "jitter", "blur", "contrast", "gamma", "background", "dose", "gaussian_noise", "salt_and_pepper",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Draws:
    """What a batch draws: one number per image for each option, and noise.

    Numbers are drawn for all options, also those that are off: switching one on leaves the others as they
    were.

    Parameters
    ----------
    seeds : sequence of int
        One per image.
    device : torch.device
        Where noise is drawn; numbers are drawn on the CPU.
    """

    seeds: Sequence[int]
    device: torch.device
    _numbers: Tensor = field(init=False, repr=False)
    _streams: list[torch.Generator] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        rows = [
            torch.rand(len(_NAMES), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
            for seed in self.seeds
        ]
        object.__setattr__(self, "_numbers", torch.stack(rows))
        # Another seed than that of the numbers, which noise would repeat.
        streams = [torch.Generator(self.device).manual_seed(seed ^ _OTHER) for seed in self.seeds]
        object.__setattr__(self, "_streams", streams)

    def zeros(self) -> Tensor:
        """Return 0 for each image."""
        return torch.zeros(len(self.seeds), dtype=torch.float64)

    def uniform(self, between: tuple[float, float], name: str) -> Tensor:
        """Return one number per image (n,), evenly drawn."""
        low, high = between
        return low + (high - low) * self._numbers[:, _NAMES.index(name)]

    def log_uniform(self, between: tuple[float, float], name: str) -> Tensor:
        """Return one number above 0 per image (n,), evenly drawn in the logarithm."""
        low, high = between
        return low * torch.exp(math.log(high / low) * self._numbers[:, _NAMES.index(name)])

    def sign(self, name: str) -> Tensor:
        """Return -1 or 1 per image (n,)."""
        return 1 - 2 * (self._numbers[:, _NAMES.index(name)] < 0.5).double()

    def per_image(self, values: Tensor) -> Tensor:
        """Return numbers (n,) as float32 (n, 1, 1, 1) on the device."""
        return values.float().to(self.device)[:, None, None, None]

    def normal(self, *shape: int) -> Tensor:
        """Return normal noise (n, *shape)."""
        return self._stacked(lambda stream: torch.randn(shape, generator=stream, device=self.device))

    def even(self, *shape: int) -> Tensor:
        """Return noise (n, *shape) evenly drawn from 0 to 1."""
        return self._stacked(lambda stream: torch.rand(shape, generator=stream, device=self.device))

    def counts(self, expected: Tensor) -> Tensor:
        """Return Poisson counts of expected ones (n, ...)."""
        pairs = zip(expected, self._streams, strict=True)
        return torch.stack([torch.poisson(rate, generator=stream) for rate, stream in pairs])

    def _stacked(self, draw: Callable[[torch.Generator], Tensor]) -> Tensor:
        return torch.stack([draw(stream) for stream in self._streams])


_OTHER = 0x2545F4914F6CDD1D

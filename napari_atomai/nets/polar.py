"""Rings about the centre of a patch, on which turning is shifting."""

from __future__ import annotations

import math

import torch

from napari_atomai.nets.pose import Pose
from napari_atomai.nets.sampling import Size, rings, sampled, upright

_FINER = 2
"""Angles at which the correlation is looked at, for each that was sampled."""


class Polar:
    """Rings about the centre of a patch, sampled at equal angles.

    Parameters
    ----------
    size : tuple of int
        (rows, columns) of the patches: the largest ring touches the nearer border.
    rings, angles : int
        At most so many rings, a pixel apart or more; points on each.
    """

    def __init__(self, size: Size, rings: int = 24, angles: int = 64) -> None:
        largest = max((min(size) - 1) / 2, 0.5)
        count = max(min(rings, math.ceil(largest)), 1)
        self.count, self.step, self.angles = count, largest / count, angles
        radii = (torch.arange(count, dtype=torch.float32) + 0.5) * self.step
        self._weights = radii * self.step * (2 * math.pi / angles)

    def weights(self, like: torch.Tensor) -> torch.Tensor:
        """Return the area in pixels that each point of a ring stands for, (rings,)."""
        if self._weights.device != like.device:
            self._weights = self._weights.to(like.device)
        return self._weights

    def of(self, patches: torch.Tensor, pose: Pose | None = None) -> torch.Tensor:
        """Sample patches (n, rows, columns), about their shift and at their scale; angles are not undone.

        Returns
        -------
        tensor, shape (n, rings, angles)
        """
        points = rings(self.count, self.step, self.angles, patches.device)
        if pose is None:
            found = upright(patches, points)
        else:
            straight = torch.eye(2, device=patches.device) * pose.scale[:, None, None]
            found = sampled(patches, points, straight, pose.shift)
        return found.reshape(-1, self.count, self.angles)

    def overlap(self, seen: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        """Return the scalar product, in pixels, of rings with others turned by 2 pi k / bins.

        Parameters
        ----------
        seen, others : tensor, shape (n, rings, angles)
            As `of` samples them.

        Returns
        -------
        tensor, shape (n, bins)
        """
        weighted = seen * self.weights(seen)[:, None]
        spectrum = torch.fft.rfft(weighted) * torch.fft.rfft(others).conj()
        found: torch.Tensor = torch.fft.irfft(spectrum.sum(dim=1), n=_FINER * self.angles) * _FINER
        return found

    def energy(self, seen: torch.Tensor) -> torch.Tensor:
        """Return the sum of squares, in pixels, shape (n,)."""
        return seen.square().sum(dim=2) @ self.weights(seen)

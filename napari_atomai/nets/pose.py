"""How a motif lies in a patch: turned, shifted, scaled.

A patch is a canvas, the motif in a frame of its own, brought to its place:

    patch(p) = canvas(R(-angle) (p - shift) / scale)

with p counted from the centres, and angles counter-clockwise as displayed (rows downwards). Shifts are
(row, column) in pixels.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from napari_atomai.nets.sampling import Size, pixels, sampled, size_of, turning


class Pose(NamedTuple):
    """Angle (n,) in radians, shift (n, 2) in pixels, scale (n,)."""

    angle: torch.Tensor
    shift: torch.Tensor
    scale: torch.Tensor

    @classmethod
    def none(cls, like: torch.Tensor) -> Pose:
        """Return that of patches that lie as the canvas does."""
        zeros = like.new_zeros(len(like))
        return cls(zeros, like.new_zeros(len(like), 2), torch.ones_like(zeros))

    def detached(self) -> Pose:
        """Return the same, apart from what it was computed from."""
        return Pose(*(each.detach() for each in self))

    def repeated(self, count: int) -> Pose:
        """Return all poses so many times, one round after the other."""
        return Pose(*(each.repeat(count, *[1] * (each.ndim - 1)) for each in self))

    def halved(self) -> Pose:
        """Return that of patches of half the size."""
        return self._replace(shift=self.shift / 2)

    def doubled(self) -> Pose:
        """Return that of patches of twice the size."""
        return self._replace(shift=self.shift * 2)


class Prior(NamedTuple):
    """What is believed of a pose before the patch is seen: standard deviations; 0 = it does not vary.

    Parameters
    ----------
    angle : float
        Radians about 0; infinite: any angle of the circle.
    shift : tuple of float
        (row, column) in pixels.
    scale : float
        Of the logarithm.
    """

    angle: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    scale: float = 0.0

    @property
    def reach(self) -> tuple[int, int]:
        """How far shifts are looked for, in whole pixels."""
        rows, columns = (math.ceil(3 * each) for each in self.shift)
        return rows, columns

    def halved(self) -> Prior:
        """Return that of patches of half the size."""
        return self._replace(shift=(self.shift[0] / 2, self.shift[1] / 2))

    def widths(self, like: torch.Tensor) -> torch.Tensor:
        """Return the width of the prior of shifts (2,), infinite where they do not vary."""
        return like.new_tensor([each or math.inf for each in self.shift])

    def log_of(self, log: float) -> float:
        """Return the logarithm of the prior of a scale, given by its logarithm, up to a constant."""
        return -0.5 * (log / self.scale) ** 2 if self.scale else 0.0

    def scales(self) -> list[float]:
        """Return the logarithms of the scales that are looked at."""
        return [0.0] if self.scale == 0 else [self.scale * step / 2 for step in range(-5, 6)]


class Belief(NamedTuple):
    """What a search for poses rests on.

    Parameters
    ----------
    prior : Prior
    noise : tensor, shape ()
        Variance of a pixel.
    """

    prior: Prior
    noise: torch.Tensor

    def halved(self) -> Belief:
        """Return that of patches of half the size."""
        return Belief(self.prior.halved(), self.noise / 4)


def place(canvas: torch.Tensor, pose: Pose, size: Size) -> torch.Tensor:
    """Bring canvases (n, y, x) to their place in patches (n, *size); beyond a canvas lies its border."""
    return place_at(canvas, pose, pixels(size, canvas.device)).reshape(-1, *size)


def place_at(canvas: torch.Tensor, pose: Pose, points: torch.Tensor) -> torch.Tensor:
    """Return what `place` gives at some pixels only, (n, a).

    Parameters
    ----------
    canvas : tensor, shape (n, y, x)
        What is brought to its place.
    pose : Pose
        Of each.
    points : tensor, shape (a, 2)
        As `napari_atomai.nets.sampling.pixels` gives them.
    """
    turn = turning(-pose.angle) / pose.scale[:, None, None]
    return sampled(canvas, points, turn, -(turn @ pose.shift[:, :, None])[:, :, 0])


def take_back(patches: torch.Tensor, pose: Pose) -> torch.Tensor:
    """Bring what is in patches (n, rows, columns) back to the frame of the canvas."""
    turn = turning(pose.angle) * pose.scale[:, None, None]
    points = pixels(size_of(patches), patches.device)
    return sampled(patches, points, turn, pose.shift).reshape(patches.shape)


def into_canvas(angle: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """Return shifts (n, 2) as they are seen from canvases that are turned by angles (n,)."""
    return (turning(-angle) @ shift[:, :, None])[:, :, 0]


def out_of_canvas(angle: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """Undo `into_canvas`."""
    return into_canvas(-angle, shift)

"""Where and how a motif lies in a patch: turned, shifted, scaled; and how these are found.

A patch is a canvas, the motif in a frame of its own, brought to its place:

    patch(p) = canvas(R(-angle) (p - shift) / scale)

with p counted from the centres, and angles counter-clockwise as displayed (rows downwards). Shifts are
(row, column) in pixels. Nothing here is learned: for a given canvas the likelihood of every angle is one
cross-correlation over the circle, and that of every shift one over the plane, both by FFT; the best is
refined by a parabola. Since it is where the likelihood is highest, gradients need not pass through it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from scipy.fft import next_fast_len
from torch.nn import functional

Size = tuple[int, int]

_FINER = 2
"""Angles at which the correlation is looked at, for each that was sampled."""


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


def place(canvas: torch.Tensor, pose: Pose, size: Size) -> torch.Tensor:
    """Bring canvases (n, y, x) to their place in patches (n, *size); beyond a canvas lies its border."""
    turn = _turning(-pose.angle) / pose.scale[:, None, None]
    return _sampled(canvas, _pixels(size, canvas), turn, -(turn @ pose.shift[:, :, None])[:, :, 0])


def take_back(patches: torch.Tensor, pose: Pose) -> torch.Tensor:
    """Bring what is in patches (n, rows, columns) back to the frame of the canvas."""
    turn = _turning(pose.angle) * pose.scale[:, None, None]
    return _sampled(patches, _pixels(_size(patches), patches), turn, pose.shift)


def into_canvas(angle: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """Return shifts (n, 2) as they are seen from canvases that are turned by angles (n,)."""
    return (_turning(-angle) @ shift[:, :, None])[:, :, 0]


def out_of_canvas(angle: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """Undo `into_canvas`."""
    return into_canvas(-angle, shift)


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
        self.step, self.angles = largest / count, angles
        self.radii = (torch.arange(count) + 0.5) * self.step
        self.weights = self.radii * self.step * (2 * math.pi / angles)
        """Area in pixels that each point of a ring stands for."""

    def of(self, patches: torch.Tensor, pose: Pose | None = None) -> torch.Tensor:
        """Sample patches (n, rows, columns), about their shift and at their scale; angles are not undone.

        Returns
        -------
        tensor, shape (n, rings, angles)
        """
        turn = torch.arange(self.angles, device=patches.device) * (2 * math.pi / self.angles)
        radii = self.radii.to(patches)[:, None]
        points = torch.stack([-radii * torch.sin(turn), radii * torch.cos(turn)], dim=-1)
        if pose is None:
            pose = Pose.none(patches)
        straight = torch.eye(2, device=patches.device) * pose.scale[:, None, None]
        return _sampled(patches, points, straight, pose.shift)

    def overlap(self, rings: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        """Return the scalar product, in pixels, of rings with others turned by 2 pi k / bins.

        Parameters
        ----------
        rings, others : tensor, shape (n, rings, angles)
            As `of` samples them.

        Returns
        -------
        tensor, shape (n, bins)
        """
        spectrum = torch.fft.rfft(rings) * torch.fft.rfft(others).conj()
        weighted = torch.einsum("nrm,r->nm", spectrum, self.weights.to(rings).to(spectrum.dtype))
        found: torch.Tensor = torch.fft.irfft(weighted, n=_FINER * self.angles) * _FINER
        return found

    def energy(self, rings: torch.Tensor) -> torch.Tensor:
        """Return the sum of squares, in pixels, shape (n,)."""
        return torch.einsum("nra,r->n", rings.square(), self.weights.to(rings))


def halved(images: torch.Tensor) -> torch.Tensor:
    """Return images (n, rows, columns) at half their size, about the same centre."""
    return _halved_rows(_halved_rows(images).mT).mT


def find_turn(
    patches: torch.Tensor,
    canvas: torch.Tensor,
    start: Pose,
    polar: Polar,
    belief: Belief,
    rings: torch.Tensor | None = None,
) -> tuple[Pose, torch.Tensor]:
    """Return poses with the most likely angle and scale, and how much the patch says of the angle.

    The centre of the rings matters: they are laid about the shift of `start`, which is kept.

    Parameters
    ----------
    patches, canvas : tensor, shape (n, rows, columns)
        And the motif that lies in each.
    start : Pose
        Where the search begins.
    polar : Polar
        The rings.
    belief : Belief
        Prior and noise.
    rings : tensor, shape (n, rings, angles), optional
        Of the patches at their own scale, if they were sampled before.

    Returns
    -------
    pose : Pose
    kl : tensor, shape (n,)
        Kullback-Leibler divergence of the angle's posterior from its prior, in nats.
    """
    prior, noise = belief
    level = canvas.mean(dim=(1, 2), keepdim=True)
    motif, logs = polar.of(canvas) - level, prior.scales()
    tried = []
    for log in logs:
        if rings is None or log:
            seen = (
                polar.of(patches, start._replace(scale=torch.full_like(start.scale, math.exp(log)))) - level
            )
        else:
            seen = rings - level
        # All are compared over the same part of the canvas, so in pixels of the canvas.
        tried.append(
            (polar.overlap(seen, motif) - polar.energy(seen)[:, None] / 2) / noise + prior.log_of(log)
        )
    values = torch.stack(tried, dim=1) + _log_prior(prior.angle, tried[0])
    best = values.flatten(1).argmax(dim=1)
    which, bin_ = best // values.shape[2], best % values.shape[2]
    many = torch.arange(len(values), device=values.device)
    along = values[many, which]
    pose = Pose(
        torch.zeros_like(start.angle) if prior.angle == 0 else _peak_on_circle(along, bin_),
        start.shift,
        torch.exp(_peak_on_line(values[many, :, bin_], which, logs)),
    )
    return pose, _learned_of_angle(along, prior.angle)


def find_shift(patches: torch.Tensor, canvas: torch.Tensor, start: Pose, belief: Belief) -> Pose:
    """Return poses with the most likely shift within the reach of the prior; angle and scale are kept.

    Parameters
    ----------
    patches, canvas : tensor, shape (n, rows, columns)
        And the motif that lies in each.
    start : Pose
        Its shift is not looked at.
    belief : Belief
        Prior and noise.
    """
    prior, noise = belief
    (rows, columns), (down, right) = _size(patches), prior.reach
    frame = (rows + 2 * down, columns + 2 * right)
    level = canvas.mean(dim=(1, 2), keepdim=True)
    motif = place(canvas - level, start._replace(shift=torch.zeros_like(start.shift)), frame)
    quick = [next_fast_len(length, real=True) for length in frame]  # others take up to three times as long
    spectrum = torch.fft.rfft2(motif, s=quick) * torch.fft.rfft2(patches - level, s=quick).conj()
    overlap = torch.fft.irfft2(spectrum, s=quick)[:, : 2 * down + 1, : 2 * right + 1]
    energy = _sums(motif.square(), (rows, columns))
    lags = [torch.arange(-reach, reach + 1, device=patches.device) for reach in (down, right)]
    believed = sum(
        -0.5 * (lag / each).square().reshape((-1, 1) if axis == 0 else (1, -1))
        for axis, (lag, each) in enumerate(zip(lags, prior.shift, strict=True))
        if each > 0
    )
    # The motif moved down lies in the part of the wide frame that begins further up.
    values = (overlap - energy / 2) / noise + torch.flip(torch.as_tensor(believed), (0, 1)).to(overlap)
    best = values.flatten(1).argmax(dim=1)
    row, column = best // values.shape[2], best % values.shape[2]
    many = torch.arange(len(values), device=values.device)
    along = (values[many, :, column], values[many, row])
    shift = [
        -_peak_on_line(line, at, [float(lag) for lag in range(-reach, reach + 1)])
        for line, at, reach in zip(along, (row, column), (down, right), strict=True)
    ]
    return start._replace(shift=torch.stack(shift, dim=1))


def _halved_rows(images: torch.Tensor) -> torch.Tensor:
    if images.shape[1] % 2 == 0:
        return (images[:, ::2] + images[:, 1::2]) / 2
    # Every second one is kept, with half of each of its neighbours: else the centre would move.
    wide = torch.cat([images[:, :1], images, images[:, -1:]], dim=1)
    return wide[:, 1:-1:2] / 2 + (wide[:, :-2:2] + wide[:, 2::2]) / 4


def _size(patches: torch.Tensor) -> Size:
    return patches.shape[-2], patches.shape[-1]


def _turning(angle: torch.Tensor) -> torch.Tensor:
    """Return what turns (row, column) counter-clockwise as displayed, (n, 2, 2)."""
    cosine, sine = torch.cos(angle), torch.sin(angle)
    return torch.stack([cosine, -sine, sine, cosine], dim=1).reshape(-1, 2, 2)


def _pixels(size: Size, like: torch.Tensor) -> torch.Tensor:
    """Return (row, column) of all pixels from the centre, shape (*size, 2)."""
    axes = (torch.arange(n, device=like.device, dtype=like.dtype) - (n - 1) / 2 for n in size)
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)


def _sampled(
    images: torch.Tensor, points: torch.Tensor, turn: torch.Tensor, shift: torch.Tensor
) -> torch.Tensor:
    """Interpolate images (n, y, x) at turn @ point + shift from their centres; beyond the border its value.

    Parameters
    ----------
    images : tensor, shape (n, y, x)
        To look at.
    points : tensor, shape (a, b, 2)
        (row, column) from the centre.
    turn, shift : tensor, shape (n, 2, 2), (n, 2)
        What is done with the points of each image.

    Returns
    -------
    tensor, shape (n, a, b)
    """
    # The library wants (column, row), from -1 to 1. All of them are one product: twelve times less time
    # than a small product for each image.
    half = images.new_tensor([max((size - 1) / 2, 0.5) for size in reversed(_size(images))])
    factors = torch.cat([turn.flip(1).mT, shift.flip(1)[:, None]], dim=1) / half
    flat = functional.pad(points.reshape(-1, 2), (0, 1), value=1.0)
    basis = torch.einsum("pj,kl->jkpl", flat, torch.eye(2, device=images.device)).reshape(6, -1)
    grid = (factors.reshape(-1, 6) @ basis).reshape(len(images), *points.shape)
    found = functional.grid_sample(
        images[:, None], grid, mode="bilinear", padding_mode="border", align_corners=True
    )
    return found[:, 0]


def _sums(images: torch.Tensor, size: Size) -> torch.Tensor:
    """Return the sums over every window of a size that lies in images (n, rows, columns)."""
    for axis, length in ((1, size[0]), (2, size[1])):
        upto = functional.pad(images.cumsum(axis), (1, 0) if axis == 2 else (0, 0, 1, 0))
        count = upto.shape[axis] - length
        images = upto.narrow(axis, length, count) - upto.narrow(axis, 0, count)
    return images


def _log_prior(width: float, like: torch.Tensor) -> torch.Tensor:
    """Return the logarithm of the prior at the angles of the bins of `like`, up to a constant."""
    bins = like.shape[-1]
    angle = torch.arange(bins, device=like.device, dtype=like.dtype) * (2 * math.pi / bins)
    if width == 0:
        return torch.where(angle == 0, 0.0, -torch.inf)
    if math.isinf(width):
        return torch.zeros_like(angle)
    wrapped = torch.remainder(angle + math.pi, 2 * math.pi) - math.pi
    return -0.5 * (wrapped / width).square()


def _learned_of_angle(values: torch.Tensor, width: float) -> torch.Tensor:
    """Return the divergence of the posterior of the angle, given up to a constant, from its prior."""
    if width == 0:
        return torch.zeros_like(values[:, 0])
    posterior = torch.log_softmax(values, dim=1)
    believed = torch.log_softmax(_log_prior(width, values), dim=0)
    return (posterior.exp() * (posterior - believed)).sum(dim=1)


def _peak_on_circle(values: torch.Tensor, best: torch.Tensor) -> torch.Tensor:
    bins = values.shape[1]
    around = [values.gather(1, ((best + step) % bins)[:, None])[:, 0] for step in (-1, 0, 1)]
    turn = (best + _vertex(*around)) * (2 * math.pi / bins)
    return torch.remainder(turn + math.pi, 2 * math.pi) - math.pi


def _peak_on_line(values: torch.Tensor, best: torch.Tensor, ticks: list[float]) -> torch.Tensor:
    """Return where along ticks, equally far apart, the values (n, ticks) are highest."""
    if len(ticks) == 1:
        return torch.full_like(values[:, 0], ticks[0])
    last = len(ticks) - 1
    inner = best.clamp(1, last - 1)
    around = [values.gather(1, (inner + step)[:, None])[:, 0] for step in (-1, 0, 1)]
    at = torch.where(best == inner, best + _vertex(*around), best.to(values.dtype))
    return ticks[0] + at * (ticks[1] - ticks[0])


def _vertex(before: torch.Tensor, peak: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """Return where the parabola through three values is highest, in steps from the middle one."""
    bend = before - 2 * peak + after
    offset = 0.5 * (before - after) / torch.where(bend < 0, bend, torch.ones_like(bend))
    return torch.where((bend < 0) & bend.isfinite(), offset, torch.zeros_like(offset)).clamp(-0.5, 0.5)

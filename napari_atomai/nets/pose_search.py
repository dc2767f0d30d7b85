"""How poses are found: where the likelihood is highest.

Nothing here is learned: for a given canvas the likelihood of every angle is one cross-correlation over the
circle, and that of every shift one over the plane, both by FFT; the best is refined by a parabola. Since it
is where the likelihood is highest, gradients need not pass through it.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from scipy.fft import next_fast_len

from napari_atomai.nets.polar import Polar
from napari_atomai.nets.pose import Belief, Pose, Prior, place
from napari_atomai.nets.sampling import Size, size_of, window_sums


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
    logs, motif = prior.scales(), polar.of(canvas)
    if len(logs) == 1:
        # Level and energy do not change with the angle.
        seen = polar.of(patches, start) if rings is None else rings
        tried = [polar.overlap(seen, motif) / noise]
    else:
        level = canvas.mean(dim=(1, 2), keepdim=True)
        tried = []
        for log in logs:
            larger = start._replace(scale=torch.full_like(start.scale, math.exp(log)))
            fit = _overlaps(polar.of(patches, larger) - level, motif - level, polar)
            tried.append(fit / noise + prior.log_of(log))
    values = torch.stack(tried, dim=1) + _log_prior(prior.angle, tried[0].shape[1], canvas.device)
    best = values.flatten(1).argmax(dim=1)
    which, bin_ = best // values.shape[2], best % values.shape[2]
    many = torch.arange(len(values), device=values.device)
    along = values[many, which]
    angle = torch.zeros_like(start.angle) if prior.angle == 0 else _peak_on_circle(along, bin_)
    scale = torch.ones_like(start.scale)
    if len(logs) > 1:
        scale = torch.exp(logs[0] + _peak(values[many, :, bin_], which) * (logs[1] - logs[0]))
    return Pose(angle, start.shift, scale), _learned_of_angle(along, prior.angle)


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
    (rows, columns), (down, right) = size_of(patches), prior.reach
    frame = (rows + 2 * down, columns + 2 * right)
    quick = _quick(frame)
    level = canvas.mean(dim=(1, 2), keepdim=True)
    motif = place(canvas - level, start._replace(shift=torch.zeros_like(start.shift)), frame)
    spectrum = torch.fft.rfft2(motif, s=quick) * torch.fft.rfft2(patches - level, s=quick).conj()
    overlap = torch.fft.irfft2(spectrum, s=quick)[:, : 2 * down + 1, : 2 * right + 1]
    energy = window_sums(motif.square(), (rows, columns))
    # The motif moved down lies in the part of the wide frame that begins further up.
    values = (overlap - energy / 2) / noise + _log_prior_of_lags(prior, canvas.device)
    best = values.flatten(1).argmax(dim=1)
    row, column = best // values.shape[2], best % values.shape[2]
    many = torch.arange(len(values), device=values.device)
    lags = [_peak(values[many, :, column], row) - down, _peak(values[many, row], column) - right]
    return start._replace(shift=-torch.stack(lags, dim=1))


def _overlaps(seen: torch.Tensor, motif: torch.Tensor, polar: Polar) -> torch.Tensor:
    """Return how well rings fit when turned, over the same part of the canvas, in pixels of the canvas."""
    return polar.overlap(seen, motif) - polar.energy(seen)[:, None] / 2


@lru_cache
def _quick(frame: Size) -> list[int]:
    """Return sizes from a frame on whose transforms are quick: others take up to three times as long."""
    return [int(next_fast_len(length, real=True)) for length in frame]


@lru_cache
def _log_prior(width: float, bins: int, device: torch.device) -> torch.Tensor:
    """Return the logarithm of the prior at the angles of bins, up to a constant."""
    angle = torch.arange(bins, device=device, dtype=torch.float32) * (2 * math.pi / bins)
    if width == 0:
        return torch.where(angle == 0, 0.0, -torch.inf)
    if math.isinf(width):
        return torch.zeros_like(angle)
    wrapped = torch.remainder(angle + math.pi, 2 * math.pi) - math.pi
    return -0.5 * (wrapped / width).square()


@lru_cache
def _log_prior_of_lags(prior: Prior, device: torch.device) -> torch.Tensor:
    """Return the logarithm of the prior of shifts up to its reach, from the highest to the lowest."""
    rows, columns = (
        torch.arange(reach, -reach - 1, -1, device=device, dtype=torch.float32) / (width or 1.0)
        for reach, width in zip(prior.reach, prior.shift, strict=True)
    )
    return -0.5 * (rows.square()[:, None] + columns.square())


def _learned_of_angle(values: torch.Tensor, width: float) -> torch.Tensor:
    """Return the divergence of the posterior of the angle, given up to a constant, from its prior."""
    if width == 0:
        return torch.zeros_like(values[:, 0])
    posterior = torch.softmax(values, dim=1)
    top = values.amax(dim=1) - torch.log(posterior.amax(dim=1))  # logarithm of the sum over all angles
    believed = _log_share(width, values.shape[1], values.device)
    return (posterior * (values - believed)).sum(dim=1) - top


@lru_cache
def _log_share(width: float, bins: int, device: torch.device) -> torch.Tensor:
    """Return the logarithm of the prior of angles, whose sum over the bins is 1."""
    return torch.log_softmax(_log_prior(width, bins, device), dim=0)


def _peak_on_circle(values: torch.Tensor, best: torch.Tensor) -> torch.Tensor:
    bins = values.shape[1]
    around = (best[:, None] + torch.arange(-1, 2, device=best.device)) % bins
    turn = (best + _vertex(values.gather(1, around))) * (2 * math.pi / bins)
    return torch.where(turn >= math.pi, turn - 2 * math.pi, turn)


def _peak(values: torch.Tensor, best: torch.Tensor) -> torch.Tensor:
    """Return where along a line, in steps from its first, the values (n, steps) are highest."""
    if values.shape[1] == 1:
        return torch.zeros_like(values[:, 0])
    inner = best.clamp(1, values.shape[1] - 2)
    around = values.gather(1, inner[:, None] + torch.arange(-1, 2, device=best.device))
    return best + torch.where(best == inner, _vertex(around), 0.0)


def _vertex(around: torch.Tensor) -> torch.Tensor:
    """Return where the parabola through three values (n, 3) is highest, in steps from the middle one."""
    before, peak, after = around.unbind(dim=1)
    bend = before - 2 * peak + after
    offset = (0.5 * (before - after) / bend).clamp(-0.5, 0.5)
    return torch.where((bend < 0) & bend.isfinite(), offset, 0.0)

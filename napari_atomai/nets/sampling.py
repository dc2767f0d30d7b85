"""Images looked at between their pixels: turned, shifted, scaled, along rings, or at half the size.

Angles are counter-clockwise as displayed (rows downwards), places are (row, column) from the centre. What
depends on sizes alone is computed once.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch.nn import functional

Size = tuple[int, int]

_KEPT = 64
"""Sizes whose pixels are kept; a training needs a handful."""


def size_of(images: torch.Tensor) -> Size:
    """Return (rows, columns) of images (n, rows, columns)."""
    return images.shape[-2], images.shape[-1]


def turning(angle: torch.Tensor) -> torch.Tensor:
    """Return what turns (row, column) counter-clockwise as displayed, (n, 2, 2)."""
    cosine, sine = torch.cos(angle), torch.sin(angle)
    return torch.stack([cosine, -sine, sine, cosine], dim=1).reshape(-1, 2, 2)


@lru_cache(_KEPT)
def pixels(size: Size, device: torch.device) -> torch.Tensor:
    """Return (row, column) of all pixels from the centre, shape (rows * columns, 2)."""
    axes = (torch.arange(n, device=device, dtype=torch.float32) - (n - 1) / 2 for n in size)
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).reshape(-1, 2)


@lru_cache(_KEPT)
def quarter_of(size: Size, which: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return one pixel of each two by two, from 0 to 3: their numbers (k,), and as `pixels` (k, 2)."""
    rows, columns = (torch.arange(n, device=device) % 2 for n in size)
    numbers = torch.nonzero((2 * rows[:, None] + columns).flatten() == which)[:, 0]
    return numbers, pixels(size, device)[numbers]


@lru_cache(_KEPT)
def rings(count: int, step: float, angles: int, device: torch.device) -> torch.Tensor:
    """Return (row, column) of points on rings from the centre, shape (count * angles, 2)."""
    radii = ((torch.arange(count, device=device, dtype=torch.float32) + 0.5) * step)[:, None]
    turn = torch.arange(angles, device=device, dtype=torch.float32) * (2 * math.pi / angles)
    return torch.stack([-radii * torch.sin(turn), radii * torch.cos(turn)], dim=-1).reshape(-1, 2)


def sampled(
    images: torch.Tensor, points: torch.Tensor, turn: torch.Tensor, shift: torch.Tensor
) -> torch.Tensor:
    """Interpolate images (n, y, x) at turn @ point + shift from their centres; beyond the border its value.

    Parameters
    ----------
    images : tensor, shape (n, y, x)
        To look at.
    points : tensor, shape (a, 2)
        (row, column) from the centre, of one of the functions above.
    turn, shift : tensor, shape (n, 2, 2), (n, 2)
        What is done with the points of each image.

    Returns
    -------
    tensor, shape (n, a)
    """
    # The library wants (column, row), from -1 to 1. All of them are one product: twelve times less time
    # than a small product for each image.
    rows, columns = (max((size - 1) / 2, 0.5) for size in size_of(images))
    factors = torch.cat([turn.flip(1).mT, shift.flip(1)[:, None]], dim=1).reshape(-1, 6)
    grid = (factors @ _basis(points, rows, columns)).reshape(len(images), 1, -1, 2)
    found = functional.grid_sample(
        images[:, None], grid, mode="bilinear", padding_mode="border", align_corners=True
    )
    return found[:, 0, 0]


def upright(images: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Interpolate images (n, y, x) all at the same points (a, 2), as `sampled` without turn and shift.

    Returns
    -------
    tensor, shape (n, a)
    """
    flat = images.flatten(1).T.contiguous()
    found: torch.Tensor = torch.sparse.mm(_interpolation(points, size_of(images)), flat).T
    return found


def halved(images: torch.Tensor) -> torch.Tensor:
    """Return images (n, rows, columns) at half their size, about the same centre."""
    return _halved_rows(_halved_rows(images).mT).mT


def window_sums(images: torch.Tensor, size: Size) -> torch.Tensor:
    """Return the sums over every window of a size that lies in images (n, rows, columns)."""
    for axis, length in ((1, size[0]), (2, size[1])):
        upto = functional.pad(images.cumsum(axis), (1, 0) if axis == 2 else (0, 0, 1, 0))
        count = upto.shape[axis] - length
        images = upto.narrow(axis, length, count) - upto.narrow(axis, 0, count)
    return images


def _halved_rows(images: torch.Tensor) -> torch.Tensor:
    if images.shape[1] % 2 == 0:
        return (images[:, ::2] + images[:, 1::2]) / 2
    # Every second one is kept, with half of each of its neighbours: else the centre would move.
    wide = torch.cat([images[:, :1], images, images[:, -1:]], dim=1)
    return wide[:, 1:-1:2] / 2 + (wide[:, :-2:2] + wide[:, 2::2]) / 4


@lru_cache(_KEPT)
def _basis(points: torch.Tensor, rows: float, columns: float) -> torch.Tensor:
    """Return what the six numbers of a turn and a shift are multiplied with, shape (6, 2 a)."""
    flat = functional.pad(points, (0, 1), value=1.0)
    scale = torch.diag(points.new_tensor([1 / columns, 1 / rows]))
    return torch.einsum("pj,kl->jkpl", flat, scale).reshape(6, -1)


@lru_cache(_KEPT)
def _interpolation(points: torch.Tensor, size: Size) -> torch.Tensor:
    """Return the sparse matrix (a, rows * columns) of a bilinear interpolation."""
    last = points.new_tensor([each - 1 for each in size])
    at = torch.minimum((points + last / 2).clamp(min=0), last)
    first = torch.minimum(at.floor(), (last - 1).clamp(min=0))
    part = at - first
    places, weights = [], []
    for row in (0, 1):
        for column in (0, 1):
            corner = torch.minimum(first + points.new_tensor([row, column]), last).long()
            places.append(corner[:, 0] * size[1] + corner[:, 1])
            by_row = part[:, 0] if row else 1 - part[:, 0]
            weights.append(by_row * (part[:, 1] if column else 1 - part[:, 1]))
    number = torch.arange(len(points), device=points.device).repeat(4)
    index = torch.stack([number, torch.cat(places)])
    shape = (len(points), size[0] * size[1])
    return torch.sparse_coo_tensor(index, torch.cat(weights), shape, check_invariants=False).coalesce()

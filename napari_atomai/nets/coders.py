"""Encoders from patches to what varies in them, and decoders back to a canvas."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import nn

from napari_atomai.nets.imspec import SignalDecoder, SignalEncoder
from napari_atomai.nets.sampling import Size

ORDERS = 16
"""Orders of the Fourier series around a ring that an encoder looks at."""
_TINY = 1e-12
"""Keeps the slope of a square root finite where a ring is dark."""


class RingEncoder(nn.Module):
    """Features of rings (n, rings, angles) that do not change when the rings are turned.

    Rings are mixed order by order of their Fourier series, which commutes with turning; a nonlinearity on
    the circle and a mean over it makes that invariant. Beside these stand the magnitudes of the series.

    Parameters
    ----------
    rings, angles : int
    hidden, layers : int
        Neurons, and layers of them; a quarter as many mixtures of rings.
    """

    def __init__(self, rings: int, angles: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.orders = min(ORDERS, angles // 2)
        # Real and imaginary part apart: optimizers and files take real numbers only.
        spread = 1 / math.sqrt(rings)
        mixtures = max(hidden // 4, 1)
        self.mixing = nn.Parameter(torch.randn(2 * self.orders, rings, mixtures) * spread)
        self.head = perceptron(mixtures + rings * self.orders, hidden, layers, hidden)
        order, points = torch.arange(self.orders)[:, None], 2 * self.orders
        turn = order * torch.arange(angles) * (2 * math.pi / angles)
        series = torch.stack([torch.cos(turn), -torch.sin(turn)]) / math.sqrt(angles)
        self.register_buffer("series", series.flatten(0, 1).T.contiguous(), persistent=False)
        turn = order * torch.arange(points) * (2 * math.pi / points)
        twice = torch.where(order == 0, 1.0, 2.0) / math.sqrt(points)
        circle = torch.stack([twice * torch.cos(turn), -twice * torch.sin(turn)], dim=1)
        self.register_buffer("circle", circle.flatten(0, 1).T.contiguous(), persistent=False)

    series: torch.Tensor
    circle: torch.Tensor

    def forward(self, rings: torch.Tensor) -> torch.Tensor:
        """Return (n, hidden)."""
        # So short a series, and back, is a product with its cosines and sines: half the time of the library's
        # transforms and of complex numbers. The orders come first, since each has a mixture of its own.
        many, orders = len(rings), self.orders
        series = self.series.T @ rings.float().reshape(-1, rings.shape[2]).T
        real, imaginary = series.reshape(2, orders, many, -1)
        both = [torch.cat([real, -imaginary], dim=2), torch.cat([imaginary, real], dim=2)]
        mixed = torch.bmm(torch.cat(both, dim=1), torch.cat(self.mixing.chunk(2), dim=1))
        circle = self.circle @ mixed.reshape(2 * orders, -1)
        pooled = nn.functional.gelu(circle).mean(dim=0).reshape(many, -1)
        size = (real.square() + imaginary.square() + _TINY).sqrt().permute(1, 2, 0).flatten(1)
        result: torch.Tensor = self.head(torch.cat([pooled, size], dim=1))
        return result


class FlatEncoder(nn.Module):
    """A perceptron on all pixels."""

    def __init__(self, size: Size, hidden: int, layers: int) -> None:
        super().__init__()
        self.head = perceptron(math.prod(size), hidden, layers, hidden)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """Return (n, hidden)."""
        result: torch.Tensor = self.head(patches.flatten(1))
        return result


class FlatGlance(nn.Module):
    """A first look at where motifs lie: a perceptron on patches of half the size."""

    def __init__(self, size: Size, hidden: int = 64) -> None:
        super().__init__()
        pixels = math.prod((each + 1) // 2 for each in size)
        self.head = perceptron(pixels, hidden, 2, 2, open_end=True)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """Return (n, 2): row and column, in widths of the prior."""
        result: torch.Tensor = self.head(patches.flatten(1))
        return result


class ConvolutionalEncoder(nn.Module):
    """Convolutions, then all that is left of them together."""

    def __init__(self, size: Size, hidden: int, layers: int) -> None:
        super().__init__()
        dims = size if size[0] > 1 else (size[1],)
        half = 2 if min(dims) >= 16 else 0
        self.convolutions = SignalEncoder(dims, hidden, layers, max(hidden // 4, 1), False, half)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """Return (n, hidden)."""
        return nn.functional.gelu(self.convolutions(patches[:, None]))


class FlatDecoder(nn.Module):
    """A perceptron that gives all pixels; its last layer, which takes most time, is half as wide."""

    def __init__(self, inputs: int, size: Size, hidden: int, layers: int) -> None:
        super().__init__()
        self.size = size
        widths = [hidden] * (layers - 1) + [max(hidden // 2, 1)]
        self.head = layered([inputs, *widths, math.prod(size)], open_end=True)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Return (n, *size)."""
        result: torch.Tensor = self.head(z).reshape(-1, *self.size)
        return result


class ConvolutionalDecoder(nn.Module):
    """Dilated convolutions on a quarter of the size, enlarged."""

    def __init__(self, inputs: int, size: Size, hidden: int, layers: int) -> None:
        super().__init__()
        dims = size if size[0] > 1 else (size[1],)
        self.convolutions = SignalDecoder(dims, inputs, layers, max(hidden // 4, 1), False, True)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Return (n, *size)."""
        result: torch.Tensor = self.convolutions(z)[:, 0]
        return result


class SpatialDecoder(nn.Module):
    """A perceptron of a place and the latent that gives the intensity there.

    The decoder of spatial-VAE (Bepler et al., arXiv:1909.11663), which the paper's rVAE has.
    """

    def __init__(self, inputs: int, size: Size, hidden: int, layers: int) -> None:
        super().__init__()
        self.size = size
        rows, columns = (torch.linspace(-1, 1, each) if each > 1 else torch.zeros(1) for each in size)
        grid = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1)
        self.register_buffer("grid", grid.reshape(-1, 2), persistent=False)
        self.of_place = nn.Linear(2, hidden)
        self.of_latent = nn.Linear(inputs, hidden, bias=False)
        self.head = perceptron(hidden, hidden, max(layers - 1, 0), 1, open_end=True)

    grid: torch.Tensor

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Return (n, *size)."""
        both = torch.tanh(self.of_place(self.grid)[None] + self.of_latent(z)[:, None])
        result: torch.Tensor = self.head(both)[..., 0].reshape(-1, *self.size)
        return result


def perceptron(
    inputs: int, hidden: int, layers: int, outputs: int, *, open_end: bool = False
) -> nn.Sequential:
    """Return layers of neurons; the last is linear if it is an open end."""
    return layered([inputs, *[hidden] * (layers if open_end else layers - 1), outputs], open_end=open_end)


def layered(sizes: Sequence[int], *, open_end: bool = False) -> nn.Sequential:
    """Return layers of neurons from one size to the next; the last is linear if it is an open end."""
    parts: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        parts += [nn.Linear(before, after), nn.GELU()]
    return nn.Sequential(*(parts[:-1] if open_end else parts))

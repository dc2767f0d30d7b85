"""The U-Net."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from napari_atomai.nets.blocks import NORMS, ConvBlock, Ladder, Style, halo, one_of, whole, wholes
from napari_atomai.nets.registry import describe_net, register


@register("unet")
class UNet(Ladder):
    """U-Net; by default it works at half the image's resolution and gives the full one back.

    Parameters
    ----------
    channels : int
        Channels of the image.
    classes : int
        Channels of the output: 1 for foreground against background.
    filters : sequence of int
        Channels at each level, from fine to coarse.
    layers : int or sequence of int
        Convolutions at each level but the coarsest, on the way down and on the way up.
    bottleneck : sequence of int
        Dilations of the convolutions at the coarsest level.
    stem : str
        "unshuffle": the stem takes 6 x 6 pixels in steps of two (the same as a pixel-unshuffle and a 3 x 3
        convolution) and the head shuffles channels into pixels: four times less arithmetic at equal
        parameters. "plain": the finest level has the image's resolution; for the finest structures.
    norm, activation, dropout
        See `napari_atomai.nets.blocks.Style`. The first level is without dropout.

    Raises
    ------
    BadOption, UnknownOption
        If an option has a value that is not allowed.

    Notes
    -----
    Input (batch, channels, y, x) with y and x multiples of ``multiple``; output (batch, classes, y, x)
    before the sigmoid or softmax. U-Net: Ronneberger et al., arXiv:1505.04597; pixel shuffle: Shi et
    al., arXiv:1609.05158.
    """

    def __init__(  # noqa: PLR0913 - each is an option of the net
        self,
        channels: int = 2,
        classes: int = 1,
        filters: Sequence[int] = (32, 64, 128),
        layers: int | Sequence[int] = 2,
        bottleneck: Sequence[int] = (1, 2, 1),
        stem: str = "unshuffle",
        norm: str = "batch",
        activation: str = "relu",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.channels, self.classes = whole("channels", channels), whole("classes", classes)
        filters = wholes("filters", filters, at_least=2)
        counts = _per_level(layers, len(filters) - 1)
        bottleneck = wholes("bottleneck", bottleneck)
        self.stride = {"unshuffle": 2, "plain": 1}[one_of("stem", stem, ("unshuffle", "plain"))]
        style, first = Style(norm, activation, dropout), Style(norm, activation)
        self.multiple = self.stride << len(counts)
        self.halo = halo(style, _reach(self.stride, counts, bottleneck), self.multiple)

        if self.stride == 2:
            self.stem = nn.Conv2d(channels, filters[0], 6, stride=2, padding=2, bias=norm == "none")
            self.stem_norm = NORMS[norm](filters[0])
            self.stem_rectifier = style.rectifier()
        into = [filters[0] if self.stride == 2 else channels, *filters]
        self.down = nn.ModuleList(
            ConvBlock(into[i], filters[i], (1,) * count, style if i else first)
            for i, count in enumerate(counts)
        )
        self.bottom = ConvBlock(filters[-2], filters[-1], bottleneck, style)
        pairs = list(zip(filters[-2::-1], filters[:0:-1], strict=True))
        self.squeeze = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in pairs)
        self.up = nn.ModuleList(
            ConvBlock(2 * fine, fine, (1,) * count, style if i < len(pairs) - 1 else first)
            for i, ((fine, _), count) in enumerate(zip(pairs, counts[::-1], strict=True))
        )
        self.head = nn.Conv2d(filters[0], self.stride**2 * classes, 1)

    @property
    def options(self) -> dict[str, Any]:
        """What builds such a net again."""
        return describe_net(self)[1]

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map (batch, channels, y, x) to (batch, classes, y, x), before the sigmoid or softmax."""
        if self.stride == 1:
            result: torch.Tensor = self.head(self.climb(image))
            return result
        half = self.stem_rectifier(self.stem_norm(self.stem(image)))
        return functional.pixel_shuffle(self.head(self.climb(half)), 2)


def _per_level(layers: int | Sequence[int], levels: int) -> tuple[int, ...]:
    if isinstance(layers, Sequence):
        return wholes("layers", layers, count=levels)
    return (whole("layers", layers),) * levels


def _reach(stride: int, counts: Sequence[int], bottleneck: Sequence[int]) -> int:
    """How many pixels away a pixel can be that has a say in a result."""
    steps = [stride << level for level in range(len(counts) + 1)]
    convolutions = sum(2 * count * step for count, step in zip(counts, steps, strict=False))
    # Pooling looks up to one step aside, and so does interpolation.
    return 3 * (stride - 1) + convolutions + sum(bottleneck) * steps[-1] + 2 * sum(steps[1:])

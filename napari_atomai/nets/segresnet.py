"""SegResNet: an encoder and a decoder of residual blocks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from napari_atomai.nets.blocks import ConvBlock, Ladder, ResStage, Style, halo, whole, wholes
from napari_atomai.nets.registry import register


@register("segresnet")
class SegResNet(Ladder):
    """Encoder and decoder of residual blocks, joined at every level.

    Parameters
    ----------
    channels : int
        Channels of the image.
    classes : int
        Channels of the output: 1 for foreground against background.
    filters : sequence of int
        Channels at each level, from fine to coarse.
    layers : sequence of int
        Residual blocks at each level but the finest, which has a single convolution; those but the coarsest
        have as many on the way up.
    norm, activation, dropout
        See `napari_atomai.nets.blocks.Style`.

    Raises
    ------
    BadOption, UnknownOption
        If an option has a value that is not allowed.

    Notes
    -----
    Input (batch, channels, y, x) with y and x multiples of ``multiple``; output (batch, classes, y, x)
    before the sigmoid or softmax. SegNet: Badrinarayanan et al., arXiv:1511.00561; with residual blocks:
    Ziatdinov et al., arXiv:2105.07485.
    """

    def __init__(
        self,
        channels: int = 1,
        classes: int = 1,
        filters: Sequence[int] = (32, 64, 128),
        layers: Sequence[int] = (2, 2),
        norm: str = "batch",
        activation: str = "leaky_relu",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.channels, self.classes = whole("channels", channels), whole("classes", classes)
        filters = wholes("filters", filters, at_least=2)
        layers = wholes("layers", layers, count=len(filters) - 1)
        style, first = Style(norm, activation, dropout), Style(norm, activation)
        self.multiple = 1 << len(layers)
        self.halo = halo(style, _reach(layers), self.multiple)

        self.down = nn.ModuleList([ConvBlock(channels, filters[0], (1,), first)])
        self.down.extend(
            ResStage(filters[i], filters[i + 1], count, style) for i, count in enumerate(layers[:-1])
        )
        self.bottom = ResStage(filters[-2], filters[-1], layers[-1], style)
        pairs = list(zip(filters[-2::-1], filters[:0:-1], strict=True))
        self.squeeze = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in pairs)
        self.up = nn.ModuleList(
            ResStage(2 * fine, fine, count, style)
            for (fine, _), count in zip(pairs[:-1], layers[-2::-1], strict=True)
        )
        self.up.append(ConvBlock(2 * filters[0], filters[0], (1,), first))
        self.head = nn.Conv2d(filters[0], classes, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map (batch, channels, y, x) to (batch, classes, y, x), before the sigmoid or softmax."""
        result: torch.Tensor = self.head(self.climb(image))
        return result


def _reach(layers: Sequence[int]) -> int:
    """How many pixels away a pixel can be that has a say in a result."""
    steps = [2 << level for level in range(len(layers))]
    residual = sum(4 * count * step for count, step in zip(layers, steps, strict=True))
    return 2 + residual - 2 * layers[-1] * steps[-1] + 2 * sum(steps)

"""DilNet: dilated convolutions instead of pooling."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from napari_atomai.nets.blocks import ConvBlock, DilatedCascade, Ladder, Style, halo, whole, wholes
from napari_atomai.nets.registry import register


@register("dilnet")
class DilNet(Ladder):
    """One pooling only, to keep what small structures look like, and cascades of dilated convolutions.

    Parameters
    ----------
    channels : int
        Channels of the image.
    classes : int
        Channels of the output: 1 for foreground against background.
    filters : int
        Channels at full resolution; twice as many at half of it.
    layers : sequence of int
        Convolutions at full resolution on the way down, and on the way up.
    cascades : int
        Cascades at half resolution.
    dilations : sequence of int
        Of the convolutions of each cascade.
    norm, activation, dropout
        See `napari_atomai.nets.blocks.Style`.

    Raises
    ------
    BadOption, UnknownOption
        If an option has a value that is not allowed.

    Notes
    -----
    Input (batch, channels, y, x) with y and x multiples of ``multiple``; output (batch, classes, y, x)
    before the sigmoid or softmax. The net of AtomAI: Ziatdinov et al., arXiv:2105.07485.
    """

    def __init__(  # noqa: PLR0913 - each is an option of the net
        self,
        channels: int = 1,
        classes: int = 1,
        filters: int = 25,
        layers: Sequence[int] = (1, 1),
        cascades: int = 2,
        dilations: Sequence[int] = (2, 4, 6),
        norm: str = "batch",
        activation: str = "leaky_relu",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.channels, self.classes = whole("channels", channels), whole("classes", classes)
        fine = whole("filters", filters)
        before, after = wholes("layers", layers, count=2)
        dilations = wholes("dilations", dilations)
        style, plain = Style(norm, activation, dropout), Style(norm, activation)
        self.multiple = 2
        reach = before + after + 4 + 2 * whole("cascades", cascades) * sum(dilations)
        self.halo = halo(style, reach, self.multiple)

        self.down = nn.ModuleList([ConvBlock(channels, fine, (1,) * before, plain)])
        self.bottom = nn.Sequential(
            *(DilatedCascade(2 * fine if i else fine, 2 * fine, dilations, style) for i in range(cascades))
        )
        self.squeeze = nn.ModuleList([nn.Conv2d(2 * fine, fine, 1)])
        self.up = nn.ModuleList([ConvBlock(2 * fine, fine, (1,) * after, plain)])
        self.head = nn.Conv2d(fine, classes, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map (batch, channels, y, x) to (batch, classes, y, x), before the sigmoid or softmax."""
        result: torch.Tensor = self.head(self.climb(image))
        return result

"""ResHedNet: edges, from several scales at once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from napari_atomai.nets.blocks import ResStage, Style, enlarge, halo, whole, wholes
from napari_atomai.nets.registry import register


@register("reshednet")
class ResHedNet(nn.Module):
    """Holistically-nested edges with residual connections: fibres, domain walls, outlines.

    Each stage gives a map of its own scale; all are brought to the image's size and fused.

    Parameters
    ----------
    channels : int
        Channels of the image.
    classes : int
        Channels of the output: 1 for edge against background.
    filters : sequence of int
        Channels of each stage, from fine to coarse.
    layers : sequence of int
        Residual blocks of each stage.
    norm, activation, dropout
        See `napari_atomai.nets.blocks.Style`.

    Raises
    ------
    BadOption, UnknownOption
        If an option has a value that is not allowed.

    Notes
    -----
    Input (batch, channels, y, x) with y and x multiples of ``multiple``; output (batch, classes, y, x)
    before the sigmoid or softmax. Holistically-nested edge detection: Xie & Tu, arXiv:1504.06375; with
    residual blocks: Ziatdinov et al., arXiv:2105.07485.
    """

    def __init__(
        self,
        channels: int = 1,
        classes: int = 1,
        filters: Sequence[int] = (64, 128, 256),
        layers: Sequence[int] = (3, 4, 5),
        norm: str = "batch",
        activation: str = "leaky_relu",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.channels, self.classes = whole("channels", channels), whole("classes", classes)
        filters = wholes("filters", filters)
        layers = wholes("layers", layers, count=len(filters))
        style = Style(norm, activation, dropout)
        steps = [1 << level for level in range(len(filters))]
        self.multiple = steps[-1]
        reach = sum(2 * count * step for count, step in zip(layers, steps, strict=True)) + 2 * steps[-1]
        self.halo = halo(style, reach, self.multiple)

        into = (channels, *filters)
        self.stages = nn.ModuleList(
            ResStage(into[i], filters[i], count, style) for i, count in enumerate(layers)
        )
        self.sides = nn.ModuleList(nn.Conv2d(count, classes, 1) for count in filters)
        self.fuse = nn.Conv2d(len(filters) * classes, classes, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map (batch, channels, y, x) to (batch, classes, y, x), before the sigmoid or softmax."""
        x, maps = image, []
        for level, (stage, side) in enumerate(zip(self.stages, self.sides, strict=True)):
            x = stage(functional.max_pool2d(x, 2) if level else x)
            maps.append(enlarge(side(x), 1 << level) if level else side(x))
        result: torch.Tensor = self.fuse(torch.cat(maps, dim=1))
        return result

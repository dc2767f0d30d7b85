"""Nets that give a probability to every pixel."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional


class ConvBlock(nn.Sequential):
    """Convolutions of 3 x 3, each followed by batch normalisation and a rectifier.

    Parameters
    ----------
    channels_in, channels_out : int
        Channels of the input and of every convolution's output.
    dilations : sequence of int
        One convolution for each entry, with that dilation.
    """

    def __init__(self, channels_in: int, channels_out: int, dilations: Sequence[int]) -> None:
        layers: list[nn.Module] = []
        for i, dilation in enumerate(dilations):
            first = channels_in if i == 0 else channels_out
            layers += [
                nn.Conv2d(first, channels_out, 3, padding=dilation, dilation=dilation, bias=False),
                nn.BatchNorm2d(channels_out),
                nn.ReLU(),
            ]
        super().__init__(*layers)


class UNet(nn.Module):
    """U-Net that works at half the image's resolution and gives the full one back.

    The stem takes 6 x 6 pixels in steps of two (the same as a pixel-unshuffle and a 3 x 3 convolution)
    and the head shuffles channels into pixels: four times less arithmetic at equal parameters.

    Parameters
    ----------
    channels : int
        Channels of the image.
    classes : int
        Channels of the output: 1 for foreground against background.
    filters : sequence of int
        Channels at each level, from fine to coarse.
    layers : int
        Convolutions per level.
    bottleneck : sequence of int
        Dilations of the convolutions at the coarsest level.

    Notes
    -----
    Input (batch, channels, y, x) with y and x multiples of ``multiple``; output (batch, classes, y, x)
    before the sigmoid or softmax. U-Net: Ronneberger et al., arXiv:1505.04597; pixel shuffle: Shi et
    al., arXiv:1609.05158.
    """

    def __init__(
        self,
        channels: int = 2,
        classes: int = 1,
        filters: Sequence[int] = (32, 64, 128),
        layers: int = 2,
        bottleneck: Sequence[int] = (1, 2, 1),
    ) -> None:
        super().__init__()
        self.options = {
            "channels": channels,
            "classes": classes,
            "filters": list(filters),
            "layers": layers,
            "bottleneck": list(bottleneck),
        }
        plain = (1,) * layers
        self.stem = nn.Conv2d(channels, filters[0], 6, stride=2, padding=2, bias=False)
        self.stem_norm = nn.BatchNorm2d(filters[0])
        self.down = nn.ModuleList(
            ConvBlock(filters[0 if i == 0 else i - 1], f, plain) for i, f in enumerate(filters[:-1])
        )
        self.bottom = ConvBlock(filters[-2], filters[-1], bottleneck)
        pairs = list(zip(filters[-2::-1], filters[:0:-1], strict=True))
        self.squeeze = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in pairs)
        self.up = nn.ModuleList(ConvBlock(2 * fine, fine, plain) for fine, _ in pairs)
        self.head = nn.Conv2d(filters[0], 4 * classes, 1)

    @property
    def multiple(self) -> int:
        """Rows and columns of the input must be a multiple of this."""
        return int(2 ** (len(self.down) + 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map (batch, channels, y, x) to (batch, classes, y, x), before the sigmoid or softmax."""
        x = functional.relu(self.stem_norm(self.stem(image)))
        kept = []
        for block in self.down:
            x = block(x)
            kept.append(x)
            x = functional.max_pool2d(x, 2)
        x = self.bottom(x)
        for squeeze, block in zip(self.squeeze, self.up, strict=True):
            x = functional.interpolate(squeeze(x), scale_factor=2.0, mode="bilinear", align_corners=False)
            x = block(torch.cat([kept.pop(), x], dim=1))
        return functional.pixel_shuffle(self.head(x), 2)

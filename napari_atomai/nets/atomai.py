"""The nets of AtomAI 0.8.1, so that its trained models can be used and trained on.

New models do better with the other nets here: these put the normalisation behind the activation, where it
cannot be folded into a convolution, and add up every layer's output in their dilated blocks. Their parameters
are called as in the other nets here; `napari_atomai.models.legacy` translates. AtomAI is described by
Ziatdinov et al., arXiv:2105.07485.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from napari_atomai.nets.blocks import Ladder, enlarge, one_of, whole, whole_steps, wholes
from napari_atomai.nets.registry import register

_UPSAMPLING = ("bilinear", "nearest")


class _Layers(nn.Sequential):
    """Convolution, dropout, activation and normalisation, for each dilation."""

    def __init__(
        self, into: int, out: int, dilations: Sequence[int], batch_norm: bool, dropout: float = 0.0
    ) -> None:
        layers: list[nn.Module] = []
        for i, dilation in enumerate(dilations):
            layers.append(nn.Conv2d(out if i else into, out, 3, padding=dilation, dilation=dilation))
            layers += [nn.Dropout(dropout)] if dropout else []
            layers.append(nn.LeakyReLU(0.01))
            layers += [nn.BatchNorm2d(out)] if batch_norm else []
        super().__init__(*layers)


class _Summed(_Layers):
    """The same; the result is the sum of what every one of them gives."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        total = torch.zeros((), device=x.device)
        for layer in self:
            x = layer(x)
            total = total + x
        return total


class _Residual(nn.Module):
    def __init__(self, into: int, out: int, batch_norm: bool) -> None:
        super().__init__()
        self.c0 = nn.Conv2d(into, out, 1)
        self.c1, self.c2 = (nn.Conv2d(out, out, 3, padding=1) for _ in range(2))
        self.bn1, self.bn2 = (nn.BatchNorm2d(out) if batch_norm else nn.Identity() for _ in range(2))
        self.rectifier = nn.LeakyReLU(0.01)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.c0(x)
        body = self.bn2(self.c2(self.rectifier(self.bn1(self.c1(x)))))
        result: torch.Tensor = self.rectifier(body + x)
        return result


def _residual(into: int, out: int, count: int, batch_norm: bool) -> nn.Sequential:
    return nn.Sequential(*(_Residual(out if i else into, out, batch_norm) for i in range(count)))


class _AtomAINet(Ladder):
    """Those of the nets that go down and up again."""

    def __init__(self, channels: int, classes: int, upsampling: str, reach: int, levels: int) -> None:
        super().__init__()
        self.channels, self.classes = whole("channels", channels), whole("classes", classes)
        self.upsampling = one_of("upsampling", upsampling, _UPSAMPLING)
        self.multiple = 1 << levels
        # Pooling and interpolation look up to one step aside each.
        self.halo = whole_steps(reach + 2 * (2 * self.multiple - 2), self.multiple)

    def _finish(self, filters: int, classes: int, levels: int) -> None:
        self.squeeze = nn.ModuleList(
            nn.Conv2d(2 * count, count, 1)
            for count in (filters << level for level in reversed(range(levels)))
        )
        self.head = nn.Conv2d(filters, classes, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map (batch, channels, y, x) to (batch, classes, y, x), before the sigmoid or softmax."""
        result: torch.Tensor = self.head(self.climb(image))
        return result


@register("atomai_unet")
class AtomAIUNet(_AtomAINet):
    """AtomAI's U-Net.

    Parameters
    ----------
    channels, classes, filters : int
        Channels of the image, of the output and of the finest level.
    layers : sequence of int
        Convolutions at each of the four levels.
    batch_norm, dropout, dilated : bool
        Whether there is normalisation, dropout, and dilation at the coarsest level.
    upsampling : str
        "bilinear" or "nearest".
    """

    def __init__(
        self,
        channels: int = 1,
        classes: int = 1,
        filters: int = 16,
        layers: Sequence[int] = (1, 2, 2, 3),
        batch_norm: bool = True,
        dropout: bool = False,
        dilated: bool = False,
        upsampling: str = "bilinear",
    ) -> None:
        first, second, third, last = wholes("layers", layers, count=4)
        dilations = _dilations(last) if dilated else (1,) * last
        reach = 2 * (first + 2 * second + 4 * third) + 8 * sum(dilations)
        super().__init__(channels, classes, upsampling, reach, 3)
        f, some = whole("filters", filters), 0.1 if dropout else 0.0

        def plain(into: int, out: int, count: int, chance: float = 0.0) -> nn.Module:
            return _Layers(into, out, (1,) * count, batch_norm, chance)

        self.down = nn.ModuleList(
            [plain(channels, f, first), plain(f, 2 * f, second), plain(2 * f, 4 * f, third, some)]
        )
        bottom = _Summed if dilated else _Layers
        self.bottom = bottom(4 * f, 8 * f, dilations, batch_norm, 2 * some)
        self.up = nn.ModuleList(
            [plain(8 * f, 4 * f, third, some), plain(4 * f, 2 * f, second), plain(2 * f, f, first)]
        )
        self._finish(f, classes, 3)


@register("atomai_dilnet")
class AtomAIDilNet(_AtomAINet):
    """AtomAI's dilnet.

    Parameters
    ----------
    channels, classes, filters : int
        Channels of the image, of the output and of the finest level.
    layers : sequence of int
        Convolutions on the way down, in the two dilated blocks, and on the way up.
    batch_norm, dropout : bool
        Whether there is normalisation, and dropout.
    upsampling : str
        "bilinear" or "nearest".
    """

    def __init__(
        self,
        channels: int = 1,
        classes: int = 1,
        filters: int = 25,
        layers: Sequence[int] = (1, 3, 3, 1),
        batch_norm: bool = True,
        dropout: bool = False,
        upsampling: str = "bilinear",
    ) -> None:
        before, first, second, after = wholes("layers", layers, count=4)
        reach = before + after + 2 * (sum(_dilations(first)) + sum(_dilations(second)))
        super().__init__(channels, classes, upsampling, reach, 1)
        f, chance = whole("filters", filters), 0.3 if dropout else 0.0
        self.down = nn.ModuleList([_Layers(channels, f, (1,) * before, batch_norm)])
        self.bottom = nn.Sequential(
            _Summed(f, 2 * f, _dilations(first), batch_norm, chance),
            _Summed(2 * f, 2 * f, _dilations(second), batch_norm, chance),
        )
        self.up = nn.ModuleList([_Layers(2 * f, f, (1,) * after, batch_norm)])
        self._finish(f, classes, 1)


@register("atomai_segresnet")
class AtomAISegResNet(_AtomAINet):
    """AtomAI's SegResNet.

    Parameters
    ----------
    channels, classes, filters : int
        Channels of the image, of the output and of the finest level.
    layers : sequence of int
        Residual blocks on the way down, at the coarsest level, and on the way up.
    batch_norm : bool
        Whether there is normalisation.
    upsampling : str
        "bilinear" or "nearest".
    """

    def __init__(
        self,
        channels: int = 1,
        classes: int = 1,
        filters: int = 32,
        layers: Sequence[int] = (2, 2, 2),
        batch_norm: bool = True,
        upsampling: str = "bilinear",
    ) -> None:
        before, middle, after = wholes("layers", layers, count=3)
        super().__init__(channels, classes, upsampling, 2 + 4 * (before + after) + 8 * middle, 2)
        f = whole("filters", filters)
        self.down = nn.ModuleList(
            [_Layers(channels, f, (1,), batch_norm), _residual(f, 2 * f, before, batch_norm)]
        )
        self.bottom = _residual(2 * f, 4 * f, middle, batch_norm)
        self.up = nn.ModuleList(
            [_residual(4 * f, 2 * f, after, batch_norm), _Layers(2 * f, f, (1,), batch_norm)]
        )
        self._finish(f, classes, 2)


@register("atomai_reshednet")
class AtomAIResHedNet(nn.Module):
    """AtomAI's ResHedNet.

    Parameters
    ----------
    channels, classes, filters : int
        Channels of the image, of the output and of the first stage.
    layers : sequence of int
        Residual blocks of the three stages.
    batch_norm : bool
        Whether there is normalisation.
    upsampling : str
        "bilinear" or "nearest".
    """

    def __init__(
        self,
        channels: int = 1,
        classes: int = 1,
        filters: int = 64,
        layers: Sequence[int] = (3, 4, 5),
        batch_norm: bool = True,
        upsampling: str = "bilinear",
    ) -> None:
        super().__init__()
        self.channels, self.classes = whole("channels", channels), whole("classes", classes)
        self.upsampling = one_of("upsampling", upsampling, _UPSAMPLING)
        counts = wholes("layers", layers, count=3)
        self.multiple = 4
        self.halo = whole_steps(2 * counts[0] + 4 * counts[1] + 8 * counts[2] + 12, 4)
        f = whole("filters", filters)
        widths = (channels, f, 2 * f, 4 * f)
        self.stages = nn.ModuleList(
            _residual(widths[i], widths[i + 1], count, batch_norm) for i, count in enumerate(counts)
        )
        self.sides = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, classes, 1), *([nn.BatchNorm2d(classes)] if batch_norm else []))
            for width in widths[1:]
        )
        self.fuse = nn.Conv2d(3 * classes, classes, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map (batch, channels, y, x) to (batch, classes, y, x), before the sigmoid or softmax."""
        x, maps = image, []
        for level, (stage, side) in enumerate(zip(self.stages, self.sides, strict=True)):
            x = stage(nn.functional.max_pool2d(x, 2) if level else x)
            maps.append(enlarge(side(x), 1 << level, self.upsampling) if level else side(x))
        result: torch.Tensor = self.fuse(torch.cat(maps, dim=1))
        return result


def _dilations(count: int) -> tuple[int, ...]:
    return tuple(2 * (i + 1) for i in range(count))

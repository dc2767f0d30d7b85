"""Parts that the nets are put together from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import nn
from torch.nn import functional

from napari_atomai.data.arguments import a_number
from napari_atomai.errors import BadOption, UnknownOption

NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "group": lambda channels: nn.GroupNorm(math.gcd(channels, 8), channels),
    "instance": lambda channels: nn.InstanceNorm2d(channels, affine=True),
    "none": lambda channels: nn.Identity(),
}
"""Normalisations by name. "group" (eight groups; Wu & He, arXiv:1803.08494) and "instance" serve small
batches; they look at the whole image, so that a tile gives another result than the image it is cut from."""

# In place: what comes before an activation here needs its own result no more, and leaky_relu and elu would
# keep a second copy of every map for the gradient.
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": lambda: nn.ReLU(inplace=True),
    "leaky_relu": lambda: nn.LeakyReLU(0.01, inplace=True),
    "elu": lambda: nn.ELU(inplace=True),
    "silu": nn.SiLU,
    "gelu": nn.GELU,
}


class Style:
    """How the blocks of a net are made: normalisation, activation, dropout.

    Parameters
    ----------
    norm : str
        "batch", "group", "instance" or "none".
    activation : str
        "relu", "leaky_relu", "elu", "silu" or "gelu".
    dropout : float
        Chance of a channel to be left out behind a block while training, 0 to below 1. Whole channels, since
        neighbouring pixels say the same (Tompson et al., arXiv:1411.4280).

    Raises
    ------
    UnknownOption
        If a name does not exist.
    BadOption
        If the dropout is out of range.
    """

    def __init__(self, norm: str = "batch", activation: str = "relu", dropout: float = 0.0) -> None:
        one_of("norm", norm, NORMS)
        one_of("activation", activation, ACTIVATIONS)
        if a_number("The option 'dropout'", dropout, 0, 1, "Give a chance from 0 to below 1.") == 1:
            raise BadOption(
                f"The option 'dropout' is {dropout!r}.",
                why="It is the chance of a channel to be left out: nothing would be left.",
                remedy="Give a number from 0 to below 1.",
            )
        self.norm, self.activation, self.dropout = norm, activation, dropout

    @property
    def local(self) -> bool:
        """Whether a result depends on the pixels around it alone."""
        return self.norm in ("batch", "none")

    def convolution(self, channels_in: int, channels_out: int, dilation: int = 1) -> list[nn.Module]:
        """Return a convolution of 3 x 3 and its normalisation, which brings the offset."""
        conv = nn.Conv2d(
            channels_in, channels_out, 3, padding=dilation, dilation=dilation, bias=self.norm == "none"
        )
        return [conv, NORMS[self.norm](channels_out)]

    def rectifier(self) -> nn.Module:
        """Return a new activation."""
        return ACTIVATIONS[self.activation]()

    def end(self) -> list[nn.Module]:
        """Return what comes behind a block."""
        return [nn.Dropout2d(self.dropout)] if self.dropout else []


class ConvBlock(nn.Sequential):
    """Convolutions of 3 x 3, each followed by normalisation and activation.

    Parameters
    ----------
    channels_in, channels_out : int
        Channels of the input and of every convolution's output.
    dilations : sequence of int
        One convolution for each entry, with that dilation.
    style : Style
        Normalisation, activation and dropout.
    """

    def __init__(self, channels_in: int, channels_out: int, dilations: Sequence[int], style: Style) -> None:
        layers: list[nn.Module] = []
        for i, dilation in enumerate(dilations):
            first = channels_in if i == 0 else channels_out
            layers += [*style.convolution(first, channels_out, dilation), style.rectifier()]
        super().__init__(*layers, *style.end())


class DilatedCascade(nn.Module):
    """Dilated convolutions in a row; the result is the sum of what each of them gives.

    Small and large neighbourhoods have the same say, at full resolution (Yu & Koltun, arXiv:1511.07122).

    Parameters
    ----------
    channels_in, channels_out : int
        Channels of the input and of every convolution's output.
    dilations : sequence of int
        One convolution for each entry, with that dilation.
    style : Style
        Normalisation, activation and dropout.
    """

    def __init__(self, channels_in: int, channels_out: int, dilations: Sequence[int], style: Style) -> None:
        super().__init__()
        plain = Style(style.norm, style.activation)
        self.steps = nn.ModuleList(
            ConvBlock(channels_in if i == 0 else channels_out, channels_out, (dilation,), plain)
            for i, dilation in enumerate(dilations)
        )
        self.end = nn.Sequential(*style.end())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, channels_in, y, x) to (n, channels_out, y, x)."""
        total = x = self.steps[0](x)
        for step in self.steps[1:]:
            x = step(x)
            total = total + x
        result: torch.Tensor = self.end(total)
        return result


class ResBlock(nn.Module):
    """Two convolutions of 3 x 3 around which the input is handed on (He et al., arXiv:1512.03385).

    Parameters
    ----------
    channels_in, channels_out : int
        Where they differ, a convolution of 1 x 1 brings the input to the output's channels.
    style : Style
        Normalisation and activation.
    """

    def __init__(self, channels_in: int, channels_out: int, style: Style) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *style.convolution(channels_in, channels_out),
            style.rectifier(),
            *style.convolution(channels_out, channels_out),
        )
        same = channels_in == channels_out
        self.shortcut = nn.Identity() if same else nn.Conv2d(channels_in, channels_out, 1)
        self.rectifier = style.rectifier()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, channels_in, y, x) to (n, channels_out, y, x)."""
        result: torch.Tensor = self.rectifier(self.body(x) + self.shortcut(x))
        return result


class ResStage(nn.Sequential):
    """Residual blocks in a row; the first changes the number of channels."""

    def __init__(self, channels_in: int, channels_out: int, count: int, style: Style) -> None:
        blocks = [
            ResBlock(channels_in if i == 0 else channels_out, channels_out, style) for i in range(count)
        ]
        super().__init__(*blocks, *style.end())


class Ladder(nn.Module):
    """Down to coarser levels and up again; every level on the way up sees what the way down had there.

    Attributes
    ----------
    down : ModuleList
        A block for each level but the coarsest, from fine to coarse; pooling lies between them.
    bottom : Module
        The coarsest level.
    squeeze : ModuleList
        From coarse to fine: brings a level's channels to those of the next finer one.
    up : ModuleList
        From coarse to fine: takes both.
    upsampling : str
        "bilinear" or "nearest".
    """

    down: nn.ModuleList
    bottom: nn.Module
    squeeze: nn.ModuleList
    up: nn.ModuleList
    upsampling = "bilinear"

    def climb(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, channels of the first block, y, x) to (n, channels of the last one, y, x)."""
        kept = []
        for block in self.down:
            x = block(x)
            kept.append(x)
            x = functional.max_pool2d(x, 2)
        x = self.bottom(x)
        for squeeze, block in zip(self.squeeze, self.up, strict=True):
            # The convolution of 1 x 1 gives the same before the interpolation as behind it, for a quarter.
            x = block(torch.cat([kept.pop(), enlarge(squeeze(x), mode=self.upsampling)], dim=1))
        return x


def enlarge(x: torch.Tensor, factor: int = 2, mode: str = "bilinear") -> torch.Tensor:
    """Interpolate (n, c, y, x) to `factor` times the rows and columns."""
    if mode == "bilinear":
        return functional.interpolate(x, scale_factor=float(factor), mode=mode, align_corners=False)
    return functional.interpolate(x, scale_factor=float(factor), mode=mode)


def halo(style: Style, reach: int, multiple: int) -> int | None:
    """Return `reach` in whole steps of the coarsest level; None where the whole image has a say."""
    return whole_steps(reach, multiple) if style.local else None


def whole_steps(reach: int, multiple: int) -> int:
    """Round up, so that a tile that starts so many pixels earlier lies on the same coarse grid."""
    return -(-reach // multiple) * multiple


def whole(name: str, value: int, least: int = 1) -> int:
    """Return an option that is a whole number of at least `least`.

    Raises
    ------
    BadOption
        If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise BadOption(f"The option {name!r} is {value!r}.", remedy=f"Give a whole number from {least} on.")
    return value


def wholes(name: str, values: Sequence[int], *, count: int = 0, at_least: int = 1) -> tuple[int, ...]:
    """Return an option that is a sequence of whole numbers from 1 on.

    Parameters
    ----------
    name : str
        Of the option.
    values : sequence of int
        What was given.
    count : int
        How many there must be; 0 for any number.
    at_least : int
        How many there must be at least, where `count` is 0.

    Raises
    ------
    BadOption
        If it is not.
    """
    wanted = f"{count}" if count else f"at least {at_least}"
    fits = isinstance(values, Sequence) and not isinstance(values, str | bytes)
    if not fits or (len(values) != count if count else len(values) < at_least):
        raise BadOption(f"The option {name!r} is {values!r}.", remedy=f"Give {wanted} whole numbers.")
    return tuple(whole(f"{name}[{i}]", value) for i, value in enumerate(values))


def one_of(name: str, value: str, known: Iterable[str]) -> str:
    """Return an option that is one of some words.

    Raises
    ------
    UnknownOption
        If it is not; the nearest word is named.
    """
    if not isinstance(value, str) or value not in set(known):
        raise UnknownOption(f"{name} called", str(value), known)
    return value

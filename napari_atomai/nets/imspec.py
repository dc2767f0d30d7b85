"""A net from one signal to another through a small latent: image to spectrum, spectrum to image, and so on.

The paper's ImSpec (Ziatdinov et al., arXiv:2105.07485, III.B): convolutions squeeze a signal to a few
numbers, and dilated convolutions make the other signal of them. A spectrum is an image of one row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from napari_atomai.data.arguments import whole_number
from napari_atomai.errors import BadOption, UnknownOption
from napari_atomai.nets.registry import register

Dims = tuple[int, ...]

_DECODERS = ("conv", "mlp")
_LEAK = 0.1


def dims_of(name: str, dims: int | Sequence[int]) -> Dims:
    """Return the size of a signal: (length,) of a spectrum, (rows, columns) of an image.

    Raises
    ------
    BadOption
        If it is none.
    """
    found = (dims,) if isinstance(dims, int) else tuple(dims)
    if len(found) not in (1, 2) or not all(isinstance(size, int) and size > 0 for size in found):
        raise BadOption(
            f"{name} is {dims!r}.",
            remedy="Give (length,) for spectra, or (rows, columns) for images.",
        )
    return found


class Normaliser(nn.Module):
    """What a signal is centred and scaled with; kept with the weights of the net that it belongs to.

    Spectra lose their mean spectrum, images their mean intensity, and both are divided by one number: the
    root mean square of what is left, so that strong channels stay strong.

    Parameters
    ----------
    dims : tuple of int
        Size of the signal.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, dims: Dims) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dims if len(dims) == 1 else (1, 1)))
        self.register_buffer("scale", torch.ones(()))

    @torch.no_grad()
    def learn(self, signals: torch.Tensor) -> None:
        """Measure mean and spread of signals, shape (n, ...); a constant is scaled by one."""
        mean = signals.double().mean(dim=0 if signals.ndim == 2 else None)
        spread = float((signals.double() - mean).square().mean().sqrt())
        self.mean.copy_(mean.reshape(self.mean.shape))
        self.scale.fill_(spread if spread > 0 and math.isfinite(spread) else 1.0)

    def apply_to(self, signals: torch.Tensor) -> torch.Tensor:
        """Centre and scale."""
        return ((signals.double() - self.mean) / self.scale).float()

    def undo(self, signals: torch.Tensor) -> torch.Tensor:
        """Return signals to their own units."""
        return signals * self.scale + self.mean


class SignalEncoder(nn.Module):
    """Squeezes signals (n, 1, rows, columns) to (n, latent_dim).

    Parameters
    ----------
    dims : tuple of int
        Size of the signal.
    latent_dim, layers, filters : int
        Size of the latent; convolutions, and channels of each.
    batch_norm : bool
        Whether each convolution is normalised.
    downsampling : int
        The signal is averaged over so many samples first; 0 or 1 = not.
    pooling : int
        After so many of the first convolutions it is halved; the channels double with every second halving.
    """

    def __init__(
        self,
        dims: Dims,
        latent_dim: int,
        layers: int,
        filters: int,
        batch_norm: bool,
        downsampling: int,
        pooling: int = 0,
    ) -> None:
        super().__init__()
        self.factor = _factor(dims, max(downsampling, 1))
        size = _shrunk(_plane(dims), self.factor)
        blocks: list[nn.Module] = []
        before = 1
        for i in range(layers):
            after = filters * 2 ** (min(i, pooling) // 2)
            blocks.append(_block(before, after, len(dims), batch_norm=batch_norm))
            if i < pooling:
                halves = _factor(size, 2)
                blocks.append(nn.AvgPool2d(halves, ceil_mode=True))
                size = _shrunk(size, halves)
            before = after
        self.convolutions = nn.Sequential(*blocks)
        self.head = nn.Linear(before * math.prod(size), latent_dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Encode a batch."""
        if self.factor != (1, 1):
            x = functional.avg_pool2d(x, self.factor, ceil_mode=True)
        result: torch.Tensor = self.head(self.convolutions(x).flatten(1))
        return result


class SignalDecoder(nn.Module):
    """Makes signals (n, 1, rows, columns) of (n, latent_dim) with dilated convolutions, whose results add up.

    Parameters
    ----------
    dims : tuple of int
        Size of the signal.
    latent_dim, layers, filters : int
        Size of the latent; convolutions, the k-th of them with dilation k, and channels of each.
    batch_norm : bool
        Whether each convolution is normalised.
    upsampling : bool
        Begin with a signal of a quarter of the size, which is enlarged twice.
    """

    def __init__(
        self, dims: Dims, latent_dim: int, layers: int, filters: int, batch_norm: bool, upsampling: bool
    ) -> None:
        super().__init__()
        plane, axes = _plane(dims), len(dims)
        self.sizes = [tuple(-(-size // by) for size in plane) for by in ((4, 2, 1) if upsampling else (1,))]
        self.filters = filters
        self.head = nn.Linear(latent_dim, filters * math.prod(self.sizes[0]))
        self.enlarging = nn.ModuleList(
            _block(filters, filters, axes, batch_norm=batch_norm) for _ in self.sizes[1:]
        )
        self.cascade = nn.ModuleList(
            _block(filters, filters, axes, k + 1, batch_norm=batch_norm) for k in range(layers)
        )
        # No activation and no normalisation at the end: a spectrum has peaks and dips alike.
        self.last = _convolution(filters, 1, axes)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Decode a batch."""
        x: torch.Tensor = self.head(z).reshape(-1, self.filters, *self.sizes[0])
        for block, size in zip(self.enlarging, self.sizes[1:], strict=True):
            x = functional.interpolate(block(x), size)
        total = x = self.cascade[0](x)
        for block in self.cascade[1:]:
            x = block(x)
            total = total + x
        result: torch.Tensor = self.last(total)
        return result


@register("imspec")
class SignalNet(nn.Module):
    """Encoder, latent and decoder: (n, *in_dim) to (n, *out_dim), in units that its normalisers undo.

    Parameters
    ----------
    in_dim, out_dim : sequence of int
        (length,) of spectra, (rows, columns) of images; any size.
    latent_dim : int
        How many numbers everything has to go through.
    nblayers_encoder, nblayers_decoder, nbfilters_encoder, nbfilters_decoder : int
        Convolutions and their channels; for the MLP decoder its layers, of twice as many neurons.
    batch_norm : bool
        Whether each convolution is normalised.
    encoder_downsampling : int
        The input is averaged over so many samples first; 0 = not.
    decoder_upsampling : bool
        The decoder begins with a quarter of the size.
    decoder : str
        "conv" or "mlp".
    encoder_pooling : int
        How often the encoder halves its input on the way; 0 = not, as in the paper.
    symmetric : bool
        In use (not while it learns) the latent is the mean over eight orientations of a square image: it
        does not depend on which way round the image lies.
    """

    def __init__(  # noqa: PLR0913 - the paper's words
        self,
        in_dim: Sequence[int],
        out_dim: Sequence[int],
        latent_dim: int = 2,
        nblayers_encoder: int = 3,
        nblayers_decoder: int = 4,
        nbfilters_encoder: int = 64,
        nbfilters_decoder: int = 64,
        batch_norm: bool = True,
        encoder_downsampling: int = 0,
        decoder_upsampling: bool = False,
        decoder: str = "conv",
        encoder_pooling: int = 0,
        symmetric: bool = False,
    ) -> None:
        super().__init__()
        self.in_dim, self.out_dim = dims_of("in_dim", in_dim), dims_of("out_dim", out_dim)
        self.latent_dim, self.symmetric = latent_dim, symmetric
        whole_number("latent_dim", latent_dim)
        for layers_or_filters in (nblayers_encoder, nblayers_decoder, nbfilters_encoder, nbfilters_decoder):
            whole_number("Number of layers or filters", layers_or_filters)
        whole_number("encoder_downsampling", encoder_downsampling, 0)
        if decoder not in _DECODERS:
            raise UnknownOption("decoder", decoder, _DECODERS)
        if not 0 <= encoder_pooling <= nblayers_encoder:
            raise BadOption(
                f"The encoder is to halve {encoder_pooling} times with {nblayers_encoder} convolutions.",
                remedy="Give an encoder_pooling from 0 to nblayers_encoder.",
            )
        if symmetric and (len(self.in_dim) != 2 or self.in_dim[0] != self.in_dim[1]):
            raise BadOption(
                f"The inputs have size {self.in_dim}; only square images can be turned.",
                remedy="Leave symmetric out, or cut square patches.",
            )
        self.encoder = SignalEncoder(
            self.in_dim,
            latent_dim,
            nblayers_encoder,
            nbfilters_encoder,
            batch_norm,
            encoder_downsampling,
            encoder_pooling,
        )
        layers, filters = nblayers_decoder, nbfilters_decoder
        self.decoder: nn.Module = (
            _mlp(latent_dim, self.out_dim, layers, 2 * filters)
            if decoder == "mlp"
            else SignalDecoder(self.out_dim, latent_dim, layers, filters, batch_norm, decoder_upsampling)
        )
        self.inputs, self.outputs = Normaliser(self.in_dim), Normaliser(self.out_dim)

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Map normalised (n, *in_dim) to (n, latent_dim)."""
        signals = x.reshape(-1, 1, *_plane(self.in_dim))
        if self.symmetric and not self.training:
            return torch.stack([self.encoder(each) for each in _orientations(signals)]).mean(dim=0)
        result: torch.Tensor = self.encoder(signals)
        return result

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """Map (n, latent_dim) to normalised (n, *out_dim)."""
        result: torch.Tensor = self.decoder(z).reshape(-1, *self.out_dim)
        return result

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map normalised (n, *in_dim) to normalised (n, *out_dim)."""
        return self.decode(self.encode(x))


def _plane(dims: Dims) -> tuple[int, int]:
    return (1, dims[0]) if len(dims) == 1 else (dims[0], dims[1])


def _orientations(images: torch.Tensor) -> list[torch.Tensor]:
    both = images, images.flip(-1)
    return [torch.rot90(each, quarters, (-2, -1)) for each in both for quarters in range(4)]


def _shrunk(size: tuple[int, int], by: tuple[int, int]) -> tuple[int, int]:
    return -(-size[0] // by[0]), -(-size[1] // by[1])


def _factor(dims: Dims, by: int) -> tuple[int, int]:
    rows, columns = _plane(dims)
    return min(by, rows), min(by, columns)


def _convolution(
    channels_in: int, channels_out: int, axes: int, dilation: int = 1, *, bias: bool = True
) -> nn.Conv2d:
    kernel, padding = ((3, 3), (dilation, dilation)) if axes == 2 else ((1, 3), (0, dilation))
    return nn.Conv2d(channels_in, channels_out, kernel, padding=padding, dilation=dilation, bias=bias)


def _block(
    channels_in: int, channels_out: int, axes: int, dilation: int = 1, *, batch_norm: bool
) -> nn.Sequential:
    layers: list[nn.Module] = [
        _convolution(channels_in, channels_out, axes, dilation, bias=not batch_norm),
        *([nn.BatchNorm2d(channels_out)] if batch_norm else []),
        nn.LeakyReLU(_LEAK, inplace=True),
    ]
    return nn.Sequential(*layers)


def _mlp(latent_dim: int, dims: Dims, layers: int, hidden: int) -> nn.Sequential:
    parts: list[nn.Module] = []
    for i in range(layers):
        parts += [nn.Linear(latent_dim if i == 0 else hidden, hidden), nn.LeakyReLU(_LEAK, inplace=True)]
    return nn.Sequential(*parts, nn.Linear(hidden, math.prod(dims)))

"""What an autoencoder's net can be made of, checked before it is made."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from torch import nn

from napari_atomai.data.arguments import whole_number
from napari_atomai.errors import BadOption, UnknownOption
from napari_atomai.nets.coders import ConvolutionalDecoder, FlatDecoder, SpatialDecoder
from napari_atomai.nets.pose import Prior
from napari_atomai.nets.sampling import Size

INVARIANCES = ("rotation", "translation", "scale")
ENCODERS = ("rings", "mlp", "conv")
DECODERS: Mapping[str, type[nn.Module]] = {
    "mlp": FlatDecoder,
    "conv": ConvolutionalDecoder,
    "spatial": SpatialDecoder,
}


def prior_of(
    size: Size, invariances: Sequence[str], rotation: float, translation: float, scale: float
) -> Prior:
    """Return what is believed of poses: of widths in radians, halves of the patch, and logarithms."""
    half = [each / 2 if each > 1 else 0.0 for each in size]
    moves = "translation" in invariances
    return Prior(
        angle=(rotation or math.inf) if "rotation" in invariances else 0.0,
        shift=(translation * half[0], translation * half[1]) if moves else (0.0, 0.0),
        scale=scale if "scale" in invariances else 0.0,
    )


def canvas_of(size: Size, prior: Prior) -> Size:
    """Return the size of a canvas that covers the patch in every pose."""
    if prior == Prior():
        return size
    reach = prior.reach
    if prior.angle:
        side = 2 * math.ceil((math.hypot(*size) + max(reach)) / 2)  # even: quicker to halve
        return side, side
    return size[0] + 2 * reach[0], size[1] + 2 * reach[1]


def check_kinds(dims: tuple[int, ...], invariances: Sequence[str], encoder: str, decoder: str) -> None:
    """Refuse invariances and coders that do not exist or do not go together; the nearest is named."""
    for name in invariances:
        if name not in INVARIANCES:
            raise UnknownOption("invariance", str(name), INVARIANCES)
    if encoder and encoder not in ENCODERS:
        raise UnknownOption("encoder", encoder, ENCODERS)
    if decoder not in DECODERS:
        raise UnknownOption("decoder", decoder, DECODERS)
    if len(dims) == 1 and ("rotation" in invariances or "scale" in invariances):
        raise BadOption(
            f"Spectra of {dims[0]} channels are to be free of {' and '.join(invariances)}.",
            why="A spectrum can be shifted, but not turned or scaled like a patch.",
            remedy="Leave these out; 'translation' works.",
        )
    if encoder == "rings" and "rotation" not in invariances:
        raise BadOption(
            "The encoder 'rings' forgets how a patch is turned, and rotation is not among the invariances.",
            remedy="Add 'rotation', or choose the encoder 'mlp' or 'conv'.",
        )


def check_widths(rotation: float, translation: float, scale: float, temperature: float) -> None:
    """Refuse widths of priors, and temperatures, that cannot be."""
    values = {"rotation": rotation, "translation": translation, "scale": scale}
    for name, value in values.items():
        least = 0.0 if name == "rotation" else 1e-3
        if not (isinstance(value, int | float) and least <= value <= (math.inf if not least else 1)):
            raise BadOption(
                f"{name}_prior is {value!r}.",
                remedy="Give radians, or 0 for any angle." if not least else "Give a share from 0.001 to 1.",
            )
    if not (isinstance(temperature, int | float) and 0 < temperature < math.inf):
        raise BadOption(f"The temperature is {temperature!r}.", remedy="Give a number above 0; 1 is right.")


def check_counts(latent_dim: int, classes: int, labels: int, layers: Sequence[int]) -> None:
    """Refuse numbers of latents, classes, labels, neurons and layers that cannot be."""
    counts = (("latent_dim", latent_dim, 1), ("Number of classes", classes, 1), ("nb_classes", labels, 0))
    for name, count, least in (*counts, *(("Number of neurons or layers", each, 1) for each in layers)):
        whole_number(name, count, least)

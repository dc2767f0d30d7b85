"""Augmentation for pairs of image and spectrum, asked for in AtomAI's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Unpack

import torch
from torch import Tensor

from napari_atomai.errors import BadOption, UnknownOption
from napari_atomai.prepare.atomai_words import AtomAIWords, recipe_of_words
from napari_atomai.prepare.augment import Augment, augmented

_MOVING = ("rotation", "zoom", "resize")


def imspec_augmentor(
    in_dim: tuple[int, ...], out_dim: tuple[int, ...], **options: Unpack[AtomAIWords]
) -> Callable[[Tensor, Tensor, int | torch.Generator], tuple[Tensor, Tensor]] | None:
    """Return a function that varies the images of a batch of pairs; None where nothing is asked.

    The spectra stay as they are. Unlike AtomAI's it follows its seed alone.

    Parameters
    ----------
    in_dim, out_dim : tuple of int
        Size of inputs and targets: the inputs are images.
    **options
        gauss_noise, poisson_noise, jitter, salt_and_pepper, blur, contrast, background: see
        `napari_atomai.prepare.atomai_words.recipe_of_words`. ``custom_transform`` comes first: a function
        ``(images, spectra, generator) -> (images, spectra)``.

    Returns
    -------
    function of (images, spectra, seed), or None
        Of tensors (n, y, x) or (n, 1, y, x), and (n, ...); the seed is an int or a generator. Noise is told
        for images from 0 to 1: each batch is varied on the scale of its own extremes.

    Raises
    ------
    BadOption, UnknownOption
        If the inputs are no images, or an option does not exist or would move the image.
    """
    if len(in_dim) != 2:
        raise BadOption(
            f"The inputs have size {in_dim}; only images can be varied so.",
            remedy="Give custom_transform alone to vary spectra, through augmentation=... of fit.",
        )
    for word in _MOVING:
        if options.get(word):
            known = set(AtomAIWords.__annotations__) - set(_MOVING)
            raise UnknownOption("augmentation of pairs called", word, known)
    recipe = recipe_of_words({word: value for word, value in options.items() if word != "custom_transform"})
    own = options.get("custom_transform")
    if recipe == Augment() and own is None:
        return None

    def augmentor(images: Tensor, spectra: Tensor, seed: int | torch.Generator) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(seed) if isinstance(seed, int) else seed
        if own is not None:
            images, spectra = own(images, spectra, generator)
        if recipe == Augment():
            return images, spectra
        shape, low = images.shape, images.min()
        span = (images.max() - low).clamp(min=torch.finfo(images.dtype).tiny)
        stack = ((images - low) / span).reshape(-1, 1, *shape[-2:])
        labels = torch.zeros(len(stack), *shape[-2:], dtype=torch.int64)
        varied, _ = augmented(stack, labels, recipe, generator)
        return (varied * span + low).reshape(shape), spectra

    return augmentor


def turned(images: Tensor, spectra: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Turn square images (n, y, x) by quarters and mirror them, each at random; spectra stay as they are."""
    turns = torch.randint(8, (len(images),), generator=generator)
    result = images.clone()
    for number in range(8):
        chosen = turns == number
        one = torch.rot90(images[chosen], number % 4, (-2, -1))
        result[chosen] = one.flip(-1) if number > 3 else one
    return result, spectra

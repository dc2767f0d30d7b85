"""Training images varied on the fly: a batch in, one of the same length out, the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from napari_atomai.errors import BadImage, BadOption
from napari_atomai.prepare.augment_recipe import Augment
from napari_atomai.prepare.checks import checked_images, checked_labels
from napari_atomai.prepare.draws import Draws
from napari_atomai.prepare.intensities import blurred, recorded
from napari_atomai.prepare.warps import look_up, moved_labels, warp_of

__all__ = ["Augment", "Augmenter", "augmented", "augmented_arrays", "chained"]

Augmenter = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]
"""A function (images, labels, generator) -> (images, labels) of tensors (n, c, y, x) and (n, y, x)."""

_BRIGHTEST = 100.0
"""Scaled images stay far below this."""


def augmented(
    images: Tensor, labels: Tensor, recipe: Augment, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Vary a batch of training images, each in its own way.

    The generator gives each image a seed, in their order; what becomes of an image depends on its seed
    alone, not on the other images. (`resize` is drawn once: a batch has one size.) Images are interpolated
    linearly, labels take the nearest pixel; flips and quarter turns alone move pixels exactly.

    Parameters
    ----------
    images : tensor of floats, shape (n, c, y, x)
        Scaled to about 0 to 1; not changed.
    labels : tensor of integers, shape (n, y, x)
        -1 where nobody labelled; not changed.
    recipe : Augment
        What to vary.
    generator : torch.Generator
        Where all randomness comes from; the global state is not touched.

    Returns
    -------
    images : tensor of float32, shape (n, c, y', x')
        Of another size only with `resize`.
    labels : tensor of int64, shape (n, y', x')
        -1 where the frame shows what is beyond the image, unless the recipe says otherwise.

    Raises
    ------
    BadImage
        If shapes or kinds do not fit, a pixel is not finite, or images are not scaled.
    """
    _check(images, labels, recipe)
    images, labels = images.float(), labels.long()
    if len(images) == 0:
        return images, labels
    at = generator.device
    chance = float(torch.rand((), generator=generator, device=at, dtype=torch.float64))
    seeds = torch.randint(2**63 - 1, (len(images),), generator=generator, device=at).tolist()
    draws = Draws(seeds, images.device)
    if recipe.moves:
        resize = recipe.resize[0] * (recipe.resize[1] / recipe.resize[0]) ** chance
        images, labels = _moved(images, labels, recipe, draws, resize)
    return recorded(images, recipe, draws), labels


def _moved(
    images: Tensor, labels: Tensor, recipe: Augment, draws: Draws, resize: float
) -> tuple[Tensor, Tensor]:
    sides = (images.shape[2], images.shape[3])
    warp = warp_of(recipe, draws, sides, resize)
    places = warp.places()
    marked = moved_labels(labels, places, reflect=recipe.outside == "reflect")
    if not recipe.interpolates:
        return look_up(images, places, "nearest", reflect=True), marked
    smallest = recipe.zoom[0] * recipe.resize[0]
    if smallest < 1:
        # Shrunk without it, fine detail would come back as a false pattern.
        scale = (draws.log_uniform(recipe.zoom, "zoom") * resize).clamp(max=1)
        images = blurred(images, 0.5 * (scale**-2 - 1).sqrt(), 0.5 * (smallest**-2 - 1) ** 0.5)
    if recipe.jitter != (0, 0):
        spread = draws.uniform(recipe.jitter, "jitter").float().to(images.device)
        places = warp.places(spread[:, None] * draws.normal(warp.frame[0]))
    return look_up(images, places, "bilinear", reflect=True), marked


def _check(images: Tensor, labels: Tensor, recipe: Augment) -> None:
    stacks = images.ndim == 4 and labels.ndim == 3
    if not stacks or (len(images), *images.shape[2:]) != tuple(labels.shape):
        raise BadImage(
            f"Images of shape {tuple(images.shape)} and labels of shape {tuple(labels.shape)} do not match.",
            remedy="Give images (n, c, y, x) and labels (n, y, x).",
        )
    if not images.is_floating_point() or labels.is_floating_point():
        raise BadImage(
            f"Images are {images.dtype}, labels {labels.dtype}.",
            remedy="Give images as floats and labels as whole numbers.",
        )
    if not torch.isfinite(images).all():
        first = int((~torch.isfinite(images)).flatten(1).any(dim=1).nonzero()[0])
        raise BadImage(
            f"Image {first} of the batch has pixels that are not finite (NaN, inf).",
            remedy="Fill them before, and label them -1.",
        )
    told = any(getattr(recipe, name) != (0, 0) for name in ("background", "dose", "gaussian_noise"))
    brightest = float(images.abs().max()) if images.numel() else 0.0
    if told and brightest > _BRIGHTEST:
        raise BadImage(
            f"Intensities go up to {brightest:g}.",
            why="Dose, noise and background are told for images from about 0 to 1.",
            remedy="Scale the images first, with napari_atomai.prepare.scaling.Scaling.",
        )


def chained(steps: Sequence[Augment | Augmenter]) -> Augmenter:
    """Make one function of recipes and functions of one's own, which are called one after the other.

    Raises
    ------
    BadOption
        At the call, if a function drops an image or returns what does not match.
    """
    for step in steps:
        if not (isinstance(step, Augment) or callable(step)):
            raise BadOption(
                f"A step of the augmentation is a {type(step).__name__}.",
                remedy="Give Augment recipes and functions (images, labels, generator) -> (images, labels).",
            )

    def augment(images: Tensor, labels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        for step in steps:
            if isinstance(step, Augment):
                images, labels = augmented(images, labels, step, generator)
            else:
                images, labels = _by_own(step, images, labels, generator)
        return images, labels

    return augment


def _by_own(
    function: Augmenter, images: Tensor, labels: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    new, marked = function(images, labels, generator)
    same = len(new) == len(marked) == len(images) and new.shape[1] == images.shape[1]
    if not (same and new.shape[2:] == marked.shape[1:]):
        raise BadOption(
            f"The function {getattr(function, '__name__', function)!r} made images {tuple(new.shape)} and "
            f"labels {tuple(marked.shape)} of {tuple(images.shape)} and {tuple(labels.shape)}.",
            why="Every image needs its label, and none may be dropped.",
            remedy="Return as many images as came in, and labels of their size.",
        )
    return new, marked


def augmented_arrays(
    images: ArrayLike, labels: ArrayLike, recipe: Augment, *, seed: int = 0, copies: int = 1
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Vary numpy images before training.

    Parameters
    ----------
    images : array, shape (n, y, x) or (n, y, x, c)
        Scaled to about 0 to 1.
    labels : array of int, shape (n, y, x)
        -1 where nobody labelled.
    recipe : Augment
        What to vary.
    seed : int
        Of the variation.
    copies : int
        How many varied copies of each image: the first of all images, then the second of all ...

    Returns
    -------
    images : array of float32, shape (copies * n, y, x) or (copies * n, y, x, c)
    labels : array of int64, shape (copies * n, y, x)
    """
    pixels = checked_images(images, name="given")
    given: NDArray[Any] = np.asarray(labels)
    marks = checked_labels(given, max(2, int(given.max(initial=0)) + 1), name="given")
    stack = np.moveaxis(pixels if pixels.ndim == 4 else pixels[..., None], -1, 1).astype(np.float32)
    pair = torch.from_numpy(stack), torch.from_numpy(marks)
    generator = torch.Generator().manual_seed(seed)
    made = [augmented(*pair, recipe, generator) for _ in range(copies)]
    result = np.moveaxis(torch.cat([one for one, _ in made]).numpy(), 1, -1)
    varied = torch.cat([other for _, other in made]).numpy()
    return (result if pixels.ndim == 4 else result[..., 0]), varied

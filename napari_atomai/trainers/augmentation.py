"""Augmentation on the way from the images to the net: a recipe, or a function of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from napari_atomai.errors import BadOption
from napari_atomai.prepare.atomai_words import AtomAIWords, recipe_of_words
from napari_atomai.prepare.augment import Augment, augmented, chained
from napari_atomai.prepare.masks import IGNORED
from napari_atomai.prepare.scaling import Scaling
from napari_atomai.trainers.options import Augmentation


def augmentation(asked: Any, scaling: Scaling | None = None, classes: int = 0) -> Augmentation | None:
    """Return the function that augments a batch, or None.

    What it gives is scaled again: in use the net sees images scaled with their noise, gradients and
    outliers, and so it must in training.

    Parameters
    ----------
    asked : None, Augment, mapping or function
        A recipe or its options, or a function ``(images, labels, generator) -> (images, labels)`` of tensors
        (n, c, y, x) and (n, y, x).
    scaling : Scaling, optional
        Of the intensities in use.
    classes : int
        Output channels of the net, to check the labels of one's own function by; 0 = they are not checked.

    Raises
    ------
    UnknownOption, BadOption
        If it is none of them.
    """
    if asked is None:
        return None
    if isinstance(asked, Mapping):
        asked = Augment.of(asked)
    if isinstance(asked, Augment):
        return _scaled(_by_recipe(asked), scaling)
    if callable(asked):
        return _scaled(_checked(asked, classes), scaling)
    raise BadOption(
        f"The augmentation is a {type(asked).__name__}.",
        remedy="Give an Augment recipe, its options as a dict, or a function "
        "(images, labels, generator) -> (images, labels).",
    )


def with_words(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options of a training in which AtomAI's words for augmentation have become one recipe.

    Parameters
    ----------
    options : mapping
        See `napari_atomai.prepare.atomai_words.AtomAIWords` for these words; all others are left alone.

    Raises
    ------
    BadOption
        If there is an ``augmentation`` beside them, or a value is out of range.
    """
    words = {name: value for name, value in options.items() if name in AtomAIWords.__annotations__}
    others = {name: value for name, value in options.items() if name not in words}
    if not words:
        return others
    if others.get("augmentation") is not None:
        raise BadOption(
            f"Beside augmentation= there is {', '.join(f'{word}=' for word in words)}.",
            why="Both say how the images are varied.",
            remedy="Give one of them; a recipe can do all that the words can.",
        )
    own = words.pop("custom_transform", None)
    recipe = recipe_of_words(words)
    return {**others, "augmentation": recipe if own is None else chained([own, recipe])}


def _by_recipe(recipe: Augment) -> Augmentation:
    def augment(
        images: torch.Tensor, labels: torch.Tensor, random: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return augmented(images, labels, recipe, random)

    return augment


def _scaled(augment: Augmentation, scaling: Scaling | None) -> Augmentation:
    if scaling is None or scaling.kind == "none":
        return augment

    def rescaled(
        images: torch.Tensor, labels: torch.Tensor, random: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        new, marked = augment(images, labels, random)
        seen = scaling.apply(np.moveaxis(new.cpu().numpy(), 1, -1))
        return torch.from_numpy(np.ascontiguousarray(np.moveaxis(seen, -1, 1))).to(new.device), marked

    return rescaled


def _checked(own: Augmentation, classes: int) -> Augmentation:
    def augment(
        images: torch.Tensor, labels: torch.Tensor, random: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        new, marked = own(images, labels, random)
        if len(new) != len(images) or new.shape[2:] != marked.shape[1:] or len(new) != len(marked):
            raise BadOption(
                f"The augmentation made images {tuple(new.shape)} and labels {tuple(marked.shape)} of "
                f"{tuple(images.shape)} and {tuple(labels.shape)}.",
                why="Every image needs its label, and none may be dropped.",
                remedy="Return as many images as came in, and labels of their size.",
            )
        _check_values(new, marked, classes)
        return new, marked

    return augment


def _check_values(images: torch.Tensor, labels: torch.Tensor, classes: int) -> None:
    """Refuse pixels that are not finite, which scaling would hide, and labels without a class."""
    wrong = int((~torch.isfinite(images)).sum())
    if wrong:
        raise BadOption(
            f"The augmentation made {wrong} of {images.numel()} pixels NaN or infinite.",
            why="The net would learn from pixels that mean nothing.",
            remedy="Look for a division by zero, or a logarithm or root of negative numbers, in it.",
        )
    low, high, most = int(labels.min()), int(labels.max()), max(classes - 1, 1)
    if classes and (low < IGNORED or high > most):
        raise BadOption(
            f"The augmentation made labels from {low} to {high}; with nb_classes={classes} they go from 0 to "
            f"{most}.",
            why="A class that the net does not have cannot be learned.",
            remedy=f"Return labels as they came, or {IGNORED} for pixels that do not count.",
        )

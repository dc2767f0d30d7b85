"""Augmentation asked for in AtomAI's words and units, as a recipe in physical ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypedDict, Unpack

import torch
from torch import Tensor

from napari_atomai.data.arguments import a_flag, a_number, whole_number
from napari_atomai.errors import BadImage, BadOption, UnknownOption
from napari_atomai.prepare.augment import Augment, Augmenter, chained

Span = bool | tuple[float, float] | list[float]


class AtomAIWords(TypedDict, total=False):
    """AtomAI's options; True stands for AtomAI's own range. `recipe_of_words` tells their units."""

    custom_transform: Augmenter
    rotation: bool
    zoom: bool | float
    resize: Span
    gauss_noise: Span
    poisson_noise: Span
    jitter: Span
    salt_and_pepper: Span
    blur: Span
    contrast: Span
    background: bool


_WORDS = AtomAIWords.__annotations__.keys() - {"custom_transform"}


def _dose(level: float) -> float:
    if level <= 0:
        raise BadOption(
            f"Option 'poisson_noise' is {level:g}.", remedy="Give a range above 0, such as (30, 40)."
        )
    return float((50 / level) ** 16)


_RANGES: dict[str, tuple[str, tuple[float, float], Callable[[float], float]]] = {
    # AtomAI's word: our word, AtomAI's own range, its unit in ours.
    "gauss_noise": ("gaussian_noise", (0, 50), lambda variance: (1e-4 * variance) ** 0.5),
    "poisson_noise": ("dose", (30, 40), _dose),
    "jitter": ("jitter", (0, 50), lambda tenths: (tenths / 10) ** 0.5),
    "salt_and_pepper": ("salt_and_pepper", (0, 50), lambda permille: permille / 1000),
    "blur": ("blur", (1, 50), lambda twentieths: twentieths / 20),
    "contrast": ("gamma", (5, 20), lambda tenths: tenths / 10),
}


def recipe_of_words(words: Mapping[str, Any]) -> Augment:
    """Translate AtomAI's options; images are those scaled to 0 to 1, as AtomAI scales them.

    ==================  ======================================================================
    ``rotation``        `flips` and `quarter_turns`
    ``zoom`` z          `zoom` from 1 to z (True: 2), about any centre
    ``resize`` (d, u)   `resize` from 1 / d to u (True: 2 and 1.5)
    ``gauss_noise``     variance in 1e-4: `gaussian_noise` of sqrt(1e-4 v), so 0 to 0.07
    ``poisson_noise``   l: `dose` of (50 / l) ** 16 electrons, so 35 to 3540; AtomAI's exponent
                        depends on how many different values an image has, 16 is for 256 x 256
    ``jitter``          mean shift of a line in 0.1 px, Poisson distributed: `jitter` of sqrt(v / 10)
                        px, so 0 to 2.2; the mean shift itself moves nothing against anything
    ``salt_and_pepper`` `salt_and_pepper` in 1e-3, so 0 to 5 % of the pixels
    ``blur``            `blur` in 0.05 px, so 0.05 to 2.5 px
    ``contrast``        `gamma` in 0.1, so 0.5 to 2
    ``background``      `background` from 0 to 0.5
    ==================  ======================================================================

    Parameters
    ----------
    words : mapping
        Options of `AtomAIWords` but ``custom_transform``, which is a function and part of no recipe.

    Returns
    -------
    Augment

    Raises
    ------
    UnknownOption, BadOption
        If a word does not exist, or its value is out of range.
    """
    found: dict[str, Any] = {}
    for word, value in words.items():
        if word not in AtomAIWords.__annotations__ or word == "custom_transform":
            raise UnknownOption(
                "augmentation called", word, set(AtomAIWords.__annotations__) - {"custom_transform"}
            )
        if value is None or value is False:
            continue
        found.update(_translated(word, value))
    return Augment.of(found)


def _translated(word: str, value: Any) -> dict[str, Any]:
    if word == "rotation" and a_flag(word, value):
        return {"flips": True, "quarter_turns": True}
    if word == "background" and a_flag(word, value):
        return {"background": (0.0, 0.5)}
    if word == "zoom":
        return {"zoom": (1.0, 2.0 if value is True else a_number(word, value, 1))}
    if word == "resize":
        down, up = _ends(word, value, (2.0, 1.5))
        return {"resize": (1 / down if down else 0.0, up)}
    name, usual, unit = _RANGES[word]
    ends = sorted(_ends(word, value, usual))
    if word == "poisson_noise":
        ends.reverse()
    if min(ends) < 0:
        raise BadOption(f"Option {word!r} is {value}.", remedy="Give a range (low, high) from 0 on.")
    return {name: (unit(ends[0]), unit(ends[1]))}


def _ends(word: str, value: Any, usual: tuple[float, float]) -> tuple[float, float]:
    if value is True:
        return usual
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise BadOption(f"Option {word!r} is {value!r}.", remedy=f"Give True, or a range such as {usual}.")
    remedy = f"Give True, or a range such as {usual}."
    return a_number(word, value[0], 0, remedy=remedy), a_number(word, value[1], 0, remedy=remedy)


def seg_augmentor(
    nb_classes: int, **options: Unpack[AtomAIWords]
) -> Callable[[Tensor, Tensor, int | torch.Generator], tuple[Tensor, Tensor]] | None:
    """Return a function that varies a batch, asked for in AtomAI's words; None where nothing is asked.

    Unlike AtomAI's it drops no image, couples no images by a common scaling, and follows its seed alone.

    Parameters
    ----------
    nb_classes : int
        1, or the number of classes with the background.
    **options
        See `recipe_of_words`. ``custom_transform`` comes first: a function
        ``(images, labels, generator) -> (images, labels)`` of tensors.

    Returns
    -------
    function of (images, labels, seed), or None
        Of tensors (n, c, y, x), scaled to about 0 to 1, and (n, y, x); the seed is an int or a generator.

    Raises
    ------
    UnknownOption, BadOption
        If an option does not exist, or its value is out of range.
    """
    whole_number("nb_classes", nb_classes)
    words = {word: value for word, value in options.items() if word != "custom_transform"}
    recipe = recipe_of_words(words)
    own = options.get("custom_transform")
    if recipe == Augment() and own is None:
        return None
    augment = chained([recipe] if own is None else [own, recipe])

    def augmentor(images: Tensor, labels: Tensor, seed: int | torch.Generator) -> tuple[Tensor, Tensor]:
        highest = max(1, nb_classes - 1)
        if labels.numel() and int(labels.max()) > highest:
            raise BadImage(
                f"Labels go up to {int(labels.max())}; with nb_classes={nb_classes} they go up to {highest}.",
                remedy="Renumber the labels, or give the right nb_classes.",
            )
        generator = torch.Generator().manual_seed(seed) if isinstance(seed, int) else seed
        return augment(images, labels, generator)

    return augmentor

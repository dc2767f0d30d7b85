"""Training data is looked at before anything learns from it: what does not fit is refused with its values."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.errors import BadImage, BadOption
from napari_atomai.prepare.masks import IGNORED, Labels
from napari_atomai.prepare.places import numbers

Pixels = NDArray[Any]

log = logging.getLogger(__name__)

_IMAGES = "Give images (n, y, x) or, with channels, (n, y, x, c)."
_LABELS = "Give labels (n, y, x) of whole numbers, or masks (n, y, x, nb_classes), background last."
_WHOLE = "Each pixel is labelled with one whole number."
_MOVED = "The channels come last here: give np.moveaxis({name}, 1, -1){single}."


def checked_pairs(
    images: ArrayLike,
    labels: ArrayLike,
    nb_classes: int,
    *,
    every_class: bool = True,
    name: str = "training",
) -> tuple[Pixels, Labels]:
    """Return images and their labels, after checking that something can be learned from them.

    Parameters
    ----------
    images : array, shape (n, y, x) or (n, y, x, c)
        Finite real numbers.
    labels : array, shape (n, y, x) or (n, y, x, nb_classes)
        Whole numbers (see `napari_atomai.prepare.masks`), or masks.
    nb_classes : int
        1, or the number of classes with the background.
    every_class : bool
        Whether each class must occur.
    name : str
        What messages call these data.

    Returns
    -------
    images : array, as given
    labels : array of int64, shape (n, y, x)

    Raises
    ------
    BadImage
        With the values that do not fit and where they are.
    BadOption
        If `nb_classes` is below 1.
    """
    pixels = checked_images(images, name=name)
    numbered = checked_labels(labels, nb_classes, name=name)
    if numbered.shape != pixels.shape[:3]:
        first = pixels.ndim == 4 and numbered.shape == (len(pixels), *pixels.shape[2:])
        raise BadImage(
            f"The {name} images have shape {pixels.shape}, their labels {numbered.shape}.",
            why="Every image needs a label for each of its pixels.",
            remedy=channels_moved("images", pixels.shape[1])
            if first
            else "Give as many labels as images, of the same size.",
        )
    if every_class:
        _refuse_missing(numbered, nb_classes, name)
    return pixels, numbered


def checked_images(images: ArrayLike, *, name: str = "training") -> Pixels:
    """Return a stack (n, y, x) or (n, y, x, c) of finite real numbers, or say why it is none.

    Raises
    ------
    BadImage
        With the shape, the type, or the first image that has pixels which are not finite.
    """
    stack = _array(images, f"{name} images", _IMAGES)
    if stack.ndim not in (3, 4) or 0 in stack.shape:
        raise BadImage(f"The {name} images have shape {stack.shape}.", remedy=_IMAGES)
    if stack.dtype.kind not in "buif":
        raise BadImage(
            f"The {name} images are of type {stack.dtype}; intensities are real numbers.",
            remedy="Take the real part, the amplitude or the phase of complex images first.",
        )
    if stack.dtype.kind == "f":
        _refuse_not_finite(stack, f"{name} images")
    return stack


def checked_labels(labels: ArrayLike, nb_classes: int, *, name: str = "training") -> Labels:
    """Return labels as whole numbers (n, y, x) from -1, or say what is wrong with them.

    Raises
    ------
    BadImage
        With the label values that were found and those expected.
    """
    if nb_classes < 1:
        raise BadOption(
            f"nb_classes is {nb_classes}.", remedy="Give 1, or the number of classes with the background."
        )
    given = _array(labels, f"{name} labels", _LABELS)
    if given.ndim not in (3, 4) or 0 in given.shape:
        raise BadImage(f"The {name} labels have shape {given.shape}.", remedy=_LABELS)
    if given.dtype.kind not in "buif":
        raise BadImage(f"The {name} labels are of type {given.dtype}.", why=_WHOLE, remedy=_LABELS)
    if given.dtype.kind == "f":
        _refuse_not_finite(given, f"{name} labels")
    if given.ndim == 4 and (given.shape[-1] > 1 or nb_classes > 1):
        return _from_masks(given, nb_classes, name)
    whole = _whole(given[..., 0] if given.ndim == 4 else given, name)
    _refuse_values(whole, nb_classes, name)
    return whole


def channels2indices(masks: ArrayLike) -> Labels:
    """Turn masks (n, y, x, c) or (y, x, c) into label images: the channel that is largest.

    One channel gives 1 where it is above one half. A pixel that is 0 in every channel is labelled -1.

    Raises
    ------
    BadImage
        If channels are not between 0 and 1, or several are 1 in one pixel.
    """
    channels = _array(masks, "masks", _LABELS)
    if channels.ndim not in (3, 4) or 0 in channels.shape or channels.dtype.kind not in "buif":
        raise BadImage(f"The masks have shape {channels.shape} and type {channels.dtype}.", remedy=_LABELS)
    low, high = channels.min(), channels.max()
    if not (low >= 0 and high <= 1):
        raise BadImage(
            f"The masks have values from {low:g} to {high:g}.",
            remedy="Give channels of 0 and 1, or of shares between them.",
        )
    if channels.shape[-1] == 1:
        return (channels[..., 0] > 0.5).astype(np.int64)
    indices: Labels = channels.argmax(axis=-1).astype(np.int64)
    total = channels.sum(axis=-1, dtype=np.float64)
    doubled = total > 1.01
    if doubled.any():
        place = tuple(int(i) for i in np.argwhere(doubled)[0])
        raise BadImage(
            f"{int(doubled.sum())} pixels belong to several classes; the first is {place}: "
            f"{numbers(channels[place].astype(float))}.",
            why="A pixel has one class.",
            remedy="Give each pixel to one class, the nearest atom for instance.",
        )
    empty = total == 0
    if empty.any():
        log.warning(
            "%.1f %% of the pixels are 0 in all %d channels: they count as not labelled (-1). "
            "If they are background, add a channel for it, the last.",
            100 * empty.mean(),
            channels.shape[-1],
        )
        indices[empty] = IGNORED
    return indices


def num_classes_from_labels(labels: ArrayLike) -> int:
    """Return `nb_classes` for labels 0 to K - 1: 1 where there are only 0 and 1, else K. -1 is left out.

    Raises
    ------
    BadImage
        If the values do not start at 0, or leave out a number.
    """
    found = np.unique(_whole(_array(labels, "labels", _LABELS), "given"))
    found = found[found != IGNORED]
    expected = np.arange(len(found))
    if len(found) < 2 or not np.array_equal(found, expected):
        raise BadImage(
            f"The labels have the value(s) {numbers(found) or 'none'}.",
            why="Classes are counted from 0 without a gap, and there are at least two values.",
            remedy="Renumber the labels, 0, 1, 2 ...",
        )
    return 1 if len(found) == 2 else len(found)


def channels_moved(name: str, count: int) -> str:
    """Say how an array whose channels come first is turned into one whose channels come last."""
    return _MOVED.format(name=name, single=f", or {name}[:, 0]" if count == 1 else "")


def class_counts(labels: ArrayLike, nb_classes: int) -> Labels:
    """Count the pixels of each label 0 to K - 1 (background and atoms where `nb_classes` is 1)."""
    given = np.asarray(labels)
    return np.bincount(given[given >= 0].ravel(), minlength=max(2, nb_classes)).astype(np.int64)


def suggested_weights(labels: ArrayLike, nb_classes: int, *, most: float = 20.0) -> tuple[float, ...]:
    """Suggest class weights: median frequency over frequency, so that rare classes are heard.

    Source: Eigen & Fergus, arXiv:1411.4734, section 6.3.1.

    Parameters
    ----------
    labels : array of int, shape (n, y, x)
        From -1, which is not counted.
    nb_classes : int
        1, or the number of classes with the background.
    most : float
        No weight is above this, nor below its inverse; a class that does not occur has 1.

    Returns
    -------
    tuple of float
        One weight per label value, 0 first.
    """
    counts = class_counts(labels, nb_classes).astype(np.float64)
    seen = counts > 0
    middle = np.median(counts[seen]) if seen.any() else 1.0
    ratio = np.divide(middle, counts, out=np.ones_like(counts), where=seen)
    return tuple(float(weight) for weight in np.clip(ratio, 1 / most, most))


def _array(given: ArrayLike, name: str, remedy: str) -> Pixels:
    try:
        array = np.asarray(given)
    except ValueError as error:
        raise BadImage(f"The {name} do not form one array: their sizes differ.", remedy=remedy) from error
    if array.dtype == object:
        raise BadImage(
            f"The {name} are {type(given).__name__} of Python objects, not of numbers (shape {array.shape}).",
            why="That happens where images differ in size, or something other than pixels is among them.",
            remedy=remedy,
        )
    return array


def _whole(labels: Pixels, name: str) -> Labels:
    # Not below -1 and not above 32 bits: a cast must not wrap round to a label that looks right.
    if labels.dtype.kind not in "buif":
        raise BadImage(f"The {name} labels are of type {labels.dtype}.", why=_WHOLE, remedy=_LABELS)
    if labels.dtype.kind == "f":
        odd = ~(np.isfinite(labels) & (labels == np.round(labels)) & (np.abs(labels) < 2**31))
        if odd.any():
            raise BadImage(
                f"The {name} labels have values that are not whole numbers, "
                f"{numbers(np.unique(labels[odd]))}.",
                why=_WHOLE,
                remedy="Round the labels, or threshold soft masks; resize labels by nearest neighbour.",
            )
    return labels.astype(np.int64)


def _refuse_values(labels: Labels, nb_classes: int, name: str) -> None:
    highest = max(1, nb_classes - 1)
    wrong = (labels < IGNORED) | (labels > highest)
    if not wrong.any():
        return
    image = int(np.flatnonzero(wrong.any(axis=(1, 2)))[0])
    found = np.unique(labels)
    remedy = f"Renumber them 0 to {highest} (-1: not labelled), or set nb_classes={int(found.max()) + 1}."
    if set(found.tolist()) <= {0, 255}:
        remedy = "Divide the labels by 255."
    raise BadImage(
        f"The {name} labels have the values {numbers(found)}; with nb_classes={nb_classes} they go from 0 to "
        f"{highest}. The first that does not fit is {labels[image][wrong[image]][0]}, in image {image}.",
        remedy=remedy,
    )


def _refuse_missing(labels: Labels, nb_classes: int, name: str) -> None:
    counts = class_counts(labels, nb_classes)
    missing = np.flatnonzero(counts == 0)
    if missing.size:
        raise BadImage(
            f"No pixel of the {name} labels has the value {numbers(missing)}; "
            f"pixels of 0 to {len(counts) - 1}: {', '.join(str(count) for count in counts)}.",
            why="A class that is never shown cannot be learned.",
            remedy="Label some pixels of it, or lower nb_classes and number the labels without a gap.",
        )


def _refuse_not_finite(stack: Pixels, name: str) -> None:
    finite = np.isfinite(stack)
    if finite.all():
        return
    counts = (~finite).reshape(len(stack), -1).sum(axis=1)
    first = int(np.flatnonzero(counts)[0])
    raise BadImage(
        f"{int((counts > 0).sum())} of {len(stack)} {name} have pixels that are not finite (NaN, inf); "
        f"the first is image {first}, with {int(counts[first])} of them.",
        why="One of them makes the loss NaN and spoils all weights.",
        remedy="Leave these images out or fill the pixels, and label them -1.",
    )


def _from_masks(masks: Pixels, nb_classes: int, name: str) -> Labels:
    if masks.shape[-1] != nb_classes:
        raise BadImage(
            f"The {name} masks have shape {masks.shape}, for {nb_classes} classes.",
            remedy=channels_moved("masks", nb_classes)
            if masks.shape[1] == nb_classes
            else "Give one channel for each class, the background last"
            + (f", or set nb_classes={masks.shape[-1]}." if masks.shape[-1] > 1 else "."),
        )
    return channels2indices(masks)

"""How far off a net's result is: losses by name, alone or added up.

Each is a mean over the pixels that count, so that the losses of parts of a batch, weighted by the pixels that
count in them, add up to the loss of the whole batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch.nn import functional

from napari_atomai.errors import BadImage, BadOption, UnknownOption

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
GAMMA = 2.0
"""How strongly the focal loss turns away from pixels that are right already (the paper's value)."""
_NAMES = ("ce", "dice", "focal", "mse")


def make_loss(
    loss: str | Loss, classes: int, class_weights: Sequence[float] | None = None, ignore_index: int = -1
) -> Loss:
    """Return the function (logits, target) -> loss.

    Parameters
    ----------
    loss : str or function
        "ce", "focal", "dice", "mse" or a sum such as "ce+dice", "focal+0.5*dice"; or a function of
        (logits, target) that returns one number.
    classes : int
        Channels of the logits (n, classes, ...). 1: object (label 1) against background (label 0).
    class_weights : sequence of float, optional
        How much a pixel of each label counts; scaled to a mean of one. For `classes` = 1 two of them:
        background, object.
    ignore_index : int
        Label of pixels that do not count. Where none counts, the loss is zero.

    Returns
    -------
    function
        Takes logits (n, classes, ...), before the sigmoid or softmax, and whole-number labels (n, ...);
        "mse" takes two float tensors of equal shape.

    Raises
    ------
    UnknownOption
        If there is no such loss.
    BadOption
        If the weights do not fit the classes, or a sum does not make sense.

    Notes
    -----
    Focal loss: Lin et al., arXiv:1708.02002, per pixel. Soft dice: Milletari et al., arXiv:1606.04797, per
    image and class, so that the result does not depend on what an image is batched with.
    """
    if callable(loss):
        return _checked(loss)
    terms = _terms(loss)
    weights = _class_weights(class_weights, classes)
    if any(name == "mse" for _, name in terms):
        return _only_mse(loss, terms, class_weights)

    def total(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        _check(logits, target, classes)
        seen = _Seen(logits, target, ignore_index, weights)
        parts = [factor * _TERMS[name](seen) for factor, name in terms]
        return torch.stack(parts).sum()

    return total


class _Seen:
    """Logits and labels of a batch, and what several losses need of them."""

    def __init__(
        self, logits: torch.Tensor, target: torch.Tensor, ignore_index: int, weights: tuple[float, ...]
    ) -> None:
        self.logits = logits
        self.counts = target != ignore_index
        self.labels = torch.where(self.counts, target, 0)
        equal = len(set(weights)) == 1
        self.weights = None if equal else torch.tensor(weights, dtype=logits.dtype, device=logits.device)

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """Weighted mean over the pixels that count; zero where none does."""
        weighted = values if self.weights is None else values * self.weights[self.labels]
        weighted = torch.where(self.counts, weighted, 0)
        return weighted.sum() / self.counts.sum().clamp(min=1)

    def cross_entropy(self) -> torch.Tensor:
        """Minus the logarithm of the probability given to the right label, per pixel."""
        if self.logits.shape[1] == 1:
            logits, labels = self.logits[:, 0], self.labels.to(self.logits.dtype)
            return functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
        return functional.cross_entropy(self.logits, self.labels, reduction="none")


def _cross_entropy(seen: _Seen) -> torch.Tensor:
    return seen.mean(seen.cross_entropy())


def _focal(seen: _Seen) -> torch.Tensor:
    cross_entropy = seen.cross_entropy()
    wrong = -torch.expm1(-cross_entropy)  # 1 - probability of the right label, exact where that is near 1
    return seen.mean(wrong.pow(GAMMA) * cross_entropy)


def _dice(seen: _Seen) -> torch.Tensor:
    logits, counts, labels = seen.logits, seen.counts.unsqueeze(1), seen.labels.unsqueeze(1)
    if logits.shape[1] == 1:
        given, right = logits.sigmoid(), labels == 1
    else:
        numbers = torch.arange(logits.shape[1], device=logits.device)
        given, right = logits.softmax(1), labels == numbers.view(1, -1, *[1] * (logits.ndim - 2))
    given, right = torch.where(counts, given, 0), counts & right
    pixels = tuple(range(2, logits.ndim))
    both = torch.where(right, given, 0).sum(pixels)
    # One pixel is added to both: a class that an image does not have and nothing is given to is all right.
    score = (2 * both + 1) / (given.sum(pixels) + right.sum(pixels) + 1)
    weighted = 1 - score if seen.weights is None or logits.shape[1] == 1 else (1 - score) * seen.weights
    per_image = weighted.mean(1)
    share = seen.counts.flatten(1).sum(1)
    return (per_image * share).sum() / share.sum().clamp(min=1)


_TERMS: dict[str, Callable[[_Seen], torch.Tensor]] = {"ce": _cross_entropy, "focal": _focal, "dice": _dice}


def _terms(loss: str) -> list[tuple[float, str]]:
    """Read "ce+0.5*dice"."""
    terms = []
    for part in loss.replace(" ", "").casefold().split("+"):
        factor, _, name = part.rpartition("*")
        if name not in _NAMES:
            raise UnknownOption("loss", name, _NAMES)
        try:
            number = float(factor) if factor else 1.0
        except ValueError:
            number = math.nan
        if not 0 < number < math.inf:
            raise BadOption(
                f"The loss {loss!r} weights {name!r} by {factor!r}.",
                remedy="Give a number above 0, such as ce+0.5*dice.",
            )
        terms.append((number, name))
    return terms


def _class_weights(given: Sequence[float] | None, classes: int) -> tuple[float, ...]:
    count = max(classes, 2)
    weights = tuple(float(weight) for weight in given) if given is not None and len(given) else (1.0,) * count
    if len(weights) != count:
        raise BadOption(
            f"There are {len(weights)} class weights for {count} labels.",
            why=f"Each label, 0 to {count - 1}, has its own.",
            remedy=f"Give {count} numbers{', background and object' if classes == 1 else ''}.",
        )
    if not all(0 <= weight < math.inf for weight in weights) or not any(weights):
        raise BadOption(
            f"The class weights are {weights}.", remedy="Give numbers from 0 on, at least one above 0."
        )
    mean = sum(weights) / count
    return tuple(weight / mean for weight in weights)


def _only_mse(loss: str, terms: Sequence[tuple[float, str]], class_weights: Sequence[float] | None) -> Loss:
    if len(terms) > 1 or (class_weights is not None and len(class_weights)):
        raise BadOption(
            f"The loss {loss!r} has terms or class weights beside the squared error.",
            why="The squared error compares numbers; there are no classes in it.",
            remedy="Give mse alone, or leave it out.",
        )
    factor = terms[0][0]

    def mean_squares(result: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        if result.shape != target.shape:
            raise _unequal(result, target)
        return factor * functional.mse_loss(result, target.to(result.dtype))

    return mean_squares


def _check(logits: torch.Tensor, target: torch.Tensor, classes: int) -> None:
    if logits.ndim < 2 or logits.shape[1] != classes or logits.shape[:1] + logits.shape[2:] != target.shape:
        raise _unequal(logits, target)
    if target.is_floating_point() or target.is_complex():
        raise BadImage(
            f"The labels are of type {target.dtype}.",
            why="A label is the number of a class.",
            remedy="Give whole numbers (int64), -1 where nobody labelled.",
        )


def _unequal(result: torch.Tensor, target: torch.Tensor) -> BadImage:
    return BadImage(
        f"The net gives {tuple(result.shape)}, and the target has the shape {tuple(target.shape)}.",
        why="They are compared pixel by pixel.",
        remedy="Give one label for every pixel, and as many classes as the net has.",
    )


def _checked(loss: Loss) -> Loss:
    def checked(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        value = loss(logits, target)
        if not isinstance(value, torch.Tensor) or value.numel() != 1:
            seen = tuple(value.shape) if isinstance(value, torch.Tensor) else type(value).__name__
            raise BadOption(
                f"The loss function returned {seen}.", remedy="Return one number, a tensor of shape ()."
            )
        return value.reshape(())

    return checked

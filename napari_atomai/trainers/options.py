"""Options of a training run, in the paper's words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypedDict

import numpy as np
import torch
from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from napari_atomai.data.recipe import Recipe
from napari_atomai.errors import BadOption, UnknownOption
from napari_atomai.prepare.atomai_words import AtomAIWords
from napari_atomai.prepare.scaling import Scaling

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
OptimizerMaker = Callable[[Iterable[torch.nn.Parameter]], torch.optim.Optimizer]
Augmentation = Callable[[torch.Tensor, torch.Tensor, torch.Generator], tuple[torch.Tensor, torch.Tensor]]
OWN = "own"
"""What a loss or an optimizer is called in the record when it was given as a function."""


FINITE = ConfigDict(allow_inf_nan=False)


class Perturbation(Recipe):
    """Noise put on the weights now and then, weaker as time goes: variance ``a / (1 + cycle) ** gamma``.

    After Neelakantan et al., arXiv:1511.06807; the numbers are AtomAI's.
    """

    title: ClassVar[str] = "Perturb weights"
    model_config = FINITE

    a: float = Field(0.01, ge=0, le=1, description="Variance of the noise at the first cycle.")
    gamma: float = Field(1.5, ge=0, le=10, description="How fast the variance falls.")
    e_p: int = Field(0, ge=0, description="Cycles between two perturbations; 0 = 50, or 1 with full_epoch.")


class TrainingOptions(Recipe):
    """How to train. Everything here is JSON: it is form, record and options at once."""

    title: ClassVar[str] = "Training"
    model_config = FINITE

    training_cycles: int = Field(
        1000, ge=1, le=10_000_000, description="A cycle is one batch, or all images with full_epoch."
    )
    full_epoch: bool = Field(False, strict=True, description="Whether a cycle goes through all images.")
    batch_size: int = Field(32, ge=1, le=100_000, description="Images learned from at once.")
    loss: str = Field("ce", description="ce, focal, dice, ce+dice, focal+dice, mse.")
    class_weights: tuple[float, ...] = Field((), description="Weight of each class in the loss; () = equal.")
    optimizer: Literal["adam", "adamw", "sgd", "own"] = Field("adam", description="adam, adamw or sgd.")
    learning_rate: float = Field(1e-3, gt=0, le=10, description="At its highest.")
    lr_scheduler: Literal["constant", "cosine", "onecycle"] | tuple[float, ...] = Field(
        "constant", description="constant, cosine, onecycle, or the learning rate of every cycle."
    )
    compute_accuracy: bool = Field(
        False, strict=True, description="Whether to compute the intersection over union."
    )
    swa: bool = Field(False, strict=True, description="Average the weights of the last part of the run.")
    swa_start: float = Field(0.75, ge=0, lt=1, description="Part of the run after which averaging begins.")
    perturb_weights: bool | Perturbation = Field(False, description="Put noise on the weights now and then.")
    early_stopping: int = Field(
        0, ge=0, description="End after so many cycles without a better test loss; 0 = never."
    )
    clip_gradient: float = Field(0.0, ge=0, description="Largest norm of the gradient; 0 = no limit.")
    seed: int = Field(1, ge=0, lt=2**32, description="Of batch order, augmentation, dropout, perturbation.")
    print_loss: int = Field(0, ge=0, description="Cycles between two lines in the log; 0 = none.")
    micro_batch: int = Field(
        0, ge=0, description="Images that go through the net at once; 0 = as many as memory_gb allows."
    )
    memory_gb: float = Field(
        0.0, ge=0, description="What a step may keep in memory for its gradient; 0 = 1 GB, or 40% of a GPU."
    )
    precision: Literal["32", "bf16"] = Field("32", description="32 bits, or mixed with bfloat16.")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1 ... or mps.")
    processes: int = Field(1, ge=1, le=1024, description="Processes (GPUs) on each machine.")
    nodes: int = Field(1, ge=1, le=4096, description="Machines.")

    @field_validator("*", mode="before")
    @classmethod
    def _no_flag_for_a_number(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, bool) and cls.model_fields[str(info.field_name)].annotation in (int, float):
            raise ValueError("give a number; True and False are none")
        return value

    @field_validator("perturb_weights", mode="before")
    @classmethod
    def _perturbation(cls, value: object) -> object:
        if not isinstance(value, bool | Mapping | Perturbation):
            raise ValueError("give True, False, or numbers such as {'a': 0.01, 'gamma': 1.5, 'e_p': 50}")
        return Perturbation.of(value) if isinstance(value, Mapping) else value

    @field_validator("lr_scheduler")
    @classmethod
    def _rates(cls, value: str | tuple[float, ...]) -> str | tuple[float, ...]:
        if not isinstance(value, str) and (not value or min(value) < 0 or max(value) > 10):
            raise ValueError("a list of learning rates has at least one, each from 0 to 10")
        return value

    @property
    def perturbation(self) -> Perturbation | None:
        """The perturbation with its interval worked out, or None."""
        if self.perturb_weights is False:
            return None
        asked = Perturbation() if self.perturb_weights is True else self.perturb_weights
        every = asked.e_p or (1 if self.full_epoch else 50)
        return asked.model_copy(update={"e_p": every})

    @property
    def swa_first(self) -> int:
        """Cycle, counted from 1, from which on weights are averaged."""
        return min(int(self.swa_start * self.training_cycles) + 1, self.training_cycles)


class TrainingWords(TypedDict, total=False):
    """The options as keyword arguments; loss, optimizer and augmentation may also be functions."""

    training_cycles: int
    full_epoch: bool
    batch_size: int
    loss: str | Loss
    class_weights: Sequence[float]
    optimizer: str | OptimizerMaker | None
    learning_rate: float
    lr_scheduler: str | Sequence[float]
    compute_accuracy: bool
    swa: bool
    swa_start: float
    perturb_weights: bool | Mapping[str, Any] | Perturbation
    early_stopping: int
    clip_gradient: float
    seed: int
    print_loss: int
    micro_batch: int
    memory_gb: float
    precision: str
    device: str
    processes: int
    nodes: int
    augmentation: Any


class SegmentationWords(TrainingWords, AtomAIWords, total=False):
    """The same, with AtomAI's words for augmentation: ``zoom=True``, ``gauss_noise=(0, 50)`` ..."""


class FitWords(SegmentationWords, total=False):
    """The same, with what `napari_atomai.models.segmentor.Segmentor.fit` takes beside them."""

    resume: bool
    checkpoint: str | Path | None
    missing_classes: bool


class NetWords(TypedDict, total=False):
    """What the net of a segmentation is made from; see `napari_atomai.trainers.segmentation.SegTrainer`."""

    channels: int
    net_options: Mapping[str, Any] | None
    seed: int
    scaling: Scaling | None
    class_names: Sequence[str]


class Asked:
    """What was asked for: options that can be written down, and functions that cannot.

    Parameters
    ----------
    words : mapping
        See `TrainingWords`.
    also : iterable of str
        Further words that the caller knows, for a suggestion where one is misspelt.

    Attributes
    ----------
    options : TrainingOptions
    loss, optimizer : function or None
        Where one was given instead of a name.
    augmentation : object or None
        A recipe, or a function ``(images, labels, generator) -> (images, labels)``.

    Raises
    ------
    UnknownOption, BadOption
        If a word does not exist (the nearest is named) or a value is not allowed.
    """

    def __init__(self, words: Mapping[str, Any], also: Iterable[str] = ()) -> None:
        plain = dict(words)
        for name in plain:
            if name not in TrainingWords.__annotations__:
                known = {*TrainingWords.__annotations__, *also}
                raise UnknownOption(f"option of {TrainingOptions.title!r} called", name, known)
        self.augmentation: Any = plain.pop("augmentation", None)
        self.loss: Loss | None = None
        self.optimizer: OptimizerMaker | None = None
        if callable(plain.get("loss")):
            self.loss, plain["loss"] = plain["loss"], OWN
        if callable(plain.get("optimizer")):
            self.optimizer, plain["optimizer"] = plain["optimizer"], OWN
        elif plain.get("optimizer", OWN) is None:
            del plain["optimizer"]
        _check_names(plain)
        self.options = TrainingOptions.of(plain)
        if self.optimizer is None and self.options.optimizer == OWN:
            raise BadOption(
                "The optimizer is 'own', and no function was given.",
                remedy="Give adam, adamw or sgd, or a function that takes the parameters.",
            )

    def updated(self, words: Mapping[str, Any]) -> Self:
        """Return the same with some words changed."""
        return type(self)({**self.words(), **words})

    def words(self) -> dict[str, Any]:
        """Return the words that give this again."""
        given: dict[str, Any] = {name: getattr(self.options, name) for name in self.options.model_fields_set}
        for name in ("loss", "optimizer", "augmentation"):
            value = getattr(self, name)
            if value is not None:
                given[name] = value
        return given


_OPTIMIZERS = ("adam", "adamw", "sgd")
_SCHEDULES = ("constant", "cosine", "onecycle")


def _check_names(words: Mapping[str, Any]) -> None:
    """Refuse an optimizer or a schedule that does not exist; the nearest is named."""
    optimizer, schedule = words.get("optimizer", OWN), words.get("lr_scheduler", "constant")
    if not isinstance(optimizer, str):
        raise BadOption(
            f"The optimizer is {optimizer!r}.",
            remedy="Give adam, adamw or sgd, or a function that takes the parameters.",
        )
    if optimizer not in (*_OPTIMIZERS, OWN):
        raise UnknownOption("optimizer", optimizer, _OPTIMIZERS)
    if isinstance(schedule, str) and schedule not in _SCHEDULES:
        raise UnknownOption("lr_scheduler", schedule, _SCHEDULES)
    if not isinstance(schedule, str | Sequence | np.ndarray):
        raise BadOption(
            f"The lr_scheduler is {schedule!r}.",
            remedy="Give constant, cosine, onecycle, or the learning rate of every cycle.",
        )

"""Training of nets that give a class to every pixel."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from napari_atomai.data.arguments import a_flag, a_path, names, whole_number
from napari_atomai.data.card import ModelCard
from napari_atomai.data.progress import Progress, finish
from napari_atomai.errors import BadModel, BadOption, UnknownOption
from napari_atomai.nets.registry import build_net, size_multiple
from napari_atomai.prepare.masks import IGNORED
from napari_atomai.prepare.scaling import Scaling, a_scaling
from napari_atomai.trainers.augmentation import augmentation, with_words
from napari_atomai.trainers.cards import label_spacing, segmentation_card
from napari_atomai.trainers.labelled import TEST_SHARE, Labelled, Needs, Pixels, padded
from napari_atomai.trainers.loop import Trainer
from napari_atomai.trainers.losses import make_loss
from napari_atomai.trainers.metrics import SegmentationScores
from napari_atomai.trainers.options import Asked, FitWords, SegmentationWords
from napari_atomai.trainers.randomness import Stream, own_randomness, seed_of
from napari_atomai.trainers.task import Objective, Pairs, Trained

__all__ = ["TEST_SHARE", "Labelled", "SegTrainer"]

_CLASSES = "Give 1, or the number of classes with the background."
_LOSSES = ("ce", "focal", "dice", "ce+dice", "focal+dice")


class SegTrainer:
    """Trains a net to give a class to every pixel.

    Parameters
    ----------
    model : str or torch.nn.Module
        "Unet", "dilnet", "SegResNet", "ResHedNet", a registered net of your own, or a net itself.
    nb_classes : int
        1: objects (label 1) against background (0). K of 2 or more: labels 0 to K - 1, background last.
    channels : int
        Channels of the images: 1 for (n, y, x).
    net_options : mapping, optional
        Further arguments of the net, such as ``{"filters": [16, 32, 64]}``.
    seed : int
        Of the weights.
    scaling : Scaling, optional
        How intensities are scaled, here and in prediction. By percentiles of each image when left out.
    class_names : sequence of str, optional
        Names of the classes without the background.

    Raises
    ------
    UnknownOption
        If there is no such net or option of it.
    BadModel
        If a net was given that is not made for so many classes or channels.
    """

    def __init__(
        self,
        model: str | nn.Module = "Unet",
        nb_classes: int = 1,
        *,
        channels: int = 1,
        net_options: Mapping[str, Any] | None = None,
        seed: int = 1,
        scaling: Scaling | None = None,
        class_names: Sequence[str] = (),
    ) -> None:
        self.nb_classes = whole_number("nb_classes", nb_classes, remedy=_CLASSES)
        self.channels = whole_number("channels", channels)
        self.class_names = _names(class_names, max(nb_classes - 1, 1))
        self.net_options, self.seed = _options(net_options), whole_number("seed", seed, 0)
        self.scaling = a_scaling(scaling)
        self.model = model
        self.net = self.fresh_net(seed)
        self.trainer: Trainer | None = None
        self.asked = Asked({})
        self.spacing = 0.0
        """Distance of neighbouring atoms in the labels, in pixels; 0 = not known."""

    def fresh_net(self, seed: int) -> nn.Module:
        """Return the net with new random weights; a net that was given itself is returned as it is."""
        if isinstance(self.model, nn.Module):
            return _fitting(self.model, self.nb_classes, self.channels)
        sizes = {"channels": self.channels, "classes": self.nb_classes}
        with own_randomness(seed_of(seed, Stream.WEIGHTS)):
            return build_net(self.model, {**sizes, **self.net_options}, seed=seed)

    def compile_trainer(
        self,
        data: Labelled | tuple[ArrayLike, ...],
        *,
        checkpoint: str | Path | None = None,
        missing_classes: bool = False,
        **options: Unpack[SegmentationWords],
    ) -> Trainer:
        """Check data and options, and return the run that they make; nothing is trained yet.

        Parameters
        ----------
        data : Labelled, or tuple of arrays
            Images and labels to learn from, and, if they are to be given, those to test on.
        checkpoint : path, optional
            Where the state of the run is kept; a run that lies there is continued.
        missing_classes : bool
            Accept that a class does not occur in the labels to learn from.
        **options
            See `napari_atomai.trainers.options.TrainingOptions`.

        Raises
        ------
        BadImage, BadOption, UnknownOption
            With the values that do not fit, and what to do about it.
        """
        path = None if checkpoint is None else a_path("checkpoint", checkpoint)
        missing = a_flag("missing_classes", missing_classes)
        self.asked = Asked(with_words(options), FitWords.__annotations__)
        pairs = self.pairs(Labelled.of(data), self.asked.options.batch_size, missing)
        self.trainer = self.run_of(self.net, pairs, self.asked, path)
        return self.trainer

    def run_of(
        self, net: nn.Module, pairs: tuple[Pairs, Pairs], asked: Asked, checkpoint: Path | None = None
    ) -> Trainer:
        """Return the run of a net on data that were checked."""
        options = asked.options
        if asked.loss is None and "mse" in options.loss:
            raise UnknownOption("loss for classes of pixels called", options.loss, _LOSSES)
        objective = Objective(
            make_loss(asked.loss or options.loss, self.nb_classes, options.class_weights or None, IGNORED),
            lambda: SegmentationScores(self.nb_classes, IGNORED),
            augmentation(asked.augmentation, self.scaling, self.nb_classes),
            IGNORED,
        )
        return Trainer(net, pairs, objective, options, make_optimizer=asked.optimizer, checkpoint=checkpoint)

    def forget(self) -> None:
        """Let go of the images of the run; the net stays."""
        self.trainer = None

    def card(self, name: str, metrics: Mapping[str, float]) -> ModelCard:
        """Return what is to be known about the net.

        Raises
        ------
        BadModel
            If the net has no name by which it could be built again.
        """
        return segmentation_card(
            name,
            self.net,
            classes=self.class_names,
            scaling=self.scaling,
            options=self.asked.options,
            spacing=self.spacing,
            metrics=metrics,
        )

    def training(self) -> Generator[Progress, None, Trained]:
        """Train the run that was compiled; yields Progress.

        Raises
        ------
        BadOption
            If none was.
        """
        if self.trainer is None:
            raise BadOption(
                "There is nothing to train yet.", remedy="Call compile_trainer with images first."
            )
        return (yield from self.trainer.training())

    def run(self) -> nn.Module:
        """Train the run that was compiled to its end, and return the net."""
        return finish(self.training()).net

    def pairs(self, data: Labelled, batch: int, missing: bool = False) -> tuple[Pairs, Pairs]:
        """Check data, scale them, and return those to learn from and those to test on.

        Parameters
        ----------
        data : Labelled
            Images and labels.
        batch : int
            There must be so many images to learn from.
        missing : bool
            Accept that a class does not occur in the labels to learn from.
        """
        needs = Needs(self.nb_classes, self.channels, batch, every_class=not missing)
        train, test = needs.parted(data, self.seed)
        self.spacing = label_spacing(train[1], self.nb_classes)
        self._check_result(train[0][:1])
        return self._pair(*train), self._pair(*test)

    def _pair(self, images: Pixels, labels: NDArray[np.int64]) -> Pairs:
        scaled = self.scaling.apply(images)
        # Small types: labels of 64 bits would take twice the memory of the images.
        small = labels.astype(np.int8 if self.nb_classes < 128 else np.int16)
        inputs = scaled[:, None] if scaled.ndim == 3 else np.moveaxis(scaled, -1, 1)
        return Pairs.of(*padded(inputs, small, size_multiple(self.net)))

    def _check_result(self, one: Pixels) -> None:
        """Refuse a net that does not give a map of every class."""
        inputs, _ = self._pair(one, np.zeros(one.shape[:3], np.int64)).batch(
            torch.zeros(1, dtype=torch.int64)
        )
        training = self.net.training
        try:
            with torch.no_grad():
                shape = tuple(self.net.eval()(inputs.to(next(self.net.parameters()).device)).shape)
        except RuntimeError as error:
            raise BadModel(
                f"The net cannot take images of shape {tuple(inputs.shape)}: {error}",
                remedy="Give images of the size and with the channels that it was made for.",
            ) from error
        finally:
            self.net.train(training)
        expected = (1, self.nb_classes, *inputs.shape[2:])
        if shape != expected:
            raise BadModel(
                f"For images of shape {tuple(inputs.shape)} the net gives {shape} instead of {expected}.",
                why="Every pixel needs a value for each class, before the sigmoid or softmax.",
                remedy=f"Give a net with {self.nb_classes} output channels at the size of the image.",
            )


def _options(given: Any) -> dict[str, Any]:
    if given is not None and not isinstance(given, Mapping):
        raise BadOption(
            f"net_options is {given!r}.", remedy='Give a dict, such as {"filters": [16, 32, 64]}.'
        )
    return dict(given or {})


def _names(given: Any, count: int) -> tuple[str, ...]:
    found = names("class_names", given) or tuple(f"class {index}" for index in range(count))
    if len(found) != count:
        raise BadOption(
            f"{len(found)} class names were given for {count} class(es) beside the background.",
            remedy=f"Give {count}, or none.",
        )
    return found


def _fitting(net: nn.Module, classes: int, channels: int) -> nn.Module:
    for name, asked in (("classes", classes), ("channels", channels)):
        made = getattr(net, name, asked)
        if isinstance(made, int) and made != asked:
            raise BadModel(
                f"The net was made for {made} {name}, and {asked} were asked for.",
                remedy=f"Give {'nb_classes' if name == 'classes' else name}={made}, or another net.",
            )
    return net

"""Training of nets from one signal to another: image to spectrum, spectrum to image."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Unpack, cast

import torch
from numpy.typing import ArrayLike
from torch import nn

from napari_atomai.data.arguments import whole_number
from napari_atomai.data.card import ModelCard
from napari_atomai.data.progress import Progress, finish
from napari_atomai.errors import BadImage, BadModel, BadOption
from napari_atomai.nets.imspec import SignalNet, dims_of
from napari_atomai.nets.registry import build_net, describe_net
from napari_atomai.prepare.atomai_words import AtomAIWords
from napari_atomai.prepare.pairs_augment import imspec_augmentor
from napari_atomai.prepare.pairs_checks import Signals, check_together, checked_signals
from napari_atomai.prepare.scaling import Scaling
from napari_atomai.prepare.split import split
from napari_atomai.trainers.averaging import Weights
from napari_atomai.trainers.ensemble import EnsembleTrainer
from napari_atomai.trainers.labelled import TEST_SHARE, Labelled, check_complete
from napari_atomai.trainers.loop import Trainer
from napari_atomai.trainers.losses import make_loss
from napari_atomai.trainers.options import Asked, SegmentationWords
from napari_atomai.trainers.precision import usual_precision
from napari_atomai.trainers.randomness import Stream, own_randomness, seed_of
from napari_atomai.trainers.task import Objective, Pairs, Trained

BATCH = 64
"""Pairs in a batch where nobody says; fewer if there are not so many."""


class ImSpecTrainer:
    """Trains a net that predicts one signal from another.

    Parameters
    ----------
    in_dim, out_dim : int or sequence of int
        (rows, columns) of images, (length,) of spectra.
    latent_dim : int
        How many numbers everything has to go through.
    net_options : mapping, optional
        Further arguments of `napari_atomai.nets.imspec.SignalNet`, such as ``{"nbfilters_encoder": 32}``.
    seed : int
        Of the weights.
    net : SignalNet, optional
        A net to train on, instead of a new one.
    """

    scaling = Scaling(kind="none")

    def __init__(
        self,
        in_dim: int | Sequence[int],
        out_dim: int | Sequence[int],
        latent_dim: int = 2,
        *,
        net_options: Mapping[str, Any] | None = None,
        seed: int = 1,
        net: SignalNet | None = None,
    ) -> None:
        self.in_dim, self.out_dim = dims_of("in_dim", in_dim), dims_of("out_dim", out_dim)
        sizes = {"in_dim": list(self.in_dim), "out_dim": list(self.out_dim), "latent_dim": latent_dim}
        self.net_options: dict[str, Any] = {**sizes, **(net_options or {})}
        self.seed, self.model = seed, "imspec"
        self.net: SignalNet = net if net is not None else self.fresh_net(seed)
        self.trainer: Trainer | None = None
        self.asked = Asked({})
        self.about: dict[str, Any] = {}
        """What the pairs were cut with: window, sampling, energies; kept in the card."""

    def fresh_net(self, seed: int) -> SignalNet:
        """Return the net with new random weights, and the normalisation that was learned."""
        with own_randomness(seed_of(seed, Stream.WEIGHTS)):
            net = build_net(self.model, self.net_options, seed=seed)
        if not isinstance(net, SignalNet):  # for the type checker: the registry says so
            raise BadModel(f"The net is a {type(net).__name__}.", remedy="Give an imspec net.")
        known = getattr(self, "net", None)
        if known is not None:
            net.inputs.load_state_dict(known.inputs.state_dict())
            net.outputs.load_state_dict(known.outputs.state_dict())
        return net

    def compile_trainer(
        self,
        data: Labelled,
        *,
        checkpoint: Path | None = None,
        keep_normalisation: bool = False,
        **options: Unpack[SegmentationWords],
    ) -> Trainer:
        """Check data and options, and return the run that they make; nothing is trained yet.

        Parameters
        ----------
        data : Labelled
            Inputs as its images and targets as its labels, shape (n, ...).
        checkpoint : path, optional
            Where the state of the run is kept; a run that lies there is continued.
        keep_normalisation : bool
            Scale as the net was trained with, instead of measuring anew.
        **options
            See `napari_atomai.trainers.options.TrainingOptions`.

        Raises
        ------
        BadImage, BadOption, UnknownOption
            With the values that do not fit, and what to do about it.
        """
        asked = _asked(self.worded(options))
        data = Labelled.of(data)
        pairs = self.pairs(data, options.get("batch_size", 0), keep_normalisation=keep_normalisation)
        self.asked = asked.updated({"batch_size": min(asked.options.batch_size, len(pairs[0]))})
        self.trainer = self.run_of(self.net, pairs, self.asked, checkpoint)
        return self.trainer

    def worded(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return options with AtomAI's words of augmentation, such as gauss_noise, made one augmentation."""
        words = {name: options[name] for name in options if name in AtomAIWords.__annotations__}
        rest = {name: value for name, value in options.items() if name not in words}
        if words and rest.get("augmentation") is not None:
            raise BadOption(
                f"Both augmentation and {', '.join(words)} were given.", remedy="Give one or the other."
            )
        if words:
            rest["augmentation"] = imspec_augmentor(self.in_dim, self.out_dim, **cast("AtomAIWords", words))
        return rest

    def run_of(
        self, net: nn.Module, pairs: tuple[Pairs, Pairs], asked: Asked, checkpoint: Path | None = None
    ) -> Trainer:
        """Return the run of a net on data that were checked."""
        if asked.loss is None and asked.options.loss != "mse":
            raise BadOption(
                f"The loss is {asked.options.loss!r}.",
                why="Spectra and images are numbers, not classes.",
                remedy="Give 'mse', or a function of (result, target).",
            )
        objective = Objective(make_loss(asked.loss or "mse", 1), R2Score, _augmentation(asked.augmentation))
        return Trainer(
            net, pairs, objective, asked.options, make_optimizer=asked.optimizer, checkpoint=checkpoint
        )

    def training(self) -> Generator[Progress, None, Trained]:
        """Train the run that was compiled; yields Progress.

        Raises
        ------
        BadOption
            If none was.
        """
        if self.trainer is None:
            raise BadOption("There is nothing to train yet.", remedy="Call compile_trainer with pairs first.")
        return (yield from self.trainer.training())

    def run(self) -> nn.Module:
        """Train the run that was compiled to its end, and return the net."""
        return finish(self.training()).net

    def forget(self) -> None:
        """Let go of the data of the run; the net stays."""
        self.trainer = None

    def pairs(
        self, data: Labelled, batch: int = 0, *, keep_normalisation: bool = False
    ) -> tuple[Pairs, Pairs]:
        """Check data, learn their normalisation, and return those to learn from and those to test on."""
        train, test = self._split(data)
        if batch > len(train[0]):
            raise BadImage(
                f"There are {len(train[0])} pairs to learn from, and a batch has {batch}.",
                why="A batch would show the same pair twice.",
                remedy=f"Give batch_size={len(train[0])} or less.",
            )
        if not keep_normalisation:
            self.net.inputs.learn(torch.from_numpy(train[0]))
            self.net.outputs.learn(torch.from_numpy(train[1]))
        return self._pair(*train), self._pair(*test)

    def card(self, name: str, metrics: Mapping[str, float]) -> ModelCard:
        """Return what is to be known about the net."""
        kind, net_options = describe_net(self.net)
        options = self.asked.options
        return ModelCard(
            name=name,
            net=kind,
            net_options=net_options,
            classes=(),
            spacing_known=False,
            task="imspec",
            scaling=self.scaling.model_dump(mode="json"),
            loss=options.loss,
            training={**options.model_dump(mode="json"), "pairs": self.about},
            metrics={key: value for key, value in metrics.items() if math.isfinite(value)},
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def _split(self, data: Labelled) -> tuple[tuple[Signals, Signals], tuple[Signals, Signals]]:
        check_complete(data, "inputs", "targets")
        features, targets = self._checked(data.images, data.labels, "training")
        if data.images_test is not None and data.labels_test is not None:
            return (features, targets), self._checked(data.images_test, data.labels_test, "test")
        chosen, aside = split(len(features), TEST_SHARE, seed=self.seed)
        return (features[chosen], targets[chosen]), (features[aside], targets[aside])

    def _checked(self, inputs: ArrayLike, outputs: ArrayLike, name: str) -> tuple[Signals, Signals]:
        features = checked_signals(inputs, self.in_dim, f"{name} inputs")
        targets = checked_signals(outputs, self.out_dim, f"{name} targets")
        check_together(features, targets, name)
        return features, targets

    def _pair(self, features: Signals, targets: Signals) -> Pairs:
        return Pairs(
            self.net.inputs.apply_to(torch.from_numpy(features)),
            self.net.outputs.apply_to(torch.from_numpy(targets)),
        )


class ImSpecEnsembleTrainer(EnsembleTrainer):
    """Trains ensembles of nets that predict one signal from another, by the strategies of its parent.

    Parameters
    ----------
    in_dim, out_dim, latent_dim, net_options, seed
        See `ImSpecTrainer`.
    """

    base: Any
    members: list[Weights]

    def __init__(
        self,
        in_dim: int | Sequence[int],
        out_dim: int | Sequence[int],
        latent_dim: int = 2,
        *,
        net_options: Mapping[str, Any] | None = None,
        seed: int = 1,
    ) -> None:
        # Not the parent's: it would make a trainer for classes of pixels.
        self.base = ImSpecTrainer(in_dim, out_dim, latent_dim, net_options=net_options, seed=seed)
        self.members = []
        self._asked = _asked({})

    def compile_ensemble_trainer(self, **options: Unpack[SegmentationWords]) -> None:
        """Set options of the training for all strategies; each may change them again."""
        self._asked = _asked(self.base.worded(options))

    def _begun(
        self, data: Labelled, count: int, options: Mapping[str, Any]
    ) -> tuple[Asked, tuple[Pairs, Pairs]]:
        whole_number("n_models", count, remedy="Give a whole number of at least 1; 5 to 10 tell much more.")
        asked = self._asked.updated(self.base.worded(options))
        self.members = []
        pairs = self.base.pairs(Labelled.of(data), options.get("batch_size", 0))
        return asked.updated({"batch_size": min(asked.options.batch_size, len(pairs[0]))}), pairs


class R2Score:
    """Share of the targets' variance about their mean signal that the results explain."""

    def __init__(self) -> None:
        self._count, self._residual, self._square = 0, 0.0, 0.0
        self._sum: torch.Tensor | None = None

    def update(self, logits: torch.Tensor, target: torch.Tensor) -> None:
        """Take a batch into account."""
        seen = target.double()
        self._count += len(seen)
        self._residual += float((logits.double() - seen).square().sum())
        self._square += float(seen.square().sum())
        total = seen.sum(dim=0)
        self._sum = total if self._sum is None else self._sum + total

    def result(self) -> Mapping[str, float]:
        """Return R2; NaN while there is no variance."""
        if self._sum is None:
            return {"r2": math.nan}
        variance = self._square - float(self._sum.square().sum()) / self._count
        return {"r2": 1 - self._residual / variance if variance > 0 else math.nan}


def _asked(options: Mapping[str, Any]) -> Asked:
    usual = {"loss": "mse", "batch_size": BATCH, "precision": usual_precision(options.get("device", "auto"))}
    return Asked({**usual, **options})


def _augmentation(asked: Any) -> Any:
    if asked is None or callable(asked):
        return asked
    raise BadOption(
        f"The augmentation is a {type(asked).__name__}.",
        remedy="Give utils.imspec_augmentor(in_dim, out_dim, ...), or a function of "
        "(inputs, targets, generator).",
    )

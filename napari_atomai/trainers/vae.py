"""Training of autoencoders: patches in, what varies in them out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from napari_atomai.data.card import ModelCard
from napari_atomai.errors import BadImage, BadModel, BadOption, UnknownOption
from napari_atomai.nets.latent import LatentNet
from napari_atomai.nets.latent_terms import Terms
from napari_atomai.nets.registry import build_net, describe_net
from napari_atomai.prepare.pairs_checks import FEWEST, checked_signals
from napari_atomai.prepare.split import split
from napari_atomai.trainers.loop import Trainer
from napari_atomai.trainers.options import Asked, OptimizerMaker, TrainingOptions, TrainingWords
from napari_atomai.trainers.randomness import Stream, own_randomness, seed_of
from napari_atomai.trainers.segmentation import TEST_SHARE
from napari_atomai.trainers.task import Objective, Pairs

BATCH = 100
"""Patches in a batch where nobody says; fewer if there are not so many."""
CLASSES_FIRST = 0.25
"""Share of the training in which the continuous latents are silent, so that the discrete ones form."""

_LOSSES = ("mse", "ce")
_NET_WORDS = ("latent_dim", "rotation_prior", "translation_prior", "scale_prior", "temperature")
_CAPACITIES = ("capacity", "cont_capacity", "disc_capacity")


class LatentWords(TrainingWords, total=False):
    """Options of a training, with those that only autoencoders have."""

    latent_dim: int
    rotation_prior: float | None
    translation_prior: float
    scale_prior: float
    temperature: float
    capacity: Sequence[float] | None
    cont_capacity: Sequence[float] | None
    disc_capacity: Sequence[float] | None


@dataclass(frozen=True, eq=False)
class LatentData:
    """Patches to learn from, and to test on; some of the first are set aside where there are none.

    Parameters
    ----------
    patches : array, shape (n, *in_dim), (n, 1, *in_dim) or (n, *in_dim, 1)
    labels : array of int, shape (n,), optional
        Known classes from 0, for a model that was made with nb_classes.
    patches_test, labels_test : array, optional
    """

    patches: ArrayLike
    labels: ArrayLike | None = None
    patches_test: ArrayLike | None = None
    labels_test: ArrayLike | None = None


@dataclass(frozen=True)
class Capacity:
    """How much the latents may say: grows from nothing to `nats` within so many cycles.

    Burgess et al., arXiv:1804.03599. What is off it costs `gamma` times as much.
    """

    nats: float
    cycles: float
    gamma: float

    @classmethod
    def of(cls, name: str, value: Sequence[float] | None) -> Capacity | None:
        """Read [nats, cycles, gamma].

        Raises
        ------
        BadOption
            If it is something else.
        """
        if value is None:
            return None
        numbers = np.asarray(value, float) if np.ndim(value) == 1 else np.zeros(0)
        if (
            numbers.shape != (3,)
            or not np.isfinite(numbers).all()
            or numbers[0] < 0
            or numbers[1:].min() <= 0
        ):
            raise BadOption(
                f"{name} is {value!r}.",
                remedy="Give [nats, cycles, gamma], such as [5.0, 50, 30.0]: the capacity grows from 0 to 5 "
                "nats in 50 cycles.",
            )
        return cls(*map(float, numbers))

    def cost(self, kl: torch.Tensor, cycle: float) -> torch.Tensor:
        """Return what a divergence costs in a cycle."""
        return self.gamma * (kl - self.nats * min(1.0, cycle / self.cycles)).abs()


class Elbo:
    """Negative evidence lower bound of a patch, in nats.

    Parameters
    ----------
    net : LatentNet
        It counts the batches.
    per_cycle : int
        Batches in a cycle.
    continuous, discrete : Capacity, optional
        Of the latents of both kinds; otherwise their divergence counts as it is.
    """

    def __init__(
        self,
        net: LatentNet,
        per_cycle: int,
        continuous: Capacity | None = None,
        discrete: Capacity | None = None,
    ) -> None:
        self.net, self.per_cycle = net, per_cycle
        self.continuous, self.discrete = continuous, discrete

    def __call__(self, result: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the mean over patches of what the net gives (n, 6); the target is in it."""
        del target
        terms, cycle = Terms(*result.unbind(dim=1)), float(self.net.seen) / self.per_cycle
        kl, kl_classes = terms.kl.mean(), terms.kl_classes.mean()
        if self.continuous is not None:
            kl = self.continuous.cost(kl, cycle)
        if self.discrete is not None:
            kl_classes = self.discrete.cost(kl_classes, cycle)
        return terms.misfit.mean() + kl + kl_classes + terms.kl_pose.mean() + terms.glance.mean()


class Explained:
    """Share of the variance of the patches that their reconstructions explain."""

    def __init__(self, variance: float) -> None:
        self._variance, self._sum, self._count = variance, 0.0, 0

    def update(self, logits: torch.Tensor, target: torch.Tensor) -> None:
        """Take a batch into account."""
        del target
        self._sum += float(logits[:, 0].double().sum())
        self._count += len(logits)

    def result(self) -> Mapping[str, float]:
        """Return it; NaN while nothing was seen."""
        return {"explained": 1 - self._sum / (self._count * self._variance) if self._count else math.nan}


class VAETrainer:
    """Trains autoencoders on the loop that all nets share.

    Parameters
    ----------
    net_options : mapping
        Arguments of `napari_atomai.nets.latent.LatentNet`.
    seed : int
        Of the weights.
    net : LatentNet, optional
        A net to train on, instead of a new one.
    """

    def __init__(self, net_options: Mapping[str, Any], seed: int = 1, net: LatentNet | None = None) -> None:
        self.seed = seed
        self.net = net if net is not None else _fresh(net_options, seed)
        self.asked = Asked({})
        self.words: dict[str, Any] = {}
        """Options of the last training that only autoencoders have."""

    def compile_trainer(
        self,
        data: LatentData,
        *,
        checkpoint: Path | None = None,
        go_on: bool = False,
        **options: Unpack[LatentWords],
    ) -> Trainer:
        """Check data and options, and return the run that they make; nothing is trained yet.

        Parameters
        ----------
        data : LatentData
            Patches, and their known classes.
        checkpoint : path, optional
            Where the state of the run is kept; a run that lies there is continued.
        go_on : bool
            Keep weights, noise and scaling, instead of learning the last two anew.
        **options
            See `LatentWords` and `napari_atomai.trainers.options.TrainingOptions`. Where latent_dim, a prior,
            the temperature or the loss are others than the net has, a new net begins.

        Raises
        ------
        BadImage, BadOption, UnknownOption
            With the values that do not fit, and what to do about it.
        """
        own = {name: value for name, value in options.items() if name in LatentWords.__annotations__}
        words = {name: value for name, value in own.items() if name in (*_NET_WORDS, *_CAPACITIES)}
        asked = _asked({name: value for name, value in options.items() if name not in words})
        if asked.loss is not None or asked.options.loss not in _LOSSES:
            raise UnknownOption("loss of an autoencoder", str(asked.options.loss), _LOSSES)
        if not go_on:
            self.words = words
        capacities = self._capacities()
        self._shape(asked.options.loss == "ce", go_on=go_on)
        train, test = self._split(data)
        if not go_on:
            self.net.learn_scale(torch.from_numpy(train[0]))
        self.asked = asked.updated({"batch_size": min(asked.options.batch_size, len(train[0]))})
        pairs = self._pairs(*train), self._pairs(*test)
        variance = float(pairs[0].inputs[:, : math.prod(self.net.size)].var())
        loss = Elbo(self.net, 1, *capacities)
        objective = Objective(loss, lambda: Explained(variance), self.asked.augmentation)
        run = Trainer(
            self.net,
            pairs,
            objective,
            self.asked.options,
            make_optimizer=self.asked.optimizer or _quick_optimizer(self.net, self.asked.options),
            checkpoint=checkpoint,
        )
        loss.per_cycle = run.batches.per_cycle
        if not go_on:
            cycles = int(CLASSES_FIRST * self.asked.options.training_cycles) if self.net.classes > 1 else 0
            self.net.begin(silent=cycles * loss.per_cycle)
        return run

    def labels_of(self, labels: ArrayLike | None, count: int) -> NDArray[np.float32]:
        """Return known classes, from 0, as ones and zeros (n, classes).

        Raises
        ------
        BadImage
            If they are missing, too many, or out of range.
        """
        return one_hot(labels, count, self.net.labels)

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
            task="latent",
            scaling={"kind": "none"},
            loss=options.loss,
            training={**options.model_dump(mode="json"), "latent": self.words},
            metrics={key: value for key, value in metrics.items() if math.isfinite(value)},
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def _capacities(self) -> tuple[Capacity | None, Capacity | None]:
        continuous = [name for name in ("capacity", "cont_capacity") if self.words.get(name) is not None]
        if len(continuous) == 2:
            raise BadOption("Both capacity and cont_capacity were given.", remedy="Give one of them.")
        name = continuous[0] if continuous else "capacity"
        return (
            Capacity.of(name, self.words.get(name)),
            Capacity.of("disc_capacity", self.words.get("disc_capacity")),
        )

    def _shape(self, binary: bool, *, go_on: bool) -> None:
        """Begin with a new net where the options ask for another than there is."""
        now = describe_net(self.net)[1]
        wanted = {name: self.words[name] for name in _NET_WORDS if name in self.words}
        if "rotation_prior" in wanted:
            wanted["rotation_prior"] = wanted["rotation_prior"] or 0.0
        asked = {**now, **wanted, "binary": binary}
        if asked == now:
            return
        if go_on:
            changed = [name for name in asked if asked[name] != now[name]]
            raise BadOption(
                f"The training is to go on with other values of {', '.join(changed)}.",
                why="They belong to the net.",
                remedy="Leave them out, or begin a new training with resume=False.",
            )
        self.net = _fresh(asked, self.seed)

    def _split(self, data: LatentData) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
        patches = _checked(data.patches, self.net.in_dim, "patches")
        labels = self.labels_of(data.labels, len(patches))
        if len(patches) < FEWEST:
            raise BadImage(
                f"There are {len(patches)} patches to learn from.",
                why="What varies in so few varies by chance.",
                remedy=f"Give at least {FEWEST}; some hundred are a beginning.",
            )
        if np.all(patches == patches[0]):
            raise BadImage(
                f"All {len(patches)} patches are the same.",
                why="Nothing varies in them.",
                remedy="Look at the patches: they may come from a constant part of the image.",
            )
        if data.patches_test is not None:
            test = _checked(data.patches_test, self.net.in_dim, "test patches")
            return (patches, labels), (test, self.labels_of(data.labels_test, len(test)))
        chosen, aside = split(len(patches), TEST_SHARE, seed=self.seed)
        return (patches[chosen], labels[chosen]), (patches[aside], labels[aside])

    def _pairs(self, patches: NDArray[Any], labels: NDArray[np.float32]) -> Pairs:
        flat = self.net.normalised(torch.from_numpy(patches)).flatten(1)
        inputs = torch.cat([flat, torch.from_numpy(labels)], dim=1)
        return Pairs(inputs, torch.zeros(len(inputs), 1))


def one_hot(labels: ArrayLike | None, count: int, classes: int) -> NDArray[np.float32]:
    """Return known classes, from 0, as ones and zeros (count, classes).

    Raises
    ------
    BadImage
        If they are missing, too many, or out of range.
    """
    if labels is None and classes == 0:
        return np.zeros((count, 0), np.float32)
    found = np.asarray(labels if labels is not None else [])
    if classes == 0 or found.shape != (count,) or found.dtype.kind not in "iub":
        what = "no labels" if labels is None else f"labels of shape {found.shape} and kind {found.dtype}"
        raise BadImage(
            f"There are {count} patches and {what}, and the model has nb_classes={classes}.",
            remedy="Give one whole number from 0 for each patch, or make the model with nb_classes=0.",
        )
    if found.min() < 0 or found.max() >= classes:
        raise BadImage(
            f"The labels go from {found.min()} to {found.max()}, and the model has nb_classes={classes}.",
            remedy=f"Give labels from 0 to {classes - 1}.",
        )
    return np.asarray(np.eye(classes)[found.astype(int)], np.float32)


def _checked(values: ArrayLike, dims: tuple[int, ...], name: str) -> NDArray[np.float64]:
    array = np.asarray(values)
    if array.shape[1:] == (*dims, 1):  # as `utils.extract_subimages` gives them
        array = array[..., 0]
    return checked_signals(array, dims, name)


def _fresh(options: Mapping[str, Any], seed: int) -> LatentNet:
    with own_randomness(seed_of(seed, Stream.WEIGHTS)):
        net = build_net("vae", options, seed=seed)
    if not isinstance(net, LatentNet):  # for the type checker: the registry says so
        raise BadModel(f"The net is a {type(net).__name__}.", remedy="Give an autoencoder.")
    return net


def _quick_optimizer(net: LatentNet, options: TrainingOptions) -> OptimizerMaker | None:
    """Return what updates all weights in one go, in a fifth of the time of one by one, where there is such.

    It takes no heed of the order in memory, which kernels of convolutions have of their own.
    """
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}.get(options.optimizer)
    if kind is None or any(each.ndim > 3 for each in net.parameters()):
        return None
    return partial(kind, lr=options.learning_rate, fused=True)


def _asked(options: Mapping[str, Any]) -> Asked:
    defaults = {"loss": "mse", "batch_size": BATCH, "training_cycles": 100, "full_epoch": True}
    return Asked({**defaults, "compute_accuracy": True, **options}, (*_NET_WORDS, *_CAPACITIES))

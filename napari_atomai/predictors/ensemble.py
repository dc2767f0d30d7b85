"""Many nets for one image: their mean, and how far they disagree."""

from __future__ import annotations

import copy
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import nn

from napari_atomai.data.arguments import a_number, shown, whole_number
from napari_atomai.data.progress import Progress, finish
from napari_atomai.errors import BadModel, BadOption
from napari_atomai.predictors.engines import Engine
from napari_atomai.predictors.pieces import Piece, plan
from napari_atomai.predictors.segmentation import (
    MEMORY_BUDGET,
    check_whole,
    checked_how,
    checked_net,
    engine_now,
    is_net,
)
from napari_atomai.predictors.stacks import Stack, with_channels
from napari_atomai.predictors.tiles import Map, channels_last, running
from napari_atomai.predictors.uncertainty import entropy, tempered
from napari_atomai.prepare.scaling import Scaling, a_scaling

EXPORTED_FROM = 1_000_000
"""Pixels in all from which building a faster engine for each member pays."""


@dataclass(frozen=True, eq=False)
class EnsembleMaps:
    """What an ensemble says of every pixel.

    Parameters
    ----------
    mean : array of float32, shape (n, y, x, classes)
        Mean probability of the members; at a temperature other than 1, tempered.
    standard_deviation : array of float32, shape (n, y, x, classes)
        Of the members' probabilities, as they are, about their mean (divided by their number).
    predictive_entropy : array of float32, shape (n, y, x)
        Entropy of the mean, in nats: how unsure the prediction is, for whatever reason.
    mutual_information : array of float32, shape (n, y, x)
        Entropy of the members' mean less the mean of their entropies, in nats: how much of it is that the
        members disagree, as they do where an image is unlike what they were trained on.
    members : int
        How many nets.

    Notes
    -----
    Lakshminarayanan et al., "Simple and scalable predictive uncertainty estimation using deep ensembles",
    arXiv:1612.01474; the split of the entropy: Depeweg et al., arXiv:1710.07283.
    """

    mean: NDArray[np.float32]
    standard_deviation: NDArray[np.float32]
    predictive_entropy: NDArray[np.float32]
    mutual_information: NDArray[np.float32]
    members: int


class EnsemblePredictor:
    """Predicts with an ensemble, one member at a time: memory for one net at work, however many there are.

    Parameters
    ----------
    model : torch.nn.Module or sequence of torch.nn.Module or Engine
        A net whose weights are replaced by those of each member in turn (in a copy), or all members.
    ensemble : mapping or sequence of state dicts, optional
        Weights of the members, as the ensemble trainers return them (by number, or in a list).
    nb_classes : int
        Checked against the net if given; 0 = what the net says.
    scaling : Scaling
        Of intensities; that of the training. An ensemble that has one of its own needs none here.
    temperature : float
        Applied to the mean of the members; see `napari_atomai.predictors.uncertainty.fit_temperature`.
    tile, memory_budget, engine, device, channels
        See `napari_atomai.predictors.segmentation.SegPredictor`.

    Raises
    ------
    BadOption
        If there is no member, or an option is out of range.
    BadModel
        If a member's weights do not fit the net, or the net has other classes than `nb_classes`.
    """

    def __init__(  # noqa: PLR0913 - the paper's arguments and those of a predictor
        self,
        model: nn.Module | Sequence[nn.Module | Engine],
        ensemble: Mapping[int, Mapping[str, Any]] | Sequence[Mapping[str, Any]] | None = None,
        *,
        nb_classes: int = 0,
        scaling: Scaling | None = None,
        temperature: float = 1.0,
        tile: int = 0,
        memory_budget: int = MEMORY_BUDGET,
        engine: str = "auto",
        device: str = "",
        channels: int = 0,
    ) -> None:
        self.members = _members(model, ensemble)
        self.scaling = a_scaling(getattr(ensemble, "scaling", None) if scaling is None else scaling)
        a_number("temperature", temperature, 0, remedy="Give a number above 0.")
        tempered(np.ones(2), temperature)  # refuses what is out of range
        self.temperature = temperature
        self.tile = check_whole("tile", tile)
        self.memory_budget = check_whole("memory_budget", memory_budget)
        self._how = checked_how(engine, device, channels)
        if whole_number("nb_classes", nb_classes, 0):
            _check_classes(self._engine(0, 0).facts.classes, nb_classes)

    def __len__(self) -> int:
        return len(self.members)

    def predict(self, images: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return mean and variance of the members' probabilities, as the paper does.

        Parameters
        ----------
        images : array, shape (n, y, x), (n, y, x, channels) or (y, x)
            Real numbers as the microscope gives them; they are scaled here.

        Returns
        -------
        mean, variance : arrays of float32, shape (n, y, x, classes)
        """
        maps = self.predict_uncertainty(images)
        return maps.mean, maps.standard_deviation**2

    def predict_uncertainty(self, images: ArrayLike) -> EnsembleMaps:
        """Return mean, standard deviation, predictive entropy and mutual information of every pixel."""
        return finish(self.predicting(images))

    def predicting(self, images: ArrayLike) -> Generator[Progress, None, EnsembleMaps]:
        """Predict as `predict_uncertainty` does, and say after each tile how far it is."""
        sums: _Sums | None = None
        for number, (stack, engine) in enumerate(self._runs(images)):
            shape = (len(stack), stack.frame.rows, stack.frame.columns, engine.facts.classes)
            sums = sums or _Sums(shape)
            _check_classes(engine.facts.classes, sums.mean.shape[-1])
            sums.members += 1
            work = running(engine, stack.read, stack.frame, self._pieces(stack, engine))
            for done, (piece, maps, left) in enumerate(work, start=1):
                sums.add(piece, channels_last(maps))
                of = done + left
                yield Progress(number * of + done, len(self) * of, f"member {number + 1} of {len(self)}")
            if number == 0:
                stack.tell()
        assert sums is not None  # there is a member
        return sums.finished(self.temperature)

    def each(self, images: ArrayLike) -> Iterator[NDArray[np.float32]]:
        """Give the probabilities (n, y, x, classes) of one member after the other."""
        for stack, engine in self._runs(images):
            shape = (len(stack), stack.frame.rows, stack.frame.columns, engine.facts.classes)
            result = np.empty(shape, np.float32)
            work = running(engine, stack.read, stack.frame, self._pieces(stack, engine))
            for piece, maps, _ in work:
                result[piece.where] = channels_last(maps)
            yield result

    def _runs(self, images: Any) -> Iterator[tuple[Stack, Engine]]:
        pixels = int(np.prod(np.shape(images)))
        for number in range(len(self)):
            engine = self._engine(number, pixels)
            yield Stack(with_channels(images, engine.facts.channels), self.scaling, engine.facts), engine

    def _pieces(self, stack: Stack, engine: Engine) -> list[Piece]:
        return plan(len(stack), stack.frame, engine.facts, self.memory_budget, self.tile)

    def _engine(self, number: int, pixels: int) -> Engine:
        kind, device, channels = self._how
        if kind == "auto" and pixels < EXPORTED_FROM:
            kind = "torch"
        return engine_now(self.members[number], kind, device, channels)


class _Members(Sequence[nn.Module]):
    """Members that differ in their weights only: one net, filled with those that are asked for."""

    def __init__(self, net: nn.Module, states: Sequence[Mapping[str, Any]]) -> None:
        self._net = copy.deepcopy(net)
        self._states = list(states)
        for number in range(len(self._states)):
            self[number]  # refuses weights that do not fit

    def __len__(self) -> int:
        return len(self._states)

    def __getitem__(self, number: Any) -> Any:
        try:
            self._net.load_state_dict(self._states[number])
        except (RuntimeError, TypeError, AttributeError) as error:
            raise BadModel(
                f"The weights of member {number} do not fit the net: {error}",
                why="Every member is the same net with other weights.",
                remedy="Give the net that the ensemble was trained with.",
            ) from error
        return self._net


class _Sums:
    """Mean and spread so far, member by member (Welford), and the mean of the members' entropies."""

    def __init__(self, shape: tuple[int, int, int, int]) -> None:
        self.members = 0
        self.mean = np.zeros(shape, np.float32)
        self.squares = np.zeros(shape, np.float32)
        self.entropies = np.zeros(shape[:3], np.float32)

    def add(self, piece: Piece, maps: Map) -> None:
        """Take in a piece of a member."""
        mean, squares, entropies = (one[piece.where] for one in (self.mean, self.squares, self.entropies))
        off = maps - mean
        mean += off / self.members
        squares += off * (maps - mean)
        entropies += (entropy(maps) - entropies) / self.members

    def finished(self, temperature: float) -> EnsembleMaps:
        """Return the maps; the sums become them, frame by frame, so that nothing is held twice."""
        information = self.entropies
        total = np.empty_like(information)
        for mean, inside, out in zip(self.mean, information, total, strict=True):
            out[...] = entropy(mean)
            inside[...] = np.maximum(out - inside, 0)
            if temperature != 1:
                mean[...] = tempered(mean, temperature)
                out[...] = entropy(mean)
        np.sqrt(np.maximum(self.squares, 0, out=self.squares) / self.members, out=self.squares)
        return EnsembleMaps(self.mean, self.squares, total, information, self.members)


def _members(model: Any, ensemble: Any) -> Sequence[Any]:
    if ensemble is None:
        nets = [model] if is_net(model) else model
        return [checked_net(net) for net in _several(nets, "model")]
    if not isinstance(model, nn.Module):
        raise BadOption(f"model is {shown(model)}.", remedy="Give the net whose weights the ensemble has.")
    return _Members(model, _several(ensemble.values() if isinstance(ensemble, Mapping) else ensemble))


def _several(given: Any, name: str = "ensemble") -> list[Any]:
    several = list(given) if isinstance(given, Iterable) and not isinstance(given, str | bytes) else []
    if not several:
        raise BadOption(
            f"{name} is {shown(given)}: there is no member.",
            why="An ensemble has at least one.",
            remedy="Give the nets, or their weights, in a list.",
        )
    return several


def _check_classes(found: int, wanted: int) -> None:
    if found != wanted:
        raise BadModel(
            f"The net has {found} classes; {wanted} were asked for or belong to the members before it.",
            remedy="Give the number of classes that the ensemble was trained with.",
        )

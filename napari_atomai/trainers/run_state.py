"""What a run knows of itself while it goes on: enough to stop, be written down, and go on bit for bit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from napari_atomai.errors import BadModel, BadOption
from napari_atomai.trainers.averaging import Weights, copied
from napari_atomai.trainers.options import OWN, Asked, TrainingOptions
from napari_atomai.trainers.task import Scores

VERSION = 1
_FIXED = ("full_epoch", "batch_size", "seed", "optimizer")
"""Options that a run cannot change on its way."""


@dataclass(eq=False)
class Best:
    """The weights with the lowest test loss so far."""

    loss: float
    cycle: int
    weights: Weights


@dataclass(eq=False)
class RunState:
    """A run on its way.

    Parameters
    ----------
    net, optimizer
        What learns; the state of both is part of the run's.
    step : int
        Batches that were learned from.
    average : AveragedModel, optional
        The average of the weights, once averaging has begun.
    best : Best, optional
    history : dict of str to list of float
        Losses per cycle.
    losses : list of float
        Of the batches of the cycle that is not yet done.
    scores : Scores, optional
        Of the same batches.
    """

    net: nn.Module
    optimizer: torch.optim.Optimizer
    step: int = 0
    average: AveragedModel | None = None
    best: Best | None = None
    history: dict[str, list[float]] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    scores: Scores | None = None

    def keep_best(self, cycle: int, window: int) -> None:
        """Keep the weights if they are the best so far.

        Judged by the mean of the last `window` test losses, in which every test image has been looked at: a
        single batch says little.
        """
        recent = self.history["test_loss"][-window:]
        judged = sum(recent) / len(recent)
        if math.isfinite(judged) and (self.best is None or judged < self.best.loss):
            self.best = Best(judged, cycle, copied(self.net))

    def written(self, options: TrainingOptions, data: Mapping[str, int]) -> dict[str, Any]:
        """Return all of it as numbers, strings and tensors, for `checkpoint.save_state`."""
        best = self.best
        return {
            "version": VERSION,
            "options": options.model_dump(mode="json"),
            "data": dict(data),
            "step": self.step,
            "net": copied(self.net),
            "optimizer": self.optimizer.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "best": best and {"loss": best.loss, "cycle": best.cycle, "weights": best.weights},
            # As tensors: exact, and no burden on the header of the file.
            "history": {name: _doubles(values) for name, values in self.history.items()},
            "losses": _doubles(self.losses),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `written` returned.

        Raises
        ------
        BadModel
            If it belongs to another net, or does not hold together.
        """
        try:
            self.net.load_state_dict(state["net"])
            self.optimizer.load_state_dict(_own(state["optimizer"]))
            if state["average"] is not None:
                self.average = AveragedModel(self.net)
                self.average.load_state_dict(state["average"])
            self.best = None if state["best"] is None else Best(**state["best"])
            self.history = {name: values.tolist() for name, values in state["history"].items()}
            self.losses, self.step = state["losses"].tolist(), int(state["step"])
        except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            raise BadModel(
                f"The state of the run does not fit this net: {error}",
                remedy="Go on with the net and the options that it was begun with, or train afresh.",
            ) from error


def _doubles(values: list[float]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def _own(state: Any) -> Any:
    """Copy a tree of tensors: an optimizer keeps and changes what it is handed."""
    if isinstance(state, torch.Tensor):
        return state.clone()
    if isinstance(state, Mapping):
        return {key: _own(value) for key, value in state.items()}
    return [_own(value) for value in state] if isinstance(state, list | tuple) else state


def check_continues(state: Mapping[str, Any], options: TrainingOptions, data: Mapping[str, int]) -> None:
    """Refuse to go on with a run that was begun otherwise.

    Raises
    ------
    BadModel
        If it is not the state of a run.
    BadOption
        If an option or the images differ from what it was begun with.
    """
    begun, seen = state.get("options"), state.get("data")
    if state.get("version") != VERSION or not (isinstance(begun, Mapping) and isinstance(seen, Mapping)):
        raise BadModel(
            "This is not the state of a training run of this version.",
            remedy="Give another checkpoint, or delete it to start afresh.",
        )
    now, same = options.model_dump(mode="json"), "Go on with the same, or begin a new run from these weights."
    for name in _FIXED:
        if now[name] != begun.get(name):
            raise BadOption(
                f"The run was begun with {name}={begun.get(name)!r}, and is to go on with {now[name]!r}.",
                why="Batches would not follow on from those that were seen.",
                remedy=same,
            )
    if dict(seen) != dict(data):
        raise BadOption(
            f"The run was begun with {seen.get('images')} images, and is to go on with {data['images']}; "
            "they are not the same.",
            why="It would not be the run that it was.",
            remedy=same,
        )


def continued(state: Mapping[str, Any], asked: Asked, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the words of a run that is gone on with, and of how many cycles it is to have in all.

    Parameters
    ----------
    state : mapping
        Of the run; empty if there is none.
    asked : Asked
        What it was begun with, if that was here.
    options : mapping
        What is to be otherwise; `training_cycles` counts what is to come.

    Raises
    ------
    BadOption
        If there is no run, it is at its end, or it was begun with a function that is not known here.
    """
    if not state:
        raise BadOption(
            "There is no training to go on with.",
            why="The model was not trained here, or was saved without the state of its training.",
            remedy="Train it with resume=False: it begins from the weights as they are.",
        )
    begun = TrainingOptions.of(state["options"])
    done = len(state["history"].get("train_loss", ()))
    more = int(options.get("training_cycles", begun.training_cycles - done))
    if more < 1:
        raise BadOption(
            f"The training came to its end after {done} cycles.",
            remedy="Give training_cycles: how many more there are to be.",
        )
    words = {**(asked.words() or begun.model_dump()), **options, "training_cycles": done + more}
    for name in ("loss", "optimizer"):
        if words.get(name) == OWN:
            raise BadOption(
                f"The training was begun with a {name} of your own, which no file holds.",
                remedy=f"Give it again: {name}=...",
            )
    return words

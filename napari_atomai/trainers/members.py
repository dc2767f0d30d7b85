"""How the members of an ensemble come about: three strategies, for any net, loss and kind of data."""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator
from typing import TypeVar

from torch import nn

from napari_atomai.data.progress import Progress
from napari_atomai.errors import BadModel, BadOption
from napari_atomai.nets.registry import build_net, describe_net
from napari_atomai.trainers.averaging import Swag, Weights, copied
from napari_atomai.trainers.loop import Trainer
from napari_atomai.trainers.options import TrainingOptions
from napari_atomai.trainers.randomness import Stream, generator, own_randomness, seed_of
from napari_atomai.trainers.task import Trained

Result = TypeVar("Result")


def member_seed(seed: int, member: int) -> int:
    """Return the seed of a member's weights and run."""
    return seed_of(seed, Stream.MEMBERS, member) % 2**32


def trained_apart(
    make: Callable[[int], Trainer], count: int, members: list[Weights]
) -> Generator[Progress, None, list[Trained]]:
    """Train one run after another: from scratch or from a baseline, as `make` makes them.

    Parameters
    ----------
    make : function
        Makes the run of a member by its number.
    count : int
        How many.
    members : list
        Gets the weights of each member as soon as it is trained: what is there stays when a later one fails.

    Returns
    -------
    list of Trained
    """
    results = []
    for index in range(count):
        run = make(index)
        cycles = run.options.training_cycles
        result = yield from counted(
            run.training(), index * cycles, count * cycles, f"model {index + 1} of {count}"
        )
        members.append(copied(run.net))
        results.append(result)
    return results


def counted(
    work: Generator[Progress, None, Result], before: int, of: int, what: str = ""
) -> Generator[Progress, None, Result]:
    """Let work count its steps as part of something larger."""
    while True:
        try:
            progress = next(work)
        except StopIteration as end:
            result: Result = end.value
            return result
        message = ", ".join(part for part in (what, progress.message) if part)
        yield Progress(before + progress.step, of, message, progress.losses)


def trained_swag(
    run: Trainer, count: int, members: list[Weights], scale: float = 1.0
) -> Generator[Progress, None, Trained]:
    """Train once, and draw members from the Gaussian around the last part of the trajectory.

    The net ends with the mean weights; its batch statistics, and those of every member, are computed anew.

    Parameters
    ----------
    run : Trainer
        Weights are collected after each cycle from `swa_start` on.
    count : int
        How many members.
    members : list
        Gets the weights of each member.
    scale : float
        Factor on the covariance.
    """
    check_trajectory(run.options)
    swag, work = Swag(), run.training()
    of = run.options.training_cycles + count
    while True:
        try:
            progress = next(work)
        except StopIteration as end:
            trained: Trained = end.value
            break
        # A cycle is done where there are losses: the weights are those after it.
        if progress.losses and progress.step >= run.options.swa_first:
            swag.add(run.net)
        yield Progress(progress.step, of, progress.message, progress.losses)
    for index in range(count):
        swag.draw(run.net, generator(run.options.seed, Stream.SAMPLES, index), scale)
        run.refresh()
        members.append(copied(run.net))
        yield Progress(of - count + index + 1, of, f"drawing model {index + 1} of {count}")
    swag.draw(run.net, generator(run.options.seed, Stream.SAMPLES, count), 0.0)
    run.refresh()
    return trained


def check_trajectory(options: TrainingOptions) -> None:
    """Refuse a run that is too short for a spread.

    Raises
    ------
    BadOption
        With the number of cycles that would be looked at.
    """
    seen = options.training_cycles - options.swa_first + 1
    if seen < 2:
        raise BadOption(
            f"SWAG would see the weights of {seen} of {options.training_cycles} cycles.",
            why="A spread needs at least two, better 20 or more.",
            remedy="Give more training_cycles, or a smaller swa_start.",
        )


def fresh(model: str | nn.Module, seed: int, build: Callable[[int], nn.Module]) -> nn.Module:
    """Return a net with new random weights, also where a net was given itself.

    Parameters
    ----------
    model : str or torch.nn.Module
        The name of a net, or a net, which is only read.
    seed : int
        Of the weights.
    build : function
        Builds the net of a name with a seed.

    Raises
    ------
    BadModel
        If a layer of the net has weights and no way to draw them.
    """
    if not isinstance(model, nn.Module):
        return build(seed)
    try:
        name, options = describe_net(model)
    except BadModel:
        return _reset(copy.deepcopy(model), seed)
    return build_net(name, options, seed=seed)


def _reset(net: nn.Module, seed: int) -> nn.Module:
    """Let every layer draw its weights anew, or say which cannot."""
    fixed = [
        name or type(layer).__name__
        for name, layer in net.named_modules()
        if any(True for _ in layer.parameters(recurse=False)) and not hasattr(layer, "reset_parameters")
    ]
    if fixed:
        raise BadModel(
            f"The layer {fixed[0]!r} of the net cannot draw new weights: it has no reset_parameters().",
            why="Every member begins from random weights of its own.",
            remedy="Give the net's class a name with @register, or train from a baseline.",
        )
    with own_randomness(seed):
        for layer in net.modules():
            reset = getattr(layer, "reset_parameters", None)
            if callable(reset):
                reset()
    return net

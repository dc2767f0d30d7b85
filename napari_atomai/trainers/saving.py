"""A trained net, its card and the state of its training in one safetensors file, and out of it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_atomai.data.arguments import a_path
from napari_atomai.data.card import ModelCard
from napari_atomai.errors import BadModel, UnknownOption
from napari_atomai.files.weights import Weights, read_tensors, write_weights
from napari_atomai.nets.registry import build_net
from napari_atomai.trainers.averaging import copied
from napari_atomai.trainers.checkpoint import put_together, taken_apart

Tensors = dict[str, NDArray[Any]]

_RUN, _TREE = "training/", "napari_atomai.training"


def with_suffix(path: str | Path) -> Path:
    """Return the path of a model file; ".safetensors" is added to a name that ends otherwise."""
    full = a_path("The file of the model", path, "Give the path that it is to be saved under.")
    return full if full.suffix == ".safetensors" else full.with_name(full.name + ".safetensors")


def write_net(path: Path, card: ModelCard, net: nn.Module, run: Mapping[str, Any] | None = None) -> None:
    """Write a net with its card and, if it is given, the state of its training.

    Parameters
    ----------
    path : Path
        An existing file stays whole until the new one is.
    card : ModelCard
        What is to be known of it.
    net : torch.nn.Module
        Only read.
    run : mapping, optional
        What `Trainer.state` returned.
    """
    tensors = arrays(copied(net))
    beside = {}
    if run:
        state: dict[str, torch.Tensor] = {}
        beside[_TREE] = json.dumps(taken_apart(run, state))
        tensors.update({_RUN + name: value.cpu().numpy() for name, value in state.items()})
    write_weights(path, card, tensors, beside=beside)


def read_run(path: Path) -> dict[str, Any]:
    """Return the state of the training that a model file carries; empty if it carries none."""
    found, metadata = read_tensors(path)
    if _TREE not in metadata:
        return {}
    tensors = {
        name.removeprefix(_RUN): torch.from_numpy(array.copy())
        for name, array in found.items()
        if name.startswith(_RUN)
    }
    try:
        run = put_together(json.loads(metadata[_TREE]), tensors)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise BadModel(
            f"The state of the training in {path.name} does not hold together: {error!r}.",
            remedy="Copy the file again, or train from its weights afresh.",
        ) from error
    return run if isinstance(run, dict) else {}


def write_members(path: Path, card: ModelCard, members: list[dict[str, torch.Tensor]]) -> None:
    """Write the nets of an ensemble with one card."""
    tensors: Tensors = {}
    for index, member in enumerate(members):
        tensors.update({f"{index}.{name}": value for name, value in arrays(member).items()})
    write_weights(path, card.model_copy(update={"members": len(members)}), tensors)


def net_of(weights: Weights) -> nn.Module:
    """Build the net of a file, the first of an ensemble, and give it its weights.

    Raises
    ------
    BadModel
        If there is no such net here, or the weights do not fit it.
    """
    card = weights.card
    try:
        net = build_net(card.net, card.net_options)
    except UnknownOption as error:
        raise BadModel(
            f"The model {card.name!r} is a net {card.net!r} with options {card.net_options}. {error.what}",
            why="It was saved with a net that is not known here.",
            remedy=f"Import the module that defines it (with @register({card.net!r})) first.",
        ) from error
    give(net, weights.of_members()[0])
    return net.eval()


def give(net: nn.Module, weights: Weights) -> None:
    """Give a net the weights of a single net's file; a net that they do not fit is left as it is.

    Raises
    ------
    BadModel
        With the first tensors that are missing, too many, or of another shape.
    """
    own, state = net.state_dict(), state_of(net, weights)
    wrong = [f"{key!r} is missing" for key in own if key not in state]
    wrong += [f"{key!r} is too many" for key in state if key not in own]
    wrong += [
        f"{key!r} has shape {tuple(value.shape)} instead of {tuple(own[key].shape)}"
        for key, value in state.items()
        if key in own and value.shape != own[key].shape
    ]
    if wrong:
        raise BadModel(
            f"The weights of {weights.card.name!r} do not fit the net: {'; '.join(wrong[:3])}"
            + (f" ... ({len(wrong)} in all)." if len(wrong) > 3 else "."),
            why="They are those of another net, or of the same with other options.",
            remedy="Open the file with load_model, which builds the net that it was saved with.",
        )
    net.load_state_dict(state)


def state_of(net: nn.Module, weights: Weights) -> dict[str, torch.Tensor]:
    """Return the weights of a single net's file as torch takes them."""
    # Models that were trained by older versions carry no counters of batches.
    counters = {name: value for name, value in net.state_dict().items() if not value.is_floating_point()}
    found = {
        name: torch.from_numpy(np.array(array))
        for name, array in weights.tensors.items()
        if not name.startswith(_RUN)
    }
    return {**counters, **found}


def arrays(weights: Mapping[str, torch.Tensor]) -> Tensors:
    """Return weights as numpy arrays."""
    return {name: value.detach().cpu().numpy() for name, value in weights.items()}

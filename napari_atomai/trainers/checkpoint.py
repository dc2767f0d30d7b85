"""The state of a training run in one safetensors file: continued bit for bit, and nothing in it is run.

A state is a tree of dictionaries, lists, numbers and tensors, as torch's ``state_dict`` gives it. Its tensors
go into the file as they are, the tree around them as JSON.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from napari_atomai.errors import BadModel
from napari_atomai.files.weights import read_tensors, write_tensors

_TREE = "napari_atomai.state"


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a state; an existing file stays whole until the new one is."""
    tensors: dict[str, torch.Tensor] = {}
    tree = json.dumps(taken_apart(state, tensors))
    write_tensors(path, {name: tensor.cpu().numpy() for name, tensor in tensors.items()}, {_TREE: tree})


def load_state(path: Path) -> dict[str, Any]:
    """Read a state that `save_state` wrote.

    Raises
    ------
    CannotRead
        If the file is missing or not whole.
    BadModel
        If it is not such a state.
    """
    arrays, metadata = read_tensors(path)
    try:
        tensors = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
        state = put_together(json.loads(metadata[_TREE]), tensors)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise BadModel(
            f"{path.name} is not the state of a training run: {error!r}.",
            remedy="Give another checkpoint file, or delete it to start afresh.",
        ) from error
    if not isinstance(state, dict):
        raise BadModel(f"{path.name} is not the state of a training run.")
    return state


def taken_apart(node: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """Return a tree without its tensors, which are put into `tensors`; the rest is JSON."""
    if isinstance(node, torch.Tensor):
        name = str(len(tensors))
        tensors[name] = node.detach().contiguous()
        return {"tensor": name}
    if isinstance(node, dict):  # JSON would turn the keys into strings
        return {"pairs": [[key, taken_apart(value, tensors)] for key, value in node.items()]}
    if isinstance(node, list | tuple):
        return [taken_apart(value, tensors) for value in node]
    return node


def put_together(node: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """Return the tree that `taken_apart` took apart; tuples have become lists."""
    if isinstance(node, list):
        return [put_together(value, tensors) for value in node]
    if isinstance(node, dict) and "tensor" in node:
        return tensors[node["tensor"]]
    if isinstance(node, dict):
        return {key: put_together(value, tensors) for key, value in node["pairs"]}
    return node

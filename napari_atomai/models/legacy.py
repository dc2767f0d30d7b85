"""Models that AtomAI saved (.tar), opened without running anything that lies in the file.

What the net looks like is read from its weights, whose names and shapes say it all; from the settings beside
them comes only how it interpolates. AtomAI's nets are `napari_atomai.nets.atomai`.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_atomai.data.arguments import a_path
from napari_atomai.data.card import ModelCard
from napari_atomai.errors import BadModel
from napari_atomai.files.torchfile import Unread, read_torch
from napari_atomai.files.weights import Weights, write_weights
from napari_atomai.models.segmentor import Segmentor
from napari_atomai.nets.registry import build_net
from napari_atomai.prepare.scaling import Scaling
from napari_atomai.trainers.ensemble import Ensemble
from napari_atomai.trainers.saving import with_suffix

Arrays = dict[str, NDArray[Any]]

_CHOOSE = "Choose a model that AtomAI's Segmentor saved, or its weights."
_PLAIN = (bool, int, float, str)

_UNET = {
    **{
        "c1": "down.0",
        "c2": "down.1",
        "c3": "down.2",
        "bn": "bottom",
        "c4": "up.0",
        "c5": "up.1",
        "c6": "up.2",
    },
    **{f"upsample_block{i + 1}": f"squeeze.{i}" for i in range(3)},
    "px": "head",
}
_DILNET = {
    **{"c1": "down.0", "at1": "bottom.0", "at2": "bottom.1", "c2": "up.0"},
    **{"up1": "squeeze.0", "px": "head"},
}
_SEGRESNET = {
    **{"c1": "down.0", "c2": "down.1", "bn": "bottom", "c3": "up.0", "c4": "up.1"},
    **{f"upsample_block{i + 1}": f"squeeze.{i}" for i in range(2)},
    "px": "head",
}
_RESHEDNET = {
    **{f"net{i + 1}": f"stages.{i}" for i in range(3)},
    **{f"net{i + 1}score": f"sides.{i}" for i in range(3)},
    "out": "fuse",
}
_NETS: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "atomai_unet": (_UNET, ("c1", "c2", "c3", "bn")),
    "atomai_dilnet": (_DILNET, ("c1", "at1", "at2", "c2")),
    "atomai_segresnet": (_SEGRESNET, ("c2", "bn", "c3")),
    "atomai_reshednet": (_RESHEDNET, ("net1", "net2", "net3")),
}
"""Net -> what its parts are called here and in AtomAI; the parts whose layers are counted."""


def load_atomai(path: str | Path) -> Segmentor:
    """Open a segmentation model that AtomAI saved, ready to predict and to be trained on.

    Parameters
    ----------
    path : str or path
        A .tar file of ``Segmentor.fit`` or ``save_model``, or weights alone.

    Raises
    ------
    CannotRead, TooLarge
        If it is missing, not whole, or declares more than it holds.
    BadModel
        If it holds something else, an ensemble, or names a function to be run.

    Notes
    -----
    Images are scaled between their darkest and brightest pixel, as AtomAI does in prediction. The distance of
    atoms that the net was trained at is not in the file: bring images to it with ``predict(resize=...)``.
    """
    weights = read_atomai(path)
    if weights.card.members > 1:
        raise BadModel(
            f"The checkpoint {weights.card.name!r} holds an ensemble of {weights.card.members} nets.",
            remedy="Open it with load_ensemble.",
        )
    return Segmentor.of_weights(weights)


def load_atomai_ensemble(path: str | Path) -> Ensemble:
    """Open an ensemble of segmentation nets that AtomAI saved; see `load_atomai`."""
    return Ensemble.of_weights(read_atomai(path))


def convert_atomai(path: str | Path, to: str | Path = "") -> Path:
    """Write a model of AtomAI anew as safetensors, and return the path of that file.

    Parameters
    ----------
    path : str or path
        The .tar file; it stays as it is.
    to : str or path
        Where to; beside it, with the ending .safetensors, when left out.
    """
    weights = read_atomai(path)
    full = with_suffix(to) if to != "" else a_path("The checkpoint", path).with_suffix(".safetensors")
    write_weights(full, weights.card, weights.tensors)
    return full


def read_atomai(path: str | Path) -> Weights:
    """Read a model of AtomAI, or an ensemble, with a card that says what is known about it.

    Raises
    ------
    CannotRead, TooLarge, BadModel
        As `load_atomai`.
    """
    path = a_path("The checkpoint", path, _CHOOSE)
    content = read_torch(path)
    settings, members = _taken_apart(content, path)
    first = members[0]
    kind = _kind(first, path)
    options = _options(kind, first, settings)
    tensors: Arrays = {}
    for number, member in enumerate(members):
        renamed = {_renamed(kind, name): array for name, array in member.items()}
        _check_fits(kind, options, renamed, path)
        head = f"{number}." if len(members) > 1 else ""
        tensors.update({head + name: np.array(array, order="C") for name, array in renamed.items()})
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Weights(_card(path, kind, options, settings, len(members)), tensors, digest)


def _taken_apart(content: Any, path: Path) -> tuple[dict[str, Any], list[Arrays]]:
    """Return the settings and the weights of every net."""
    if isinstance(content, Unread):
        raise BadModel(
            f"{path.name} holds a whole {content.name}, which cannot be opened without running its code.",
            remedy="In AtomAI, save it with model.save_model(...), which writes settings and weights.",
        )
    if not isinstance(content, dict):
        raise BadModel(f"{path.name} does not hold the weights of a net.", remedy=_CHOOSE)
    kind = content.get("model_type", "seg")
    if kind != "seg":
        said = repr(kind[:40]) if isinstance(kind, str) else "not known"
        raise BadModel(f"The AtomAI model in {path.name} is of type {said}, not 'seg'.", remedy=_CHOOSE)
    weights = content.get("weights", content)
    members = list(weights.values()) if isinstance(weights, dict) and 0 in weights else [weights]
    for member in members:
        whole = isinstance(member, dict) and all(isinstance(name, str) for name in member)
        if not whole or not member or not all(isinstance(value, np.ndarray) for value in member.values()):
            raise BadModel(f"{path.name} does not hold the weights of a net.", remedy=_CHOOSE)
    settings = {
        name: value
        for name, value in content.items()
        if isinstance(name, str) and _is_plain(value) and name not in members[0]
    }
    return settings, members


def _is_plain(value: Any) -> bool:
    several = value if isinstance(value, list) else [value]
    return len(several) <= 16 and all(isinstance(each, _PLAIN) for each in several)


def _kind(weights: Iterable[str], path: Path) -> str:
    parts = {name.partition(".")[0] for name in weights}
    for kind, (names, _) in _NETS.items():
        if parts == set(names):
            return kind
    raise BadModel(
        f"The net in {path.name} has the parts {', '.join(sorted(parts)[:8])}.",
        why="None of AtomAI's segmentation nets is made so; it may be a net of somebody's own.",
        remedy="Build it in torch, register it (napari_atomai.nets.registry.register) and load its weights.",
    )


def _options(kind: str, weights: Arrays, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Work out how the net is built from what its weights are called and how large they are."""
    counted = _NETS[kind][1]
    kernels = [array for array in weights.values() if array.ndim == 4]
    head = weights.get("px.weight", weights.get("out.weight"))
    if not kernels or head is None or head.ndim != 4:
        raise BadModel("The weights have no first or no last convolution.", remedy=_CHOOSE)
    options: dict[str, Any] = {
        "channels": kernels[0].shape[1],
        "classes": head.shape[0],
        "filters": kernels[0].shape[0],
        "layers": [_count(weights, part) for part in counted],
        "batch_norm": any(name.endswith("running_mean") for name in weights),
        "upsampling": "nearest" if settings.get("upsampling") == "nearest" else "bilinear",
    }
    if kind in ("atomai_unet", "atomai_dilnet"):
        options["dropout"] = _has_dropout(weights, counted[2], options["batch_norm"])
    if kind == "atomai_unet":
        options["dilated"] = any(name.startswith("bn.atrous_module.") for name in weights)
    return options


def _count(weights: Arrays, part: str) -> int:
    """Convolutions of a part, or its residual blocks."""
    numbers = (
        re.match(rf"{part}\.(?:1\.)?(?:block|atrous_module|res_module)\.(\d+)\.", name)
        for name, array in weights.items()
        if array.ndim == 4
    )
    return len({match[1] for match in numbers if match})


def _has_dropout(weights: Arrays, part: str, batch_norm: bool) -> bool:
    """Tell by the numbers of a part's layers, which leave room for those without weights."""
    own = {name: array for name, array in weights.items() if name.startswith(f"{part}.")}
    numbers = sorted(int(name.split(".")[2]) for name, array in own.items() if array.ndim == 4)
    if batch_norm:
        return f"{part}.{next(iter(own)).split('.')[1]}.3.running_mean" in own
    return len(numbers) > 1 and numbers[1] == 3


def _renamed(kind: str, name: str) -> str:
    """Return what a parameter of AtomAI's net is called here."""
    part, _, rest = name.partition(".")
    if kind == "atomai_reshednet":
        rest = rest.removeprefix("1.res_module.").removeprefix("res_module.")
    else:
        rest = re.sub(r"^(block|atrous_module|res_module|conv)\.", "", rest)
    return f"{_NETS[kind][0][part]}.{rest}"


def _check_fits(kind: str, options: Mapping[str, Any], weights: Arrays, path: Path) -> None:
    """Compare with a net without memory: a file may declare a net that none could hold."""
    with torch.device("meta"):
        own = {name: tuple(value.shape) for name, value in build_net(kind, options).state_dict().items()}
    wrong = [f"{name!r} is missing" for name in own if name not in weights]
    wrong += [f"{name!r} is too many" for name in weights if name not in own]
    wrong += [
        f"{name!r} has the shape {array.shape} instead of {own[name]}"
        for name, array in weights.items()
        if own.get(name, array.shape) != array.shape
    ]
    wrong += [f"{name!r} is not finite" for name, array in weights.items() if not np.isfinite(array).all()]
    if wrong:
        raise BadModel(
            f"The weights in {path.name} do not make an {kind}: {'; '.join(wrong[:3])}.",
            why="The file is damaged, or its net was changed.",
            remedy=_CHOOSE,
        )
    held = sum(math.prod(shape) for shape in own.values())
    if held > path.stat().st_size:  # the same numbers, used again and again
        raise BadModel(f"{path.name} is too short for a net of {held} weights.", remedy=_CHOOSE)


def _card(
    path: Path, kind: str, options: dict[str, Any], settings: Mapping[str, Any], members: int
) -> ModelCard:
    classes = int(options["classes"])
    return ModelCard(
        name=path.stem,
        description="Trained with AtomAI; the distance of atoms that it was trained at is not known.",
        licence="not known",
        net=kind,
        net_options=options,
        members=members,
        classes=tuple(f"class {i}" for i in range(max(classes - 1, 1))),
        spacing_known=False,
        task="segmentation",
        background="none" if classes == 1 else "last",
        scaling=Scaling(kind="minmax").model_dump(mode="json"),
        training={"program": "AtomAI", "settings": dict(settings)},
    )

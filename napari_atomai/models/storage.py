"""Find a model by its name or path, open it once, and save it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from napari_atomai.data.arguments import a_path, shown
from napari_atomai.errors import BadModel, BadOption, UnknownOption
from napari_atomai.files.weights import Weights, read_weights

if TYPE_CHECKING:  # they bring torch
    from napari_atomai.models.imspec import ImSpec
    from napari_atomai.models.latent import LatentModel
    from napari_atomai.models.segmentor import Segmentor
    from napari_atomai.trainers.ensemble import Ensemble

_OF_TORCH = (".tar", ".pt", ".pth")
"""Endings of AtomAI's own files."""
_GIVE = "Give a .safetensors file, the name of a bundled model, or a checkpoint of AtomAI (.tar)."

BUNDLED = Path(__file__).resolve().parent.parent / "weights"
"""Folder of the models that ship with the package."""


def bundled_models() -> dict[str, Path]:
    """Return the models that ship with the package, by name."""
    return {path.stem: path for path in sorted(BUNDLED.glob("*.safetensors"))}


def model_path(name: str | Path) -> Path:
    """Return the file of a bundled model, or of a path, whose ".safetensors" may be left out.

    Raises
    ------
    UnknownOption
        If there is neither a bundled model nor a file of that name.
    """
    path, known = a_path("The model", name, _GIVE), bundled_models()
    if str(path) in known:
        return known[str(path)]
    if path.suffix == ".safetensors" or path.is_file():
        return path.resolve()
    whole = path.with_name(path.name + ".safetensors")
    if whole.is_file():
        return whole.resolve()
    raise UnknownOption("model", str(name), known)


def load_weights(name: str | Path) -> Weights:
    """Open a bundled model by name, or a .safetensors file; one that was just used is not read again."""
    path = model_path(name)
    changed = path.stat().st_mtime_ns if path.is_file() else 0
    return _load(path, changed)


@lru_cache(maxsize=4)
def _load(path: Path, changed: int) -> Weights:
    del changed  # part of the key: a file that was replaced is read again
    return read_weights(path)


def load_model(path: str | Path) -> Segmentor | ImSpec | LatentModel:
    """Open a model that was saved, ready to predict and to go on with its training.

    What is in the file says which kind of model it is.

    Parameters
    ----------
    path : str or path
        A .safetensors file, the name of a bundled model, or a checkpoint of AtomAI (.tar, .pt, .pth).

    Raises
    ------
    CannotRead, BadModel, UnknownOption
        If there is no such file, it is not whole, or it holds a net that is not known here.
    """
    from napari_atomai.models.segmentor import Segmentor
    from napari_atomai.trainers.saving import read_run

    if _is_of_torch(path):
        from napari_atomai.models.legacy import load_atomai

        return load_atomai(path)
    found = model_path(path)
    weights = load_weights(path)
    if weights.card.task == "imspec":
        from napari_atomai.models.imspec import ImSpec

        return ImSpec.of_weights(weights, read_run(found))
    if weights.card.task == "latent":
        from napari_atomai.models.vae import LatentModel  # with the names of the paper

        return LatentModel.of_weights(weights, read_run(found))
    if weights.card.members > 1:
        raise BadModel(
            f"{found.name} holds an ensemble of {weights.card.members} nets.",
            remedy="Open it with load_ensemble.",
        )
    return Segmentor.of_weights(weights, read_run(found))


def load_pretrained_model(name: str = "atoms") -> Segmentor:
    """Open a model that ships with the package, by its name; nothing is downloaded.

    Of an ensemble this is the first net; `load_ensemble` opens all of them.

    Raises
    ------
    UnknownOption
        If there is none of that name; the nearest is given.
    """
    from napari_atomai.models.segmentor import Segmentor

    known = bundled_models()
    if str(a_path("The bundled model", name, f"Give one of {', '.join(known)}.")) not in known:
        raise UnknownOption("bundled model", str(name), known)
    return Segmentor.of_weights(load_weights(name).of_members()[0])


def save_model(model: Segmentor | ImSpec | LatentModel | Ensemble, path: str | Path) -> Path:
    """Write a model or an ensemble to one safetensors file; see `Segmentor.save_model`."""
    if not hasattr(model, "save_model"):
        raise BadOption(
            f"The model is {shown(model)}.", remedy="Give a Segmentor, an ensemble ... and a path."
        )
    return model.save_model(path)


def load_ensemble(path: str | Path) -> Ensemble:
    """Open an ensemble that was saved.

    Raises
    ------
    CannotRead, BadModel
        If there is no such file, it is not whole, or its net is not known here.
    """
    from napari_atomai.trainers.ensemble import Ensemble

    if _is_of_torch(path):
        from napari_atomai.models.legacy import load_atomai_ensemble

        return load_atomai_ensemble(path)
    return Ensemble.of_weights(load_weights(path))


def _is_of_torch(path: str | Path) -> bool:
    return a_path("The model", path, _GIVE).suffix.lower() in _OF_TORCH

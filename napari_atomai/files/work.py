"""A piece of work as one file: JSON for what there is, NPY for the numbers, in a zip. No Qt, no pickle.

Everything that can read a zip and NPY can read it: ``numpy.load(file)`` gives the arrays by name, and
``session.json`` says what they are. Models lie in ``models/`` as safetensors files, named by their hash.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from napari_atomai.errors import CannotRead, TooLarge
from napari_atomai.files.atomic import replacing
from napari_atomai.files.guard import Limits

SUFFIX = ".atomai"
VERSION = 2
"""2: arrows, tracks, colours, and the models that were used."""
_ENTRY = "session.json"
_MODELS, _MODEL = "models/", ".safetensors"
_MOST_JSON = 64 << 20


@dataclass(frozen=True, eq=False)
class Work:
    """What is kept of a viewer.

    Parameters
    ----------
    entry : dict
        Its layers, and how atoms were found, as JSON.
    arrays : dict of str to array
        Their numbers.
    models : dict of str to bytes
        Safetensors files of the taught models that were used, by their hash (sha256).
    """

    entry: dict[str, Any]
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    models: dict[str, bytes] = field(default_factory=dict)


class _Layer(BaseModel):
    """What every entry of a layer has; there may be more."""

    model_config = ConfigDict(strict=True)

    kind: Literal["image", "labels", "points", "shapes", "vectors", "tracks"]
    name: str
    uid: str
    notes: dict[str, Any]
    geometry: dict[str, Any]
    look: dict[str, Any]
    features: list[str] = []
    shapes: list[str] = []
    sha256: str = ""


class _Found(BaseModel):
    """What every entry of found atoms has."""

    model_config = ConfigDict(strict=True)

    uid: str
    record: str
    class_names: list[str]
    features: list[str]
    pixel_size: list[float] | None
    origin: list[float]


class _Session(BaseModel):
    layers: list[_Layer]
    found: list[_Found]


def write_work(path: Path, work: Work) -> None:
    """Write a piece of work; the file is the old one or the new one, never a mixture.

    Raises
    ------
    SaveFailed
        If it cannot be written; it names the folder and the space left there.
    """
    with replacing(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_ENTRY, json.dumps({"version": VERSION, **work.entry}, indent=1))
        for name, values in work.arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.asanyarray(values), allow_pickle=False)
        for digest, content in work.models.items():
            archive.writestr(f"{_MODELS}{digest}{_MODEL}", content)


def read_work(path: Path, limits: Limits | None = None) -> Work:
    """Read a piece of work.

    Raises
    ------
    CannotRead
        If it is no such file, is damaged, does not say what it holds, or was written by a newer version.
    TooLarge
        If it would not fit into memory.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(archive, path, limits or Limits())
    except (OSError, zipfile.BadZipFile, ValueError, KeyError, EOFError, RuntimeError) as error:
        if isinstance(error, CannotRead | TooLarge):
            raise
        raise CannotRead(
            f"{path.name} cannot be read as a session: {error}.",
            remedy="Choose a .atomai file that napari-atomai wrote.",
        ) from error


def _read(archive: zipfile.ZipFile, path: Path, limits: Limits) -> Work:
    sizes = {info.filename: info.file_size for info in archive.infolist()}
    if sum(sizes.values()) > limits.budget or sizes[_ENTRY] > _MOST_JSON:
        raise TooLarge(
            f"{path.name} declares {sum(sizes.values()) / 1e9:.1f} GB.", remedy="Close other programs first."
        )
    entry = json.loads(archive.read(_ENTRY))
    if not isinstance(entry, dict) or not isinstance(entry.get("version"), int):
        raise ValueError("it says no version")
    if entry["version"] > VERSION:
        raise CannotRead(
            f"{path.name} is a session of version {entry['version']}; this program reads up to {VERSION}.",
            remedy="Update napari-atomai.",
        )
    _check_shape(entry, path)
    arrays, models = {}, {}
    for name in sizes:
        if name.endswith(".npy"):
            stream = io.BytesIO(archive.read(name))  # its checksum is compared on the way
            arrays[name.removesuffix(".npy")] = np.lib.format.read_array(stream, allow_pickle=False)
        elif name.startswith(_MODELS):
            models[name.removeprefix(_MODELS).removesuffix(_MODEL)] = archive.read(name)
    return Work(entry, arrays, models)


def _check_shape(entry: dict[str, Any], path: Path) -> None:
    """Refuse an entry that is not what `write_work` is given, before anything is made of it."""
    try:
        _Session.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CannotRead(
            f"{path.name} is no whole session: {where!r} in its {_ENTRY} is not usable: {first['msg']}.",
            why="It says which layers there are, and how their atoms were found.",
            remedy="Open an earlier version of the file, or one that napari-atomai wrote.",
        ) from error

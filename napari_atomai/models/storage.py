"""Find a model by its name or path, and open it once."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from napari_atomai.errors import UnknownOption
from napari_atomai.files.weights import Weights, read_weights

BUNDLED = Path(__file__).resolve().parent.parent / "weights"
"""Folder of the models that ship with the package."""


def bundled_models() -> dict[str, Path]:
    """Return the models that ship with the package, by name."""
    return {path.stem: path for path in sorted(BUNDLED.glob("*.safetensors"))}


def model_path(name: str) -> Path:
    """Return the file of a bundled model, or the path itself when `name` is one.

    Raises
    ------
    UnknownOption
        If there is neither a bundled model nor a file of that name.
    """
    known = bundled_models()
    if name in known:
        return known[name]
    path = Path(name).expanduser()
    if path.suffix == ".safetensors" or path.is_file():
        return path.resolve()
    raise UnknownOption("model", name, known)


def load_weights(name: str) -> Weights:
    """Open a bundled model by name, or a .safetensors file; one that was just used is not read again."""
    path = model_path(name)
    changed = path.stat().st_mtime_ns if path.is_file() else 0
    return _load(path, changed)


@lru_cache(maxsize=4)
def _load(path: Path, changed: int) -> Weights:
    del changed  # part of the key: a file that was replaced is read again
    return read_weights(path)

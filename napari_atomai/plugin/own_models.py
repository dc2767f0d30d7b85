"""Models that a person has trained here: where they lie, what they are. No Qt but for the place."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from qtpy.QtCore import QStandardPaths

from napari_atomai.data.card import ModelCard
from napari_atomai.data.recipe import FindAtoms
from napari_atomai.errors import AtomAIError
from napari_atomai.files.atomic import replacing

FOLDER = "NAPARI_ATOMAI_MODELS"
"""Environment variable with another place for own models."""
_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class OwnModel:
    """A model file and its card; the card is None when the file is damaged."""

    path: Path
    card: ModelCard | None
    size: int


def home() -> Path:
    """Return the folder of own models; it need not exist."""
    given = os.environ.get(FOLDER)
    if given:
        return Path(given)
    place = QStandardPaths.StandardLocation.GenericDataLocation
    return Path(QStandardPaths.writableLocation(place)) / "napari-atomai" / "models"


def bundled_models() -> list[str]:
    """Names of the models that come with the package; read from the folder, nothing is loaded."""
    default = str(FindAtoms.model_fields["model"].default)
    files = resources.files("napari_atomai.weights").iterdir()
    names = {file.name.removesuffix(_SUFFIX) for file in files if file.name.endswith(_SUFFIX)}
    return [default, *sorted(names - {default})]


def own_models() -> list[OwnModel]:
    """Return the own models, by name."""
    if not home().is_dir():
        return []
    return [_model(path) for path in sorted(home().glob(f"*{_SUFFIX}"))]


def keep(source: Path, name: str) -> Path:
    """Copy a model file among the own models.

    Raises
    ------
    SaveFailed
        If it cannot be written.
    """
    home().mkdir(parents=True, exist_ok=True)
    safe = "".join(c if c.isalnum() or c in "-_. " else "_" for c in name).strip() or "model"
    path = home() / f"{safe}{_SUFFIX}"
    with replacing(path) as part:
        shutil.copyfile(source, part)
    return path


def _model(path: Path) -> OwnModel:
    from napari_atomai.files.weights import read_card

    try:
        card: ModelCard | None = read_card(path)
    except (AtomAIError, OSError, ValueError):
        card = None
    return OwnModel(path, card, path.stat().st_size)

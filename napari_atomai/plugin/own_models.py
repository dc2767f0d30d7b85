"""Models that a person has trained here: where they lie, what they are. No Qt but for the place."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from qtpy.QtCore import QStandardPaths

from napari_atomai.data.card import ModelCard
from napari_atomai.data.recipe import FindAtoms
from napari_atomai.errors import AtomAIError, BadOption, SaveFailed
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

    @property
    def name(self) -> str:
        """What it is chosen by in lists."""
        return self.path.stem

    @property
    def is_own(self) -> bool:
        """Whether it may be deleted: bundled models belong to the package."""
        return self.path.parent == home()

    @property
    def asked_as(self) -> str:
        """What a recipe calls it: a bundled model by its name, an own one by its path."""
        return str(self.path) if self.is_own else self.name


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


def all_models() -> list[OwnModel]:
    """Return the bundled models, then the own ones."""
    from napari_atomai.models.storage import BUNDLED

    return [*(_model(BUNDLED / f"{name}{_SUFFIX}") for name in bundled_models()), *own_models()]


def state() -> tuple[tuple[str, int, int], ...]:
    """Return what changes when an own model comes, goes or is replaced; no file is opened for it."""
    if not home().is_dir():
        return ()
    known = ((path.name, path.stat()) for path in sorted(home().glob(f"*{_SUFFIX}")))
    return tuple((name, status.st_size, status.st_mtime_ns) for name, status in known)


def add(source: Path) -> Path:
    """Copy a model file among the own models, under its own name; one of that name is never replaced.

    Raises
    ------
    CannotRead, BadModel
        If it is no model.
    SaveFailed
        If there is one of that name, or it cannot be written.
    """
    from napari_atomai.files.weights import read_card

    read_card(source)
    if (home() / source.name).exists():
        raise SaveFailed(
            f"There is a model {source.stem!r} already.", remedy="Rename the file, or delete the other first."
        )
    return keep(source, source.stem)


def delete(model: OwnModel) -> None:
    """Delete an own model.

    Raises
    ------
    BadOption
        If it came with the package.
    SaveFailed
        If the file cannot be deleted.
    """
    if not model.is_own:
        raise BadOption(f"{model.name!r} came with the package.", remedy="Only your own can be deleted.")
    try:
        model.path.unlink(missing_ok=True)
    except OSError as error:
        raise SaveFailed(
            f"{model.path} could not be deleted: {error.strerror or error}.",
            remedy="Check that you may write to its folder.",
        ) from error


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


def keep_by_content(source: Path, kind: str) -> Path:
    """Copy a model file among the own models, under a name that no other weights will ever have.

    A record that names it stays true: what is found with "last taught" would not be.
    """
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    return keep(source, f"{kind} {digest[:6]}")


def _model(path: Path) -> OwnModel:
    from napari_atomai.files.weights import read_card

    try:
        card: ModelCard | None = read_card(path)
    except (AtomAIError, OSError, ValueError):
        card = None
    return OwnModel(path, card, path.stat().st_size)

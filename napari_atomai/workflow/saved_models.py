"""The taught models that a session was made with: kept inside it, and found again. No torch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from napari_atomai.data.recipe import FindAtoms, Record
from napari_atomai.data.recipes_segment import SegmentImage
from napari_atomai.files.atomic import replacing
from napari_atomai.files.work import Work
from napari_atomai.models.storage import bundled_models
from napari_atomai.workflow.record import file_sha256


def taught_model(record: Record) -> Path | None:
    """Return the file of the model that atoms were found with; None for one that comes with the package."""
    find = record.step(FindAtoms) or record.step(SegmentImage)
    if not isinstance(find, FindAtoms | SegmentImage) or record.model is None:
        return None
    if find.model in bundled_models() or not find.model:
        return None
    path = Path(find.model)
    return path if path.suffix else path.with_name(f"{path.name}.safetensors")


def with_model_at(record: Record, place: Path) -> Record:
    """Return a record whose atoms are found with the same model at another place."""
    steps = tuple(
        step.model_copy(update={"model": str(place)}) if isinstance(step, FindAtoms | SegmentImage) else step
        for step in record.steps
    )
    return record.model_copy(update={"steps": steps})


def add_models(work: Work) -> None:
    """Put the taught models that were used into a piece of work, as they are in their files; takes a while.

    A file that is gone or holds other weights now is left out: the session still says its path and hash.
    """
    for entry in work.entry["found"]:
        record = Record.from_json(entry["record"])
        path = taught_model(record)
        if path is None or record.model is None or record.model.sha256 in work.models or not path.is_file():
            continue
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() == record.model.sha256:
            work.models[record.model.sha256] = content


def model_now(record: Record, folder: Path) -> Path | None:
    """Return where the model of a record is now: where it was, or beside the session under any name.

    A bundled model is always there: None is returned only for a taught one that is gone.
    """
    path = taught_model(record)
    if path is None or record.model is None:
        return Path()
    sha256 = record.model.sha256
    others = sorted(folder.glob("*.safetensors"))
    return next((one for one in (path, *others) if one.is_file() and file_sha256(one) == sha256), None)


def unpacked(models: Mapping[str, bytes], record: Record, folder: Path) -> Path | None:
    """Write the model of a record, out of a session, into a folder; None where the session has it not."""
    path = taught_model(record)
    if path is None or record.model is None or record.model.sha256 not in models:
        return None
    place = folder / f"{path.stem} {record.model.sha256[:6]}.safetensors"
    if not place.is_file() or file_sha256(place) != record.model.sha256:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(place) as part:
            part.write_bytes(models[record.model.sha256])
    return place

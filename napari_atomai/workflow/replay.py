"""Do again, on other files, what was done to images: from a recipe.json or a saved session."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image, first_picture
from napari_atomai.data.progress import Progress
from napari_atomai.data.recipe import FindAtoms, Record, RefineAtoms
from napari_atomai.errors import BadOption, CannotRead
from napari_atomai.files.reading import read
from napari_atomai.files.work import SUFFIX, read_work
from napari_atomai.models.storage import load_weights
from napari_atomai.workflow.find import Found, finding
from napari_atomai.workflow.hand_edits import edited
from napari_atomai.workflow.record import check_input, describe_input
from napari_atomai.workflow.saved import dataset_of, images_of, read_images
from napari_atomai.workflow.saved_models import model_now, taught_model, unpacked, with_model_at
from napari_atomai.workflow.script import Part


@dataclass(frozen=True, eq=False)
class Replayed:
    """What came out of doing it again.

    Parameters
    ----------
    found : Found
        What was found.
    atoms : Atoms
        With the edits by hand, where the pixels are the same.
    notes : tuple of str
        Sentences on what is not as it was.
    """

    found: Found
    atoms: Atoms
    notes: tuple[str, ...]


def parts_in(path: Path, models: Path | None = None) -> dict[str, Part]:
    """Return how the atoms of each image came about, by its name.

    Parameters
    ----------
    path : Path
        A recipe.json, or a session (.atomai), whose models may lie beside it.
    models : Path, optional
        Folder for the models inside a session whose own files are gone; without one they are not taken out.

    Raises
    ------
    CannotRead
        If the file is missing or cannot be read.
    BadOption
        If it is none, comes from a newer version, or has no atoms.
    """
    kept: Mapping[str, bytes] = {}
    if path.suffix == SUFFIX:
        work = read_work(path)
        kept, images = work.models, images_of(work, path.name)
        parts = {image.name: part for image in images if (part := image.part()) is not None}
    else:
        record = _record_in(path)
        parts = {Path(record.input.path).name or "pixels without a file": Part(record)}
    if not parts:
        raise BadOption(f"{path.name} has no image with atoms.", remedy="Find atoms first, and save again.")
    return {
        name: Part(_with_model(part.record, path.parent, kept, models), part.edits)
        for name, part in parts.items()
    }


def own_image(path: Path, name: str, part: Part) -> Image:
    """Return the image that a part of a recipe or session was made on.

    Raises
    ------
    CannotRead
        If its file is gone.
    BadOption
        If the recipe was made on pixels without a file.
    """
    if path.suffix == SUFFIX:
        saved = next(image for image in read_images(path) if image.name == name)
        return saved.opened(path.parent)
    entry = part.record.input
    if not entry.path:
        raise BadOption("The recipe was made on pixels without a file.", remedy="Give --on FILE.")
    return dataset_of(Path(entry.path), entry.dataset)


def chosen(parts: Mapping[str, Part], image: Image, name: str = "") -> Part:
    """Return the part that is to be done on an image: the one made on these pixels, else the named one.

    Raises
    ------
    BadOption
        If several could be meant that do not ask for the same.
    """
    if name and name not in parts:
        raise BadOption(f"There is no image {name!r}.", remedy=f"There are: {', '.join(parts)}.")
    if name:
        return parts[name]
    here = describe_input(image)
    for part in parts.values():
        there = part.record.input
        if (there.sha256, there.dataset) == (here.sha256, here.dataset):
            return part
    first, *others = parts.values()
    if any(other.record.steps != first.record.steps for other in others):
        raise BadOption(
            f"The session has {len(parts)} images that were treated differently, and "
            f"{image.name} is none of them.",
            remedy=f"Say like which it is to be done: --image with one of {', '.join(parts)}.",
        )
    return first


def picture_for(parts: Mapping[str, Part], path: Path) -> Image:
    """Return the image of a file that the parts are about: of the same dataset, else the first picture."""
    images = read(path)
    wanted = {part.record.input.dataset for part in parts.values()}
    numbered = [image for image in images if image.source is not None and image.source.dataset in wanted]
    return first_picture(numbered or images)


def replaying(part: Part, image: Image) -> Generator[Progress, None, Replayed]:
    """Do the steps on an image; on the same pixels also the edits by hand, and the calibration."""
    record = part.record
    find, refine = record.step(FindAtoms), record.step(RefineAtoms)
    assert find is None or isinstance(find, FindAtoms)
    assert refine is None or isinstance(refine, RefineAtoms)
    notes = list(check_input(record, image))
    same = not notes
    if same and record.input.calibration is not None:
        image = image.calibrated(record.input.pixel_size_nm, how=record.input.calibration)
    weights = load_weights((find or FindAtoms()).model)
    if record.model is not None and record.model.sha256 not in ("", weights.sha256):
        notes.append(f"The model {weights.card.name!r} is not the one of the recipe (another sha256).")
    if part.edits and not same:
        notes.append("What was set, moved or taken away by hand is not done again: these are other pixels.")
    found = yield from finding(image, find, refine)
    atoms = edited(found.atoms, part.edits) if part.edits and same else found.atoms
    return Replayed(found, atoms, tuple(notes))


def _record_in(path: Path) -> Record:
    try:
        return Record.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CannotRead(
            f"{path} cannot be read: {error}.", remedy=f"Give a recipe.json, or a session (*{SUFFIX})."
        ) from error


def _with_model(record: Record, folder: Path, kept: Mapping[str, bytes], models: Path | None) -> Record:
    """Return the record with its model where it is now: a taught one may have been moved along."""
    asked = taught_model(record)
    if asked is None or record.model is None:
        return record
    place = model_now(record, folder)
    if place is None and models is not None:
        place = unpacked(kept, record, models)
    place = place or (asked if asked.is_file() else None)
    if place is None:
        raise CannotRead(
            f"The model {record.model.name!r} was in {asked}, which is not there any more.",
            remedy="The session holds it: open the session in napari, and it is among your models."
            if record.model.sha256 in kept
            else f"Put the file into {folder}, under any name.",
        )
    return with_model_at(record, place)

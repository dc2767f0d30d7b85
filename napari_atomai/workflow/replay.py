"""Do again, on other files, what was done to an image: from its recipe.json."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from napari_atomai.data.image import Image
from napari_atomai.data.progress import Progress
from napari_atomai.data.recipe import FindAtoms, Record, RefineAtoms
from napari_atomai.errors import CannotRead
from napari_atomai.models.storage import load_weights
from napari_atomai.workflow.find import Found, finding
from napari_atomai.workflow.record import check_input
from napari_atomai.workflow.script import Part


def part_in(path: Path) -> Part:
    """Return how the atoms of an image came about, from its recipe.json.

    Raises
    ------
    CannotRead
        If the file is missing or cannot be read.
    BadOption
        If it is none, or comes from a newer version.
    """
    try:
        return Part(Record.from_json(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise CannotRead(f"{path} cannot be read: {error}.", remedy="Give a recipe.json.") from error


def replaying(part: Part, image: Image) -> Generator[Progress, None, tuple[Found, tuple[str, ...]]]:
    """Do the steps on an image; returns the result, and sentences on what is not as it was.

    Edits by hand belong to the pixels that they were made on, and are not done again on others.
    """
    record, notes = part.record, []
    find, refine = record.step(FindAtoms), record.step(RefineAtoms)
    assert find is None or isinstance(find, FindAtoms)
    assert refine is None or isinstance(refine, RefineAtoms)
    weights = load_weights((find or FindAtoms()).model)
    if record.model is not None and record.model.sha256 not in ("", weights.sha256):
        notes.append(f"The model {weights.card.name!r} is not the one of the recipe (another sha256).")
    other = check_input(record, image)
    if part.edits and other:
        notes.append("What was set, moved or taken away by hand is not done again: these are other pixels.")
    found = yield from finding(image, find, refine)
    return found, (*other, *notes)

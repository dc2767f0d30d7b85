"""Copy as script: Python that runs without napari and gives the atoms that are on the screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pprint import pformat
from textwrap import indent

from napari_atomai.data.recipe import FindAtoms, Recipe, Record, RefineAtoms
from napari_atomai.errors import BadOption
from napari_atomai.workflow.hand_edits import Edits


@dataclass(frozen=True)
class Part:
    """How the atoms of one image came about."""

    record: Record
    edits: Edits = field(default_factory=Edits)


def as_script(what: Record | Sequence[Part]) -> str:
    """Return a script that finds the same atoms, with the same edits by hand, from the same files.

    Parameters
    ----------
    what : Record or sequence of Part
        How one result came about, or several of them with their edits.

    Returns
    -------
    str
        Python. It leaves a list ``results`` with the Atoms of each image.

    Raises
    ------
    BadOption
        If no atoms were found, or an image has no file to read it from.
    """
    parts = [Part(what)] if isinstance(what, Record) else list(what)
    if not parts:
        raise BadOption("No atoms were found yet.", remedy="Find the atoms of an image first.")
    for part in parts:
        if not part.record.input.path:
            raise BadOption(
                "The image has no file: a script could not read it.",
                remedy="Save the image to a file, open that, and find its atoms there.",
            )
    return "\n".join([_HEAD, *(line for part in parts for line in _lines(part))]) + "\n"


_HEAD = '''"""Made by napari-atomai. It needs no window: python script.py"""

from pathlib import Path

from napari_atomai.data.progress import finish
from napari_atomai.data.recipe import FindAtoms, RefineAtoms
from napari_atomai.workflow.find import finding
from napari_atomai.workflow.hand_edits import Edits, edited
from napari_atomai.workflow.saved import dataset_of

results = []'''


def _lines(part: Part) -> Iterator[str]:
    entry, record = part.record.input, part.record
    yield ""
    yield f"image = dataset_of(Path({entry.path!r}), {entry.dataset})"
    if entry.calibration is not None:
        yield f"image = image.calibrated({entry.pixel_size_nm!r})  # nm, by {entry.calibration.method}"
    if record.model is not None:
        yield f"# model {record.model.name}, sha256 {record.model.sha256[:12]}..."
    for name, kind in (("find", FindAtoms), ("refine", RefineAtoms)):
        yield f"{name} = {_call(record.step(kind) or kind())}"
    yield "found = finish(finding(image, find, refine))"
    if part.edits:
        said = pformat(part.edits.model_dump(), width=100, compact=True, sort_dicts=False)
        yield f"edits = Edits.model_validate(\n{indent(said, '    ')}\n)"
        yield "results.append(edited(found.atoms, edits))"
    else:
        yield "results.append(found.atoms)"


def _call(recipe: Recipe) -> str:
    """Return a recipe as the call that makes it, with what differs from the defaults."""
    usual = type(recipe)()
    changed = {name: value for name, value in recipe if value != getattr(usual, name)}
    return f"{type(recipe).__name__}({', '.join(f'{name}={value!r}' for name, value in changed.items())})"

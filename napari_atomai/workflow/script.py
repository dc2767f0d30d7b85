"""Copy as script: Python that runs without napari and gives what is on the screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pprint import pformat
from textwrap import indent

from napari_atomai.data.recipe import Record
from napari_atomai.errors import BadOption
from napari_atomai.workflow.hand_edits import Edits
from napari_atomai.workflow.script_steps import imports_of, lines_of, result_of


@dataclass(frozen=True)
class Part:
    """How the atoms of one image came about."""

    record: Record
    edits: Edits = field(default_factory=Edits)


def as_script(what: Record | Sequence[Part]) -> str:
    """Return a script that does the same steps, with the same edits by hand, on the same files.

    Parameters
    ----------
    what : Record or sequence of Part
        How one result came about, or several of them with their edits.

    Returns
    -------
    str
        Python. It leaves a list ``results`` with the Atoms of each image, or what came of them in the last
        step: rings, lattice, latents ...

    Raises
    ------
    BadOption
        If nothing was done, an image has no file to read it from, or a step was done on what comes from
        no step before it.
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
    lines = (line for part in parts for line in _lines(part))
    return "\n".join([_HEAD, *_imports(parts), "", "results = []", *lines]) + "\n"


_HEAD = '''"""Made by napari-atomai. It needs no window: python script.py"""

from pathlib import Path
'''
_ALWAYS = {("data.progress", "finish"), ("workflow.saved", "dataset_of")}
_EDITED = {("workflow.hand_edits", "Edits"), ("workflow.hand_edits", "edited")}


def _imports(parts: Sequence[Part]) -> Iterator[str]:
    needed = _ALWAYS.union(*(imports_of(part.record) for part in parts))
    needed |= _EDITED if any(part.edits for part in parts) else set()
    for where in sorted({where for where, _ in needed}):
        names = ", ".join(sorted(name for place, name in needed if place == where))
        yield f"from napari_atomai.{where} import {names}"


def _lines(part: Part) -> Iterator[str]:
    entry, record = part.record.input, part.record
    yield ""
    yield f"image = dataset_of(Path({entry.path!r}), {entry.dataset})"
    if entry.calibration is not None:
        yield f"image = image.calibrated({entry.pixel_size_nm!r})  # nm, by {entry.calibration.method}"
    if record.model is not None:
        yield f"# model {record.model.name}, sha256 {record.model.sha256[:12]}..."
    atoms = "found.atoms"
    if part.edits:
        said = pformat(part.edits.model_dump(), width=100, compact=True, sort_dicts=False)
        yield f"edits = Edits.model_validate(\n{indent(said, '    ')}\n)"
        atoms = "edited(found.atoms, edits)"
    yield from lines_of(record, atoms)
    yield f"results.append({result_of(record)})"

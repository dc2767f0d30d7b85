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
    """What was done with one image.

    Parameters
    ----------
    record : Record
        How its atoms came about; where none were found, the first of what was done instead.
    edits : Edits
        What a person changed of the atoms.
    more : tuple of Record
        What was done besides, each with all steps that led to it: lattice, rings, components ...
    by_hand : tuple of str
        What was drawn on these pixels, that steps do not tell: names of layers.
    """

    record: Record
    edits: Edits = field(default_factory=Edits)
    more: tuple[Record, ...] = ()
    by_hand: tuple[str, ...] = ()

    @property
    def records(self) -> tuple[Record, ...]:
        """All records."""
        return (self.record, *self.more)

    def branches(self) -> list[Part]:
        """Return a part for each record that no other one goes on from."""
        steps = [record.steps for record in self.records]
        goes_on = [any(len(a) < len(b) and b[: len(a)] == a for b in steps) for a in steps]
        return [Part(one, self.edits) for one, on in zip(self.records, goes_on, strict=True) if not on]


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
    given = [Part(what)] if isinstance(what, Record) else list(what)
    parts = [branch for part in given for branch in part.branches()]
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

"""Atoms for a command: of a table that ``find`` or ``segment`` wrote, or found in an image."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from napari_atomai.cli.bar import Bar
from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.data.progress import Progress
from napari_atomai.data.recipe import InputRecord, Record
from napari_atomai.errors import BadOption

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Atoms, the image they lie in where there is one, and how they came about."""

    atoms: Atoms
    image: Image | None
    record: Record


def atoms_from(path: Path, pixel_size: float | None = None, *, quiet: bool = False) -> Source:
    """Read a table of atoms (.csv), or find atoms in an image with the bundled model.

    Parameters
    ----------
    path : Path
        A table, or anything that ``find`` opens.
    pixel_size : float, optional
        In nm, in place of that of the file.
    quiet : bool
        Show no bar.

    Raises
    ------
    CannotRead
        If the file cannot be read.
    """
    if path.suffix.lower() == ".csv":
        return _of_table(path, pixel_size)
    from napari_atomai.workflow.find import as_image, finding

    image = as_image(path, pixel_size)
    found = finished(finding(image), path.name, quiet=quiet)
    return Source(found.atoms, image, found.record)


def _of_table(path: Path, pixel_size: float | None) -> Source:
    import dataclasses

    from napari_atomai.files.export import read_csv
    from napari_atomai.workflow.record import file_sha256, now, versions

    atoms = read_csv(path)
    if pixel_size is not None:
        atoms = dataclasses.replace(atoms, pixel_size=(pixel_size, pixel_size))
    given = InputRecord(path=str(path), sha256=file_sha256(path), pixel_size_nm=atoms.pixel_size)
    return Source(atoms, None, Record(created=now(), input=given, versions=versions()))


def elements_from(words: Sequence[str], class_names: Sequence[str]) -> dict[str, str]:
    """Return the element of each class from words such as ``C`` (all classes) and ``column=C``.

    Raises
    ------
    BadOption
        If a word has no element, or several are for all classes.
    """
    named = [word.rpartition("=")[::2] for word in words]
    common = [element for name, element in named if not name]
    if len(common) > 1 or not all(element for _, element in named):
        raise BadOption(
            f"Elements are given as {' '.join(words)!r}.",
            remedy="Give one for all classes (--element C), or one for each (--element column=C ...).",
        )
    elements = dict.fromkeys(class_names, common[0]) if common else {}
    return elements | {name: element for name, element in named if name}


def finished(work: Generator[Progress, None, Result], name: str, *, quiet: bool) -> Result:
    """Run long work to its end, with a bar."""
    bar = Bar(name, sys.stderr, quiet=quiet)
    # Closed on every way out: a stop must not wait for the garbage collector.
    with contextlib.closing(work), contextlib.ExitStack() as end:
        end.callback(bar.clear)
        while True:
            try:
                bar.show(next(work))
            except StopIteration as done:
                result: Result = done.value
                return result

"""Rings and defects as tables, a picture and a record in a folder."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.data.recipe import InputRecord, Record
from napari_atomai.errors import SaveFailed
from napari_atomai.files.atomic import write_text
from napari_atomai.workflow.rings import FrameRings

RECORD = "rings.json"
"""Name of the record; it is written last, so it says that the rest is whole."""

_RINGS = ("frame", "ring", "size", "row_px", "col_px", "area_A2", "atoms")
_DEFECTS = ("frame", "defect", "kind", "signature", "row_px", "col_px", "extent_A", "rings", "atoms")


def write_rings(
    found: Sequence[FrameRings], atoms: Atoms, record: Record, folder: Path, *, image: Image | None = None
) -> list[Path]:
    """Write rings.csv, defects.csv, rings.png of the first frame, and rings.json.

    Parameters
    ----------
    found : sequence of FrameRings
        Rings and defects of each frame; tables name their atoms by the ids of `atoms`.
    atoms : Atoms
        Those that they were found among.
    record : Record
        How they came about; the notes of `found` are added.
    folder : Path
        Where to; made when it is not there.
    image : Image, optional
        Picture under the rings.

    Raises
    ------
    SaveFailed
        If a file could not be written.
    """
    _make(folder)
    (folder / RECORD).unlink(missing_ok=True)  # without it a folder says "not whole"
    paths = [folder / name for name in ("rings.csv", "defects.csv", "rings.png", RECORD)]
    write_text(_table(_RINGS, (row for part in found for row in _ring_rows(part, atoms))), paths[0])
    write_text(_table(_DEFECTS, (row for part in found for row in _defect_rows(part, atoms))), paths[1])
    _draw(found, atoms, image, paths[2])
    notes = dict.fromkeys(note for part in found for note in part.notes)
    write_text(record.model_copy(update={"notes": (*record.notes, *notes)}).to_json(), paths[3])
    return paths


def check_folder(folder: Path, new: InputRecord) -> None:
    """Refuse a folder with the rings of another input.

    Raises
    ------
    SaveFailed
        With the input that they belong to.
    """
    if not (folder / RECORD).exists():
        return
    try:
        theirs = Record.from_json((folder / RECORD).read_text(encoding="utf-8")).input
    except (OSError, ValueError):  # AtomAIErrors of unusable records are ValueErrors
        theirs = InputRecord(path="an unknown input")
    if theirs.sha256 != new.sha256 or theirs.dataset != new.dataset:
        raise SaveFailed(
            f"{folder} already holds the rings of {theirs.path}.",
            why=f"They would be replaced by those of {new.path}.",
            remedy="Choose another folder, or allow overwriting (--overwrite).",
        )


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SaveFailed(
            f"The folder {folder} could not be made: {error.strerror or error}.",
            remedy="Check that its parent may be written, or choose another.",
        ) from error


def _table(names: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return text.getvalue()


def _ring_rows(part: FrameRings, atoms: Atoms) -> Iterable[Sequence[object]]:
    rings = part.rings
    where, ids = part.in_pixels(rings.centres).tolist(), atoms.ids[part.atoms]
    members = np.split(ids[rings.atoms], rings.starts[1:-1]) if len(rings) else []
    columns = zip(rings.sizes.tolist(), where, rings.areas.tolist(), members, strict=True)
    for number, (size, (row, col), area, inside) in enumerate(columns):
        yield part.frame, number, size, row, col, area, " ".join(map(str, inside.tolist()))


def _defect_rows(part: FrameRings, atoms: Atoms) -> Iterable[Sequence[object]]:
    ids = atoms.ids[part.atoms]
    for number, each in enumerate(part.defects):
        row, col = part.in_pixels(each.position).tolist()
        inside = (" ".join(map(str, group.tolist())) for group in (each.rings, ids[each.atoms]))
        yield part.frame, number, each.kind, each.signature, row, col, each.extent, *inside


def _draw(found: Sequence[FrameRings], atoms: Atoms, image: Image | None, path: Path) -> None:
    # matplotlib is loaded here, not with the module: who only reads records does not wait for it.
    from napari_atomai import plots

    polygons: list[np.ndarray] = []
    if found and len(found[0].rings):
        first = found[0]
        polygons = np.split(atoms.positions[first.atoms[first.rings.atoms]], first.rings.starts[1:-1])
    frame = found[0].frame if found else 0
    pixels = None if image is None else image.frame(frame)
    size = atoms.pixel_size if image is None else image.pixel_size
    plots.save_figure(plots.ring_overlay(polygons, pixels, size), path)

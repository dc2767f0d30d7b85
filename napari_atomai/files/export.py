"""Atoms as tables and structures that colleagues open: CSV, extended XYZ; images as TIFF."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.atoms import Atoms
from napari_atomai.errors import BadAtoms, CannotRead
from napari_atomai.files.atomic import write_text
from napari_atomai.files.guard import check_path
from napari_atomai.files.tiff import write_tiff

__all__ = ["read_csv", "write_csv", "write_text", "write_tiff", "write_xyz"]

_FIXED = ("id", "frame", "row_px", "col_px", "x_nm", "y_nm", "class")
_ANGSTROM_PER_NM = 10.0


def write_csv(atoms: Atoms, path: str | os.PathLike[str]) -> None:
    """Write a table with one row for each atom.

    Columns: id, frame, row_px, col_px, x_nm, y_nm, class, score (when measured), then the other
    features. Numbers keep all their digits; NaN is an empty cell, as are x_nm and y_nm without
    calibration.

    Raises
    ------
    SaveFailed
        If the file cannot be written.
    """
    table = atoms.table()
    others = [name for name in table if name not in _FIXED]
    names = [*_FIXED, *sorted(others, key=lambda name: name != "score")]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(zip(*(_cells(table[name]) for name in names), strict=True))
    write_text(text.getvalue(), path)


def _cells(column: NDArray[Any]) -> list[str]:
    if column.dtype.kind == "f":  # the shortest text that reads back to the same number
        return ["" if value != value else repr(value) for value in column.astype(float).tolist()]
    return [str(value) for value in column.tolist()]


def read_csv(path: str | os.PathLike[str]) -> Atoms:
    """Read a table that `write_csv` wrote.

    The pixel size and origin are recovered from the columns in px and nm where there are enough atoms.
    Classes are numbered in the order of their names' first appearance.

    Raises
    ------
    CannotRead
        If it is not such a table.
    """
    where = check_path(path)
    try:
        with where.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = list(csv.reader(file))
    except (ValueError, csv.Error) as error:  # not UTF-8, no line at all, a NUL
        raise CannotRead(f"{where.name} is not a CSV table of atoms: {error}.") from error
    missing = [name for name in ("row_px", "col_px") if name not in header]
    short = next((i for i, row in enumerate(rows, 2) if len(row) != len(header)), None)
    if missing or short is not None:
        what = f"column {missing[0]!r} is missing" if missing else f"line {short} has too few or many cells"
        raise CannotRead(
            f"{where.name} is not a table of atoms: {what}.",
            remedy="Choose a CSV that napari-atomai wrote, with row_px and col_px in pixels.",
        )
    cells = zip(*rows, strict=True) if rows else ((),) * len(header)
    columns: dict[str, Sequence[str]] = dict(zip(header, cells, strict=True))
    try:
        return _atoms(columns)
    except (ValueError, BadAtoms) as error:
        raise CannotRead(f"{where.name} is not a table of atoms: {error}.") from error


def _atoms(columns: Mapping[str, Sequence[str]]) -> Atoms:
    positions = np.column_stack([_numbers(columns["row_px"]), _numbers(columns["col_px"])])
    named = columns.get("class", ("column",) * len(positions))
    names = tuple(dict.fromkeys(named)) or ("column",)
    numbers = {name: i for i, name in enumerate(names)}
    pixel_size, origin = _calibration(columns, positions)
    atoms = Atoms.make(
        positions,
        np.array([numbers[name] for name in named], dtype=np.int64),
        _integers(columns.get("frame"), len(positions), 0),
        {name: _column(cells) for name, cells in columns.items() if name not in _FIXED},
        class_names=names,
        pixel_size=pixel_size,
        origin=origin,
    )
    return dataclasses.replace(atoms, ids=_integers(columns.get("id"), len(positions), None))


def _integers(cells: Sequence[str] | None, count: int, default: int | None) -> NDArray[np.int64]:
    if cells is None:
        return np.arange(count, dtype=np.int64) if default is None else np.full(count, default, np.int64)
    return np.array([int(cell) for cell in cells], dtype=np.int64)


def _numbers(cells: Sequence[str]) -> NDArray[np.float64]:
    return np.array([float(cell) if cell else np.nan for cell in cells], dtype=np.float64)


def _column(cells: Sequence[str]) -> NDArray[Any]:
    if all(cell in ("True", "False") for cell in cells) and cells:
        return np.array([cell == "True" for cell in cells])
    for kind in (int, float):
        try:
            return np.array([kind(cell) if cell or kind is int else np.nan for cell in cells], dtype=kind)
        except (ValueError, OverflowError):
            continue
    return np.array(cells, dtype=str)


def _calibration(
    columns: Mapping[str, Sequence[str]], positions: NDArray[np.float64]
) -> tuple[tuple[float, float] | None, tuple[float, float]]:
    if "x_nm" not in columns or "y_nm" not in columns:
        return None, (0.0, 0.0)
    fits = [_line(positions[:, i], _numbers(columns[name])) for i, name in enumerate(("y_nm", "x_nm"))]
    if fits[0] is None or fits[1] is None:
        return None, (0.0, 0.0)
    return (fits[0][0], fits[1][0]), (fits[0][1], fits[1][1])


def _line(px: NDArray[np.float64], nm: NDArray[np.float64]) -> tuple[float, float] | None:
    known = np.isfinite(px) & np.isfinite(nm)
    if known.sum() < 2 or np.ptp(px[known]) == 0:
        return None
    low, high = np.argmin(np.where(known, px, np.inf)), np.argmax(np.where(known, px, -np.inf))
    slope = (nm[high] - nm[low]) / (px[high] - px[low])
    offset = nm[low] - slope * px[low]
    # Thirteen digits: what was typed in comes back, the noise of the last bits does not.
    tidy = float(f"{slope:.13g}")
    noise = 1e-9 * max(1.0, float(np.abs(nm[known]).max()))
    return tidy, 0.0 if abs(offset) < noise else float(f"{offset:.13g}")


def write_xyz(atoms: Atoms, path: str | os.PathLike[str], symbols: Mapping[str, str] | None = None) -> None:
    """Write extended XYZ (ASE, OVITO): x = column, y = row, z = 0, in Å.

    Without calibration positions are in pixels, and the comment line says so. Each frame of a movie
    becomes a frame of the file.

    Parameters
    ----------
    atoms : Atoms
        The atoms of an image or a movie.
    path : path-like
        Where the file shall be.
    symbols : mapping of str to str, optional
        Element of each class, by the class's name; classes left out become X, as all do by default.

    Raises
    ------
    SaveFailed
        If the file cannot be written.
    """
    calibrated = atoms.pixel_size is not None
    plane = atoms.positions_nm * _ANGSTROM_PER_NM if calibrated else atoms.positions
    given = symbols or {}
    elements = np.array([given.get(name, "X") for name in atoms.class_names], dtype=str)[atoms.classes]
    scores = np.asarray(atoms.features.get("score", np.full(len(atoms), np.nan)), dtype=float)
    frames = np.unique(atoms.frames) if len(atoms) else np.zeros(1, np.int64)
    blocks = []
    for frame in frames.tolist():
        chosen = np.flatnonzero(atoms.frames == frame)
        lines = [
            f"{element} {x!r} {y!r} 0.0 {kind} {score!r}"
            for element, y, x, kind, score in zip(
                elements[chosen].tolist(),
                plane[chosen, 0].tolist(),
                plane[chosen, 1].tolist(),
                atoms.classes[chosen].tolist(),
                scores[chosen].tolist(),
                strict=True,
            )
        ]
        blocks.append("\n".join([str(chosen.size), _comment(atoms, frame, calibrated), *lines, ""]))
    write_text("".join(blocks), path)


def _comment(atoms: Atoms, frame: int, calibrated: bool) -> str:
    names = json.dumps(",".join(atoms.class_names), ensure_ascii=False)
    unit = "angstrom" if calibrated else "pixel"
    return (
        f"Properties=species:S:1:pos:R:3:class:I:1:score:R:1 frame={frame} position_unit={unit} "
        f'class_names={names} pbc="F F F"'
    )

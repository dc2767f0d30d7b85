"""Formats with a flat header (SER, MRC, NPY): sizes checked against the file before reading."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from napari_atomai.errors import BadImage, CannotRead
from napari_atomai.files.guard import Limits, check_size, in_words

_SER_ITEMSIZE = {1: 1, 2: 2, 3: 4, 4: 1, 5: 2, 6: 4, 7: 4, 8: 8, 9: 8, 10: 16}
_SER_SPECTRA, _SER_IMAGES = 0x4120, 0x4122
_MRC_ITEMSIZE = {0: 1, 1: 2, 2: 4, 4: 8, 6: 2, 12: 2}
_MRC_HEADER = 1024
_MRC_FEI_BLOCK = 128 * 1024


def check_ser(path: Path, limits: Limits) -> None:
    """Check that the elements of a TIA series lie within the file.

    Raises
    ------
    CannotRead
        If they do not, or the header makes no sense.
    TooLarge
        If they exceed the budget.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            version, kind, _, _, count = struct.unpack("<HIIII", _at(file, 4, 18))
            wide = version > 528
            table, dimensions = struct.unpack("<QI" if wide else "<II", _at(file, 22, 12 if wide else 8))
            entry = 8 if wide else 4
            if kind not in (_SER_SPECTRA, _SER_IMAGES) or dimensions > 16 or table + count * entry > size:
                raise _damaged(path, "its header does not fit the size of the file")
            if count == 0:
                raise _damaged(path, "it holds no acquired element")
            _check_dimensions(file, 34 if wide else 30, dimensions, size, path)
            first = int.from_bytes(_at(file, table, entry), "little")
            at = first + (20 if kind == _SER_SPECTRA else 40)
            dtype, columns, rows = struct.unpack("<HII", _at(file, at, 10))
    except struct.error as error:
        raise _damaged(path, "it ends within its header") from error
    shape = (count, columns) if kind == _SER_SPECTRA else (count, rows, columns)
    nbytes = check_size(path.name, shape, _SER_ITEMSIZE.get(dtype, 1), limits)
    if nbytes > size:
        raise _damaged(path, f"it declares {in_words(nbytes)} of data and is {in_words(size)} long")


def _check_dimensions(file: BinaryIO, at: int, count: int, size: int, path: Path) -> None:
    # Each has a description and a unit; their lengths come before them.
    for _ in range(count):
        at += 24
        for _ in range(2):
            (length,) = struct.unpack("<I", _at(file, at, 4))
            at += 4 + length
            if at > size:
                raise _damaged(path, f"the name of a dimension takes {in_words(length)}")


@dataclass(frozen=True)
class MrcHeader:
    """What an MRC header says of its calibration."""

    calibrated: bool
    notes: tuple[str, ...]


def check_mrc(path: Path, limits: Limits) -> MrcHeader:
    """Check that the pixels of an MRC lie within the file, and whether it has a pixel size.

    Raises
    ------
    CannotRead
        If they do not, or the header makes no sense.
    TooLarge
        If one frame exceeds the budget.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_MRC_HEADER)
    if len(head) < _MRC_HEADER:
        raise _damaged(path, "it ends within its header")
    columns, rows, frames, mode = struct.unpack_from("<4i", head)
    intervals, cell = struct.unpack_from("<3i", head, 28), struct.unpack_from("<3f", head, 40)
    extended = struct.unpack_from("<i", head, 92)[0]
    if min(columns, rows, frames) < 1 or mode not in _MRC_ITEMSIZE or extended < 0:
        raise _damaged(path, f"its header says {frames} × {rows} × {columns} pixels of kind {mode}")
    check_size(path.name, (rows, columns), _MRC_ITEMSIZE[mode], limits)
    needed = math.prod((columns, rows, frames)) * _MRC_ITEMSIZE[mode] + extended + _MRC_HEADER
    if needed > size:
        raise _damaged(path, f"its header asks for {in_words(needed)} and it is {in_words(size)} long")
    if extended == _MRC_FEI_BLOCK:  # the microscope's own block holds the pixel size
        return MrcHeader(True, ())
    calibrated = min(intervals[:2]) > 0 and min(cell[:2]) > 0
    note = "The file says exactly 1 Å per pixel, which many programs write when they do not know it."
    default = calibrated and all(math.isclose(cell[i] / intervals[i], 1.0) for i in (0, 1))
    return MrcHeader(calibrated, (note,) if default else ())


def read_npy(path: Path, limits: Limits) -> dict[str, Any]:
    """Open a NumPy array without ever unpickling.

    Returns
    -------
    dict
        In the form that RosettaSciIO uses; the pixels are mapped from the file.

    Raises
    ------
    BadImage
        If it holds Python objects or records.
    TooLarge
        If one frame exceeds the budget.
    """
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        read_header = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read_header(file)
    if dtype.hasobject or dtype.names:
        raise BadImage(
            f"{path.name} holds {'Python objects' if dtype.hasobject else 'records'}, not numbers.",
            why="Python objects are not loaded, because loading them can run code.",
            remedy="Save a plain array: np.save(name, array.astype(float)).",
        )
    check_size(path.name, shape[-2:], dtype.itemsize, limits)
    return array_part(np.load(path, mmap_mode="r", allow_pickle=False))


def array_part(pixels: Any) -> dict[str, Any]:
    """Describe a bare array in the form that RosettaSciIO uses: what its dimensions are is guessed."""
    leading = [{"name": "t" if i == 0 else f"t{i}"} for i in range(max(pixels.ndim - 2, 0))]
    axes = [*leading, {"name": "y"}, {"name": "x"}][-pixels.ndim :] if pixels.ndim else []
    if pixels.ndim == 3 and pixels.shape[-1] in (3, 4) and min(pixels.shape[:2]) > 4:
        axes = [{"name": "y"}, {"name": "x"}, {"name": "sample"}]
    return {"data": pixels, "axes": axes, "reader": "numpy"}


def _at(file: BinaryIO, offset: int, count: int) -> bytes:
    file.seek(offset)
    return file.read(count)


def _damaged(path: Path, what: str) -> CannotRead:
    return CannotRead(
        f"{path.name} could not be read: {what}.",
        why="It is damaged or was not copied completely.",
        remedy="Copy the file from the microscope again.",
    )

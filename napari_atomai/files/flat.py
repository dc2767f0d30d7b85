"""Formats with a flat header (SER, NPY): sizes checked against the file before reading."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from napari_atomai.data.arrangement import COLOURS
from napari_atomai.data.pixels import as_picture, is_colour
from napari_atomai.errors import BadImage, CannotRead
from napari_atomai.files.guard import Limits, check_size, in_words

_SER_ITEMSIZE = {1: 1, 2: 2, 3: 4, 4: 1, 5: 2, 6: 4, 7: 4, 8: 8, 9: 8, 10: 16}
_SER_SPECTRA, _SER_IMAGES = 0x4120, 0x4122


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
        shape, dtype = npy_header(file)
    if dtype.kind not in "buifc" or not shape:
        raise no_numbers(path.name, dtype)
    check_size(path.name, shape[-2:], dtype.itemsize, limits)
    return array_part(np.load(path, mmap_mode="r", allow_pickle=False))


def npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Read shape and type of a .npy stream, and leave it where the numbers begin."""
    version = np.lib.format.read_magic(file)
    one = version == (1, 0)
    read = np.lib.format.read_array_header_1_0 if one else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype


_KINDS = {"U": "text", "S": "text", "M": "dates", "m": "durations", "V": "bytes"}


def no_numbers(name: str, dtype: np.dtype[Any]) -> BadImage:
    """Make the error of an array that is no image, because of its type or because it is a single number."""
    why, remedy = "", "Save a plain array: np.save(name, array.astype(float))."
    if dtype.hasobject:
        what = "Python objects, not numbers"
        why = "They are not loaded, because loading them can run code."
    elif dtype.names:
        what = f"records of {', '.join(dtype.names[:5])}, not numbers"
        why = "Which of them is the image only you can say."
        remedy = f"Save one of them: np.save(name, array[{dtype.names[0]!r}])."
    elif dtype.kind in _KINDS:
        what = f"{_KINDS[dtype.kind]}, not numbers"
    else:
        what = "a single number: no image and no spectrum"
        remedy = "Save an array with rows and columns: np.save(name, image)."
    return BadImage(f"{name} holds {what}.", why=why, remedy=remedy)


def array_part(pixels: Any) -> dict[str, Any]:
    """Describe a bare array in the form that RosettaSciIO uses: what its dimensions are is guessed."""
    notes: tuple[str, ...] = ()
    axes: list[Mapping[str, Any]]
    if is_colour(pixels):
        axes = [{"name": "y"}, {"name": "x"}, COLOURS]
    else:
        pixels, stacked, notes = as_picture(pixels)
        first = "channel" if stacked else "t"
        leading: list[Mapping[str, Any]] = [
            {"name": first if i == 0 else f"t{i}"} for i in range(max(pixels.ndim - 2, 0))
        ]
        axes = [*leading, {"name": "y"}, {"name": "x"}][-pixels.ndim :] if pixels.ndim else []
    return {"data": pixels, "axes": axes, "notes": notes, "reader": "numpy"}


def _at(file: BinaryIO, offset: int, count: int) -> bytes:
    file.seek(offset)
    return file.read(count)


def _damaged(path: Path, what: str) -> CannotRead:
    return CannotRead(
        f"{path.name} could not be read: {what}.",
        why="It is damaged or was not copied completely.",
        remedy="Copy the file from the microscope again.",
    )

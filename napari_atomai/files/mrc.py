"""MRC: what the header says of size, byte order, signs and calibration; the pixels, mapped from the file."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_atomai.errors import CannotRead
from napari_atomai.files.guard import Limits, check_size, in_words

_TYPES = {0: "u1", 1: "i2", 2: "f4", 4: "c8", 6: "u2", 12: "f2"}
_HEADER = 1024
_FEI_BLOCK = 128 * 1024
_BIG_ENDIAN = b"\x11\x11"
_IMOD = 1146047817
_IMOD_SIGNED = 1
_MRC2014 = (20140, 20141)


@dataclass(frozen=True)
class Header:
    """What an MRC header says.

    Parameters
    ----------
    order : str
        Byte order: "<" or ">".
    dtype : dtype
        Of the pixels, in that order.
    offset : int
        Where they begin, in bytes.
    calibrated : bool
        Whether it gives a pixel size.
    notes : tuple of str
        Sentences a person should see.
    """

    order: str
    dtype: np.dtype[Any]
    offset: int
    calibrated: bool
    notes: tuple[str, ...]


def check(path: Path, limits: Limits) -> Header:
    """Check that the pixels lie within the file, and say what they are.

    Raises
    ------
    CannotRead
        If they do not, or the header makes no sense in either byte order.
    TooLarge
        If one frame exceeds the budget.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_HEADER)
    if len(head) < _HEADER:
        raise _damaged(path, "it ends within its header")
    order = _byte_order(head)
    columns, rows, frames, mode = struct.unpack_from(f"{order}4i", head)
    extended = struct.unpack_from(f"{order}i", head, 92)[0]
    if not _makes_sense(head, order):
        raise _damaged(path, f"its header says {frames} × {rows} × {columns} pixels of kind {mode}")
    dtype = np.dtype(f"{order}{_TYPES[mode]}")
    check_size(path.name, (rows, columns), dtype.itemsize, limits)
    needed = math.prod((columns, rows, frames)) * dtype.itemsize + extended + _HEADER
    if needed > size:
        raise _damaged(path, f"its header asks for {in_words(needed)} and it is {in_words(size)} long")
    notes: tuple[str, ...] = ()
    if mode == 0:
        dtype, notes = _bytes(head, order)
    calibrated, more = _calibration(head, order, extended)
    return Header(order, dtype, _HEADER + extended, calibrated, (*notes, *more))


def pixels(path: Path, header: Header, shape: tuple[int, ...]) -> Any:
    """Map the pixels; they are read when they are looked at."""
    return np.memmap(path, header.dtype, "r", header.offset, shape)


def _byte_order(head: bytes) -> str:
    # Not every program writes the stamp, and some write the wrong one: what makes sense counts.
    orders = "><" if head[212:214] == _BIG_ENDIAN else "<>"
    return next((order for order in orders if _makes_sense(head, order)), orders[0])


def _makes_sense(head: bytes, order: str) -> bool:
    *shape, mode = struct.unpack_from(f"{order}4i", head)
    return min(shape) >= 1 and mode in _TYPES and struct.unpack_from(f"{order}i", head, 92)[0] >= 0


def _bytes(head: bytes, order: str) -> tuple[np.dtype[Any], tuple[str, ...]]:
    """Tell whether bytes are signed: by IMOD's flag, by numbers in them, by the definition of 2014."""
    stamp, flags = struct.unpack_from(f"{order}2i", head, 152)
    lowest, highest = struct.unpack_from(f"{order}2f", head, 76)
    (version,) = struct.unpack_from(f"{order}i", head, 108)
    notes: tuple[str, ...] = ()
    if stamp == _IMOD:
        signed = bool(flags & _IMOD_SIGNED)
    elif 0 <= lowest <= highest and 127 < highest <= 255:
        signed = False
    elif version in _MRC2014 or -128 <= lowest < 0 <= 127 - highest:
        signed = True
    else:
        signed = False
        if not 0 <= lowest < highest:
            notes = ("The file does not say whether its bytes are signed: taken as 0 to 255.",)
    return np.dtype(np.int8 if signed else np.uint8), notes


def _calibration(head: bytes, order: str, extended: int) -> tuple[bool, tuple[str, ...]]:
    if extended == _FEI_BLOCK:  # the microscope's own block holds the pixel size
        return True, ()
    intervals, cell = struct.unpack_from(f"{order}3i", head, 28), struct.unpack_from(f"{order}3f", head, 40)
    calibrated = min(intervals[:2]) > 0 and min(cell[:2]) > 0
    note = "The file says exactly 1 Å per pixel, which many programs write when they do not know it."
    default = calibrated and all(math.isclose(cell[i] / intervals[i], 1.0) for i in (0, 1))
    return calibrated, (note,) if default else ()


def _damaged(path: Path, what: str) -> CannotRead:
    return CannotRead(
        f"{path.name} could not be read: {what}.",
        why="It is damaged or was not copied completely.",
        remedy="Copy the file from the microscope again.",
    )

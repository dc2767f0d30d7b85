"""Formats of records (BLO) and of two files (Ripple, TIA's EMI): sizes and companions checked first."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_atomai.errors import CannotRead
from napari_atomai.files.flat import check_ser
from napari_atomai.files.guard import Limits, check_size, in_words
from napari_atomai.files.slabs import Records, Sliced, Spectra, lazy
from napari_atomai.files.stored import Stored

Part = dict[str, Any]

_BLO = struct.Struct("<6sHIIIHHHHHddIHId")
_BLO_MAGIC = 0x0102
_BLO_MARK = 6
_MOST_RPL_TEXT = 1 << 20
_MOST_EMI = 256 << 20
_MOST_SERIES = 9
_RPL_TYPES = {"signed": "i", "unsigned": "u", "float": "f"}
_RPL_ORDER = {"big-endian": ">", "little-endian": "<"}


def read_blo(path: Path, limits: Limits) -> Part:
    """Read a NanoMegas blockfile: diffraction patterns (ky, kx) of the points (y, x) of a scan.

    Returns
    -------
    dict
        In the form that RosettaSciIO uses; patterns are read when they are looked at.

    Raises
    ------
    CannotRead
        If the patterns do not lie within the file.
    TooLarge
        If one of them exceeds the budget.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_BLO.size)
        if len(head) < _BLO.size:
            raise _damaged(path, "it ends within its header")
        fields = _BLO.unpack(head)
        magic, note_ends, start, side = fields[1], fields[2], fields[3], fields[5]
        columns, rows, width, height = fields[7], fields[8], fields[10], fields[11]
        note = file.read(min(max(note_ends - 256, 0), 4096) + 176)[176:] if note_ends <= size else b""
    if magic != _BLO_MAGIC or min(rows, columns, side) < 1:
        raise _damaged(path, f"its header says {rows} × {columns} patterns of {side} × {side}")
    check_size(path.name, (side, side), 1, limits)
    record = np.dtype([("mark", "u1", _BLO_MARK), ("data", "u1", (side, side))])
    needed = start + rows * columns * record.itemsize
    if needed > size:
        raise _damaged(path, f"its header asks for {in_words(needed)} and it is {in_words(size)} long")
    data = _read(Records(path, start, (rows, columns), record), 0, limits)
    scanned = {"y": height, "x": width}
    names = ("DP_rotation", "NX", "NY", "Scan_rotation", "SX", "SY", "Beam_energy", "SDP", "Camera_length")
    tags = dict(zip(names, fields[6:15], strict=True))
    return {
        "data": data,
        "axes": [
            *(
                {"name": name, "scale": n, "units": "nm" if n else None, "navigate": True}
                for name, n in scanned.items()
            ),
            *({"name": name, "navigate": False} for name in ("ky", "kx")),
        ],
        "notes": _on_the_detector(tags),
        "metadata": {"Acquisition_instrument": {"TEM": {"beam_energy": tags["Beam_energy"] / 1e3}}},
        "original_metadata": {**tags, "Note": note.strip(b"\0").decode("latin-1", "replace")},
        "reader": "napari-atomai blockfile",
    }


def _on_the_detector(tags: Mapping[str, Any]) -> tuple[str, ...]:
    # Angles and 1/nm follow only with a camera length that is true; nominal ones are off by tens of percent.
    if not tags["SDP"]:
        return ()
    size = 1000 / tags["SDP"]
    return (
        f"The file gives {size:.4g} mm per pixel on the detector: not used, it is no length of the sample.",
    )


def _read(array: Sliced, split: int, limits: Limits) -> Any:
    return array[:] if array.nbytes <= limits.at_once else lazy(array, split)


def raw_beside(path: Path) -> Path:
    """Return the .raw file that belongs to a Ripple header.

    Raises
    ------
    CannotRead
        If it is not there.
    """
    for suffix in (".raw", ".RAW"):
        other = path.with_suffix(suffix)
        if other.is_file():
            return other
    raise CannotRead(
        f"{path.name} describes data that lie in {path.with_suffix('.raw').name}, which is not beside it.",
        why="A Ripple dataset consists of both files.",
        remedy="Copy the .raw file into the same folder.",
    )


def check_rpl(path: Path, limits: Limits) -> tuple[tuple[int, ...], np.dtype[Any], int, str]:
    """Check that the .raw file beside a Ripple header is as long as the header says.

    Returns
    -------
    shape : tuple of int
        As the numbers lie in the file.
    dtype : dtype
        Of the numbers.
    offset : int
        Where they begin, in bytes.
    record_by : str
        "vector" (spectra), "image" or "dont-care".

    Raises
    ------
    CannotRead
        If the header makes no sense, or the .raw file is missing or of another size.
    TooLarge
        If one picture exceeds the budget.
    """
    if path.stat().st_size > _MOST_RPL_TEXT:
        raise _damaged(path, "it is too long for a header")
    keys = _rpl_keys(path.read_text("latin-1"))
    try:
        rows, columns, depth = (int(keys.get(name, "1")) for name in ("height", "width", "depth"))
        offset, itemsize = int(keys.get("offset", "0")), int(keys["data-length"])
        dtype = np.dtype(
            f"{_RPL_ORDER.get(keys.get('byte-order', ''), '<')}{_RPL_TYPES[keys['data-type']]}{itemsize}"
        )
    except (KeyError, ValueError, TypeError) as error:
        raise _damaged(path, f"its header is not complete ({error})") from error
    record_by = keys.get("record-by", "dont-care")
    if min(rows, columns, depth) < 1 or offset < 0:
        raise _damaged(path, f"its header says {depth} × {rows} × {columns} values from byte {offset} on")
    shape = (rows, columns, depth) if record_by == "vector" else (depth, rows, columns)
    check_size(path.name, (rows, columns), itemsize, limits)
    raw = raw_beside(path)
    needed, size = offset + math.prod(shape) * itemsize, raw.stat().st_size
    if needed != size:
        raise CannotRead(
            f"{path.name} asks for {in_words(needed)} ({needed} bytes) and {raw.name} holds {size} bytes.",
            why="Its numbers would be taken from the wrong places.",
            remedy="Check that the two files belong together and were copied completely.",
        )
    return shape, dtype, offset, record_by


def _rpl_keys(text: str) -> dict[str, str]:
    keys = {}
    for line in text.splitlines():
        words = line.partition(";")[0].split(None, 1)
        if len(words) == 2:
            keys[words[0].strip().lower()] = words[1].strip().lower()
    return keys


def ripple_pixels(path: Path, found: tuple[tuple[int, ...], np.dtype[Any], int, str], limits: Limits) -> Any:
    """Return the numbers of a Ripple dataset."""
    shape, dtype, offset, record_by = found
    raw = raw_beside(path)
    if record_by == "vector" and min(shape) > 1 and math.prod(shape) * dtype.itemsize > limits.at_once:
        rows, columns, channels = shape
        spectra = Spectra(raw, offset, (rows, columns, channels), dtype)
        return Stored(np.memmap(raw, dtype, "r", offset, shape), spectra, 1)
    squeezed = tuple(n for n in shape if n > 1) or (1,)
    pixels = np.memmap(raw, dtype, "r", offset, squeezed)
    return np.array(pixels) if pixels.nbytes <= limits.at_once else pixels


def series_of(path: Path, limits: Limits) -> list[Path]:
    """Return the .ser files that belong to an .emi file, each of them checked.

    Raises
    ------
    CannotRead
        If there is none, or one is damaged.
    TooLarge
        If one exceeds the budget.
    """
    if path.stat().st_size > min(_MOST_EMI, limits.budget):
        raise _damaged(path, f"it is {in_words(path.stat().st_size)} long, too much for a file of tags")
    if b"<ObjectInfo>" not in path.read_bytes():
        raise _damaged(path, "it holds no tags of TIA")
    pattern = re.compile(re.escape(path.stem) + r"_[1-9]\.ser", re.IGNORECASE)
    found = sorted(other for other in path.parent.iterdir() if pattern.fullmatch(other.name))
    if not found:
        raise CannotRead(
            f"{path.name} describes data that lie in {path.stem}_1.ser, which is not beside it.",
            why="An .emi file holds the tags, the .ser files hold the images.",
            remedy="Copy the .ser files into the same folder.",
        )
    for other in found[:_MOST_SERIES]:
        if not other.is_file():  # a pipe would block for ever
            raise _damaged(other, "it is no ordinary file")
        check_ser(other, limits)
    return found


def _damaged(path: Path, what: str) -> CannotRead:
    return CannotRead(
        f"{path.name} could not be read: {what}.",
        why="It is damaged or was not copied completely.",
        remedy="Copy the file from the microscope again.",
    )

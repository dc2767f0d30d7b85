"""Nanonis scans (SXM): a header in plain text, then big-endian floats."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_atomai.data.shaping import Axes, Part
from napari_atomai.files import slabs
from napari_atomai.files.channels import (
    Channel,
    damaged,
    decoded,
    known,
    number,
    numbers,
    part,
    quantity,
    scan_axes,
    value_unit,
    whole,
)
from napari_atomai.files.guard import Limits, check_size

_HEADER = 4 << 20
NM = 1e9
MOST_CHANNELS = 1000
_DIRECTIONS = {"both": ("forward", "backward"), "forward": ("forward",), "backward": ("backward",)}


def read_sxm(path: Path, limits: Limits) -> list[Part]:
    """Read every channel of a Nanonis scan, as Nanonis shows it.

    Rows run from the top of the picture down, whichever way was scanned, and backward channels are mirrored,
    so that one pixel is one place in all of them. Lines that were not scanned are NaN.

    Parameters
    ----------
    path : Path
        A file that exists.
    limits : Limits
        Scans larger than it allows at once are read when they are looked at.

    Returns
    -------
    list of Part
        One (y, x) picture for each channel and direction: lengths in nm, currents in nA.

    Raises
    ------
    CannotRead
        If the header makes no sense or does not fit the size of the file.
    TooLarge
        If one picture exceeds the budget.
    """
    header, start = header_of(path, b":SCANIT_END:", b"\x1a\x04")
    tags = _sxm_tags(header)
    columns, rows = (whole(n) for n in numbers(_text(tags, "SCAN_PIXELS"), 2))
    kind = _text(tags, "SCANIT_TYPE").split()
    if rows < 1 or columns < 1 or kind[:1] != ["FLOAT"]:
        raise damaged(path, f"its header says {rows} × {columns} pixels of type {' '.join(kind) or '?'}")
    wanted = [(row, way) for row in _rows(tags, "DATA_INFO") for way in _ways(row)]
    if not wanted or len(wanted) > MOST_CHANNELS:
        raise damaged(path, f"its header lists {len(wanted)} channels")
    dtype = np.dtype("<f4" if "LSBFIRST" in kind else ">f4")
    one = check_size(path.name, (rows, columns), dtype.itemsize, limits)
    _check_length(path, start + len(wanted) * one)
    axes, notes = _scan(tags, (rows, columns))
    lazily = len(wanted) * one > limits.at_once
    parts = []
    up = _text(tags, "SCAN_DIR").casefold() == "up"
    for i, (row, way) in enumerate(wanted):
        stored = slabs.Records(path, start + i * one, (rows,), np.dtype([("data", dtype, (columns,))]))
        unit, factor = value_unit(row.get("Unit", ""))
        mirrored = (*([0] if up else []), *([1] if way == "backward" else []))
        data = Channel(stored, factor, mirrored=mirrored).read(lazily)
        name = row.get("Name", "").replace("_", " ").strip() or f"channel {i}"
        named = (quantity(name), unit, "nanonis sxm")
        parts.append(part(data, axes, f"{name} {way}", named, (tags, _understood(tags, way)), notes))
    return parts


def header_of(path: Path, end: bytes, mark: bytes) -> tuple[str, int]:
    """Return the text in front of the line `end`, and where the data begin: behind `mark`."""
    with path.open("rb") as file:
        head = file.read(_HEADER)
    at = head.find(end)
    data = head.find(mark, at + len(end), at + len(end) + 16) if at >= 0 else -1
    if data < 0:
        raise damaged(path, f"the end of its header ({end.decode()}) is missing")
    return decoded(head[:at]), data + len(mark)


def _check_length(path: Path, expected: int) -> None:
    size = path.stat().st_size
    if size != expected:
        kind = "shorter" if size < expected else "longer"
        lengths = f"{size:,} bytes instead of {expected:,}"
        raise damaged(path, f"it is {kind} than its header says, {lengths}")


def _sxm_tags(header: str) -> dict[str, Any]:
    blocks: dict[str, list[str]] = {}
    key = ""
    for line in header.splitlines():
        found = re.fullmatch(r":(.+):\s*", line)
        if found:
            key = found[1]
            blocks.setdefault(key, [])
        elif key:
            blocks[key].append(line)
    tags: dict[str, Any] = {}
    for key, lines in blocks.items():
        is_table = key in ("DATA_INFO", "Z-CONTROLLER")
        tags[key] = _table(lines) if is_table else "\n".join(lines).strip()
    return tags


def _table(lines: list[str]) -> list[dict[str, str]]:
    cells = [[cell.strip() for cell in line.strip("\t").split("\t")] for line in lines if line.strip()]
    return [dict(zip(cells[0], row, strict=False)) for row in cells[1:]] if cells else []


def _text(tags: Mapping[str, Any], key: str) -> str:
    return str(tags.get(key, "")).strip()


def _rows(tags: Mapping[str, Any], key: str) -> list[dict[str, str]]:
    found = tags.get(key)
    return found if isinstance(found, list) else []


def _ways(row: Mapping[str, str]) -> tuple[str, ...]:
    return _DIRECTIONS.get(row.get("Direction", "").casefold(), ())


def _scan(tags: Mapping[str, Any], shape: tuple[int, int]) -> tuple[Axes, list[str]]:
    width, height = (n * NM for n in numbers(_text(tags, "SCAN_RANGE"), 2))
    centre = tuple(n * NM for n in numbers(_text(tags, "SCAN_OFFSET"), 2))
    axes = scan_axes(shape, (width, height), (centre[0], centre[1]))
    return axes, turned(number(_text(tags, "SCAN_ANGLE")))


def turned(angle: float) -> list[str]:
    """Say of a scan that was not upright on the sample that it was not."""
    if not angle or math.isnan(angle):
        return []
    return [
        f"The scan was turned by {angle:.6g}° on the sample: shown upright, its middle in the right place."
    ]


def _understood(tags: Mapping[str, Any], way: str) -> dict[str, Any]:
    controller = (_rows(tags, "Z-CONTROLLER") or [{}])[0]
    spm = {
        "bias_V": number(_text(tags, "BIAS")),
        "setpoint": controller.get("Setpoint", ""),
        "controller": controller.get("Name", ""),
        "scan_angle_deg": number(_text(tags, "SCAN_ANGLE")),
        "scan_direction": _text(tags, "SCAN_DIR"),
        "line_direction": way,
        "line_time_s": numbers(_text(tags, "SCAN_TIME"), 2)[0],
        "acquisition_time_s": number(_text(tags, "ACQ_TIME")),
        "temperature_K": number(_text(tags, "REC_TEMP")),
    }
    day = _text(tags, "REC_DATE").split(".")
    date = "-".join(reversed(day)) if len(day) == 3 else ""
    general = dict(known({"date": date, "time": _text(tags, "REC_TIME"), "comment": _text(tags, "COMMENT")}))
    return {"General": general, "Acquisition_instrument": {"SPM": dict(known(spm))}}

"""Gwyddion's own files (GWY): a tree of named values, read without running or guessing anything.

The format is that of the Gwyddion user guide, "Gwyddion file formats".
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.shaping import Axes, Part
from napari_atomai.data.units import normalise_unit
from napari_atomai.errors import BadImage
from napari_atomai.files.channels import (
    asylum,
    damaged,
    decoded,
    part,
    picture_axes,
    quantity,
    scaled,
    value_unit,
)
from napari_atomai.files.guard import Limits, check_size

_MAGIC = b"GWYP"
_ATOMS = {"b": ("<?", 1), "c": ("<c", 1), "i": ("<i", 4), "q": ("<q", 8), "d": ("<d", 8)}
_ARRAYS = {"C": "<u1", "I": "<i4", "Q": "<i8", "D": "<f8"}
_LEFT_OUT = (
    (r"/\d+/mask", "mask"),
    (r"/\d+/(presentation|show)", "presentation"),
    (r"/0/graph/graph/\d+", "graph"),
    (r"/sps/\d+", "set of point spectra"),
    (r"/(surface|xyz)/\d+", "XYZ surface"),
    (r"/(lawn|cmap)/\d+", "curve map"),
)


def read_gwy(path: Path, limits: Limits) -> list[Part]:
    """Read the channels and volumes of a Gwyddion file.

    Parameters
    ----------
    path : Path
        A file that exists.
    limits : Limits
        The whole file must fit into its budget.

    Returns
    -------
    list of Part
        Channels (y, x) in the order of their numbers, then volumes (z, y, x). Masks, graphs and point spectra
        are left out, and a note says how many.

    Raises
    ------
    CannotRead
        If its parts do not fit into each other.
    TooLarge
        If it exceeds the budget.
    BadImage
        If it holds neither a channel nor a volume.
    """
    size = path.stat().st_size
    check_size(path.name, (2 * size,), 1, limits)  # the file, and the numbers that are made of it
    content = path.read_bytes()
    if content[:4] != _MAGIC:
        raise damaged(path, "it does not begin with GWYP")
    tree = _Reader(path, content, limits).read()
    notes = _left_out(tree)
    parts = []
    for pattern, kind, make in (
        (r"/(\d+)/data", "GwyDataField", _channel),
        (r"/brick/(\d+)", "GwyBrick", _volume),
    ):
        found = [(int(hit[1]), key) for key in tree if (hit := re.fullmatch(pattern, key))]
        for i, key in sorted(found):
            field = tree[key]
            if isinstance(field, dict) and field.get("") == kind:
                parts.append(make(path, tree, i, field, notes))
    if not parts:
        raise BadImage(f"{path.name} holds no channel and no volume.", remedy="Choose another file.")
    return parts


class _Reader:
    """Walks through nested objects, never beyond the end of the one it is in."""

    def __init__(self, path: Path, content: bytes, limits: Limits) -> None:
        self.path, self.content, self.limits = path, content, limits
        self.at, self.count = len(_MAGIC), 0

    def read(self) -> dict[str, Any]:
        """Read the outermost object; the name of its type is at the key ""."""
        try:
            return self.object(len(self.content), 0)
        except struct.error as error:
            raise self.damaged("a value reaches beyond the end") from error

    def object(self, end: int, depth: int) -> dict[str, Any]:
        if depth > self.limits.nesting:
            raise self.damaged(f"its objects are nested more than {self.limits.nesting} deep")
        values: dict[str, Any] = {"": self.text(end)}
        (length,) = self.numbers("<I", 4, end)
        stop = self.at + length
        if stop > end:
            raise self.damaged(f"an object of {length:,} bytes reaches beyond the end")
        while self.at < stop:
            name = self.text(stop)
            kind = chr(self.take(1, stop)[0])
            values[name] = self.value(kind, stop, depth)
        return values

    def value(self, kind: str, end: int, depth: int) -> Any:
        self.count += 1
        if self.count > self.limits.objects:
            raise self.damaged(f"it holds more than {self.limits.objects:,} values")
        if kind == "o":
            return self.object(end, depth + 1)
        if kind == "s":
            return self.text(end)
        if kind in _ATOMS:
            return self.numbers(*_ATOMS[kind], end)[0]
        (length,) = self.numbers("<I", 4, end)
        if kind in _ARRAYS:
            dtype = np.dtype(_ARRAYS[kind])
            return np.frombuffer(self.take(length * dtype.itemsize, end), dtype)
        if kind in ("S", "O"):  # each of them counts as a value, so their number is limited
            return [self.value(kind.lower(), end, depth) for _ in range(length)]
        raise self.damaged(f"a value is of the unknown kind {kind!r}")

    def text(self, end: int) -> str:
        stop = self.content.find(b"\x00", self.at, end)
        if stop < 0:
            raise self.damaged("a text has no end")
        found = decoded(self.content[self.at : stop])
        self.at = stop + 1
        return found

    def numbers(self, form: str, length: int, end: int) -> tuple[Any, ...]:
        return struct.unpack(form, self.take(length, end))

    def take(self, length: int, end: int) -> memoryview:
        if self.at + length > end:
            raise self.damaged(f"a value of {length:,} bytes reaches beyond the end")
        found = memoryview(self.content)[self.at : self.at + length]
        self.at += length
        return found

    def damaged(self, what: str) -> Exception:
        return damaged(self.path, f"{what} (at byte {self.at:,})")


def _left_out(tree: Mapping[str, Any]) -> list[str]:
    notes = []
    for pattern, what in _LEFT_OUT:
        count = sum(bool(re.fullmatch(pattern, key)) for key in tree)
        if count:
            notes.append(f"Left out of the Gwyddion file: {count} {what}{'' if count == 1 else 's'}.")
    return notes


def _channel(path: Path, tree: Mapping[str, Any], i: int, field: Mapping[str, Any], notes: list[str]) -> Part:
    columns, rows = _counts(field, "x", "y")
    data, unit = _values(path, field, (rows, columns))
    title = str(tree.get(f"/{i}/data/title") or f"Channel {i}")
    tags = _tags(tree, field, tree.get(f"/{i}/meta"))
    axes = _picture(field, (rows, columns), str(_unit(field, "si_unit_xy")))
    return part(
        data,
        axes,
        title,
        (quantity(title), unit, "gwyddion gwy"),
        (tags, asylum(tags.get("meta", {}))),
        notes,
    )


def _volume(path: Path, tree: Mapping[str, Any], i: int, field: Mapping[str, Any], notes: list[str]) -> Part:
    columns, rows, levels = _counts(field, "x", "y", "z")
    data, unit = _values(path, field, (levels, rows, columns), "si_unit_w")
    title = str(tree.get(f"/brick/{i}/title") or f"Volume {i}")
    given = _unit(field, "si_unit_z")
    step, first = _number(field, "zreal") / levels, _number(field, "zoff", 0.0)
    metres = 1e9 if given == "m" else 1.0
    axis = {
        "name": {"V": "Bias", "s": "t"}.get(given, "z"),
        "size": levels,
        "scale": step * metres,
        "offset": first * metres,
        "units": "nm" if given == "m" else given,
        "navigate": True,
    }
    tags = _tags(tree, field, tree.get(f"/brick/{i}/meta"))
    axes = [axis, *_picture(field, (rows, columns), str(_unit(field, "si_unit_x")))]
    return part(
        data,
        axes,
        title,
        (quantity(title), unit, "gwyddion gwy"),
        (tags, asylum(tags.get("meta", {}))),
        notes,
    )


def _counts(field: Mapping[str, Any], *names: str) -> tuple[int, ...]:
    found = (field.get(f"{name}res") for name in names)
    return tuple(n if isinstance(n, int) and n > 0 else 0 for n in found)


def _values(
    path: Path, field: Mapping[str, Any], shape: tuple[int, ...], unit: str = "si_unit_z"
) -> tuple[NDArray[Any], str]:
    data = field.get("data")
    count = data.size if isinstance(data, np.ndarray) and data.dtype == np.dtype("<f8") else 0
    if not count or count != math.prod(shape):
        raise damaged(path, f"a channel says {' × '.join(map(str, shape))} pixels and holds {count}")
    named, factor = value_unit(_unit(field, unit))
    assert isinstance(data, np.ndarray)
    return scaled(data.reshape(shape), factor), named


def _picture(field: Mapping[str, Any], shape: tuple[int, int], unit: str) -> Axes:
    metres = 1e9 if unit == "m" else 1.0
    pixel = tuple(_number(field, f"{name}real") / n * metres for name, n in zip("yx", shape, strict=True))
    first = tuple(_number(field, f"{name}off", 0.0) * metres for name in "yx")
    named = "nm" if unit == "m" else normalise_unit(unit)
    return picture_axes(shape, (pixel[0], pixel[1]), (first[0], first[1]), named)


def _unit(field: Mapping[str, Any], key: str) -> str:
    found = field.get(key)
    return str(found.get("unitstr", "")) if isinstance(found, dict) else ""


def _number(field: Mapping[str, Any], key: str, default: float = math.nan) -> float:
    found = field.get(key, default)
    return float(found) if isinstance(found, int | float) else math.nan


def _tags(tree: Mapping[str, Any], field: Mapping[str, Any], meta: Any) -> dict[str, Any]:
    plain = {key: value for key, value in field.items() if key and not isinstance(value, np.ndarray)}
    tags = {"data": plain, "filename": tree.get("/filename", "")}
    if isinstance(meta, dict):
        tags["meta"] = {key: value for key, value in meta.items() if key}
    return tags

"""Igor Pro's binary waves (IBW), those of Asylum Research's microscopes above all.

The layout is that of WaveMetrics' Technical Note 003. igor2, which is well kept, reads it too; but it joins
the labels of channels to what lies behind their end ("Phase1Retracece"), so the header is read here.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_atomai.data.shaping import Axes, Part
from napari_atomai.data.units import normalise_unit
from napari_atomai.errors import BadImage
from napari_atomai.files import slabs
from napari_atomai.files.channels import (
    Channel,
    asylum,
    damaged,
    decoded,
    part,
    picture_axes,
    quantity,
    value_unit,
)
from napari_atomai.files.guard import Limits, check_size

_TYPES = {2: "f4", 4: "f8", 8: "i1", 16: "i2", 32: "i4", 72: "u1", 80: "u2", 96: "u4", 3: "c8", 5: "c16"}
_LABEL = 32
_LONGEST_NOTE = 16 << 20
_MOST_CHANNELS = 1000
_HEADERS = {1: 8, 2: 16, 3: 20, 5: 64}  # in front of the wave's own
_WAVE = {1: 110, 2: 110, 3: 110, 5: 320}

# What Asylum's channels are measured in, by how their name begins; all others in volts (as Gwyddion has it).
_ASYLUM = {
    "Height": "m",
    "ZSensor": "m",
    "Deflection": "m",
    "Amplitude": "m",
    "Phase": "deg",
    "Current": "A",
    "Frequency": "Hz",
    "Capacitance": "F",
    "Potential": "V",
    "Count": "",
    "QFactor": "",
}


def read_ibw(path: Path, limits: Limits) -> list[Part]:
    """Read the channels of an Igor binary wave.

    Igor stores columns first and shows y upwards: pictures are turned so that row 0 is the top.

    Parameters
    ----------
    path : Path
        A file that exists.
    limits : Limits
        Waves larger than it allows at once are read when they are looked at.

    Returns
    -------
    list of Part
        One (y, x) picture for each labelled channel, a movie or volume (t, y, x) where the third dimension
        has no labels, or single curves: lengths in nm, currents in nA.

    Raises
    ------
    CannotRead
        If the header makes no sense, its checksum is wrong, or the file is too short for it.
    BadImage
        If it holds text.
    TooLarge
        If one picture exceeds the budget.
    """
    wave = _wave(path)
    check_size(path.name, wave.shape[:2], wave.dtype.itemsize, limits)
    original = {"note": wave.note, "wave": wave.name, "labels": wave.labels, "units": wave.units}
    tags = (original, asylum(wave.note))
    lazily = wave.dtype.itemsize * math.prod(wave.shape) > limits.at_once
    single = _labelled(wave)
    if single is None:
        channels, titles, units = range(len(wave.shape)), [wave.name or path.stem], [wave.value]
    else:
        names = (*wave.labels[single], *[""] * wave.shape[single])[: wave.shape[single]]
        channels, titles = range(single), [name or f"Channel {i}" for i, name in enumerate(names)]
        units = [_channel_unit(wave, name) for name in names]
    parts = []
    for i, (title, given) in enumerate(zip(titles, units, strict=True)):
        data, axes, unit = _channel(path, wave, i, channels, given, lazily)
        parts.append(part(data, axes, title, (quantity(title), unit, "igor ibw"), tags))
    return parts


@dataclass(frozen=True)
class _Wave:
    """What the header says; dimensions in Igor's order, x first."""

    start: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    scale: tuple[tuple[float, float], ...]
    units: tuple[str, ...]
    value: str
    name: str
    note: dict[str, str]
    labels: tuple[tuple[str, ...], ...]


def _wave(path: Path) -> _Wave:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(384)
    order = "<" if head[:1] != b"\x00" else ">"  # the version is small: its low byte tells the order
    version = int.from_bytes(head[:2], "little" if order == "<" else "big")
    if version not in _HEADERS or len(head) < _HEADERS[version] + _WAVE[version]:
        raise damaged(path, f"it is no Igor binary wave of version 1, 2, 3 or 5 (version {version})")
    start = _HEADERS[version] + _WAVE[version]
    if int(np.frombuffer(head[:start], f"{order}u2").sum(dtype=np.int64)) & 0xFFFF:
        raise damaged(path, "the checksum of its header is wrong")
    wave = _new(path, head, order, start) if version == 5 else _old(path, head, order, version)
    if any(n < 1 for n in wave.shape) or not wave.shape:
        raise damaged(path, f"its dimensions are {wave.shape}")
    needed = start + math.prod(wave.shape) * wave.dtype.itemsize
    if needed > size:
        raise damaged(path, f"it is {size:,} bytes long and declares {needed:,}")
    return wave


def _new(path: Path, head: bytes, order: str, start: int) -> _Wave:
    sizes = struct.unpack_from(
        f"{order}12i", head, 8
    )  # formula, note, units, four of units, four of labels, text
    points, kind = struct.unpack_from(f"{order}ih", head, 64 + 12)
    shape = _until_zero(struct.unpack_from(f"{order}4i", head, 64 + 68))
    scales, firsts = (
        struct.unpack_from(f"{order}4d", head, 64 + 84),
        struct.unpack_from(f"{order}4d", head, 64 + 116),
    )
    dtype = _dtype(path, kind, order)
    if math.prod(shape) != points:
        raise damaged(path, f"it says {points} points and dimensions {shape}")
    if min(sizes) < 0 or max(sizes) > _LONGEST_NOTE:
        raise damaged(path, f"its header says texts of {sizes} bytes")
    with path.open("rb") as file:
        file.seek(start + points * dtype.itemsize)
        texts = [file.read(length) for length in sizes]
    short = [head[64 + at : 64 + at + 4] for at in (148, 152, 156, 160, 164)]
    units = [_short(long) or _short(brief) for long, brief in zip(texts[2:7], short, strict=True)]
    labels = tuple(_labels(text) for text in texts[7:11])
    name = _short(head[64 + 28 : 64 + 60])
    scale = tuple(zip(scales, firsts, strict=True))
    return _Wave(start, dtype, shape, scale, tuple(units[1:]), units[0], name, _note(texts[1]), labels)


def _old(path: Path, head: bytes, order: str, version: int) -> _Wave:
    at = _HEADERS[version]
    (kind,) = struct.unpack_from(f"{order}h", head, at)
    (points,) = struct.unpack_from(f"{order}i", head, at + 42)
    scale = struct.unpack_from(f"{order}2d", head, at + 48)
    note = struct.unpack_from(f"{order}i", head, 6)[0] if version > 1 else 0
    dtype = _dtype(path, kind, order)
    if not 0 <= note <= _LONGEST_NOTE or points < 0:
        raise damaged(path, f"its header says {points} points and a note of {note} bytes")
    with path.open("rb") as file:
        file.seek(at + 110 + points * dtype.itemsize + 16)
        text = file.read(note)
    value, unit = _short(head[at + 34 : at + 38]), _short(head[at + 38 : at + 42])
    name = _short(head[at + 6 : at + 26])
    return _Wave(at + 110, dtype, (points,), (scale,), (unit,), value, name, _note(text), ((),))


def _dtype(path: Path, kind: int, order: str) -> np.dtype[Any]:
    if kind == 0:
        raise BadImage(f"{path.name} holds text, no numbers.", remedy="Choose another wave.")
    if kind not in _TYPES:
        raise damaged(path, f"its numbers are of the unknown type {kind}")
    return np.dtype(order + _TYPES[kind])


def _until_zero(counts: Sequence[int]) -> tuple[int, ...]:
    return tuple(counts[: counts.index(0)]) if 0 in counts else tuple(counts)


def _short(text: bytes) -> str:
    return decoded(text.partition(b"\x00")[0]).strip()


def _labels(text: bytes) -> tuple[str, ...]:
    """One label for each place of a dimension; the first stands for the dimension as a whole."""
    starts = range(_LABEL, min(len(text), (_MOST_CHANNELS + 1) * _LABEL), _LABEL)
    return tuple(_short(text[at : at + _LABEL]) for at in starts)


def _note(text: bytes) -> dict[str, str]:
    """Lines of "key: value"; what is written twice keeps its first value, what has no key its number."""
    lines = decoded(text).replace("\r\n", "\r").replace("\n", "\r").split("\r")
    tags: dict[str, str] = {}
    for i, line in enumerate(lines):
        key, colon, value = line.partition(":")
        if line.strip():
            tags.setdefault(key.strip() if colon else f"line {i}", (value if colon else line).strip())
    return tags


def _labelled(wave: _Wave) -> int | None:
    """Which dimension counts channels: the last, if it has labels and few places."""
    last = len(wave.shape) - 1
    named = last in (1, 2) and last < len(wave.labels) and any(wave.labels[last])
    return last if named and wave.shape[last] <= _MOST_CHANNELS else None


def _channel_unit(wave: _Wave, label: str) -> str:
    if not ({"ImagingMode", "ScanSize"} & wave.note.keys()):
        return wave.value
    name = label.removeprefix("DAC").removeprefix("Nap")
    return next((unit for start, unit in _ASYLUM.items() if name.startswith(start)), "V")


def _channel(
    path: Path, wave: _Wave, i: int, dimensions: range, unit: str, lazily: bool
) -> tuple[Any, Axes, str]:
    """Channel number `i`, its axes and its unit; Igor's first dimension is the last."""
    counts = [wave.shape[d] for d in reversed(dimensions)]
    start = wave.start + i * math.prod(counts) * wave.dtype.itemsize
    *outer, last = counts
    record = np.dtype([("data", wave.dtype, (last,))]) if outer else np.dtype([("data", wave.dtype)])
    stored = slabs.Records(path, start, tuple(outer) or (last,), record)
    axes, mirrored = _as_shown(_axes(wave, dimensions))
    named, factor = value_unit(unit)
    whole = None if wave.dtype.kind == "c" else factor
    return Channel(stored, whole, mirrored=mirrored).read(lazily), axes, named


def _axes(wave: _Wave, dimensions: range) -> Axes:
    """Axes in the order of the array: Igor's first dimension is the last."""
    axes = []
    for i in reversed(dimensions):
        (scale, first), unit = wave.scale[i], wave.units[i]
        metres = 1e9 if unit == "m" else 1.0
        named = "nm" if unit == "m" else unit
        axis = {"name": "xyz"[i] if i < 3 else "t", "size": wave.shape[i], "units": named, "navigate": False}
        axes.append(axis | {"scale": scale * metres, "offset": first * metres})
    return axes


def _as_shown(axes: Axes) -> tuple[Axes, tuple[int, ...]]:
    """Axes of a picture whose x grows to the right and whose y grows upwards, and what to mirror for it."""
    if len(axes) < 2:
        return [{**axes[0], "name": _curve_name(axes[0]["units"])}], ()
    for axis in axes[:-2]:
        axis["name"] = {"s": "t", "V": "Bias", "Hz": "Frequency"}.get(axis["units"], axis["name"])
        axis["navigate"] = True
    rows, columns = axes[-2:]
    y, x = len(axes) - 2, len(axes) - 1
    mirrored = (*([y] if rows["scale"] >= 0 else []), *([x] if columns["scale"] < 0 else []))
    if normalise_unit(rows["units"]) != normalise_unit(columns["units"]):
        return axes, mirrored
    pixel = (abs(rows["scale"]), abs(columns["scale"]))
    first = _first(rows), min(columns["offset"], columns["offset"] + columns["scale"] * (columns["size"] - 1))
    picture = picture_axes((rows["size"], columns["size"]), pixel, first, rows["units"])
    return [*axes[:-2], *picture], mirrored


def _first(rows: dict[str, Any]) -> float:
    """Position of the topmost row along -y; 0 where the wave says no position."""
    if rows["offset"] == 0:
        return 0.0
    last = rows["offset"] + rows["scale"] * (rows["size"] - 1)
    return -float(max(rows["offset"], last))


def _curve_name(unit: str) -> str:
    return {"s": "t", "V": "Bias", "Hz": "Frequency", "nm": "Z"}.get(unit, "x")

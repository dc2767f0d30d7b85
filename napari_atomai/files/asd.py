"""Movies of high-speed atomic force microscopes (ASD): a header, then frames of 16-bit levels.

The layout is that of libasd (T. Niina, MIT licence), which takes it from the instrument's software; sign and
scale of the heights are the same.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_atomai.data.shaping import Part
from napari_atomai.files import slabs
from napari_atomai.files.channels import Channel, damaged, decoded, known, part, picture_axes, whole
from napari_atomai.files.guard import Limits, check_size

_V0 = (
    ("data_kind_1ch", "H"),
    ("data_kind_2ch", "H"),
    ("file_header_size", "i"),
    ("frame_header_size", "i"),
    ("operator_name_size", "i"),
    ("comment_offset_size", "i"),
    ("comment_size", "i"),
    ("x_pixel", "h"),
    ("y_pixel", "h"),
    ("x_scanning_range_nm", "h"),
    ("y_scanning_range_nm", "h"),
    ("frame_time_ms", "f"),
    ("z_piezo_extension_nm_per_V", "f"),
    ("z_piezo_gain", "f"),
    ("ad_range", "I"),
    ("ad_resolution", "i"),
    ("is_averaged", "?"),
    ("average_window", "i"),
    ("_legacy", "h"),
    ("year", "h"),
    ("month", "B"),
    ("day", "B"),
    ("hour", "B"),
    ("minute", "B"),
    ("second", "B"),
    ("rounding_degree", "B"),
    ("x_max_scanning_range_nm", "f"),
    ("y_max_scanning_range_nm", "f"),
    ("_booked", "12s"),
    ("initial_frames", "i"),
    ("num_frames", "i"),
    ("machine_id", "i"),
    ("file_id", "h"),
)
_V0_AFTER_NAME = (
    ("sensor_sensitivity_nm_per_V", "f"),
    ("phase_sensitivity_deg_per_V", "f"),
    ("scanning_direction", "i"),
)
_V1 = (
    ("file_header_size", "i"),
    ("frame_header_size", "i"),
    ("text_encoding", "i"),
    ("operator_name_size", "i"),
    ("comment_size", "i"),
    ("data_kind_1ch", "I"),
    ("data_kind_2ch", "I"),
    ("initial_frames", "i"),
    ("num_frames", "i"),
    ("scanning_direction", "i"),
    ("file_id", "i"),
    ("x_pixel", "i"),
    ("y_pixel", "i"),
    ("x_scanning_range_nm", "i"),
    ("y_scanning_range_nm", "i"),
    ("is_averaged", "?"),
    ("average_window", "i"),
    ("year", "i"),
    ("month", "i"),
    ("day", "i"),
    ("hour", "i"),
    ("minute", "i"),
    ("second", "i"),
    ("x_rounding_degree", "i"),
    ("y_rounding_degree", "i"),
    ("frame_time_ms", "f"),
    ("sensor_sensitivity_nm_per_V", "f"),
    ("phase_sensitivity_deg_per_V", "f"),
    ("offset", "i"),
    ("_booked", "12s"),
    ("machine_id", "i"),
    ("ad_range", "I"),
    ("ad_resolution", "i"),
    ("x_max_scanning_range_nm", "f"),
    ("y_max_scanning_range_nm", "f"),
    ("x_piezo_extension_nm_per_V", "f"),
    ("y_piezo_extension_nm_per_V", "f"),
    ("z_piezo_extension_nm_per_V", "f"),
    ("z_piezo_gain", "f"),
)

_KINDS = {0x5054: "topography", 0x5245: "error", 0x4850: "phase"}
_QUANTITIES = {"topography": ("height", "nm"), "error": ("error", "nm"), "phase": ("phase", "°")}
# Code of the converter -> (volts at its upper end, whether it also goes below zero).
_RANGES = {
    0x1: (1.0, False),
    0x2: (2.5, False),
    0x3: (9.99, False),
    0x4: (5.0, False),
    0x10000: (1.0, True),
    0x20000: (2.5, True),
    0x40000: (5.0, True),
}
_LONGEST_TEXT = 1 << 20
_ENCODINGS = {932: "cp932", 936: "gbk", 1252: "cp1252", 65001: "utf-8"}


def read_asd(path: Path, limits: Limits) -> list[Part]:
    """Read the movies of a high-speed AFM: heights in nm, errors in nm, phases in degrees.

    The first line of a frame is the lowest, as in the instrument's own viewer.

    Parameters
    ----------
    path : Path
        A file that exists.
    limits : Limits
        Movies larger than it allows at once are read frame by frame when they are looked at.

    Returns
    -------
    list of Part
        One movie (t, y, x) for each channel, time in s.

    Raises
    ------
    CannotRead
        If the header makes no sense or the file does not hold the frames it declares.
    TooLarge
        If one frame exceeds the budget.
    """
    movie = _movie(path)
    rows, columns = movie.shape
    check_size(path.name, movie.shape, 4, limits)
    lazily = len(movie.kinds) * movie.frames * rows * columns * 4 > limits.at_once
    parts = []
    for i, kind in enumerate(movie.kinds):
        stored = slabs.Records(path, movie.start + i * movie.channel, (movie.frames,), movie.record)
        factor, offset, unit, notes = _scale(kind, movie.tags)
        values = Channel(stored, factor, offset, mirrored=(1,)).read(lazily)
        what = _QUANTITIES[kind][0] if unit else kind
        axes = [_time(movie), *picture_axes(movie.shape, _pixel(movie))]
        named = (what, unit, "hs-afm asd")
        tags = (dict(known(movie.tags)), _understood(movie, kind))
        parts.append(part(values, axes, kind.capitalize(), named, tags, notes))
    return parts


@dataclass(frozen=True)
class _Movie:
    tags: Mapping[str, Any]
    start: int
    shape: tuple[int, int]
    frames: int
    kinds: tuple[str, ...]

    @property
    def record(self) -> np.dtype[Any]:
        """One frame with its header."""
        header = int(self.tags["frame_header_size"])
        size = header + 2 * self.shape[0] * self.shape[1]
        fields = {"names": ["data"], "formats": [("<i2", self.shape)], "offsets": [header], "itemsize": size}
        return np.dtype(fields)  # type: ignore[call-overload, no-any-return]

    @property
    def channel(self) -> int:
        """Bytes of all frames of one channel."""
        return self.frames * int(self.record.itemsize)


def _movie(path: Path) -> _Movie:
    size = path.stat().st_size
    tags, end = _tags(path)
    rows, columns, frames = (whole(tags[key]) for key in ("y_pixel", "x_pixel", "num_frames"))
    header, frame_header = whole(tags["file_header_size"]), tags["frame_header_size"]
    possible = (
        min(rows, columns, frames) > 0 and max(rows, columns) <= 1 << 15 and 0 <= frame_header <= 1 << 16
    )
    if not possible or not end <= header <= size:
        raise damaged(
            path,
            f"its header says {frames} frames of {rows} × {columns} pixels, a header of {header} bytes "
            f"and {frame_header} for each frame",
        )
    codes = (tags["data_kind_1ch"], tags["data_kind_2ch"])
    kinds = tuple(_KINDS.get(code, f"channel {code:#06x}") for code in codes if code)
    movie = _Movie(tags, header, (rows, columns), frames, kinds)
    needed = len(kinds) * movie.channel
    before = size - needed
    if not kinds or before < header:
        raise damaged(path, f"its {frames} frames of {len(kinds)} channels take {needed:,} bytes of {size:,}")
    # In the oldest files the comment follows a header that does not count it; the frames end the file.
    if tags["version"] == 0 and before - header <= tags["comment_offset_size"] + tags["comment_size"]:
        return _Movie(tags, before, (rows, columns), frames, kinds)
    if before - header >= movie.record.itemsize:
        raise damaged(path, f"it is longer than the {frames} frames its header says")
    return movie


def _tags(path: Path) -> tuple[dict[str, Any], int]:
    with path.open("rb") as file:
        content = file.read(2 * _LONGEST_TEXT)
    version = int.from_bytes(content[:4], "little")
    if version not in (0, 1, 2):
        raise damaged(path, f"its version is {version}, known are 0, 1 and 2")
    try:
        tags, at = _fields(content, 4, _V1 if version else _V0)
        lengths = [tags["operator_name_size"], tags.get("comment_offset_size", 0), tags["comment_size"]]
        if not all(0 <= length <= _LONGEST_TEXT // 2 for length in lengths):
            raise damaged(path, f"its header says texts of {lengths} bytes")
        name = content[at : at + lengths[0]]
        at += lengths[0]
        if version == 0:
            more, at = _fields(content, at, _V0_AFTER_NAME)
            tags |= more
    except struct.error as error:
        raise damaged(path, "it ends within its header") from error
    comment = content[at + lengths[1] : at + sum(lengths[1:])]
    encoding = _ENCODINGS.get(tags.get("text_encoding", 0))
    for key, text in (("operator_name", name), ("comment", comment)):
        plain = text.decode(encoding, "replace") if encoding else decoded(text)
        tags[key] = plain.strip("\x00 ")
    # The header counts its own texts from version 1 on.
    return {"version": version, **tags}, at + sum(lengths[1:]) if version else at


def _fields(content: bytes, start: int, fields: tuple[tuple[str, str], ...]) -> tuple[dict[str, Any], int]:
    form = "<" + "".join(letter for _, letter in fields)
    values = struct.unpack_from(form, content, start)
    named = zip((name for name, _ in fields), values, strict=True)
    tags = {name: value for name, value in named if not name.startswith("_")}
    return tags, start + struct.calcsize(form)


def _scale(kind: str, tags: Mapping[str, Any]) -> tuple[float | None, float, str, list[str]]:
    bits, code = tags["ad_resolution"], tags["ad_range"]
    if kind not in _QUANTITIES or code not in _RANGES or not 1 <= bits <= 16:
        note = f"The scale of the channel is not known (range {code:#x}, {bits} bits): levels as stored."
        return None, 0.0, "", [note]
    volts, both = _RANGES[code]
    factor = {
        "topography": tags["z_piezo_gain"] * tags["z_piezo_extension_nm_per_V"],
        "error": -tags["sensor_sensitivity_nm_per_V"],
        "phase": -tags["phase_sensitivity_deg_per_V"],
    }[kind]
    # The piezo retracts over a high place: more volts are less height.
    step = -(2 if both else 1) * volts / 2**bits * factor
    return step, volts * factor if both else 0.0, _QUANTITIES[kind][1], []


def _time(movie: _Movie) -> dict[str, Any]:
    scale = movie.tags["frame_time_ms"] / 1000
    return {"name": "t", "size": movie.frames, "scale": scale, "offset": 0.0, "units": "s", "navigate": True}


def _pixel(movie: _Movie) -> tuple[float, float]:
    rows, columns = movie.shape
    return movie.tags["y_scanning_range_nm"] / rows, movie.tags["x_scanning_range_nm"] / columns


def _understood(movie: _Movie, kind: str) -> dict[str, Any]:
    tags = movie.tags
    year, month, day = (tags[key] for key in ("year", "month", "day"))
    hour, minute, second = (tags[key] for key in ("hour", "minute", "second"))
    general = {
        "date": f"{year:04d}-{month:02d}-{day:02d}",
        "time": f"{hour:02d}:{minute:02d}:{second:02d}",
        "operator": tags["operator_name"],
        "comment": tags["comment"],
    }
    spm = {
        "mode": "high-speed AFM",
        "channel": kind,
        "frame_time_s": tags["frame_time_ms"] / 1000,
        "scan_size_nm": [tags["x_scanning_range_nm"], tags["y_scanning_range_nm"]],
        "z_piezo_nm_per_V": tags["z_piezo_gain"] * tags["z_piezo_extension_nm_per_V"],
    }
    return {"General": dict(known(general)), "Acquisition_instrument": {"SPM": dict(known(spm))}}

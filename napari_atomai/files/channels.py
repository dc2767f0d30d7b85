"""What all scanning-probe formats share: names and units of channels, positions, and the errors."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.shaping import Axes, Part
from napari_atomai.errors import CannotRead
from napari_atomai.files import slabs

_VALUE_UNITS: Mapping[str, tuple[str, float]] = MappingProxyType(
    {"m": ("nm", 1e9), "A": ("nA", 1e9), "deg": ("°", 1.0)}
)

# The first that the name of a channel contains; the order decides ("Amplitude Error" is an error).
_QUANTITIES = (
    ("error", "error"),
    ("amplitude", "amplitude"),
    ("phase", "phase"),
    ("freq", "frequency"),
    ("excitation", "excitation"),
    ("current", "current"),
    ("bias", "bias"),
    ("potential", "potential"),
    ("deflection", "deflection"),
    ("height", "height"),
    ("topography", "height"),
    ("zsensor", "height"),
)


def quantity(channel: str) -> str:
    """Tell by the name of a channel what it measures: "Phase1Retrace" -> "phase".

    Parameters
    ----------
    channel : str
        As the instrument calls it.

    Returns
    -------
    str
        One of a few words; the name in lower case where none fits.
    """
    lower = re.sub(r"\[[^]]*\]", "", channel.casefold()).strip().removeprefix("scan:")
    if lower == "z":
        return "height"
    return next((word for part, word in _QUANTITIES if part in lower), lower)


def value_unit(unit: str) -> tuple[str, float]:
    """Return the unit that values are given in, and the factor that brings them to it.

    Instruments write metre and ampere; people read nanometre and nanoampere.
    """
    unit = unit.strip()
    return _VALUE_UNITS.get(unit, (unit, 1.0))


class Channel(slabs.Sliced):
    """A stored array as it is shown: mirrored, multiplied, in floats of this computer.

    Slices are handed down to what is stored, so that only what is looked at is read.

    Parameters
    ----------
    stored : Sliced
        As it lies in the file.
    factor, offset : float
        A value is ``stored * factor + offset``; ``factor`` None leaves the numbers as they are.
    mirrored : tuple of int
        Dimensions that run the other way.
    """

    def __init__(
        self,
        stored: slabs.Sliced,
        factor: float | None = 1.0,
        offset: float = 0.0,
        mirrored: tuple[int, ...] = (),
    ) -> None:
        native = stored.dtype.newbyteorder("=")
        super().__init__(stored.shape, native if factor is None else np.result_type(native, np.float32))
        self.stored, self.factor, self.offset, self.mirrored = stored, factor, offset, mirrored

    def box(self, box: slabs.Box) -> NDArray[Any]:
        """Read the mirrored box, and turn it."""
        inside = [
            slice(n - part.stop, n - part.start, 1) if i in self.mirrored else part
            for i, (n, part) in enumerate(zip(self.shape, box, strict=True))
        ]
        found = np.flip(self.stored.box(tuple(inside)), self.mirrored)
        if self.factor is None:
            return np.ascontiguousarray(found, self.dtype)
        return scaled(found, self.factor, self.offset)

    def read(self, lazily: bool, split: int = 0) -> Any:
        """Read it now, or give a dask array of it in blocks along dimension `split`."""
        return slabs.lazy(self, split) if lazily else self.box(tuple(slice(0, n, 1) for n in self.shape))


def scaled(values: NDArray[Any], factor: float, offset: float = 0.0) -> NDArray[Any]:
    """Multiply an array and add to it: floats in the byte order of this computer."""
    native = np.result_type(values.dtype.newbyteorder("="), np.float32)
    with np.errstate(all="ignore"):  # a damaged number may be any; it becomes inf or NaN
        times: NDArray[Any] = values.astype(native) * native.type(factor)
        if offset:
            times += native.type(offset)
    return times


def picture_axes(
    shape: Sequence[int],
    pixel: tuple[float, float],
    first: tuple[float, float] = (0.0, 0.0),
    unit: str = "nm",
) -> Axes:
    """Describe rows and columns.

    Parameters
    ----------
    shape : (int, int)
        Rows, columns.
    pixel, first : (float, float)
        Size of a pixel and position of the first one as (row, column), in `unit`.
    unit : str
        A length.
    """
    return [
        {"name": name, "size": int(n), "scale": scale, "offset": at, "units": unit, "navigate": False}
        for name, n, scale, at in zip("yx", shape, pixel, first, strict=True)
    ]


def scan_axes(shape: Sequence[int], size: tuple[float, float], centre: tuple[float, float]) -> Axes:
    """Describe the rows and columns of a scan whose y runs up, as that of every microscope does.

    Parameters
    ----------
    shape : (int, int)
        Rows, columns.
    size, centre : (float, float)
        Width and height, and the place of the middle as (x, y), in nm. Rows count downwards, so the row axis
        runs along -y: two scans of one sample lie as they lay on it.
    """
    rows, columns = shape
    height, width = size[1] / rows, size[0] / columns
    first = (-centre[1] - size[1] / 2 + height / 2, centre[0] - size[0] / 2 + width / 2)
    return picture_axes(shape, (height, width), first)


def part(
    data: Any,
    axes: Axes,
    title: str,
    named: tuple[str, str, str],
    tags: tuple[Mapping[str, Any], Mapping[str, Any]],
    notes: Sequence[str] = (),
) -> Part:
    """Put a channel together as a reader gives it.

    Parameters
    ----------
    data : array
        NumPy or dask.
    axes : list of dict
        In the order of the array.
    title : str
        What to call it.
    named : (str, str, str)
        What the values are, their unit, and the reader.
    tags : (mapping, mapping)
        The file's own tags, and what is understood of them.
    notes : sequence of str
        Sentences a person should see.
    """
    what, unit, reader = named
    original, understood = tags
    general = {**understood.get("General", {}), "title": title}
    return {
        "data": data,
        "axes": axes,
        "metadata": {**understood, "General": general},
        "original_metadata": dict(original),
        "quantity": what,
        "value_unit": unit,
        "reader": reader,
        "notes": tuple(notes),
    }


def decoded(text: bytes) -> str:
    """Text as instruments write it: UTF-8, or else Latin-1, which never fails."""
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")


def numbers(text: str, count: int, separator: str | None = None) -> tuple[float, ...]:
    """Exactly `count` numbers of a line; NaN for each that is missing or is none."""
    found = [number(word) for word in text.split(separator)[:count]]
    return (*found, *[math.nan] * (count - len(found)))


def number(text: str) -> float:
    """Make a number of a word; NaN where it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def whole(value: float, most: int = 1 << 30) -> int:
    """Make a count of a number that a file gives; 0 where it cannot be one."""
    return int(value) if 1 <= value <= most else 0


def known(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Give the entries that say something: no empty text, no NaN."""
    for key, value in values.items():
        if value not in ("", None) and not (isinstance(value, float) and math.isnan(value)):
            yield key, value


def asylum(tags: Mapping[str, Any]) -> dict[str, Any]:
    """Understand what Asylum Research's software notes down; empty where nothing of it is there."""
    spm = {
        "mode": str(tags.get("ImagingMode", "")),
        "microscope": str(tags.get("MicroscopeModel", "")),
        "scan_angle_deg": number(str(tags.get("ScanAngle", ""))),
        "scan_rate_Hz": number(str(tags.get("ScanRate", ""))),
        "spring_constant_N_per_m": number(str(tags.get("SpringConstant", ""))),
        "drive_amplitude_V": number(str(tags.get("DriveAmplitude", ""))),
        "drive_frequency_Hz": number(str(tags.get("DriveFrequency", ""))),
        "tip_voltage_V": number(str(tags.get("TipVoltage", ""))),
    }
    general = {"date": str(tags.get("Date", "")), "time": str(tags.get("Time", ""))}
    found = {"General": dict(known(general)), "Acquisition_instrument": {"SPM": dict(known(spm))}}
    return found if found["Acquisition_instrument"]["SPM"] else {}


def damaged(path: Path, what: str) -> CannotRead:
    """Make the error of a file that does not hold together."""
    return CannotRead(
        f"{path.name} could not be read: {what}.",
        why="It is damaged, was not copied completely, or is a variant that is not known.",
        remedy="Copy the file from the microscope again.",
    )

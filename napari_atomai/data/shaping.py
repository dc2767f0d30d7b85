"""What a reader gives (array, axes as dictionaries) -> Image or Spectrum: order, units, notes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from napari_atomai.data.arrangement import COLOURS, arrange, has_colours
from napari_atomai.data.image import (
    ENERGIES,
    LENGTHS_IN_NM,
    NO_CALIBRATION,
    UNCALIBRATED,
    Axis,
    Image,
    Source,
)
from napari_atomai.data.pixels import as_grey
from napari_atomai.data.spectrum import Spectrum
from napari_atomai.data.tags import plain
from napari_atomai.data.units import preferred, split_quantity
from napari_atomai.errors import CannotRead

Part = dict[str, Any]
"""One dataset as RosettaSciIO gives it (data, axes, metadata, original_metadata), with notes and reader;
``quantity`` and ``value_unit`` say what the values are, ``squeeze`` drops all dimensions of length one.
Where ``kind`` says that it is an Image or a Spectrum, it is in order, and its axes may be Axis already."""

Axes = list[dict[str, Any]]

_PIXELS_IN_NM = (1e-6, 1e9)
"""A femtometre to a metre: what lies outside is a slip of units."""

_NAMES = {
    "height": "y",
    "width": "x",
    "energy": "E",
    "energy loss": "E",
    "energy-loss": "E",
    "time": "t",
    "frame": "t",
    "image series": "t",
    "depth": "z",
}


def as_dataset(
    part: Part, source: Source | None = None, name: str = "image", load: Callable[[Any], Any] | None = None
) -> Image | Spectrum:
    """Make an Image or a Spectrum of one dataset.

    Parameters
    ----------
    part : Part
        Array and axes in the order of the array.
    source : Source, optional
        Where it comes from.
    name : str
        What to call it.
    load : callable, optional
        Brings the array into memory, or refuses to; called when its dimensions are in order.

    Returns
    -------
    Image or Spectrum
        A Spectrum where one dimension is left, or two of which one is scanned (a line scan).

    Raises
    ------
    BadImage
        If the values are not real numbers, or none are left.
    CannotRead
        If the axes do not fit the array.
    """
    notes = list(part.get("notes", ()))
    metadata = {
        "original": plain(part.get("original_metadata") or {}),
        "understood": plain(part.get("metadata") or {}),
    }
    made = _as_it_lay if "kind" in part else _by_axes
    kind, values, axes = made(part, load or _as_they_are, notes)
    return kind(values, axes, name, source, metadata, tuple(notes), *_meaning(part))


Made = tuple[type[Image] | type[Spectrum], Any, tuple[Axis, ...]]


def _as_they_are(values: Any) -> Any:
    return values


def _as_it_lay(part: Part, load: Callable[[Any], Any], notes: list[str]) -> Made:
    """Take a dataset that is known to be in order."""
    spatial = len(part["axes"]) - 2 if part["kind"] is Image else len(part["axes"])
    axes = tuple(
        axis if isinstance(axis, Axis) else _axis(axis, "", i >= spatial, notes)
        for i, axis in enumerate(part["axes"])
    )
    if UNCALIBRATED in [axis.unit for axis in axes[spatial:]]:
        notes.append(NO_CALIBRATION)
    return part["kind"], load(part["data"]), axes


def _by_axes(part: Part, load: Callable[[Any], Any], notes: list[str]) -> Made:
    """Order a dataset by what its axes are."""
    axes = _in_order(part["axes"], part["data"].shape)
    arranged = arrange(axes, part["data"].shape, bool(part.get("squeeze")))
    pixels, axes = load(arranged.of(part["data"])), [axes[i] for i in arranged.order]
    if arranged.spectra:
        return Spectrum, pixels, _spectral(axes, notes)
    notes += arranged.notes
    if arranged.spectral is not None:
        axes[-3]["name"] = axes[-3].get("name") or "E"
    pixels, axes = _grey(pixels, axes, notes)
    return Image, pixels, _calibrated(axes, pixels.ndim, notes)


def _meaning(part: Part) -> tuple[str, str]:
    """Return what the values are and their unit: as the reader says, else as HyperSpy writes it."""
    if part.get("quantity"):
        return str(part["quantity"]), str(part.get("value_unit") or "")
    signal = (part.get("metadata") or {}).get("Signal") or {}
    return split_quantity(str(signal.get("quantity") or ""))


def _in_order(axes: Sequence[Mapping[str, Any]], shape: Sequence[int]) -> Axes:
    ordered = [dict(axis) for axis in axes]
    if len(ordered) != len(shape):
        raise CannotRead(
            f"The data have {len(shape)} dimensions and the file describes {len(ordered)} of them.",
            remedy="Open it in the program it comes from and save it again.",
        )
    return ordered


def _spectral(axes: Axes, notes: list[str]) -> tuple[Axis, ...]:
    return tuple(_axis(axis, "x" if i < len(axes) - 1 else "E", False, notes) for i, axis in enumerate(axes))


def _grey(pixels: Any, axes: Axes, notes: list[str]) -> tuple[Any, Axes]:
    if pixels.dtype.names:  # R, G, B records
        pixels = np.stack([pixels[name] for name in pixels.dtype.names], axis=-1)
        axes = [*axes, dict(COLOURS)]
    if not has_colours(axes):
        return pixels, axes
    if pixels.shape[-1] not in (3, 4):  # grey with transparency, or a stack of detectors
        notes.append(f"{pixels.shape[-1]} channels per pixel: shown one after the other.")
        return np.moveaxis(pixels, -1, 0), [{"name": "channel"}, *axes[:-1]]
    *front, columns, channels = pixels.shape
    grey, said = as_grey(pixels.reshape(-1, columns, channels))
    if grey.ndim == 3:  # too small to be told from a stack
        grey, said = grey[..., :3].mean(axis=-1).astype(np.float32), ("Colour picture: channels averaged.",)
    notes.extend(said)
    return grey.reshape(*front, columns), axes[:-1]


def _calibrated(axes: Axes, ndim: int, notes: list[str]) -> tuple[Axis, ...]:
    fallback = [*(f"axis {i}" for i in range(ndim - 2)), "y", "x"]
    made = [_axis(axes[i], fallback[i], i >= ndim - 2, notes) for i in range(ndim)]
    rows, columns = made[-2:]
    if {rows.unit, columns.unit} & set(LENGTHS_IN_NM) and UNCALIBRATED in (rows.unit, columns.unit):
        notes.append("Only one of rows and columns has a length unit: taken as uncalibrated.")
        made[-2:] = [Axis(rows.name), Axis(columns.name)]
    if UNCALIBRATED in (made[-2].unit, made[-1].unit):
        notes.append(NO_CALIBRATION)
    return tuple(made)


def _axis(axis: Mapping[str, Any], fallback: str, spatial: bool, notes: list[str]) -> Axis:
    given = str(axis.get("name") or "").strip()
    unit, factor = preferred(axis.get("units"))
    if axis.get("expression") and axis.get("axis") is None:  # a formula in a file is not carried out
        notes.append(f"Samples along {given or fallback} are given by a formula: they are counted instead.")
        unit = UNCALIBRATED
    name = "E" if unit in ENERGIES and not spatial else _NAMES.get(given.casefold(), given or fallback)
    scale, offset, even = _spacing(axis)
    scale, offset = scale * factor, offset * factor
    if unit != UNCALIBRATED and not even:
        notes.append(f"Samples along {name} are not evenly spaced: their mean distance is used.")
    if unit == UNCALIBRATED:
        if scale not in (0.0, 1.0) and np.isfinite(scale):
            notes.append(f"The file gives {scale:.6g} per sample along {name}, but no known unit: not used.")
        return Axis(name)
    if not np.isfinite(scale) or scale == 0 or (spatial and not is_pixel(scale, unit)):
        notes.append(f"A pixel size of {scale:.6g} {unit} along {name} is not possible: not used.")
        return Axis(name)
    return Axis(name, scale, offset + 0.0 if np.isfinite(offset) else 0.0, unit)  # no -0


def is_pixel(size: float, unit: str) -> bool:
    """Tell whether a pixel can be of this size."""
    smallest, largest = _PIXELS_IN_NM
    return size > 0 and (unit not in LENGTHS_IN_NM or smallest <= size * LENGTHS_IN_NM[unit] <= largest)


def _spacing(axis: Mapping[str, Any]) -> tuple[float, float, bool]:
    vector = axis.get("axis")
    if vector is None:
        return _number(axis.get("scale"), 1.0), _number(axis.get("offset"), 0.0), True
    positions = np.asarray(vector, dtype=float).ravel()
    if positions.size < 2:
        return 1.0, 0.0, True
    steps = np.diff(positions)
    mean = float(steps.mean())
    return mean, float(positions[0]), bool(np.allclose(steps, mean, rtol=1e-3, atol=0))


def _number(value: Any, default: float) -> float:
    try:
        return default if value is None else float(value)
    except (TypeError, ValueError):
        return float("nan")

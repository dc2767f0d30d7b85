"""Spectra as they are plotted and written: units brought together, values scaled. No Qt."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.image import UNCALIBRATED, Axis, Image
from napari_atomai.data.spectrum import Spectrum
from napari_atomai.plugin.panels.spectrum_plot import Curve, Drawing, LineMap
from napari_atomai.stat.spectra import spectral_axis, spectrum_at

COLOURS = ("#56B4E9", "#E69F00", "#2FBF8F", "#CC79A7", "#E8743B", "#9F8CE8")
"""Told apart by the colour-blind, on dark and on white; the first is the image's."""

_EV: Mapping[str, float] = MappingProxyType({"meV": 1e-3, "eV": 1.0, "keV": 1e3})
_MOST_POINTS, _MOST_CHANNELS = 512, 2048


@dataclass
class Entry:
    """A line of the list: a spectrum, and which point of its line is meant."""

    spectrum: Spectrum
    colour: str
    shown: bool = True
    point: int = 0
    live: bool = False


def same(one: Spectrum, other: Spectrum) -> bool:
    """Whether two are the same spectrum of the same file."""
    return one is other or (one.source is not None and one.source == other.source and one.name == other.name)


def described(entry: Entry) -> str:
    """Say of a line of the list what is known about it."""
    parts = [entry.spectrum.name, *entry.spectrum.notes]
    if entry.live:
        parts.append("Follows the image; Keep puts a copy into the list.")
    return "\n".join(parts)


def usable_together(entries: Sequence[Entry], current: Entry | None) -> list[Entry]:
    """Return those that have the kind of axis that the current one has, else the first."""
    if not entries:
        return []
    leader = _leader(entries, current)
    return [one for one in entries if _factor(one.spectrum, leader.spectrum) is not None]


def _leader(entries: Sequence[Entry], current: Entry | None) -> Entry:
    return next((one for one in entries if one is current), entries[0])


def left_out_in_words(entries: Sequence[Entry], current: Entry | None) -> str:
    """Say which spectra cannot be drawn on the axis of the current one, or the first; empty: all can."""
    together = usable_together(entries, current)
    apart = [one for one in entries if one not in together]
    if not apart:
        return ""
    leader = _leader(entries, current)
    unit, other = (unit_of(one.spectrum.axes[-1]) for one in (leader, apart[0]))
    if len(apart) == 1:
        which = f"{named(apart[0])!r} is in {other} and is not plotted"
    else:
        which = f"{len(apart)} ticked spectra are in other units and are not plotted"
    return f"The axis is in {unit}; {which}: choose it in the list to see it."


def drawing_of(
    entries: Sequence[Entry], current: Entry | None, *, log: bool, normalise: bool
) -> tuple[Drawing, str]:
    """Return what to draw, and what is to be said about it."""
    if not entries:
        return Drawing(()), ""
    leader = _leader(entries, current)
    curves = tuple(_curve(one, leader.spectrum, normalise) for one in entries)
    remark = ""
    if not any(np.isfinite(curve.values).any() for curve in curves):
        remark = "There is no value that is a number."
    elif log and not any((curve.values[np.isfinite(curve.values)] > 0).any() for curve in curves):
        log, remark = False, "No value is positive: the scale stays linear."
    axis = leader.spectrum.axes[-1]
    drawing = Drawing(
        curves,
        x_label=f"{_axis_name(axis)} ({unit_of(axis)})",
        y_label="relative" if normalise else values_in_words([one.spectrum for one in entries]),
        unit=unit_of(axis),
        log=log,
        above=_map_of(leader),
    )
    return drawing, remark


def columns_of(entries: Sequence[Entry]) -> dict[str, Any]:
    """Return columns of a table; spectra with other channels bring their own energies."""
    columns: dict[str, Any] = {}
    longest = max((one.spectrum.shape[-1] for one in entries), default=0)
    last: NDArray[np.float64] | None = None
    for one in entries:
        axis, energy = one.spectrum.axes[-1], one.spectrum.energy
        if last is None or not np.array_equal(energy, last):
            _put(columns, f"{_axis_name(axis)} {unit_of(axis)}", energy, longest)
            last = energy
        name = named(one)
        _put(columns, f"{name} ({values_in_words([one.spectrum])})", _values(one), longest)
    return columns


def frozen(spectrum: Spectrum, point: int) -> Spectrum:
    """Return a spectrum, or one point of a line scan, that nothing changes any more."""
    if spectrum.n_points == 1:
        return spectrum
    axis = spectrum.axes[0]
    where = f"{axis.offset + axis.scale * point:.4g} {unit_of(axis)}"
    values = spectrum_at(spectrum, point)
    return dataclasses.replace(
        spectrum, values=values, axes=spectrum.axes[-1:], name=f"{spectrum.name}: point {point} ({where})"
    )


def position_in_words(entry: Entry) -> str:
    """Say where along the line the point lies."""
    axis = entry.spectrum.axes[0]
    if axis.unit == UNCALIBRATED:
        return ""
    return f"{axis.offset + axis.scale * entry.point:.4g} {axis.unit}"


def named(entry: Entry) -> str:
    """Name of a spectrum, with the point where it is one of a line scan."""
    points = entry.spectrum.n_points
    return entry.spectrum.name if points == 1 else f"{entry.spectrum.name}: point {entry.point}"


def unit_of(axis: Axis) -> str:
    """Return the unit of an axis as it is written on the screen."""
    return "channel" if axis.unit == UNCALIBRATED else axis.unit


def values_in_words(spectra: Sequence[Spectrum]) -> str:
    """Say what the values are, with their unit; where spectra differ, that they are values."""
    first = spectra[0]
    if any((one.quantity, one.value_unit) != (first.quantity, first.value_unit) for one in spectra):
        return "value"
    quantity = first.quantity or "value"
    return f"{quantity} ({first.value_unit})" if first.value_unit else quantity


def energies_in(image: Image, window: tuple[float, float], unit: str) -> tuple[float, float]:
    """Return a window of energies in the unit of a spectrum image's axis."""
    axis = image.axes[spectral_axis(image)]
    factor = _EV[unit] / _EV[axis.unit] if unit in _EV and axis.unit in _EV else 1.0
    return window[0] * factor, window[1] * factor


def _axis_name(axis: Axis) -> str:
    if axis.name != "E" or axis.unit in _EV:
        return "energy" if axis.name == "E" else axis.name
    return "position"


def _factor(spectrum: Spectrum, leader: Spectrum) -> float | None:
    """Return what brings the energies of one spectrum to the unit of another; None: nothing does."""
    here, there = spectrum.axes[-1].unit, leader.axes[-1].unit
    if here == there:
        return 1.0
    return _EV[here] / _EV[there] if here in _EV and there in _EV else None


def _values(entry: Entry) -> NDArray[np.float64]:
    return spectrum_at(entry.spectrum, entry.point)


def _curve(entry: Entry, leader: Spectrum, normalise: bool) -> Curve:
    values = _values(entry)
    if normalise:
        finite = np.abs(values[np.isfinite(values)])
        largest = float(finite.max()) if finite.size else 0.0
        values = values / largest if largest > 0 else values
    factor = _factor(entry.spectrum, leader) or 1.0
    return Curve(named(entry), entry.spectrum.energy * factor, values, entry.colour)


def _map_of(entry: Entry) -> LineMap | None:
    spectrum = entry.spectrum
    if spectrum.n_points == 1 or not isinstance(spectrum.values, np.ndarray):
        return None  # lazy ones would be read whole
    along, energy = spectrum.axes
    points, channels = spectrum.shape
    step = max(1, points // _MOST_POINTS), max(1, channels // _MOST_CHANNELS)
    unit = "point" if along.unit == UNCALIBRATED else f"{along.name} ({along.unit})"
    return LineMap(
        spectrum.values[:: step[0], :: step[1]].astype(np.float64),
        _edges(energy, channels),
        _edges(along, points),
        unit,
        along.offset + along.scale * entry.point,
    )


def _edges(axis: Axis, count: int) -> tuple[float, float]:
    return axis.offset - axis.scale / 2, axis.offset + axis.scale * (count - 0.5)


def _put(columns: dict[str, Any], name: str, values: NDArray[Any], length: int) -> None:
    unique, number = name, 2
    while unique in columns:
        unique, number = f"{name} {number}", number + 1
    padded = np.full(length, np.nan)
    padded[: len(values)] = values
    columns[unique] = padded

"""What can be said for certain of how a dataset was taken: voltage, detector, dwell time ..."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from napari_atomai.data.image import LENGTHS_IN_NM, UNCALIBRATED, Axis, Image
from napari_atomai.data.spectrum import Spectrum
from napari_atomai.data.tag_readings import Value, at, duration
from napari_atomai.data.tag_rules import RULES, Rule, Tags, paths_of

AXES = "axes"
"""Where a fact was found that follows from the calibration, not from a tag."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is known about how a dataset was taken.

    Parameters
    ----------
    name : str
        "Acceleration voltage", "Dwell time" ...
    value : float, str or tuple of float
        In `unit`; pairs are (row, column) or (from, to).
    unit : str
        "kV", "mrad", "µs", "nm" ...; empty for what has none.
    text : str
        Value and unit as a person writes them.
    found_at : str
        Path of the tag in the metadata, its keys joined by "/"; "axes" for what follows from them.
    """

    name: str
    value: Value
    unit: str
    text: str
    found_at: str


def understood(dataset: Image | Spectrum) -> list[Fact]:
    """Say what is known for certain about how a dataset was taken.

    Parameters
    ----------
    dataset : Image or Spectrum
        With the metadata that its reader left in it.

    Returns
    -------
    list of Fact
        In the order in which a microscopist asks for them; who sat at the instrument is not among them.
    """
    quantity = (dataset.quantity, dataset.value_unit)
    return facts_of(dataset.metadata, dataset.axes, dataset.shape, quantity)


def facts_of(
    metadata: Tags, axes: Sequence[Axis] = (), shape: Sequence[int] = (), quantity: tuple[str, str] = ("", "")
) -> list[Fact]:
    """Say what metadata, axes and shape tell for certain; see `understood`.

    Parameters
    ----------
    metadata : mapping
        ``"original"``: the file's tags, ``"understood"``: the reader's tree.
    axes : sequence of Axis
        Calibration now, one for each dimension.
    shape : sequence of int
        Samples along the axes.
    quantity : (str, str)
        What the values are, and their unit.
    """
    found: dict[str, Fact] = {}
    for rule in RULES:
        if rule.name not in found and (fact := _applied(rule, metadata)) is not None:
            found[rule.name] = fact
    found.update((fact.name, fact) for fact in _of_axes(axes, shape))
    name, unit = quantity
    if name:
        found["Values"] = Fact("Values", name, unit, f"{name} ({unit})" if unit else name, "quantity")
    return [found[name] for name in _ORDER if name in found]


def _applied(rule: Rule, metadata: Tags) -> Fact | None:
    for path in paths_of(rule.path):
        value = at(metadata, path)
        if value is None or (rule.when is not None and not rule.when(metadata)):
            continue
        read = rule.reading(value)
        if read is not None:
            return Fact(rule.name, *read, _written(*read), path)
    return None


_OF_AXES = ("Field of view", "Line length", "Pixel size", "Frame interval", "Spectral range", "Spectral step")


def _ordered() -> Iterator[str]:
    before = "Bias"  # what follows from the axes stands between the beam's tags and the probe's
    for name in dict.fromkeys(rule.name for rule in RULES):
        if name == before:
            yield from (*_OF_AXES, "Values")
        yield name


_ORDER: tuple[str, ...] = tuple(_ordered())


# --- what follows from the axes -------------------------------------------------------------------

_TIMES: Mapping[str, float] = {"µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
_SPECTRAL = ("E", "Wavelength", "Raman shift", "Energy loss")


def _of_axes(axes: Sequence[Axis], shape: Sequence[int]) -> Iterator[Fact]:
    if len(axes) != len(shape):
        return
    for axis, count in zip(axes, shape, strict=True):
        if axis.unit in _TIMES and count > 1:
            yield _fact("Frame interval", *_scaled_time(axis))
        elif axis.name in _SPECTRAL and axis.unit != UNCALIBRATED:
            last = axis.offset + axis.scale * (count - 1)
            yield _fact("Spectral range", (min(axis.offset, last), max(axis.offset, last)), axis.unit)
            yield _fact("Spectral step", abs(axis.scale), axis.unit)
    names = tuple(axis.name for axis in axes)
    if names[-2:] == ("y", "x"):
        yield from _of_pixels(axes[-2:], shape[-2:])
    elif names[:1] == ("x",) and axes[0].nm is not None:  # a line scan
        yield _length("Line length", (axes[0].nm * shape[0],))
        yield _length("Pixel size", (axes[0].nm,))


def _scaled_time(axis: Axis) -> tuple[Value, str]:
    return duration(_TIMES[axis.unit])(abs(axis.scale)) or (abs(axis.scale), axis.unit)


def _of_pixels(axes: Sequence[Axis], shape: Sequence[int]) -> Iterator[Fact]:
    rows, columns = axes
    if rows.nm is not None and columns.nm is not None:
        yield _length("Field of view", (rows.nm * shape[0], columns.nm * shape[1]))
        yield _length("Pixel size", (rows.nm, columns.nm))
    elif rows.unit == columns.unit != UNCALIBRATED:
        yield _fact("Pixel size", (abs(rows.scale), abs(columns.scale)), rows.unit)


def _length(name: str, nm: tuple[float, ...]) -> Fact:
    unit = "nm" if max(nm) < 1e3 else "µm" if max(nm) < 1e6 else "mm"
    return _fact(name, tuple(one / LENGTHS_IN_NM[unit] for one in nm), unit)


def _fact(name: str, value: Value, unit: str) -> Fact:
    if isinstance(value, tuple) and name != "Spectral range":
        return Fact(name, value, unit, _side_by_side(name, value, unit), AXES)
    return Fact(name, value, unit, _written(value, unit), AXES)


# --- how facts are written ------------------------------------------------------------------------


def _side_by_side(name: str, value: tuple[float, ...], unit: str) -> str:
    texts = [_digits(one) for one in value]
    if len(texts) == 1 or (name == "Pixel size" and texts[0] == texts[1]):
        return f"{texts[0]} {unit}"
    order = "" if texts[0] == texts[1] else " (height × width)"
    return f"{' × '.join(texts)} {unit}{order}"


def _written(value: Value, unit: str) -> str:
    if isinstance(value, str):
        text = value
    elif isinstance(value, tuple):
        text = " – ".join(_digits(one) for one in value)
    else:
        text = _digits(value)
    return f"{text}{unit}" if unit in ("°", "×") else f"{text} {unit}".rstrip()


def _digits(value: float) -> str:
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value + 0.0:.4g}"  # + 0.0: no "-0"

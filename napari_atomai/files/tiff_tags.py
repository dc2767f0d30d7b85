"""What the tags of a TIFF say of its axes: OME, ImageJ, FEI, the resolution of a printer."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from napari_atomai.data.arrangement import COLOURS
from napari_atomai.data.dimensions import TIMES
from napari_atomai.data.image import LENGTHS_IN_NM, UNCALIBRATED
from napari_atomai.data.units import normalise_unit

_NM_PER = {2: 25.4e6, 3: 1e7}
"""Nanometres in the resolution unit of a TIFF: 2 is the inch, 3 the centimetre."""

_COARSEST_HONEST_NM = 1000.0
"""Resolution tags usually speak of paper (72 per inch); below a micrometre they speak of a microscope."""

_NAMES = {
    "None": None,
    "color|em-wavelength|channel": "channel",
    "ex-wavelength|lambda": "wavelength",
    "region|tile": "tile",
}
"""What RosettaSciIO calls dimensions of tifffile, and what people call them."""


@dataclass(frozen=True)
class Said:
    """What the tags say of the axes of a series.

    Parameters
    ----------
    by : str
        Which tags.
    pixel_nm : (row, column), optional
        Pixel size in nm.
    steps : mapping
        "time" or "depth" -> distance between two samples, its unit, and which sample lies at 0.
    origin : (row, column)
        Where position 0 lies, in pixels.
    """

    by: str = ""
    pixel_nm: tuple[float, float] | None = None
    steps: Mapping[str, tuple[float, str, float]] = field(default_factory=dict)
    origin: tuple[float, float] = (0.0, 0.0)


NOTHING = Said()


def said(file: Any, tags: Any, index: int) -> Said:
    """Read what the tags of series number `index` of an open tifffile say."""
    if file.is_ome:
        found = _ome(file.ome_metadata, index)
        if found is not NOTHING:
            return found
    if file.is_imagej:
        return _imagej(file.imagej_metadata or {}, tags)
    unit = tags.get("ResolutionUnit")
    size = _resolution(tags, _NM_PER.get(int(unit.value))) if unit is not None else None
    return Said("resolution tags", size) if size and max(size) < _COARSEST_HONEST_NM else NOTHING


def _imagej(tags: Mapping[str, Any], resolution: Any) -> Said:
    unit = normalise_unit(tags.get("unit"))  # RosettaSciIO knows the unit "micron" only
    factor = LENGTHS_IN_NM.get(unit)
    steps = _known(
        {
            "time": (_number(tags.get("finterval")), tags.get("tunit", "s"), 0.0),
            "depth": (
                _number(tags.get("spacing")),
                tags.get("zunit", unit),
                _number(tags.get("zorigin")) or 0.0,
            ),
        }
    )
    top, left = (_number(tags.get(name)) or 0.0 for name in ("yorigin", "xorigin"))
    return Said("ImageJ metadata", _resolution(resolution, factor) if factor else None, steps, (top, left))


def _ome(xml: str | None, index: int) -> Said:
    # The text is searched, not parsed: nothing in it can be expanded.
    starts = [found.start() for found in re.finditer(r"<(?:\w+:)?Pixels\b", xml or "")]
    if xml is None or index >= len(starts):
        return NOTHING
    text = xml[starts[index] : (*starts, len(xml))[index + 1]]
    pixels, plane = _attributes(text, "Pixels"), _attributes(text, "Plane")
    steps = _known(
        {
            "time": (_number(pixels.get("TimeIncrement")), pixels.get("TimeIncrementUnit", "s"), 0.0),
            "depth": (_number(pixels.get("PhysicalSizeZ")), pixels.get("PhysicalSizeZUnit", "µm"), 0.0),
        }
    )
    rows, columns = (
        _length(pixels, f"PhysicalSize{axis}", "µm") for axis in "YX"
    )  # µm: the schema's default
    if rows is None or columns is None or rows <= 0 or columns <= 0:
        return Said("OME metadata", None, steps) if steps else NOTHING
    top, left = (_length(plane, f"Position{axis}", "reference frame") or 0.0 for axis in "YX")
    return Said("OME metadata", (rows, columns), steps, (-top / rows, -left / columns))


def _known(steps: Mapping[str, tuple[float | None, Any, float]]) -> Mapping[str, tuple[float, str, float]]:
    """Return the steps that can be; one without a unit is kept, so that it can be said."""
    units = {"time": TIMES, "depth": frozenset(LENGTHS_IN_NM)}
    found = {}
    for name, (step, spelling, first) in steps.items():
        unit = normalise_unit(spelling)
        if step is not None and step > 0 and unit in (*units[name], UNCALIBRATED):
            found[name] = (step, unit, first)
    return MappingProxyType(found)


def _attributes(xml: str, element: str) -> dict[str, str]:
    found = re.search(rf"<(?:\w+:)?{element}\b([^>]*)>", xml)
    return dict(re.findall(r'\b(\w+)="([^"]*)"', found[1])) if found else {}


def _length(attributes: Mapping[str, str], name: str, default: str) -> float | None:
    factor = LENGTHS_IN_NM.get(normalise_unit(attributes.get(f"{name}Unit", default)))
    value = _number(attributes.get(name))
    return None if factor is None or value is None else value * factor


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _resolution(tags: Any, factor: float | None) -> tuple[float, float] | None:
    sizes = []
    for name in ("YResolution", "XResolution"):
        tag = tags.get(name)
        count, per = tag.value if tag is not None else (0, 1)
        if factor is None or not count or not per:
            return None
        sizes.append(factor * per / count)
    return sizes[0], sizes[1]


# --- into the axes of RosettaSciIO ----------------------------------------------------------------

_SPATIAL = {"height": 0, "y": 0, "width": 1, "x": 1}


def calibrated(part: dict[str, Any], given: Said) -> dict[str, Any]:
    """Fill in what the tags say, where RosettaSciIO says nothing."""
    if part["axes"] and part["axes"][-1].get("name") == "sample":
        part["axes"][-1] = dict(COLOURS)
    for axis in part["axes"]:
        axis["name"] = _NAMES.get(axis.get("name"), axis.get("name"))
    axes = [axis for axis in part["axes"] if axis.get("name") in _SPATIAL]
    fei = _fei((part.get("original_metadata") or {}).get("fei_metadata") or {})
    for axis in axes:
        if fei is not None:  # RosettaSciIO takes the width of a pixel for its height
            axis.update(scale=fei[_SPATIAL[axis["name"]]], units="nm")
        elif axis.get("units") == "m":
            axis.update(scale=axis["scale"] * 1e9, offset=axis.get("offset", 0) * 1e9, units="nm")
    if given.pixel_nm is not None and not any(axis.get("units") for axis in axes):
        for axis in axes:
            axis.update(scale=given.pixel_nm[_SPATIAL[axis["name"]]], units="nm")
        part = {**part, "notes": (f"The pixel size is taken from the file's {given.by}.",)}
    _others(part["axes"], given)
    return part


def _others(axes: list[dict[str, Any]], given: Said) -> None:
    for axis in axes:
        name = axis.get("name")
        if name in _SPATIAL:
            if origin := given.origin[_SPATIAL[name]]:
                axis["offset"] = -origin * axis.get("scale", 1.0)
        elif name is not None and name in given.steps:
            step, unit, first = given.steps[name]
            axis.update(scale=step, offset=-first * step, units=unit)
        elif name == "time" and given.by == "ImageJ metadata" and not axis.get("units"):
            axis["scale"] = 1.0  # RosettaSciIO takes the distance of slices for that of frames


def _fei(tags: Mapping[str, Any]) -> tuple[float, float] | None:
    try:
        scan = tags["Scan"]
        return float(scan["PixelHeight"]) * 1e9, float(scan["PixelWidth"]) * 1e9
    except (KeyError, TypeError, ValueError):
        pass
    try:
        beam, image = tags["IRBeam"], tags["Image"]
        rows = float(beam["VFW"]) / float(image["ResolutionY"])
        return rows * 1e9, float(beam["HFW"]) / float(image["ResolutionX"]) * 1e9
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None

"""Velox EMD: where on the sample an image or a map lies, and how large its pixels are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Part = dict[str, Any]

BY_THE_FIELD = "Its pixel size is that of the scan: the field of view over the number of pixels."


def placed(part: Part) -> Part:
    """Put an image where it was scanned: some detectors say 0, and maps of EELS give no pixel size."""
    tags, (*front, rows, columns) = part["original_metadata"], part["axes"]
    made = plane(tags, (int(rows["size"]), int(columns["size"])))
    if "scale" not in made[0]:
        return part
    navigated = [{**old, **new, "navigate": False} for old, new in zip((rows, columns), made, strict=True)]
    notes = () if (tags.get("BinaryResult") or {}).get("PixelSize") else (BY_THE_FIELD,)
    return {**part, "axes": [*front, *navigated], "notes": (*part.get("notes", ()), *notes)}


def plane(tags: Mapping[str, Any], shape: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return the axes y and x of an image or a map of this shape, without a scale where none is known."""
    given = _place(tags, shape)
    size, offset = given.get("PixelSize") or {}, given.get("Offset") or {}
    axes = []
    for name, side in (("y", "height"), ("x", "width")):
        axis: dict[str, Any] = {"name": name, "navigate": True}
        if _known(given):
            nm = number(size.get(side), 0) * 1e9
            factor, unit = (1e-3, "µm") if nm * shape[1] / 2 >= 1e3 else (1.0, "nm")
            axis |= {"scale": nm * factor, "units": unit}
            axis["offset"] = number(offset.get(name), 0) * 1e9 * factor
        axes.append(axis)
    return axes


def scanned(tags: Mapping[str, Any]) -> tuple[int, ...]:
    """Return rows and columns of the scanned area, as the tags give it; nothing where they do not."""
    scan = tags.get("Scan") or {}
    try:
        size, area = scan["ScanSize"], scan["ScanArea"]
        rows = (float(area["bottom"]) - float(area["top"])) * float(size["height"])
        columns = (float(area["right"]) - float(area["left"])) * float(size["width"])
        return round(rows), round(columns)
    except (KeyError, TypeError, ValueError, OverflowError):
        return ()


def number(value: Any, default: float) -> float:
    """Return a number that a tag holds as text; NaN where it is none."""
    try:
        return default if value is None else float(value)
    except (TypeError, ValueError):
        return math.nan


def _place(tags: Mapping[str, Any], shape: tuple[int, ...]) -> Mapping[str, Any]:
    """Return pixel size and offset as given, or by the scan where that has this shape.

    The middle of a whole scan is zero, so an area of it begins at ``(left - 0.5)`` of its width.
    """
    given: dict[str, Any] = dict(tags.get("BinaryResult") or {})
    if scanned(tags) != tuple(shape):  # no scan, or cut or binned since
        return given
    size, area = tags["Scan"]["ScanSize"], tags["Scan"]["ScanArea"]
    if not given.get("PixelSize"):
        given |= _of_field(tags, size)
    if _known(given):
        begins = {"x": float(area["left"]) - 0.5, "y": float(area["top"]) - 0.5}
        sides = (("x", "width"), ("y", "height"))
        given["Offset"] = {
            name: begins[name] * float(size[side]) * number(given["PixelSize"].get(side), 0)
            for name, side in sides
        }
    return given


def _of_field(tags: Mapping[str, Any], pixels: Mapping[str, Any]) -> dict[str, Any]:
    """Return the pixel size by the field of view of the whole scan, if it is square as that of all scans."""
    field = (tags.get("Optics") or {}).get("FullScanFieldOfView") or {}
    width = number(field.get("x"), 0) / max(1.0, float(pixels["width"]))
    height = number(field.get("y"), 0) / max(1.0, float(pixels["height"]))
    if not (0 < width < math.inf and math.isclose(width, height, rel_tol=1e-3)):
        return {}
    return {"PixelSize": {"width": width, "height": height}, "PixelUnitX": "m"}


def _known(place: Mapping[str, Any]) -> bool:
    return place.get("PixelUnitX") == "m" and bool(place.get("PixelSize"))

"""Lines and angles drawn on an image: what each of them measures. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.image import UNCALIBRATED
from napari_atomai.plugin.attached import attach
from napari_atomai.plugin.layers import pixel_size_nm
from napari_atomai.plugin.shown import frame_shape
from napari_atomai.stat import profiles

if TYPE_CHECKING:
    from napari.layers import Layer, Shapes

ROLE = "measurements"
PROFILE, DISTANCE, ANGLE, PATH = "profile", "distance", "angle", "path"
MODES = {PROFILE: "add_line", DISTANCE: "add_line", ANGLE: "add_polyline"}
"""Which of napari's drawing modes each tool uses."""

_COLOURS = {PROFILE: "#56B4E9", DISTANCE: "#F0E442", ANGLE: "#E69F00", PATH: "#F0E442"}
_FINEST = 250  # of the image's longer side: thinner lines are not seen
_FEWEST = 12  # lines of that width beside each other fill the image's shorter side
_BAND = 0.35  # opacity of a profile that is wider than a line
_CORNERS = 3


@dataclass(frozen=True)
class Measurement:
    """One line, way or angle.

    Parameters
    ----------
    number : int
        Its place among the layer's shapes.
    kind : str
        "profile", "distance", "angle" or "path".
    points : array, shape (N, 2)
        (row, column) in pixels.
    length, length_px : float
        Of the whole way, in `unit` and in pixels.
    degrees : float
        Of an angle: at its second point, from 0 to 180; of a line: to the horizontal, above -90 up to 90;
        NaN for other ways.
    width, width_px : float
        Over how much a profile is averaged, in `unit` and in pixels; NaN for other kinds.
    unit : str
        "nm", or "px" when the image is not calibrated.
    """

    number: int
    kind: str
    points: NDArray[np.float64]
    length: float
    length_px: float
    degrees: float
    width: float
    width_px: float
    unit: str

    @property
    def label(self) -> str:
        """What is written beside it on the image."""
        if self.kind == ANGLE:
            return "" if np.isnan(self.degrees) else f"{self.degrees:.1f}°"
        return f"{in_words(self.length)} {self.unit}"


def in_words(value: float) -> str:
    """Write a length with four digits that matter."""
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"


def layer_for(layers: Any, image: Layer) -> Shapes:
    """Return the layer with the measurements of an image; make it if there is none."""
    # Without text beside the lines: when a Shapes layer with text is removed and another added, napari 0.9.2
    # draws from memory that is gone, and the program ends.
    return attach(
        layers,
        ROLE,
        image,
        {
            "name": f"{image.name}: measurements",
            "features": {"kind": np.empty(0, object), "width_px": np.empty(0), "label": np.empty(0, object)},
            "edge_width": line_width(image),
            "edge_color": _COLOURS[DISTANCE],
            "face_color": "transparent",
            "opacity": 1.0,
        },
    )


def line_width(image: Layer) -> float:
    """Width in pixels at which a line on an image is well seen and hides little; may be a part of one."""
    shape = frame_shape(image)
    return min(max(shape) / _FINEST, min(shape) / _FEWEST)


def prepare_next(shapes: Shapes, kind: str, width_px: float) -> None:
    """Say what the next line that is drawn shall be.

    napari takes these values over from whatever was selected last, so they are set anew for each.
    """
    shapes.feature_defaults = {"kind": kind, "width_px": float(width_px), "label": ""}


def measurements_of(shapes: Shapes) -> list[Measurement]:
    """Measure every line and angle of a layer, in nm by its calibration; other shapes are left out."""
    size = pixel_size_nm(shapes)
    kinds, widths = _column(shapes, "kind", ""), _column(shapes, "width_px", 1.0)
    measured = []
    for i, (data, form) in enumerate(zip(shapes.data, shapes.shape_type, strict=True)):
        kind = _kind(str(form), len(data), str(kinds[i]))
        if kind:
            measured.append(_measured(i, kind, np.asarray(data, np.float64)[:, -2:], widths[i], size))
    return measured


def _kind(form: str, points: int, noted: str) -> str:
    if form == "line":
        return noted if noted in (PROFILE, DISTANCE) else DISTANCE
    if form != "path":
        return ""
    return ANGLE if points == _CORNERS else PATH


def _measured(
    number: int, kind: str, points: NDArray[np.float64], noted: Any, size: tuple[float, float] | None
) -> Measurement:
    degrees = width = width_px = float("nan")
    if kind == ANGLE:
        degrees = profiles.angle(points, size)
    elif len(points) == 2:
        degrees = profiles.inclination(points, size)
    if kind == PROFILE:
        width_px = max(1.0, float(noted)) if np.isfinite(noted) else 1.0
        width = profiles.width_nm(points, width_px, size)
    return Measurement(
        number,
        kind,
        points,
        length=profiles.distance(points, size),
        length_px=profiles.distance(points),
        degrees=degrees,
        width=width,
        width_px=width_px,
        unit="px" if size is None else "nm",
    )


def label(shapes: Shapes, measured: list[Measurement], thin: float) -> None:
    """Write on the image what was measured, and draw profiles as wide as they are."""
    count = len(shapes.data)
    kinds, widths, labels = [""] * count, [1.0] * count, [""] * count
    edges, colours = [thin] * count, [_COLOURS[DISTANCE]] * count
    for one in measured:
        kinds[one.number], labels[one.number] = one.kind, one.label
        colours[one.number] = _COLOURS[one.kind]
        if one.kind == PROFILE:
            widths[one.number] = one.width_px
            if one.width_px > max(thin, 1.0):  # a profile of one pixel is a line
                edges[one.number] = one.width_px
                colours[one.number] += f"{round(255 * _BAND):02x}"
    columns = {"kind": np.array(kinds, object), "width_px": np.array(widths)}
    columns["label"] = np.array(labels, object)
    if any(list(_column(shapes, name, None)) != list(column) for name, column in columns.items()):
        shapes.features = columns
    if list(shapes.edge_width) != edges:
        shapes.edge_width = edges
    if count and not np.allclose(shapes.edge_color, _rgba(colours), atol=1e-3):
        shapes.edge_color = colours


def set_width(shapes: Shapes, number: int, width_px: float) -> None:
    """Give a profile another width."""
    columns = {name: np.array(shapes.features[name]) for name in shapes.features}
    columns["width_px"][number] = width_px
    shapes.features = columns


def columns_of(measured: list[Measurement]) -> dict[str, list[Any]]:
    """Return measurements as columns for a file: lengths in px, and in nm where that is known."""
    nm = [one.unit == "nm" for one in measured]
    known = list(zip(measured, nm, strict=True))
    columns: dict[str, list[Any]] = {
        "number": [one.number + 1 for one in measured],
        "kind": [one.kind for one in measured],
        "length_nm": [one.length if calibrated else None for one, calibrated in known],
        "length_px": [one.length_px for one in measured],
        "angle_deg": [one.degrees for one in measured],
        "width_nm": [one.width if calibrated else None for one, calibrated in known],
        "width_px": [one.width_px for one in measured],
    }
    for i in range(max((len(one.points) for one in measured), default=0)):
        for k, axis in enumerate(("row", "col")):
            columns[f"{axis}{i + 1}_px"] = [
                float(one.points[i, k]) if i < len(one.points) else None for one in measured
            ]
    return columns


def unit_of(measured: list[Measurement]) -> str:
    """Return the unit of all lengths: they are of one image."""
    return measured[0].unit if measured else UNCALIBRATED


def _column(shapes: Shapes, name: str, default: Any) -> list[Any]:
    # napari's own tool for taking away a corner may leave features longer or shorter than the shapes.
    column = list(shapes.features[name]) if name in shapes.features else []
    return (column + [default] * len(shapes.data))[: len(shapes.data)]


def _rgba(colours: list[str]) -> NDArray[np.float64]:
    bytes_ = [bytes.fromhex(f"{colour[1:]}ff"[:8]) for colour in colours]
    return np.array([list(four) for four in bytes_], dtype=np.float64) / 255

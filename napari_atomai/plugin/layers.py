"""Images and napari layers: the one place that knows where pixels lie and who a layer is. No Qt.

World coordinates are nanometres. Data coordinates are pixels, with centres at integers; every layer that
belongs to an image carries the geometry of its image layer, so that the scale bar keeps its unit.
"""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pint
from napari.layers import Image as ImageLayer

from napari_atomai.data.image import UNCALIBRATED, Axis, Image, Source, as_grey
from napari_atomai.errors import BadImage, BadOption

if TYPE_CHECKING:
    from napari.layers import Layer

KEY = "napari_atomai"
"""Where our notes lie in a layer's metadata."""

ROLE_IMAGE = "image"
_SAMPLE = 1 << 16
_SPECTRA = 6
"""Spectra along rows and columns that a first look takes."""
_TAILS = (0.1, 99.9)
_FLOAT32_SAFE = 1e37
_FAR = 1e6
"""Pixels from the origin beyond which napari, drawing in float32, would put points beside their pixels."""

Geometry = dict[str, Any]


# --- Image -> layer -----------------------------------------------------------------------------


def image_layer_data(image: Image) -> tuple[Any, dict[str, Any], str]:
    """Return an image as napari LayerData, with calibration, contrast and our notes."""
    look = first_look(image)
    notes: dict[str, Any] = {
        "uid": uuid.uuid4().hex,
        "role": ROLE_IMAGE,
        "look": look,
        "notes": list(image.notes),
        "source": _source_entry(image),
        "quantity": image.quantity,
        "value_unit": image.value_unit,
        "far": _far(image),
        "descending": [i for i, axis in enumerate(image.axes[:-2]) if axis.scale < 0],
        "pixel_size_nm": image.pixel_size,
        "calibration": None if image.calibration is None else image.calibration.model_dump(mode="json"),
    }
    options = {
        "name": image.name,
        **geometry_of_image(image),
        "colormap": "gray",
        "contrast_limits": contrast_limits(image.pixels[look]),
        "rgb": False,
        "metadata": {KEY: notes, **dict(image.metadata)},
    }
    return image.pixels, options, "image"


def geometry_of_image(image: Image) -> Geometry:
    """Scale, translate, units and axis labels of an image; nm for lengths, pixel when not calibrated.

    An image that lies too far off to be drawn there, as by the position of the stage, lies at the origin.
    """
    spatial = [_spatial(axis) for axis in image.axes[-2:]]
    if any(unit == UNCALIBRATED for _, _, unit in spatial):
        # One axis in nm and the other in pixels would cost every layer its scale bar.
        spatial = [(1.0, 0.0, UNCALIBRATED)] * 2
    if _far(image):
        spatial = [(scale, 0.0, unit) for scale, _, unit in spatial]
    world = [_leading(axis) for axis in image.axes[:-2]] + spatial
    return {
        "scale": tuple(scale for scale, _, _ in world),
        "translate": tuple(offset for _, offset, _ in world),
        "units": tuple(unit for _, _, unit in world),
        "axis_labels": tuple(axis.name for axis in image.axes),
    }


def _far(image: Image) -> list[float]:
    """Return where (row, column) an image lies that is drawn at the origin instead; nothing for others."""
    spatial = [_spatial(axis) for axis in image.axes[-2:]]
    far = any(abs(offset) > _FAR * scale for scale, offset, _ in spatial)
    return [offset for _, offset, _ in spatial] if far else []


def _spatial(axis: Axis) -> tuple[float, float, str]:
    if axis.nm is not None:
        return axis.nm, axis.offset_nm, "nm"
    if axis.unit == UNCALIBRATED or not _known(axis.unit):
        return 1.0, 0.0, UNCALIBRATED
    return abs(axis.scale), axis.offset, axis.unit


def _leading(axis: Axis) -> tuple[float, float, str]:
    if axis.unit == UNCALIBRATED or not _known(axis.unit):
        return 1.0, 0.0, UNCALIBRATED
    return abs(axis.scale), axis.offset, axis.unit


def _known(unit: str) -> bool:
    try:
        pint.Unit(unit)
    except Exception:  # noqa: BLE001 - pint raises half a dozen kinds for what is not a unit
        return False
    return True


def first_look(image: Image) -> tuple[int, ...]:
    """Choose the frame that is shown first: the middle one, of a spectrum image the slice of most signal.

    The middle of a spectrum is often empty. A few spectra are enough to see where there is something.
    """
    middle = tuple(n // 2 for n in image.shape[:-2])
    if not image.is_spectral or len(image.shape) != 3:
        return middle
    rows, columns = (np.unique(np.linspace(0, n - 1, _SPECTRA).astype(int)) for n in image.frame_shape)
    traces = np.stack([_read(image.pixels[:, row, column]) for row in rows for column in columns])
    finite = np.isfinite(traces)
    signal = np.where(finite, traces, 0).astype(np.float64).sum(axis=0) / np.maximum(finite.sum(axis=0), 1)
    return (int(np.argmax(signal)),) if signal.any() else middle


def contrast_limits(pixels: Any, tails: tuple[float, float] = _TAILS) -> tuple[float, float]:
    """Robust display limits from a sample of one frame, so that lazy pixels stay lazy; never equal."""
    sample = sampled(pixels[tuple(n // 2 for n in pixels.shape[:-2])], _SAMPLE).astype(np.float64)
    finite = sample[np.isfinite(sample)]
    if not finite.size:
        return 0.0, 1.0
    low, high = np.clip(np.percentile(finite, tails), -_FLOAT32_SAFE, _FLOAT32_SAFE)
    if high - low <= 1e-6 * max(abs(low), abs(high)):
        margin = 0.5 if low == 0 else 0.5 * abs(low)
        return float(low - margin), float(low + margin)
    return float(low), float(high)


def sampled(frame: Any, most: int) -> np.ndarray:
    """Return every n-th pixel of a frame (y, x), at most about `most`; lazy pixels are read here."""
    step = max(1, int(np.ceil(np.sqrt(np.prod(frame.shape) / most))))
    return _read(frame[::step, ::step])


def _read(pixels: Any) -> np.ndarray:
    if hasattr(pixels, "compute"):  # dask would leave a pool of threads behind for one frame
        pixels = pixels.compute(scheduler="synchronous")
    return np.asarray(pixels)


def _source_entry(image: Image) -> dict[str, Any] | None:
    if image.source is None:
        return None
    entry = {"path": str(image.source.path), "dataset": image.source.dataset, "reader": image.source.reader}
    return {**entry, "pixels": _fingerprint(image.pixels)}


def _fingerprint(pixels: Any) -> str:
    # Tells whether a layer still shows what was read; lazy pixels are known by the name of their graph.
    if not isinstance(pixels, np.ndarray):
        return str(getattr(pixels, "name", ""))
    sample = np.ascontiguousarray(pixels.reshape(-1)[:: max(1, pixels.size // _SAMPLE)])
    return f"{pixels.shape}{pixels.dtype}{zlib.crc32(sample.tobytes()):08x}"


# --- layer -> Image -----------------------------------------------------------------------------


def image_of(layer: Layer) -> Image:
    """Return the image that a napari Image layer shows, with the calibration the layer has now.

    The pixels are not copied; colour pictures become luminance.

    Raises
    ------
    BadImage
        If the layer's data are not an image that atoms can be looked for in.
    """
    pixels = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    notes: tuple[str, ...] = ()
    if getattr(layer, "rgb", False):
        if pixels.ndim != 3:
            raise BadImage(
                f"{layer.name!r} is a movie in colour, shape {tuple(pixels.shape)}.",
                why="Atoms are looked for in an intensity.",
                remedy="Turn it to grey first: right-click the layer, Split RGB, and choose one channel.",
            )
        pixels, notes = as_grey(np.asarray(pixels))
    if pixels.ndim < 2:
        raise BadImage(f"{layer.name!r} has no rows and columns.", remedy="Choose an image layer.")
    axes = tuple(_axis(layer, i, pixels.ndim) for i in range(pixels.ndim))
    ours = layer.metadata.get(KEY, {})
    return Image(
        pixels,
        axes,
        name=layer.name,
        source=_source_of(layer, pixels),
        metadata={name: value for name, value in layer.metadata.items() if name != KEY},
        notes=notes,
        quantity=str(ours.get("quantity", "")),
        value_unit=str(ours.get("value_unit", "")),
    )


def pixel_size_nm(layer: Layer) -> tuple[float, float] | None:
    """Size of a pixel (row, column) in nm as the layer has it now; None when it is not calibrated."""
    rows, columns = (_axis(layer, i, layer.ndim).nm for i in (layer.ndim - 2, layer.ndim - 1))
    return None if rows is None or columns is None else (rows, columns)


def without_unit(layers: Iterable[Layer]) -> str:
    """Say which image keeps the scale bar from having a unit; empty when none does."""
    images = [layer for layer in layers if is_plain_image(layer)]
    bare = [layer.name for layer in images if pixel_size_nm(layer) is None]
    if not bare or len(bare) == len(images):
        return ""
    return f"{bare[0]!r} has no pixel size, so the scale bar has no unit: choose it here and give it one."


def origin_nm(layer: Layer) -> tuple[float, float]:
    """Position of pixel (0, 0) as (row, column) in nm; zeros when the layer is not calibrated."""
    rows, columns = (_axis(layer, i, layer.ndim).offset_nm for i in (layer.ndim - 2, layer.ndim - 1))
    return rows, columns


def calibrate(layer: Layer, nm_per_pixel: float | tuple[float, float]) -> None:
    """Give an image layer a pixel size, or one for (row, column), in nm; 0 takes the calibration away."""
    size = np.broadcast_to(np.asarray(nm_per_pixel, dtype=np.float64), (2,))
    if not np.isfinite(size).all() or (size < 0).any() or (size == 0).sum() == 1:
        raise BadOption(
            f"A pixel size of {nm_per_pixel} nm is not possible.", remedy="Give a positive number."
        )
    unit, (rows, columns) = ("nm", size) if size.all() else (UNCALIBRATED, (1.0, 1.0))
    layer.scale = (*tuple(layer.scale)[:-2], rows, columns)
    layer.translate = (*tuple(layer.translate)[:-2], 0.0, 0.0)
    layer.units = (*(str(u) for u in tuple(layer.units)[:-2]), unit, unit)


def _axis(layer: Layer, index: int, ndim: int) -> Axis:
    name = ("y", "x")[index - ndim] if index >= ndim - 2 else _label(layer, index)
    scale, offset = abs(float(layer.scale[index])), float(layer.translate[index])
    unit, ours = layer.units[index], layer.metadata.get(KEY, {})
    if index in ours.get("descending", ()) and index < ndim - 2:
        scale = -scale  # napari's slider only counts upwards
    if ours.get("far") and ours.get("calibration") is None and index >= ndim - 2:
        offset += ours["far"][index - ndim]
    factor = _in_nm(unit)
    if factor is not None:
        return Axis(name, scale * factor, offset * factor, "nm")
    spelled = f"{unit:~P}" if str(unit) != UNCALIBRATED else UNCALIBRATED
    return Axis(name, scale, offset, spelled)


def _label(layer: Layer, index: int) -> str:
    # napari's own default labels are "-3", "-2", "-1": those say nothing.
    label = str(layer.axis_labels[index])
    return "t" if not label or label.lstrip("-").isdigit() else label


def _in_nm(unit: pint.Unit) -> float | None:
    try:
        return float((1 * unit).to("nm").magnitude)
    except pint.DimensionalityError:
        return None


def _source_of(layer: Layer, pixels: Any) -> Source | None:
    entry = layer.metadata.get(KEY, {}).get("source")
    if not entry or entry["pixels"] != _fingerprint(pixels):
        return None  # these are no longer the pixels of that file
    return Source(Path(entry["path"]), entry["dataset"], entry["reader"])


# --- which layer is which -----------------------------------------------------------------------


def geometry_like(layer: Layer, *, ndim: int | None = None) -> Geometry:
    """Return the geometry of a layer as arguments for another layer of the same pixels.

    An affine that somebody gave the layer is passed on too, so that atoms stay on their columns.
    """
    ndim = layer.ndim if ndim is None else ndim
    geometry: Geometry = {
        "scale": tuple(float(s) for s in layer.scale[-ndim:]),
        "translate": tuple(float(t) for t in layer.translate[-ndim:]),
        "units": tuple(str(unit) for unit in layer.units[-ndim:]),
        "axis_labels": tuple(layer.axis_labels[-ndim:]),
    }
    if ndim == layer.ndim:
        geometry.update(rotate=layer.rotate, shear=layer.shear, affine=layer.affine)
    return geometry


def follow(child: Layer, parent: Layer) -> None:
    """Bring a layer to where its image layer lies now."""
    for name, value in geometry_like(parent, ndim=child.ndim).items():
        setattr(child, name, value)


def notes_of(layer: Layer) -> dict[str, Any]:
    """Return what we noted about a layer; empty for a layer that is not ours, or is a copy of ours."""
    notes = layer.metadata.get(KEY, {})
    mine = notes.get("owner") in (None, str(layer.unique_id))
    return notes if mine else {}


def uid_of(layer: Layer) -> str:
    """Name of a layer that stays when it is renamed, and that a duplicate of the layer does not share."""
    owner = str(layer.unique_id)
    notes = layer.metadata.setdefault(KEY, {})
    if "uid" not in notes or notes.get("owner", owner) != owner:
        notes = {**notes, "uid": uuid.uuid4().hex}
        layer.metadata[KEY] = notes
    notes["owner"] = owner
    uid: str = notes["uid"]
    return uid


def find_layer(layers: Iterable[Layer], role: str, parent_uid: str) -> Layer | None:
    """Return our layer of a role that belongs to an image, or None."""
    for layer in layers:
        notes = notes_of(layer)
        if notes.get("role") == role and notes.get("parent_uid") == parent_uid:
            return layer
    return None


def is_plain_image(layer: Layer) -> bool:
    """Whether a layer is an image that atoms can be looked for in, not one of our results."""
    role = layer.metadata.get(KEY, {}).get("role", ROLE_IMAGE)
    return isinstance(layer, ImageLayer) and role == ROLE_IMAGE


def world_of(layer: Layer, point: Any, layers: Any) -> tuple[float, ...]:
    """Where a data point of a layer lies in the viewer's world, in the units the viewer draws in."""
    where = layer.data_to_world(np.asarray(point, dtype=np.float64))
    units = layers.extent.units
    if units is None:
        return tuple(float(x) for x in where)
    own, drawn = layer.units, units[-len(where) :]
    return tuple(float((x * a).to(b).magnitude) for x, a, b in zip(where, own, drawn, strict=True))

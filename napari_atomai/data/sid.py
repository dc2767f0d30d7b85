"""What sidpy objects, NSID and USID files have in common: dimensions that have a type, not a place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from napari_atomai.data.dimensions import (
    CHANNEL,
    RECIPROCAL,
    SPATIAL,
    SPECTRAL,
    TEMPORAL,
    TIMES,
    UNKNOWN,
    Dimension,
    picture_order,
    promoted,
    without_single,
)
from napari_atomai.data.image import LENGTHS_IN_NM, UNCALIBRATED, Axis, Image
from napari_atomai.data.shaping import Part
from napari_atomai.data.spectrum import Spectrum
from napari_atomai.data.units import normalise_unit, preferred
from napari_atomai.errors import CannotRead

RECORD = "sid"
"""Where in ``metadata["understood"]`` the dimensions are kept as they were given."""

_SAYS_NOTHING = frozenset({"", "generic", "none", "unknown", "unknown quantity", "unknown units"})
_SPECTRAL_NAMES = frozenset({"e", "energy", "energy loss", "wavelength", "wavenumber", "bias"})
_QUANTITIES = {
    SPATIAL: "distance",
    RECIPROCAL: "reciprocal distance",
    SPECTRAL: "energy",
    TEMPORAL: "time",
    CHANNEL: "channel",
    UNKNOWN: "generic",
}
_MOST_VALUES = 4096


@dataclass(frozen=True, eq=False)
class Sid:
    """A dataset as sidpy and its files hold it.

    Parameters
    ----------
    data : array
        NumPy or dask array, in the order of `dimensions`.
    dimensions : tuple of Dimension
        One for each dimension of `data`.
    title, quantity, unit, data_type, modality, source : str
        What it is, as its maker says it.
    metadata, original : mapping
        Metadata of the dataset, and of the file it first came from.
    """

    data: Any
    dimensions: tuple[Dimension, ...]
    title: str = ""
    quantity: str = ""
    unit: str = ""
    data_type: str = ""
    modality: str = ""
    source: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    original: Mapping[str, Any] = field(default_factory=dict)


def said(text: object) -> str:
    """Return a text, or nothing where it is a placeholder such as "generic"."""
    clean = str(text or "").strip()
    return "" if clean.casefold() in _SAYS_NOTHING else clean


# --- to an Image or a Spectrum ------------------------------------------------------------------


def to_part(sid: Sid) -> Part:
    """Bring a dataset into the order of an Image or a Spectrum, by the type of its dimensions.

    Images are (..., y, x), spectrum images (E, y, x), diffraction maps (y, x, ky, kx), line scans (x, E).

    Raises
    ------
    CannotRead
        If the dimensions do not fit the array.
    """
    if tuple(d.size for d in sid.dimensions) != tuple(sid.data.shape):
        raise CannotRead(
            f"{sid.title or 'The dataset'} has shape {tuple(sid.data.shape)} and dimensions of "
            f"{', '.join(str(d.size) for d in sid.dimensions) or 'no'} samples.",
            remedy="Save it again with the program it comes from.",
        )
    kinds = promoted(sid.dimensions)
    kept = without_single(sid.dimensions, kinds)
    order = picture_order(sid.dimensions, kinds, kept)
    notes: list[str] = []
    if all(d.kind == UNKNOWN for d in sid.dimensions) and sid.data.ndim > 2:
        notes.append("The dimensions have no type: taken in the order of the file.")
    scan = len(order) == 2 and kinds[order[1]] == SPECTRAL
    axes = [_axis(sid.dimensions[i], kinds[i], notes) for i in order]
    for place, axis in enumerate(axes):
        axis["navigate"] = scan and place == 0
    data = sid.data.transpose((*(i for i in range(sid.data.ndim) if i not in kept), *order))
    return {
        "data": data.reshape(data.shape[data.ndim - len(order) :]) if len(kept) < data.ndim else data,
        "axes": axes,
        "metadata": {"General": {"title": sid.title}, RECORD: _record(sid, order)},
        "original_metadata": dict(sid.original),
        "quantity": said(sid.quantity),
        "value_unit": said(sid.unit),
        "notes": tuple(notes),
    }


def _axis(dimension: Dimension, kind: str, notes: list[str]) -> dict[str, Any]:
    unit, scale, offset = _given(dimension, kind)
    name = dimension.name
    if kind == SPATIAL and unit == UNCALIBRATED and normalise_unit(dimension.unit) != UNCALIBRATED:
        notes.append(f"The file gives the distance along {name} in {dimension.unit}, no length: not used.")
    if unit != UNCALIBRATED and dimension.step < 0 and scale > 0:
        notes.append(
            f"{name} runs backwards in the file: shown as stored, so positions along it are mirrored."
        )
    axis: dict[str, Any] = {"name": name, "units": unit, "scale": scale, "offset": offset}
    if dimension.values is not None and unit != UNCALIBRATED:
        axis["axis"] = dimension.values
        axis["units"] = dimension.unit
    return axis


def _given(dimension: Dimension, kind: str) -> tuple[str, float, float]:
    """Return unit, scale and offset of the axis that a dimension becomes."""
    unit, factor = preferred(dimension.unit)
    if unit == UNCALIBRATED or (kind == SPATIAL and unit not in LENGTHS_IN_NM and dimension.kind == SPATIAL):
        return UNCALIBRATED, 1.0, 0.0
    first, step = dimension.first, dimension.step
    if step < 0 and kind in (SPATIAL, RECIPROCAL):
        first, step = first + step * (dimension.size - 1), -step
    return unit, step * factor, first * factor


def _record(sid: Sid, order: Sequence[int]) -> dict[str, Any]:
    return {
        "data_type": sid.data_type,
        "modality": sid.modality,
        "source": sid.source,
        "quantity": sid.quantity,
        "unit": sid.unit,
        "order": list(order),
        "dimensions": [_entry(d) for d in sid.dimensions],
        "metadata": dict(sid.metadata),
    }


def _entry(d: Dimension) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": d.name,
        "size": d.size,
        "kind": d.kind,
        "first": d.first,
        "step": d.step,
        "unit": d.unit,
        "quantity": d.quantity,
    }
    if d.values is not None and d.size <= _MOST_VALUES:
        entry["values"] = d.values
    return entry


# --- of an Image or a Spectrum ------------------------------------------------------------------


def of_dataset(dataset: Image | Spectrum) -> Sid:
    """Bring an Image or a Spectrum into the form of sidpy.

    What came from sidpy goes back in the order it had, and with the calibration it had unless that was
    changed here. Everything else is written as sidpy's own readers do it: x before y, spectra last.
    """
    data = dataset.pixels if isinstance(dataset, Image) else dataset.values
    understood = dict(dataset.metadata.get("understood") or {})
    record = dict(understood.pop(RECORD, None) or {})
    back = _back(dataset, data, record)
    data, dimensions = back if back is not None else _fresh(dataset, data)
    kept = back is not None
    return Sid(
        data,
        dimensions,
        title=title_of(dataset),
        quantity=_unless_changed(dataset.quantity, record.get("quantity")),
        unit=_unless_changed(dataset.value_unit, record.get("unit")),
        data_type=str(record.get("data_type", "")) if kept else _data_type(dimensions),
        modality=str(record.get("modality", "")),
        source=str(record.get("source", "")),
        metadata=record["metadata"] if record.get("metadata") else _foreign(understood),
        original=dict(dataset.metadata.get("original") or {}),
    )


def _unless_changed(now: str, given: object) -> str:
    return str(given) if given and now == said(given) else now


def title_of(dataset: Image | Spectrum) -> str:
    """Return the title that a file gave a dataset, unless it has been renamed since."""
    general = (dataset.metadata.get("understood") or {}).get("General") or {}
    title = str(general.get("title") or "")
    stem = dataset.source.path.stem if dataset.source else ""
    named_after_it = dataset.name in (title, stem) or dataset.name == f"{stem}: {title}"
    return title if title and named_after_it else dataset.name


def _foreign(understood: Mapping[str, Any]) -> dict[str, Any]:
    only_title = set(understood) <= {"General"} and set(understood.get("General") or {}) <= {"title"}
    return {} if only_title else dict(understood)


def _back(
    dataset: Image | Spectrum, data: Any, record: Mapping[str, Any]
) -> tuple[Any, tuple[Dimension, ...]] | None:
    try:
        given = [Dimension(**entry) for entry in record["dimensions"]]
        order = [int(i) for i in record["order"]]
        there = len(order) == data.ndim and [given[i].size for i in order] == [int(n) for n in data.shape]
    except (KeyError, TypeError, ValueError, IndexError):  # no record, or not ours
        return None
    if not there:
        return None
    kinds = promoted(given)
    dimensions = list(given)
    for axis, i in zip(dataset.axes, order, strict=True):
        if not _same(axis, given[i], kinds[i]):
            dimensions[i] = _of_axis(axis, given[i].size, kinds[i], given[i].name)
    data = data.transpose([order.index(i) for i in sorted(order)])
    return data.reshape([d.size for d in given]), tuple(dimensions)


def _same(axis: Axis, given: Dimension, kind: str) -> bool:
    unit, scale, offset = _given(given, kind)
    near = np.allclose([axis.scale, axis.offset], [scale, offset], rtol=1e-6, atol=1e-6 * abs(scale))
    return axis.unit == unit and bool(near)


def _fresh(dataset: Image | Spectrum, data: Any) -> tuple[Any, tuple[Dimension, ...]]:
    axes = dataset.axes
    if isinstance(dataset, Spectrum):
        kinds = [*([SPATIAL] * (len(axes) - 1)), SPECTRAL]
    else:
        kinds = [*(_leading_kind(axis) for axis in axes[:-2]), *(_plane_kind(axis) for axis in axes[-2:])]
    names = _names(axes)
    sizes = [int(n) for n in data.shape]
    made = [_of_axis(axes[i], sizes[i], kinds[i], names[i]) for i in range(data.ndim)]
    order = _sidpy_order(kinds) if isinstance(dataset, Image) else list(range(data.ndim))
    return data.transpose(order), tuple(made[i] for i in order)


def _sidpy_order(kinds: Sequence[str]) -> list[int]:
    # sidpy draws its first spatial dimension to the right: columns come before rows.
    ndim = len(kinds)
    spectral = [i for i in range(ndim - 2) if kinds[i] == SPECTRAL]
    leading = [i for i in range(ndim - 2) if i not in spectral]
    if kinds[-1] == RECIPROCAL and kinds[ndim - 4 : ndim - 2] == [SPATIAL, SPATIAL]:
        leading[-2:] = leading[:-3:-1]
    return [*leading, ndim - 1, ndim - 2, *spectral]


def _plane_kind(axis: Axis) -> str:
    return RECIPROCAL if axis.unit.startswith("1/") or axis.unit in ("mrad", "rad") else SPATIAL


def _leading_kind(axis: Axis) -> str:
    name = axis.name.casefold()
    if axis.unit in TIMES or name.rstrip("0123456789") == "t":
        return TEMPORAL
    if name in _SPECTRAL_NAMES or name.endswith(" sweep"):  # a sweep of the tip's height is in nm, too
        return SPECTRAL
    if axis.unit in LENGTHS_IN_NM or name in ("x", "y", "z"):
        return SPATIAL
    if axis.unit.startswith("1/"):
        return RECIPROCAL
    if name == "channel":
        return CHANNEL
    return SPECTRAL if axis.unit != UNCALIBRATED or name in _SPECTRAL_NAMES else UNKNOWN


def _names(axes: Sequence[Axis]) -> list[str]:
    names: list[str] = []
    for axis in axes:
        name = axis.name.strip() or "axis"
        names.append(name if name not in names else f"{name}{len(names)}")
    return names


def _of_axis(axis: Axis, size: int, kind: str, name: str) -> Dimension:
    return Dimension(name, size, kind, axis.offset, axis.scale, axis.unit, _QUANTITIES[kind])


def _data_type(dimensions: Sequence[Dimension]) -> str:
    kinds = [d.kind for d in dimensions]
    planes = kinds.count(SPATIAL) + kinds.count(RECIPROCAL)
    if len(kinds) == 1:
        return "SPECTRUM"
    if len(kinds) == 2:
        return "LINE_PLOT_FAMILY" if SPECTRAL in kinds else "IMAGE"
    if len(kinds) == 3:
        return "SPECTRAL_IMAGE" if SPECTRAL in kinds else "IMAGE_STACK"
    return "IMAGE_4D" if len(kinds) == 4 and planes == 4 else "UNKNOWN"

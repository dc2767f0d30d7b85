"""What sidpy objects, NSID and USID files have in common: dimensions that have a type, not a place."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from napari_atomai.data.dimensions import (
    RECIPROCAL,
    SPATIAL,
    SPECTRAL,
    UNKNOWN,
    Dimension,
    picture_order,
    promoted,
    without_single,
)
from napari_atomai.data.image import LENGTHS_IN_NM, UNCALIBRATED, Axis, Image
from napari_atomai.data.layout import KEY, Layout
from napari_atomai.data.shaping import Part
from napari_atomai.data.spectrum import Spectrum
from napari_atomai.data.units import normalise_unit, preferred
from napari_atomai.errors import CannotRead

RECORD = "sid"
"""Where in ``metadata["understood"]`` the dimensions are kept as they were given."""

_SAYS_NOTHING = frozenset({"", "generic", "none", "unknown", "unknown quantity", "unknown units"})
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
    layout : Layout, optional
        How it lay before it was given this form.
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
    layout: Layout | None = None


def with_note(sid: Sid, believed: bool = True) -> Sid:
    """Take the note about its layout out of the metadata of a dataset, and believe it where it fits."""
    if KEY not in sid.metadata:
        return sid
    metadata = {name: value for name, value in sid.metadata.items() if name != KEY}
    layout = Layout.read(sid.metadata[KEY], [d.name for d in sid.dimensions]) if believed else None
    return dataclasses.replace(sid, metadata=metadata, layout=layout)


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
    if sid.layout is not None:
        return _as_it_lay(sid, sid.layout)
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
        "notes": tuple(notes),
        **_said_of(sid, order),
    }


def _as_it_lay(sid: Sid, layout: Layout) -> Part:
    notes: list[str] = []
    axes = [as_it_was(a, sid.dimensions[i], notes) for i, a in zip(layout.order, layout.axes, strict=True)]
    return {
        "data": sid.data.transpose(layout.order),
        "axes": axes,
        "kind": Spectrum if layout.spectra else Image,
        "notes": tuple(notes),
        **_said_of(sid, layout.order),
    }


def as_it_was(axis: Axis, dimension: Dimension, notes: list[str]) -> Axis | dict[str, Any]:
    """Return the axis that has become a dimension; where its positions were changed since, those count."""
    steps = dimension.step if dimension.size > 1 else axis.scale  # of one sample nobody knows the next
    near = np.allclose(
        [axis.scale, axis.offset], [steps, dimension.first], rtol=1e-6, atol=1e-6 * abs(axis.scale)
    )
    if near and dimension.values is None and said(axis.unit) == said(dimension.unit):
        return axis
    return {**_axis(dimension, dimension.kind, notes), "name": axis.name}


def _said_of(sid: Sid, order: Sequence[int]) -> Part:
    record, tags = _record(sid, order), {}
    if sid.layout is not None:
        record["layout"] = True
        if sid.layout.tags:
            tags = record.pop("metadata")
    general = tags.get("General") if isinstance(tags.get("General"), Mapping) else {}
    return {
        "metadata": {**tags, "General": {**(general or {}), "title": sid.title}, RECORD: record},
        "original_metadata": dict(sid.original),
        "quantity": said(sid.quantity),
        "value_unit": said(sid.unit),
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


def same(axis: Axis, given: Dimension, kind: str) -> bool:
    """Tell whether an axis is still what a dimension becomes."""
    unit, scale, offset = _given(given, kind)
    near = np.allclose([axis.scale, axis.offset], [scale, offset], rtol=1e-6, atol=1e-6 * abs(scale))
    return axis.unit == unit and bool(near)

"""NCEM EMD: which dimension is which (some programs store the first one first, some the last), and where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_atomai.data.dimensions import (
    DIFFRACTION,
    RECIPROCAL,
    SPATIAL,
    UNKNOWN,
    Dimension,
    picture_order,
    promoted,
)
from napari_atomai.data.image import LENGTHS_IN_NM
from napari_atomai.data.units import normalise_unit
from napari_atomai.files import h5tags

Part = dict[str, Any]

_MOST_POSITIONS = 1 << 20


def by_names(part: Part) -> Part:
    """Order a dataset by the names of its dimensions: (t, y, x), (E, y, x), (Ry, Rx, Qy, Qx).

    RosettaSciIO turns all of them round, since HyperSpy and the makers of the format count from the last;
    ncempy and most scripts with h5py count from the first. Where names do not tell, it stays so.

    Parameters
    ----------
    part : Part
        As RosettaSciIO describes it.
    """
    axes = part["axes"]
    dimensions = [
        Dimension(_name(axis), size, _kind(axis), unit=str(axis.get("units") or ""))
        for axis, size in zip(axes, part["data"].shape, strict=True)
    ]
    kinds = [dimension.kind for dimension in dimensions]
    inside_out = {RECIPROCAL, SPATIAL} <= set(kinds) and kinds.index(RECIPROCAL) < kinds.index(SPATIAL)
    if not inside_out and not {"y", "x"} <= {dimension.name for dimension in dimensions}:
        return part
    order = picture_order(dimensions, promoted(dimensions), range(len(dimensions)))
    axes = [{**axes[i], "navigate": place < len(order) - 2} for place, i in enumerate(order)]
    return {**part, "data": part["data"].transpose(order), "axes": axes}


def with_positions(part: Part, file: Any) -> Part:
    """Give the axes the positions of their samples: RosettaSciIO takes the mean distance of uneven ones.

    Parameters
    ----------
    part : Part
        As RosettaSciIO describes it.
    file : h5py.File
        Where it was read.
    """
    title = str(part["metadata"]["General"]["title"])
    groups: list[Any] = []
    file.visititems(lambda name, item: groups.append(item) if name.rpartition("/")[2] == title else None)
    scales = {
        (h5tags.text(item.attrs.get("name")).strip().casefold(), item.shape): item
        for group in groups
        for name, item in (group.items() if hasattr(group, "items") else ())
        if name.startswith("dim") and getattr(item, "ndim", 0) == 1 and item.dtype.kind in "iuf"
    }
    axes = []
    for axis in part["axes"]:
        scale = scales.get((_name(axis), (axis["size"],))) if axis["size"] <= _MOST_POSITIONS else None
        axes.append(axis if scale is None else {**axis, "axis": scale[()]})
    return {**part, "axes": axes}


def _name(axis: Mapping[str, Any]) -> str:
    return str(axis.get("name") or "").strip().casefold()


def _kind(axis: Mapping[str, Any]) -> str:
    unit = normalise_unit(axis.get("units"))
    if _name(axis) in DIFFRACTION or unit.startswith("1/"):
        return RECIPROCAL
    return SPATIAL if unit in LENGTHS_IN_NM else UNKNOWN

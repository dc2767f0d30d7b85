"""NSID files of the pycroscopy family, written: arrays with one dimension scale for each dimension."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata as installed
from typing import Any

import numpy as np

from napari_atomai.data.dimensions import Dimension
from napari_atomai.data.layout import KEY
from napari_atomai.data.sid import Sid
from napari_atomai.files import h5tags

WRITTEN_BY = "napari-atomai"
"""How the attribute ``written_by`` of our datasets begins."""

_LAYOUT = "0.0.7"
"""Version of pyNSID whose layout is written."""

_UNSAFE = re.compile(r"[^\w.()+ ]")
_COMPRESSED = "gzip"
_TAKEN = frozenset(
    {"axes", "data_type", "metadata", "modality", "quantity", "source", "title", "units", "view"}
)
"""What sidpy's Dataset has beyond a dask array; it makes an attribute of each dimension's name."""


def write(datasets: Sequence[Sid], path: str | os.PathLike[str]) -> None:
    """Write datasets into a new file, each in a channel of its own."""
    import h5py

    # HDF5 1.8's way of storing attributes: longer than 64 KiB, as tables of atoms and tags are.
    with h5py.File(path, "w", libver=("v108", "v108")) as file:
        _bookkeeping(file)
        measurement = file.create_group("Measurement_000")
        for number, dataset in enumerate(datasets):
            _dataset(dataset, measurement.create_group(f"Channel_{number:03d}"))


def _dataset(sid: Sid, channel: Any) -> None:
    name = _UNSAFE.sub("_", sid.title).strip(" .") or "dataset"
    group = channel.create_group(name)
    _bookkeeping(group)
    main = _array(sid.data, group, name)
    names = [_scale(dimension, index, main, group) for index, dimension in enumerate(sid.dimensions)]
    said = {
        "quantity": sid.quantity or "generic",
        "units": sid.unit or "generic",
        "main_data_name": sid.title,
        "title": sid.title,
        "data_type": sid.data_type or "UNKNOWN",
        "modality": sid.modality or "generic",
        "source": sid.source or "generic",
    }
    main.attrs.update({key: h5tags.attribute(value) for key, value in said.items()})
    _bookkeeping(main)
    lists: list[str] = []
    for branch, tags in (("metadata", sid.metadata), ("original_metadata", sid.original)):
        if tags or (branch == "metadata" and sid.layout):
            found = h5tags.write(tags, group.create_group(branch))
            lists += [path.removeprefix(f"{group.name}/") for path in found]
    if sid.layout is not None:
        group["metadata"].attrs[KEY] = sid.layout.note(names, lists)


def _array(data: Any, group: Any, name: str) -> Any:
    if not hasattr(data, "compute"):
        return group.create_dataset(name, data=np.asarray(data), compression=_COMPRESSED, shuffle=True)
    import dask

    main = group.create_dataset(
        name, data.shape, data.dtype, chunks=True, compression=_COMPRESSED, shuffle=True
    )
    with dask.config.set(scheduler="synchronous"):  # one block in memory at a time
        data.store(main)
    return main


def _scale(dimension: Dimension, index: int, main: Any, group: Any) -> str:
    import dask.array as da

    name = _UNSAFE.sub("_", dimension.name) or f"dimension_{index}"
    if name in _TAKEN or hasattr(da.Array, name):
        name = f"{name}_axis"
    name = h5tags.free(name, group)
    scale = group.create_dataset(name, data=dimension.positions)
    said = {
        "name": name,
        "units": dimension.unit or "generic",
        "quantity": dimension.quantity or "generic",
        "dimension_type": dimension.kind.upper(),
    }
    scale.attrs.update({key: h5tags.attribute(value) for key, value in said.items()})
    scale.make_scale(name)
    main.dims[index].label = name
    main.dims[index].attach_scale(scale)
    return name


def _bookkeeping(item: Any) -> None:
    item.attrs["timestamp"] = datetime.now(UTC).strftime("%Y_%m_%d-%H_%M_%S")
    item.attrs["pyNSID_version"] = _LAYOUT
    item.attrs["written_by"] = f"{WRITTEN_BY} {_version()}"


def _version() -> str:
    with contextlib.suppress(installed.PackageNotFoundError):
        return installed.version("napari-atomai")
    return "unknown"

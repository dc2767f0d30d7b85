"""Images and spectra as files that HyperSpy (HSPY) and sidpy (NSID) open."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata as installed
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from napari_atomai.data import signals
from napari_atomai.data.dimensions import Dimension
from napari_atomai.data.image import Image
from napari_atomai.data.sid import Sid, of_dataset
from napari_atomai.data.spectrum import Spectrum
from napari_atomai.errors import BadImage, SaveFailed
from napari_atomai.files.atomic import replacing

_LAYOUT = "0.0.7"
"""Version of pyNSID whose layout is written."""

_UNSAFE = re.compile(r"[^\w.()+ ]")
_COMPRESSED = "gzip"
_LONGEST = 16_000
"""Characters of a text in an HSPY file: HDF5's old attributes take 64 KiB, and a character up to 4 bytes."""


def write_hspy(
    datasets: Sequence[Image | Spectrum], path: str | os.PathLike[str], *, overwrite: bool = False
) -> None:
    """Write a HyperSpy file; ``hyperspy.api.load`` gives one signal for each dataset.

    Parameters
    ----------
    datasets : sequence of Image or Spectrum
        What to write; lazy pixels are read piece by piece.
    path : path-like
        Where the file shall be, ending in ``.hspy``.
    overwrite : bool
        Replace a file that is there.

    Raises
    ------
    SaveFailed
        If the file is there already, is one the datasets come from, or cannot be written.
    """
    _check(datasets, path, overwrite)
    with replacing(path) as part, tempfile.TemporaryDirectory() as folder:
        _hspy(signals.signal_dict(datasets[0]), part)
        for number, dataset in enumerate(datasets[1:], 1):
            # RosettaSciIO's writer begins a new file each time, so the others are copied into the first.
            other = Path(folder) / f"{number}.hspy"
            _hspy(signals.signal_dict(dataset), other)
            _add(other, part)
            other.unlink()


def write_nsid(
    datasets: Sequence[Image | Spectrum], path: str | os.PathLike[str], *, overwrite: bool = False
) -> None:
    """Write an NSID file, which sidpy, pyNSID and SciFiReaders open.

    Parameters
    ----------
    datasets : sequence of Image or Spectrum
        What to write, each in a channel of its own; lazy pixels are read piece by piece.
    path : path-like
        Where the file shall be, ending in ``.h5`` or ``.hf5``.
    overwrite : bool
        Replace a file that is there.

    Raises
    ------
    SaveFailed
        If the file is there already, is one the datasets come from, or cannot be written.
    """
    import h5py

    _check(datasets, path, overwrite)
    # HDF5 1.8's way of storing attributes: longer than 64 KiB, as tables of atoms and tags are.
    with replacing(path) as part, h5py.File(part, "w", libver=("v108", "v108")) as file:
        _bookkeeping(file)
        measurement = file.create_group("Measurement_000")
        for number, dataset in enumerate(datasets):
            _nsid(of_dataset(dataset), measurement.create_group(f"Channel_{number:03d}"))


WRITERS: Mapping[str, tuple[str, Callable[..., None]]] = MappingProxyType(
    {"hspy": (".hspy", write_hspy), "nsid": (".h5", write_nsid)}
)
"""Formats by name: the ending of their files, and what writes them."""


def _check(datasets: Sequence[Image | Spectrum], path: str | os.PathLike[str], overwrite: bool) -> None:
    where = Path(os.path.realpath(path))
    if not datasets:
        raise BadImage("There is nothing to write.", remedy="Give an image or a spectrum.")
    for dataset in datasets:
        if dataset.source is not None and Path(os.path.realpath(dataset.source.path)) == where:
            raise SaveFailed(
                f"{where.name} is the file that {dataset.name!r} was read from.",
                why="The measurement would be replaced by a copy of it.",
                remedy="Choose another name.",
            )
    if where.exists() and not overwrite:
        raise SaveFailed(f"{where} is there already.", remedy="Choose another name, or allow overwriting.")


# --- HSPY ---------------------------------------------------------------------------------------


def _hspy(signal: dict[str, Any], path: Path) -> None:
    writer = importlib.import_module("rsciio.hspy").file_writer
    signal["package_info"] = {"package": "", "package_version": ""}  # no class but HyperSpy's own is needed
    for branch in ("axes", "metadata", "original_metadata"):
        signal[branch] = _writable(signal[branch])
    writer(str(path), signal, show_progressbar=False)


def _writable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_key(name): _writable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([_writable(item) for item in value])
    if isinstance(value, str) and len(value) > _LONGEST:
        return [value[at : at + _LONGEST] for at in range(0, len(value), _LONGEST)]
    if isinstance(value, str):
        return value.replace("\x00", "")
    return str(value) if isinstance(value, int) and not _fits(value) else value


def _fits(number: int) -> bool:
    return -(2**63) <= number < 2**64


def _key(name: str) -> str:
    # HDF5 takes a slash for the beginning of a group inside, and a dot alone for the group itself.
    clean = str(name).replace("/", "-").replace("\x00", "")
    return clean if clean.strip(". ") else f"_{clean}"


def _add(other: Path, path: Path) -> None:
    import h5py

    with h5py.File(other, "r") as source, h5py.File(path, "a") as target:
        experiments = target["Experiments"]
        for name, group in source["Experiments"].items():
            source.copy(group, experiments, name=_free(name, experiments))


# --- NSID ---------------------------------------------------------------------------------------


def _nsid(sid: Sid, channel: Any) -> None:
    name = _UNSAFE.sub("_", sid.title).strip(" .") or "dataset"
    group = channel.create_group(name)
    _bookkeeping(group)
    main = _array(sid.data, group, name)
    for index, dimension in enumerate(sid.dimensions):
        _scale(dimension, index, main, group)
    said = {
        "quantity": sid.quantity or "generic",
        "units": sid.unit or "generic",
        "main_data_name": sid.title,
        "title": sid.title,
        "data_type": sid.data_type or "UNKNOWN",
        "modality": sid.modality or "generic",
        "source": sid.source or "generic",
    }
    main.attrs.update({key: _attribute(value) for key, value in said.items()})
    _bookkeeping(main)
    for branch, tags in (("metadata", sid.metadata), ("original_metadata", sid.original)):
        if tags:
            _tags(tags, group.create_group(branch))


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


def _scale(dimension: Dimension, index: int, main: Any, group: Any) -> None:
    name = _free(_UNSAFE.sub("_", dimension.name) or f"dimension_{index}", group)
    scale = group.create_dataset(name, data=dimension.positions)
    said = {
        "name": name,
        "units": dimension.unit or "generic",
        "quantity": dimension.quantity or "generic",
        "dimension_type": dimension.kind.upper(),
    }
    scale.attrs.update({key: _attribute(value) for key, value in said.items()})
    scale.make_scale(name)
    main.dims[index].label = name
    main.dims[index].attach_scale(scale)


def _bookkeeping(item: Any) -> None:
    item.attrs["timestamp"] = datetime.now(UTC).strftime("%Y_%m_%d-%H_%M_%S")
    item.attrs["pyNSID_version"] = _LAYOUT
    item.attrs["written_by"] = f"napari-atomai {_version()}"


def _version() -> str:
    with contextlib.suppress(installed.PackageNotFoundError):
        return installed.version("napari-atomai")
    return "unknown"


def _tags(tags: Mapping[str, Any], group: Any) -> None:
    """Write nested tags as groups and attributes, the way sidpy does; None is left out, as there."""
    for given, value in tags.items():
        name = _key(given)
        if isinstance(value, list | tuple) and any(
            isinstance(item, Mapping | list | tuple) for item in value
        ):
            value = {str(i): item for i, item in enumerate(value)}
        if isinstance(value, Mapping):
            _tags(value, group.create_group(_free(name, group)))
        elif value is not None:
            group.attrs[name] = _attribute(value)


def _attribute(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").replace("\x00", "")
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, int) and not _fits(value):
        return str(value)
    if isinstance(value, bool | int | float | complex | np.generic):
        return str(value) if isinstance(value, np.generic) and value.dtype.kind in "USMm" else value
    array = np.asarray(value) if _numbers(value) else np.array([str(item) for item in value], dtype=object)
    return array if array.size else ""


def _numbers(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "buifc"
    return all(isinstance(item, bool | int | float | complex | np.number) for item in value)


def _free(name: str, group: Any) -> str:
    free, number = name, 1
    while free in group:
        number += 1
        free = f"{name}_{number}"
    return free

"""HDF5: refuse what reaches outside the file or declares too much; read files of no known layout."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from napari_atomai.errors import CannotRead
from napari_atomai.files import sid
from napari_atomai.files.guard import Limits, too_large

_BEST_RATIO = 1100
"""Deflate cannot shrink data further than this; a file that claims more was made to hurt."""

_HEAP = b"GCOL\x01\0\0\0"
_HEAPS_WITHIN = 32 << 20
"""Heaps lie near the tags, at the beginning or the end; in between are the numbers of a large file."""

_SMALLEST_SIDE = 16
"""Two-dimensional datasets narrower than this are tables, not images."""


@dataclass
class Inventory:
    """What an HDF5 file holds.

    Parameters
    ----------
    layout : str
        "HyperSpy", "Velox", "NCEM", "NSID", "USID" or "" when it is none of them.
    images : list of str
        Paths of the numeric datasets that look like images.
    nbytes : int
        Bytes that all datasets declare together.
    """

    layout: str = ""
    images: list[str] = field(default_factory=list)
    nbytes: int = 0


def inspect(path: Path, limits: Limits) -> Inventory:
    """Walk through the file without reading data.

    Raises
    ------
    CannotRead
        If data lie outside the file (external storage, external link, virtual dataset), or groups
        contain themselves.
    TooLarge
        If a dataset declares more than the budget and cannot be read piece by piece.
    """
    import h5py

    _check_heaps(path)
    found = Inventory()
    with h5py.File(path, "r") as file:
        _check_attributes(file, path)
        for name, dataset in _datasets(file, path, limits):
            found.nbytes += _check_dataset(name, dataset, path, limits)
            if _like_an_image(dataset):
                found.images.append(name)
        found.layout = _layout(file)
    return found


def _datasets(file: Any, path: Path, limits: Limits) -> Iterator[tuple[str, Any]]:
    import h5py

    seen: set[Any] = set()
    pending: deque[tuple[Any, tuple[Any, ...]]] = deque([(file, (_identity(file),))])
    while pending:
        group, ancestors = pending.popleft()
        for name in group:
            _check_link(group, name, path)
            item = group.get(name)
            if item is None:  # a link into nothing harms nobody
                continue
            identity = _identity(item)
            if identity in ancestors:
                raise CannotRead(
                    f"{path.name} was not opened: its group {group.name!r} contains itself as {name!r}.",
                    why="Readers would go round in circles.",
                    remedy="Save the data again with the program they come from.",
                )
            if identity in seen:
                continue
            seen.add(identity)
            _check_attributes(item, path)
            if len(seen) > limits.objects or len(ancestors) > limits.nesting:
                raise CannotRead(
                    f"{path.name} holds more than {limits.objects} datasets, or groups nested deeper "
                    f"than {limits.nesting}.",
                    remedy="Save the images you need in a file of their own.",
                )
            if isinstance(item, h5py.Dataset):
                yield item.name, item
            elif isinstance(item, h5py.Group):
                pending.append((item, (*ancestors, identity)))


def _identity(item: Any) -> Any:
    import h5py

    info = h5py.h5o.get_info(item.id)
    return info.fileno, info.addr


def _check_link(group: Any, name: str, path: Path) -> None:
    import h5py

    link = group.get(name, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        raise _outside(path, f"the link {group.name.rstrip('/')}/{name}", link.filename)


def _check_attributes(item: Any, path: Path) -> None:
    # One flipped bit turns a text into a sequence of numbers with an absurd length; reading such an
    # attribute hangs or crashes inside the HDF5 library, where no exception can be caught.
    import h5py

    for index in range(h5py.h5a.get_num_attrs(item.id)):
        kind = h5py.h5a.open(item.id, index=index).get_type()
        if isinstance(kind, h5py.h5t.TypeVlenID) and kind.get_super().get_class() != h5py.h5t.REFERENCE:
            raise _unknown_kind(path, f"an attribute of {item.name!r}")


def _check_lists(dataset: Any, path: Path) -> None:
    # The same in a dataset, where lists of numbers do occur (ragged arrays of HyperSpy).
    import h5py

    kind = dataset.id.get_type()
    if not isinstance(kind, h5py.h5t.TypeVlenID):
        return
    inner = kind.get_super()
    numbers = inner.get_class() in (h5py.h5t.INTEGER, h5py.h5t.FLOAT) and inner.get_size() > 1
    if not numbers and inner.get_class() != h5py.h5t.REFERENCE:
        raise _unknown_kind(path, f"the dataset {dataset.name!r}")


def _unknown_kind(path: Path, what: str) -> CannotRead:
    return CannotRead(
        f"{path.name} was not opened: {what} is not of a kind that is known.",
        why="The file is probably damaged.",
        remedy="Copy it from the microscope again, or save it again with the program it comes from.",
    )


def _check_heaps(path: Path) -> None:
    # Texts of variable length lie in heaps. The HDF5 library walks through a heap by the lengths that it
    # finds there, and never ends where a damaged length leads it to an entry of length zero.
    with path.open("rb") as file:
        length = file.seek(0, 2)
        for start in dict.fromkeys((0, max(0, length - _HEAPS_WITHIN))):
            file.seek(start)
            content = file.read(_HEAPS_WITHIN)
            at = content.find(_HEAP)
            while at >= 0:
                _check_heap(content, at, path)
                at = content.find(_HEAP, at + 1)


def _check_heap(content: bytes, at: int, path: Path) -> None:
    size = int.from_bytes(content[at + 8 : at + 16], "little")
    end, at = min(at + size, len(content)), at + 16
    while at + 16 <= end:
        index = int.from_bytes(content[at : at + 2], "little")
        length = int.from_bytes(content[at + 8 : at + 16], "little")
        step = length if index == 0 else (16 + (length + 7) // 8 * 8) % 2**64
        if step < 16:
            raise CannotRead(
                f"{path.name} was not opened: its texts at byte {at} do not hold together.",
                why="The file is probably damaged, and reading on would never end.",
                remedy="Copy it from the microscope again, or save it again with the program it comes from.",
            )
        at += step


def _check_dataset(name: str, dataset: Any, path: Path, limits: Limits) -> int:
    if dataset.external:
        raise _outside(path, f"the dataset {name}", str(dataset.external[0][0]))
    if dataset.is_virtual:
        sources = dataset.virtual_sources()
        target = sources[0].file_name if sources else "another file"
        raise _outside(path, f"the virtual dataset {name}", target)
    _check_lists(dataset, path)
    nbytes: int = math.prod(dataset.shape or ()) * dataset.dtype.itemsize
    if nbytes <= limits.budget:
        return nbytes
    frame = math.prod(dataset.shape[-2:]) * dataset.dtype.itemsize
    stored = dataset.id.get_storage_size()
    tag = name.rpartition("/")[2].startswith("_")  # HyperSpy's lists and tuples, read at once
    piecewise = dataset.ndim > 2 and dataset.dtype.kind in "buif" and not tag
    if not piecewise or frame > limits.budget or nbytes > stored * _BEST_RATIO:
        raise too_large(f"{path.name}, dataset {name},", dataset.shape, nbytes, limits)
    return nbytes


def _outside(path: Path, what: str, target: str) -> CannotRead:
    return CannotRead(
        f"{path.name} was not opened: {what} points to another file, {target!r}.",
        why="Opening one file must never read another one.",
        remedy="Save the data in a single file, without external storage, links or virtual datasets.",
    )


def _like_an_image(dataset: Any) -> bool:
    shape = dataset.shape or ()
    return dataset.dtype.kind in "buifc" and len(shape) >= 2 and min(shape[-2:]) >= _SMALLEST_SIDE


def _layout(file: Any) -> str:
    groups = [file, *(item for item in file.values() if hasattr(item, "keys"))]
    if "Version" in file and "Data" in file:
        return "Velox"
    if any("version_major" in group.attrs for group in groups):
        return "NCEM"
    if "Experiments" in file:
        return "HyperSpy"
    return sid.layout(file)


def opened(path: Path) -> Any:
    """Open a file for reading; the caller closes it, or leaves it to the lazy arrays made of it."""
    import h5py

    return h5py.File(path, "r")


def signals(file: Any) -> Iterator[Any]:
    """Give the data of every signal of a HyperSpy file, in the order in which RosettaSciIO reads them."""
    for group in file["Experiments"].values():
        if hasattr(group, "keys") and "data" in group:
            yield group["data"]


def read_plain(path: Path, found: Inventory, limits: Limits) -> list[dict[str, Any]]:
    """Read the images of a file of no known layout, their dimension scales included.

    Returns
    -------
    list of dict
        In the form that RosettaSciIO uses: data, axes, metadata, original_metadata.
    """
    import h5py

    lazy = found.nbytes > limits.at_once
    file = h5py.File(path, "r")
    try:
        return [_part(file[name], lazy) for name in found.images]
    finally:
        if not lazy:  # lazy pixels go on reading from it
            file.close()


def _part(dataset: Any, lazy: bool) -> dict[str, Any]:
    if lazy:
        import dask.array as da

        # dask is typed in part; hence the ignore here and elsewhere
        data = da.from_array(dataset, chunks=(*(1,) * (dataset.ndim - 2), -1, -1))  # type: ignore[no-untyped-call]
    else:
        data = dataset[()]
    return {
        "data": data,
        "axes": [_axis(dataset, i) for i in range(dataset.ndim)],
        "metadata": {"General": {"title": dataset.name.strip("/")}},
        "original_metadata": {str(name): value for name, value in dataset.attrs.items()},
    }


def _axis(dataset: Any, index: int) -> dict[str, Any]:
    # HDF5's own way to calibrate: a dimension scale, a vector with the position of every sample.
    dimension = dataset.dims[index]
    axis: dict[str, Any] = {"name": dimension.label or None, "size": dataset.shape[index], "navigate": False}
    vectors = [vector for vector in dimension.values() if vector.shape == (dataset.shape[index],)]
    if vectors and vectors[0].dtype.kind in "iuf":
        axis["axis"] = np.asarray(vectors[0][()], dtype=float)
        axis["units"] = vectors[0].attrs.get("units")
    return axis

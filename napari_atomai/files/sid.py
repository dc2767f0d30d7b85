"""NSID and USID: the HDF5 files of sidpy, pyNSID and pyUSID.

NSID keeps an array of n dimensions with one dimension scale for each (pyNSID's documentation). USID keeps
a table of positions × spectroscopic steps, with four tables that say what its rows and columns are
(pyUSID's documentation); here it becomes an array of n dimensions again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from napari_atomai.data import layout as notes
from napari_atomai.data.dimensions import Dimension, kind_of
from napari_atomai.data.shaping import Part
from napari_atomai.data.sid import Sid, said, to_part, with_note
from napari_atomai.errors import AtomAIError, BadImage, CannotRead
from napari_atomai.files import h5tags, nsid, slabs, usid
from napari_atomai.files.guard import Limits
from napari_atomai.files.stored import Stored

_NSID = frozenset({"data_type", "quantity", "units", "modality", "source", "DIMENSION_LABELS"})
_TEXTS = ("data_type", "quantity", "units", "modality", "source", "title", "main_data_name")
_DIMENSION = ("units", "quantity", "dimension_type")
_READ_WHOLE = 1 << 20


def layout(file: Any) -> str:
    """Tell whether an open HDF5 file holds NSID or USID datasets: "NSID", "USID" or ""."""
    kinds: list[str] = []

    def look(_: str, item: Any) -> bool | None:
        kind = _kind(item)
        if kind:
            kinds.append(kind)
        return True if kind else None  # anything but None ends the walk

    file.visititems(look)
    return kinds[0] if kinds else ""


def read_nsid(path: Path, limits: Limits) -> list[Part]:
    """Read the datasets of an NSID file; large ones piece by piece when they are looked at.

    The file has been inspected before (`hdf5.inspect`): nothing in it reaches outside.

    Returns
    -------
    list of Part
        In the order of an Image, by the type of the dimensions.

    Raises
    ------
    CannotRead
        If a dataset does not hold together.
    """
    return _read(path, limits, "NSID", _nsid)


def read_usid(path: Path, limits: Limits) -> list[Part]:
    """Read the Main datasets of a USID file as arrays of n dimensions.

    A Main dataset of several components (amplitude, phase ...) becomes one part for each.

    Returns
    -------
    list of Part
        In the order of an Image, by the type of the dimensions.

    Raises
    ------
    CannotRead
        If the rows or columns are no complete grid in order, or the tables do not fit the dataset.
    TooLarge
        If one of the tables exceeds the budget.
    """
    return _read(path, limits, "USID", usid.datasets)


def _read(path: Path, limits: Limits, kind: str, make: Any) -> list[Part]:
    import h5py

    file = h5py.File(path, "r")
    lazy = False
    try:
        mains = list(_mains(file, kind))
        lazy = sum(math.prod(main.shape) * main.dtype.itemsize for main in mains) > limits.at_once
        return _parts(mains, kind, lambda main: make(main, path, limits, lazy))
    except BaseException:
        lazy = False
        raise
    finally:
        if not lazy:  # lazy pixels go on reading from it
            file.close()


def _parts(mains: list[Any], kind: str, make: Any) -> list[Part]:
    parts: list[Part] = []
    failed: list[AtomAIError] = []
    for main in mains:
        try:
            parts += [{**to_part(sid), "reader": f"h5py ({kind})"} for sid in make(main)]
        except (CannotRead, BadImage) as error:
            failed.append(error)
    if failed and not parts:
        raise failed[0]
    if parts:
        said_so = tuple(f"Left out: {error}" for error in failed)
        parts[0]["notes"] = (*parts[0].get("notes", ()), *said_so)
    return parts


def _mains(file: Any, kind: str) -> Iterator[Any]:
    found: list[Any] = []
    file.visititems(lambda _, item: found.append(item) if _kind(item) == kind else None)
    yield from sorted(found, key=lambda item: str(item.name))


def _kind(item: Any) -> str:
    import h5py

    if not isinstance(item, h5py.Dataset) or not item.ndim:
        return ""
    names = set(item.attrs)
    if set(usid.TABLES) <= names:
        return "USID"
    return "NSID" if names >= _NSID else ""


# --- NSID ---------------------------------------------------------------------------------------


def _nsid(main: Any, path: Path, limits: Limits, lazy: bool) -> list[Sid]:
    del path
    groups = {str(name): h5tags.tree(item) for name, item in main.parent.items() if _is_tags(name, item)}
    ours = h5tags.text(main.attrs.get("written_by")).startswith(nsid.WRITTEN_BY)
    if ours:
        groups = h5tags.with_lists(groups, _lists(groups.get("metadata", {}).get(notes.KEY)))
    texts = {name: h5tags.text(main.attrs.get(name)) for name in _TEXTS}
    labels = h5tags.texts(main.attrs.get("DIMENSION_LABELS"), main.ndim)
    names = (said(texts["title"]), said(texts["main_data_name"]), said(texts["quantity"]))
    turned = slabs.Turned(main) if lazy and main.ndim == 3 else None
    made = Sid(
        Stored(main, turned) if lazy else main[()],
        tuple(_nsid_dimension(main, i, label, limits) for i, label in enumerate(labels)),
        title=next((name for name in names if name), main.name.rpartition("/")[2]),
        quantity=texts["quantity"],
        unit=texts["units"],
        data_type=texts["data_type"],
        modality=texts["modality"],
        source=texts["source"],
        metadata=groups.pop("metadata", {}),
        original=groups.pop("original_metadata", {}) if set(groups) <= {"original_metadata"} else groups,
    )
    return [with_note(made, believed=ours)]


def _lists(note: object) -> list[str]:
    lists = notes.content(note).get(notes.LISTS)
    return [str(path) for path in lists] if isinstance(lists, list) else []


def _is_tags(name: str, item: Any) -> bool:
    return hasattr(item, "keys") and not name.startswith("_")


def _nsid_dimension(main: Any, index: int, label: str, limits: Limits) -> Dimension:
    # The scale lies beside the dataset under its label. Following DIMENSION_LIST to it would do the same,
    # but on a damaged list the HDF5 library frees memory twice, and Python dies with it.
    size = int(main.shape[index])
    scale: Any = main.parent.get(label) if label else None
    if getattr(scale, "shape", None) != (size,) or scale.dtype.kind not in "iuf":
        return Dimension(label or f"dimension {index}", size)
    texts = {name: h5tags.text(scale.attrs.get(name)) for name in _DIMENSION}
    name, kind = label, texts["dimension_type"]
    whole = size <= min(_READ_WHOLE, limits.at_once // 8)
    values = np.asarray(scale[()] if whole else [scale[0], scale[size - 1]], dtype=np.float64)
    if not np.isfinite(values).all():
        return Dimension.of(name, np.arange(size), kind, "", texts["quantity"])
    if whole:
        return Dimension.of(name, values, kind, texts["units"], texts["quantity"])
    step = float(values[1] - values[0]) / (size - 1)
    return Dimension(name, size, kind_of(kind), float(values[0]), step, texts["units"], texts["quantity"])

"""HyperSpy's ZSPY (zarr, version 2): read here, because the zarr library of today cannot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_atomai.errors import CannotRead
from napari_atomai.files.guard import Limits, too_large
from napari_atomai.files.slabs import Turned
from napari_atomai.files.stored import Stored
from napari_atomai.files.zarr_store import SMALL, Chunked, Store, damaged, unpacked

Part = dict[str, Any]

_DEEPEST = 32
_BEST_RATIO = 1100


def read_zspy(path: Path, limits: Limits) -> list[Part]:
    """Read the signals of a ZSPY folder or archive.

    Returns
    -------
    list of dict
        In the form that RosettaSciIO uses; large spectrum images come with the energy in front (E, y, x).

    Raises
    ------
    CannotRead
        If it is no ZSPY of zarr version 2, is damaged, or links to something outside.
    TooLarge
        If a dataset declares more than the budget and than is stored.
    """
    store = Store(path)
    if store.has("zarr.json"):
        raise CannotRead(
            f"{path.name} is in zarr 3.",
            why="Only version 2 is read, in which HyperSpy has written its .zspy files.",
            remedy="Save it with HyperSpy as .hspy.",
        )
    if store.json(".zattrs").get("file_format") != "ZSpy":
        raise CannotRead(
            f"{path.name} is no ZSPY of zarr version 2.",
            why="Other zarr folders do not say what their numbers are.",
            remedy="Save it with HyperSpy as .hspy.",
        )
    parts = []
    for group in store.groups("Experiments"):
        if store.has(f"{group}/data/.zarray"):
            parts.append(_signal(store, group, limits))
    return parts


def _signal(store: Store, group: str, limits: Limits) -> Part:
    array = Chunked(store, f"{group}/data", limits)
    axes = [_tree(store, f"{group}/axis-{i}", limits) for i in range(array.ndim)]
    if not array.dtype.names and array.dtype.kind not in "buifc":
        raise damaged(store.path, f"{group} holds {array.dtype}, not numbers")
    data: Any = array
    if array.nbytes <= limits.at_once:
        data = array[:]
    else:
        if array.nbytes > limits.budget and array.nbytes > _BEST_RATIO * store.stored(f"{group}/data"):
            raise too_large(f"{store.path.name}, {group},", array.shape, array.nbytes, limits)
        data = Stored(array, Turned(array) if array.ndim == 3 else None, 1)
    return {
        "data": data,
        "axes": axes,
        "metadata": _tree(store, f"{group}/metadata", limits),
        "original_metadata": _tree(store, f"{group}/original_metadata", limits),
        "reader": "napari-atomai zspy",
    }


def _tree(store: Store, key: str, limits: Limits, depth: int = 0) -> dict[str, Any]:
    """Read a group of metadata; HyperSpy writes None as a word, and lists as groups of counted entries."""
    found: dict[str, Any] = {}
    for name, value in store.json(f"{key}/.zattrs").items():
        if name.startswith(("_list_empty_", "_tuple_empty_")):
            found[name.partition("_empty_")[2]] = []
        else:
            found[name] = None if value == "_None_" else value
    if depth > _DEEPEST:
        return found
    for inner in store.groups(key):
        name = inner.rpartition("/")[2]
        if store.has(f"{inner}/.zgroup"):
            entries = _tree(store, inner, limits, depth + 1)
            if counted := re.fullmatch(r"_(?:list|tuple)_\d+_(.*)", name):
                found[counted[1]] = [entries[place] for place in sorted(entries)]
            else:
                found[name] = entries
        elif store.has(f"{inner}/.zarray"):
            found[name.removeprefix("_list_").removeprefix("_tuple_")] = _small(store, inner, limits)
    return found


def _small(store: Store, key: str, limits: Limits) -> Any:
    # Tables and lists of texts in the metadata; what is large or of an unknown kind is named, not read.
    form = store.json(f"{key}/.zarray")
    if form.get("dtype") == "|O":
        filters = [item.get("id") for item in form.get("filters") or []]
        packed = store.read(f"{key}/0", SMALL) if filters == ["vlen-utf8"] else None
        return list(_texts(unpacked(store, packed, form, None))) if packed else "not read"
    array = Chunked(store, key, limits)
    return array[:] if array.nbytes <= SMALL else f"array of shape {array.shape}"


def _texts(packed: bytes) -> Iterator[str]:
    at = 4
    for _ in range(min(int.from_bytes(packed[:4], "little"), len(packed) // 4)):
        length = int.from_bytes(packed[at : at + 4], "little")
        yield packed[at + 4 : at + 4 + length].decode("utf-8", "replace")
        at += 4 + length

"""HyperSpy's ZSPY (zarr, version 2): read here, because the zarr library of today cannot.

Only numbers are unpacked, by codecs that cannot run code, each chunk to the size that it must have; texts
of metadata are JSON. Nothing outside the folder or the archive is opened.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.errors import CannotRead
from napari_atomai.files.guard import Limits, check_size, too_large
from napari_atomai.files.slabs import Box, Sliced, Turned
from napari_atomai.files.stored import Stored

Part = dict[str, Any]

_MOST_JSON = 16 << 20
_MOST_GROUPS = 10_000
_DEEPEST = 32
_BEST_RATIO = 1100
_BLOSC_HEAD = 16
_SMALL = 1 << 20


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
    store = _Store(path)
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


class _Store:
    """Texts and chunks by key, of a folder or of an archive."""

    def __init__(self, path: Path) -> None:
        self.path, self.folder = path, path.is_dir()
        self.sizes: dict[str, int] = {}
        if not self.folder:
            with zipfile.ZipFile(path) as archive:
                self.sizes = {item.filename: item.file_size for item in archive.infolist()}

    def has(self, key: str) -> bool:
        return (self.path / key).is_file() if self.folder else key in self.sizes

    def read(self, key: str, most: int) -> bytes | None:
        """Content of a key, None where there is none; `most` bytes of it and no more."""
        if self.folder:
            where = self._inside(key)
            if not where.is_file():
                return None
            with where.open("rb") as file:
                found = file.read(most + 1)
        elif key in self.sizes:
            with zipfile.ZipFile(self.path) as archive, archive.open(key) as member:
                found = member.read(most + 1)
        else:
            return None
        if len(found) > most:
            raise _damaged(self.path, f"{key} is longer than {most} bytes")
        return found

    def _inside(self, key: str) -> Path:
        where = self.path / key
        root = self.path.resolve()
        if not where.resolve().is_relative_to(root):
            raise CannotRead(
                f"{self.path.name} was not opened: {key} is a link to {where.resolve()}.",
                why="Opening one file must never read another one.",
                remedy="Save the data in a folder without links.",
            )
        return where

    def json(self, key: str) -> dict[str, Any]:
        text = self.read(key, _MOST_JSON)
        found = json.loads(text) if text is not None else {}
        return found if isinstance(found, dict) else {}

    def groups(self, key: str) -> list[str]:
        """Keys of what lies in a group, in alphabetical order."""
        if self.folder:
            where = self._inside(key)
            names = {entry.name for entry in os.scandir(where)} if where.is_dir() else set()
        else:
            inside = (name[len(key) + 1 :] for name in self.sizes if name.startswith(f"{key}/"))
            names = {name.partition("/")[0] for name in inside if "/" in name}
        if len(names) > _MOST_GROUPS:
            raise _damaged(self.path, f"{key} holds {len(names)} groups")
        return [f"{key}/{name}" for name in sorted(names) if not name.startswith(".")]

    def stored(self, key: str) -> int:
        """Bytes that are stored under a key."""
        if not self.folder:
            return sum(size for name, size in self.sizes.items() if name.startswith(f"{key}/"))
        return sum(
            os.stat(os.path.join(folder, name), follow_symlinks=False).st_size
            for folder, _, names in os.walk(self._inside(key))
            for name in names
        )


def _signal(store: _Store, group: str, limits: Limits) -> Part:
    array = Chunked(store, f"{group}/data", limits)
    axes = [store.json(f"{group}/axis-{i}/.zattrs") for i in range(array.ndim)]
    if array.dtype.kind not in "buifc":
        raise _damaged(store.path, f"{group} holds {array.dtype}, not numbers")
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


def _tree(store: _Store, key: str, limits: Limits, depth: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = store.json(f"{key}/.zattrs")
    if depth > _DEEPEST:
        return found
    for inner in store.groups(key):
        name = inner.rpartition("/")[2]
        if store.has(f"{inner}/.zgroup"):
            found[name] = _tree(store, inner, limits, depth + 1)
        elif store.has(f"{inner}/.zarray"):
            found[name.removeprefix("_list_").removeprefix("_tuple_")] = _small(store, inner, limits)
    return found


def _small(store: _Store, key: str, limits: Limits) -> Any:
    # Tables and lists of texts in the metadata; what is large or of an unknown kind is named, not read.
    form = store.json(f"{key}/.zarray")
    if form.get("dtype") == "|O":
        filters = [item.get("id") for item in form.get("filters") or []]
        packed = store.read(f"{key}/0", _SMALL) if filters == ["vlen-utf8"] else None
        return list(_texts(_unpacked(store, packed, form, None))) if packed else "not read"
    array = Chunked(store, key, limits)
    return array[:] if array.nbytes <= _SMALL else f"array of shape {array.shape}"


def _texts(packed: bytes) -> Iterator[str]:
    at = 4
    for _ in range(min(int.from_bytes(packed[:4], "little"), len(packed) // 4)):
        length = int.from_bytes(packed[at : at + 4], "little")
        yield packed[at + 4 : at + 4 + length].decode("utf-8", "replace")
        at += 4 + length


class Chunked(Sliced):
    """An array of a zarr store, read chunk by chunk."""

    def __init__(self, store: _Store, key: str, limits: Limits) -> None:
        form = store.json(f"{key}/.zarray")
        shape, chunks = (tuple(int(n) for n in form[name]) for name in ("shape", "chunks"))
        dtype = np.dtype(form["dtype"])
        if dtype.hasobject or form.get("filters") or form.get("zarr_format") != 2:
            raise CannotRead(
                f"{store.path.name} was not opened: {key} is packed by {form.get('filters') or dtype}.",
                why="Only plain numbers are read; unpacking objects could run code.",
                remedy="Save it with HyperSpy as .hspy.",
            )
        if len(shape) != len(chunks) or min((*chunks, 1)) < 1 or min((*shape, 0)) < 0:
            raise _damaged(store.path, f"{key} of shape {shape} in chunks of {chunks}")
        super().__init__(shape, dtype)
        check_size(f"{store.path.name}, {key},", chunks, dtype.itemsize, limits)
        self.store, self.key, self.chunks, self.form = store, key, chunks, form

    def box(self, box: Box) -> NDArray[Any]:
        """Unpack every chunk that the box touches, and copy what it wants of it."""
        fill = self.form.get("fill_value")
        found = np.full([part.stop - part.start for part in box], 0 if fill is None else fill, self.dtype)
        spans = [
            range(part.start // chunk, -(-part.stop // chunk))
            for part, chunk in zip(box, self.chunks, strict=True)
        ]
        for place in itertools.product(*spans):
            chunk = self._chunk(place)
            if chunk is None:
                continue
            into, of = [], []
            for part, at, length in zip(box, place, self.chunks, strict=True):
                low, high = max(part.start, at * length), min(part.stop, (at + 1) * length)
                into.append(slice(low - part.start, high - part.start))
                of.append(slice(low - at * length, high - at * length))
            found[tuple(into)] = chunk[tuple(of)]
        return found

    def _chunk(self, place: tuple[int, ...]) -> NDArray[Any] | None:
        nbytes = math.prod(self.chunks) * self.dtype.itemsize
        separator = "/" if self.form.get("dimension_separator") == "/" else "."
        packed = self.store.read(f"{self.key}/{separator.join(map(str, place)) or '0'}", 2 * nbytes + _SMALL)
        if packed is None:
            return None
        content = _unpacked(self.store, packed, self.form, nbytes)
        if len(content) != nbytes:
            longer = "more than " if len(content) > nbytes else f"{len(content)} bytes instead of "
            raise _damaged(self.store.path, f"a chunk of {longer}{nbytes} bytes")
        flat: NDArray[Any] = np.frombuffer(content, self.dtype)
        if self.form.get("order") == "F":
            return flat.reshape(self.chunks[::-1]).T
        return flat.reshape(self.chunks)


def _unpacked(store: _Store, packed: bytes, form: dict[str, Any], nbytes: int | None) -> bytes:
    name = (form.get("compressor") or {}).get("id", "none")
    if name == "none":
        return packed
    unpack = _CODECS.get(str(name))
    if unpack is None:
        raise CannotRead(
            f"{store.path.name} was not opened: its chunks are packed by {name!r}.",
            why=f"Only {', '.join(_CODECS)} are unpacked.",
            remedy="Save it with HyperSpy as .hspy.",
        )
    return unpack(packed, _SMALL if nbytes is None else nbytes)


def _blosc(packed: bytes, nbytes: int) -> bytes:
    import imagecodecs

    # The head says how long it gets, and how long it is: the codec trusts both.
    long, stored = (int.from_bytes(packed[at : at + 4], "little") for at in (4, 12))
    if len(packed) < _BLOSC_HEAD or long > nbytes or stored != len(packed):
        raise ValueError(f"a chunk says that it unpacks to {long} bytes, and {nbytes} are wanted")
    return bytes(imagecodecs.blosc_decode(packed, numthreads=1))


def _zlib(packed: bytes, nbytes: int) -> bytes:
    return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(packed, nbytes + 1)


def _zstd(packed: bytes, nbytes: int) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.zstd_decode(packed, out=nbytes))


_CODECS: dict[str, Callable[[bytes, int], bytes]] = {
    "blosc": _blosc,
    "zlib": _zlib,
    "gzip": _zlib,
    "zstd": _zstd,
}


def _damaged(path: Path, what: str) -> CannotRead:
    return CannotRead(
        f"{path.name} could not be read as ZSPY: {what}.",
        why="It is damaged or was not copied completely.",
        remedy="Save it again with HyperSpy.",
    )

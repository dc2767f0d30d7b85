"""A zarr store, version 2: texts and chunked arrays of a folder or an archive; nothing outside is opened.

Only numbers are unpacked, by codecs that cannot run code, each chunk to the size that it must have.
"""

from __future__ import annotations

import base64
import itertools
import json
import math
import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.errors import CannotRead
from napari_atomai.files.guard import Limits, check_size
from napari_atomai.files.slabs import Box, Sliced

SMALL = 1 << 20
"""Bytes that tables and texts of metadata may have."""

_MOST_JSON = 16 << 20
_MOST_GROUPS = 10_000
_BLOSC_HEAD = 16


class Store:
    """Texts and chunks by key, of a folder or of an archive.

    Parameters
    ----------
    path : Path
        The folder or the archive.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.folder = path, path.is_dir()
        self.sizes: dict[str, int] = {}
        if not self.folder:
            with zipfile.ZipFile(path) as archive:
                self.sizes = {item.filename: item.file_size for item in archive.infolist()}

    def has(self, key: str) -> bool:
        """Tell whether something is stored under a key."""
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
            raise damaged(self.path, f"{key} is longer than {most} bytes")
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
        """Entries of a text in JSON; none where there is no such text."""
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
            raise damaged(self.path, f"{key} holds {len(names)} groups")
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


class Chunked(Sliced):
    """An array of a zarr store, read chunk by chunk.

    Parameters
    ----------
    store : Store
        Where it lies.
    key : str
        What it is called there.
    limits : Limits
        What a chunk may take.

    Raises
    ------
    CannotRead
        If it is damaged, or of anything but numbers.
    TooLarge
        If a chunk exceeds the budget.
    """

    def __init__(self, store: Store, key: str, limits: Limits) -> None:
        form = store.json(f"{key}/.zarray")
        shape, chunks = (tuple(int(n) for n in form[name]) for name in ("shape", "chunks"))
        dtype = _dtype(form["dtype"])
        if dtype.hasobject or form.get("filters") or form.get("zarr_format") != 2:
            raise CannotRead(
                f"{store.path.name} was not opened: {key} is packed by {form.get('filters') or dtype}.",
                why="Only plain numbers are read; unpacking objects could run code.",
                remedy="Save it with HyperSpy as .hspy.",
            )
        if len(shape) != len(chunks) or min((*chunks, 1)) < 1 or min((*shape, 0)) < 0:
            raise damaged(store.path, f"{key} of shape {shape} in chunks of {chunks}")
        super().__init__(shape, dtype)
        check_size(f"{store.path.name}, {key},", chunks, dtype.itemsize, limits)
        self.store, self.key, self.chunks, self.form = store, key, chunks, form

    def box(self, box: Box) -> NDArray[Any]:
        """Unpack every chunk that the box touches, and copy what it wants of it."""
        fill = _fill(self.form.get("fill_value"), self.dtype)
        found = np.full([part.stop - part.start for part in box], fill, self.dtype)
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
        packed = self.store.read(f"{self.key}/{separator.join(map(str, place)) or '0'}", 2 * nbytes + SMALL)
        if packed is None:
            return None
        content = unpacked(self.store, packed, self.form, nbytes)
        if len(content) != nbytes:
            longer = "more than " if len(content) > nbytes else f"{len(content)} bytes instead of "
            raise damaged(self.store.path, f"a chunk of {longer}{nbytes} bytes")
        flat: NDArray[Any] = np.frombuffer(content, self.dtype)
        if self.form.get("order") == "F":
            return flat.reshape(self.chunks[::-1]).T
        return flat.reshape(self.chunks)


def _dtype(form: Any) -> np.dtype[Any]:
    # Records, such as HyperSpy's colours, are a list of [name, type].
    return np.dtype([(str(name), str(kind)) for name, kind in form] if isinstance(form, list) else form)


def _fill(value: Any, dtype: np.dtype[Any]) -> Any:
    """Return what stands where no chunk was written: records are in base64, complex numbers in pairs."""
    if value is None:
        return np.zeros((), dtype)
    if dtype.names:
        return np.frombuffer(base64.b64decode(value), dtype, 1)[0]
    return complex(*map(float, value)) if dtype.kind == "c" else value


def unpacked(store: Store, packed: bytes, form: dict[str, Any], nbytes: int | None) -> bytes:
    """Unpack a chunk by the codec that its array names, to no more than `nbytes`."""
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
    return unpack(packed, SMALL if nbytes is None else nbytes)


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


def damaged(path: Path, what: str) -> CannotRead:
    """Word what is wrong with a store."""
    return CannotRead(
        f"{path.name} could not be read as ZSPY: {what}.",
        why="It is damaged or was not copied completely.",
        remedy="Save it again with HyperSpy.",
    )

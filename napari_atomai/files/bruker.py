"""Bruker BCF: the file system inside it, checked; RosettaSciIO makes datasets of what it holds.

The compiled unpacker that RosettaSciIO brings does not check where it reads and writes, and its Python
parts follow every pointer. So the tree is walked and the map is checked pixel by pixel before they run.
"""

from __future__ import annotations

import math
import re
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from napari_atomai.errors import CannotRead
from napari_atomai.files.guard import Limits, check_size, in_words

_HEAD = 0x138
_ITEM = struct.Struct("<iQQQQIi176s?3s256s32s")
_CHUNK_HEAD = 32
_MOST_ITEMS = 10_000
_COMPRESSED = b"AACS"
_MAP_HEAD = 0x1A0
_PIXEL = struct.Struct("<IHHIHHHI")
_PADDING = bytes(1 << 17)
"""Behind the map: what is unpacked there may read this far beyond its end."""


@dataclass(frozen=True)
class _Item:
    pointer: int
    size: int
    parent: int
    folder: bool
    name: str


@dataclass(frozen=True)
class Hypermap:
    """The packed spectra of a map, checked, in the form in which RosettaSciIO unpacks them.

    Parameters
    ----------
    content : bytes
        All of them in one piece.
    rows, columns : int
        What the map says of itself.
    """

    content: bytes
    rows: int
    columns: int

    def get_iter_and_properties(self) -> tuple[object, int, int]:
        """Give an iterator over the pieces, the length of a piece and their number."""
        return iter([self.content]), len(self.content), 1


class Container:
    """The file system inside a BCF file.

    Parameters
    ----------
    path : Path
        The file.
    limits : Limits
        What one file inside may take.

    Raises
    ------
    CannotRead
        If its tree does not hold together.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path, self.limits, self.length = path, limits, path.stat().st_size
        with path.open("rb") as file:
            file.seek(0x124)
            _, self.chunk = self._unpack(file, "<fI")
            file.seek(0x140)
            tree, count, _ = self._unpack(file, "<III")
            if not 1024 <= self.chunk <= self.length or not 1 <= count <= _MOST_ITEMS:
                raise self._damaged(f"its tree of {count} items in pieces of {self.chunk} bytes")
            raw = self._chain(file, tree, count * _ITEM.size, (self.chunk - _CHUNK_HEAD) // 0x200 * 0x200)
        self.items = [self._item(raw[i * _ITEM.size : (i + 1) * _ITEM.size]) for i in range(count)]
        self._check_parents()

    def _unpack(self, file: BinaryIO, form: str) -> tuple[int, ...]:
        found = file.read(struct.calcsize(form))
        if len(found) < struct.calcsize(form):
            raise self._damaged("it ends too early")
        return struct.unpack(form, found)

    def _chain(self, file: BinaryIO, first: int, wanted: int, piece: int) -> bytes:
        # Pieces that name the one after them.
        if wanted > self.length or piece < 1:
            raise self._damaged(f"a table of {wanted} bytes")
        found, at = bytearray(), first
        while len(found) < wanted:
            file.seek(min(self.chunk * at + 0x118, self.length))
            (at,) = self._unpack(file, "<I")
            file.seek(28, 1)
            read = file.read(min(piece, wanted - len(found)))
            if not read:
                raise self._damaged("a table that ends too early")
            found += read
        return bytes(found)

    def _item(self, raw: bytes) -> _Item:
        if len(raw) < _ITEM.size:
            raise self._damaged("its tree ends too early")
        pointer, size, _, _, _, _, parent, _, folder, _, name, _ = _ITEM.unpack(raw)
        if size > self.length and not folder:
            raise self._damaged(f"a file inside it of {in_words(size)}")
        return _Item(pointer, size, parent, folder, name.strip(b"\0").decode("utf-8", "replace"))

    def _check_parents(self) -> None:
        for item in self.items:
            seen, parent = 0, item.parent
            while parent != -1:
                if not 0 <= parent < len(self.items) or seen > len(self.items):
                    raise self._damaged("a folder that contains itself")
                seen, parent = seen + 1, self.items[parent].parent

    def names(self) -> list[str]:
        """Names of the files inside, without their folders."""
        return [item.name for item in self.items if not item.folder]

    def read(self, name: str, most: int) -> bytes:
        """Read a file inside, unpacked, `most` bytes of it at most.

        Raises
        ------
        CannotRead
            If it is missing or its pieces do not lie within the file.
        TooLarge
            If it is longer than `most`.
        """
        item = next((item for item in self.items if item.name == name and not item.folder), None)
        if item is None or item.size == 0:
            raise self._damaged(f"it has no {name}")
        usable = self.chunk - _CHUNK_HEAD
        count = math.ceil(item.size / usable)
        with self.path.open("rb") as file:
            table = self._chain(file, item.pointer, 4 * count, usable)
            found = bytearray()
            for at in np.frombuffer(table, "<u4", count).tolist():
                file.seek(min(at * self.chunk + _HEAD, self.length))
                found += file.read(min(usable, item.size - len(found)))
        if len(found) < item.size:
            raise self._damaged(f"{name} lies beyond its end")
        content = bytes(found)
        return self._inflated(content, name, most) if content.startswith(_COMPRESSED) else content

    def _inflated(self, content: bytes, name: str, most: int) -> bytes:
        piece, _, count = struct.unpack_from("<III", content, 4)
        check_size(f"{self.path.name}, {name},", (min(piece, 1 << 40), count), 1, Limits(most))
        out, at = bytearray(), 0x80
        for _ in range(count):
            if at + 16 > len(content):
                raise self._damaged(f"{name} ends too early")
            (size,) = struct.unpack_from("<I", content, at)
            unpacker = zlib.decompressobj()
            out += unpacker.decompress(content[at + 16 : at + 16 + size], piece)
            if not unpacker.eof:  # longer than it says, or cut
                raise self._damaged(f"{name} does not unpack to the size it declares")
            at += 16 + size
        return bytes(out)

    def hypermap(self, name: str, shape: tuple[int, int]) -> Hypermap:
        """Read a map of packed spectra and check every pixel of it.

        Parameters
        ----------
        name : str
            "SpectrumData0" ...
        shape : (int, int)
            Rows and columns of the array that it shall be unpacked into.

        Raises
        ------
        CannotRead
            If a pixel lies outside the map, or its data outside the file.
        """
        content = self.read(name, self.limits.budget)
        if len(content) < _MAP_HEAD:
            raise self._damaged(f"{name} ends within its header")
        rows, columns = struct.unpack_from("<ii", content)
        if not 0 < rows <= shape[0] or not 0 < columns <= shape[1]:
            raise self._damaged(f"a map of {rows} × {columns} points in an image of {shape[0]} × {shape[1]}")
        self._check_pixels(content, rows, min(columns, shape[1]))
        return Hypermap(content + _PADDING, rows, columns)

    def _check_pixels(self, content: bytes, rows: int, columns: int) -> None:
        at, end = _MAP_HEAD, len(content)
        for _ in range(rows):
            if at + 4 > end:
                raise self._damaged("a map that ends too early")
            (count,) = struct.unpack_from("<i", content, at)
            at += 4
            for _ in range(count):
                if at + _PIXEL.size > end:
                    raise self._damaged("a map that ends too early")
                column, _, _, _, flag, _, pulses, size = _PIXEL.unpack_from(content, at)
                at += _PIXEL.size
                at = self._after(content, at, flag, pulses, size)
                if column >= columns or at > end:
                    raise self._damaged(f"a point of the map in column {column} of {columns}")

    def _after(self, content: bytes, at: int, flag: int, pulses: int, size: int) -> int:
        if flag < 2:
            needed = 2 * pulses if flag == 0 else math.ceil(1.5 * pulses)
            if needed > size:
                raise self._damaged(f"{pulses} counts in {size} bytes")
            return at + size
        if not 4 <= size < 1 << 16 or at + size > len(content):
            raise self._damaged(f"a spectrum of {size} bytes")
        (more,) = struct.unpack_from("<I", content, at + size - 4)
        if pulses and more != 2 * pulses:
            raise self._damaged(f"{pulses} counts in {more} bytes")
        return at + size + (more if pulses else 0)

    def _damaged(self, what: str) -> CannotRead:
        return CannotRead(
            f"{self.path.name} could not be read as Bruker BCF: {what}.",
            why="It is damaged or was not copied completely.",
            remedy="Copy the file from the microscope again.",
        )


def map_size(header: bytes) -> tuple[int, int, int]:
    """Rows, columns and channels that the XML header of a BCF file speaks of, the largest of each."""

    def largest(tag: bytes) -> int:
        found = re.findall(rb"<" + tag + rb">\s*(\d{1,9})\s*</" + tag + rb">", header)
        return max((int(number) for number in found), default=0)

    channels = [text.count(b",") + 1 for text in re.findall(rb"<Channels>([^<]*)</Channels>", header)]
    return largest(b"Height"), largest(b"Width"), max(channels, default=0)

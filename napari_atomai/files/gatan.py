"""Gatan DM3/DM4: walk through the tag tree before reading, so that no damaged count sends a reader astray.

A damaged count of fields or elements makes readers loop for minutes over nothing; here every count is
compared with the bytes that are left in the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from napari_atomai.errors import CannotRead

_GROUP, _DATA = 20, 21
_STRUCT, _STRING, _ARRAY = 15, 18, 20
_SIZES = {2: 2, 3: 4, 4: 2, 5: 4, 6: 4, 7: 8, 8: 1, 9: 1, 10: 1, 11: 8, 12: 8}
_MOST_INFO = 4096
_DEEPEST = 64


def check_dm(path: Path) -> None:
    """Check that the tag tree of a DM3 or DM4 file holds together.

    Raises
    ------
    CannotRead
        If a tag points beyond the file or is of no known kind, with its place.
    """
    with path.open("rb") as file:
        walk = _Walk(file, path)
        walk.start()
        walk.group(0)


class _Walk:
    def __init__(self, file: BinaryIO, path: Path) -> None:
        self.file, self.path, self.size = file, path, path.stat().st_size
        self.wide = False

    def start(self) -> None:
        self.wide = self.number(4) == 4
        self.number(8 if self.wide else 4)  # length of the file
        if self.number(4) not in (0, 1):
            raise self.damaged("the byte order is not known")

    def group(self, depth: int) -> None:
        self.skip(2)
        count = self.word()
        # A tag takes at least three bytes.
        if depth > _DEEPEST or count * 3 > self.left():
            raise self.damaged(f"a group of {count} tags does not fit")
        for _ in range(count):
            self.tag(depth)

    def tag(self, depth: int) -> None:
        kind = self.number(1)
        self.skip(self.number(2))
        if self.wide:
            self.skip(8)
        if kind == _GROUP:
            self.group(depth + 1)
        elif kind == _DATA:
            self.data()
        else:
            raise self.damaged(f"a tag of kind {kind}")

    def data(self) -> None:
        if self.take(4) != b"%%%%":
            raise self.damaged("a tag without its mark")
        count = self.word()
        if not 1 <= count <= _MOST_INFO:
            raise self.damaged(f"a tag described by {count} numbers")
        info = [self.word() for _ in range(count)]
        self.skip(self.bytes_of(info))

    def bytes_of(self, info: list[int]) -> int:
        kind, *rest = info
        if kind in _SIZES and not rest:
            return _SIZES[kind]
        if kind == _STRING and len(rest) == 1:
            return 2 * rest[0]
        if kind == _STRUCT:
            return self.struct(rest)
        if kind == _ARRAY and len(rest) >= 2:
            return rest[-1] * self.bytes_of(rest[:-1])
        raise self.damaged(f"a tag described by {info[:6]}")

    def struct(self, rest: list[int]) -> int:
        if len(rest) < 2 or len(rest) != 2 + 2 * rest[1] or any(rest[0::2]):  # names have no length here
            raise self.damaged("a structure that does not add up")
        kinds = rest[3::2]
        if not set(kinds) <= _SIZES.keys():
            raise self.damaged("a structure of unknown kinds")
        return sum(_SIZES[kind] for kind in kinds)

    def word(self) -> int:
        return self.number(8 if self.wide else 4)

    def number(self, count: int) -> int:
        return int.from_bytes(self.take(count), "big")

    def take(self, count: int) -> bytes:
        found = self.file.read(count)
        if len(found) < count:
            raise self.damaged("it ends too early")
        return found

    def skip(self, count: int) -> None:
        if count > self.left():
            raise self.damaged(f"a tag of {count} bytes reaches beyond the end")
        self.file.seek(count, 1)

    def left(self) -> int:
        return self.size - self.file.tell()

    def damaged(self, what: str) -> CannotRead:
        return CannotRead(
            f"{self.path.name} could not be read as Gatan DM: {what} (at byte {self.file.tell()}).",
            why="It is damaged or was not copied completely.",
            remedy="Copy the file from the microscope again.",
        )

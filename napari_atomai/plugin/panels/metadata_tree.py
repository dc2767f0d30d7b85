"""Nested tags as a tree that is searched: a model of its own, so that fifty thousand tags stay fluent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from qtpy.QtCore import QAbstractItemModel, QModelIndex, Qt

from napari_atomai.files.tagfile import words

_NONE = QModelIndex()
_SHOWN = 200
_IN_TOOLTIP = 2000
_SEARCHED = 10_000
_DEEPEST = 64
_MOST = 200_000
_LISTED = 4096
_HEADINGS = ("Tag", "Value")


class Tag:
    """One entry of the tree: a value, or a group of entries.

    Parameters
    ----------
    key : str
        Its name in its group.
    value : object
        What stands there; the whole group for a group.
    parent : Tag, optional
        The group it is in.
    """

    __slots__ = ("children", "haystack", "key", "parent", "row", "shown", "value")

    def __init__(self, key: str, value: Any, parent: Tag | None = None) -> None:
        self.key, self.value, self.parent = key, value, parent
        self.children: list[Tag] = []
        self.shown: list[Tag] = []
        self.row = 0
        self.haystack = ""

    @property
    def path(self) -> str:
        """Keys from the top to here, joined by "/"."""
        keys = []
        tag: Tag | None = self
        while tag is not None and tag.parent is not None:
            keys.append(tag.key)
            tag = tag.parent
        return "/".join(reversed(keys))


class Walked(NamedTuple):
    """Tags as entries of a tree: the top, all entries below it, the groups among them."""

    root: Tag
    tags: list[Tag]
    groups: list[Tag]
    truncated: bool


class TagTree(QAbstractItemModel):
    """Nested mappings and lists, of which only what contains `pattern` is shown.

    The tree is walked once, before it is shown (see `walk`); searching is then a matter of one text for
    each entry. A proxy model that asks Python for every row costs a hundred times that.
    """

    def __init__(self) -> None:
        super().__init__()
        self._walked = walk({})
        self._matches = 0
        self.pattern = ""

    @property
    def truncated(self) -> bool:
        """Whether there are more entries than are kept, or some are nested in themselves."""
        return self._walked.truncated

    @property
    def matches(self) -> int:
        """How many entries are shown that are no groups."""
        return self._matches

    def show(self, walked: Walked, pattern: str = "") -> None:
        """Show other tags, of which those that contain the pattern."""
        self.beginResetModel()
        self._walked = walked
        self._apply(pattern)
        self.endResetModel()

    def search(self, pattern: str) -> None:
        """Show the tags whose key, value or path contains the words of a pattern, and their groups."""
        self.beginResetModel()
        self._apply(pattern)
        self.endResetModel()

    def _apply(self, pattern: str) -> None:
        self.pattern, parts = pattern, pattern.casefold().split()
        kept = _kept(self._walked.tags, parts) if parts else None
        self._matches = 0
        for group in self._walked.groups:
            children = group.children
            group.shown = children if kept is None else [one for one in children if id(one) in kept]
            for row, child in enumerate(group.shown):
                child.row = row
                self._matches += not child.children

    def __len__(self) -> int:
        return len(self._walked.tags)

    def tag(self, index: QModelIndex) -> Tag | None:
        """Return the entry at an index."""
        return index.internalPointer() if index.isValid() else None

    def index_of(self, path: str) -> QModelIndex:
        """Return the index of the entry at a path, if it is shown; else an invalid one."""
        for tag in self._walked.tags:
            if tag.path == path:
                shown = tag.parent is not None and tag in tag.parent.shown
                return self.createIndex(tag.row, 0, tag) if shown else QModelIndex()
        return QModelIndex()

    # --- what Qt asks ---

    def index(  # noqa: D102 - Qt's name
        self, row: int, column: int, parent: QModelIndex = _NONE
    ) -> QModelIndex:
        group = self.tag(parent) or self._walked.root
        if not 0 <= row < len(group.shown) or not 0 <= column < 2:
            return QModelIndex()
        return self.createIndex(row, column, group.shown[row])

    def parent(self, index: QModelIndex = _NONE) -> QModelIndex:  # type: ignore[override]  # noqa: D102
        tag = self.tag(index)
        group = tag.parent if tag is not None else None
        if group is None or group is self._walked.root:
            return QModelIndex()
        return self.createIndex(group.row, 0, group)

    def rowCount(self, parent: QModelIndex = _NONE) -> int:  # noqa: D102 - Qt's name
        return 0 if parent.column() > 0 else len((self.tag(parent) or self._walked.root).shown)

    def columnCount(self, parent: QModelIndex = _NONE) -> int:  # noqa: D102 - Qt's name
        return 2

    def headerData(  # noqa: D102 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        wanted = role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal
        return _HEADINGS[section] if wanted and 0 <= section < 2 else None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102
        tag = self.tag(index)
        if tag is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            text = tag.key[:_SHOWN] if index.column() == 0 else _shortened(tag, _SHOWN)
            return " ".join(text.replace("\x00", " ").split())
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{tag.path[:_IN_TOOLTIP]}\n{_shortened(tag, _IN_TOOLTIP)}"
        return None


def value_text(tag: Tag, most: int | None = None) -> str:
    """Return an entry's value as words, whole or its first `most` items; of a group, how much is in it."""
    if tag.children:
        return f"{len(tag.children):,} entries" if len(tag.children) != 1 else "1 entry"
    return _text(tag.value, most)


def _text(value: Any, most: int | None = None) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufUS" and value.size <= _LISTED:
        value = value.ravel().tolist()
    if isinstance(value, list | tuple):
        count = len(value) if most is None else min(most, len(value))
        items = ", ".join(_text(one, most) if not _holds(one) else "…" for one in value[:count])
        return items if count == len(value) else f"{len(value):,} values: {items} …"
    if isinstance(value, Mapping):
        return "…" if value else ""
    return "" if value is None else words(value)


def _holds(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple)


def _shortened(tag: Tag, length: int) -> str:
    """Return an entry's value as words, so many of its characters."""
    text = value_text(tag, length // 4)
    if len(text) <= length:
        return text
    return (
        f"{text[:length]} … ({len(text):,} characters)"
        if isinstance(tag.value, str)
        else f"{text[:length]} …"
    )


def walk(tags: Mapping[str, Any], most: int = _MOST) -> Walked:
    """Make entries of nested tags, parents before their children; no Qt, so a worker may do it.

    Parameters
    ----------
    tags : mapping
        May be nested in itself: no group is entered below itself, none below the 64th.
    most : int
        How many entries are made.
    """
    root = Tag("", tags)
    made: list[Tag] = []
    groups = [root]
    truncated = False
    waiting: list[tuple[Tag, int, frozenset[int]]] = [(root, 0, frozenset({id(tags)}))]
    while waiting:
        group, depth, above = waiting.pop()
        for key, value in _entries(group.value):
            if len(made) >= most:
                return Walked(root, made, groups, True)
            tag = Tag(key, value, group)
            group.children.append(tag)
            made.append(tag)
            if not _is_group(value):
                _index(tag, _text(value, _SEARCHED // 10)[:_SEARCHED])
            elif depth >= _DEEPEST or id(value) in above:
                _index(tag, "")
                truncated = True
            else:
                _index(tag, "")
                groups.append(tag)
                waiting.append((tag, depth + 1, above | {id(value)}))
    return Walked(root, made, groups, truncated)


def _index(tag: Tag, value: str) -> None:
    above = tag.parent.haystack if tag.parent is not None else ""
    own = f"{above}/{tag.key.casefold()}" if above else tag.key.casefold()
    tag.haystack = f"{own}\n{value.casefold()}" if value else own


def _is_group(value: Any) -> bool:
    if isinstance(value, Mapping):
        return bool(value)
    return isinstance(value, list | tuple) and any(isinstance(one, Mapping | list | tuple) for one in value)


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        yield from ((str(key), item) for key, item in value.items())
    else:
        yield from ((f"[{number}]", item) for number, item in enumerate(value))


def _kept(tags: list[Tag], parts: list[str]) -> set[int]:
    """Return which entries contain all parts, and the groups above them."""
    found = tags
    for part in parts:
        found = [tag for tag in found if part in tag.haystack]
    kept: set[int] = set()
    for tag in found:
        at: Tag | None = tag
        while at is not None and id(at) not in kept:
            kept.add(id(at))
            at = at.parent
    return kept

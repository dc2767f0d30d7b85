"""Undo and redo for the atoms of a Points layer: what each change took away and what it put there. No Qt.

napari keeps no history of points. A step holds only the rows that changed, so that a day of work fits into
memory and 10,000 atoms are undone at once.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_atomai.plugin import edits

if TYPE_CHECKING:
    from napari.layers import Points

_BEFORE = {"adding", "removing", "changing"}

_histories: weakref.WeakKeyDictionary[Any, History] = weakref.WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Rows:
    """Atoms with their numbers, their places as napari has them, and their features."""

    ids: NDArray[np.int64]
    data: NDArray[np.float64]
    features: pd.DataFrame

    def keep(self, which: NDArray[Any]) -> Rows:
        """Return some of the rows."""
        return Rows(self.ids[which], self.data[which], self.features.iloc[which])


def history_of(points: Points) -> History:
    """Return the history of a layer; the first call makes it, and it listens from then on."""
    history = _histories.get(points)
    if history is None:
        history = _histories[points] = History(points)
    return history


class History:
    """What was done to the atoms of a layer, to be undone and done again, without limit.

    Parameters
    ----------
    points : napari Points layer
        Held weakly. Its features have an ``id`` for every atom.
    """

    def __init__(self, points: Points) -> None:
        self._points = weakref.ref(points)
        self._done: list[tuple[Rows, Rows]] = []
        self._undone: list[tuple[Rows, Rows]] = []
        self._quiet = 0
        self._present = _rows(points)
        self._changed = False
        self.listeners: list[Callable[[], None]] = []
        points.events.data.connect(self._on_data)
        points.events.features.connect(self._on_features)

    @property
    def quiet(self) -> bool:
        """Whether the layer is being changed by undo, redo, a threshold or a run."""
        return self._quiet > 0

    @property
    def can_undo(self) -> bool:
        """Whether there is something to undo."""
        self.commit()
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        """Whether there is something to do again."""
        self.commit()
        return bool(self._undone)

    @property
    def steps(self) -> int:
        """How many changes were made, less those that were undone."""
        self.commit()
        return len(self._done)

    def commit(self) -> None:
        """Make one step of all that has changed since the last one."""
        points = self._points()
        if not self._changed or points is None or len(points.features) != len(points.data):
            return
        self._changed = False
        now = _rows(points)
        step = _difference(self._present, now)
        self._present = now
        if len(step[0].ids) or len(step[1].ids):
            self._done.append(step)
            self._undone.clear()

    def undo(self) -> bool:
        """Take the last change back; False if there is none."""
        self.commit()
        return self._apply(self._done, self._undone, backwards=True)

    def redo(self) -> bool:
        """Do again what was last undone; False if there is nothing."""
        self.commit()
        return self._apply(self._undone, self._done, backwards=False)

    @contextlib.contextmanager
    def not_recorded(self) -> Iterator[None]:
        """Change the layer without making a step of it: another threshold, another run."""
        self.commit()
        self._quiet += 1
        try:
            yield
        finally:
            self._quiet -= 1
            points = self._points()
            if points is not None:
                self._present = _rows(points)

    def forget(self) -> None:
        """Forget all steps: the atoms are others now."""
        self._done.clear()
        self._undone.clear()

    def _apply(self, source: list[Any], target: list[Any], *, backwards: bool) -> bool:
        points = self._points()
        if not source or points is None:
            return False
        step = source.pop()
        target.append(step)
        gone, there = step[::-1] if backwards else step
        with self.not_recorded():
            _exchange(points, gone, there)
            edits.note_exchange(points, gone.ids, there.ids)
        self._tell()
        return True

    def _on_data(self, event: Any) -> None:
        if self._quiet:
            return
        if str(getattr(event, "action", "")) in _BEFORE:
            self.commit()
        else:
            self._note()

    def _on_features(self, _event: Any = None) -> None:
        if not self._quiet:
            self._note()

    def _note(self) -> None:
        self._changed = True
        self._tell()

    def _tell(self) -> None:
        for listener in list(self.listeners):
            listener()


def _rows(points: Points) -> Rows:
    features = points.features.copy()
    count = len(points.data)
    ids = np.asarray(features["id"], np.int64) if "id" in features else np.arange(count, dtype=np.int64)
    return Rows(ids, np.array(points.data, np.float64), features)


def _difference(old: Rows, new: Rows) -> tuple[Rows, Rows]:
    """Return the rows of `old` that are gone or others now, and what is there in `new` instead."""
    _, here, there = np.intersect1d(old.ids, new.ids, return_indices=True)
    same = (old.data[here] == new.data[there]).all(axis=1)
    for name in new.features:
        if name in old.features:
            same &= _equal(old.features[name].to_numpy()[here], new.features[name].to_numpy()[there])
    kept_old, kept_new = np.zeros(len(old.ids), np.bool_), np.zeros(len(new.ids), np.bool_)
    kept_old[here[same]] = kept_new[there[same]] = True
    return old.keep(np.flatnonzero(~kept_old)), new.keep(np.flatnonzero(~kept_new))


def _equal(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray((one == other) | (pd.isna(one) & pd.isna(other)), np.bool_)


def _exchange(points: Points, gone: Rows, there: Rows) -> None:
    """Put rows in the place of others; those that are in both keep their place in the table."""
    now = _rows(points)
    stays = np.flatnonzero(~np.isin(now.ids, np.setdiff1d(gone.ids, there.ids)))
    now = now.keep(stays)
    data, features = now.data.copy(), now.features.reset_index(drop=True)
    _, place, source = np.intersect1d(now.ids, there.ids, return_indices=True)
    data[place] = there.data[source]
    for name in features:
        if name in there.features:
            column = features[name].to_numpy().copy()
            column[place] = there.features[name].to_numpy()[source]
            features[name] = column
    new = there.keep(np.flatnonzero(~np.isin(there.ids, now.ids)))
    if len(new.ids):
        data = np.concatenate([data, new.data])
        features = pd.concat([features, new.features], ignore_index=True) if len(features) else new.features
    edits.replace(points, data, {str(name): features[name].to_numpy() for name in features})

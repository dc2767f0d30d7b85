"""What a person does to the atoms of a viewer: sets, moves, names, accepts and takes away; and undoes."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from napari_atomai.plugin import edits, keys, results, review
from napari_atomai.plugin.camera import centre_on
from napari_atomai.plugin.history import history_of
from napari_atomai.plugin.lasso import Lasso
from napari_atomai.plugin.layers import KEY, image_of, notes_of
from napari_atomai.plugin.messages import explain
from napari_atomai.plugin.refit import class_names, refit
from napari_atomai.plugin.results import spacing_px

if TYPE_CHECKING:
    from napari.layers import Points

_MOST_REFITTED = 200
"""Of more atoms moved at once nobody wants each to jump."""


class Correcting(QObject):
    """Follows the atoms' layers of a session, and acts on the one that is active.

    Parameters
    ----------
    session : Session
        Held weakly.
    viewer : napari.Viewer
        Held weakly.
    """

    changed = Signal(str)
    """Uid of the image whose atoms were changed, by a person or by undo."""
    said = Signal(str, str)

    def __init__(self, session: Any, viewer: Any) -> None:
        super().__init__()
        self._session, self._viewer = weakref.ref(session), weakref.ref(viewer)
        self.refits = True
        self.measure = review.SCORE
        self._visited: list[int] = []
        self._adopted: weakref.WeakSet[Any] = weakref.WeakSet()
        self._busy = False

    def adopt(self, points: Points) -> None:
        """Follow a layer of atoms from now on, and bind its keys."""
        if points in self._adopted:
            return
        self._adopted.add(points)
        history = history_of(points)
        here, layer = weakref.ref(self), weakref.ref(points)

        def tell() -> None:
            correcting, there = here(), layer()
            if correcting is not None and there is not None:
                review.remember(there)
                correcting.changed.emit(_image_of(there))

        history.listeners.append(tell)
        points.events.data.connect(self._on_data)
        keys.bind(points, {entry.action: self._bound(entry.action) for entry in keys.KEYS if entry.action})

    def _bound(self, name: str) -> Any:
        here = weakref.ref(self)

        def act() -> None:
            correcting = here()
            if correcting is not None:
                correcting.act(name)

        return act

    def act(self, name: str) -> None:
        """Do one of the actions of `keys.KEYS` on the active layer of atoms; errors are said."""
        points = self.points()
        if points is None:
            self.said.emit(
                "", "There are no atoms to correct yet: find atoms first, then choose their layer."
            )
            return
        try:
            getattr(self, name)(points)
        except Exception as error:  # noqa: BLE001 - a slot must not raise; it is worded and shown
            self.said.emit(_image_of(points), explain(error, "correcting atoms").text)

    def points(self) -> Any:
        """Return the layer of atoms that is active, or the topmost one."""
        viewer = self._viewer()
        if viewer is None:
            return None
        ours = [layer for layer in viewer.layers if notes_of(layer).get("role") == results.ATOMS]
        active = viewer.layers.selection.active
        return next((layer for layer in ours if layer is active), ours[-1] if ours else None)

    # --- actions, by the names in the table of keys ---

    def undo(self, points: Points) -> None:
        """Take the last change back."""
        if not history_of(points).undo():
            self._say(points, "There is nothing to undo.")

    def redo(self, points: Points) -> None:
        """Do again what was undone last."""
        if not history_of(points).redo():
            self._say(points, "There is nothing to do again.")

    def next_class(self, points: Points) -> None:
        """Give the selected atoms the class after that of the first of them."""
        names, rows = class_names(points), sorted(points.selected_data)
        if not rows:
            self._say(points, "Select atoms first.")
            return
        here = names.index(str(points.features["class"].iloc[rows[0]]))
        self.set_class(points, names[(here + 1) % len(names)])

    def set_class(self, points: Points, name: str) -> None:
        """Give the selected atoms a class, which may be a new one."""
        rows = sorted(points.selected_data)
        history_of(points).commit()
        names = class_names(points)
        points.metadata[KEY]["class_names"] = names if name in names else [*names, name]
        features = points.features.copy()
        features.loc[features.index[rows], "class"] = name
        points.features = features
        edits.colour(points)
        history_of(points).commit()
        self._say(points, f"{len(rows)} atom{'' if len(rows) == 1 else 's'} of class {name!r}.")

    def refit(self, points: Points) -> None:
        """Fit the selected atoms anew."""
        rows = np.array(sorted(points.selected_data), np.int64)
        history_of(points).commit()
        moved = self._refit(points, rows)
        history_of(points).commit()
        self._say(points, f"{moved} of {len(rows)} selected atoms fitted.")

    def lasso(self, points: Points) -> None:
        """Let the mouse draw around atoms."""
        viewer = self._viewer()
        if viewer is not None:
            viewer.layers.selection.active = points
            Lasso(viewer, points)
            self._say(points, "Draw around the atoms to select.")

    def next_uncertain(self, points: Points) -> None:
        """Go to the most uncertain atom that was not looked at."""
        waiting = review.queue(points, self.measure)
        shown = self._shown(points)
        fresh = [number for number in waiting if number != shown]
        skipped = [number for number in fresh if number not in self._visited]
        if not fresh:
            self._say(points, "No uncertain atom is left to look at.")
            return
        self._go(points, (skipped or fresh)[0])

    def previous_uncertain(self, points: Points) -> None:
        """Go back to the atom that was looked at before."""
        if len(self._visited) > 1:
            self._visited.pop()
            self._go(points, self._visited.pop())

    def accept(self, points: Points) -> None:
        """Note that the atom that is shown is right, and go on."""
        number = self._shown(points)
        if number is not None:
            review.accept(points, number)
            self.changed.emit(_image_of(points))
        self.next_uncertain(points)

    def reject(self, points: Points) -> None:
        """Take the atom that is shown away, and go on."""
        number = self._shown(points)
        if number is not None:
            row = review.row_of(points, number)
            assert row is not None
            points.remove([row])
            history_of(points).commit()
        self.next_uncertain(points)

    def _shown(self, points: Points) -> int | None:
        """Return the number of the atom that is being looked at, while it alone is selected."""
        rows = list(points.selected_data)
        number = int(points.features["id"].iloc[rows[0]]) if len(rows) == 1 else None
        return number if self._visited and number == self._visited[-1] else None

    def _go(self, points: Points, number: int) -> None:
        row, viewer = review.row_of(points, number), self._viewer()
        if row is None or viewer is None:
            return
        self._visited.append(number)
        points.selected_data = {row}
        centre_on(viewer, points, row)
        left = len(review.queue(points, self.measure))
        value = review.uncertainty(points, self.measure)[row]
        self._say(points, f"Atom {number}, {self.measure}: {value:.3g}. {left} not looked at yet.")

    # --- fitting what was clicked ---

    def _on_data(self, event: Any) -> None:
        points, action = event.source, str(getattr(event, "action", ""))
        rows = np.asarray(event.data_indices, np.int64)
        dragged = action == "changed" and set(rows.tolist()) == set(points.selected_data)
        few = 0 < len(rows) <= min(_MOST_REFITTED, len(points.data))
        if not (self.refits and few and (action == "added" or dragged)):
            return
        if self._busy or history_of(points).quiet or len(points.features) != len(points.data):
            return
        self._busy = True
        try:
            self._refit(points, rows % len(points.data))
        except Exception as error:  # noqa: BLE001 - a slot must not raise; it is worded and shown
            self._say(points, explain(error, "fitting the atom").text)
        finally:
            self._busy = False

    def _refit(self, points: Points, rows: NDArray[np.int64]) -> int:
        session = self._session()
        uid = _image_of(points)
        layer = None if session is None else session.layer(uid)
        result = None if session is None else session.result(uid)
        if layer is None or result is None:
            return 0
        dark = bool(result.found.record.measured.get("dark", 0.0))
        return refit(points, rows, image_of(layer), spacing_px(result.found), dark=dark)

    def _say(self, points: Points, sentence: str) -> None:
        self.said.emit(_image_of(points), sentence)


def _image_of(points: Any) -> str:
    return str(notes_of(points).get("parent_uid", ""))

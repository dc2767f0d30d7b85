"""Draw around atoms with the mouse to select them: napari's Points have a box only. No Qt."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.plugin.layers import geometry_like

if TYPE_CHECKING:
    from napari.layers import Points

_NAME = "lasso"


class Lasso:
    """Waits for one drag of the mouse over a layer of atoms, and selects those that it goes around.

    Parameters
    ----------
    viewer : napari.Viewer
        Shows the line while it is drawn; held weakly.
    points : napari Points layer
        The active layer; its mode is "select" afterwards.
    """

    def __init__(self, viewer: Any, points: Points) -> None:
        self._viewer = weakref.ref(viewer)
        points.mode = "pan_zoom"
        points.mouse_pan = False
        for callback in [c for c in points.mouse_drag_callbacks if getattr(c, "lasso", False)]:
            points.mouse_drag_callbacks.remove(callback)
        points.mouse_drag_callbacks.append(self._callback())

    def _callback(self) -> Any:
        def drag(points: Points, event: Any) -> Iterator[None]:
            start = np.asarray(points.world_to_data(event.position))
            outline = [start[-2:]]
            yield
            line = self._line(points)
            while event.type == "mouse_move":
                outline.append(np.asarray(points.world_to_data(event.position))[-2:])
                if line is not None:
                    line.data = [np.array(outline)]
                yield
            self._end(points, line, drag)
            rows = inside(points, outline, start[:-2])
            kept = points.selected_data if "Shift" in event.modifiers else set()
            points.selected_data = set(kept) | {int(row) for row in rows}

        drag.lasso = True  # type: ignore[attr-defined]
        return drag

    def _line(self, points: Points) -> Any:
        from napari.layers import Shapes

        viewer = self._viewer()
        if viewer is None:
            return None
        line = Shapes(ndim=2, name=_NAME, **geometry_like(points, ndim=2))
        line.current_face_color, line.current_edge_color = "transparent", "#F0E442"
        line.current_edge_width = 1
        viewer.layers.append(line)
        line.add_paths(np.zeros((2, 2)))
        viewer.layers.selection.active = points
        points.mouse_pan = False
        return line

    def _end(self, points: Points, line: Any, callback: Any) -> None:
        viewer = self._viewer()
        if callback in points.mouse_drag_callbacks:
            points.mouse_drag_callbacks.remove(callback)
        if viewer is not None and line is not None and line in viewer.layers:
            viewer.layers.remove(line)
            viewer.layers.selection.active = points
        points.mode = "select"


def inside(points: Points, outline: ArrayLike, frame: ArrayLike = ()) -> NDArray[np.int64]:
    """Return the rows of the atoms of a frame that lie within an outline (N, 2), row and column."""
    corners = np.asarray(outline, np.float64)
    there = (np.rint(points.data[:, :-2]) == np.rint(np.asarray(frame, np.float64))).all(axis=1)
    shown = np.flatnonzero(there)
    row, column = points.data[shown][:, -2:].T
    crossings = np.zeros(len(shown), np.int64)
    for (r0, c0), (r1, c1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if r0 != r1:
            between = (r0 > row) != (r1 > row)
            crossings += between & (column < (c1 - c0) * (row - r0) / (r1 - r0) + c0)
    return shown[crossings % 2 == 1]

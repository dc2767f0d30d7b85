"""Shapes that were taken away, and how they come back: napari has no undo for them. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Shapes

_MOST = 100

_Gone = tuple[np.ndarray, str, dict[str, Any]]


class Removed:
    """What was taken away from a Shapes layer, last first; by our button or by napari's own keys.

    Parameters
    ----------
    shapes : napari Shapes layer
        Pass its `data` events to `note`.
    """

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes
        self._gone: list[list[_Gone]] = []

    def __bool__(self) -> bool:
        return bool(self._gone)

    def note(self, event: Any) -> None:
        """Remember the shapes that an event says are about to be removed."""
        if str(getattr(event, "action", "")) != "removing":
            return
        shapes = self._shapes
        rows = [row for row in sorted(event.data_indices) if 0 <= row < len(shapes.data)]
        gone = [
            (np.array(shapes.data[row]), str(shapes.shape_type[row]), _features(shapes, row)) for row in rows
        ]
        if gone:
            self._gone = [*self._gone, gone][-_MOST:]

    def bring_back(self) -> int:
        """Put the shapes that were removed last behind the others; return how many they are."""
        if not self._gone:
            return 0
        gone = self._gone.pop()
        for data, form, features in gone:
            self._shapes.add(data, shape_type=form)
            columns = {name: np.array(self._shapes.features[name]) for name in self._shapes.features}
            for name, value in features.items():
                columns[name][-1] = value
            self._shapes.features = columns
        return len(gone)


def _features(shapes: Shapes, row: int) -> dict[str, Any]:
    return {name: shapes.features[name].iloc[row] for name in shapes.features if row < len(shapes.features)}

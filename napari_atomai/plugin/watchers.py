"""What happens to a layer, as Qt signals that end with their widget."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_atomai.plugin.connections import Connections

_MOVES = ("scale", "translate", "units", "rotate", "shear", "affine")


class ImageWatcher(QObject):
    """Tells what happens to one image layer at a time.

    Parameters
    ----------
    owner : QObject
        With it ends the watching.
    """

    moved = Signal()
    """Its calibration or place changed."""
    pixels_changed = Signal()
    renamed = Signal()

    def __init__(self, owner: QObject) -> None:
        super().__init__(owner)
        self.layer: Any = None
        self._connections = Connections(self)

    def watch(self, layer: Any) -> None:
        """Watch a layer instead of the last; None watches nothing."""
        self._connections.close()
        self.layer = layer
        if layer is None:
            return
        for name in _MOVES:
            self._connections.connect(getattr(layer.events, name), self._on_moved)
        self._connections.connect(layer.events.data, self._on_data)
        self._connections.connect(layer.events.name, self._on_name)

    def _on_moved(self, _event: Any = None) -> None:
        self.moved.emit()

    def _on_data(self, _event: Any = None) -> None:
        self.pixels_changed.emit()

    def _on_name(self, _event: Any = None) -> None:
        self.renamed.emit()


class PointsWatcher(QObject):
    """Tells what happens to one Points layer at a time, when its points and features agree.

    Parameters
    ----------
    owner : QObject
        With it ends the watching.
    """

    changed = Signal()
    selected = Signal(object)
    """The set of selected indices."""

    def __init__(self, owner: QObject) -> None:
        super().__init__(owner)
        self.points: Any = None
        self._connections = Connections(self)

    def watch(self, points: Any) -> None:
        """Watch a layer instead of the last; None watches nothing."""
        if points is self.points:
            return
        self._connections.close()
        self.points = points
        if points is not None:
            self._connections.connect(points.events.features, self._on_changed)
            self._connections.connect(points.events.data, self._on_data)
            self._connections.connect(points.selected_data.events.items_changed, self._on_selected)

    def _on_changed(self, _event: Any = None) -> None:
        if self.points is not None and len(self.points.features) == len(self.points.data):
            self.changed.emit()

    def _on_data(self, event: Any) -> None:
        # While data are replaced the features are still those of before: `features` comes after.
        if str(getattr(event, "action", "")) in {"changed", "removed"}:
            self._on_changed()

    def _on_selected(self, *_: Any) -> None:
        if self.points is not None:
            self.selected.emit(set(self.points.selected_data))

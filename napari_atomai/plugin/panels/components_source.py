"""Choose what windows are cut around: the atoms of a layer, atoms that are found first, or a grid."""

from __future__ import annotations

from typing import Any

from napari.layers import Points
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox

from napari_atomai.plugin import results
from napari_atomai.plugin.connections import Connections
from napari_atomai.plugin.layers import find_layer, notes_of, uid_of
from napari_atomai.plugin.panels.components_layers import LOADINGS

FOUND_FIRST, GRID = "atoms, found first", "on a grid"


class SourceBox(QComboBox):
    """A box with the viewer's layers of points, "found first", and "on a grid".

    Parameters
    ----------
    layers : napari LayerList
        The viewer's layers.
    """

    chosen = Signal()

    def __init__(self, layers: Any) -> None:
        super().__init__()
        self._layers = layers
        self.setToolTip("What windows are cut around")
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self._connections = Connections(self)
        for name in ("inserted", "removed", "renamed"):
            self._connections.connect(getattr(layers.events, name), self._on_layers)
        self._image = ""
        self._fill()
        self.currentIndexChanged.connect(lambda _index: self.chosen.emit())

    @property
    def is_grid(self) -> bool:
        """Whether windows lie on a grid."""
        return self.currentText() == GRID and self.currentData() is None

    def points(self) -> Any:
        """Return the chosen layer of points, or None."""
        uid = self.currentData()
        return next((one for one in self._points() if uid_of(one) == uid), None) if uid else None

    def of_image(self, uid: str) -> None:
        """Choose the atoms of another image, if there are any; a grid stays."""
        self._image = uid
        self._fill()

    def _points(self) -> list[Any]:
        return [
            layer
            for layer in self._layers
            if isinstance(layer, Points) and notes_of(layer).get("role") != LOADINGS
        ]

    def _on_layers(self, _event: Any = None) -> None:
        before = self.currentData(), self.currentText()
        self._fill()
        if (self.currentData(), self.currentText()) != before:
            self.chosen.emit()

    def _fill(self) -> None:
        before, grid = self.currentData(), self.is_grid
        own = find_layer(self._layers, results.ATOMS, self._image)
        with QSignalBlocker(self):
            self.clear()
            self.addItem(FOUND_FIRST)
            self.addItem(GRID)
            for layer in self._points():
                self.addItem(layer.name, uid_of(layer))
            wanted = before if before and self.findData(before) >= 0 and self._free(before) else None
            if wanted is None and own is not None and not grid:
                wanted = uid_of(own)
            self.setCurrentIndex(self.findData(wanted) if wanted else int(grid))

    def _free(self, uid: str) -> bool:
        """Whether a layer belongs to the chosen image, or to none."""
        layer = next(one for one in self._points() if uid_of(one) == uid)
        return notes_of(layer).get("parent_uid") in (None, self._image)

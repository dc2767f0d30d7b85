"""Choose an image layer: the list follows what is added, removed and renamed, by layer, not by name."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox

from napari_atomai.plugin.connections import Connections
from napari_atomai.plugin.layers import is_plain_image, uid_of


class ImagePicker(QComboBox):
    """A box with the viewer's images; results of ours are left out.

    Parameters
    ----------
    layers : napari LayerList
        The viewer's layers.
    """

    chosen = Signal(str)

    def __init__(self, layers: Any) -> None:
        super().__init__()
        self._layers = layers
        self._uid = ""
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self._connections = Connections(self)
        for name in ("inserted", "removed", "reordered", "renamed"):
            self._connections.connect(getattr(layers.events, name), self._refresh)
        self._refresh()
        self.currentIndexChanged.connect(self._on_index)

    @property
    def uid(self) -> str:
        """Uid of the chosen image; empty when there is none."""
        return self._uid

    def layer(self) -> Any:
        """Return the chosen image layer, or None."""
        return next((x for x in self._images() if uid_of(x) == self._uid), None)

    def choose(self, uid: str) -> None:
        """Choose an image."""
        index = self.findData(uid)
        if index >= 0:
            self.setCurrentIndex(index)
            self._on_index(index)

    def _images(self) -> list[Any]:
        return [layer for layer in self._layers if is_plain_image(layer)]

    def _refresh(self, _event: Any = None) -> None:
        images = self._images()
        with QSignalBlocker(self):
            self.clear()
            for layer in images:
                self.addItem(layer.name, uid_of(layer))
            index = self.findData(self._uid)
            self.setCurrentIndex(index if index >= 0 else self._seen(images))
        self._on_index(self.currentIndex())

    def _seen(self, images: list[Any]) -> int:
        """Which image the user looks at: the active one, else the topmost that is visible."""
        active = self._layers.selection.active
        seen = [i for i, layer in enumerate(images) if layer.visible]
        chosen = [i for i in seen if active is not None and images[i].unique_id == active.unique_id]
        return next(iter(chosen), seen[-1] if seen else len(images) - 1)

    def _on_index(self, index: int) -> None:
        uid = self.itemData(index) if index >= 0 else ""
        if uid != self._uid:
            self._uid = uid
            self.chosen.emit(uid)

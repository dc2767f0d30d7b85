"""Which pixels of an image are meant: what is painted in a Labels layer, or drawn in a Shapes layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels, Shapes
from numpy.typing import NDArray
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox

from napari_atomai.plugin.connections import Connections
from napari_atomai.plugin.layers import uid_of
from napari_atomai.plugin.shown import frame_shape

EVERYWHERE = "everywhere"


class MaskBox(QComboBox):
    """A box with "everywhere" and the viewer's Labels and Shapes layers.

    Parameters
    ----------
    layers : napari LayerList
        The viewer's layers.
    """

    def __init__(self, layers: Any) -> None:
        super().__init__()
        self._layers = layers
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(10)
        self._connections = Connections(self)
        for name in ("inserted", "removed", "renamed"):
            self._connections.connect(getattr(layers.events, name), self._fill)
        self._fill()

    def layer(self) -> Any:
        """Return the chosen layer, or None for everywhere."""
        uid = self.currentData()
        return next((one for one in self._layers if uid and uid_of(one) == uid), None)

    def mask(self, image: Any) -> NDArray[np.bool_] | None:
        """Return what is chosen as pixels of an image layer, shape (y, x); None for everywhere."""
        layer = self.layer()
        return None if layer is None else mask_on(layer, image)

    def _fill(self, _event: Any = None) -> None:
        chosen = self.currentData()
        with QSignalBlocker(self):
            self.clear()
            self.addItem(EVERYWHERE)
            for layer in self._layers:
                if isinstance(layer, Labels | Shapes):
                    self.addItem(layer.name, uid_of(layer))
            self.setCurrentIndex(max(0, self.findData(chosen)) if chosen else 0)


def mask_on(layer: Any, image: Any) -> NDArray[np.bool_]:
    """Return which pixels (y, x) of an image lie on painted labels or in drawn shapes, wherever both lie."""
    shape = frame_shape(image)
    if isinstance(layer, Labels):
        world = _to_world(image, np.indices(shape).reshape(2, -1).T)
        rows, columns = np.rint(_to_data(layer, world)).astype(int).T
        values = np.asarray(layer.data)
        painted = np.asarray(values.reshape(-1, *values.shape[-2:]).any(axis=0))
        inside = (rows >= 0) & (columns >= 0) & (rows < painted.shape[0]) & (columns < painted.shape[1])
        found = np.zeros(len(rows), bool)
        found[inside] = painted[rows[inside], columns[inside]]
        return found.reshape(shape)
    from napari_atomai.prepare.lessons import region_mask

    outlines = [_to_data(image, _to_world(layer, np.asarray(each)[:, -2:])) for each in layer.data]
    return np.asarray(region_mask(outlines, shape), bool) if outlines else np.zeros(shape, bool)


def _to_world(layer: Any, points: NDArray[Any]) -> NDArray[np.float64]:
    return points * np.asarray(layer.scale)[-2:] + np.asarray(layer.translate)[-2:]


def _to_data(layer: Any, points: NDArray[np.float64]) -> NDArray[np.float64]:
    return (points - np.asarray(layer.translate)[-2:]) / np.asarray(layer.scale)[-2:]

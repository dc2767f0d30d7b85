"""A second picture of the same place beside the window's own: what moves one moves the other."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image as ImageLayer
from napari.layers import Points
from napari.qt import QtViewer
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QLabel, QToolButton, QVBoxLayout, QWidget

from napari_atomai.plugin.canvas import delete_in_place
from napari_atomai.plugin.connections import Connections
from napari_atomai.plugin.layers import geometry_like
from napari_atomai.plugin.panels.widgets import row, timer

_CAMERA = ("center", "zoom")


class SecondView(QWidget):
    """Shows an image again, with other atoms, at the place and zoom of the viewer that it belongs to.

    Parameters
    ----------
    viewer : napari.Viewer
        Held weakly.
    title : str
        What is seen.
    """

    def __init__(self, viewer: Any, title: str) -> None:
        super().__init__()
        self._main = weakref.ref(getattr(viewer, "__wrapped__", viewer))
        self.model = ViewerModel()
        self._canvas: Any = QtViewer(self.model)
        delete_in_place(self._canvas)
        self.title = QLabel(title)
        self.title.setWordWrap(True)
        self.close_button = QToolButton()
        self.close_button.setText("×")
        self.close_button.setToolTip("Close this view")
        self.close_button.clicked.connect(self.close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row(self.title, self.close_button, grow=self.title))
        layout.addWidget(self._canvas, stretch=1)
        self.closed = self._busy = False
        self._connections = Connections(self)
        for name in _CAMERA:
            self._connections.connect(getattr(viewer.scene.camera.events, name), self._from_main)
            self._connections.connect(getattr(self.model.scene.camera.events, name), self._to_main)
        self._connections.connect(viewer.dims.events.current_step, self._from_main)
        # The canvas fits its picture when it is shown first: the place of the window is taken after that.
        self._settle = timer(self, 50, self._from_main)

    def show_image(self, image: Any) -> None:
        """Show the image of a layer; it shares the pixels."""
        look: dict[str, Any] = {"colormap": image.colormap, "contrast_limits": tuple(image.contrast_limits)}
        place = geometry_like(image)
        look["blending"] = "translucent_no_depth"  # else it covers the atoms
        made = ImageLayer(image.data, rgb=image.rgb, gamma=image.gamma, **look, **place)
        with self._alone():  # a view fits its first picture: the other must not jump
            self.model.layers.clear()
            self.model.layers.append(made)
        self._settle.start()

    def show_atoms(self, data: Any, like: Points) -> None:
        """Show atoms, in pixels, drawn like those of a layer."""
        sizes = np.asarray(like.size).reshape(-1)
        made = Points(
            data,
            ndim=like.ndim,
            size=float(sizes[0]) if sizes.size else float(like.current_size),
            face_color="transparent",
            border_color="#56B4E9",
            border_width=0.1,
            border_width_is_relative=True,
            **geometry_like(like),
        )
        self.model.layers.append(made)
        self._settle.start()

    def _from_main(self, _event: Any = None) -> None:
        main = self._main()
        if main is not None and self.isVisible():
            with self._alone() as free:
                if free:
                    _take(main, self.model)

    def _to_main(self, _event: Any = None) -> None:
        main = self._main()
        if main is not None and self.isVisible():
            with self._alone() as free:
                if free:
                    _take(self.model, main)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[bool]:
        """Give True unless one view is following the other just now."""
        free, self._busy = not self._busy, True
        try:
            yield free
        finally:
            self._busy = not free

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Give the canvas back."""
        self.closed = True
        self._connections.close()
        self._settle.stop()
        self._canvas.close()
        super().closeEvent(event)


def _take(source: Any, target: Any) -> None:
    """Bring a view to the place of another, and to its frame."""
    for name in _CAMERA:
        setattr(target.scene.camera, name, getattr(source.scene.camera, name))
    ahead = source.dims.ndim - 2
    if ahead > 0 and target.dims.ndim == source.dims.ndim:
        target.dims.current_step = source.dims.current_step

"""The FFT panel: the Fourier transform of an image or of a region, with lattice spacings under the mouse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QFileDialog, QVBoxLayout

from napari_atomai.errors import BadImage
from napari_atomai.files.tables import table_text, write_table
from napari_atomai.plugin import region
from napari_atomai.plugin.attached import attached
from napari_atomai.plugin.canvas import delete_in_place, of_window
from napari_atomai.plugin.connections import Connections
from napari_atomai.plugin.latest import Latest
from napari_atomai.plugin.layers import pixel_size_nm
from napari_atomai.plugin.messages import explain
from napari_atomai.plugin.panels.fourier_layout import FourierForm, in_angstrom, spot_in_words
from napari_atomai.plugin.panels.fourier_view import Picture, reduced
from napari_atomai.plugin.panels.panel import Panel
from napari_atomai.plugin.panels.table import AtomsTable
from napari_atomai.plugin.panels.widgets import scrolled
from napari_atomai.plugin.shown import Box, frame_getter, frame_shape, shown_frame
from napari_atomai.plugin.slots import worded
from napari_atomai.stat.spots import Spot, extent_of_spots, spot_near

if TYPE_CHECKING:
    import napari

_EVERY = 60
"""Milliseconds between two transforms while the region is dragged."""
_MOST = 4096
"""Pixels a side: of larger images the middle is transformed, as that is as sharp as a screen can show."""
_REACH = 7.0
"""Points of the screen within which a click finds a spot."""
_LEAST_BINS = 2.0


class FourierPanel(Panel):
    """Fourier transform of an image layer, with the lattice spacings its spots stand for.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer whose images are transformed.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:  # napari injects by this name
        super().__init__("FFT")
        self.viewer = viewer
        delete_in_place(of_window(viewer))  # it draws layers of its own
        self.form = FourierForm(viewer.layers)
        self.table = AtomsTable()
        self.form.table.setModel(self.table)
        self.form.view.canvas.follow(viewer)
        self.spots: list[Spot] = []
        self._shapes: Any = None
        self._asked: Any = None
        self._work = Latest(self, "Fourier transform")
        self._image_events, self._shape_events = Connections(self), Connections(self)
        self._viewer_events = Connections(self)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_EVERY)
        self._timer.timeout.connect(self.refresh)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scrolled(self.form))
        self._wire()
        self._on_image()

    def _wire(self) -> None:
        form = self.form
        form.picker.chosen.connect(self._on_image)
        form.region.toggled.connect(self._on_region)
        form.log.toggled.connect(self._draw)
        form.low.valueChanged.connect(self._draw)
        form.high.valueChanged.connect(self._draw)
        form.view.pointed.connect(self._on_pointed)
        form.view.clicked.connect(self.pin)
        form.delete_button.clicked.connect(self._on_delete)
        form.copy_button.clicked.connect(self._on_copy)
        form.export_button.clicked.connect(self._on_export)
        self._work.succeeded.connect(self._on_picture)
        self._work.failed.connect(self._on_failed)
        self._viewer_events.connect(self.viewer.dims.events.current_step, self._later)
        self._viewer_events.connect(self.viewer.layers.events.removed, self._on_removed)

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line."""
        self.form.say(sentence)

    # --- what the user does ---

    @worded("pinning a spot")
    def pin(self, near: Spot) -> None:
        """Pin the strongest spot near a frequency."""
        picture = self.form.view.picture
        if picture is None:
            return
        rows, columns = self.form.view.bins_per_point()
        reach = (max(_LEAST_BINS, _REACH * rows), max(_LEAST_BINS, _REACH * columns))
        self.spots = [*self.spots, spot_near(picture.power, near, reach)]
        self._show_spots()

    @worded("deleting spots")
    def _on_delete(self, _checked: bool = False) -> None:
        rows = [index.row() for index in self.form.table.selectionModel().selectedRows()]
        gone = set(self.table.atoms(rows)) or set(range(len(self.spots)))
        self.spots = [spot for i, spot in enumerate(self.spots) if i not in gone]
        self._show_spots()

    @worded("copying the spots")
    def _on_copy(self, _checked: bool = False) -> None:
        QApplication.clipboard().setText(table_text(self._columns()).replace(",", "\t"))
        self.form.status.say_done(f"{len(self.spots)} spots copied.", self.spots)

    def export(self, path: Path) -> None:
        """Write the table of spots to a CSV file."""
        write_table(self._columns(), path)
        self.form.status.say_done(f"Written to {path}.", self.spots)

    @worded("exporting the spots")
    def _on_export(self, _checked: bool = False) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Export", "spots.csv", "Tables (*.csv)")
        if path:
            self.export(Path(path))

    @worded("choosing a region")
    def _on_region(self, on: bool) -> None:
        image = self.form.picker.layer()
        self._shape_events.close()
        if self._shapes is not None and self._shapes in self.viewer.layers:
            self._shapes.visible = on
        self._shapes = None
        if on and image is not None:
            shapes = self._shapes = region.region_for(self.viewer.layers, image)
            shapes.visible = True
            self.viewer.layers.selection.active = shapes
            shapes.mode = "select"
            shapes.selected_data = {len(shapes.data) - 1}
            for emitter in (shapes.events.data, shapes.events.set_data):
                self._shape_events.connect(emitter, self._later)
        self.refresh()

    # --- what happens ---

    @worded("choosing an image")
    def _on_image(self, _uid: str = "") -> None:
        image = self.form.picker.layer()
        self._image_events.close()
        self._shape_events.close()
        self._work.drop()
        self._asked, self._shapes, self.spots = None, None, []
        self.form.view.clear()
        if image is not None:
            self._image_events.connect(image.events.data, self._on_pixels)
            for name in ("scale", "units"):
                self._image_events.connect(getattr(image.events, name), self._later)
        known = None if image is None else attached(self.viewer.layers, region.ROLE, image)
        on = known is not None and known.visible
        if on != self.form.region.isChecked():
            self.form.region.setChecked(on)
        elif on:
            self._on_region(True)
        self._show_spots()
        self.refresh()

    @worded("choosing a region")
    def _on_removed(self, event: Any) -> None:
        if event.value is self._shapes:
            self.form.region.setChecked(False)

    def _on_pixels(self, _event: Any = None) -> None:
        self._asked = None
        self._later()

    def _later(self, *_: Any) -> None:
        if not self._timer.isActive():
            self._timer.start()

    @worded("transforming the image")
    def refresh(self) -> None:
        """Transform what is shown now, if that is not what was transformed last."""
        image = self.form.picker.layer()
        self.form.show_possible(image=image is not None, spots=bool(self.spots))
        if image is None:
            self.say("There is no image to transform: open one first.")
            return
        box, size = self._box(image), pixel_size_nm(image)
        if box is None:
            self.say("The region is too small: draw it larger.")
            return
        key = (image.unique_id, shown_frame(self.viewer, image), box, size)
        if key != self._asked:
            self._asked = key
            self._work.ask(_transforming(frame_getter(self.viewer, image), box, size))

    def _box(self, image: Any) -> Box | None:
        if self._shapes is not None:
            box = region.box_of(self._shapes, image)
            return None if box is None else _middle(box)
        return _middle((0, 0, *frame_shape(image)))

    @worded("showing the transform")
    def _on_picture(self, picture: Picture) -> None:
        self._draw_picture(picture)
        image = self.form.picker.layer()
        self.say("" if image is None else _caption(picture, frame_shape(image)))

    @worded("showing the transform")
    def _draw(self, *_: Any) -> None:
        if self.form.view.picture is not None:
            self._draw_picture(self.form.view.picture)

    def _draw_picture(self, picture: Picture) -> None:
        self.form.view.show_picture(
            picture, log=self.form.log.isChecked(), percentiles=self.form.percentiles()
        )
        self._show_spots()

    def _on_failed(self, error: BaseException) -> None:
        self.form.view.clear()
        self.say(explain(error, "transforming the image").text)

    def _on_pointed(self, spot: Spot | None) -> None:
        picture = self.form.view.picture
        text = "Point at a spot to read its spacing; click to pin it."
        if spot is not None and picture is not None:
            text = spot_in_words(spot, picture.size)
        self.form.under_mouse.setText(text)

    def _size(self) -> tuple[float, float] | None:
        picture = self.form.view.picture
        return None if picture is None else picture.size

    def _columns(self) -> dict[str, Any]:
        size, spots = self._size(), self.spots
        unit = "px" if size is None else "nm"
        return {
            "spot": np.arange(1, len(spots) + 1),
            f"d {unit}": np.array([spot.spacing(size) for spot in spots]),
            f"1/d 1/{unit}": np.array([spot.frequency(size) for spot in spots]),
            "angle °": np.array([spot.degrees(size) for spot in spots]),
            "to first °": np.array([spot.angle_to(spots[0], size) for spot in spots]),
        }

    @worded("showing the spots")
    def _show_spots(self) -> None:
        columns = self._columns() if self.spots else {}
        self.table.set_columns(in_angstrom(columns), {})
        self.form.table.resizeColumnsToContents()
        self.form.show_possible(image=self.form.picker.layer() is not None, spots=bool(self.spots))
        self.form.view.show_spots(self.spots)
        self.form.status.keep_for(self.spots)


def _middle(box: Box) -> Box:
    top, left, bottom, right = box
    rows, columns = min(bottom - top, _MOST), min(right - left, _MOST)
    top, left = top + (bottom - top - rows) // 2, left + (right - left - columns) // 2
    return top, left, top + rows, left + columns


def _transforming(
    get: Callable[[], Any], box: Box, size: tuple[float, float] | None
) -> Callable[[], Picture]:
    def compute() -> Picture:
        from napari_atomai.stat.fourier import power_spectrum

        part = np.asarray(get()[box[0] : box[2], box[1] : box[3]], dtype=np.float64)
        finite = np.isfinite(part)
        if not finite.any():
            raise BadImage("The image has no pixel here that is a number.", remedy="Choose another region.")
        power = power_spectrum(np.where(finite, part, part[finite].mean()))
        return Picture(power, reduced(power), box, size, extent_of_spots(power))

    return compute


def _caption(picture: Picture, shape: tuple[int, int]) -> str:
    parts, (top, left, bottom, right) = [], picture.box
    if picture.box != (0, 0, *shape):
        parts.append(f"Of {bottom - top} × {right - left} pixels from row {top}, column {left}.")
    if picture.size is None:
        parts.append("The image has no pixel size: lengths are in pixels.")
    return " ".join(parts)

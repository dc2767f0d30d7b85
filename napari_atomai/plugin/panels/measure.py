"""The Measure panel: distances, angles and line profiles, drawn on an image and read in nm."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog, QPushButton, QVBoxLayout, QWidget

from napari_atomai.files.tables import write_table
from napari_atomai.plugin import measurements
from napari_atomai.plugin.attached import attached
from napari_atomai.plugin.canvas import delete_in_place, of_window
from napari_atomai.plugin.connections import Connections
from napari_atomai.plugin.latest import Latest
from napari_atomai.plugin.layers import notes_of, pixel_size_nm
from napari_atomai.plugin.measurements import ANGLE, PROFILE, Measurement
from napari_atomai.plugin.messages import explain
from napari_atomai.plugin.panels.measure_layout import MeasureForm
from napari_atomai.plugin.panels.measure_table import MeasureTable
from napari_atomai.plugin.panels.panel import Panel
from napari_atomai.plugin.panels.profile_plot import ProfilePlot, readings
from napari_atomai.plugin.panels.widgets import scrolled
from napari_atomai.plugin.removed import Removed
from napari_atomai.plugin.shown import frame_getter, shown_frame
from napari_atomai.plugin.slots import worded
from napari_atomai.stat.profiles import Profile, line_profile

if TYPE_CHECKING:
    import napari

_EVERY = 40
"""Milliseconds between two measurements while a line is dragged."""
_HINT = "Choose a tool and draw on the image."
_NO_IMAGE = "There is no image to measure: open one first."
_IN_3D = "In 3D nothing can be drawn: go back to 2D with the button below the list of layers."
_DRAWING = "add_"


class MeasurePanel(Panel):
    """Measure distances, angles and line profiles on an image layer.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer whose images are measured.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:  # napari injects by this name
        super().__init__("Measure")
        self.viewer = viewer
        delete_in_place(of_window(viewer))  # it draws layers of its own
        self.form = MeasureForm(viewer.layers)
        self.plot = ProfilePlot()
        self.plot.canvas.follow(viewer)
        self.table = MeasureTable(self.form.table)
        self.save_button = QPushButton("Export profile ...")
        self.save_button.setToolTip("Write the plotted profile to a CSV file: distance and value")
        self._shapes: Any = None
        self._removed: Removed | None = None
        self._measured: list[Measurement] = []
        self._tool = ""
        self._asked: Any = None
        self._busy = False
        self._work = Latest(self, "Line profile")
        self._image_events, self._shape_events = Connections(self), Connections(self)
        self._viewer_events = Connections(self)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_EVERY)
        self._timer.timeout.connect(self.refresh)
        self._arrange()
        self._wire()
        self._on_image()

    def _arrange(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(8, 8, 8, 8)
        column.addWidget(self.form)
        column.addWidget(self.plot, stretch=1)
        column.addWidget(self.save_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scrolled(inside))

    def _wire(self) -> None:
        form = self.form
        form.picker.chosen.connect(self._on_image)
        form.tool_chosen.connect(self.take)
        form.width_px.valueChanged.connect(self._on_width)
        form.delete_button.clicked.connect(self.delete_selected)
        form.undo_button.clicked.connect(self.undo_delete)
        form.export_button.clicked.connect(self._on_export)
        self.table.chosen.connect(self._on_rows)
        self.save_button.clicked.connect(self._on_save)
        self._work.succeeded.connect(self._on_profile)
        self._work.failed.connect(self._on_failed)
        self._viewer_events.connect(self.viewer.dims.events.current_step, self._later)
        for name in ("inserted", "removed"):
            self._viewer_events.connect(getattr(self.viewer.layers.events, name), self._on_layers)

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line."""
        self.form.status.say(sentence)

    # --- what the user does ---

    @worded("choosing a tool")
    def take(self, kind: str) -> None:
        """Take a tool in hand: "profile", "distance" or "angle"; an empty name puts it away."""
        image = self.form.picker.layer()
        if image is None or self.viewer.dims.ndisplay > 2:
            self.form.show_tool("")
            self.say(_NO_IMAGE if image is None else _IN_3D)
            return
        if not kind:
            if self._shapes is not None:
                self._shapes.mode = "select"
            return
        shapes = measurements.layer_for(self.viewer.layers, image)
        self._watch(shapes)
        self._tool = ""  # no shape that napari ends now is of the new kind
        shapes.mode = "pan_zoom"
        self._tool = kind
        shapes.visible = True
        self.viewer.layers.selection.active = shapes
        shapes.mode = measurements.MODES[kind]
        self.form.show_tool(kind)
        self.say(_doing(kind))

    @worded("deleting a measurement")
    def delete_selected(self, _checked: bool = False) -> None:
        """Take away the measurements that are selected."""
        if self._shapes is not None:
            self._shapes.remove_selected()

    @worded("bringing back a measurement")
    def undo_delete(self, _checked: bool = False) -> None:
        """Bring back what was deleted last."""
        if self._removed is not None:
            self._removed.bring_back()
            self.refresh()

    def export(self, path: Path) -> None:
        """Write all measurements of the image to a CSV file."""
        write_table(measurements.columns_of(self._measured), path)
        self.form.status.say_done(f"Written to {path}.", self._about())

    def export_profile(self, path: Path) -> None:
        """Write the profile that is plotted to a CSV file."""
        profile = self.plot.profile
        if profile is not None:
            unit = "nm" if profile.unit == "nm" else "px"
            name = _quantity(self.form.picker.layer())
            write_table({f"distance_{unit}": profile.distance, name: profile.values}, path)
            self.form.status.say_done(f"Written to {path}.", self._about())

    @worded("exporting the measurements")
    def _on_export(self, _checked: bool = False) -> None:
        path = self._ask_path("measurements.csv")
        if path is not None:
            self.export(path)

    @worded("exporting the profile")
    def _on_save(self, _checked: bool = False) -> None:
        path = self._ask_path("profile.csv")
        if path is not None:
            self.export_profile(path)

    def _ask_path(self, name: str) -> Path | None:
        path, _ = QFileDialog.getSaveFileName(self, "Export", name, "Tables (*.csv)")
        return Path(path) if path else None

    @worded("changing the width")
    def _on_width(self, width: float) -> None:
        chosen = self._chosen()
        if chosen is not None and self._shapes is not None:
            measurements.set_width(self._shapes, chosen.number, width)
        self.refresh()

    @worded("selecting a measurement")
    def _on_rows(self, numbers: set[int]) -> None:
        if self._busy or self._shapes is None:
            return
        self._busy = True
        try:
            self._shapes.selected_data = numbers
        finally:
            self._busy = False
        self.refresh()

    # --- what happens ---

    @worded("choosing an image")
    def _on_image(self, _uid: str = "") -> None:
        image = self.form.picker.layer()
        self._image_events.close()
        self._work.drop()
        self._asked, self._tool = None, ""
        self.plot.clear()
        if image is not None:
            self._image_events.connect(image.events.data, self._on_pixels)
            for name in ("scale", "units"):
                self._image_events.connect(getattr(image.events, name), self._later)
        self._watch(None if image is None else attached(self.viewer.layers, measurements.ROLE, image))
        self.say(_HINT if image is not None else _NO_IMAGE)

    def _watch(self, shapes: Any) -> None:
        if shapes is not None and shapes is self._shapes:
            return
        self._shape_events.close()
        self._shapes, self._removed = shapes, None
        if shapes is not None:
            self._removed = Removed(shapes)
            events = shapes.events
            self._shape_events.connect(events.data, self._on_data)
            self._shape_events.connect(events.mode, self._on_mode)
            chosen = shapes.selected_data.events.items_changed
            for emitter in (events.set_data, events.scale, events.units, chosen):
                self._shape_events.connect(emitter, self._later)
        self.form.show_tool("")
        self.refresh()

    @worded("measuring")
    def _on_layers(self, _event: Any = None) -> None:
        image = self.form.picker.layer()
        self._watch(None if image is None else attached(self.viewer.layers, measurements.ROLE, image))

    @worded("measuring")
    def _on_data(self, event: Any) -> None:
        if self._removed is not None:
            self._removed.note(event)
        if str(getattr(event, "action", "")) == "adding" and self._tool:
            measurements.prepare_next(self._shapes, self._tool, self.form.width_px.value())
        self._later()

    @worded("choosing a tool")
    def _on_mode(self, _event: Any = None) -> None:
        if self._tool and not str(self._shapes.mode).startswith(_DRAWING):
            self._tool = ""
            self.form.show_tool("")
            self.say(_HINT)

    def _on_pixels(self, _event: Any = None) -> None:
        self._asked = None
        self.form.status.keep_for(None)
        self._later()

    def _later(self, *_: Any) -> None:
        if not self._busy and not self._timer.isActive():
            self._timer.start()

    @worded("measuring")
    def refresh(self) -> None:
        """Measure anew, and show it in the table, on the image and in the plot."""
        if self._busy:
            return
        self._busy = True
        try:
            self._measured = [] if self._shapes is None else measurements.measurements_of(self._shapes)
            image = self.form.picker.layer()
            if self._shapes is not None and image is not None:
                self._end_angle()
                measurements.label(self._shapes, self._measured, measurements.line_width(image))
            self.table.fill(self._measured, self._selected())
            self.form.show_possible(
                image=image is not None,
                selected=bool(self._selected()),
                removed=bool(self._removed),
                measured=bool(self._measured),
            )
            self._show_chosen(image)
            self.form.status.keep_for(self._about())
        finally:
            self._busy = False

    def _about(self) -> Any:
        """Return what is measured now, to be compared."""
        drawn = [(one.kind, one.points.tolist(), one.label, str(one.width_px)) for one in self._measured]
        return drawn, self._selected(), self._asked

    def _end_angle(self) -> None:
        """End an angle at its third point; napari itself would wait for a double click."""
        last = self._measured[-1] if self._measured else None
        drawing = self._tool == ANGLE and last is not None and len(last.points) > 3
        if drawing and last is not None and last.number in self._shapes.selected_data:
            data = [np.array(one) for one in self._shapes.data]
            data[last.number] = data[last.number][:3]
            self._shapes.mode = "select"
            self._shapes.data = data
            self._measured = measurements.measurements_of(self._shapes)

    def _chosen(self) -> Measurement | None:
        """Return the selected profile, else the last one."""
        lines = [one for one in self._measured if one.kind == PROFILE]
        selected = self._selected()
        return next((one for one in lines if one.number in selected), lines[-1] if lines else None)

    def _selected(self) -> set[int]:
        return set() if self._shapes is None else {int(i) for i in self._shapes.selected_data}

    def _show_chosen(self, image: Any) -> None:
        chosen = self._chosen()
        self.save_button.setEnabled(chosen is not None)
        if chosen is None or image is None:
            self._work.drop()
            if self._asked is not None or self.plot.profile is not None:
                self._asked = None
                self.plot.clear()
            self.form.show_width(self.form.width_px.value(), "")
            return
        in_nm = f"= {measurements.in_words(chosen.width)} nm" if chosen.unit == "nm" else ""
        self.form.show_width(chosen.width_px, in_nm)
        size, frame = pixel_size_nm(image), shown_frame(self.viewer, image)
        start, end = chosen.points
        key = (image.unique_id, frame, chosen.points.tolist(), chosen.width_px, size)
        if key != self._asked and (start != end).any():
            self._asked = key
            get, width = frame_getter(self.viewer, image), chosen.width_px

            def compute() -> tuple[Profile, str]:
                profile = line_profile(get(), start, end, width, size)
                return profile, readings(profile)

            self._work.ask(compute)

    @worded("showing the profile")
    def _on_profile(self, outcome: tuple[Profile, str]) -> None:
        self.plot.show_profile(*outcome, _quantity(self.form.picker.layer()))

    def _on_failed(self, error: BaseException) -> None:
        self.plot.clear()
        self.plot.say(explain(error, "measuring the profile").text)


def _doing(kind: str) -> str:
    if kind == ANGLE:
        return "Click three points on the image; the angle is that at the second."
    return "Press on the image, drag to the other end and release."


def _quantity(image: Any) -> str:
    notes = {} if image is None else notes_of(image)
    quantity, unit = str(notes.get("quantity") or "intensity"), str(notes.get("value_unit") or "")
    return f"{quantity} ({unit})" if unit else quantity

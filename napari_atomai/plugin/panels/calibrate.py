"""The Calibrate panel: give an image its pixel size by a line, by a lattice or by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QVBoxLayout

from napari_atomai.data.recipe import Calibration
from napari_atomai.errors import AtomAIError, BadOption
from napari_atomai.plugin import calibration
from napari_atomai.plugin.attached import attached
from napari_atomai.plugin.calibration_words import (
    came_from,
    field_in_words,
    proposal_in_words,
    size_in_words,
)
from napari_atomai.plugin.connections import Connections
from napari_atomai.plugin.kept_view import kept_view
from napari_atomai.plugin.latest import Latest
from napari_atomai.plugin.layers import pixel_size_nm, without_unit
from napari_atomai.plugin.messages import explain
from napari_atomai.plugin.panels.calibrate_layout import LATTICE, LINE, CalibrateForm
from napari_atomai.plugin.panels.panel import Panel
from napari_atomai.plugin.panels.widgets import scrolled
from napari_atomai.plugin.session import session_of
from napari_atomai.plugin.shown import frame_getter
from napari_atomai.plugin.slots import worded

if TYPE_CHECKING:
    import napari

    from napari_atomai.stat.fourier import LatticePeak

_MOST_PIXELS = 2048
"""Of a larger image its middle, so many rows and columns, is looked at for a lattice."""
_NEAR = 0.2
"""Planes are taken for those that were typed when they are not further off, relative to the distance."""
_NO_IMAGE = "There is no image to calibrate: open one first."
_IN_3D = "In 3D no line can be drawn: go back to 2D with the button below the list of layers."
_NO_PEAK = "No lattice planes stand out: choose another frame or image, or draw a line."
_DISTORTED = "Where equivalent planes differ, the scan is distorted by as much."
_MOVES = ("scale", "translate", "units")


class CalibratePanel(Panel):
    """Give an image layer its pixel size, and with it every layer that belongs to it.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer whose images are calibrated.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:  # napari injects by this name
        super().__init__("Calibrate")
        self.viewer = viewer
        self.session = session_of(viewer)
        self.form = CalibrateForm(viewer.layers)
        self._peaks: list[LatticePeak] = []
        self._shapes: Any = None
        self._work = Latest(self, "Find lattice planes")
        self._image_events, self._shape_events = Connections(self), Connections(self)
        self._viewer_events = Connections(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scrolled(self.form))
        self._wire()
        self._on_image()

    def _wire(self) -> None:
        form = self.form
        form.picker.chosen.connect(self._on_image)
        form.changed.connect(self.refresh)
        form.spacing.textEdited.connect(self._on_spacing)
        form.spacing_unit.currentTextChanged.connect(self._on_spacing)
        form.draw_button.clicked.connect(self.draw)
        form.find_button.clicked.connect(self.find)
        form.apply_button.clicked.connect(self.apply)
        form.undo_button.clicked.connect(self.undo)
        form.redo_button.clicked.connect(self.redo)
        for edit in (form.length, form.spacing, form.rows, form.columns):
            edit.returnPressed.connect(self.apply)
        self._work.succeeded.connect(self._on_found)
        self._work.failed.connect(self._on_failed)
        for name in ("inserted", "removed"):
            self._viewer_events.connect(getattr(self.viewer.layers.events, name), self._on_layers)

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line."""
        self.form.status.say(sentence)

    # --- what the user does ---

    @worded("drawing a line")
    def draw(self, drawing: bool = True) -> None:
        """Take the tool in hand that draws the line of known length, or put it away."""
        image = self.form.picker.layer()
        if image is None or self.viewer.dims.ndisplay > 2:
            self.form.show_drawing(False)
            self.say(_NO_IMAGE if image is None else _IN_3D)
            return
        if not drawing:
            if self._shapes is not None:
                self._shapes.mode = "pan_zoom"
            return
        shapes = calibration.line_layer(self.viewer.layers, image)
        self._watch(shapes)
        shapes.visible = True
        self.viewer.layers.selection.active = shapes
        shapes.mode = "add_line"
        self.say("Press, drag and release along something whose length you know.")

    @worded("looking for lattice planes")
    def find(self, _checked: bool = False) -> None:
        """Look for lattice planes in the frame that is shown."""
        image = self.form.picker.layer()
        if image is None:
            self.say(_NO_IMAGE)
            return
        self._show_peaks([])
        self._work.ask(_finding(frame_getter(self.viewer, image)))
        self.say("Looking for lattice planes ...")

    @worded("calibrating")
    def apply(self, _checked: bool = False) -> None:
        """Give the image the pixel size that the chosen method makes out."""
        image = self.form.picker.layer()
        if image is None:
            self.say(_NO_IMAGE)
            return
        how = self._proposed(image)
        self._change(image, lambda: calibration.apply(self.viewer.layers, image, how))
        size = size_in_words(image)
        self.form.status.say_done(f"{image.name!r}: {size}, with every layer that belongs to it.", size)

    @worded("undoing")
    def undo(self, _checked: bool = False) -> None:
        """Go back to the pixel size that the image had before."""
        self._go(calibration.undo, "Undone")

    @worded("redoing")
    def redo(self, _checked: bool = False) -> None:
        """Take back the last undo."""
        self._go(calibration.redo, "Redone")

    def _go(self, step: Callable[[Any, Any], None], done: str) -> None:
        image = self.form.picker.layer()
        if image is not None:
            self._change(image, lambda: step(self.viewer.layers, image))
            size = size_in_words(image)
            self.form.status.say_done(f"{done}: {size}.", size)

    def _change(self, image: Any, change: Callable[[], None]) -> None:
        with kept_view(self.viewer, image):
            change()
        self.session.follow(self.form.picker.uid)
        self._show_peaks(self._peaks, self.form.peak)
        self.refresh()

    def _proposed(self, image: Any) -> Calibration:
        """Work out the pixel size of the chosen method; what is missing is said as an error."""
        form, method = self.form, self.form.tabs.currentIndex()
        if method == LINE:
            calibration.line_px(self.viewer.layers, image)  # the line comes first, and is missed first
            length = calibration.in_nm(form.length.text(), form.length_unit.currentText(), "The length")
            return calibration.by_line(self.viewer.layers, image, length)
        if method == LATTICE:
            unit = form.spacing_unit.currentText()
            spacing = calibration.in_nm(form.spacing.text(), unit, "The distance of planes")
            return calibration.by_lattice(image, self._peak(), spacing)
        rows = calibration.number_of(form.rows.text(), "The height of a pixel")
        columns = form.columns.text().strip()
        return calibration.by_typing(
            image, (rows, calibration.number_of(columns, "The width of a pixel") if columns else rows)
        )

    def _peak(self) -> LatticePeak:
        if not self._peaks:
            raise BadOption("No lattice planes were found yet.", remedy="Press Find in FFT.")
        if self.form.peak < 0:
            raise BadOption("None of the lattice planes is chosen.", remedy="Click those you know.")
        return self._peaks[self.form.peak]

    # --- what happens ---

    def _on_image(self, _uid: str = "") -> None:
        self._image_events.close()
        self._work.drop()
        self._show_peaks([])
        image = self.form.picker.layer()
        if image is not None:
            for name in _MOVES:
                self._image_events.connect(getattr(image.events, name), self.refresh)
            self._image_events.connect(image.events.data, self._on_pixels)
        self._find_shapes()
        self.say("" if image is not None else _NO_IMAGE)
        self.refresh()

    def _on_pixels(self, _event: Any = None) -> None:
        self._work.drop()
        self._show_peaks([])  # they are those of other pixels
        self.refresh()

    @worded("looking at the layers")
    def _on_layers(self, _event: Any = None) -> None:
        self._find_shapes()
        self.refresh()

    def _find_shapes(self) -> None:
        image = self.form.picker.layer()
        self._watch(None if image is None else attached(self.viewer.layers, calibration.LINE, image))

    def _watch(self, shapes: Any) -> None:
        if shapes is self._shapes:
            return
        if self._shapes is not None and self._shapes.mode == "add_line":
            self._shapes.mode = "pan_zoom"  # what is drawn next is not for that image
        self._shape_events.close()
        self._shapes = shapes
        if shapes is not None:
            chosen = shapes.selected_data.events.items_changed
            for emitter in (shapes.events.data, shapes.events.set_data, chosen):
                self._shape_events.connect(emitter, self.refresh)
            self._shape_events.connect(shapes.events.mode, self._on_mode)
        self._on_mode()

    def _on_mode(self, _event: Any = None) -> None:
        self.form.show_drawing(self._shapes is not None and str(self._shapes.mode) == "add_line")

    def _on_found(self, peaks: list[LatticePeak]) -> None:
        self._show_peaks(peaks)
        count = f"{len(peaks)} set{'' if len(peaks) == 1 else 's'} of lattice planes"
        self.say(f"{count}: choose those whose distance you know. {_DISTORTED}" if peaks else _NO_PEAK)
        self.refresh()

    def _on_failed(self, error: BaseException) -> None:
        self.say(explain(error, "looking for lattice planes").text)

    # --- what is shown ---

    @worded("showing the calibration")
    def refresh(self, _event: Any = None) -> None:
        """Show the calibration of the image, and what Apply would make of it."""
        form, image = self.form, self.form.picker.layer()
        if image is None:
            form.show_state("", "", "", calibrated=True)
            form.preview.setText("")
            form.show_possible(image=False, ready=False, undo=False, redo=False)
            return
        calibrated = pixel_size_nm(image) is not None
        origin = " ".join(x for x in (came_from(image), without_unit(self.viewer.layers)) if x)
        form.show_state(size_in_words(image), field_in_words(image), origin, calibrated=calibrated)
        form.status.keep_for(size_in_words(image))
        form.line_length.setText(self._line_in_words(image))
        try:
            text, ready = proposal_in_words(self._proposed(image)), True
        except AtomAIError as error:
            text, ready = str(error), False
        form.preview.setText(text)
        undo, redo = calibration.can_undo(image), calibration.can_redo(image)
        form.show_possible(image=True, ready=ready, undo=undo, redo=redo)

    def _line_in_words(self, image: Any) -> str:
        try:
            return f"{calibration.line_px(self.viewer.layers, image):.2f} px"
        except BadOption:
            return "no line yet"

    def _show_peaks(self, peaks: list[LatticePeak], chosen: int | None = None) -> None:
        self._peaks = peaks
        image = self.form.picker.layer()
        if image is None or not peaks:
            self.form.show_peaks([], -1)
            return
        ratio, size = calibration.pixel_ratio(image), pixel_size_nm(image)
        now = [np.nan if size is None else peak.spot.spacing(size) for peak in peaks]
        rows = [
            (
                f"{peak.spot.spacing((ratio, 1.0)):.2f}",
                "" if size is None else f"{d:.4f}",
                f"{peak.spot.degrees((ratio, 1.0)):.1f}",
                f"{peak.strength:.0f}",
            )
            for peak, d in zip(peaks, now, strict=True)
        ]
        self.form.show_peaks(rows, self._likely(np.array(now)) if chosen is None else chosen)

    @worded("choosing lattice planes")
    def _on_spacing(self, _text: str = "") -> None:
        self._show_peaks(self._peaks)
        self.refresh()

    def _likely(self, now: Any) -> int:
        """Which of the planes are those that were typed, by the pixel size as it is; else the strongest."""
        form = self.form
        try:
            unit = form.spacing_unit.currentText()
            off = np.abs(now / calibration.in_nm(form.spacing.text(), unit, "") - 1)
        except BadOption:
            return 0
        return int(np.argmin(off)) if np.min(off) < _NEAR else 0


def _finding(get: Callable[[], Any]) -> Callable[[], list[LatticePeak]]:
    def find() -> list[LatticePeak]:
        from napari_atomai.stat.fourier import lattice_peaks

        frame = get()
        rows, columns = (slice(max(0, (n - _MOST_PIXELS) // 2), (n + _MOST_PIXELS) // 2) for n in frame.shape)
        return lattice_peaks(np.asarray(frame[rows, columns]))

    return find

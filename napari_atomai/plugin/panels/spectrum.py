"""The Spectrum panel: spectra, line scans, and the spectra of spectrum images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QFileDialog, QListWidgetItem, QVBoxLayout

from napari_atomai.data.spectrum import Spectrum
from napari_atomai.files.tables import write_table
from napari_atomai.plugin.layers import image_of
from napari_atomai.plugin.messages import explain
from napari_atomai.plugin.panels.panel import Panel
from napari_atomai.plugin.panels.spectrum_curves import (
    COLOURS,
    Entry,
    columns_of,
    described,
    drawing_of,
    frozen,
    left_out_in_words,
    position_in_words,
    same,
    usable_together,
)
from napari_atomai.plugin.panels.spectrum_layout import SpectrumForm
from napari_atomai.plugin.panels.spectrum_live import LiveSpectrum
from napari_atomai.plugin.panels.spectrum_tools import move_energies, moved
from napari_atomai.plugin.panels.spectrum_window import EnergyMap
from napari_atomai.plugin.panels.widgets import scrolled
from napari_atomai.plugin.shown import frame_shape
from napari_atomai.plugin.slots import worded

if TYPE_CHECKING:
    import napari

_KINDS = "Table (*.csv);;Picture (*.png);;PDF (*.pdf);;SVG (*.svg)"
_NOTHING = "No spectrum yet: open a file with spectra, or choose a spectrum image."


class SpectrumPanel(Panel):
    """Plots spectra and line scans, and the spectra of a spectrum image beside its maps.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer whose spectrum images are looked at.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:  # napari injects by this name
        super().__init__("Spectrum")
        self.viewer = viewer
        self.entries: list[Entry] = []
        self.form = SpectrumForm(viewer.layers)
        self.form.plot.canvas.follow(viewer)
        self.live = LiveSpectrum(viewer, self)
        self.map = EnergyMap(viewer, self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scrolled(self.form))
        self._wire()
        self._on_image()

    def _wire(self) -> None:
        form, live = self.form, self.live
        form.picker.chosen.connect(self._on_image)
        form.mode.currentTextChanged.connect(self._on_mode)
        form.picker.activated.connect(self._on_again)
        form.mode.activated.connect(self._on_again)
        form.row.valueChanged.connect(self._on_pixel)
        form.column.valueChanged.connect(self._on_pixel)
        form.point.valueChanged.connect(self._on_point)
        form.list.itemChanged.connect(self._on_ticked)
        form.list.currentRowChanged.connect(self._on_current)
        form.log.toggled.connect(self._draw)
        form.normalise.toggled.connect(self._draw)
        form.tools.changed.connect(self._draw)
        form.tools.shifted.connect(self._on_shift)
        form.keep_button.clicked.connect(self._on_keep)
        form.remove_button.clicked.connect(self._on_remove)
        form.export_button.clicked.connect(self._on_export)
        form.stop_button.clicked.connect(self._on_stop)
        form.mapped.toggled.connect(form.plot.window.switch)
        form.plot.window.changed.connect(self._on_window)
        form.tools.changed.connect(self._on_background)
        self.map.told.connect(self.say)
        form.plot.picked.connect(live.go_to)
        form.plot.position_picked.connect(self._on_position)
        live.ready.connect(self._on_spectrum)
        live.failed.connect(self._on_failed)
        live.told.connect(form.show_working)
        live.moved.connect(self._show_marker)
        live.lost_region.connect(lambda: form.mode.setCurrentIndex(0))
        live.pointed.connect(self._on_pointed)

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line."""
        self.form.say(sentence)

    # --- what it is asked ---

    def show_spectrum(self, spectrum: Spectrum) -> None:
        """Add a spectrum or a line scan to the list and show it alone; one that is listed is shown again."""
        entry = self._listed(spectrum)
        for one in self.entries:
            one.shown = one is entry
        self._list(self.entries.index(entry))

    def show_spectra(self, spectra: Sequence[Spectrum]) -> None:
        """Add spectra to the list and show them together, without what was there; they have one scale."""
        wanted = [self._listed(spectrum) for spectrum in spectra]
        for one in self.entries:
            one.shown = any(one is entry for entry in wanted)
        self.live.on = False
        if wanted:
            self._list(self.entries.index(wanted[0]))

    def _listed(self, spectrum: Spectrum) -> Entry:
        known = next((one for one in self.entries if not one.live and same(one.spectrum, spectrum)), None)
        if known is None:
            known = Entry(spectrum, self._colour())
            self.entries.append(known)
        return known

    def export(self, path: Path) -> None:
        """Write what is plotted: a .csv of the numbers, else the figure.

        Raises
        ------
        SaveFailed
            If it cannot be written.
        """
        if path.suffix.lower() == ".csv":
            write_table(columns_of(self._plotted()), path)
        else:
            self.form.plot.save(path)
        self.say(f"Written to {path}.")

    # --- what the user does ---

    @worded("choosing an image")
    def _on_image(self, _uid: str = "") -> None:
        layer = self.form.picker.layer()
        self.entries = [one for one in self.entries if not one.live]
        self.live.watch(layer)
        self._show_image()
        self.live.on = layer is not None
        if layer is not None:
            self.live.choose(self.form.mode.currentText())
        self._list(self.form.list.currentRow())

    @worded("choosing what to take the spectrum of")
    def _on_mode(self, mode: str) -> None:
        self.live.choose(mode)
        self._show_image()
        self._show_live()

    @worded("taking a spectrum")
    def _on_again(self, _index: int) -> None:
        self._show_live()
        self.live.again()

    @worded("choosing a pixel")
    def _on_pixel(self, _value: int) -> None:
        self.live.pixel = (self.form.row.value(), self.form.column.value())
        self._show_live()
        self.live.later()

    @worded("choosing a pixel")
    def _on_pointed(self, row: int, column: int) -> None:
        self.live.pixel = (row, column)
        self._show_image()
        self._show_live()
        self.live.later()

    def _show_live(self) -> None:
        """Plot the image's spectrum too: somebody is choosing what it is taken of."""
        self.live.on = True
        entry = next((one for one in self.entries if one.live), None)
        if entry is not None and not entry.shown:
            entry.shown = True
            self._list(self.entries.index(entry))

    @worded("choosing a point of the line scan")
    def _on_point(self, point: int) -> None:
        entry = self._current()
        if entry is not None and point < entry.spectrum.n_points:
            entry.point = point
            self._show_line()
            self._draw()

    @worded("choosing a point of the line scan")
    def _on_position(self, position: float) -> None:
        entry = self._current()
        if entry is not None and entry.spectrum.n_points > 1:
            axis = entry.spectrum.axes[0]
            point = round((position - axis.offset) / axis.scale)
            self.form.point.setValue(int(np.clip(point, 0, entry.spectrum.n_points - 1)))

    @worded("choosing spectra")
    def _on_ticked(self, item: QListWidgetItem) -> None:
        entry = self.entries[self.form.list.row(item)]
        entry.shown = item.checkState() == Qt.CheckState.Checked
        if entry.live:
            self.live.on = entry.shown
            self.live.later()
        self._draw()

    @worded("choosing a spectrum")
    def _on_current(self, _row: int) -> None:
        self._show_line()
        self._draw()

    @worded("keeping a spectrum")
    def _on_keep(self, _checked: bool = False) -> None:
        entry = self._current()
        if entry is not None and (entry.live or entry.spectrum.n_points > 1):
            self.entries.append(Entry(frozen(entry.spectrum, entry.point), self._colour()))
            self._list(self.entries.index(entry))

    @worded("removing a spectrum")
    def _on_remove(self, _checked: bool = False) -> None:
        row, entry = self.form.list.currentRow(), self._current()
        if entry is not None and not entry.live:
            self.entries.remove(entry)
            if self.entries and not any(one.shown for one in self.entries):
                self.entries[max(0, row - 1)].shown = True
            self._list(max(0, row - 1))

    @worded("exporting the spectra")
    def _on_export(self, _checked: bool = False) -> None:
        path, kind = QFileDialog.getSaveFileName(self, "Export", "spectra.csv", _KINDS)
        if path:
            suffix = "" if Path(path).suffix else kind.partition("*")[2].rstrip(")")
            self.export(Path(path + suffix))

    @worded("making a map")
    def _on_window(self, low: float, high: float) -> None:
        layer = self.form.picker.layer()
        if layer is not None:
            before = self.form.tools.taken_off()
            self.map.ask(layer, (low, high), self.form.plot.drawing.unit, before)

    def _on_background(self) -> None:
        window = self.form.plot.window
        if window.on and window.limits is not None:
            self._on_window(*window.limits)

    @worded("moving the energies")
    def _on_shift(self, shift: float) -> None:
        entry, layer = self._current(), self.form.picker.layer()
        if entry is None:
            return
        if not entry.live:
            entry.spectrum = moved(entry.spectrum, shift)
            self._draw()
        elif layer is not None:
            move_energies(layer, image_of(layer), shift)
        self.say(f"All energies of {entry.spectrum.name!r} were moved by {shift:g}; no file is changed.")

    @worded("stopping")
    def _on_stop(self, _checked: bool = False) -> None:
        self.live.stop()
        self.say("Stopped. Choose the image once more to start again.")

    # --- what happens ---

    @worded("showing a spectrum")
    def _on_spectrum(self, spectrum: Spectrum) -> None:
        entry = next((one for one in self.entries if one.live), None)
        if entry is None:
            entry = Entry(spectrum, COLOURS[0], shown=True, live=True)
            beside = usable_together([entry, *(one for one in self.entries if one.shown)], self._current())
            self.entries.insert(0, entry)
            # Chosen, it decides the axis: what was just opened is seen, whatever was kept before.
            alone = len(beside) == 1 or not any(one is entry for one in beside)
            self._list(0 if alone else self.form.list.currentRow() + 1)
            return
        entry.spectrum = spectrum
        item = self.form.list.item(self.entries.index(entry))
        with QSignalBlocker(self.form.list):
            item.setText(spectrum.name)
        self._draw()

    def _on_failed(self, error: BaseException) -> None:
        self.form.show_working("")
        self.say(explain(error, "taking a spectrum").text)

    # --- showing ---

    def _current(self) -> Entry | None:
        row = self.form.list.currentRow()
        return self.entries[row] if 0 <= row < len(self.entries) else None

    def _colour(self) -> str:
        used = [one.colour for one in self.entries] + [COLOURS[0]]
        return min(COLOURS[1:] if len(COLOURS) > 1 else COLOURS, key=used.count)

    def _plotted(self) -> list[Entry]:
        """Those that are ticked and have the unit of the first of them."""
        return usable_together([one for one in self.entries if one.shown], self._current())

    def _list(self, row: int) -> None:
        """Write the list anew, with a row chosen."""
        with QSignalBlocker(self.form.list):
            self.form.list.clear()
            for entry in self.entries:
                item = QListWidgetItem(_square(entry.colour), entry.spectrum.name)
                item.setToolTip(described(entry))
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
                item.setCheckState(Qt.CheckState.Checked if entry.shown else Qt.CheckState.Unchecked)
                self.form.list.addItem(item)
            self.form.list.setCurrentRow(min(max(row, 0), len(self.entries) - 1))
        self._show_line()
        self._draw()

    def _show_image(self) -> None:
        layer = self.form.picker.layer()
        self.form.show_image(None if layer is None else frame_shape(layer), self.live.pixel)

    def _show_line(self) -> None:
        entry = self._current()
        if entry is None or entry.spectrum.n_points < 2:
            self.form.show_line(0, "")
        else:
            self.form.show_line(entry.spectrum.n_points, position_in_words(entry), entry.point)

    @worded("plotting spectra")
    def _draw(self, *_: Any) -> None:
        plotted, current = self._plotted(), self._current()
        drawing, remark = drawing_of(
            plotted, current, log=self.form.log.isChecked(), normalise=self.form.normalise.isChecked()
        )
        drawing, told = self.form.tools.applied(drawing)
        self.form.plot.show_drawing(drawing)
        self._show_marker()
        self._enable(current, plotted)
        left_out = left_out_in_words([one for one in self.entries if one.shown], current)
        self._remark(left_out or remark or told)

    def _remark(self, remark: str) -> None:
        if remark:
            self.say(remark)
        elif not self.live.busy:
            self.say("" if self.entries or self.form.picker.layer() is not None else _NOTHING)

    def _enable(self, current: Entry | None, plotted: list[Entry]) -> None:
        form, some = self.form, current is not None
        form.keep_button.setEnabled(current is not None and (current.live or current.spectrum.n_points > 1))
        form.remove_button.setEnabled(some and not (current is not None and current.live))
        for part in (form.log, form.normalise, form.export_button):
            part.setEnabled(bool(plotted))

    @worded("showing where the slider stands")
    def _show_marker(self) -> None:
        on = any(one.live and one.shown for one in self.entries)
        self.form.plot.show_marker(self.live.energy() if on else None)


def _square(colour: str) -> QIcon:
    square = QPixmap(10, 10)
    square.fill(QColor(colour))
    return QIcon(square)

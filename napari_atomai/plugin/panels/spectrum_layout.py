"""What the Spectrum panel looks like: its widgets and how they show what they are told. No logic."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QPushButton,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_atomai.plugin.panels.spectrum_live import PIXEL, REGION, WHOLE, SpectralPicker
from napari_atomai.plugin.panels.spectrum_plot import SpectrumPlot
from napari_atomai.plugin.panels.spectrum_tools import SpectrumTools
from napari_atomai.plugin.panels.status_line import StatusLine


class SpectrumForm(QWidget):
    """The widgets of the Spectrum panel, from top to bottom.

    Parameters
    ----------
    layers : napari LayerList
        The viewer's layers.
    """

    def __init__(self, layers: Any) -> None:
        super().__init__()
        self._make_image(layers)
        self._make_line()
        self._make_list()
        self.plot = SpectrumPlot()
        self.tools = SpectrumTools()
        self.tools.setVisible(False)
        self.more = QCheckBox("Tools")
        self.more.setToolTip("Edges of elements, a background before an edge, calibration of energies")
        self.more.toggled.connect(self.tools.setVisible)
        self.mapped = QCheckBox("Map")
        self.mapped.setToolTip(
            "Drag a window of energies on the plot: a map of what lies in it is laid over the image. With "
            "Tools, Subtract the background, the power law before the edge is taken off each spectrum."
        )
        self.status = StatusLine()
        self.stop_button = QPushButton("Stop")
        self.stop_button.setToolTip("Stop reading spectra")
        self.form = QFormLayout()
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.form.addRow("Image", self.picker)
        self.form.addRow("Spectrum of", self.mode)
        self.form.addRow("Row, column", self.pixel_box)
        self.form.addRow("Point", self.line_box)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addLayout(self.form)
        layout.addWidget(self.plot, stretch=1)
        layout.addLayout(_row(self.status, self.stop_button))
        layout.addWidget(self.list)
        layout.addLayout(_row(self.log, self.normalise, self.mapped, self.more))
        layout.addWidget(self.tools)
        layout.addLayout(_row(self.keep_button, self.remove_button, self.export_button))
        self.say("")
        self.show_working("")
        self.show_line(0, "")

    def _make_image(self, layers: Any) -> None:
        self.picker = SpectralPicker(layers)
        self.picker.setPlaceholderText("no spectrum image")
        self.picker.setToolTip("The spectrum image whose spectra are plotted")
        self.mode = QComboBox()
        self.mode.addItems([WHOLE, PIXEL, REGION])
        self.mode.setToolTip(
            "Mean of the whole image, one pixel (hold Shift and move over the image), or mean of a rectangle"
        )
        self.row, self.column = QSpinBox(), QSpinBox()
        self.row.setToolTip("Row of the pixel, counted from 0; or hold Shift and move over the image")
        self.column.setToolTip("Column of the pixel, counted from 0; or hold Shift and move over the image")
        self.pixel_box = QWidget()
        self.pixel_box.setLayout(_row(self.row, self.column))

    def _make_line(self) -> None:
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setToolTip("Which point of the line scan is plotted; or click into the map")
        self.point = QSpinBox()
        self.point.setToolTip("Point of the line scan, counted from 0")
        self.position = QLabel()
        self.position.setToolTip("Where that point lies along the line")
        self.line_box = QWidget()
        self.line_box.setLayout(_row(self.slider, self.point, self.position))
        self.slider.valueChanged.connect(self.point.setValue)
        self.point.valueChanged.connect(self.slider.setValue)

    def _make_list(self) -> None:
        self.list = QListWidget()
        self.list.setToolTip("Spectra: those that are ticked are plotted; the slider moves the chosen one")
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.setMinimumHeight(46)
        self.list.setMaximumHeight(86)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.log = QCheckBox("Log")
        self.log.setToolTip("Logarithmic values; those that are not positive are left out")
        self.normalise = QCheckBox("Normalise")
        self.normalise.setToolTip("Divide each spectrum by its largest value, to compare shapes")
        self.keep_button = QPushButton("Keep")
        self.keep_button.setToolTip("Keep the image's spectrum, or this point of a line scan, in the list")
        self.remove_button = QPushButton("Remove")
        self.remove_button.setToolTip("Take the chosen spectrum from the list; no file is changed")
        self.export_button = QPushButton("Export ...")
        self.export_button.setToolTip("Write what is plotted: a table (CSV), or the figure (PNG, PDF or SVG)")

    # --- what it is told ---

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line."""
        self.status.say(sentence)

    def show_working(self, sentence: str) -> None:
        """Say what is being done, with a button to stop it; empty: nothing."""
        if sentence or self.stop_button.isVisibleTo(self):
            self.say(sentence)
        self.stop_button.setVisible(bool(sentence))

    def show_image(self, shape: tuple[int, int] | None, pixel: tuple[int, int]) -> None:
        """Offer what an image of so many rows and columns allows; None: no image."""
        self.mode.setEnabled(shape is not None)
        self.mapped.setEnabled(shape is not None)
        self.form.setRowVisible(self.pixel_box, shape is not None and self.mode.currentText() == PIXEL)
        if shape is not None:
            for spin, most, value in zip((self.row, self.column), shape, pixel, strict=True):
                with QSignalBlocker(spin):
                    spin.setRange(0, most - 1)
                    spin.setValue(value)

    def show_line(self, count: int, position: str, point: int = 0) -> None:
        """Offer the points of a line scan; none, or one, hides them."""
        self.form.setRowVisible(self.line_box, count > 1)
        for part in (self.slider, self.point):
            with QSignalBlocker(part):
                part.setRange(0, max(0, count - 1))
                part.setValue(point)
        self.position.setText(position)


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        stretches = not isinstance(widget, QCheckBox | QLabel) or widget.property("wordWrap")
        row.addWidget(widget, stretch=1 if stretches else 0)
    return row

"""What the FFT panel looks like: its widgets and how they show what they are told. No logic."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_atomai.plugin.panels.fourier_view import FourierView
from napari_atomai.plugin.panels.picker import ImagePicker
from napari_atomai.plugin.panels.status_line import StatusLine

Size = tuple[float, float] | None


class FourierForm(QWidget):
    """The widgets of the FFT panel, from top to bottom.

    Parameters
    ----------
    layers : napari LayerList
        The viewer's layers.
    """

    def __init__(self, layers: Any) -> None:
        super().__init__()
        self.picker = ImagePicker(layers)
        self.picker.setToolTip("The image whose shown frame is transformed")
        self.region = QCheckBox("Only a region")
        self.region.setToolTip("Transform what lies in a rectangle; move and resize it on the image")
        self._make_contrast()
        self.view = FourierView()
        self.under_mouse = _label("Point at a spot to read its spacing; click to pin it.")
        self.status = StatusLine()
        self._make_spots()
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Image", self.picker)
        form.addRow("Contrast", _row(self.low, self.high))
        form.addRow("", _row(self.log, self.region))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addLayout(form)
        layout.addWidget(self.view, stretch=1)
        layout.addWidget(self.under_mouse)
        layout.addWidget(self.status)
        layout.addWidget(self.table)
        layout.addLayout(_row(self.delete_button, self.copy_button, self.export_button))

    def _make_contrast(self) -> None:
        self.log = QCheckBox("Log")
        self.log.setChecked(True)
        self.log.setToolTip("Gray is the logarithm of the power; otherwise the amplitude")
        self.low, self.high = (_percent(value) for value in (30.0, 99.9))
        self.low.setToolTip("So many of the frequencies are black")
        self.high.setToolTip("Frequencies above this percentile are white")

    def _make_spots(self) -> None:
        self.table = QTableView()
        self.table.setToolTip("Pinned spots; angles are those to the first of them")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setMinimumHeight(70)
        self.table.setMaximumHeight(140)
        self.table.verticalHeader().setDefaultSectionSize(20)
        self.table.verticalHeader().setVisible(False)
        self.delete_button = QPushButton("Delete")
        self.delete_button.setToolTip("Take away the selected spots; all when none is selected")
        self.copy_button = QPushButton("Copy")
        self.copy_button.setToolTip("Copy the table of spots, for a spreadsheet")
        self.export_button = QPushButton("Export ...")
        self.export_button.setToolTip("Write the table of spots to a CSV file")

    # --- what it is told ---

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line."""
        self.status.say(sentence)

    def show_possible(self, *, image: bool, spots: bool) -> None:
        """Enable what can be done now."""
        self.region.setEnabled(image)
        for button in (self.delete_button, self.copy_button, self.export_button):
            button.setEnabled(spots)

    def percentiles(self) -> tuple[float, float]:
        """Which percentiles are black and white."""
        low, high = self.low.value(), self.high.value()
        return min(low, high), max(low, high)


def spacing_in_words(nm: float) -> str:
    """Write a lattice spacing: in Å under 1 nm, as lattice spacings are."""
    return f"{nm:.4g} nm" if nm >= 1 else f"{10 * nm:.4g} Å"


def in_angstrom(columns: dict[str, Any]) -> dict[str, Any]:
    """Return a table of spots with spacings in Å when all are under 1 nm."""
    spacings = columns.get("d nm")
    if spacings is None or not (spacings < 1).all():
        return columns
    return {
        "d Å" if name == "d nm" else name: 10 * column if name == "d nm" else column
        for name, column in columns.items()
    }


def spot_in_words(spot: Any, size: Size) -> str:
    """Say what a spot stands for: d, 1/d and direction."""
    frequency, unit = spot.frequency(size), "px" if size is None else "nm"
    if not frequency:
        return "centre"
    spacing = spot.spacing(size)
    length = f"{spacing:.4g} px" if size is None else spacing_in_words(spacing)
    angle = spot.degrees(size)
    return f"d = {length} · 1/d = {frequency:.4g} 1/{unit} · {0.0 if np.isclose(angle, 0) else angle:.1f}°"


def _percent(value: float) -> QDoubleSpinBox:
    spin = QDoubleSpinBox()
    spin.setDecimals(1)
    spin.setRange(0, 100)
    spin.setSingleStep(1.0 if value < 90 else 0.1)
    spin.setValue(value)
    spin.setSuffix(" %")
    spin.setKeyboardTracking(False)
    return spin


def _label(text: str) -> QLabel:
    label = QLabel(text)
    label.setWordWrap(True)
    return label


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        row.addWidget(widget, stretch=0 if isinstance(widget, QCheckBox) else 1)
    return row

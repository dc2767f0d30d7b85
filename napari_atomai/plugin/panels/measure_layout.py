"""What the Measure panel looks like: its widgets and how they show what they are told. No logic."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_atomai.plugin.measurements import ANGLE, DISTANCE, PROFILE
from napari_atomai.plugin.panels.picker import ImagePicker
from napari_atomai.plugin.panels.status_line import StatusLine

_TOOLS = {
    PROFILE: ("Line profile", "Draw a line: the image's values along it are plotted below."),
    DISTANCE: ("Distance", "Draw a line from one point to another: press, drag, release."),
    ANGLE: ("Angle", "Click three points: the angle is that at the second."),
}


class MeasureForm(QWidget):
    """The widgets of the Measure panel, above its plot.

    Parameters
    ----------
    layers : napari LayerList
        The viewer's layers.
    """

    tool_chosen = Signal(str)

    def __init__(self, layers: Any) -> None:
        super().__init__()
        self.picker = ImagePicker(layers)
        self.picker.setToolTip("The image that is measured, with its pixel size")
        self._make_tools()
        self._make_width()
        self._make_table()
        self.status = StatusLine()
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Image", self.picker)
        form.addRow("Width", _row(self.width_px, self.width_label))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        layout.addLayout(_row(*self.tools.values()))
        layout.addWidget(self.status)
        layout.addWidget(self.table)
        layout.addLayout(_row(self.delete_button, self.undo_button, self.export_button))

    def _make_tools(self) -> None:
        self._group = QButtonGroup(self)
        self._group.setExclusive(False)  # a second click puts the tool away, as the mouse is needed to pan
        self.tools: dict[str, QPushButton] = {}
        for kind, (text, tip) in _TOOLS.items():
            button = QPushButton(text)
            button.setCheckable(True)
            button.setToolTip(f"{tip} Click again to put the tool away.")
            button.clicked.connect(self._on_clicked)
            self._group.addButton(button)
            self.tools[kind] = button

    def _make_width(self) -> None:
        self.width_px = QDoubleSpinBox()
        self.width_px.setDecimals(0)
        self.width_px.setRange(1, 9999)
        self.width_px.setSuffix(" px")
        self.width_px.setToolTip(
            "Over how many pixels across the line a profile is averaged: for the selected one and the next"
        )
        self.width_label = QLabel()
        self.width_label.setToolTip("The same width in nm, across the selected line")

    def _make_table(self) -> None:
        self.table = QTableView()
        self.table.setToolTip("All that was measured on this image; choose a row to select it there")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setMinimumHeight(90)
        self.table.setMaximumHeight(180)
        self.table.verticalHeader().setDefaultSectionSize(20)
        self.table.verticalHeader().setVisible(False)
        self.table.horizontalHeader().setStretchLastSection(True)
        self.delete_button = QPushButton("Delete")
        self.delete_button.setToolTip("Take away the selected measurements")
        self.undo_button = QPushButton("Undo delete")
        self.undo_button.setToolTip("Bring back what was deleted last")
        self.export_button = QPushButton("Export table ...")
        self.export_button.setToolTip("Write all measurements of this image to a CSV file, in nm and px")

    def _on_clicked(self) -> None:
        button = self.sender()
        chosen = next((kind for kind, one in self.tools.items() if one is button and one.isChecked()), "")
        self.tool_chosen.emit(chosen)

    # --- what it is told ---

    def show_tool(self, kind: str) -> None:
        """Show which tool is in hand; empty for none."""
        for name, button in self.tools.items():
            with QSignalBlocker(button):
                button.setChecked(name == kind)

    def show_width(self, width_px: float, length: str) -> None:
        """Show the width of the selected profile, without anybody hearing of it."""
        with QSignalBlocker(self.width_px):
            self.width_px.setValue(width_px)
        self.width_label.setText(length)

    def show_possible(self, *, image: bool, selected: bool, removed: bool, measured: bool) -> None:
        """Enable what can be done now."""
        for button in self.tools.values():
            button.setEnabled(image)
        self.delete_button.setEnabled(selected)
        self.undo_button.setEnabled(removed)
        self.export_button.setEnabled(measured)


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        row.addWidget(widget, stretch=1)
        if isinstance(widget, QLabel):
            widget.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    return row

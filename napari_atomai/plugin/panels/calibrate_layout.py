"""What the Calibrate panel looks like: its widgets and how they show what they are told. No logic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_atomai.plugin.panels.picker import ImagePicker
from napari_atomai.plugin.panels.status_line import StatusLine

LINE, LATTICE, TYPED = range(3)
"""The methods, in the order of their tabs."""

_PLANES = (
    "The distance between the planes, not between atoms: SrTiO3 (100) 0.3905, graphene (100) 0.2130, "
    "MoS2 (100) 0.2737, Si (111) 0.3136, Au (111) 0.2355 nm."
)
_COLUMNS = ("d px", "d nm", "Angle °", "Strength")
_BADGE = "QLabel { background: #8a5a00; color: white; border-radius: 3px; padding: 1px 5px; }"


class CalibrateForm(QWidget):
    """The widgets of the Calibrate panel.

    Parameters
    ----------
    layers : napari LayerList
        The viewer's layers.
    """

    changed = Signal()
    """Something was typed or chosen that a pixel size is worked out of."""

    def __init__(self, layers: Any) -> None:
        super().__init__()
        self._make_state(layers)
        self._make_end()
        self.tabs = QTabWidget()
        for page, name, tip in (
            (self._line_page(), "Line", "Draw a line along something whose length you know"),
            (self._lattice_page(), "Lattice", "Let the FFT measure lattice planes whose distance you know"),
            (self._typed_page(), "Pixel size", "Type the size of a pixel"),
        ):
            self.tabs.setTabToolTip(self.tabs.addTab(page, name), tip)
        self.tabs.currentChanged.connect(self.changed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addLayout(self._state)
        layout.addWidget(self.tabs)
        layout.addWidget(self.preview)
        layout.addLayout(_row(self.apply_button, self.undo_button, self.redo_button))
        layout.addWidget(self.status)
        layout.addStretch(1)

    def _make_state(self, layers: Any) -> None:
        self.picker = ImagePicker(layers)
        self.picker.setToolTip("The image that is calibrated, with every layer that belongs to it")
        self.size = _label("Height and width of a pixel, as the layer has them now")
        self.badge = QLabel("uncalibrated")
        self.badge.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.badge.setStyleSheet(_BADGE)
        self.badge.setToolTip("Lengths are in pixels until the image has a pixel size")
        self.field = _label("Height and width of the image")
        self.origin = _label("Where the pixel size comes from")
        self._state = QFormLayout()
        self._state.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._state.addRow("Image", self.picker)
        self._state.addRow("Pixel size", _row(self.size, self.badge))
        self._state.addRow("Field of view", self.field)
        self._state.addRow("Comes from", self.origin)

    def _make_end(self) -> None:
        self.preview = _label(
            "The pixel size that Apply gives. The error is that of the peak; the distortion of a slow or "
            "drifting scan comes on top."
        )
        self.apply_button = QPushButton("Apply")
        self.apply_button.setToolTip("Give the image this pixel size, and its atoms, maps and measurements")
        self.undo_button = QPushButton("Undo")
        self.undo_button.setToolTip("Go back to the pixel size that this image had before")
        self.redo_button = QPushButton("Redo")
        self.redo_button.setToolTip("Take back the last Undo")
        self.status = StatusLine()

    def _line_page(self) -> QWidget:
        self.draw_button = QPushButton("Draw line")
        self.draw_button.setCheckable(True)
        self.draw_button.setToolTip(
            "Press, drag and release on the image, along a scale bar for instance. Click again to pan."
        )
        self.line_length = _label("Length of the selected line, else the last one")
        self.length = self._edit("Its length", "The length of the line in the real world")
        self.length_unit = self._units(("nm", "Å", "µm"))
        return _page(
            (self.draw_button, self.line_length), ("Its length", _row(self.length, self.length_unit))
        )

    def _lattice_page(self) -> QWidget:
        self.spacing = self._edit("Distance of planes", _PLANES)
        self.spacing_unit = self._units(("nm", "Å"))
        hint = _label("")
        hint.setText("SrTiO3 (100): 0.3905 nm; graphene (100): 0.2130 nm")
        hint.setToolTip(_PLANES)
        self.find_button = QPushButton("Find in FFT")
        self.find_button.setToolTip("Look for lattice planes in the frame that is shown")
        self.peaks = QTableWidget(0, len(_COLUMNS))
        self.peaks.setHorizontalHeaderLabels(_COLUMNS)
        self.peaks.setToolTip(
            "Lattice planes of the image, strongest first: choose those you know. Their distance d is given "
            "in pixels and, by the pixel size that the image has now, in nm."
        )
        self.peaks.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.peaks.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.peaks.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.peaks.setFixedHeight(150)
        self.peaks.verticalHeader().setVisible(False)
        self.peaks.verticalHeader().setDefaultSectionSize(20)
        self.peaks.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.peaks.itemSelectionChanged.connect(self.changed)
        spacing = ("Distance of planes", _row(self.spacing, self.spacing_unit))
        return _page(spacing, (hint,), (self.find_button,), (self.peaks,))

    def _typed_page(self) -> QWidget:
        self.rows = self._edit("Height", "Distance between two rows, in nm")
        self.columns = self._edit("Width", "Distance between two columns, in nm; empty: the same")
        self.columns.setPlaceholderText("the same")
        return _page(
            ("Height", _row(self.rows, QLabel("nm"), grow=1)),
            ("Width", _row(self.columns, QLabel("nm"), grow=1)),
        )

    def _edit(self, name: str, tip: str) -> QLineEdit:
        edit = QLineEdit()
        edit.setAccessibleName(name)
        edit.setToolTip(tip)
        edit.textChanged.connect(self.changed)
        return edit

    def _units(self, units: Sequence[str]) -> QComboBox:
        box = QComboBox()
        box.addItems(units)
        box.setToolTip("Unit of the number to the left")
        box.currentTextChanged.connect(self.changed)
        return box

    # --- what it is told ---

    def show_state(self, size: str, field: str, origin: str, *, calibrated: bool) -> None:
        """Show what the image's pixel size is and where it comes from."""
        self.size.setText(size)
        self.field.setText(field)
        self.origin.setText(origin)
        self.badge.setVisible(not calibrated)

    def show_possible(self, *, image: bool, ready: bool, undo: bool, redo: bool) -> None:
        """Enable what can be done now."""
        for button in (self.draw_button, self.find_button):
            button.setEnabled(image)
        self.apply_button.setEnabled(image and ready)
        self.undo_button.setEnabled(undo)
        self.redo_button.setEnabled(redo)

    def show_drawing(self, drawing: bool) -> None:
        """Show whether the mouse draws a line, without anybody hearing of it."""
        with QSignalBlocker(self.draw_button):
            self.draw_button.setChecked(drawing)

    def show_peaks(self, rows: Sequence[Sequence[str]], chosen: int) -> None:
        """List lattice planes, one of them chosen; below 0 for none."""
        with QSignalBlocker(self.peaks):
            self.peaks.setRowCount(len(rows))
            for i, row in enumerate(rows):
                for j, text in enumerate(row):
                    item = QTableWidgetItem(text)
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                    self.peaks.setItem(i, j, item)
            self.peaks.clearSelection()
            if chosen >= 0:
                self.peaks.selectRow(chosen)

    @property
    def peak(self) -> int:
        """Which of the listed lattice planes is chosen; -1 for none."""
        rows = self.peaks.selectionModel().selectedRows()
        return rows[0].row() if rows else -1


def _label(tip: str) -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setToolTip(tip)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def _page(*rows: Sequence[Any]) -> QWidget:
    """Make a page of rows: (label, layout), (widget, widget) or (widget,)."""
    page = QWidget()
    form = QFormLayout(page)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    for row in rows:
        form.addRow(*row)
    return page


def _row(*widgets: QWidget, grow: int | None = None) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    for i, widget in enumerate(widgets):
        row.addWidget(widget, stretch=1 if grow is None or i < grow else 0)
    return row

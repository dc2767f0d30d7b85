"""What the Structure panel looks like: its widgets and what they are told. No logic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_atomai.data.recipes_structure import BuildStructure, Relax
from napari_atomai.plugin.forms import RecipeForm
from napari_atomai.plugin.panels.lattice_atoms import AtomsBox
from napari_atomai.plugin.panels.picker import ImagePicker
from napari_atomai.plugin.panels.run_box import RunBox
from napari_atomai.plugin.panels.structure_elements import ElementsBox
from napari_atomai.plugin.panels.widgets import button, row

NOT, FIELD = "not", "with the field of view"
BUILT, RELAXED = "as built", "as relaxed"
VASP_RUN = "VASP run (folder)"
HEIGHTS, COLUMNS = "layer heights", "columns"

_CELL = (
    ("third", "Along beam"),
    ("thickness", "Thickness"),
    ("repeat", "Distance"),
    ("vacuum", "Vacuum"),
    ("margin", "Border"),
    ("scale", "Scale"),
    ("bond", "Bond"),
)
_CELL_UNITS = dict.fromkeys(("thickness", "repeat", "vacuum", "margin", "bond"), "Å") | {"scale": "Å/px"}
_MOVE = (
    ("method", "Method"),
    ("potential", "Potential"),
    ("steps", "Steps"),
    ("force", "Rest below"),
    ("flat", "Flat"),
    ("temperature", "Temperature"),
    ("timestep", "Time step"),
)
_MOVE_UNITS = {"force": "eV/Å", "temperature": "K", "timestep": "fs"}


class HeightsBox(QWidget):
    """The height of each class along the beam."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._boxes: dict[str, QDoubleSpinBox] = {}
        self._rows = QFormLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)

    def fill(self, names: Sequence[str]) -> None:
        """Show these classes; heights of those that were there stay."""
        old = self.heights()
        if list(names) == list(old):
            return
        while self._rows.rowCount():
            self._rows.removeRow(0)
        self._boxes = {name: self._box(name, old.get(name, 0.0)) for name in names}

    def heights(self) -> dict[str, float]:
        """Return the height of each class, Å."""
        return {name: box.value() for name, box in self._boxes.items()}

    def box(self, name: str) -> QDoubleSpinBox:
        """Return the box of a class."""
        return self._boxes[name]

    def _box(self, name: str, height: float) -> QDoubleSpinBox:
        box = QDoubleSpinBox()
        box.setRange(-1000, 1000)
        box.setDecimals(3)
        box.setSingleStep(0.1)
        box.setSuffix(" Å")
        box.setToolTip(f"Height of atoms of class {name!r} along the beam")
        box.setValue(height)
        box.valueChanged.connect(self.changed)
        self._rows.addRow(name, box)
        return box


class StructureForm(QWidget):
    """The widgets of the Structure panel, from top to bottom.

    Parameters
    ----------
    layers : napari LayerList
        The viewer's layers.
    """

    def __init__(self, layers: Any) -> None:
        super().__init__()
        from napari_atomai.plugin.plots import PlotCanvas  # matplotlib is only loaded for a plot

        self.picker, self.atoms, self.elements = ImagePicker(layers), AtomsBox(layers), ElementsBox()
        self.atoms.layer_box.setMinimumContentsLength(3)  # the panel is to fit beside a scroll bar
        self.preview, self.plot = PlotCanvas(), PlotCanvas()
        self.preview.setToolTip("Drag to turn, with the right button to come nearer")
        self.preview.setMinimumHeight(210)
        self.preview.setMaximumHeight(330)
        self.plot.setMinimumHeight(190)
        self.notes = QLabel()
        self.notes.setWordWrap(True)
        self.run_box = RunBox("Relax", "Moving atoms ...")
        self._make_export()
        self.tabs = QTabWidget()
        self.tabs.addTab(self._cell_tab(), "Cell")
        self.tabs.addTab(self._move_tab(), "Relax")
        rows = _form()
        rows.addRow("Image", self.picker)
        rows.addRow("Atoms", self.atoms)
        rows.addRow("Elements", self.elements)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addLayout(rows)
        layout.addWidget(self.tabs, stretch=1)
        layout.addLayout(row(QLabel("Save"), self.which, self.format, grow=self.format))
        layout.addWidget(self.save_button)
        layout.addWidget(self.run_box.status)

    def _make_export(self) -> None:
        self.which, self.format = QComboBox(), QComboBox()
        self.which.addItem(BUILT)
        self.which.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.which.setToolTip("Which positions are previewed and saved")
        self.format.setToolTip("Program that the file is for")
        self.format.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.format.setMinimumContentsLength(8)
        self.save_button = button("Save structure ...", "Write the file, read it back and compare")

    def _cell_tab(self) -> QWidget:
        tab, self.cell_rows = QWidget(), _form()
        self.repeats, self.heights = QComboBox(), HeightsBox()
        self.repeats.addItems([NOT, FIELD])
        self.repeats.setToolTip("Whether the structure repeats in the plane of the image, and by what")
        self.prototype = button(
            "one atom each distance", "A file with the unit cell: tells how atoms are stacked"
        )
        self.cell = RecipeForm(BuildStructure, _CELL, self.cell_rows, _CELL_UNITS)
        self.cell_rows.insertRow(1, "Heights", self.heights)
        self.cell_rows.insertRow(1, "Stacking", self.prototype)
        self.cell_rows.insertRow(1, "Repeats", self.repeats)
        layout = QVBoxLayout(tab)
        layout.setContentsMargins(0, 6, 0, 0)
        layout.addLayout(self.cell_rows)
        layout.addWidget(self.preview, stretch=4)
        layout.addWidget(self.notes)
        layout.addStretch(1)
        return tab

    def _move_tab(self) -> QWidget:
        tab, self.move_rows = QWidget(), _form()
        self.moves = RecipeForm(Relax, _MOVE, self.move_rows, _MOVE_UNITS)
        self.moves.widget("force").setDecimals(3)
        self.moves.put({"force": Relax().force})  # two digits were not shown
        layout = QVBoxLayout(tab)
        layout.setContentsMargins(0, 6, 0, 0)
        layout.addLayout(self.move_rows)
        layout.addWidget(self.run_box)
        layout.addWidget(self.plot, stretch=1)
        return tab

    # --- what it is told ---

    def show_rows(self) -> None:
        """Show the options that what is chosen needs."""
        third, method = self.cell.options()["third"], self.moves.options()["method"]
        stacked = not self.prototype.property("path")
        for widget, shown in (
            (self.heights, third == HEIGHTS),
            (self.prototype, third == COLUMNS),
            (self.cell.widget("thickness"), third == COLUMNS),
            (self.cell.widget("repeat"), third == COLUMNS and stacked),
            (self.cell.widget("margin"), self.repeats.currentText() == NOT),
        ):
            self.cell_rows.setRowVisible(widget, shown)
        for name in ("temperature", "timestep"):
            self.move_rows.setRowVisible(self.moves.widget(name), method == "langevin")
        self.move_rows.setRowVisible(self.moves.widget("force"), method != "langevin")

    def show_relaxed(self, *, there: bool) -> None:
        """Offer relaxed positions where there are some."""
        place = self.which.findText(RELAXED)
        if there and place < 0:
            self.which.addItem(RELAXED)
        elif not there and place >= 0:
            with QSignalBlocker(self.which):
                self.which.removeItem(place)


def _form() -> QFormLayout:
    rows = QFormLayout()
    rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return rows

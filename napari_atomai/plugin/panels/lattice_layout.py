"""What the Lattice panel looks like: its widgets and what they are told. No logic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from napari_atomai.data.recipes_lattice import MeasureLattice
from napari_atomai.plugin.form_fields import field_for
from napari_atomai.plugin.panels.lattice_atoms import ALL, AtomsBox
from napari_atomai.plugin.panels.lattice_layers import NONE, SUBLATTICES, UNUSUAL, VALUES
from napari_atomai.plugin.panels.picker import ImagePicker
from napari_atomai.plugin.panels.range_drag import RangeDrag
from napari_atomai.plugin.panels.run_box import RunBox
from napari_atomai.plugin.panels.widgets import button, row

WHOLE, REGION = "average of all", "drawn region"
_SPIN, _PLOT = 76, 215
_UNITS = {"sublattices": "", "brightness": "", "centre": "", "cage": "", "reach": "cells"}
"""The options that are shown, and what is written behind their numbers."""


class LatticeForm(QWidget):
    """The widgets of the Lattice panel, from top to bottom.

    Parameters
    ----------
    layers : napari LayerList
        The viewer's layers.
    """

    def __init__(self, layers: Any) -> None:
        super().__init__()
        from napari_atomai.plugin.plots import PlotCanvas  # matplotlib is only loaded for a plot

        self.picker, self.atoms = ImagePicker(layers), AtomsBox(layers)
        self.run_box = RunBox("Measure lattice", "Measuring ...")
        self.cell = QLabel()
        self.cell.setWordWrap(True)
        self.cell.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.plot = PlotCanvas()
        self.drag = RangeDrag(self.plot)
        self.plot.setFixedHeight(_PLOT)
        self.export_button = button("Export ...", "Tables, calibrated maps, figures and the recipe")
        self.classes_button = button(
            "Sublattices → classes",
            "Give the atoms the classes A, B ... of their sublattices, for other panels to choose from",
        )
        self._make_view()
        self.rows = _form()
        self.rows.addRow("Image", self.picker)
        self.rows.addRow("Atoms", self.atoms)
        self._make_options()
        shown = _form()
        shown.addRow("Map", self.map)
        shown.addRow("Arrows", row(self.arrows, self.factor, grow=self.arrows))
        shown.addRow("Sites", row(self.sites, self.least, grow=self.sites))
        shown.addRow("Plot", self.view)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addLayout(self.rows)
        layout.addWidget(self.run_box)
        layout.addWidget(self.cell)
        layout.addWidget(self.classes_button)
        layout.addLayout(shown)
        layout.addWidget(self.plot)
        layout.addWidget(self.export_button)
        layout.addStretch(1)

    def _make_options(self) -> None:
        self._fields = {
            name: field_for(MeasureLattice.model_fields[name], unit) for name, unit in _UNITS.items()
        }
        option: dict[str, Any] = {name: field.widget for name, field in self._fields.items()}
        for name, widget in option.items():
            widget.setToolTip(MeasureLattice.model_fields[name].description or "")
            widget.setObjectName(name)
        self.reference = QComboBox()
        self.reference.addItems([WHOLE, REGION])
        self.reference.setToolTip(
            "What strain is relative to: the average of each grain, or the last shape drawn on a layer"
        )
        option["brightness"].setText("by brightness")
        option["centre"].setPrefix("B: ")
        option["cage"].setPrefix("in A: ")
        option["reach"].setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        option["reach"].setFixedWidth(_SPIN)
        self.rows.addRow("Sublattices", row(option["sublattices"], option["brightness"]))
        self.rows.addRow("Polarisation", row(option["centre"], option["cage"]))
        self.rows.addRow("Strain from", row(self.reference, option["reach"], grow=self.reference))

    def options(self) -> dict[str, Any]:
        """Return the options of the recipe as they stand in the form."""
        classes = (self.atoms.class_name,) if self.atoms.class_name else ()
        return {"classes": classes, **{name: field.get() for name, field in self._fields.items()}}

    def put(self, recipe: MeasureLattice) -> None:
        """Put the options of a recipe into the form; nothing hears of the reference."""
        for name, field in self._fields.items():
            field.put(getattr(recipe, name))
        self.atoms.which.setCurrentText(recipe.classes[0] if recipe.classes else ALL)
        with QSignalBlocker(self.reference):
            self.reference.setCurrentText(REGION if recipe.reference else WHOLE)

    def _make_view(self) -> None:
        self.map, self.arrows, self.sites, self.view = (QComboBox() for _ in range(4))
        self.map.setToolTip("A map that is laid over the image; strain is told with x to the right and y up")
        self.arrows.setToolTip("Arrows at the atoms, coloured by direction")
        self.sites.setToolTip("Vacancies and atoms unlike their sublattice, or all atoms in colours")
        self.view.setToolTip(
            "What is plotted, of the frame that is shown; drag over a histogram to select those atoms"
        )
        self.sites.addItems([NONE, UNUSUAL, SUBLATTICES, VALUES])
        self.factor, self.least = QDoubleSpinBox(), QDoubleSpinBox()
        self.factor.setRange(0, 1e5)
        self.factor.setDecimals(0)
        self.factor.setPrefix("x ")
        self.factor.setSpecialValueText("auto")
        self.factor.setKeyboardTracking(False)
        self.factor.setToolTip("How many times longer than the displacement arrows are drawn")
        self.least.setRange(0, 1)
        self.least.setSingleStep(0.05)
        self.least.setValue(0.5)
        self.least.setPrefix("p ≥ ")
        self.least.setToolTip("Vacancies and unusual atoms that are less probable are not marked")
        for box in (self.map, self.arrows, self.sites, self.view):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(6)
        for spin in (self.factor, self.least):
            spin.setFixedWidth(_SPIN)
            spin.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)

    def show_possible(
        self, maps: Sequence[str], arrows: Sequence[str], views: Sequence[str], *, measured: bool
    ) -> None:
        """Offer what the result has; choices stay where they can, and nothing hears of it."""
        for box, names in ((self.map, (NONE, *maps)), (self.arrows, (NONE, *arrows)), (self.view, views)):
            fill_box(box, names)
        for widget in (self.map, self.arrows, self.sites, self.view, self.factor, self.least):
            widget.setEnabled(measured)
        self.export_button.setEnabled(measured)
        self.classes_button.setEnabled(measured)

    def choose(self, map_: str, arrows: str, sites: str) -> None:
        """Choose what is shown; nothing hears of it."""
        for box, text in ((self.map, map_), (self.arrows, arrows), (self.sites, sites)):
            with QSignalBlocker(box):
                box.setCurrentText(text)


def fill_box(box: QComboBox, names: Sequence[str]) -> None:
    """Put other words into a box; the chosen one stays if it is among them, and nothing hears of it."""
    with QSignalBlocker(box):
        text = box.currentText()
        box.clear()
        box.addItems(list(names))
        box.setCurrentIndex(max(box.findText(text), 0) if names else -1)


def _form() -> QFormLayout:
    rows = QFormLayout()
    rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return rows

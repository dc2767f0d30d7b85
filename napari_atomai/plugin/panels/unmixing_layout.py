"""What the Unmix panel looks like: its widgets and what they are told. No logic."""

from __future__ import annotations

import math
from typing import Any

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox, QFormLayout, QVBoxLayout, QWidget

from napari_atomai.data.recipes_statistics import Unmix
from napari_atomai.plugin.forms import RecipeForm
from napari_atomai.plugin.panels.run_box import RunBox
from napari_atomai.plugin.panels.spectrum_live import SpectralPicker
from napari_atomai.plugin.panels.unmixing_plot import UnmixingPlot
from napari_atomai.plugin.panels.widgets import button, row

SPECTRA, SCREE, LEFT_OVER = "Component spectra", "Scree", "Sum and what it leaves over"
EVERY = "all together"

_FIELDS = (
    ("method", "Method"),
    ("components", "Components"),
    ("low", "From energy"),
    ("high", "to energy"),
    ("noise", "Noise"),
    ("offset", "Offset"),
)


class UnmixingForm(QWidget):
    """The widgets of the Unmix panel, from top to bottom.

    Parameters
    ----------
    layers : napari LayerList
        The viewer's layers.
    """

    def __init__(self, layers: Any) -> None:
        super().__init__()
        self.picker = SpectralPicker(layers)
        self.picker.setPlaceholderText("no spectrum image")
        self.picker.setToolTip("The spectrum image that is unmixed")
        self.suggest_button = button("Suggest number", "Count the components that stand above noise")
        self.run_box = RunBox("Unmix", "Unmixing ...")
        self.rows = QFormLayout()
        self.rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.rows.addRow("Spectra", self.picker)
        self.options = RecipeForm(Unmix, _FIELDS, self.rows)
        self.options.widget("components").setSpecialValueText("as many as stand above noise")
        self.view, self.shown = QComboBox(), QComboBox()
        self.view.addItems([SPECTRA, SCREE, LEFT_OVER])
        self.view.setToolTip("What is plotted")
        self.shown.setToolTip("Whose spectrum and map are shown; or click on a spectrum")
        self.plot = UnmixingPlot()
        self.dock_button = button("To Spectrum", "Put the component spectra into the Spectrum panel")
        self.export_button = button(
            "Export ...", "Write spectra (CSV), maps (TIFF and HSPY), figures and the record into a folder"
        )
        self._lay_out()
        self.options.changed.connect(self.show_possible)
        self.show_possible()

    def _lay_out(self) -> None:
        self.view_rows = QFormLayout()
        self.view_rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.view_rows.addRow("Show", self.shown)
        self.view_rows.addRow("Plot", self.view)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addLayout(self.rows)
        layout.addWidget(self.suggest_button)
        layout.addWidget(self.run_box)
        layout.addLayout(self.view_rows)
        layout.addWidget(self.plot)
        layout.addLayout(row(self.dock_button, self.export_button))
        layout.addStretch(1)

    # --- what it is told ---

    def show_possible(self) -> None:
        """Show the rows that the method needs."""
        options = self.options.options()
        offset = options["method"] == "nmf" and options["noise"] != "poisson"
        self.rows.setRowVisible(self.options.widget("offset"), offset)

    def show_energies(self, low: float, high: float, step: float, unit: str) -> None:
        """Offer the energies of an image, with so much from channel to channel; all of them are chosen."""
        decimals = max(0, min(9, 2 - math.floor(math.log10(step) + 1e-9))) if step > 0 else 3
        for name in ("low", "high"):
            spin = self.options.widget(name)
            spin.setSuffix(f" {unit}" if unit else "")
            spin.setDecimals(decimals)
            spin.setSingleStep(10 * step or 1.0)
        self.options.put({"low": low, "high": high})

    def put(self, recipe: Unmix) -> None:
        """Put the options of a recipe into the form; all energies where it names none."""
        options = recipe.model_dump()
        energies = ("low", "high") if recipe.low == recipe.high else ()
        self.options.put({name: value for name, value in options.items() if name not in energies})

    def show_result(self, number: int) -> None:
        """Offer what a result with so many components has; 0: there is none."""
        with QSignalBlocker(self.shown):
            self.shown.clear()
            self.shown.addItems([EVERY, *(f"component {k + 1}" for k in range(number))])
        for part in (self.shown, self.view):
            self.view_rows.setRowVisible(part, number > 0)
        for part in (self.plot, self.dock_button, self.export_button):
            part.setVisible(number > 0)

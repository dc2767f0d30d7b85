"""What the Structure-spectrum panel looks like: its widgets and what they are told. No logic."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QFormLayout, QSpinBox, QVBoxLayout, QWidget

from napari_atomai.data.recipes_spectra import TrainImSpec
from napari_atomai.plugin.forms import RecipeForm
from napari_atomai.plugin.masks import MaskBox
from napari_atomai.plugin.panels.picker import ImagePicker
from napari_atomai.plugin.panels.run_box import RunBox
from napari_atomai.plugin.panels.spectrum_live import SpectralPicker, is_spectrum_image
from napari_atomai.plugin.panels.widgets import button, row

TRAINING, PLACE, LATENT, EXPECTED = "Training", "At a place", "Along a latent", "Behind energies"
NO_MAP, ERROR_MAP, LATENT_MAP, HELD_OUT = "none", "error", "latent", "held out"

FIELDS = (
    ("direction", "Predict"),
    ("window", "Window"),
    ("alignment", "Laid by"),
    ("latent_dim", "Latent size"),
    ("training_cycles", "Cycles"),
    ("models", "Nets"),
    ("held_out", "Held out"),
    ("turned", "Turned too"),
)


class StructurePicker(ImagePicker):
    """A box with the viewer's images that are no spectrum images."""

    def _images(self) -> list[Any]:
        return [layer for layer in super()._images() if not is_spectrum_image(layer)]


class StructureSpectrumForm(QWidget):
    """The widgets of the Structure-spectrum panel, from top to bottom.

    Parameters
    ----------
    layers : napari LayerList
        The viewer's layers.
    """

    def __init__(self, layers: Any) -> None:
        super().__init__()
        from napari_atomai.plugin.plots import PlotCanvas  # matplotlib is only loaded for a plot

        self.structure, self.spectra = StructurePicker(layers), SpectralPicker(layers)
        self.structure.setToolTip("The image whose structure goes with the spectra")
        self.spectra.setToolTip("The spectrum image; its spectra are learned")
        self.structure.setPlaceholderText("no image")
        self.spectra.setPlaceholderText("no spectrum image")
        self.mask = MaskBox(layers)
        self.mask.setToolTip("Learn only from spectra on painted labels or in drawn shapes")
        self.run_box = RunBox("Train", "Training ...")
        self.plot = PlotCanvas()
        self.plot.setMinimumHeight(170)
        self.plot.setMaximumHeight(300)
        self._make_view()
        self._make_buttons()
        rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.addRow("Structure", self.structure)
        rows.addRow("Spectra", self.spectra)
        rows.addRow("Only on", self.mask)
        self.options = RecipeForm(TrainImSpec, FIELDS, rows, {"window": "nm"})
        self.view_rows = QFormLayout()
        self.view_rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.view_rows.addRow("Plot", self.view)
        self.view_rows.addRow("Latent", self.latent)
        self.view_rows.addRow("Energies", self.energies)
        self.view_rows.addRow("Map", self.map)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addLayout(rows)
        layout.addWidget(self.run_box)
        layout.addLayout(self.view_rows)
        layout.addWidget(self.plot, stretch=1)
        layout.addLayout(row(self.predict_button, self.dock_button))
        layout.addLayout(row(self.export_button, self.save_button, self.open_button))

    def _make_view(self) -> None:
        self.view = QComboBox()
        self.view.addItems([TRAINING, PLACE, LATENT, EXPECTED])
        self.view.setToolTip("What is plotted; click on an image to choose a place")
        self.map = QComboBox()
        self.map.addItems([NO_MAP, ERROR_MAP, LATENT_MAP, HELD_OUT])
        self.map.setToolTip("A map that is laid over the spectrum image")
        self.latent = QSpinBox()
        self.latent.setToolTip("Which of the latent numbers, counted from 0")
        self.low, self.high = QDoubleSpinBox(), QDoubleSpinBox()
        for spin, words in ((self.low, "Lowest"), (self.high, "Highest")):
            spin.setRange(-1e9, 1e9)
            spin.setDecimals(3)
            spin.setToolTip(f"{words} energy: which structure is behind what lies there?")
        self.energies = QWidget()
        self.energies.setLayout(row(self.low, self.high))

    def _make_buttons(self) -> None:
        self.predict_button = button(
            "Predict image", "Predict a spectrum image for the structure chosen above, as a new layer"
        )
        self.dock_button = button("To Spectrum", "Put the spectra of this place into the Spectrum panel")
        self.open_button = button(
            "Open ...", "Open a model that was saved, and predict a spectrum image for the structure with it"
        )
        self.export_button = button("Export ...", "Write predicted spectra and errors as HSPY, or the figure")
        self.save_button = button("Save ...", "Write the trained model, to be used again or by a script")

    # --- what it is told ---

    def show_possible(self, *, trained: bool, im2spec: bool) -> None:
        """Enable what can be done now."""
        for part in (self.map, self.export_button, self.save_button):
            part.setEnabled(trained)
        self.predict_button.setEnabled(trained and im2spec)
        self.dock_button.setEnabled(trained)

    def show_view(self, view: str, chosen_map: str) -> None:
        """Show the rows that a view needs."""
        self.view_rows.setRowVisible(self.latent, view == LATENT or chosen_map == LATENT_MAP)
        self.view_rows.setRowVisible(self.energies, view == EXPECTED)

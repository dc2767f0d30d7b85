"""What the Local order panel looks like: its widgets and what they are told. No logic."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QLabel, QVBoxLayout, QWidget

from napari_atomai.data.recipes_statistics import LocalOrder
from napari_atomai.plugin.forms import RecipeForm
from napari_atomai.plugin.panels.components_plot import ComponentPlot
from napari_atomai.plugin.panels.picker import ImagePicker
from napari_atomai.plugin.panels.run_box import RunBox
from napari_atomai.plugin.panels.spectrum_live import is_spectrum_image
from napari_atomai.plugin.panels.widgets import button

PICTURES, SCREE = "Fourier amplitudes", "Scree"

_FIELDS = (
    ("method", "Method"),
    ("components", "Components"),
    ("window", "Window"),
    ("stride", "Stride"),
    ("zoom", "Zoom"),
)


class PicturePicker(ImagePicker):
    """A box with the viewer's images that are no spectrum images."""

    def _images(self) -> list[Any]:
        return [layer for layer in super()._images() if not is_spectrum_image(layer)]


class LocalOrderForm(QWidget):
    """The widgets of the Local order panel, from top to bottom.

    Parameters
    ----------
    layers : napari LayerList
        The viewer's layers.
    """

    def __init__(self, layers: Any) -> None:
        super().__init__()
        self.picker = PicturePicker(layers)
        self.picker.setToolTip("The image that windows slide over; of a movie the frame that is shown")
        self.preview = QCheckBox("Show windows on the image")
        self.preview.setChecked(True)
        self.about = QLabel()
        self.about.setWordWrap(True)
        self.run_box = RunBox("Map local order", "Mapping ...")
        self.rows = QFormLayout()
        self.rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.rows.addRow("Image", self.picker)
        self.options = RecipeForm(LocalOrder, _FIELDS, self.rows)
        for name in ("window", "stride"):
            spin = self.options.widget(name)
            spin.setDecimals(3)
            spin.setSingleStep(0.1)
            spin.setSpecialValueText("automatic")
        self.options.widget("components").setSpecialValueText("as many as stand above noise")
        self.view = QComboBox()
        self.view.addItems([PICTURES, SCREE])
        self.view.setToolTip("What is plotted; click on a picture to see where it holds")
        self.plot = ComponentPlot()
        self.export_button = button(
            "Export ...",
            "Write amplitudes (HSPY), maps (TIFF, HSPY), figures and the record into a folder",
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addLayout(self.rows)
        for widget in (self.preview, self.about, self.run_box, self.view, self.plot, self.export_button):
            layout.addWidget(widget)
        layout.addStretch(1)
        self.show_result(shown=False)

    # --- what it is told ---

    def show_unit(self, unit: str) -> None:
        """Write the unit of lengths."""
        for name in ("window", "stride"):
            spin = self.options.widget(name)
            with QSignalBlocker(spin):
                spin.setSuffix(f" {unit}" if unit else "")

    def show_result(self, *, shown: bool) -> None:
        """Show what only a result has."""
        for part in (self.view, self.plot, self.export_button):
            part.setVisible(shown)

"""What the Atoms panel looks like: its widgets and how they show what they are told. No logic."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_atomai.data.recipe import FINEST_SPACING, FindAtoms, RefineAtoms
from napari_atomai.plugin.forms import RecipeForm
from napari_atomai.plugin.panels.model_box import ModelBox
from napari_atomai.plugin.panels.picker import ImagePicker
from napari_atomai.plugin.panels.run_box import RunBox
from napari_atomai.plugin.panels.widgets import row, rows_table

_NM_DECIMALS = 5
AIMS = {"by hand": "", "at most this share false": "false_rate", "at most this share missed": "miss_rate"}
"""How the threshold is chosen, and the option of `FindAtoms` that says so."""


class AtomsForm(QWidget):
    """The widgets of the Atoms panel, from top to bottom.

    Parameters
    ----------
    layers : napari LayerList
        The viewer's layers.
    """

    def __init__(self, layers: Any) -> None:
        super().__init__()
        self.shown_pixel_size = 0.0
        self._make_input(layers)
        self._make_run()
        self._make_output()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addLayout(self._input)
        layout.addWidget(self.run_box)
        layout.addLayout(row(QLabel("Threshold"), self.threshold, self.threshold_label))
        layout.addLayout(row(self.aim, self.rate, grow=self.aim))
        layout.addWidget(self.counts)
        layout.addWidget(self.table, stretch=1)
        layout.addWidget(self.export_button)

    def _make_input(self, layers: Any) -> None:
        self.picker = ImagePicker(layers)
        self.pixel_size = QDoubleSpinBox()
        self.pixel_size.setDecimals(_NM_DECIMALS)
        self.pixel_size.setRange(0, 1e5)
        self.pixel_size.setSingleStep(0.001)
        self.pixel_size.setSuffix(" nm")
        self.pixel_size.setSpecialValueText("unknown")
        self.pixel_size.setKeyboardTracking(False)
        self.pixel_size.setToolTip(
            "Size of one pixel in nm; 0 = not known. A new value calibrates the image layer."
        )
        self.badge = QLabel("uncalibrated")
        self.badge.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.badge.setToolTip("The file names no pixel size: positions are in pixels until you give one.")
        self.badge.setStyleSheet(
            "QLabel { background: #8a5a00; color: white; border-radius: 3px; padding: 1px 5px; }"
        )
        self.model_box = ModelBox(FindAtoms.model_fields["model"].description or "")
        self.model = self.model_box.box
        self._input = QFormLayout()
        self._input.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._input.addRow("Image", self.picker)
        self._input.addRow("Pixel size", row(self.pixel_size, self.badge))
        self._input.addRow("Model", self.model_box)
        self._find_form = RecipeForm(
            FindAtoms, [("contrast", "Atoms are"), ("spacing", "Spacing")], self._input, {"spacing": "px"}
        )
        spacing = self._find_form.widget("spacing")
        spacing.setKeyboardTracking(False)  # 12 is typed by way of 1
        spacing.valueChanged.connect(self._skip_too_fine)
        self._before = 0.0
        self._refine_form = RecipeForm(RefineAtoms, [("method", "Refine by")], self._input)

    def _skip_too_fine(self, value: float) -> None:
        """Go from automatic to the finest spacing there is, and back, without stopping between."""
        if 0 < value < FINEST_SPACING:
            value = FINEST_SPACING if self._before < FINEST_SPACING else 0.0
            with QSignalBlocker(self._find_form.widget("spacing")):
                self._find_form.widget("spacing").setValue(value)
        self._before = value

    def _make_run(self) -> None:
        self.run_box = RunBox("Find atoms", "Finding ...")
        self.find_button, self.stop_button = self.run_box.button, self.run_box.stop_button
        self.progress, self.status = self.run_box.progress, self.run_box.status

    def _make_output(self) -> None:
        default = FindAtoms.model_fields["threshold"].default
        self.threshold = QSlider(Qt.Orientation.Horizontal)
        self.threshold.setRange(5, 99)
        self.threshold.setValue(round(default * 100))
        self.threshold.setToolTip(
            "Atoms with a lower score are left out. Acts at once; nothing is computed again."
        )
        self.threshold_label = QLabel(f"{default:.2f}")
        self.aim = QComboBox()
        for text, option in AIMS.items():
            self.aim.addItem(text, option)
        self.aim.setToolTip(
            "What the threshold is chosen by in the next run: by hand, or so that at most this share of the "
            "atoms found is none, or of the columns is missed, on images like the simulated ones."
        )
        self.rate = QDoubleSpinBox()
        self.rate.setRange(1.0, 50.0)
        self.rate.setValue(10.0)
        self.rate.setSuffix(" %")
        self.rate.setEnabled(False)
        self.aim.currentIndexChanged.connect(lambda _i: self.rate.setEnabled(bool(self.aim.currentData())))
        self.counts = QLabel()
        self.counts.setWordWrap(True)
        self.table = rows_table()
        self.export_button = QPushButton("Export results ...")
        self.export_button.setToolTip("Tables, maps, a picture and the recipe, in a new folder")

    # --- what it is asked ---

    def recipes(self) -> tuple[FindAtoms, RefineAtoms]:
        """Return the options as recipes.

        Raises
        ------
        BadOption
            If an option is not possible.
        """
        options = {
            **self._find_form.options(),
            "threshold": self.threshold.value() / 100,
            "model": self.model_box.name(),
        }
        if self.aim.currentData():
            options[self.aim.currentData()] = self.rate.value() / 100
        return FindAtoms.of(options), RefineAtoms.of(self._refine_form.options())

    # --- what it is told ---

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line."""
        self.run_box.say(sentence)

    def set_threshold(self, value: float) -> None:
        """Put the slider somewhere without anybody hearing of it."""
        with QSignalBlocker(self.threshold):
            self.threshold.setValue(round(value * 100))
        self.show_threshold()

    def show_threshold(self) -> None:
        """Write the slider's value beside it."""
        self.threshold_label.setText(f"{self.threshold.value() / 100:.2f}")

    def show_pixel_size(self, size: tuple[float, float] | None) -> None:
        """Show the calibration, or that there is none."""
        with QSignalBlocker(self.pixel_size):
            self.pixel_size.setValue(0.0 if size is None else size[0])
        self.shown_pixel_size = self.pixel_size.value()
        self.badge.setVisible(size is None)

    def show_counts(self, counts: dict[tuple[str, int], str]) -> None:
        """Show how many atoms there are of each class, in the colour of its rings."""
        discs = (
            f'<span style="color:{colour}">&#9679;</span> {name}: <b>{count}</b>'
            for (name, count), colour in counts.items()
        )
        self.counts.setText("&nbsp;&nbsp; ".join(discs))
        self.counts.setVisible(bool(counts))

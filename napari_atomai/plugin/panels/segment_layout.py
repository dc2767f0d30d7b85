"""What the Segment panel looks like: its widgets and what they are told. No logic."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QFormLayout, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from napari_atomai.data.recipe import RefineAtoms
from napari_atomai.data.recipes_segment import SegmentImage
from napari_atomai.plugin.asking import ask_file
from napari_atomai.plugin.forms import RecipeForm
from napari_atomai.plugin.own_models import own_models
from napari_atomai.plugin.panels.model_box import ModelBox
from napari_atomai.plugin.panels.picker import ImagePicker
from napari_atomai.plugin.panels.run_box import RunBox
from napari_atomai.plugin.panels.widgets import row

KINDS = "Models (*.safetensors *.tar *.pt *.pth)"
_TIP = "A Segmentor or an ensemble (.safetensors), or a checkpoint of AtomAI (.tar)"


class SegmentModelBox(ModelBox):
    """A list of the models that give a class to every pixel, to which any path can be written."""

    def refresh(self) -> None:
        """List what there is now; the choice stays."""
        chosen = self.box.currentText()
        self.box.clear()
        for model in own_models():
            if model.card is not None and model.card.task == "segmentation":
                self.box.addItem(model.name, str(model.path))
        self.box.setCurrentText(chosen)

    def _browse(self) -> None:
        path = ask_file(self, "Choose a model", KINDS)
        if path is not None:
            self.choose(str(path))


class SegmentForm(QWidget):
    """The widgets of the Segment panel, from top to bottom.

    Parameters
    ----------
    layers : napari LayerList
        The viewer's layers.
    """

    def __init__(self, layers: Any) -> None:
        super().__init__()
        self.picker = ImagePicker(layers)
        self.model_box = SegmentModelBox(_TIP)
        self.model_box.box.lineEdit().setPlaceholderText("choose a file ...")
        self.about, self.counts = QLabel(), QLabel()
        self.about.setWordWrap(True)
        self.counts.setWordWrap(True)
        self.counts.setVisible(False)
        self.run_box = RunBox("Segment", "Segmenting ...")
        self._make_threshold()
        self.export_button = QPushButton("Export results ...")
        self.export_button.setToolTip("Tables, maps, a picture and the recipe, in a new folder")
        rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.addRow("Image", self.picker)
        rows.addRow("Model", self.model_box)
        rows.addRow(self.about)
        self._options = RecipeForm(SegmentImage, [("zoom", "Zoom"), ("contrast", "Atoms are")], rows)
        self._refine = RecipeForm(RefineAtoms, [("method", "Refine by")], rows)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addLayout(rows)
        layout.addWidget(self.run_box)
        layout.addLayout(row(QLabel("Threshold"), self.threshold, self.threshold_label))
        layout.addWidget(self.counts)
        layout.addWidget(self.export_button)
        layout.addStretch(1)

    def _make_threshold(self) -> None:
        self.threshold = QSlider(Qt.Orientation.Horizontal)
        self.threshold.setRange(5, 99)
        self.threshold.setToolTip(
            "Lowest probability that belongs to an object. Acts at once; the net does not run again."
        )
        self.threshold_label = QLabel()
        self.set_threshold(SegmentImage.model_fields["threshold"].default)

    # --- what it is asked ---

    def recipes(self) -> tuple[SegmentImage, RefineAtoms]:
        """Return the options as recipes.

        Raises
        ------
        BadOption
            If an option is not possible.
        """
        chosen = {"model": self.model_box.name(), "threshold": self.threshold.value() / 100}
        return SegmentImage.of({**self._options.options(), **chosen}), self._refine.recipe()  # type: ignore[return-value]

    # --- what it is told ---

    def set_threshold(self, value: float) -> None:
        """Put the slider somewhere without anybody hearing of it."""
        with QSignalBlocker(self.threshold):
            self.threshold.setValue(round(value * 100))
        self.show_threshold()

    def show_threshold(self) -> None:
        """Write the slider's value beside it."""
        self.threshold_label.setText(f"{self.threshold.value() / 100:.2f}")

    def show_about(self, sentence: str) -> None:
        """Say what is known of the chosen model."""
        self.about.setText(sentence)
        self.about.setVisible(bool(sentence))

    def show_counts(self, counts: dict[tuple[str, int], str]) -> None:
        """Show how many atoms there are of each class, in the colour of its rings."""
        discs = (
            f'<span style="color:{colour}">&#9679;</span> {name}: <b>{count}</b>'
            for (name, count), colour in counts.items()
        )
        self.counts.setText("&nbsp;&nbsp; ".join(discs))
        self.counts.setVisible(bool(counts))

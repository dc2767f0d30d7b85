"""What the Atoms panel looks like: its widgets and how they show what they are told. No logic."""

from __future__ import annotations

from importlib import resources
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSlider,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_atomai.data.progress import Progress
from napari_atomai.data.recipe import FINEST_SPACING, FindAtoms, RefineAtoms
from napari_atomai.plugin.forms import RecipeForm
from napari_atomai.plugin.panels.picker import ImagePicker
from napari_atomai.plugin.panels.status_line import StatusLine

_NM_DECIMALS = 5


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
        layout.addLayout(_row(self.find_button, self.stop_button))
        layout.addWidget(self.progress)
        layout.addWidget(self.status)
        layout.addLayout(_row(QLabel("Threshold"), self.threshold, self.threshold_label))
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
        self.model = QComboBox()
        self.model.setEditable(True)
        self.model.addItems(bundled_models())
        self.model.setToolTip(FindAtoms.model_fields["model"].description or "")
        browse = QToolButton()
        browse.setText("...")
        browse.setToolTip("Choose a .safetensors file")
        browse.clicked.connect(self._choose_model)
        self._input = QFormLayout()
        self._input.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._input.addRow("Image", self.picker)
        self._input.addRow("Pixel size", _row(self.pixel_size, self.badge))
        self._input.addRow("Model", _row(self.model, browse))
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
        self.find_button = QPushButton("Find atoms")
        self.find_button.setDefault(True)
        self.stop_button = QPushButton("Stop")
        self.progress = QProgressBar()
        self.progress.setVisible(False)
        self.status = StatusLine()

    def _make_output(self) -> None:
        default = FindAtoms.model_fields["threshold"].default
        self.threshold = QSlider(Qt.Orientation.Horizontal)
        self.threshold.setRange(5, 99)
        self.threshold.setValue(round(default * 100))
        self.threshold.setToolTip(
            "Atoms with a lower score are left out. Acts at once; nothing is computed again."
        )
        self.threshold_label = QLabel(f"{default:.2f}")
        self.counts = QLabel()
        self.counts.setWordWrap(True)
        self.table = QTableView()
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setMinimumHeight(120)
        self.table.verticalHeader().setDefaultSectionSize(20)
        self.table.verticalHeader().setVisible(False)
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
            "model": self.model.currentText().strip(),
        }
        return FindAtoms.of(options), RefineAtoms.of(self._refine_form.options())

    # --- what it is told ---

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line."""
        self.status.say(sentence)

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

    def show_running(self, running: bool, *, has_image: bool) -> None:
        """Show whether work is going on."""
        self.stop_button.setEnabled(running)
        self.find_button.setText("Finding ..." if running else "Find atoms")
        self.find_button.setEnabled(has_image or running)
        self.progress.setVisible(running)
        if running:
            self.progress.setRange(0, 0)
            self.progress.setFormat("")

    def show_progress(self, progress: Progress, left: str) -> None:
        """Show how far the work is, and how long it will still take."""
        self.progress.setRange(0, max(progress.of, 0))
        self.progress.setValue(progress.step)
        self.progress.setFormat(" · ".join(part for part in (progress.message, "%p %", left) if part))

    def show_counts(self, counts: dict[tuple[str, int], str]) -> None:
        """Show how many atoms there are of each class, in the colour of its rings."""
        discs = (
            f'<span style="color:{colour}">&#9679;</span> {name}: <b>{count}</b>'
            for (name, count), colour in counts.items()
        )
        self.counts.setText("&nbsp;&nbsp; ".join(discs))
        self.counts.setVisible(bool(counts))

    def _choose_model(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Choose a model", "", "Models (*.safetensors)")
        if path:
            self.model.setCurrentText(path)


def bundled_models() -> list[str]:
    """Names of the models that come with the package; read from the folder, nothing is loaded."""
    default = str(FindAtoms.model_fields["model"].default)
    files = resources.files("napari_atomai.weights").iterdir()
    names = {file.name.removesuffix(".safetensors") for file in files if file.name.endswith(".safetensors")}
    return [default, *sorted(names - {default})]


def scrolled(widget: QWidget) -> QScrollArea:
    """Put a widget into an area that scrolls where the screen is small."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(widget)
    return area


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        row.addWidget(widget, stretch=0 if isinstance(widget, QLabel | QToolButton) else 1)
    return row

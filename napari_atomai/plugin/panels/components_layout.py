"""What the Components panel looks like: its widgets and what they are told. No logic."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QLabel, QSpinBox, QVBoxLayout, QWidget

from napari_atomai.data.recipes_statistics import LocalStatistics
from napari_atomai.plugin.forms import RecipeForm
from napari_atomai.plugin.panels.components_plot import ComponentPlot
from napari_atomai.plugin.panels.components_source import FOUND_FIRST, GRID, SourceBox
from napari_atomai.plugin.panels.picker import ImagePicker
from napari_atomai.plugin.panels.run_box import RunBox
from napari_atomai.plugin.panels.widgets import button, row

PICTURES, WHERE, SCREE, SCATTER = "Components", "Where they are", "Scree", "Two loadings"
GROUPS = "Groups"
NOTHING, EVERY = "nothing", "all"

_FIELDS = (
    ("method", "Method"),
    ("components", "Components"),
    ("groups", "Groups"),
    ("window", "Window"),
    ("grid", "Grid"),
    ("offset", "Offset"),
)


class ComponentsForm(QWidget):
    """The widgets of the Components panel, from top to bottom.

    Parameters
    ----------
    layers : napari LayerList
        The viewer's layers.
    """

    changed = Signal()
    """Something that the windows depend on."""

    def __init__(self, layers: Any) -> None:
        super().__init__()
        self.picker, self.source = ImagePicker(layers), SourceBox(layers)
        self.picker.setToolTip("The image that windows are cut from")
        self.classes = QComboBox()
        self.classes.setToolTip("Only around the atoms of one class: windows of one kind tell finer things")
        self.preview = QCheckBox("Show the window on the image")
        self.preview.setChecked(True)
        self.about = QLabel()
        self.about.setWordWrap(True)
        self.suggest_button = button(
            "Suggest number", "Count the components that stand above noise, without decomposing"
        )
        self.run_box = RunBox("Decompose", "Decomposing ...")
        self.rows = QFormLayout()
        self.rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.rows.addRow("Image", self.picker)
        self.rows.addRow("Windows", self.source)
        self.rows.addRow("Class", self.classes)
        self.options = RecipeForm(LocalStatistics, _FIELDS, self.rows)
        for name in ("window", "grid"):
            self.options.widget(name).setDecimals(3)
            self.options.widget(name).setSingleStep(0.05)
        self.options.widget("window").setSpecialValueText("automatic")
        self.options.widget("groups").setSpecialValueText("as many as components")
        self.options.widget("components").setSpecialValueText("as many as stand above noise")
        self._make_view()
        self._lay_out()
        self._wire()

    def _make_view(self) -> None:
        self.view, self.result, self.other = QComboBox(), QComboBox(), QComboBox()
        self.view.addItems([PICTURES, WHERE, GROUPS, SCREE, SCATTER])
        self.view.setToolTip(
            "What is plotted; click on a component to see its map, on a group to select its atoms"
        )
        self.result.setToolTip("Which of the last results is shown")
        self.other.setToolTip("Another result beside it; its components are in the order of their partners")
        self.x, self.y = QSpinBox(), QSpinBox()
        for spin, words in ((self.x, "across"), (self.y, "up")):
            spin.setMinimum(1)
            spin.setToolTip(f"Component whose loading is drawn {words}")
        self.y.setValue(2)
        self.pair = QWidget()
        self.pair.setLayout(row(self.x, self.y))
        self.plot = ComponentPlot()
        self.export_button = button(
            "Export ...", "Write loadings (CSV), maps (TIFF and HSPY), figures and the record into a folder"
        )
        self.view_rows = QFormLayout()
        self.view_rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.view_rows.addRow("Result", self.result)
        self.view_rows.addRow("Compare", self.other)
        self.view_rows.addRow("Plot", self.view)
        self.view_rows.addRow("Across, up", self.pair)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addLayout(self.rows)
        layout.addWidget(self.preview)
        layout.addWidget(self.about)
        layout.addWidget(self.suggest_button)
        layout.addWidget(self.run_box)
        layout.addLayout(self.view_rows)
        layout.addWidget(self.plot)
        layout.addWidget(self.export_button)
        layout.addStretch(1)
        self.show_source("", ())
        self.show_runs((), "")

    def _wire(self) -> None:
        self.options.changed.connect(self.changed)
        self.picker.chosen.connect(self.changed)
        self.source.chosen.connect(self.changed)
        self.classes.currentTextChanged.connect(self.changed)
        self.preview.toggled.connect(self.changed)

    # --- what it tells ---

    def recipe(self) -> LocalStatistics:
        """Return the options.

        Raises
        ------
        BadOption
            If one is not possible.
        """
        grid = self.source.is_grid
        chosen = self.classes.currentText() if self.classes.currentIndex() > 0 and not grid else ""
        options = self.options.options()
        return LocalStatistics.of({**options, "around": chosen, "grid": options["grid"] if grid else 0.0})

    # --- what it is told ---

    def put(self, recipe: LocalStatistics) -> None:
        """Put the options of a recipe into the form."""
        if recipe.grid:
            self.source.setCurrentText(GRID)
        elif self.source.is_grid:
            self.source.setCurrentText(FOUND_FIRST)
        self.options.put(recipe.model_dump())
        self.classes.setCurrentText(recipe.around or EVERY)

    def show_source(self, unit: str, names: tuple[str, ...]) -> None:
        """Show what windows around atoms of these classes, or on a grid, need."""
        grid, chosen = self.source.is_grid, self.classes.currentText()
        with QSignalBlocker(self.classes):
            self.classes.clear()
            self.classes.addItems([EVERY, *names])
            self.classes.setCurrentText(chosen if chosen in names else EVERY)
        self.rows.setRowVisible(self.classes, len(names) > 1 and not grid)
        self.rows.setRowVisible(self.options.widget("grid"), grid)
        self.rows.setRowVisible(self.options.widget("offset"), self.options.options()["method"] == "nmf")
        for name in ("window", "grid"):
            spin = self.options.widget(name)
            with QSignalBlocker(spin):
                spin.setSuffix(f" {unit}" if unit else "")

    def show_runs(self, names: tuple[str, ...], chosen: str) -> None:
        """Offer results by their names, one of them chosen."""
        before = self.other.currentText()
        for box, items, text in (
            (self.result, names, chosen),
            (self.other, (NOTHING, *names), before if before in names else NOTHING),
        ):
            with QSignalBlocker(box):
                box.clear()
                box.addItems(list(items))
                box.setCurrentText(text)
        for box in (self.result, self.other, self.view):
            self.view_rows.setRowVisible(box, bool(names))
        self.view_rows.setRowVisible(self.other, len(names) > 1)
        self.plot.setVisible(bool(names))
        self.export_button.setVisible(bool(names))
        self.show_view()

    def show_view(self, number: int = 0) -> None:
        """Show the rows that a plot of so many components needs."""
        shown = self.view.currentText() == SCATTER and self.result.count() > 0
        self.view_rows.setRowVisible(self.pair, shown)
        for spin in (self.x, self.y):
            if number:
                with QSignalBlocker(spin):
                    spin.setMaximum(number)

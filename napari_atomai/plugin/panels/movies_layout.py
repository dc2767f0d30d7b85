"""What the Movies panel looks like: its widgets and what they are told. No logic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractSpinBox, QCheckBox, QComboBox, QFormLayout, QLabel, QVBoxLayout, QWidget

from napari_atomai.data.recipes_lattice import FollowAtoms
from napari_atomai.plugin.form_fields import field_for
from napari_atomai.plugin.panels.lattice_atoms import ALL, AtomsBox
from napari_atomai.plugin.panels.lattice_layout import fill_box
from napari_atomai.plugin.panels.picker import ImagePicker
from napari_atomai.plugin.panels.range_drag import RangeDrag
from napari_atomai.plugin.panels.run_box import RunBox
from napari_atomai.plugin.panels.table import AtomsTable
from napari_atomai.plugin.panels.widgets import button, row, rows_table

BY_ITSELF = "intensity or class"
DRIFT, TRANSITIONS, DWELLS, TRACK, STATES, LENGTHS = (
    "drift", "transitions", "times in the states", "a track over time", "states", "lengths of tracks",
)  # fmt: skip
VIEWS = (TRANSITIONS, DWELLS, STATES, TRACK, DRIFT, LENGTHS)
_UNITS = {"drift": "", "reach": "px", "gap": "", "shortest": "", "states": "", "frame_time": "s"}
"""The options that are shown, and what is written behind their numbers."""
_PLOT, _TABLE, _SPIN, _COLUMN = 200, 105, 56, 58


class MoviesForm(QWidget):
    """The widgets of the Movies panel, from top to bottom.

    Parameters
    ----------
    layers : napari LayerList
        The viewer's layers.
    """

    def __init__(self, layers: Any) -> None:
        super().__init__()
        from napari_atomai.plugin.plots import PlotCanvas  # matplotlib is only loaded for a plot

        self.picker, self.atoms = ImagePicker(layers), AtomsBox(layers)
        self.run_box = RunBox("Follow atoms", "Following ...")
        self.found = QLabel()
        self.found.setWordWrap(True)
        self.found.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.still = QCheckBox("without drift")
        self.still.setToolTip("Show the movie and the tracks as they were seen without drift")
        self.tracks = QCheckBox("tracks")
        self.dots = QCheckBox("states")
        self.tracks.setToolTip("The paths of the atoms as a Tracks layer")
        self.dots.setToolTip("Discs at the atoms in the colours of their states")
        for box in (self.tracks, self.dots):
            box.setChecked(True)
        self.plot = PlotCanvas()
        self.drag = RangeDrag(self.plot)
        self.plot.setFixedHeight(_PLOT)
        self.table, self.model = rows_table(), AtomsTable()
        self.table.setModel(self.model)
        self.table.setFixedHeight(_TABLE)
        self.table.horizontalHeader().setDefaultSectionSize(_COLUMN)
        self.view, self.value = QComboBox(), QComboBox()
        self.view.addItems(list(VIEWS))
        self.view.setToolTip("What is plotted; drag over the values of the states to select those sightings")
        self.value.setToolTip("The value of the chosen track; click on an atom or a row to choose one")
        self.export_button = button("Export ...", "Tables of tracks, drift and transitions, figures, recipe")
        self.rows = QFormLayout()
        self.rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.rows.addRow("Movie", self.picker)
        self.rows.addRow("Atoms", self.atoms)
        self._make_options()
        self._lay_out()

    def _make_options(self) -> None:
        self._fields = {
            name: field_for(FollowAtoms.model_fields[name], unit) for name, unit in _UNITS.items()
        }
        option: dict[str, Any] = {name: field.widget for name, field in self._fields.items()}
        for name, widget in option.items():
            widget.setToolTip(FollowAtoms.model_fields[name].description or "")
            widget.setObjectName(name)
        for name, words in (
            ("reach", "≤ "),
            ("gap", "gap "),
            ("shortest", "seen ≥ "),
            ("frame_time", "frame "),
        ):
            option[name].setPrefix(words)
        for name, words in (("states", "auto"), ("reach", "≤ auto"), ("frame_time", "time of file")):
            option[name].setSpecialValueText(words)
        for name in ("gap", "shortest", "frame_time", "states", "reach"):
            option[name].setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
            option[name].setStyleSheet(f"min-width: {_SPIN}px")  # napari's own is 90
        self.feature = QComboBox()
        self.feature.setToolTip(FollowAtoms.model_fields["feature"].description or "")
        for box in (self.feature, self.value, self.view):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(6)
        option["states"].setFixedWidth(_SPIN)
        self.rows.addRow("Drift by", row(option["drift"], option["frame_time"]))
        self.rows.addRow("Tracks", row(option["reach"], option["gap"], option["shortest"]))
        self.rows.addRow("States by", row(self.feature, option["states"], grow=self.feature))

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addLayout(self.rows)
        layout.addWidget(self.run_box)
        layout.addWidget(self.found)
        layout.addLayout(row(self.tracks, self.dots, self.still))
        layout.addLayout(row(self.view, self.value))
        layout.addWidget(self.plot)
        layout.addWidget(self.table)
        layout.addWidget(self.export_button)
        layout.addStretch(1)

    def options(self) -> dict[str, Any]:
        """Return the options of the recipe as they stand in the form."""
        feature = self.feature.currentText()
        classes = (self.atoms.class_name,) if self.atoms.class_name else ()
        fields = {name: field.get() for name, field in self._fields.items()}
        return {"classes": classes, "feature": "" if feature == BY_ITSELF else feature, **fields}

    def put(self, recipe: FollowAtoms) -> None:
        """Put the options of a recipe into the form."""
        for name, field in self._fields.items():
            field.put(getattr(recipe, name))
        self.feature.setCurrentText(recipe.feature or BY_ITSELF)
        self.atoms.which.setCurrentText(recipe.classes[0] if recipe.classes else ALL)

    def show_features(self, names: Sequence[str]) -> None:
        """Offer the features that the atoms have."""
        fill_box(self.feature, (BY_ITSELF, *names))

    def show_possible(self, values: Sequence[str], *, followed: bool) -> None:
        """Offer what the result has."""
        fill_box(self.value, values)
        for widget in (self.view, self.value, self.tracks, self.dots, self.still, self.export_button):
            widget.setEnabled(followed)

"""What the ELIT panel looks like: its widgets and how they show what they are told. No logic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QLabel, QVBoxLayout, QWidget

from napari_atomai.data.recipes_teaching import Elit
from napari_atomai.plugin.forms import RecipeForm
from napari_atomai.plugin.panels.model_box import ModelBox
from napari_atomai.plugin.panels.picker import ImagePicker
from napari_atomai.plugin.panels.run_box import RunBox
from napari_atomai.plugin.panels.table import AtomsTable
from napari_atomai.plugin.panels.uncertainty_layout import narrow
from napari_atomai.plugin.panels.widgets import button, row, rows_table

NO_TRUTH = "nothing"
COLUMNS = {
    "number": "round",
    "atoms": "atoms",
    "labels": "labels",
    "uncertainty": "spread",
    "score": "score",
    "changed": "changed %",
    "f1": "F1",
}
_WHOLE = ("number", "atoms", "labels")
_FIELDS = [
    ("threshold", "Label from score"),
    ("agreement", "and spread up to"),
    ("iterations", "Rounds"),
    ("steps", "Steps of a round"),
    ("remember", "Simulated part"),
]
_PLOT_HEIGHT = 230
_HEAD, _LINE, _MOST_LINES = 34, 20, 7
"""Of the table, in pixels: what is not its lines, and a line."""
_WARNING = (
    "A smaller spread is no proof: an ensemble that teaches itself grows surer of its mistakes, too. "
    "Look at the rounds on the image."
)

Row = Mapping[str, Any]


class ElitForm(QWidget):
    """The widgets of the ELIT panel, from top to bottom.

    Parameters
    ----------
    layers : napari LayerList
        The viewer's layers.
    """

    def __init__(self, layers: Any) -> None:
        super().__init__()
        from napari_atomai.plugin.plots import PlotCanvas  # brings matplotlib

        self.picker = ImagePicker(layers)
        self.every = QCheckBox("Learn from all images that are open")
        self.model = ModelBox("The ensemble to start from")
        self.model.choose(str(Elit.model_fields["model"].default))
        self.truth = narrow(QComboBox())
        self.truth.setToolTip("Points with the true atoms: nothing is learned from them, F1 is told")
        self.run_box = RunBox("Start ELIT", "Learning ...")
        self.table, self.rows = rows_table(), AtomsTable()
        self.table.setModel(self.rows)
        self.table.setSortingEnabled(False)
        self.table.setToolTip("Select a round to see its atoms on the image")
        self.canvas = PlotCanvas()
        self.canvas.setFixedHeight(_PLOT_HEIGHT)
        self.use_button = button("Use this round", "Find the atoms of this image with its ensemble")
        self.keep_button = button("Keep ...", "Put its ensemble among your own models, under a name")
        self.warning = QLabel(_WARNING)
        self.warning.setWordWrap(True)
        self._lay_out()
        self.show_rounds([])

    def _lay_out(self) -> None:
        rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.addRow("Image", self.picker)
        rows.addRow(self.every)
        rows.addRow("Ensemble", self.model)
        self._options = RecipeForm(Elit, _FIELDS, rows)
        rows.addRow("Judge by", self.truth)
        layout = QVBoxLayout(self)
        layout.addLayout(rows)
        for widget in (self.run_box, self.table, self.canvas):
            layout.addWidget(widget)
        layout.addLayout(row(self.use_button, self.keep_button))
        layout.addWidget(self.warning)
        layout.addStretch(1)

    def recipe(self) -> Elit:
        """Return the options.

        Raises
        ------
        BadOption
            If one is not possible.
        """
        return Elit.of({**self._options.options(), "model": self.model.name()})

    def show_rounds(self, rounds: Sequence[Row], *, whole: bool = False) -> None:
        """Show the numbers of each round; with `whole` they can be chosen and used."""
        for widget in (self.table, self.canvas, self.warning):
            widget.setVisible(bool(rounds))
        self.use_button.setEnabled(whole)
        self.keep_button.setEnabled(whole)
        names = [name for name in COLUMNS if any(each.get(name) is not None for each in rounds)]
        columns = {COLUMNS[name]: _column(rounds, name) for name in names}
        self.rows.set_columns(columns, {})
        self.table.resizeColumnsToContents()
        self.table.setFixedHeight(_HEAD + _LINE * min(max(len(rounds), 2), _MOST_LINES))
        if rounds:
            self._draw(rounds)

    def _draw(self, rounds: Sequence[Row]) -> None:
        self.canvas.split(True)
        number = [int(each["number"]) for each in rounds]
        upper, lower = self.canvas.upper, self.canvas.axes
        upper.plot(number, _column(rounds, "atoms"), "o-", color="#E69F00", label="atoms")
        upper.plot(number, _column(rounds, "labels"), "s:", color="#009E73", label="labels")
        lower.plot(number, _column(rounds, "uncertainty"), "o-", color="#56B4E9")
        lower.set_xlabel("round")
        lower.xaxis.get_major_locator().set_params(integer=True)
        lower.set_ylim(bottom=0)
        lower.set_ylabel("spread")
        upper.legend(fontsize=7, frameon=False, loc="lower right", ncols=2)
        self.canvas.redraw()


def _column(rounds: Sequence[Row], name: str) -> Any:
    if name in _WHOLE:
        return np.array([int(each[name]) for each in rounds], np.int64)
    values = np.array([np.nan if each.get(name) is None else float(each[name]) for each in rounds])
    return 100 * values if name == "changed" else values

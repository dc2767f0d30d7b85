"""What the Rings panel looks like: its widgets and what they are told. No logic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QColor, QPixmap
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QLabel,
    QListView,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_atomai.data.recipes_structure import FindRings
from napari_atomai.plugin.forms import RecipeForm
from napari_atomai.plugin.panels.lattice_atoms import AtomsBox
from napari_atomai.plugin.panels.picker import ImagePicker
from napari_atomai.plugin.panels.run_box import RunBox
from napari_atomai.plugin.panels.structure_elements import ElementsBox
from napari_atomai.plugin.panels.widgets import button, row, rows_table

SIZES, LENGTHS, OVER_TIME = "Ring sizes", "Bond lengths", "Defects over time"

FIELDS = (
    ("definition", "Rings are"),
    ("scale", "Scale"),
    ("bond", "Bond"),
    ("most", "Largest"),
    ("usual", "Usual"),
)
_UNITS = {"scale": "Å/px", "bond": "Å"}


class SizesList(QListWidget):
    """The legend of ring sizes: colour and number of each, ticked while it is shown."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(True)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.setSpacing(2)
        self.setFixedHeight(50)
        self.setToolTip("Members of a ring: number of such rings. Untick a size to hide its rings.")
        self._hidden: set[int] = set()
        self.itemChanged.connect(self._on_item)

    def fill(self, counts: Mapping[int, int], colours: Mapping[int, str]) -> None:
        """Show how many rings there are of each size; sizes that were hidden stay so."""
        with QSignalBlocker(self):
            self.clear()
            for size, count in counts.items():
                item = QListWidgetItem(f"{size}: {count}")
                picture = QPixmap(12, 12)
                picture.fill(QColor(colours[size]))
                item.setData(Qt.ItemDataRole.DecorationRole, picture)
                item.setData(Qt.ItemDataRole.UserRole, size)
                item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
                hidden = size in self._hidden
                item.setCheckState(Qt.CheckState.Unchecked if hidden else Qt.CheckState.Checked)
                self.addItem(item)

    def shown(self) -> list[int]:
        """Return the sizes that are ticked."""
        items = [self.item(i) for i in range(self.count())]
        return [
            int(one.data(Qt.ItemDataRole.UserRole))
            for one in items
            if one.checkState() == Qt.CheckState.Checked
        ]

    def tick(self, size: int, *, on: bool) -> None:
        """Tick a size or take the tick away."""
        for item in (self.item(i) for i in range(self.count())):
            if item.data(Qt.ItemDataRole.UserRole) == size:
                item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)

    def _on_item(self, item: QListWidgetItem) -> None:
        size = int(item.data(Qt.ItemDataRole.UserRole))
        (self._hidden.discard if item.checkState() == Qt.CheckState.Checked else self._hidden.add)(size)
        self.changed.emit()


class RingsForm(QWidget):
    """The widgets of the Rings panel, from top to bottom.

    Parameters
    ----------
    layers : napari LayerList
        The viewer's layers.
    """

    def __init__(self, layers: Any) -> None:
        super().__init__()
        from napari_atomai.plugin.plots import PlotCanvas  # matplotlib is only loaded for a plot

        self.picker, self.atoms, self.elements = ImagePicker(layers), AtomsBox(layers), ElementsBox()
        self.atoms.layer_box.setMinimumContentsLength(3)  # the panel is to fit beside a scroll bar
        self.live = QCheckBox("Again after every change")
        self.live.setToolTip("Find rings anew whenever atoms are added, moved, removed or renamed")
        self.run_box = RunBox("Find rings", "Finding rings ...")
        self.sizes = SizesList()
        self.counts = QLabel()
        self.counts.setWordWrap(True)
        self.table = rows_table()
        self.table.setMinimumHeight(90)
        self.table.setMaximumHeight(180)
        self.table.setToolTip("Click a defect to see it")
        self.view = QComboBox()
        self.view.addItems([SIZES, LENGTHS])
        self.plot = PlotCanvas()
        self.plot.setMinimumHeight(170)
        self.plot.setMaximumHeight(240)
        self.export_button = button(
            "Export ...", "Write rings, defects and bonds as tables, a picture and a record into a folder"
        )
        self.between_button = button(
            "Atoms between the points", "The points are ring centres: put an atom between every three of them"
        )
        self.between_button.hide()
        rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.addRow("Image", self.picker)
        rows.addRow("Atoms", self.atoms)
        rows.addRow("Elements", self.elements)
        self.options = RecipeForm(FindRings, FIELDS, rows, _UNITS)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addLayout(rows)
        layout.addWidget(self.live)
        layout.addWidget(self.run_box)
        layout.addWidget(self.between_button)
        layout.addWidget(self.sizes)
        layout.addWidget(self.counts)
        layout.addWidget(self.table)
        layout.addLayout(row(QLabel("Plot"), self.view, grow=self.view))
        layout.addWidget(self.plot, stretch=1)
        layout.addWidget(self.export_button)

    def show_possible(self, *, found: bool, movie: bool, centres: bool) -> None:
        """Show what can be done and plotted now."""
        self.between_button.setVisible(centres)
        for part in (self.sizes, self.table, self.view, self.export_button):
            part.setEnabled(found)
        for part in (self.sizes, self.counts, self.table, self.plot):
            part.setVisible(found)
        place = self.view.findText(OVER_TIME)
        if movie and place < 0:
            self.view.addItem(OVER_TIME)
        elif not movie and place >= 0:
            self.view.removeItem(place)

"""The table of measurements: what is selected in it is selected on the image, and the other way round."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from qtpy.QtCore import QItemSelection, QItemSelectionModel, QObject, QSignalBlocker, Signal
from qtpy.QtWidgets import QTableView

from napari_atomai.plugin.measurements import Measurement, unit_of
from napari_atomai.plugin.panels.table import AtomsTable


class MeasureTable(QObject):
    """Fills a table with measurements.

    Parameters
    ----------
    view : QTableView
        The table.
    """

    chosen = Signal(set)
    """Numbers of the measurements whose rows the user has chosen."""

    def __init__(self, view: QTableView) -> None:
        super().__init__(view)
        self._view = view
        self._numbers: list[int] = []
        self._fitted = ("", 0)
        self.model = AtomsTable()
        view.setModel(self.model)
        view.selectionModel().selectionChanged.connect(self._on_rows)

    def fill(self, measured: list[Measurement], selected: Collection[int]) -> None:
        """Show measurements, and which of them are selected on the image."""
        unit, self._numbers = unit_of(measured), [one.number for one in measured]
        columns = {
            "#": np.array(self._numbers, dtype=np.int64) + 1,
            "kind": np.array([one.kind for one in measured], dtype=object),
            f"length {unit}": np.array([one.length for one in measured], dtype=float),
            "angle °": np.array([one.degrees for one in measured], dtype=float),
            f"width {unit}": np.array([one.width for one in measured], dtype=float),
        }
        with QSignalBlocker(self._view.selectionModel()):
            self.model.set_columns(columns if measured else {}, {})
            self._select([i for i, number in enumerate(self._numbers) if number in selected])
        self._view.viewport().update()
        if (unit, len(measured)) != self._fitted:
            self._fitted = (unit, len(measured))
            self._view.resizeColumnsToContents()

    def _select(self, rows: list[int]) -> None:
        selection, last = QItemSelection(), self.model.columnCount() - 1
        for row in self.model.rows(rows):
            selection.select(self.model.index(row, 0), self.model.index(row, last))
        self._view.selectionModel().select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)

    def _on_rows(self, *_: object) -> None:
        rows = self.model.atoms(index.row() for index in self._view.selectionModel().selectedRows())
        self.chosen.emit({self._numbers[row] for row in rows})

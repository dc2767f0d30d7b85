"""Atoms as rows: a table model over columns, sorted without touching the columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtGui import QColor

_ALIGN = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_NONE = QModelIndex()


class AtomsTable(QAbstractTableModel):
    """Shows columns of equal length; `order` says which atom each row shows."""

    def __init__(self) -> None:
        super().__init__()
        self._columns: dict[str, NDArray[Any]] = {}
        self._names: list[str] = []
        self._colours: Mapping[str, str] = {}
        self._order = np.empty(0, np.int64)
        self._row_of = np.empty(0, np.int64)
        self._sorted_by: tuple[str, bool] | None = None

    def set_columns(self, columns: Mapping[str, NDArray[Any]], colours: Mapping[str, str]) -> None:
        """Show other atoms; the order that the user chose stays."""
        self.beginResetModel()
        self._columns = dict(columns)
        self._names = list(columns)
        self._colours = dict(colours)
        self._arrange()
        self.endResetModel()

    def atoms(self, rows: Iterable[int]) -> list[int]:
        """Which atoms the rows show."""
        return [int(self._order[row]) for row in rows if 0 <= row < len(self._order)]

    def rows(self, atoms: Iterable[int]) -> list[int]:
        """In which rows atoms are shown."""
        return [int(self._row_of[atom]) for atom in atoms if 0 <= atom < len(self._row_of)]

    def rowCount(self, parent: QModelIndex = _NONE) -> int:  # noqa: D102 - Qt's name
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: QModelIndex = _NONE) -> int:  # noqa: D102 - Qt's name
        return 0 if parent.isValid() else len(self._names)

    def headerData(  # noqa: D102 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return self._names[section] if orientation == Qt.Orientation.Horizontal else str(section + 1)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102
        name = self._names[index.column()]
        value = self._columns[name][self._order[index.row()]]
        if role == Qt.ItemDataRole.DisplayRole:
            return written(value)
        if role == Qt.ItemDataRole.TextAlignmentRole and not isinstance(value, str):
            return _ALIGN
        if role == Qt.ItemDataRole.DecorationRole and name == "class" and value in self._colours:
            return QColor(self._colours[value])
        return None

    def sort(  # noqa: D102 - Qt's name
        self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder
    ) -> None:
        if not 0 <= column < len(self._names):
            return
        self.layoutAboutToBeChanged.emit()
        self._sorted_by = (self._names[column], order == Qt.SortOrder.DescendingOrder)
        self._arrange()
        self.layoutChanged.emit()

    def _arrange(self) -> None:
        count = len(next(iter(self._columns.values()))) if self._columns else 0
        name, down = self._sorted_by or ("", False)
        if name in self._columns:
            column = self._columns[name]
            keys = column.astype(str) if column.dtype == object else column
            order = np.argsort(keys, kind="stable")
            self._order = order[::-1] if down else order
        else:
            self._order = np.arange(count)
        self._row_of = np.empty(count, np.int64)
        self._row_of[self._order] = np.arange(count)


def written(value: Any) -> str:
    """Write a number as a person would: four digits that matter, a dash for what is not known."""
    if isinstance(value, float | np.floating):
        if np.isnan(value):
            return "–"
        size = abs(float(value))
        return (
            f"{value:.2f}" if size >= 100 else f"{value:.3f}" if size >= 0.01 or size == 0 else f"{value:.2e}"
        )
    return str(value)

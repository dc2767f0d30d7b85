"""The table of atoms and the points on the screen: what is selected in one is selected in the other."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QItemSelection, QItemSelectionModel, QObject, Signal
from qtpy.QtWidgets import QAbstractItemView, QTableView

from napari_atomai.plugin.camera import centre_on
from napari_atomai.plugin.connections import Connections
from napari_atomai.plugin.panels.table import AtomsTable
from napari_atomai.plugin.points import atoms_of, colours_of

_MOST_ROWS = 2000
"""Selecting more points than this is not copied to the table: Qt would take seconds."""


class TableLink(QObject):
    """Fills a table with the atoms of a Points layer and links both selections.

    Parameters
    ----------
    view : QTableView
        The table.
    viewer : napari.Viewer
        Its camera is centred on the atom of the row that was clicked.
    """

    refilled = Signal()

    def __init__(self, view: QTableView, viewer: Any) -> None:
        super().__init__(view)
        self._view = view
        self._viewer = viewer
        self._model = AtomsTable()
        self._points: Any = None
        self._busy = False
        self._headers: list[str] = []
        self._connections = Connections(self)
        view.setModel(self._model)
        view.selectionModel().selectionChanged.connect(self._on_rows)

    @property
    def model(self) -> AtomsTable:
        """The table's model."""
        return self._model

    def show(self, points: Any) -> None:
        """Show the atoms of a Points layer; None empties the table."""
        if points is not self._points:
            self._connections.close()
            self._points = points
            if points is not None:
                self._connections.connect(points.selected_data.events.items_changed, self._on_points)
                self._connections.connect(points.events.features, self._refill)
                self._connections.connect(points.events.data, self._on_data)
        self._refill()

    def _on_data(self, event: Any) -> None:
        # While data are replaced the features are still those of before: `features` comes after.
        if str(getattr(event, "action", "")) in {"changed", "removed"}:
            self._refill()

    def _refill(self, _event: Any = None) -> None:
        if self._busy:
            return
        columns: dict[str, Any] = {}
        colours: dict[str, str] = {}
        if self._points is not None and len(self._points.features) == len(self._points.data):
            atoms = atoms_of(self._points)
            columns = _ordered(
                atoms.table(), calibrated=atoms.pixel_size is not None, movie=self._points.ndim > 2
            )
            names = atoms.class_names
            colours = dict(zip(names, colours_of(len(names)), strict=True))
        self._busy = True
        try:
            self._model.set_columns(columns, colours)
        finally:
            self._busy = False
        self.refilled.emit()
        if list(columns) != self._headers:
            self._headers = list(columns)
            self._view.resizeColumnsToContents()

    def _on_rows(self, *_: Any) -> None:
        if self._busy or self._points is None:
            return
        rows = [index.row() for index in self._view.selectionModel().selectedRows()]
        atoms = self._model.atoms(rows)
        self._busy = True
        try:
            self._points.selected_data = set(atoms)
            current = self._model.atoms([self._view.currentIndex().row()])
            if current and current[0] in atoms:
                centre_on(self._viewer, self._points, current[0])
        finally:
            self._busy = False

    def _on_points(self, *_: Any) -> None:
        if self._busy or self._points is None:
            return
        rows = self._model.rows(sorted(self._points.selected_data))
        if len(rows) > _MOST_ROWS:
            return
        selection = QItemSelection()
        last = self._model.columnCount() - 1
        for row in rows:
            selection.select(self._model.index(row, 0), self._model.index(row, last))
        self._busy = True
        try:
            flag = QItemSelectionModel.SelectionFlag.ClearAndSelect
            self._view.selectionModel().select(selection, flag)
            if rows:
                hint = QAbstractItemView.ScrollHint.EnsureVisible
                self._view.scrollTo(self._model.index(rows[0], 0), hint)
        finally:
            self._busy = False


def _ordered(table: dict[str, Any], *, calibrated: bool, movie: bool) -> dict[str, Any]:
    """Put first what people look at first; leave out what is not known of this image."""
    first = ["id", "class", "score", *(["frame"] if movie else []), "row_px", "col_px"]
    left_out = {*(() if calibrated else ("x_nm", "y_nm")), *(() if movie else ("frame",))}
    names = [name for name in first if name in table]
    names += [name for name in table if name not in first and name not in left_out]
    return {name: table[name] for name in names}

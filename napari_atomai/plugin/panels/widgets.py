"""Small widgets that panels are put together from."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, Qt, QTimer
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)


def row(*widgets: QWidget, grow: QWidget | None = None) -> QHBoxLayout:
    """Put widgets side by side; labels and tool buttons keep their width.

    Parameters
    ----------
    *widgets : QWidget
        From left to right.
    grow : QWidget, optional
        The one that takes all the room that is left; without it all but labels share it.
    """
    line = QHBoxLayout()
    line.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        wide = widget is grow if grow is not None else not isinstance(widget, QLabel | QToolButton)
        line.addWidget(widget, stretch=int(wide))
    return line


def button(text: str, tip: str = "") -> QPushButton:
    """Make a button that says in its tip what it does."""
    made = QPushButton(text)
    made.setToolTip(tip)
    return made


def scrolled(widget: QWidget) -> QScrollArea:
    """Put a widget into an area that scrolls where the screen is small."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(widget)
    return area


def fill(panel: QWidget, form: QWidget) -> None:
    """Make a form the scrolled content of a panel."""
    layout = QVBoxLayout(panel)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(scrolled(form))


def timer(owner: QObject, milliseconds: int, call: Callable[[], None], *, once: bool = True) -> QTimer:
    """Make a timer that ends with its owner; it is not started."""
    made = QTimer(owner)
    made.setSingleShot(once)
    made.setInterval(milliseconds)
    made.timeout.connect(call)
    return made


def rows_table() -> QTableView:
    """Make a table in which whole rows are selected and nothing is typed."""
    table = QTableView()
    table.setSortingEnabled(True)
    table.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setMinimumHeight(120)
    table.verticalHeader().setDefaultSectionSize(20)
    table.verticalHeader().setVisible(False)
    return table

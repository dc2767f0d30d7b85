"""Which element each class of atoms is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QCompleter, QFormLayout, QLabel, QLineEdit, QWidget

from napari_atomai.graphx.radii import COVALENT_RADII
from napari_atomai.plugin.layers import KEY

_ELEMENTS = "elements"
"""Entry of the notes of a layer of atoms: element of each class by its name."""


class ElementsBox(QWidget):
    """A line for each class, in which its element is typed."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._lines: dict[str, QLineEdit] = {}
        self._rows = QFormLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._none = QLabel("no atoms yet")
        self._rows.addRow(self._none)

    def show(self, names: Sequence[str], elements: Mapping[str, str]) -> None:  # type: ignore[override]
        """Show these classes and elements; what was typed for a class stays until another is given."""
        if list(names) != list(self._lines):
            while self._rows.rowCount() > 1:
                self._rows.removeRow(1)
            self._lines = {name: self._line(name) for name in names}
            self._none.setVisible(not names)
        for name, line in self._lines.items():
            with QSignalBlocker(line):
                line.setText(elements.get(name, ""))

    def elements(self) -> dict[str, str]:
        """Return the element of each class as it is typed; empty where nothing is."""
        return {name: line.text().strip() for name, line in self._lines.items()}

    def line(self, name: str) -> QLineEdit:
        """Return the line of a class."""
        return self._lines[name]

    def _line(self, name: str) -> QLineEdit:
        line = QLineEdit()
        line.setPlaceholderText("element, as Si")
        line.setToolTip(f"Symbol of the element that atoms of class {name!r} are")
        completer = QCompleter(list(COVALENT_RADII), line)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        line.setCompleter(completer)
        line.textChanged.connect(self.changed)
        self._rows.addRow(name, line)
        return line


def known_elements(points: Any, names: Sequence[str], default: str = "") -> dict[str, str]:
    """Return the elements of classes: as typed before in any panel, else as they are called, else this."""
    typed = {} if points is None else points.metadata.get(KEY, {}).get(_ELEMENTS, {})
    return {name: typed.get(name) or (name if name in COVALENT_RADII else default) for name in names}


def remember_elements(points: Any, elements: Mapping[str, str]) -> None:
    """Note what was typed with the layer of atoms, for other panels and a later session."""
    points.metadata.setdefault(KEY, {})[_ELEMENTS] = dict(elements)

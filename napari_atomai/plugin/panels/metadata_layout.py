"""What the Metadata panel looks like: its widgets and how they show what they are told. No logic."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QGridLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QTreeView,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_atomai.data.understood import AXES, Fact
from napari_atomai.plugin.panels.metadata_content import Content
from napari_atomai.plugin.panels.status_line import StatusLine

_ROW = 20
_MOST_ROWS = 12
_MOST_NOTES = 3
_PAUSE = 150
"""Milliseconds without a key before the tags are searched."""


class MetadataForm(QWidget):
    """The widgets of the Metadata panel, from top to bottom."""

    searched = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._make_head()
        self._make_facts()
        self._make_tree()
        self._make_buttons()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(5)
        for widget in (self.name, self.file, self.notes, self.facts, self.search):
            layout.addWidget(widget)
        layout.addWidget(self.tree, stretch=1)
        layout.addLayout(self._buttons)
        layout.addWidget(self.status)

    def _make_head(self) -> None:
        self.name, self.file = QElidingLabel(), QElidingLabel()
        self.name.setStyleSheet("QLabel { font-weight: bold; }")
        self.notes = QLabel()
        self.notes.setWordWrap(True)
        self.notes.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)

    def _make_facts(self) -> None:
        self.facts = QTableWidget(0, 2)
        self.facts.horizontalHeader().setVisible(False)
        self.facts.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        self.facts.horizontalHeader().setStretchLastSection(True)
        self.facts.verticalHeader().setVisible(False)
        self.facts.verticalHeader().setMinimumSectionSize(_ROW)
        self.facts.verticalHeader().setDefaultSectionSize(_ROW)
        self.facts.setShowGrid(False)
        self.facts.setWordWrap(False)
        self.facts.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.facts.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.facts.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.facts.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.facts.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.facts.setToolTip("What is certain about the measurement; double click: show the tag")

    def _make_tree(self) -> None:
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search tags")
        self.search.setClearButtonEnabled(True)
        self.search.setToolTip("Show the tags whose name, value or path contains all of these words")
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE)
        self._timer.timeout.connect(lambda: self.searched.emit(self.search.text()))
        self.search.textChanged.connect(self._timer.start)
        self.tree = QTreeView()
        self.tree.setUniformRowHeights(True)
        self.tree.setAlternatingRowColors(False)
        self.tree.setMinimumHeight(120)
        self.tree.setIndentation(12)
        self.tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.tree.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.tree.setToolTip("The tags of the file, as its program wrote them")
        self.tree.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def _make_buttons(self) -> None:
        self.copy_value = _button("Copy value", "Copy the value of the chosen tag, whole")
        self.copy_path = _button("Copy path", "Copy where the chosen tag stands, its names joined by /")
        self.copy_all = _button("Copy all", "Copy everything about this layer as JSON")
        self.export = _button("Export JSON ...", "Write everything about this layer to a JSON file")
        self._buttons = QGridLayout()
        self._buttons.setSpacing(4)
        for i, button in enumerate((self.copy_value, self.copy_path, self.copy_all, self.export)):
            self._buttons.addWidget(button, i // 2, i % 2)
        self.status = StatusLine()

    # --- what it is told ---

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line."""
        self.status.say(sentence)

    def show_content(self, content: Content | None) -> None:
        """Show a layer's file and facts; None: there is no layer."""
        self.name.setText("" if content is None else content.name)
        self.name.setToolTip("The layer that is chosen in the list of layers")
        self._show_file(content)
        notes = () if content is None else content.notes
        more = f"\n… and {len(notes) - _MOST_NOTES} more" if len(notes) > _MOST_NOTES else ""
        self.notes.setText("\n".join(notes[:_MOST_NOTES]) + more)
        self.notes.setToolTip("\n".join(notes))
        self.notes.setVisible(bool(notes))
        self._show_facts(() if content is None else content.facts)
        for widget in (self.search, self.tree, self.copy_all, self.export):
            widget.setEnabled(content is not None)

    def _show_file(self, content: Content | None) -> None:
        path, reader = ("", "") if content is None else (content.path, content.reader)
        self.file.setText(" · ".join(part for part in (Path(path).name, reader) if part))
        self.file.setToolTip("\n".join(part for part in (path, reader and f"Read by {reader}") if part))
        self.file.setVisible(bool(path or reader))

    def _show_facts(self, facts: Sequence[Fact]) -> None:
        self.facts.clearContents()
        self.facts.setRowCount(len(facts))
        for row, fact in enumerate(facts):
            found = "From the calibration of the layer" if fact.found_at == AXES else fact.found_at
            for column, text in enumerate((fact.name, fact.text)):
                item = QTableWidgetItem(text)
                item.setToolTip(f"{fact.name}: {fact.text}\n{found}")
                self.facts.setItem(row, column, item)
        self.facts.setVisible(bool(facts))
        self.facts.setFixedHeight(_ROW * min(len(facts), _MOST_ROWS) + 4)

    def show_chosen(self, chosen: bool) -> None:
        """Show whether a tag is chosen that can be copied."""
        self.copy_value.setEnabled(chosen)
        self.copy_path.setEnabled(chosen)


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    return button

"""The Metadata panel: what is known about the chosen layer, and all tags of its file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QModelIndex, QPoint
from qtpy.QtGui import QGuiApplication, QKeySequence
from qtpy.QtWidgets import QFileDialog, QMenu, QShortcut, QVBoxLayout

from napari_atomai.data.understood import AXES
from napari_atomai.files.tagfile import tags_text, write_tags
from napari_atomai.plugin.connections import Connections
from napari_atomai.plugin.latest import Latest
from napari_atomai.plugin.messages import explain
from napari_atomai.plugin.panels.metadata_content import RECIPE, Content, content_of
from napari_atomai.plugin.panels.metadata_layout import MetadataForm
from napari_atomai.plugin.panels.metadata_tree import Tag, TagTree, Walked, value_text, walk
from napari_atomai.plugin.panels.panel import Panel
from napari_atomai.plugin.panels.widgets import scrolled
from napari_atomai.plugin.slots import worded

if TYPE_CHECKING:
    import napari

_NO_LAYER = "Choose a layer in the list of layers."
_NO_TAGS = "The file of this layer holds no tags."
_EXPANDED = 500
_AT_ONCE = 3000
"""So many tags are walked without anybody noticing; more are left to a worker."""
_EVENTS = ("metadata", "name", "scale", "translate", "units", "axis_labels", "data")


class MetadataPanel(Panel):
    """Show what is known about the layer that is chosen in the list of layers.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer whose layers are shown.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:  # napari injects by this name
        super().__init__("Metadata")
        self.viewer = viewer
        self.form = MetadataForm()
        self.model = TagTree()
        self.content: Content | None = None
        self._layer: Any = None
        self._chosen: tuple[str, Tag | str] | None = None
        self._shown: Any = None
        self._file, self._walks = Latest(self, "Writing metadata"), Latest(self, "Reading metadata")
        self._layer_events, self._events = Connections(self), Connections(self)
        self.form.tree.setModel(self.model)
        self.form.tree.header().resizeSection(0, 150)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scrolled(self.form))
        self._wire()
        self._on_layers()

    def _wire(self) -> None:
        form = self.form
        form.searched.connect(self.search)
        form.tree.selectionModel().currentChanged.connect(self._on_tag)
        form.facts.itemSelectionChanged.connect(self._on_fact)
        form.facts.cellDoubleClicked.connect(self._on_reveal)
        form.copy_value.clicked.connect(self.copy_value)
        form.copy_path.clicked.connect(self.copy_path)
        form.copy_all.clicked.connect(self.copy_all)
        form.export.clicked.connect(self._on_export)
        for view in (form.tree, form.facts):
            view.customContextMenuRequested.connect(lambda at, view=view: self._on_menu(view, at))
            copy = QShortcut(QKeySequence(QKeySequence.StandardKey.Copy), view)
            copy.activated.connect(self.copy_value)
        self._walks.succeeded.connect(self._show)
        self._walks.failed.connect(lambda error: self.say(explain(error, "reading the metadata").text))
        self._file.succeeded.connect(lambda path: self.say(f"Written to {path}."))
        self._file.failed.connect(lambda error: self.say(explain(error, "exporting the metadata").text))
        layers = self.viewer.layers
        self._events.connect(layers.selection.events.active, self._on_layers)
        for name in ("inserted", "removed"):
            self._events.connect(getattr(layers.events, name), self._on_layers)

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line."""
        self.form.say(sentence)

    # --- which layer ---

    @worded("choosing a layer")
    def _on_layers(self, _event: Any = None) -> None:
        layers = list(self.viewer.layers)
        active = self.viewer.layers.selection.active
        kept = next((layer for layer in layers if layer is self._layer), None)
        layer = active if active is not None else kept or (layers[-1] if layers else None)
        if layer is self._layer and layer is not None:
            return
        self._layer_events.close()
        self._layer = layer
        if layer is not None:
            for name in _EVENTS:
                emitter = getattr(layer.events, name, None)
                if emitter is not None:
                    self._layer_events.connect(emitter, self.refresh)
        self.refresh()

    @worded("showing the metadata")
    def refresh(self, _event: Any = None) -> None:
        """Show the metadata of the layer anew."""
        self.content = None if self._layer is None else content_of(self._layer)
        self.form.show_content(self.content)
        tags = {} if self.content is None else self.content.tags or {}
        if self._shown is None or self._is_other(tags):
            self._shown = dict(tags)
            self._walk(self._shown)
        self._say_count()

    def _walk(self, tags: dict[str, Any]) -> None:
        self._walks.drop()
        walked = walk(tags, _AT_ONCE)
        self._show(walked)
        if len(walked.tags) >= _AT_ONCE:
            self._walks.ask(lambda: walk(tags))

    @worded("showing the metadata")
    def _show(self, walked: Walked) -> None:
        self.model.show(walked, self.form.search.text())
        self._choose(None)
        self._expand()
        self._say_count()

    def _is_other(self, tags: Any) -> bool:
        # Scale, name and data change often; the same objects need not be walked again, nor the tree closed.
        before = self._shown
        if before.keys() != tags.keys():
            return True
        recipe = before.get(RECIPE) != tags.get(RECIPE)  # read from its text each time
        return recipe or any(before[key] is not tags[key] for key in tags if key != RECIPE)

    # --- the tree ---

    @worded("searching the tags")
    def search(self, pattern: str) -> None:
        """Show only the tags whose name, value or path contains the words of the pattern."""
        if pattern.split() != self.model.pattern.split():
            self.model.search(pattern)
            self._expand()
            self._choose(None)
            self._say_count()

    def _expand(self) -> None:
        tree = self.form.tree
        if self.model.pattern.strip():
            count = self.model.matches
            tree.expandAll() if count <= _EXPANDED else tree.expandToDepth(1)
        else:
            tree.collapseAll()
            tree.expand(self.model.index(0, 0))

    def _say_count(self) -> None:
        if self.content is None:
            self.say(_NO_LAYER)
        elif not len(self.model):
            self.say(_NO_TAGS)
        elif self.model.pattern.strip():
            self.say(f"{_tags(self.model.matches)} found.")
        else:
            more = " so far ..." if self._walks.busy else ""
            more = more or " (not all are shown; an export holds more)" * self.model.truncated
            self.say(f"{_tags(self.model.matches)}{more}.")

    @worded("choosing a tag")
    def _on_tag(self, index: QModelIndex, _before: Any = None) -> None:
        tag = self.model.tag(index)
        if tag is not None:
            self.form.facts.clearSelection()
        self._choose(None if tag is None else (tag.path, tag))
        self._say_count()

    @worded("choosing a fact")
    def _on_fact(self) -> None:
        rows = {item.row() for item in self.form.facts.selectedItems()}
        if rows and self.content is not None:
            fact = self.content.facts[min(rows)]
            self._choose((fact.found_at, fact.text))
            self._say_count()

    @worded("showing a tag")
    def _on_reveal(self, row: int, _column: int = 0) -> None:
        if self.content is None or self.content.facts[row].found_at == AXES:
            return
        path = self.content.facts[row].found_at
        index = self.model.index_of(path)
        if not index.isValid() and self.form.search.text():
            self.form.search.clear()
            self.search("")
            index = self.model.index_of(path)
        if index.isValid():
            self.form.tree.setCurrentIndex(index)
            self.form.tree.scrollTo(index)

    def _choose(self, chosen: tuple[str, Tag | str] | None) -> None:
        self._chosen = chosen
        self.form.show_chosen(chosen is not None)

    # --- copies and files ---

    @worded("copying a value")
    def copy_value(self, _checked: bool = False) -> None:
        """Copy the value of the chosen tag, whole."""
        if self._chosen is not None:
            self._copy(_whole(self._chosen[1]))

    @worded("copying a path")
    def copy_path(self, _checked: bool = False) -> None:
        """Copy the path of the chosen tag."""
        if self._chosen is not None:
            self._copy(self._chosen[0])

    @worded("copying the metadata")
    def copy_all(self, _checked: bool = False) -> None:
        """Copy everything about the layer as JSON."""
        if self.content is not None:
            QGuiApplication.clipboard().setText(tags_text(self.content.as_tags()))
            self.say("Copied all as JSON.")

    def export(self, path: Path) -> None:
        """Write everything about the layer to a JSON file, in a worker."""
        if self.content is None:
            return
        tags = self.content.as_tags()

        def write() -> Path:
            write_tags(tags, path)
            return path

        self._file.ask(write)

    @worded("exporting the metadata")
    def _on_export(self, _checked: bool = False) -> None:
        if self.content is None:
            return
        stem = re.sub(r"[^\w.\-]+", "_", self.content.name).strip("_") or "layer"
        path, _ = QFileDialog.getSaveFileName(self, "Export", f"{stem}_metadata.json", "JSON (*.json)")
        if path:
            self.export(Path(path))

    def _copy(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self.say("Copied.")

    @worded("opening the menu")
    def _on_menu(self, view: Any, at: QPoint) -> None:
        menu = self.menu()
        menu.exec(view.viewport().mapToGlobal(at))
        menu.deleteLater()

    def menu(self) -> QMenu:
        """Return what the right mouse button offers."""
        menu = QMenu(self)
        for text, slot in (
            ("Copy value", self.copy_value),
            ("Copy path", self.copy_path),
            ("Copy all as JSON", self.copy_all),
            ("Export JSON ...", self._on_export),
        ):
            action = menu.addAction(text)
            action.triggered.connect(slot)
            is_one = slot in (self.copy_value, self.copy_path)
            action.setEnabled((self._chosen if is_one else self.content) is not None)
        return menu


def _tags(count: int) -> str:
    return f"{count:,} tags" if count != 1 else "1 tag"


def _whole(chosen: Tag | str) -> str:
    if isinstance(chosen, str):
        return chosen
    return tags_text(chosen.value) if chosen.children else value_text(chosen)

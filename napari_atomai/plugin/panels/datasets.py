"""The Datasets panel: what is in the files opened in a viewer, and a way to show it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, Qt, QTimer
from qtpy.QtWidgets import QSizePolicy, QTreeWidgetItem, QVBoxLayout

from napari_atomai.data.image import Image
from napari_atomai.data.progress import Progress
from napari_atomai.plugin import docks
from napari_atomai.plugin.jobs import Job, Work
from napari_atomai.plugin.latest import Latest
from napari_atomai.plugin.layers import image_layer_data
from napari_atomai.plugin.messages import explain
from napari_atomai.plugin.opened import OpenedFile, opened_of
from napari_atomai.plugin.panels.datasets_layout import EMPTY, DatasetsForm, described, icon_of
from napari_atomai.plugin.panels.panel import Panel
from napari_atomai.plugin.slots import worded
from napari_atomai.plugin.thumbnails import thumbnail

if TYPE_CHECKING:
    import napari

    from napari_atomai.data.spectrum import Spectrum

_DATASET = Qt.ItemDataRole.UserRole


class DatasetsPanel(Panel):
    """Lists the datasets of the files opened in a viewer.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer whose files are listed, and which gets the layers.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:  # napari injects by this name
        super().__init__("Datasets")
        self.viewer = viewer
        self.opened = opened_of(viewer)
        self.form = DatasetsForm()
        self._jobs: list[Job] = []
        self._drawn: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
        self._drawing: Any = None
        self._pictures = Latest(self, "Thumbnails")
        self._pictures.succeeded.connect(self._on_picture)
        self._pictures.failed.connect(lambda _error: self._on_picture(None))
        self._later = QTimer(self)  # a file with many layers changes many times in one turn
        self._later.setSingleShot(True)
        self._later.setInterval(0)
        self._later.timeout.connect(self.refresh)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.form)
        # Without this napari gives the height that is left to an empty space below the list.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.form.tree.itemDoubleClicked.connect(self._on_double_click)
        self.form.tree.itemSelectionChanged.connect(self._on_selection)
        self.form.add_button.clicked.connect(self._on_add)
        self.form.close_button.clicked.connect(self._on_close)
        self.opened.changed.connect(self._later.start)
        self.refresh()

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line."""
        self.form.status.say(sentence)

    # --- the list ---

    @worded("listing the datasets")
    def refresh(self) -> None:
        """List what is there now; what was chosen stays chosen."""
        tree, chosen = self.form.tree, self._chosen()
        with QSignalBlocker(tree):
            tree.clear()
            for file in self.opened.files:
                tree.addTopLevelItem(self._file_item(file))
            tree.expandAll()
            for item in self._items():
                item.setSelected(item.data(0, _DATASET) in chosen)
        self._on_selection()
        if not self.opened.files:
            self.say(EMPTY)
        elif self.form.status.text() == EMPTY:
            self.say("")
        self.form.status.keep_for(self._about())
        self._draw_next()

    def _about(self) -> Any:
        return self.opened.files, len(self.viewer.layers)

    def _file_item(self, file: OpenedFile) -> QTreeWidgetItem:
        count = len(file.datasets)
        parent = QTreeWidgetItem([f"{file.path.name} ({count} dataset{'s' if count > 1 else ''})"])
        parent.setToolTip(0, str(file.path))
        parent.setFlags(parent.flags() & ~Qt.ItemFlag.ItemIsSelectable)
        for dataset in file.datasets:
            there = self.opened.layer_of(dataset) is not None
            item = QTreeWidgetItem([described(dataset, in_viewer=there)])
            where = "Already in the viewer." if there else "Not in the viewer yet: double click adds it."
            item.setToolTip(0, "\n".join([dataset.name, where, *dataset.notes]))
            item.setIcon(0, icon_of(self._drawn.get(dataset), _ratio(dataset)))
            item.setData(0, _DATASET, dataset)
            parent.addChild(item)
        return parent

    def _items(self) -> list[QTreeWidgetItem]:
        tree = self.form.tree
        parents = [tree.topLevelItem(i) for i in range(tree.topLevelItemCount())]
        return [parent.child(i) for parent in parents for i in range(parent.childCount())]

    def _chosen(self) -> list[Image | Spectrum]:
        return [item.data(0, _DATASET) for item in self._items() if item.isSelected()]

    def _on_selection(self) -> None:
        some = bool(self._chosen())
        self.form.add_button.setEnabled(some)
        self.form.close_button.setEnabled(some)

    # --- thumbnails, one after the other ---

    def _draw_next(self) -> None:
        if self._drawing is not None:
            return
        missing = (one for file in self.opened.files for one in file.datasets if one not in self._drawn)
        self._drawing = next(missing, None)
        if self._drawing is not None:
            dataset = self._drawing
            self._pictures.ask(lambda: thumbnail(dataset))

    @worded("drawing a thumbnail")
    def _on_picture(self, grey: Any) -> None:
        dataset, self._drawing = self._drawing, None
        self._drawn[dataset] = grey
        for item in self._items():
            if item.data(0, _DATASET) is dataset:
                item.setIcon(0, icon_of(grey, _ratio(dataset)))
        self._draw_next()

    # --- what the user does ---

    def add(self, datasets: list[Image | Spectrum]) -> None:
        """Add images to the viewer as layers, and plot the last of the spectra."""
        images = [one for one in datasets if isinstance(one, Image)]
        spectra = [one for one in datasets if not isinstance(one, Image)]
        if images:
            self._start(images)
        if spectra:
            docks.show_spectrum(self.viewer, spectra[-1])

    def _start(self, images: list[Image]) -> None:
        # In a worker: the contrast of a lazy image reads a frame of it.
        job = Job(_layers_of(images), "Add datasets")
        job.succeeded.connect(self._on_layers)
        job.failed.connect(self._on_failed)
        self._jobs = [one for one in self._jobs if one.running] + [job]
        job.start()

    @worded("adding datasets")
    def _on_layers(self, layers: list[Any]) -> None:
        for data, options, _ in layers:
            self.viewer.add_image(data, **options)
        count = len(layers)
        self.form.status.say_done(f"{count} layer{'s' if count > 1 else ''} added.", self._about())

    def _on_failed(self, error: BaseException) -> None:
        self.say(explain(error, "adding datasets").text)

    @worded("adding datasets")
    def _on_add(self, _checked: bool = False) -> None:
        self.add(self._chosen())

    @worded("adding a dataset")
    def _on_double_click(self, item: QTreeWidgetItem, _column: int = 0) -> None:
        dataset = item.data(0, _DATASET)
        if dataset is not None:
            self.add([dataset])

    @worded("closing a file")
    def _on_close(self, _checked: bool = False) -> None:
        chosen: set[Path] = {
            file.path for file in self.opened.files for one in self._chosen() if one in file.datasets
        }
        for path in chosen:
            self.opened.close(path)


def _ratio(dataset: Image | Spectrum) -> float:
    return dataset.pixel_ratio if isinstance(dataset, Image) else 1.0


def _layers_of(images: list[Image]) -> Callable[[], Work]:
    def start() -> Work:
        layers = []
        for number, image in enumerate(images):
            yield Progress(number, len(images), image.name)
            layers.append(image_layer_data(image))
        return layers

    return start

"""The datasets of the files that were opened in a viewer, while they are listed."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_atomai.data.image import Image
from napari_atomai.plugin.layers import notes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_atomai.data.spectrum import Spectrum

_opened: weakref.WeakKeyDictionary[Any, Opened] = weakref.WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class OpenedFile:
    """A file and what is in it.

    Parameters
    ----------
    path : Path
        Where it was read.
    datasets : tuple of Image or Spectrum
        In the order of the file.
    """

    path: Path
    datasets: tuple[Image | Spectrum, ...]


def opened_of(viewer: Viewer) -> Opened:
    """Return what was opened in a viewer; the first call makes it."""
    bare = getattr(viewer, "__wrapped__", viewer)  # napari hands widgets a proxy
    opened = _opened.get(bare)
    if opened is None:
        opened = _opened[bare] = Opened(viewer)
    return opened


class Opened(QObject):
    """The files of a viewer.

    Parameters
    ----------
    viewer : napari.Viewer
        Held weakly: this never keeps a closed window alive.
    """

    changed = Signal()
    """A file was opened or closed, or a dataset came into the viewer or left it."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = weakref.ref(getattr(viewer, "__wrapped__", viewer))
        self._files: dict[Path, OpenedFile] = {}
        viewer.layers.events.inserted.connect(self._on_layers)
        viewer.layers.events.removed.connect(self._on_layers)

    @property
    def files(self) -> tuple[OpenedFile, ...]:
        """The files, in the order they were opened."""
        return tuple(self._files.values())

    def add(self, path: Path, datasets: Sequence[Image | Spectrum]) -> None:
        """List a file; one that was opened before is replaced."""
        self._files.pop(path, None)
        self._files[path] = OpenedFile(path, tuple(datasets))
        self.changed.emit()

    def close(self, path: Path) -> None:
        """Let the datasets of a file go; layers that show them stay."""
        if self._files.pop(path, None) is not None:
            self.changed.emit()

    def layer_of(self, dataset: Image | Spectrum) -> Layer | None:
        """Return a layer of the viewer that shows a dataset, or None."""
        viewer = self._viewer()
        if viewer is None or dataset.source is None:
            return None
        return next((layer for layer in viewer.layers if _shows(layer, dataset)), None)

    def _on_layers(self, event: Any) -> None:
        if event.type == "removed":
            self._let_go_with(event.value)
        self.changed.emit()

    def _let_go_with(self, layer: Layer) -> None:
        # Of a file with a single picture nobody would look for the entry that still holds its pixels.
        for path, file in list(self._files.items()):
            single = len(file.datasets) == 1 and isinstance(file.datasets[0], Image)
            if single and _shows(layer, file.datasets[0]) and self.layer_of(file.datasets[0]) is None:
                del self._files[path]


def _shows(layer: Layer, dataset: Image | Spectrum) -> bool:
    entry = notes_of(layer).get("source")
    source = dataset.source
    if not entry or source is None:
        return False
    return bool(entry.get("path") == str(source.path) and entry.get("dataset") == source.dataset)

"""Choose atoms: the layer they are on, and all of them, those of a class, or the selected ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from napari.layers import Points
from numpy.typing import NDArray
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QWidget

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.recipe import InputRecord, Record
from napari_atomai.errors import BadAtoms
from napari_atomai.plugin import results
from napari_atomai.plugin.connections import Connections
from napari_atomai.plugin.layers import image_of, notes_of, origin_nm, pixel_size_nm, uid_of
from napari_atomai.plugin.points import atoms_of
from napari_atomai.plugin.watchers import ImageWatcher, PointsWatcher

ALL, SELECTED = "all", "selected"


class AtomsBox(QWidget):
    """Two boxes: layers of points that can be atoms of an image, and which of their atoms.

    Parameters
    ----------
    layers : napari LayerList
        The viewer's layers.
    """

    changed = Signal()
    """Other atoms are chosen or selected, or the layer's atoms or the image's calibration have changed."""

    def __init__(self, layers: Any) -> None:
        super().__init__()
        self._layers = layers
        self._image: Any = None
        self.layer_box, self.which = QComboBox(), QComboBox()
        self.layer_box.setToolTip("The layer of points that are the atoms")
        self.layer_box.setPlaceholderText("no atoms")
        self.which.setToolTip("All atoms, those of one class, or those that are selected on the layer")
        for box in (self.layer_box, self.which):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(5)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.layer_box, stretch=3)
        layout.addWidget(self.which, stretch=2)
        self._points = PointsWatcher(self)
        self._points.changed.connect(self._on_changed)
        self._points.selected.connect(self._on_selected)
        self._moved = ImageWatcher(self)
        self._moved.moved.connect(self.changed)
        self._connections = Connections(self)
        for name in ("inserted", "removed", "renamed"):
            self._connections.connect(getattr(layers.events, name), self.refresh)
        self.layer_box.currentIndexChanged.connect(self._on_layer)
        self.which.currentIndexChanged.connect(lambda _index: self.changed.emit())

    def watch(self, image: Any) -> None:
        """List the layers that can be atoms of this image layer."""
        self._image = image
        self._moved.watch(image)
        self.refresh()

    def points(self) -> Any:
        """Return the chosen Points layer, or None."""
        uid = self.layer_box.currentData()
        return next((layer for layer in self._candidates() if uid_of(layer) == uid), None)

    @property
    def class_name(self) -> str:
        """The chosen class; empty when atoms are not chosen by class."""
        return str(self.which.currentData() or "")

    def atoms(self) -> Atoms:
        """Return the atoms of the layer, or the selected ones of them; a class is not taken out here.

        Raises
        ------
        BadAtoms
            If there is no layer, or nothing is selected.
        """
        points = self.points()
        if points is None:
            raise BadAtoms(
                "There are no atoms of this image yet.",
                remedy="Open the Atoms panel and press Find atoms, or add a layer of points.",
            )
        atoms = _in_image(points, self._image)
        if self.which.currentText() != SELECTED:
            return atoms
        chosen = np.array(sorted(points.selected_data), np.int64)
        if not len(chosen):
            raise BadAtoms(
                "No atoms are selected.", remedy="Select atoms on their layer (key 3), or choose all."
            )
        return atoms.keep(chosen)

    def changed_since(self, atoms: Atoms) -> bool:
        """Tell whether other atoms are on the layer now; not where none are chosen."""
        try:
            return not same_atoms(self.atoms(), atoms)
        except BadAtoms:
            return False

    def record(self) -> Record:
        """Return how the atoms came about, as far as that is known."""
        points = self.points()
        text = "" if points is None else notes_of(points).get("record", "")
        if text:
            return Record.from_json(text)
        image = image_of(self._image)
        path = "" if image.source is None else str(image.source.path)
        return Record(input=InputRecord(path=path, shape=image.shape, pixel_size_nm=image.pixel_size))

    def refresh(self, _event: Any = None) -> None:
        """List layers and classes anew; the choice stays where it can."""
        layers = self._candidates()
        with QSignalBlocker(self.layer_box):
            uid = self.layer_box.currentData()
            self.layer_box.clear()
            for layer in layers:
                self.layer_box.addItem(layer.name, uid_of(layer))
            self.layer_box.setCurrentIndex(max(self.layer_box.findData(uid), 0) if layers else -1)
        self._on_layer()

    def _candidates(self) -> list[Any]:
        """Return the layers of points, the atoms found in the image first."""
        if self._image is None:
            return []
        uid = uid_of(self._image)
        points = [layer for layer in self._layers if isinstance(layer, Points)]
        roles = [(notes_of(layer).get("role"), notes_of(layer).get("parent_uid")) for layer in points]
        own = [layer for layer, role in zip(points, roles, strict=True) if role == (results.ATOMS, uid)]
        return own + [layer for layer, role in zip(points, roles, strict=True) if role[0] is None]

    def _on_layer(self, _index: int = 0) -> None:
        self._points.watch(self.points())
        self._list_classes()
        self.changed.emit()

    def _on_changed(self) -> None:
        self._list_classes()
        self.changed.emit()

    def _on_selected(self, _indices: object) -> None:
        if self.which.currentText() == SELECTED:
            self.changed.emit()

    def _list_classes(self) -> None:
        points = self.points()
        names = [] if points is None else list(atoms_of(points).class_names)
        entries = [(ALL, ""), *((name, name) for name in names if len(names) > 1), (SELECTED, "")]
        if entries == [(self.which.itemText(i), self.which.itemData(i)) for i in range(self.which.count())]:
            return
        with QSignalBlocker(self.which):
            text = self.which.currentText()
            self.which.clear()
            for entry in entries:
                self.which.addItem(*entry)
            self.which.setCurrentIndex(max(self.which.findText(text), 0))


def _in_image(points: Any, image: Any) -> Atoms:
    """Return the atoms of a layer in pixels of the image, wherever the layer itself lies."""
    atoms = atoms_of(points)
    if notes_of(points).get("role") == results.ATOMS or not len(atoms):
        return atoms
    seen = _mapped(points.data, points.data_to_world)[:, -2:]
    there = _mapped(np.pad(seen, ((0, 0), (image.ndim - 2, 0))), image.world_to_data)[:, -2:]
    return dataclasses.replace(
        atoms, positions=there, pixel_size=pixel_size_nm(image), origin=origin_nm(image)
    )


def _mapped(points: NDArray[Any], convert: Callable[[Any], Any]) -> NDArray[np.float64]:
    """Apply to points (N, D) what maps one of them linearly."""
    count = points.shape[1]
    start = np.asarray(convert(np.zeros(count)), np.float64)
    matrix = np.array([np.asarray(convert(unit)) - start for unit in np.eye(count)])
    return np.asarray(points @ matrix + start, np.float64)


def same_atoms(one: Atoms, other: Atoms) -> bool:
    """Tell whether atoms are where they were, of the classes they were, as large in nm as they were."""
    return (
        np.array_equal(one.positions, other.positions)
        and np.array_equal(one.frames, other.frames)
        and np.array_equal(one.classes, other.classes)
        and one.pixel_size == other.pixel_size
    )

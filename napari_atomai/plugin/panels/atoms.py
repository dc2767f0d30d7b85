"""The Atoms panel: choose an image, find its atoms, judge them, take them along."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_atomai.data.recipe import RefineAtoms
from napari_atomai.errors import AtomAIError
from napari_atomai.plugin import calibration
from napari_atomai.plugin.asking import ask_folder
from napari_atomai.plugin.connections import Connections
from napari_atomai.plugin.kept_view import kept_view
from napari_atomai.plugin.layers import pixel_size_nm, without_unit
from napari_atomai.plugin.messages import explain
from napari_atomai.plugin.panels.layout import AtomsForm
from napari_atomai.plugin.panels.link import TableLink
from napari_atomai.plugin.panels.panel import Panel
from napari_atomai.plugin.panels.widgets import fill, timer
from napari_atomai.plugin.points import atoms_of, colours_of
from napari_atomai.plugin.results import spacing_px
from napari_atomai.plugin.session import Result, session_of
from napari_atomai.plugin.watchers import ImageWatcher

if TYPE_CHECKING:
    import napari

_POINTS_EVERY = 40
"""Milliseconds between two redraws of the points while the threshold is dragged."""
_CLASSES_AFTER = 250
"""Milliseconds of rest before the class map follows the threshold."""


class AtomsPanel(Panel):
    """Find the atoms of an image layer with a trained net, and look at what was found.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer whose images are looked at.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:  # napari injects by this name
        super().__init__("Atoms")
        self.viewer = viewer
        self.session = session_of(viewer)
        self.form = AtomsForm(viewer.layers)
        self.table = TableLink(self.form.table, viewer)
        fill(self, self.form)
        self._points_timer = timer(self, _POINTS_EVERY, self._apply_threshold)
        self._classes_timer = timer(self, _CLASSES_AFTER, self._apply_classes)
        self._image = ImageWatcher(self)
        self._layer_events = Connections(self)
        self._wire()
        self._on_image(self.form.picker.uid)

    def _wire(self) -> None:
        form, session = self.form, self.session
        form.picker.chosen.connect(self._on_image)
        form.pixel_size.editingFinished.connect(self._on_pixel_size)
        form.run_box.bind(session.atoms, lambda: form.picker.uid)
        form.run_box.run.connect(self.find)
        form.export_button.clicked.connect(self._on_export)
        form.threshold.valueChanged.connect(self._on_threshold)
        session.running_changed.connect(self._on_running)
        session.result_changed.connect(self._on_result)
        self._image.moved.connect(self._show_pixel_size)
        self.table.refilled.connect(self._on_atoms)
        self._layer_events.connect(self.viewer.layers.events.inserted, self._on_layers)

    # --- what the user does ---

    def find(self) -> None:
        """Find the atoms of the chosen image."""
        layer = self.form.picker.layer()
        if layer is None:
            self.form.say("There is no image yet: open one, or take one from File > Open Sample.")
            return
        try:
            find, refine = self.form.recipes()
        except AtomAIError as error:
            self.form.say(explain(error, "finding atoms").text)
            return
        if self.session.find(layer, find, refine):
            self.form.say(f"Finding the atoms of {layer.name!r} ...")

    def export(self, folder: Path) -> None:
        """Write the results of the chosen image into a folder."""
        self.session.export(self.form.picker.uid, folder)

    def _on_export(self) -> None:
        layer = self.form.picker.layer()
        chosen = ask_folder(self, "Folder for the results")
        if chosen is not None and layer is not None:
            safe = "".join(c if c.isalnum() or c in "-_. " else "_" for c in layer.name).strip() or "image"
            self.export(chosen / f"{safe}_atoms")

    def _on_threshold(self) -> None:
        self.form.aim.setCurrentIndex(0)  # from now on it is chosen by hand
        self.form.show_threshold()
        uid = self.form.picker.uid
        if self.session.result(uid) is None and not self.session.is_finding(uid):
            return
        # Started once and left to run out: dragging redraws at a steady pace instead of never.
        if not self._points_timer.isActive():
            self._points_timer.start()
        self._classes_timer.start()

    def _apply_threshold(self) -> None:
        self.session.set_threshold(self.form.picker.uid, self.form.threshold.value() / 100)

    def _apply_classes(self) -> None:
        self.session.show_classes(self.form.picker.uid)

    def _on_pixel_size(self) -> None:
        layer, value = self.form.picker.layer(), self.form.pixel_size.value()
        if layer is None or value == self.form.shown_pixel_size:
            return
        ratio = calibration.pixel_ratio(layer)  # the box shows rows; pixels that are not square stay so
        size = (value, value / ratio) if value else None
        with kept_view(self.viewer, layer):
            calibration.apply(self.viewer.layers, layer, calibration.by_typing(layer, size))
        self.session.follow(self.form.picker.uid)
        self._show_pixel_size()

    # --- what happens ---

    def _on_image(self, uid: str) -> None:
        self._image.watch(self.form.picker.layer())
        self._show_pixel_size()
        self._on_running()
        result = self.session.result(uid)
        if result is not None:
            self.form.set_threshold(result.found.threshold)
        self._show_result(uid)

    def _on_layers(self, _event: Any = None) -> None:
        sentence = without_unit(self.viewer.layers)
        if sentence and self.session.job is None:
            self.form.say(sentence)

    def _show_pixel_size(self) -> None:
        layer = self.form.picker.layer()
        self.form.show_pixel_size(None if layer is None else pixel_size_nm(layer))

    def _on_running(self) -> None:
        working = self.session.job is not None
        self.form.find_button.setEnabled(working or self.form.picker.layer() is not None)
        self.form.export_button.setEnabled(
            not working and self.session.result(self.form.picker.uid) is not None
        )

    def _on_result(self, uid: str) -> None:
        if uid != self.form.picker.uid:
            return
        result = self.session.result(uid)
        if result is not None and not self._points_timer.isActive():
            self.form.set_threshold(result.found.threshold)  # another panel may have changed it
        self._on_running()
        self._show_result(uid)

    def _show_result(self, uid: str) -> None:
        result = self.session.result(uid)
        points = self.session.points(uid) if result is not None else None
        self.table.show(points)
        if result is None or points is None:
            self.form.show_counts({})
            if self.session.job is None:
                layer = self.form.picker.layer()
                self._say("Press Find atoms." if layer is not None else "Open an image first.")
            return
        self._say(in_words(result, len(points.data)))

    def _say(self, sentence: str) -> None:
        self.form.say(" ".join(part for part in (sentence, without_unit(self.viewer.layers)) if part))

    def _on_atoms(self) -> None:
        """Count the atoms anew: others were found, or some were changed by hand."""
        uid = self.form.picker.uid
        result, points = self.session.result(uid), self.session.points(uid)
        if points is None or len(points.features) != len(points.data):
            return
        counts = atoms_of(points).counts()
        self.form.show_counts(dict(zip(counts.items(), colours_of(len(counts)), strict=True)))
        if result is not None and self.session.job is None:
            self._say(in_words(result, len(points.data)))


def in_words(result: Result, count: int) -> str:
    """Say what was found, at what spacing and in what time, with the run's own notes."""
    found = result.found
    measured = "refined" if _refined(found) else "found"
    parts = [f"{count} atom{'' if count == 1 else 's'} {measured} in {result.seconds:.1f} s."]
    if count:
        spacing = spacing_px(found)
        size = found.candidates.pixel_size
        nm = "" if size is None else f" ({spacing * sum(size) / 2:.3f} nm)"
        parts.append(f"Spacing {spacing:.1f} px{nm}.")
        # A run that found nothing says so; the threshold may have been lowered since.
        return " ".join([*parts, *(note for note in found.notes if not note.startswith("No atom"))])
    best = float(found.candidates.features["score"].max(initial=0.0))
    if best > 0:
        parts.append(f"The best candidate scores {best:.2f}: a lower threshold would show it.")
    return " ".join([*parts, *found.notes])


def _refined(found: Any) -> bool:
    step = found.record.step(RefineAtoms)
    return step is not None and step.method != "none"

"""The Segment panel: a class for every pixel by a trained net, and the atoms of each class."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_atomai.errors import AtomAIError
from napari_atomai.plugin.asking import ask_folder
from napari_atomai.plugin.latest import Latest
from napari_atomai.plugin.layers import image_of
from napari_atomai.plugin.messages import explain
from napari_atomai.plugin.panels.panel import Panel
from napari_atomai.plugin.panels.segment_layers import is_segmented, show_classes_at, show_threshold, shown
from napari_atomai.plugin.panels.segment_layout import SegmentForm
from napari_atomai.plugin.panels.widgets import fill, timer
from napari_atomai.plugin.points import atoms_of, colours_of
from napari_atomai.plugin.session import session_of
from napari_atomai.plugin.slots import worded

if TYPE_CHECKING:
    import napari

    from napari_atomai.plugin.jobs import Work

_EVERY = 60
"""Milliseconds between two looks at the slider while it is dragged."""


class SegmentPanel(Panel):
    """Segment an image layer with a net that a person has trained, or one of AtomAI's.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer whose images are segmented.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:  # napari injects by this name
        super().__init__("Segment")
        self.viewer = viewer
        self.session = session_of(viewer)
        self.slot = self.session.slot("segment")
        self.form = SegmentForm(viewer.layers)
        fill(self, self.form)
        self._soon = timer(self, _EVERY, self._apply_threshold)
        self._latest = Latest(self, "Another threshold")
        self._wire()
        self._on_model()
        self._show(self.form.picker.uid)

    def _wire(self) -> None:
        form = self.form
        form.run_box.bind(self.slot, lambda: form.picker.uid)
        form.run_box.run.connect(self.run)
        form.picker.chosen.connect(self._show)
        form.model_box.box.currentTextChanged.connect(self._on_model)
        form.threshold.valueChanged.connect(self._on_threshold)
        form.export_button.clicked.connect(self._on_export)
        self.session.result_changed.connect(self._show)
        self._latest.succeeded.connect(self._on_at_threshold)
        self._latest.failed.connect(lambda error: self.slot.tell(error, "looking for atoms"))

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line."""
        self.form.run_box.say(sentence)

    # --- what the user does ---

    @worded("segmenting")
    def run(self) -> None:
        """Segment the chosen image."""
        layer = self.form.picker.layer()
        if layer is None:
            self.say("There is no image yet: open one, or take one from File > Open Sample.")
            return
        recipe, refine = self.form.recipes()
        if not recipe.model:
            self.say("Choose a model first: a file that a Segmentor, an ensemble or AtomAI wrote.")
            return
        image = image_of(layer)

        def work() -> Work:
            from napari_atomai.workflow.segment import segmenting  # brings the engine, in the worker

            return segmenting(image, recipe, refine)

        if self.slot.start(layer, work, "segmenting", shown(self.session, image)):
            self.say(f"Segmenting {layer.name!r} ...")

    def _on_threshold(self) -> None:
        self.form.show_threshold()
        # Started once and left to run out: dragging redraws at a steady pace instead of never.
        if not self._soon.isActive():
            self._soon.start()

    @worded("showing another threshold")
    def _apply_threshold(self) -> None:
        uid, value = self.form.picker.uid, self.form.threshold.value() / 100
        result = self.session.result(uid)
        if result is not None and is_segmented(result.found):
            found: Any = result.found
            show_classes_at(self.session, uid, found, value)
            self._latest.ask(lambda: (uid, found.at(value)))

    @worded("showing another threshold")
    def _on_at_threshold(self, outcome: Any) -> None:
        uid, found = outcome
        result = self.session.result(uid)
        # Of the run that is shown now: another one may have ended meanwhile.
        if result is not None and getattr(result.found, "maps", None) is found.maps:
            show_threshold(self.session, uid, found)

    @worded("exporting")
    def _on_export(self, _checked: bool = False) -> None:
        layer = self.form.picker.layer()
        chosen = ask_folder(self, "Folder for the results")
        if chosen is not None and layer is not None:
            safe = "".join(c if c.isalnum() or c in "-_. " else "_" for c in layer.name).strip() or "image"
            self.session.export(self.form.picker.uid, chosen / f"{safe}_segmented")

    # --- what happens ---

    @worded("looking at the model")
    def _on_model(self, _text: str = "") -> None:
        self.form.show_about(about(self.form.model_box.name()))

    @worded("showing the result")
    def _show(self, uid: str) -> None:
        if uid != self.form.picker.uid:
            return
        result, points = self.session.result(uid), self.session.points(uid)
        ours = result is not None and is_segmented(result.found) and points is not None
        self.form.export_button.setEnabled(ours)
        if result is None or points is None or not ours:
            self.form.show_counts({})
            if self.slot.job is None:
                self.say("Press Segment." if uid else "Open an image first.")
            return
        if not (self._soon.isActive() or self._latest.busy):
            self.form.set_threshold(result.found.threshold)
        counts = atoms_of(points).counts()
        self.form.show_counts(dict(zip(counts.items(), colours_of(len(counts)), strict=True)))
        notes = " ".join(result.found.notes)
        self.say(f"{len(points.data)} objects in {result.seconds:.1f} s. {notes}".strip())


def about(name: str) -> str:
    """Say what is known of a model: its classes, and how far apart atoms were in its training."""
    path = Path(name).expanduser()
    if not name or not path.is_file():
        return "" if not name else "There is no such file."
    if path.suffix.lower() != ".safetensors":
        return "A checkpoint of AtomAI: which zoom suits it is not in the file."
    from napari_atomai.files.weights import read_card

    try:
        card = read_card(path)
    except AtomAIError as error:
        return explain(error, "opening the model").text
    if card.task != "segmentation":
        return f"A model for another task: {card.task}."
    kind = f"An ensemble of {card.members} nets" if card.members > 1 else "One net"
    known = f"; atoms {card.spacing_best:.3g} px apart in training" if card.spacing_known else ""
    return f"{kind} for {', '.join(card.classes)}{known}."

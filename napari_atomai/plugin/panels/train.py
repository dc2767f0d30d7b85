"""The Train panel: teach a net what was corrected, see whether it helped, and use it."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_atomai.data.progress import Progress
from napari_atomai.data.recipe import RefineAtoms
from napari_atomai.plugin import comparing, own_models, teaching
from napari_atomai.plugin.asking import ask_save
from napari_atomai.plugin.panels.panel import Panel
from napari_atomai.plugin.panels.train_layout import TrainForm
from napari_atomai.plugin.panels.widgets import fill, timer
from napari_atomai.plugin.process import Outcome
from napari_atomai.plugin.session import session_of
from napari_atomai.plugin.slots import worded

if TYPE_CHECKING:
    import napari

    from napari_atomai.plugin.teaching import Lesson

_DRAW_EVERY = 300
_MODEL = "model.safetensors"


class TrainPanel(Panel):
    """Teach a finder of atoms from the atoms that were corrected.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer whose images are learned from.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:  # napari injects by this name
        super().__init__("Train")
        self.viewer = viewer
        self.session = session_of(viewer)
        self.slot, self.trial = self.session.slot(teaching.TRAIN), self.session.slot("train trial")
        self.comparison = self.session.slot(comparing.COMPARE)
        self.form = TrainForm(viewer.layers)
        self.form.canvas.follow(viewer)
        fill(self, self.form)
        self._curves: dict[str, list[tuple[int, float]]] = {}
        self._soon = timer(self, _DRAW_EVERY, self._draw)
        self._wire()
        self._refresh()
        self._show_result()

    def _wire(self) -> None:
        form = self.form
        form.run_box.bind(self.slot)
        form.run_box.run.connect(self.train)
        form.region_button.clicked.connect(self._draw_region)
        form.patches_button.clicked.connect(self._ask_patches)
        form.estimate_button.clicked.connect(self._ask_estimate)
        form.compare_button.clicked.connect(self._compare)
        form.use_button.clicked.connect(self._use)
        form.keep_button.clicked.connect(self._keep)
        form.picker.chosen.connect(self._refresh)
        form.every.toggled.connect(self._refresh)
        self.slot.progressed.connect(self._on_progress)
        self.slot.result_changed.connect(self._show_result)
        self.trial.said.connect(lambda _uid, sentence: self.say(sentence))
        self.comparison.said.connect(lambda _uid, sentence: self.say(sentence))
        self.trial.result_changed.connect(self._on_trial)
        self.session.result_changed.connect(self._refresh)
        self.session.correcting.changed.connect(self._refresh)

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line."""
        self.form.run_box.say(sentence)

    @worded("starting the training")
    def train(self) -> None:
        """Start to teach from what is known."""
        known = self._known()
        if not known:
            self.say("There are no atoms to learn from yet: find atoms, correct them, then train.")
            return
        recipe = self.form.recipe()
        if teaching.start(self.slot, known, recipe):
            self._curves.clear()
            self.say(f"Learning from {_counted(known)} ...")

    def _known(self) -> list[Lesson]:
        layer = self.form.picker.layer()
        images = [] if layer is None else [layer]
        if self.form.every.isChecked():
            images = teaching.learnable(self.session, self.viewer)
        return teaching.lessons(self.session, self.viewer, images)

    def _refresh(self, _any: Any = None) -> None:
        images = 0 if self.form.picker.layer() is None else 1
        if self.form.every.isChecked():
            images = len(teaching.learnable(self.session, self.viewer))
        points = self.session.points(self.form.picker.uid)
        if points is None:
            self.form.known.setText("This image has no atoms yet: find them in the Atoms panel.")
        else:
            which = "all images with atoms" if images > 1 else "this image"
            self.form.known.setText(
                f"Learns from {which}. Without a reviewed region every atom of the frame, and the absence of "
                "others, is taken for right."
            )

    @worded("drawing a region")
    def _draw_region(self, _checked: bool = False) -> None:
        layer = self.form.picker.layer()
        if layer is None:
            self.say("There is no image yet: open one, or take one from File > Open Sample.")
            return
        shapes = teaching.region_layer(self.viewer.layers, layer)
        self.viewer.layers.selection.active = shapes
        shapes.mode = "add_rectangle"
        self.say("Drag a rectangle over what you have reviewed; several are possible.")

    @worded("estimating")
    def _ask_estimate(self, _checked: bool = False) -> None:
        known = self._known()
        if known:
            self.trial.start(None, teaching.estimating(known, self.form.recipe()), "estimating")

    @worded("making patches")
    def _ask_patches(self, _checked: bool = False) -> None:
        known = self._known()
        if known:
            self.trial.start(None, teaching.patching(known, self.form.recipe()), "making patches")

    def _on_trial(self, _uid: str = "") -> None:
        outcome = self.trial.result()
        if isinstance(outcome, list):
            self.form.draw_patches(outcome)
        elif outcome is not None:
            self.say(
                f"About {outcome.seconds:.0f} s and {outcome.memory_mb:.0f} MB for {outcome.steps} steps."
            )

    # --- while it learns ---

    def _on_progress(self, progress: Progress) -> None:
        for name, value in progress.losses.items():
            self._curves.setdefault(name, []).append((progress.step, value))
        if progress.losses and not self._soon.isActive():
            self._soon.start()

    @worded("drawing the curves")
    def _draw(self) -> None:
        self.form.draw_curves(self._curves)

    # --- what came of it ---

    def _show_result(self, _uid: str = "") -> None:
        outcome = self.slot.result()
        there = isinstance(outcome, Outcome) and (outcome.folder / _MODEL).is_file()
        self.form.show_taught(there)
        if isinstance(outcome, Outcome):
            self.form.scores.setText(as_table(outcome.summary))
            if outcome.ended == "done":
                self.say(f"Taught in {self.slot.seconds:.0f} s.")

    @worded("finding atoms with the taught model")
    def _use(self, _checked: bool = False) -> None:
        layer, outcome = self.form.picker.layer(), self.slot.result()
        if layer is None or outcome is None:
            return
        path = own_models.keep_by_content(outcome.folder / _MODEL, "taught")
        find = teaching.find_with(self.session, layer, str(path), outcome.summary)
        if self.session.find(layer, find, RefineAtoms()):
            self.say(f"Finding the atoms of {layer.name!r} with the taught model ...")

    @worded("comparing")
    def _compare(self, _checked: bool = False) -> None:
        layer, outcome = self.form.picker.layer(), self.slot.result()
        if layer is None or outcome is None:
            return
        find = teaching.find_with(self.session, layer, str(outcome.folder / _MODEL), outcome.summary)
        if comparing.start(self.session, self.viewer, layer, find):
            self.say("Finding the atoms with the taught model, for a view beside this one ...")

    @worded("keeping the model")
    def _keep(self, _checked: bool = False) -> None:
        outcome = self.slot.result()
        chosen = ask_save(
            self, "Keep the model as", "Models (*.safetensors)", str(own_models.home() / "mine")
        )
        if outcome is None or chosen is None:
            return
        path = own_models.keep(outcome.folder / _MODEL, Path(chosen).stem)
        self.form.base.refresh()
        self.say(f"Kept as {path.stem!r} in {path.parent}.")


def as_table(summary: dict[str, Any]) -> str:
    """Return scores before and after as a table; empty where there are none."""
    before, after = summary.get("before"), summary.get("after")
    if not isinstance(before, dict) or not isinstance(after, dict):
        return ""
    names = [name for name in ("precision", "recall", "f1") if name in before and name in after]
    head = "".join(f"<td>&nbsp;&nbsp;<b>{name}</b></td>" for name in names)
    lines = [
        f"<tr><td>{label}</td>"
        + "".join(f"<td>&nbsp;&nbsp;{part[name]:.3f}</td>" for name in names)
        + "</tr>"
        for label, part in (("before", before), ("after", after))
    ]
    judged = "held out" if summary.get("judged_on", "held out") == "held out" else "learned from"
    count = after.get("hits", 0) + after.get("missed", 0)
    atoms = f": {count:g} atoms" if count else ""
    notes = "".join(f"<br>{escape(note)}" for note in summary.get("notes", ()))
    return f"On what was {judged}{atoms}<table><tr><td></td>{head}</tr>{''.join(lines)}</table>{notes}"


def _counted(known: list[Lesson]) -> str:
    atoms = sum(len(lesson.atoms) for lesson in known)
    return f"{len(known)} image{'' if len(known) == 1 else 's'} with {atoms} atoms"

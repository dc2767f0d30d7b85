"""The Train panel: teach a net what was corrected, see whether it helped, and use it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image as ImageLayer

from napari_atomai.data.progress import Progress
from napari_atomai.data.recipe import FindAtoms, RefineAtoms
from napari_atomai.plugin import own_models, teaching
from napari_atomai.plugin.asking import ask_save
from napari_atomai.plugin.layers import KEY, find_layer, geometry_like, uid_of
from napari_atomai.plugin.panels.panel import Panel
from napari_atomai.plugin.panels.train_layout import TrainForm
from napari_atomai.plugin.panels.widgets import fill, timer
from napari_atomai.plugin.process import Outcome
from napari_atomai.plugin.session import session_of
from napari_atomai.plugin.slots import worded

if TYPE_CHECKING:
    import napari

    from napari_atomai.plugin.teaching import Lesson

_PREVIEW = "training preview"
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
        form.use_button.clicked.connect(self._use)
        form.keep_button.clicked.connect(self._keep)
        form.picker.chosen.connect(self._refresh)
        form.every.toggled.connect(self._refresh)
        self.slot.progressed.connect(self._on_progress)
        self.slot.previewed.connect(self._on_preview)
        self.slot.result_changed.connect(self._show_result)
        self.trial.said.connect(lambda _uid, sentence: self.say(sentence))
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

    def _on_preview(self, name: str, values: Any) -> None:
        layer = self.form.picker.layer()
        if name != "probability" or layer is None or values.shape != layer.data.shape[-values.ndim :]:
            return
        old = find_layer(self.viewer.layers, _PREVIEW, uid_of(layer))
        if old is not None:
            old.data = values
            return
        options = {"colormap": "magma", "blending": "additive", "opacity": 0.7, "contrast_limits": (0.0, 1.0)}
        new = ImageLayer(
            values,
            name=f"{layer.name}: {_PREVIEW}",
            metadata={KEY: {"role": _PREVIEW, "parent_uid": uid_of(layer)}},
            **options,
            **geometry_like(layer, ndim=values.ndim),
        )
        uid_of(new)
        active = self.viewer.layers.selection.active
        self.viewer.layers.append(new)
        self.viewer.layers.selection.active = active

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
        path = own_models.keep(outcome.folder / _MODEL, "last taught")
        result = self.session.result(uid_of(layer))
        before = None if result is None else result.found.record.step(FindAtoms)
        options = {} if before is None else before.model_dump()
        if self.session.find(layer, FindAtoms.of({**options, "model": str(path)}), RefineAtoms()):
            self.say(f"Finding the atoms of {layer.name!r} with the taught model ...")

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
    return f"<table><tr><td>On what was {judged}</td>{head}</tr>{''.join(lines)}</table>"


def _counted(known: list[Lesson]) -> str:
    atoms = sum(len(lesson.atoms) for lesson in known)
    return f"{len(known)} image{'' if len(known) == 1 else 's'} with {atoms} atoms"

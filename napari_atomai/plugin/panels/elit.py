"""The ELIT panel: an ensemble teaches itself on images, round by round, and each round can be used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Points

from napari_atomai.data.progress import Progress
from napari_atomai.data.recipe import FindAtoms, RefineAtoms
from napari_atomai.plugin import elit, own_models
from napari_atomai.plugin.asking import ask_save
from napari_atomai.plugin.connections import Connections
from napari_atomai.plugin.layers import is_plain_image, notes_of, uid_of
from napari_atomai.plugin.panels.elit_layout import NO_TRUTH, ElitForm
from napari_atomai.plugin.panels.panel import Panel
from napari_atomai.plugin.panels.widgets import fill
from napari_atomai.plugin.session import session_of
from napari_atomai.plugin.slots import worded

if TYPE_CHECKING:
    import napari

    from napari_atomai.plugin.elit import ElitRun


class ElitPanel(Panel):
    """Let an ensemble teach itself what its nets agree on.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer whose images are learned from.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:  # napari injects by this name
        super().__init__("ELIT")
        self.viewer = viewer
        self.session = session_of(viewer)
        self.slot = self.session.slot(elit.ELIT)
        self.form = ElitForm(viewer.layers)
        self.form.canvas.follow(viewer)
        fill(self, self.form)
        self._told: list[dict[str, float]] = []
        self._connections = Connections(self)
        self._wire()
        self._list_truths()
        self._show_result()

    def _wire(self) -> None:
        form = self.form
        form.run_box.bind(self.slot)
        form.run_box.run.connect(self.run)
        form.use_button.clicked.connect(self._use)
        form.keep_button.clicked.connect(self._keep)
        form.table.selectionModel().selectionChanged.connect(self._on_selected)
        self.slot.progressed.connect(self._on_progress)
        self.slot.result_changed.connect(self._show_result)
        for name in ("inserted", "removed", "renamed"):
            self._connections.connect(getattr(self.viewer.layers.events, name), self._list_truths)

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line."""
        self.form.run_box.say(sentence)

    @worded("starting ELIT")
    def run(self) -> None:
        """Start on the chosen image, or on all of them."""
        layer, every = self.form.picker.layer(), self.form.every.isChecked()
        if layer is None:
            self.say("There is no image yet: open one, or take one from File > Open Sample.")
            return
        layers = [each for each in self.viewer.layers if is_plain_image(each)] if every else [layer]
        truth = None if len(layers) > 1 else self._truth()
        if elit.start(self.slot, layers, self.form.recipe(), truth):
            self._told.clear()
            self.form.show_rounds([])
            self.say(f"Learning from {layer.name!r} ..." if len(layers) == 1 else "Learning ...")

    def _on_progress(self, progress: Progress) -> None:
        if "atoms" in progress.losses:  # a round has ended
            self._told.append(dict(progress.losses))
            self.form.show_rounds(self._told)

    @worded("showing the rounds")
    def _show_result(self, _uid: str = "") -> None:
        run: ElitRun | None = self.slot.result()
        if run is None:
            return
        self.form.show_rounds(run.rounds, whole=True)
        self.form.table.selectRow(len(run.rounds) - 1)
        if run.outcome.summary["reason"]:
            self.say(run.outcome.summary["reason"])

    def _number(self) -> int:
        """Return the round that is selected; the last one where none is."""
        run: ElitRun = self.slot.result()
        rows = self.form.table.selectionModel().selectedRows()
        return self.form.rows.atoms([rows[0].row()])[0] if rows else len(run.rounds) - 1

    @worded("showing a round")
    def _on_selected(self, _selected: Any = None, _deselected: Any = None) -> None:
        run: ElitRun | None = self.slot.result()
        if run is not None and self.form.table.selectionModel().hasSelection() and self.slot.job is None:
            elit.show_round(self.viewer.layers, run, self._number())

    @worded("finding atoms with the ensemble of a round")
    def _use(self, _checked: bool = False) -> None:
        run, layer = self.slot.result(), self.form.picker.layer()
        if run is None or layer is None:
            return
        number = self._number()
        result = self.session.result(uid_of(layer))
        before = None if result is None else result.found.record.step(FindAtoms)
        options = {} if before is None else before.model_dump()
        find = FindAtoms.of({**options, "model": run.kept_model(number)})
        if self.session.find(layer, find, RefineAtoms()):
            self.say(f"Finding the atoms of {layer.name!r} with the ensemble of round {number} ...")

    @worded("keeping the ensemble")
    def _keep(self, _checked: bool = False) -> None:
        run = self.slot.result()
        if run is None:
            return
        number, home = self._number(), own_models.home()
        name = f"{self.form.picker.currentText()} round {number}"
        if number == 0:
            self.say(f"Round 0 is the ensemble {run.model!r} itself: it needs no keeping.")
            return
        chosen = ask_save(self, "Keep the ensemble as", "Models (*.safetensors)", str(home / name))
        if chosen is not None:
            path = elit.saved(run, number, Path(chosen).stem)
            self.form.model.refresh()
            self.say(f"Kept as {path.stem!r} in {path.parent}." if path is not None else "")

    # --- truth ---

    def _truth(self) -> Any:
        name = self.form.truth.currentText()
        return self.viewer.layers[name] if name != NO_TRUTH and name in self.viewer.layers else None

    def _list_truths(self, _event: Any = None) -> None:
        ours = (elit.ROUND,)
        names = [
            layer.name
            for layer in self.viewer.layers
            if isinstance(layer, Points) and notes_of(layer).get("role") not in ours
        ]
        box, chosen = self.form.truth, self.form.truth.currentText()
        box.clear()
        box.addItems([NO_TRUTH, *names])
        box.setCurrentText(chosen if chosen in names else NO_TRUTH)

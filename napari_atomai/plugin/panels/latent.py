"""The Latent panel: patches, what varies in them, and where in the image each point of the manifold lives."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_atomai.plugin import asking
from napari_atomai.plugin.latest import Latest
from napari_atomai.plugin.layers import image_of, uid_of
from napari_atomai.plugin.messages import explain
from napari_atomai.plugin.overlays import take_away
from napari_atomai.plugin.panels import latent_layers as shown
from napari_atomai.plugin.panels import latent_work as work
from napari_atomai.plugin.panels.latent_layout import MANIFOLD, NONE, PATCHES, LatentForm
from napari_atomai.plugin.panels.latent_places import latents_at, of_state, places_on
from napari_atomai.plugin.panels.latent_view import LatentView
from napari_atomai.plugin.panels.lattice import NO_IMAGE
from napari_atomai.plugin.panels.lattice_work import safe_name
from napari_atomai.plugin.panels.panel import Panel
from napari_atomai.plugin.panels.widgets import fill, timer
from napari_atomai.plugin.session import session_of
from napari_atomai.plugin.slots import worded
from napari_atomai.plugin.watchers import PointsWatcher

if TYPE_CHECKING:
    import napari

    from napari_atomai.data.progress import Progress
    from napari_atomai.workflow.latent import Latents

STALE = "The atoms have changed since: learn again to see it."
_HINT = "Press Learn: what varies in the patches is found without labels."
_SOON, _DRAW_EVERY = 150, 400  # milliseconds


class LatentPanel(Panel):
    """Finds what varies in the motifs of an image, and shows where.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer whose images are looked at.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:  # napari injects by this name
        super().__init__("Latent")
        self.viewer, self.session = viewer, session_of(viewer)
        self.slot = self.session.slot(work.SLOT)
        self.form = LatentForm(viewer.layers)
        self._view = LatentView(self.form)
        fill(self, self.form)
        for plot in (self.form.picture, self.form.plot):
            plot.canvas.follow(viewer)
        self.rows = np.empty(0, np.int64)
        self._curves: dict[str, list[float]] = {}
        self._live: dict[str, Any] = {}
        self._previews = Latest(self, "Patches")
        self._decoded = Latest(self, "Decoding")
        self._points = PointsWatcher(self)
        self._soon = timer(self, _SOON, self._preview)
        self._draw_soon = timer(self, _DRAW_EVERY, self._draw_training)
        self._wire()
        self._on_image(self.form.picker.uid)

    def _wire(self) -> None:
        form = self.form
        form.run_box.bind(self.slot, lambda: form.picker.uid)
        form.run_box.run.connect(self.learn)
        form.picker.chosen.connect(self._on_image)
        form.atoms.changed.connect(self._soon.start)
        form.cut_changed.connect(self._soon.start)
        form.picture_view.currentTextChanged.connect(self._draw_picture)
        form.state.valueChanged.connect(self._draw_picture)
        for box in (form.view, form.x, form.y):
            box.currentTextChanged.connect(self._draw_plot)
        form.colour.currentTextChanged.connect(self._on_colour)
        form.arrows.toggled.connect(self._show_arrows)
        form.cluster_button.clicked.connect(self._on_cluster)
        form.export_button.clicked.connect(self._on_export)
        form.open_button.clicked.connect(self._on_open)
        form.picture.pointed.connect(self._on_pointed)
        form.picture.clicked.connect(self._on_cell)
        form.plot.selected.connect(self.select)
        self._points.selected.connect(self._on_points)
        self._previews.succeeded.connect(self._on_preview)
        self._previews.failed.connect(self._on_preview_failed)
        self._decoded.succeeded.connect(lambda made: form.picture.show_decoded(*made))
        self._decoded.failed.connect(lambda error: self.say(explain(error, "decoding").text))
        self.slot.progressed.connect(self._on_progress)
        self.slot.previewed.connect(self._on_live)
        self.slot.running_changed.connect(self._on_running)
        self.slot.result_changed.connect(self._on_result)
        layers, role = self.viewer.layers, shown.WINDOW
        self.destroyed.connect(lambda *_: _remove(layers, role))

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line."""
        self.form.run_box.say(sentence)

    @property
    def found(self) -> Latents | None:
        """What was found of the chosen image, or None."""
        found: Latents | None = self.slot.result(self.form.picker.uid)
        return found

    # --- what the user does ---

    @worded("starting to learn")
    def learn(self) -> None:
        """Cut patches of the chosen image, and learn what varies in them."""
        layer = self.form.picker.layer()
        if layer is None:
            self.say(NO_IMAGE)
            return
        recipe = self.form.learn()
        asked = work.asked_of(self.session, layer, self.form.cut(), self.form.atoms)
        if work.run(self.slot, layer, asked, recipe):
            self._curves, self._live = {}, {}
            self.say(f"Learning what varies in {layer.name!r} ...")

    @worded("opening a model")
    def _on_open(self, _checked: bool = False) -> None:
        path = asking.ask_file(self, "Open a model", "Models (*.safetensors)")
        if path is not None:
            self.open_model(path)

    def open_model(self, path: Path) -> None:
        """Find the latents of the patches of the chosen image with a model that was saved."""
        layer = self.form.picker.layer()
        if layer is None:
            self.say(NO_IMAGE)
            return
        asked = work.asked_of(self.session, layer, self.form.cut(), self.form.atoms)
        if work.open_model(self.slot, layer, asked, self.form.learn(), path):
            self.say(f"Finding latents of {layer.name!r} with {path.name} ...")

    @worded("finding clusters")
    def _on_cluster(self, _checked: bool = False) -> None:
        layer, found = self.form.picker.layer(), self.found
        if layer is not None and found is not None:
            work.cluster(self.slot, layer, found, self.form.learn())

    @worded("exporting")
    def _on_export(self, _checked: bool = False) -> None:
        layer = self.form.picker.layer()
        folder = asking.ask_folder(self, "Folder for the results")
        if folder is not None and layer is not None:
            self.export(folder / f"{safe_name(layer.name)}_latent")

    def export(self, folder: Path) -> None:
        """Write what was found of the chosen image into a folder."""
        layer, found = self.form.picker.layer(), self.found
        if layer is None or found is None:
            self.say("There is nothing to export yet: press Learn first.")
        else:
            work.export(self.slot, layer, found, folder)

    @worded("selecting atoms")
    def select(self, rows: Any) -> None:
        """Select atoms: on the image, in the scatter, and on the manifold; show their mean patch."""
        found, points = self.found, self._points.points
        if found is None:
            return
        self.rows = np.sort(np.asarray(list(rows), np.int64))
        if points is not None and points in self.viewer.layers:
            points.selected_data = {int(row) for row in self.rows}
            shown.mark(points, self.rows)
        self._view.mark(found, self.rows)
        if len(self.rows):
            self.say(f"{len(self.rows):,} of {len(found):,} motifs are selected.")

    @worded("decoding")
    def _on_pointed(self, x: float, y: float) -> None:
        found, state = self.found, self.form.state.value()
        if found is not None:
            latents = latents_at(found, state, x, y)
            title = "\n".join(f"z{k + 1} {value:.2f}" for k, value in enumerate(latents[:2]))
            self._decoded.ask(lambda: (found.decoder.decode([latents], classes=[state])[0], title))

    @worded("choosing a patch")
    def _on_cell(self, row: int, column: int) -> None:
        found = self.found
        if found is None:
            return
        where = np.rint(places_on(found, self.form.state.value()))
        inside = (where == (column, row)).all(axis=1) & of_state(found, self.form.state.value())
        self.select(np.flatnonzero(inside))
        if not inside.any():
            self.say("No motif lies there.")

    def _on_points(self, rows: set[int]) -> None:
        if rows != set(self.rows.tolist()):
            self.select(rows)

    # --- patches ---

    @worded("choosing an image")
    def _on_image(self, uid: str) -> None:
        layer = self.form.picker.layer()
        self.form.atoms.watch(layer)
        unit = "" if layer is None else ("px" if image_of(layer).pixel_size is None else "nm")
        self.form.show_unit(unit)
        self._on_result(uid)
        self._soon.start()
        if self.found is None:
            self.say(NO_IMAGE if layer is None else _HINT)

    @worded("cutting patches")
    def _preview(self) -> None:
        layer = self.form.picker.layer()
        if layer is None:
            self.form.about.setText("")
            return
        try:
            asked = work.asked_of(self.session, layer, self.form.cut(), self.form.atoms)
        except Exception as error:  # noqa: BLE001 - said where the patches are chosen
            self._on_preview_failed(error)
            return
        uid = uid_of(layer)
        self._previews.ask(lambda: (uid, work.preview_of(asked)))
        self._check_atoms()

    def _check_atoms(self) -> None:
        """Say so when the atoms are no longer those that were looked at."""
        atoms = None if self.found is None else self.found.cut.atoms
        if self.slot.job is None and atoms is not None and self.form.atoms.changed_since(atoms):
            self.say(STALE)

    def _on_preview(self, made: tuple[str, work.Preview]) -> None:
        uid, preview = made
        layer = self.form.picker.layer()
        if layer is None or uid_of(layer) != uid:
            return
        self.form.about.setText(preview.words)
        busy = self.slot.job is not None
        if self.form.picture_view.currentText() == PATCHES and not busy:
            shown.show_windows(self.viewer.layers, layer, preview.boxes)
            if len(preview.patches):
                self.form.picture.show_patches(preview.patches)

    def _on_preview_failed(self, error: BaseException) -> None:
        self.form.about.setText(explain(error, "cutting patches").text)
        layer = self.form.picker.layer()
        if layer is not None:
            shown.show_windows(self.viewer.layers, layer, ())

    # --- while it learns ---

    def _on_progress(self, progress: Progress) -> None:
        for name in ("train_loss", "test_loss"):
            if name in progress.losses:
                self._curves.setdefault(name, []).append(progress.losses[name])
        if progress.losses and not self._draw_soon.isActive():
            self._draw_soon.start()

    def _on_live(self, name: str, values: Any) -> None:
        self._live[name] = values
        if not self._draw_soon.isActive():
            self._draw_soon.start()

    @worded("drawing the training")
    def _draw_training(self) -> None:
        if self.slot.job is None or self.slot.running_uid != self.form.picker.uid:
            return
        self.form.plot.show_curves(self._curves)
        self.form.picture.show_training(*(self._live.get(name) for name in ("manifold", "reconstructions")))

    @worded("showing the training")
    def _on_running(self) -> None:
        layer = self.form.picker.layer()
        if self.slot.job is not None and layer is not None:
            shown.show_windows(self.viewer.layers, layer, ())
        elif self.slot.job is None:  # also after a training that came to nothing
            self._draw_picture()
            self._draw_plot()

    # --- what was found ---

    @worded("showing the result")
    def _on_result(self, uid: str) -> None:
        if uid != self.form.picker.uid:
            return
        found, layer, form = self.found, self.form.picker.layer(), self.form
        self.rows = np.empty(0, np.int64)
        if found is None or layer is None:
            form.show_possible((), states=1, tracks=False, there=False)
            form.picture_view.setCurrentText(PATCHES)
            shown.take_all_away(self.viewer.layers, uid)
            self._points.watch(None)
            form.plot.clear()
            self._soon.start()
            return
        names = [name for name in found.columns() if not name.endswith(("_sd", "_probability"))]
        first = form.colour.currentText() in ("", NONE)
        form.show_possible(names, states=len(found.manifolds), tracks=found.tracks is not None, there=True)
        if first:
            self._choose(found, names)
        form.picture_view.setCurrentText(MANIFOLD)
        self._draw_picture()
        self._on_colour()
        self._show_arrows()
        self._tell(found)

    def _choose(self, found: Latents, names: list[str]) -> None:
        from napari_atomai.workflow.latent_results import plane_of

        x, y = plane_of(found)
        for box, name in ((self.form.colour, names[0]), (self.form.x, x), (self.form.y, y)):
            blocked = box.blockSignals(True)
            box.setCurrentText(name)
            box.blockSignals(blocked)

    def _tell(self, found: Latents) -> None:
        clusters = "" if found.clusters is None else f" {found.clusters.number} cluster(s)."
        explained = found.record.measured["explained"]
        self.say(
            f"{len(found):,} motifs; {explained:.0%} of what varies is explained.{clusters} "
            + " ".join(dict.fromkeys(found.record.notes))
        )

    @worded("drawing the manifold")
    def _draw_picture(self, *_: Any) -> None:
        layer = self.form.picker.layer()
        if not self._view.picture(self.found, self.rows):
            self._soon.start()
        elif layer is not None:
            shown.show_windows(self.viewer.layers, layer, ())

    @worded("drawing the plot")
    def _draw_plot(self, *_: Any) -> None:
        self._view.plot(self.found, self.rows)

    # --- layers ---

    @worded("colouring atoms")
    def _on_colour(self, *_: Any) -> None:
        found, layer, name = self.found, self.form.picker.layer(), self.form.colour.currentText()
        if found is None or layer is None:
            return
        if name == NONE:
            take_away(self.viewer.layers, shown.ATOMS, uid_of(layer))
            self._points.watch(None)
        else:
            points = shown.show_atoms(self.viewer.layers, layer, found, name)
            self._points.watch(points)
            shown.mark(points, self.rows)
        self._draw_plot()

    @worded("drawing arrows")
    def _show_arrows(self, *_: Any) -> None:
        found, layer = self.found, self.form.picker.layer()
        if found is None or layer is None:
            return
        if not self.form.arrows.isChecked():
            take_away(self.viewer.layers, shown.ARROWS, uid_of(layer))
        elif shown.show_arrows(self.viewer.layers, layer, found) is None:
            self.say("There is no angle: the latents were not free of rotation.")


def _remove(layers: Any, role: str) -> None:
    """Take away what was only drawn for a panel that is closed."""
    from napari_atomai.plugin.layers import notes_of

    for layer in [one for one in layers if notes_of(one).get("role") == role]:
        layers.remove(layer)

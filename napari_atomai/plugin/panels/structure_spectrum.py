"""The Structure-spectrum panel: learns which structure goes with which spectrum, and predicts either."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_atomai.data.progress import Progress
from napari_atomai.plugin import asking
from napari_atomai.plugin.layers import image_of
from napari_atomai.plugin.panels import structure_spectrum_plot as plot
from napari_atomai.plugin.panels import structure_spectrum_work as work
from napari_atomai.plugin.panels.panel import Panel
from napari_atomai.plugin.panels.structure_spectrum_layout import (
    ERROR_MAP,
    EXPECTED,
    HELD_OUT,
    LATENT,
    LATENT_MAP,
    NO_MAP,
    PLACE,
    TRAINING,
    StructureSpectrumForm,
)
from napari_atomai.plugin.panels.widgets import fill
from napari_atomai.plugin.session import session_of
from napari_atomai.plugin.slots import worded

if TYPE_CHECKING:
    import napari

    from napari_atomai.plugin.panels.structure_spectrum_work import Seen

_KINDS = "HyperSpy (*.hspy);;Picture (*.png);;PDF (*.pdf);;SVG (*.svg)"


class StructureSpectrumPanel(Panel):
    """Learns structure and spectrum from an image and a spectrum image.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer whose images are learned from.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:  # napari injects by this name
        super().__init__("Structure-spectrum")
        self.viewer = viewer
        self.slot = session_of(viewer).slot("imspec")
        self.place = 0
        self._losses: dict[str, list[float]] = {}
        self._told = False
        self.form = StructureSpectrumForm(viewer.layers)
        fill(self, self.form)
        self.form.plot.follow(viewer)
        self._wire()
        self._on_spectra()

    def _wire(self) -> None:
        form = self.form
        form.run_box.bind(self.slot, lambda: form.spectra.uid)
        form.run_box.run.connect(self.train)
        form.spectra.chosen.connect(self._on_spectra)
        form.view.currentTextChanged.connect(self._draw)
        form.map.currentTextChanged.connect(self._on_map)
        form.latent.valueChanged.connect(self._on_latent)
        form.low.valueChanged.connect(self._draw)
        form.high.valueChanged.connect(self._draw)
        form.predict_button.clicked.connect(self._on_predict)
        form.dock_button.clicked.connect(self._on_dock)
        form.export_button.clicked.connect(self._on_export)
        form.save_button.clicked.connect(self._on_save)
        form.open_button.clicked.connect(self._on_open)
        self.slot.progressed.connect(self._on_progress)
        self.slot.result_changed.connect(self._on_result)
        callbacks, on_mouse = self.viewer.mouse_drag_callbacks, self._on_mouse
        callbacks.append(on_mouse)
        self.destroyed.connect(lambda *_: callbacks.remove(on_mouse) if on_mouse in callbacks else None)

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line."""
        self.form.run_box.say(sentence)

    @property
    def seen(self) -> Seen | None:
        """The result of the chosen spectrum image, or None."""
        found: Seen | None = self.slot.result(self.form.spectra.uid)
        return found

    # --- what the user does ---

    @worded("training")
    def train(self) -> None:
        """Learn from the chosen image and spectrum image."""
        structure, spectra = self.form.structure.layer(), self.form.spectra.layer()
        if structure is None or spectra is None or structure is spectra:
            self.say(
                "Choose a spectrum image and an image of the structure: open both (what else a file holds "
                "is in the Datasets panel), or take the sample 'Plasmonic particles' from File > Open Sample."
            )
            return
        recipe: Any = self.form.options.recipe()
        both, mask = (image_of(structure), image_of(spectra)), self.form.mask.mask(spectra)
        if mask is not None and not mask.any():
            self.say("Nothing is painted or drawn on the spectrum image there: paint, or learn everywhere.")
            return
        if work.train(self.slot, spectra, both, recipe, mask):
            self._losses = {}
            self.form.view.setCurrentText(TRAINING)

    @worded("predicting spectra")
    def _on_predict(self, _checked: bool = False) -> None:
        if self.seen is not None:
            model = self.seen.result.model
            self._predict(lambda: model)

    @worded("opening a model")
    def _on_open(self, _checked: bool = False) -> None:
        path = asking.ask_file(self, "Open a model", "Models (*.safetensors)")
        if path is not None:
            self._predict(lambda: work.opened(path))

    def _predict(self, model: Callable[[], Any]) -> None:
        structure = self.form.structure.layer()
        if structure is None:
            self.say("There is no image of a structure yet: open one to predict its spectra.")
            return
        slot = session_of(self.viewer).slot("imspec prediction")
        if not self._told:
            slot.said.connect(self._on_said)
            self._told = True
        work.predict(slot, structure, image_of(structure), model)

    @worded("showing spectra")
    def _on_dock(self, _checked: bool = False) -> None:
        from napari_atomai.data.spectrum import Spectrum
        from napari_atomai.plugin.docks import show_spectrum

        seen = self.seen
        if seen is None:
            return
        pairs, where = seen.result.pairs, seen.result.pairs.places[self.place]
        words = f"row {where[0]}, column {where[1]}"
        show_spectrum(
            self.viewer, Spectrum(pairs.spectra[self.place], (pairs.energy,), name=f"measured, {words}")
        )
        if seen.result.recipe.direction == "im2spec":
            told = seen.result.predicted.mean[self.place]
            show_spectrum(self.viewer, Spectrum(told, (pairs.energy,), name=f"predicted, {words}"))

    def export(self, path: Path) -> None:
        """Write what was predicted as .hspy, or the figure.

        Raises
        ------
        SaveFailed
            If it cannot be written.
        """
        seen = self.seen
        if path.suffix.lower() != ".hspy":
            self.form.plot.save(path)
        elif seen is not None:
            from napari_atomai.files.writing import write_hspy
            from napari_atomai.workflow.imspec import maps_of

            write_hspy(maps_of(seen.result), path, overwrite=True)
        self.say(f"Written to {path}.")

    @worded("exporting")
    def _on_export(self, _checked: bool = False) -> None:
        path = asking.ask_save(self, "Export", _KINDS, "predicted.hspy")
        if path is not None:
            self.export(path)

    @worded("saving the model")
    def _on_save(self, _checked: bool = False) -> None:
        seen = self.seen
        path = asking.ask_save(self, "Save the model", "Models (*.safetensors)", "imspec.safetensors")
        if path is not None and seen is not None:
            self.say(f"Written to {seen.result.model.save_model(path)}.")

    def look_at(self, row: int, column: int) -> None:
        """Show what was measured and predicted at the pair next to a pixel of the spectrum image."""
        seen = self.seen
        if seen is not None:
            away = np.abs(seen.result.pairs.places - (row, column)).sum(axis=1)
            self.place = int(np.argmin(away))
            self.form.view.setCurrentText(PLACE)
            self._draw()

    # --- what happens ---

    def _on_mouse(self, _viewer: Any, event: Any) -> Generator[None, None, None]:
        """Take a click without dragging for the choice of a place."""
        yield
        dragged = False
        while event.type == "mouse_move":
            dragged = True
            yield
        if not dragged:
            self._clicked(event)

    @worded("choosing a place")
    def _clicked(self, event: Any) -> None:
        layer = self.form.spectra.layer()
        if layer is None or self.seen is None:
            return
        row, column = np.rint(np.asarray(layer.world_to_data(event.position))[-2:]).astype(int)
        rows, columns = layer.data.shape[-2:]
        if 0 <= row < rows and 0 <= column < columns:
            self.look_at(int(row), int(column))

    @worded("choosing a spectrum image")
    def _on_spectra(self, _uid: str = "") -> None:
        self.place = 0
        self._show()

    @worded("showing the result")
    def _on_result(self, uid: str) -> None:
        if uid == self.form.spectra.uid:
            self.place = 0
            self._show()
            seen = self.seen
            if seen is not None:
                self.place = int(seen.result.test[0])
                self.form.view.setCurrentText(PLACE)
                notes = " ".join(seen.result.pairs.notes)
                self.say(f"{seen.result.comparison.sentence()} {notes} Click on an image to see a place.")

    def _on_said(self, _uid: str, sentence: str) -> None:
        self.say(sentence)

    @worded("showing the losses")
    def _on_progress(self, progress: Progress) -> None:
        for name, value in progress.losses.items():
            self._losses.setdefault(name, []).append(value)
        if progress.losses and self.form.view.currentText() == TRAINING:
            plot.draw_losses(self.form.plot, self._losses)

    @worded("choosing a latent")
    def _on_latent(self, _value: int) -> None:
        self._draw()
        if self.form.map.currentText() == LATENT_MAP:
            self._on_map("")

    @worded("showing a map")
    def _on_map(self, _text: str) -> None:
        seen, layer, chosen = self.seen, self.form.spectra.layer(), self.form.map.currentText()
        self.form.show_view(self.form.view.currentText(), chosen)
        if seen is None or layer is None:
            return
        latent = self.form.latent.value()
        values: Any = {
            NO_MAP: lambda: None,
            ERROR_MAP: lambda: seen.errors,
            LATENT_MAP: lambda: seen.latents[latent],
            HELD_OUT: lambda: seen.result.map_of(_sides(seen)),
        }[chosen]()
        name = f"latent {latent}" if chosen == LATENT_MAP else chosen
        work.show_map(self.viewer.layers, layer, values, name)

    # --- showing ---

    def _show(self) -> None:
        seen = self.seen
        im2spec = seen is not None and seen.result.recipe.direction == "im2spec"
        self.form.show_possible(trained=seen is not None, im2spec=im2spec)
        if seen is not None:
            self.form.latent.setRange(0, len(seen.latents) - 1)
            energy = plot.energies(seen.result)
            self.form.low.setValue(float(energy[0]))
            self.form.high.setValue(float(energy[len(energy) // 4]))
        self._draw()

    @worded("drawing the plot")
    def _draw(self, *_: Any) -> None:
        form, seen, view = self.form, self.seen, self.form.view.currentText()
        form.show_view(view, form.map.currentText())
        if view == TRAINING or seen is None:
            plot.draw_losses(form.plot, self._losses or (seen.losses if seen is not None else {}))
        elif view == PLACE:
            plot.draw_place(form.plot, seen.result, self.place)
        elif view == LATENT:
            plot.draw_walk(form.plot, seen.result, seen.walks[form.latent.value()])
        elif view == EXPECTED:
            from napari_atomai.workflow.imspec import expected_structure

            low, high = sorted((form.low.value(), form.high.value()))
            patch = expected_structure(seen.result, low, high)
            plot.draw_structure(form.plot, seen.result, patch, low, high)


def _sides(seen: Seen) -> Any:
    """1 for a place that was learned from, 2 for one held out, 0 for those between."""
    sides = np.zeros(len(seen.result.pairs))
    sides[seen.result.train], sides[seen.result.test] = 1, 2
    return sides

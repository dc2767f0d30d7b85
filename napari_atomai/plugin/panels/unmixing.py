"""The Unmix panel: spectrum images as few component spectra, and a map of each."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_atomai.data.recipes_statistics import Unmix
from napari_atomai.plugin import asking
from napari_atomai.plugin.kept_recipes import AGAIN, kept
from napari_atomai.plugin.layers import image_of
from napari_atomai.plugin.panels import unmixing_work as work
from napari_atomai.plugin.panels.components_work import Number
from napari_atomai.plugin.panels.panel import Panel
from napari_atomai.plugin.panels.unmixing_layout import LEFT_OVER, SCREE, UnmixingForm
from napari_atomai.plugin.panels.widgets import fill
from napari_atomai.plugin.session import session_of
from napari_atomai.plugin.slots import worded

if TYPE_CHECKING:
    import napari

    from napari_atomai.workflow.unmix import Spectra


class UnmixingPanel(Panel):
    """Unmix a spectrum image.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer whose spectrum images are unmixed.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:  # napari injects by this name
        super().__init__("Unmix")
        self.viewer, session = viewer, session_of(viewer)
        self.slot, self.number_slot = session.slot(work.SLOT), session.slot(work.NUMBER)
        self.form = UnmixingForm(viewer.layers)
        self.form.plot.canvas.follow(viewer)
        fill(self, self.form)
        self._wire()
        self._on_image(self.form.picker.uid)

    def _wire(self) -> None:
        form = self.form
        form.run_box.bind(self.slot, lambda: form.picker.uid)
        form.run_box.run.connect(self.run)
        form.suggest_button.clicked.connect(self._on_suggest)
        form.picker.chosen.connect(self._on_image)
        form.view.currentTextChanged.connect(self._draw)
        form.shown.currentIndexChanged.connect(self._on_shown)
        form.plot.clicked.connect(self._on_curve)
        form.dock_button.clicked.connect(self._on_dock)
        form.export_button.clicked.connect(self._on_export)
        self.slot.result_changed.connect(self._on_result)
        self.number_slot.result_changed.connect(self._on_number)
        self.number_slot.said.connect(self._on_said)

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line."""
        self.form.run_box.say(sentence)

    @property
    def found(self) -> Spectra | None:
        """The result of the chosen spectrum image, or None."""
        found: Spectra | None = self.slot.result(self.form.picker.uid)
        return found

    @property
    def component(self) -> int | None:
        """The component that is shown alone, from 0; None for all of them."""
        index = self.form.shown.currentIndex()
        return index - 1 if index > 0 else None

    # --- what the user does ---

    @worded("unmixing spectra")
    def run(self) -> None:
        """Unmix the chosen spectrum image."""
        layer, recipe = self._layer(), self._recipe()
        if layer is not None:
            work.run(self.slot, layer, recipe)

    @worded("counting components")
    def _on_suggest(self, _checked: bool = False) -> None:
        layer = self._layer()
        if layer is not None and work.suggest(self.number_slot, layer, self._recipe()):
            self.say("Counting the components that stand above noise ...")

    @worded("showing a component")
    def _on_shown(self, _index: int) -> None:
        found = self.found
        if found is not None:
            uid, number = self.form.picker.uid, len(found.unmixed.spectra)
            work.show_only(self.viewer.layers, uid, self.component, number)
            self._draw()

    @worded("choosing a component")
    def _on_curve(self, component: int) -> None:
        self.form.shown.setCurrentIndex(component + 1)

    @worded("showing spectra")
    def _on_dock(self, _checked: bool = False) -> None:
        from napari_atomai.data.spectrum import Spectrum
        from napari_atomai.plugin.docks import SPECTRUM, panel

        found = self.found
        if found is None:
            return
        unmixed = found.unmixed
        axis = unmixed_axis(found)
        name = found.image.name
        spectra = [
            Spectrum(np.asarray(values, np.float64), (axis,), name=f"{name}: component {k + 1}")
            for k, values in enumerate(unmixed.spectra)
        ]
        panel(self.viewer, SPECTRUM).show_spectra(spectra)

    @worded("exporting")
    def _on_export(self, _checked: bool = False) -> None:
        found, layer = self.found, self.form.picker.layer()
        folder = None if found is None else asking.ask_folder(self, "Export into a folder")
        if folder is not None and found is not None and layer is not None:
            work.export(self.slot, layer, found, Path(folder))

    # --- what happens ---

    @worded("choosing a spectrum image")
    def _on_image(self, uid: str) -> None:
        layer = self.form.picker.layer()
        if layer is not None:
            from napari_atomai.stat.spectra import positions, spectral_axis

            image = image_of(layer)
            number = spectral_axis(image)
            energy = positions(image.axes[number], image.shape[number])
            axis = image.axes[number]
            unit = "" if axis.unit == "pixel" else axis.unit
            self.form.show_energies(float(energy.min()), float(energy.max()), abs(axis.scale), unit)
        else:
            self.say("Open a spectrum image, or take one from File > Open Sample.")
        self._on_result(uid)
        recipe = kept(self.viewer.layers, (work.ROLE.format(1),), uid, Unmix)
        if self.found is None and isinstance(recipe, Unmix):
            self.form.put(recipe)
            self.say(AGAIN.format("Unmix"))

    @worded("showing the result")
    def _on_result(self, uid: str) -> None:
        if uid != self.form.picker.uid:
            return
        found = self.found
        self.form.show_result(0 if found is None else len(found.unmixed.spectra))
        if found is None:
            return
        weighted = " (weighted by noise; of few counts most is noise)" if _is_weighted(found) else ""
        self.say(
            f"{len(found.unmixed.spectra)} components of {int(found.unmixed.used.sum()):,} spectra, "
            f"{found.unmixed.components.error:.1%} left over{weighted}; {found.suggested} stand above noise. "
            + " ".join(found.record.notes)
        )
        self._draw()

    @worded("suggesting a number")
    def _on_number(self, uid: str) -> None:
        told: Number | None = self.number_slot.result(uid)
        if told is None or uid != self.form.picker.uid:
            return
        self.form.options.put({"components": told.number})
        self.form.plot.setVisible(True)
        self.form.plot.show_scree(told.shares, told.above)
        self.say(told.sentence())

    def _on_said(self, _uid: str, sentence: str) -> None:
        self.say(sentence)

    # --- showing ---

    def _layer(self) -> Any:
        layer = self.form.picker.layer()
        if layer is None:
            self.say("There is no spectrum image yet: open one, or take one from File > Open Sample.")
        return layer

    def _recipe(self) -> Any:
        return self.form.options.recipe()

    @worded("drawing the plot")
    def _draw(self, *_: Any) -> None:
        found, view = self.found, self.form.view.currentText()
        if found is None:
            return
        unmixed, plot = found.unmixed, self.form.plot
        label = f"energy ({unmixed.unit})" if unmixed.unit != "pixel" else "channel"
        if view == SCREE:
            plot.show_scree(found.shares, found.suggested)
        elif view == LEFT_OVER:
            error = unmixed.components.error
            mean, sum_ = means(found)
            plot.show_left_over(unmixed.energy, mean, sum_, f"{error:.1%} left over of all spectra", label)
        else:
            count = len(unmixed.spectra)
            words = [f"{k + 1}: {unmixed.components.explained[k]:.1%}" for k in range(count)]
            colours = [work.colour_of(k) for k in range(count)]
            plot.show_spectra(unmixed.energy, unmixed.spectra, colours, words, label, self.component)


def _is_weighted(found: Spectra) -> bool:
    return any(getattr(step, "noise", "") == "poisson" for step in found.record.steps)


def unmixed_axis(found: Spectra) -> Any:
    """Return the axis of the channels that were used."""
    from napari_atomai.stat.spectra import spectral_axis

    axis = found.image.axes[spectral_axis(found.image)]
    return dataclasses.replace(axis, offset=axis.offset + axis.scale * found.unmixed.channels.start)


def means(found: Spectra) -> tuple[Any, Any]:
    """Return the mean measured spectrum of the pixels used, and that which the components make."""
    unmixed = found.unmixed
    cube = np.asarray(found.image.pixels[unmixed.channels])
    measured = cube[:, unmixed.used].mean(axis=1, dtype=np.float64)
    parts = unmixed.components
    sum_ = parts.loadings.mean(axis=0) @ parts.components + parts.mean - parts.offset
    return measured, sum_

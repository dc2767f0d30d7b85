"""The Local order panel: which lattice is where, by Fourier transforms of windows that slide."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_atomai.data.recipes_statistics import LocalOrder
from napari_atomai.plugin import asking
from napari_atomai.plugin.kept_recipes import COMPUTED_AGAIN, kept
from napari_atomai.plugin.layers import image_of
from napari_atomai.plugin.messages import explain
from napari_atomai.plugin.panels import local_order_work as work
from napari_atomai.plugin.panels.components_layers import remove_role, show_windows
from napari_atomai.plugin.panels.local_order_layout import SCREE, LocalOrderForm
from napari_atomai.plugin.panels.panel import Panel
from napari_atomai.plugin.panels.widgets import fill, timer
from napari_atomai.plugin.session import session_of
from napari_atomai.plugin.shown import shown_frame
from napari_atomai.plugin.slots import worded

if TYPE_CHECKING:
    import napari

    from napari_atomai.workflow.local_order import OrderMaps

_SOON = 80  # milliseconds


class LocalOrderPanel(Panel):
    """Map local order in an image.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer whose images are mapped.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:  # napari injects by this name
        super().__init__("Local order")
        self.viewer = viewer
        self.slot = session_of(viewer).slot(work.SLOT)
        self.component = 0
        self.form = LocalOrderForm(viewer.layers)
        self.form.plot.canvas.follow(viewer)
        fill(self, self.form)
        self._soon = timer(self, _SOON, self._show_windows)
        self._wire()
        self._on_image(self.form.picker.uid)

    def _wire(self) -> None:
        form = self.form
        form.run_box.bind(self.slot, lambda: form.picker.uid)
        form.run_box.run.connect(self.run)
        form.picker.chosen.connect(self._on_image)
        form.options.changed.connect(self._soon.start)
        form.preview.toggled.connect(self._soon.start)
        form.view.currentTextChanged.connect(self._draw)
        form.plot.clicked.connect(self._on_picture)
        form.export_button.clicked.connect(self._on_export)
        self.slot.result_changed.connect(self._on_result)
        layers, role = self.viewer.layers, work.WINDOW
        self.destroyed.connect(lambda *_: remove_role(layers, role))

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line."""
        self.form.run_box.say(sentence)

    @property
    def found(self) -> OrderMaps | None:
        """The result of the chosen image, or None."""
        found: OrderMaps | None = self.slot.result(self.form.picker.uid)
        return found

    # --- what the user does ---

    @worded("mapping local order")
    def run(self) -> None:
        """Map the local order of the chosen image; of a movie, of the frame that is shown."""
        layer = self.form.picker.layer()
        if layer is None:
            self.say("There is no image yet: open one, or take one from File > Open Sample.")
        else:
            work.run(self.slot, layer, self._recipe(layer))

    @worded("showing a component")
    def _on_picture(self, _block: int, component: int) -> None:
        self.component = component
        found, layer = self.found, self.form.picker.layer()
        if found is not None and layer is not None:
            work.show_map(self.viewer.layers, layer, found, component)
        self._draw()

    @worded("exporting")
    def _on_export(self, _checked: bool = False) -> None:
        found, layer = self.found, self.form.picker.layer()
        folder = None if found is None else asking.ask_folder(self, "Export into a folder")
        if folder is not None and found is not None and layer is not None:
            work.export(self.slot, layer, found, Path(folder))

    # --- what happens ---

    @worded("choosing an image")
    def _on_image(self, uid: str) -> None:
        layer = self.form.picker.layer()
        self.form.show_unit("" if layer is None else ("px" if image_of(layer).pixel_size is None else "nm"))
        self._on_result(uid)
        recipe = kept(self.viewer.layers, (work.MAP,), uid, LocalOrder)
        if self.found is None and recipe is not None:
            self.form.options.put(recipe.model_dump())
            self.say(COMPUTED_AGAIN)
            self.once(uid, lambda: self._run_again(uid))
        self._soon.start()

    def _run_again(self, uid: str) -> None:
        if uid == self.form.picker.uid and self.found is None:
            self.run()

    @worded("showing windows")
    def _show_windows(self) -> None:
        layer = self.form.picker.layer()
        for other in [one for one in self.viewer.layers if one is not layer]:
            show_windows(self.viewer.layers, other, (), work.WINDOW)
        if layer is None:
            self.form.about.setText("Open an image, or take one from File > Open Sample.")
            return
        try:
            boxes, words = work.windows_shown(layer, self._recipe(layer))
        except Exception as error:  # noqa: BLE001 - said where the window is chosen
            boxes, words = [], explain(error, "choosing a window").text
        self.form.about.setText(words)
        show_windows(self.viewer.layers, layer, boxes if self.form.preview.isChecked() else (), work.WINDOW)

    @worded("showing the result")
    def _on_result(self, uid: str) -> None:
        if uid != self.form.picker.uid:
            return
        found = self.found
        self.form.show_result(shown=found is not None)
        if found is not None:
            rows, columns = found.order.maps.shape[1:]
            self.say(
                f"{len(found.order.components.components)} components of {rows} x {columns} windows; "
                f"{found.order.suggested} stand above noise. " + " ".join(found.record.notes)
            )
            self._on_picture(0, 0)

    # --- showing ---

    def _recipe(self, layer: Any) -> LocalOrder:
        index = shown_frame(self.viewer, layer)
        shape = layer.data.shape[: len(index)]
        frame = int(np.ravel_multi_index(index, shape)) if index else 0
        return LocalOrder.of({**self.form.options.options(), "frame": frame})

    @worded("drawing the plot")
    def _draw(self, *_: Any) -> None:
        found = self.found
        if found is None:
            return
        order = found.order
        if self.form.view.currentText() == SCREE:
            self.form.plot.show_scree(order.shares, order.suggested)
        else:
            unit = order.frequencies[0].unit
            self.form.plot.show_pictures([work.pictures(found)], (0, self.component), unit=unit)

"""The Components panel: what lies around atoms, as components, maps of loadings, and atoms that are alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QScrollArea

from napari_atomai.data.recipes_statistics import LocalStatistics
from napari_atomai.plugin import asking
from napari_atomai.plugin.kept_recipes import COMPUTED_AGAIN, kept
from napari_atomai.plugin.latest import Latest
from napari_atomai.plugin.layers import find_layer, image_of, uid_of
from napari_atomai.plugin.messages import explain
from napari_atomai.plugin.panels import components_work as work
from napari_atomai.plugin.panels.components_layers import (
    LOADINGS,
    MAP,
    WINDOW,
    colour_groups,
    colours_of_groups,
    lay_map,
    mark,
    remove_role,
    show_loadings,
    show_windows,
)
from napari_atomai.plugin.panels.components_layout import (
    GROUPS,
    PICTURES,
    SCATTER,
    SCREE,
    WHERE,
    ComponentsForm,
)
from napari_atomai.plugin.panels.components_pictures import group_pictures, partners_of, pictures_of
from napari_atomai.plugin.panels.panel import Panel
from napari_atomai.plugin.panels.widgets import fill, timer
from napari_atomai.plugin.session import session_of
from napari_atomai.plugin.slots import worded
from napari_atomai.plugin.watchers import PointsWatcher

if TYPE_CHECKING:
    import napari

    from napari_atomai.workflow.components import Surroundings

_SOON = 80  # milliseconds


class ComponentsPanel(Panel):
    """Decompose what lies around the atoms of an image.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer whose images are decomposed.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:  # napari injects by this name
        super().__init__("Components")
        self.viewer, session = viewer, session_of(viewer)
        self.slot, self.number_slot = session.slot(work.SLOT), session.slot(work.NUMBER)
        self.component = 0
        self.form = ComponentsForm(viewer.layers)
        self.form.plot.canvas.follow(viewer)
        fill(self, self.form)
        self._maps = Latest(self, "Map of a component")
        self._points = PointsWatcher(self)
        self._soon = timer(self, _SOON, self._show_windows)
        self._reveal = timer(self, _SOON, self._show_plot)
        self._wire()
        self._on_image(self.form.picker.uid)

    def _wire(self) -> None:
        form = self.form
        form.run_box.bind(self.slot, lambda: form.picker.uid)
        form.run_box.run.connect(self.run)
        form.suggest_button.clicked.connect(self._on_suggest)
        form.picker.chosen.connect(self._on_image)
        form.changed.connect(self._on_changed)
        form.result.currentTextChanged.connect(self._on_result)
        form.view.currentTextChanged.connect(self._on_view)
        for part in (form.other.currentTextChanged, form.x.valueChanged, form.y.valueChanged):
            part.connect(self._draw)
        form.plot.clicked.connect(self._on_picture)
        form.plot.selected.connect(self._on_selected)
        form.export_button.clicked.connect(self._on_export)
        self.slot.result_changed.connect(self._on_results)
        self.number_slot.result_changed.connect(self._on_number)
        self.number_slot.said.connect(self._on_said)
        self._points.changed.connect(self._on_changed)
        self._maps.succeeded.connect(self._on_map)
        self._maps.failed.connect(self._on_failed)
        layers, role = self.viewer.layers, WINDOW
        self.destroyed.connect(lambda *_: remove_role(layers, role))

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line."""
        self.form.run_box.say(sentence)

    @property
    def found(self) -> Surroundings | None:
        """The result that is shown, or None."""
        runs: work.Runs | None = self.slot.result(self.form.picker.uid)
        return None if runs is None else runs.runs.get(self.form.result.currentText())

    # --- what the user does ---

    @worded("decomposing surroundings")
    def run(self) -> None:
        """Decompose what lies around the chosen atoms."""
        layer = self._layer()
        if layer is not None:
            work.run(self.slot, layer, self.form.recipe(), self._atoms(layer))

    @worded("counting components")
    def _on_suggest(self, _checked: bool = False) -> None:
        layer = self._layer()
        if layer is not None and work.suggest(
            self.number_slot, layer, self.form.recipe(), self._atoms(layer)
        ):
            self.say("Counting the components that stand above noise ...")

    @worded("showing a component")
    def _on_picture(self, which: int, position: int) -> None:
        if self.form.view.currentText() == GROUPS and self.found is not None:
            self._on_selected(np.flatnonzero(self.found.groups == position))
            return
        blocks = self._blocks()
        if which < len(blocks) and position < len(blocks[which][1]):
            name, order = blocks[which]
            if order[position] >= 0:
                if which == 1:  # the two results change places
                    with QSignalBlocker(self.form.other):
                        self.form.other.setCurrentText(self.form.result.currentText())
                    self.form.result.setCurrentText(name)
                self.show_component(int(order[position]))

    def show_component(self, component: int) -> None:
        """Show the loadings of a component, from 0, on the image: as points and as a map."""
        found, layer = self.found, self.form.picker.layer()
        if found is None or layer is None:
            return
        self.component = component
        self._colour(found, layer)
        uid = uid_of(layer)
        self._maps.ask(lambda: (uid, found, found.map(component)))
        self._draw()

    def _colour(self, found: Surroundings, layer: Any) -> None:
        """Give the points the colours of the chosen loading, or of their groups."""
        points = show_loadings(self.viewer.layers, found, layer, self.component)
        if self.form.view.currentText() == GROUPS:
            colour_groups(points, found, layer)

    @worded("showing groups")
    def _on_view(self, _view: str) -> None:
        found, layer = self.found, self.form.picker.layer()
        if found is not None and layer is not None:
            self._colour(found, layer)
        self._draw()
        self._reveal.start()

    def _show_plot(self) -> None:
        """Scroll to the plot, which a low window has no room for beside the form."""
        area = self.findChild(QScrollArea)
        if area is not None and self.form.plot.isVisible():
            area.ensureWidgetVisible(self.form.plot)

    @worded("selecting atoms")
    def _on_selected(self, rows: Any) -> None:
        points = find_layer(self.viewer.layers, LOADINGS, self.form.picker.uid)
        if points is None:
            self.say("The layer of loadings was removed: choose a component to have it again.")
            return
        points.visible = True
        self.viewer.layers.selection.active = points
        points.mode = "select"
        points.selected_data = {int(row) for row in rows}
        mark(points, rows)
        kind = "points" if self.form.source.is_grid else "atoms"
        self.say(f"{len(rows):,} of {len(points.data):,} {kind} are selected on the image.")

    @worded("exporting")
    def _on_export(self, _checked: bool = False) -> None:
        found, layer = self.found, self.form.picker.layer()
        folder = None if found is None else asking.ask_folder(self, "Export into a folder")
        if folder is not None and found is not None and layer is not None:
            work.export(self.slot, layer, found, Path(folder))

    # --- what happens ---

    @worded("choosing an image")
    def _on_image(self, uid: str) -> None:
        self.form.source.of_image(uid)
        self._on_results(uid)
        if self.found is None:
            self._go_on()
        self._on_changed()

    @worded("showing the window")
    def _on_changed(self) -> None:
        layer, points = self.form.picker.layer(), self.form.source.points()
        self._points.watch(points)
        unit = "" if layer is None else ("px" if image_of(layer).pixel_size is None else "nm")
        names = () if points is None or layer is None else tuple(work.atoms_on(points, layer).class_names)
        self.form.show_source(unit, names)
        self._soon.start()

    @worded("showing the window")
    def _show_windows(self) -> None:
        layer = self.form.picker.layer()
        others = [one for one in self.viewer.layers if uid_of(one) != self.form.picker.uid]
        for other in others:
            if find_layer(self.viewer.layers, WINDOW, uid_of(other)) is not None:
                show_windows(self.viewer.layers, other, ())
        if layer is None:
            self.form.about.setText("Open an image, or take one from File > Open Sample.")
            return
        try:
            boxes, words = work.windows_shown(layer, self.form.recipe(), self._atoms(layer))
        except Exception as error:  # noqa: BLE001 - said where the window is chosen
            boxes, words = [], explain(error, "choosing a window").text
        self.form.about.setText(words)
        show_windows(self.viewer.layers, layer, boxes if self.form.preview.isChecked() else ())

    @worded("showing the result")
    def _on_results(self, uid: str) -> None:
        if uid != self.form.picker.uid:
            return
        runs: work.Runs | None = self.slot.result(uid)
        names = () if runs is None else tuple(runs.runs)
        self.form.show_runs(names[::-1], names[-1] if names else "")
        self.component = 0
        found = self.found
        if found is not None:
            notes = " ".join(found.record.notes)
            self.say(
                f"{len(found.components.components)} components of {len(found.atoms):,} windows; "
                f"{found.suggested} stand above noise. {notes}"
            )
            self.show_component(0)

    def _go_on(self) -> None:
        """Go on from the layers of a saved session: what they were drawn from is decomposed again."""
        uid = self.form.picker.uid
        recipe = kept(self.viewer.layers, (LOADINGS, MAP), uid, LocalStatistics)
        if isinstance(recipe, LocalStatistics):
            self.form.put(recipe)
            self.once(uid, lambda: self._run_again(uid))
            self.say(COMPUTED_AGAIN)

    def _run_again(self, uid: str) -> None:
        if uid == self.form.picker.uid and self.found is None:
            self.run()

    @worded("showing the result")
    def _on_result(self, _name: str) -> None:
        self.show_component(0)

    @worded("suggesting a number")
    def _on_number(self, uid: str) -> None:
        told: work.Number | None = self.number_slot.result(uid)
        if told is None or uid != self.form.picker.uid:
            return
        self.form.options.put({"components": told.number})
        self.form.plot.setVisible(True)
        self.form.plot.show_scree(told.shares, told.above)
        self.say(told.sentence())

    @worded("showing a map")
    def _on_map(self, made: Any) -> None:
        uid, found, drawn = made
        layer = self.slot.layer(uid)
        shown = self.found
        if layer is not None and shown is not None and found is shown:
            lay_map(self.viewer.layers, layer, drawn, shown.record)

    def _on_failed(self, error: BaseException) -> None:
        self.say(explain(error, "drawing a map").text)

    def _on_said(self, _uid: str, sentence: str) -> None:
        self.say(sentence)

    # --- showing ---

    def _layer(self) -> Any:
        layer = self.form.picker.layer()
        if layer is None:
            self.say("There is no image yet: open one, or take one from File > Open Sample.")
        return layer

    def _atoms(self, layer: Any) -> Any:
        points = self.form.source.points()
        return None if points is None else work.atoms_on(points, layer)

    def _blocks(self) -> list[tuple[str, Any]]:
        """Names of the results that are drawn, and their components in the order of the first's partners."""
        runs: work.Runs | None = self.slot.result(self.form.picker.uid)
        name, other = self.form.result.currentText(), self.form.other.currentText()
        if runs is None or name not in runs.runs:
            return []
        blocks = [(name, np.arange(len(runs.runs[name].components.components)))]
        if other in runs.runs and other != name:
            blocks.append((other, partners_of(runs.runs[name], runs.runs[other])[0]))
        return blocks

    @worded("drawing the plot")
    def _draw(self, *_: Any) -> None:
        form, found, view = self.form, self.found, self.form.view.currentText()
        if found is None:
            form.show_view()
            return
        form.show_view(len(found.components.components))
        if view == SCREE:
            form.plot.show_scree(found.shares, found.suggested)
        elif view == SCATTER:
            x, y = form.x.value() - 1, form.y.value() - 1
            form.plot.show_scatter(found.components.loadings, x, y, colours_of_groups(found))
        elif view == GROUPS:
            size = image_of(form.picker.layer()).pixel_size
            form.plot.show_pictures([group_pictures(found)], (0, -1), size=size)
        elif view in (PICTURES, WHERE):
            runs = self.slot.result(form.picker.uid).runs
            blocks = [pictures_of(runs[name], order, view, found) for name, order in self._blocks()]
            size = image_of(form.picker.layer()).pixel_size if view == PICTURES else None
            form.plot.show_pictures(blocks, (0, self.component), size=size)

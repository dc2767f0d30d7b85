"""The Rings panel: bonds, rings and defects of the atoms of an image or a movie."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_atomai.data.recipes_structure import FindRings
from napari_atomai.plugin import asking
from napari_atomai.plugin.connections import Connections
from napari_atomai.plugin.layers import find_layer, image_of, uid_of
from napari_atomai.plugin.panels import rings_plot as plot
from napari_atomai.plugin.panels import rings_work as work
from napari_atomai.plugin.panels.lattice_atoms import SELECTED
from napari_atomai.plugin.panels.panel import Panel
from napari_atomai.plugin.panels.rings_layers import RINGS, SeenRings, colour_sizes, zoom_to
from napari_atomai.plugin.panels.rings_layout import LENGTHS, OVER_TIME, RingsForm
from napari_atomai.plugin.panels.structure_elements import known_elements, remember_elements
from napari_atomai.plugin.panels.table import AtomsTable
from napari_atomai.plugin.panels.widgets import fill, timer
from napari_atomai.plugin.session import session_of
from napari_atomai.plugin.slots import worded

if TYPE_CHECKING:
    import napari

_AFTER = 400
"""Milliseconds of rest after a change of the atoms before rings are found anew."""


class RingsPanel(Panel):
    """Finds bonds, rings and defects among the atoms of an image.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer whose atoms are looked at.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:  # napari injects by this name
        super().__init__("Rings")
        self.viewer = viewer
        self.slot = session_of(viewer).slot("rings")
        self.form = RingsForm(viewer.layers)
        self.table = AtomsTable()
        self.form.table.setModel(self.table)
        fill(self, self.form)
        self.form.plot.follow(viewer)
        self._soon = timer(self, _AFTER, self._run_again)
        self._frame = Connections(self)
        self._wire()
        self._on_image()

    def _wire(self) -> None:
        form = self.form
        form.run_box.bind(self.slot, lambda: form.picker.uid)
        form.run_box.run.connect(self.run)
        form.picker.chosen.connect(self._on_image)
        form.atoms.changed.connect(self._on_atoms)
        form.elements.changed.connect(self._on_elements)
        form.live.toggled.connect(self._on_live)
        form.sizes.changed.connect(self._on_sizes)
        form.view.currentTextChanged.connect(self._draw)
        form.between_button.clicked.connect(self.put_between)
        form.export_button.clicked.connect(self._on_export)
        form.table.selectionModel().selectionChanged.connect(self._on_row)
        self.slot.result_changed.connect(self._on_result)
        self._frame.connect(self.viewer.dims.events.current_step, self._on_frame)

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line."""
        self.form.run_box.say(sentence)

    @property
    def seen(self) -> SeenRings | None:
        """What was found in the chosen image, or None."""
        found: SeenRings | None = self.slot.result(self.form.picker.uid)
        return found

    # --- what the user does ---

    @worded("finding rings")
    def run(self) -> None:
        """Find the rings of the chosen atoms."""
        layer = self.form.picker.layer()
        if layer is None:
            self.say("There is no image yet: open one, or take one from File > Open Sample.")
            return
        atoms = work.chosen_atoms(self.form.atoms)
        elements = {name: self.form.elements.elements().get(name, "") for name in atoms.class_names}
        recipe = FindRings.of({**self.form.options.options(), "elements": elements, "element": ""})
        work.find(self.slot, layer, atoms, recipe, self.form.atoms.record())

    @worded("putting atoms between the points")
    def put_between(self, _checked: bool = False) -> None:
        """Take the points for ring centres: put atoms between them, as a layer of their own, and go on."""
        layer = self.form.picker.layer()
        if layer is not None:
            points = work.show_between(self.viewer.layers, layer, work.chosen_atoms(self.form.atoms))
            self.form.atoms.layer_box.setCurrentIndex(self.form.atoms.layer_box.findData(uid_of(points)))
            self.run()

    def export(self, folder: Path) -> None:
        """Write tables, a picture and a record into a folder.

        Raises
        ------
        SaveFailed
            If a file cannot be written, or the folder has the rings of another image.
        """
        from napari_atomai.workflow.ring_results import check_folder, write_rings

        seen, layer = self.seen, self.form.picker.layer()
        if seen is None or layer is None:
            self.say("There are no rings to export yet: press Find rings first.")
            return
        check_folder(folder, seen.record.input)
        paths = write_rings(seen.found, seen.atoms, seen.record, folder, image=image_of(layer))
        self.say(f"Written to {folder}: {', '.join(path.name for path in paths)}.")

    @worded("exporting rings")
    def _on_export(self, _checked: bool = False) -> None:
        layer = self.form.picker.layer()
        chosen = asking.ask_folder(self, "Folder for the results")
        if chosen is not None and layer is not None:
            safe = "".join(c if c.isalnum() or c in "-_. " else "_" for c in layer.name).strip() or "image"
            self.export(chosen / f"{safe}_rings")

    @worded("showing a defect")
    def _on_row(self, *_: Any) -> None:
        seen, layer = self.seen, self.form.picker.layer()
        rows = [index.row() for index in self.form.table.selectionModel().selectedRows()]
        chosen = self.table.atoms(rows[:1])
        if seen is None or layer is None or not chosen:
            return
        part, defect = work.all_defects(seen)[chosen[0]]
        zoom_to(self.viewer, layer, part, defect.position, defect.extent)
        points = self.form.atoms.points()
        if points is not None and self.form.atoms.which.currentText() != SELECTED:
            ids = points.features.get("id", np.arange(len(points.data)))
            inside = np.isin(ids, seen.atoms.ids[part.atoms[defect.atoms]])
            points.selected_data = set(np.flatnonzero(inside).tolist())

    @worded("hiding rings")
    def _on_sizes(self) -> None:
        layer = find_layer(self.viewer.layers, RINGS, self.form.picker.uid)
        if layer is not None:
            colour_sizes(layer, self.form.sizes.shown())

    # --- what happens ---

    @worded("choosing an image")
    def _on_image(self, _uid: str = "") -> None:
        self.form.atoms.watch(self.form.picker.layer())
        self._on_atoms()
        self._show()

    @worded("looking at the atoms")
    def _on_atoms(self) -> None:
        points = self.form.atoms.points()
        names = () if points is None else work.class_names(points)
        self.form.elements.show(names, known_elements(points, names, "C"))
        if points is None:
            self.say("This image has no atoms yet: find them in the Atoms panel.")
        elif self.form.live.isChecked():
            self._soon.start()
        elif self.seen is None:
            self.say("Press Find rings.")
        elif not work.same(self.seen.atoms, self.form.atoms):
            self.say("The atoms have changed since: press Find rings again.")

    def _on_elements(self) -> None:
        points = self.form.atoms.points()
        if points is not None:
            remember_elements(points, self.form.elements.elements())

    def _on_live(self, on: bool) -> None:
        if on:
            self._soon.start()

    def _run_again(self) -> None:
        if not self.form.live.isChecked() or self.form.atoms.points() is None:
            return
        if self.slot.job is not None:
            self._soon.start()
            return
        self.run()

    @worded("showing rings")
    def _on_result(self, uid: str) -> None:
        if uid != self.form.picker.uid:
            return
        self._show()
        seen = self.seen
        if seen is not None:
            self.say(work.in_words(seen, self.slot.seconds))
            self._on_sizes()

    @worded("drawing the plot")
    def _on_frame(self, _event: Any = None) -> None:
        if self.form.view.currentText() == OVER_TIME:
            self._draw()

    def _show(self) -> None:
        seen = self.seen
        self.form.show_possible(
            found=seen is not None,
            movie=seen is not None and seen.sizes.ndim > 2,
            centres=seen is not None and work.are_centres(seen),
        )
        if seen is None:
            self.table.set_columns({}, {})
            return
        from napari_atomai.plots import ring_colour

        counts = seen.counts()
        self.form.sizes.fill(counts, {size: ring_colour(size) for size in counts})
        self.form.counts.setText(work.defects_in_words(seen))
        self.table.set_columns(work.columns(seen), {})
        self.form.table.resizeColumnsToContents()
        self._draw()

    @worded("drawing the plot")
    def _draw(self, *_: Any) -> None:
        seen, view = self.seen, self.form.view.currentText()
        if seen is None:
            return
        if view == LENGTHS:
            plot.draw_lengths(self.form.plot, seen)
        elif view == OVER_TIME:
            plot.draw_over_time(self.form.plot, seen.found, self._now())
        else:
            plot.draw_sizes(self.form.plot, seen)

    def _now(self) -> int:
        """Which frame of the chosen image is on the screen."""
        layer = self.form.picker.layer()
        if layer is None or layer.ndim < 3:
            return 0
        leading = layer.data.shape[:-2]
        step = self.viewer.dims.current_step[-layer.ndim : -2]
        return int(np.ravel_multi_index(step, leading, mode="clip"))

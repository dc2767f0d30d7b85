"""The Lattice panel: the cell of the atoms, strain, polarisation, vacancies and unusual atoms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_atomai.data.recipes_lattice import MeasureLattice
from napari_atomai.plugin import asking
from napari_atomai.plugin.connections import Connections
from napari_atomai.plugin.kept_recipes import COMPUTED_AGAIN, kept
from napari_atomai.plugin.latest import Latest
from napari_atomai.plugin.layers import uid_of
from napari_atomai.plugin.overlays import take_away
from napari_atomai.plugin.panels import lattice_layers as shown
from napari_atomai.plugin.panels import lattice_plot as plot
from napari_atomai.plugin.panels import lattice_select as selecting
from napari_atomai.plugin.panels import lattice_work as work
from napari_atomai.plugin.panels.lattice_layout import REGION, WHOLE, LatticeForm
from napari_atomai.plugin.panels.panel import Panel
from napari_atomai.plugin.panels.widgets import fill, timer
from napari_atomai.plugin.session import session_of
from napari_atomai.plugin.shown import shown_frame
from napari_atomai.plugin.slots import worded
from napari_atomai.workflow.lattice_quantities import POLAR, arrows, in_words, quantities

if TYPE_CHECKING:
    import napari

    from napari_atomai.plugin.panels.lattice_layers import Map, Measured
    from napari_atomai.workflow.lattice import FrameLattice

NO_IMAGE = "There is no image yet: open one, or take one from File > Open Sample."
STALE = "The atoms or their pixel size have changed since: measure again to see it."
_HINT = "Press Measure lattice: the vectors, strain and what deviates are measured from the atoms."


class LatticePanel(Panel):
    """Measures the lattice that atoms lie on, and what deviates from it.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer whose atoms are measured.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:  # napari injects by this name
        super().__init__("Lattice")
        self.viewer = viewer
        self.slot = session_of(viewer).slot("lattice")
        self.form = LatticeForm(viewer.layers)
        fill(self, self.form)
        self.form.plot.follow(viewer)
        self._maps = Latest(self, "Drawing a map of the lattice")
        self._soon = timer(self, 100, self._check_atoms)
        self._frame: tuple[int, ...] = ()
        self._viewer_events = Connections(self)
        self._wire()
        self._on_image()

    def _wire(self) -> None:
        form = self.form
        form.run_box.bind(self.slot, lambda: form.picker.uid)
        form.run_box.run.connect(self.measure)
        form.picker.chosen.connect(self._on_image)
        form.atoms.changed.connect(self._soon.start)
        form.reference.currentTextChanged.connect(self._on_reference)
        form.map.currentTextChanged.connect(self._on_map)
        form.arrows.currentTextChanged.connect(self._on_arrows)
        form.factor.valueChanged.connect(self._on_arrows)
        form.sites.currentTextChanged.connect(self._on_sites)
        form.least.valueChanged.connect(self._on_sites)
        form.view.currentTextChanged.connect(self._draw)
        form.drag.chosen.connect(self._on_range)
        form.drag.cleared.connect(lambda: self._on_range(1.0, 0.0))
        form.drag.failed.connect(self.say)
        form.classes_button.clicked.connect(self._on_classes)
        form.export_button.clicked.connect(self._on_export)
        self.slot.result_changed.connect(self._on_result)
        self._maps.succeeded.connect(self._on_drawn)
        self._maps.failed.connect(lambda error: self.slot.tell(error, "drawing a map"))
        self._viewer_events.connect(self.viewer.dims.events.current_step, self._on_frame)

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line."""
        self.form.run_box.say(sentence)

    @property
    def measured(self) -> Measured | None:
        """What was measured of the chosen image, or None."""
        found: Measured | None = self.slot.result(self.form.picker.uid)
        return found

    # --- what the user does ---

    @worded("measuring the lattice")
    def measure(self) -> None:
        """Measure the lattice of the chosen atoms."""
        layer = self.form.picker.layer()
        if layer is None:
            self.say(NO_IMAGE)
            return
        form = self.form
        corners = form.reference.currentText() == REGION
        reference = work.corners_of(self.viewer.layers, layer) if corners else ()
        recipe = MeasureLattice.of({**form.options(), "reference": reference})
        if work.measure(self.slot, layer, form.atoms.atoms(), recipe, form.atoms.record()):
            self.say(f"Measuring the lattice of {layer.name!r} ...")

    @worded("exporting")
    def _on_export(self, _checked: bool = False) -> None:
        layer = self.form.picker.layer()
        folder = asking.ask_folder(self, "Folder for the results")
        if folder is not None and layer is not None:
            self.export(folder / f"{work.safe_name(layer.name)}_lattice")

    def export(self, folder: Path) -> None:
        """Write what was measured of the chosen image into a folder."""
        layer, measured = self.form.picker.layer(), self.measured
        if layer is None or measured is None:
            self.say("There is nothing to export yet: press Measure lattice first.")
        else:
            work.export(self.slot, layer, measured, folder)

    @worded("selecting atoms")
    def _on_range(self, low: float, high: float) -> None:
        """Select the atoms whose values lie in a range of the histogram; of an empty one none."""
        layer, found, points = self.form.picker.layer(), self._shown(), self.form.atoms.points()
        if layer is None or found is None or points is None or self.measured is None:
            self.say("The layer of atoms was removed: measure again to select atoms.")
            return
        rows = selecting.atoms_between(found, self.form.view.currentText(), low, high)
        selecting.select(self.viewer.layers, layer, points, self.measured, found, rows)
        said = f"{len(rows):,} of {len(found.atoms):,} atoms are selected"
        self.say(f"{said}, from {low:.4g} to {high:.4g}." if len(rows) else "No atom is selected.")

    @worded("setting classes")
    def _on_classes(self, _checked: bool = False) -> None:
        points, measured = self.form.atoms.points(), self.measured
        if points is None or measured is None:
            self.say("There are no measured atoms: press Measure lattice first.")
        elif self.form.atoms.changed_since(measured.atoms):
            self.say(STALE)
        else:
            count = selecting.name_classes(points, measured)
            # The numbers are still those of these atoms: only their classes have changed.
            self.slot.put(self.form.picker.uid, replace(measured, atoms=self.form.atoms.atoms()))
            self.say(f"{count:,} atoms have the class of their sublattice: A is sublattice 0.")

    @worded("choosing a reference")
    def _on_reference(self, text: str) -> None:
        layer = self.form.picker.layer()
        if text == REGION and layer is not None:
            work.draw_region(self.viewer, layer)
            self.say("Move the rectangle to where the crystal is not strained, or draw another shape.")
        elif text == REGION:
            self.form.reference.setCurrentText(WHOLE)
            self.say(NO_IMAGE)

    # --- what happens ---

    @worded("choosing an image")
    def _on_image(self, _uid: str = "") -> None:
        layer = self.form.picker.layer()
        self._maps.drop()
        self.form.atoms.watch(layer)
        self._offer()
        self._adopt()
        if layer is None:
            self.say(NO_IMAGE)
        elif self.measured is None:
            self._go_on()
        else:
            self._tell()
        self._draw()

    def _go_on(self) -> None:
        """Go on from the layers of a saved session: what they were drawn from is measured again."""
        uid = self.form.picker.uid
        recipe = kept(self.viewer.layers, shown.ROLES, uid, MeasureLattice)
        if isinstance(recipe, MeasureLattice):
            self.form.put(recipe)
            self.once(uid, lambda: self._measure_again(uid))
        self.say(_HINT if recipe is None else COMPUTED_AGAIN)

    def _measure_again(self, uid: str) -> None:
        if uid == self.form.picker.uid and self.measured is None:
            self.measure()

    @worded("showing the lattice")
    def _on_result(self, uid: str) -> None:
        if uid != self.form.picker.uid:
            return
        self._maps.drop()
        self._offer()
        layer, measured = self.form.picker.layer(), self.measured
        if layer is None or measured is None:
            shown.take_all_away(self.viewer.layers, uid)
            self._draw()
            return
        if not shown.shown_of(self.viewer.layers, uid):
            self._choose_first()
        elif self.form.map.currentText() == self.form.arrows.currentText() == shown.NONE:
            self._adopt()  # layers of a saved session: until now there was nothing to choose from
        for show in (self._on_map, self._on_arrows, self._on_sites, self._draw):
            show()
        self._tell()

    def _adopt(self) -> None:
        """Choose what the layers of the image show, and nothing else."""
        there = shown.shown_of(self.viewer.layers, self.form.picker.uid)
        self.form.choose(*(there.get(role, shown.NONE) for role in shown.ROLES))

    def _choose_first(self) -> None:
        """Choose what is shown of a first result: polar displacements where there are any."""
        names = [self.form.arrows.itemText(i) for i in range(self.form.arrows.count())]
        self.form.choose(shown.NONE, names[-1] if names[-1] == POLAR else names[1], shown.UNUSUAL)

    def _tell(self) -> None:
        measured = self.measured
        if measured is None:
            return
        notes = dict.fromkeys(note for part in measured.frames for note in part.notes)
        self.say(" ".join(notes) or "Measured.")
        self._check_atoms()

    @worded("looking at the atoms")
    def _check_atoms(self) -> None:
        """Say so when the atoms are no longer those that were measured."""
        measured = self.measured
        if measured is None or self.slot.job is not None:
            return
        if self.form.atoms.changed_since(measured.atoms) and STALE not in self.form.run_box.status.text():
            self.say(STALE)

    @worded("choosing a frame")
    def _on_frame(self, _event: Any = None) -> None:
        layer = self.form.picker.layer()
        if layer is not None and self.measured is not None and shown_frame(self.viewer, layer) != self._frame:
            self._offer()
            self._draw()

    # --- showing ---

    def _shown(self) -> FrameLattice | None:
        """Return what was measured of the frame that is shown."""
        import numpy as np

        layer, measured = self.form.picker.layer(), self.measured
        if layer is None or measured is None:
            return None
        self._frame = shown_frame(self.viewer, layer)
        ahead = measured.leading
        return measured.at(int(np.ravel_multi_index(self._frame, ahead)) if ahead else 0)

    def _offer(self) -> None:
        """Offer what can be shown of the result."""
        found = self._shown()
        if found is None:
            self.form.show_possible((), (), (), measured=False)
            self.form.cell.setText("")
            return
        self.form.show_possible(
            list(quantities(found)), list(arrows(found)), plot.views(found), measured=True
        )
        several = len(self.measured.frames) > 1 if self.measured is not None else False
        self.form.cell.setText((f"Frame {found.frame}: " if several else "") + in_words(found))

    @worded("drawing a map")
    def _on_map(self, _text: str = "") -> None:
        measured, name = self.measured, self.form.map.currentText()
        if measured is None or name in ("", shown.NONE):
            self._maps.drop()
            take_away(self.viewer.layers, shown.MAP, self.form.picker.uid)
            return
        uid = self.form.picker.uid
        self._maps.ask(lambda: (uid, shown.map_of(measured, name)))
        if self.form.sites.currentText() == shown.VALUES:
            self._on_sites()

    @worded("drawing a map")
    def _on_drawn(self, outcome: tuple[str, Map | None]) -> None:
        uid, drawn = outcome
        layer = self.form.picker.layer()
        if layer is None or uid_of(layer) != uid or self.measured is None:
            return
        if drawn is None:
            take_away(self.viewer.layers, shown.MAP, uid)
            self.say("Too few atoms tell this: there is no map of it.")
        else:
            shown.show_map(self.viewer.layers, layer, self.measured, drawn)

    @worded("drawing arrows")
    def _on_arrows(self, *_: Any) -> None:
        layer, measured, name = self.form.picker.layer(), self.measured, self.form.arrows.currentText()
        if layer is None or measured is None or name in ("", shown.NONE):
            take_away(self.viewer.layers, shown.ARROWS, self.form.picker.uid)
        else:
            shown.show_arrows(self.viewer.layers, layer, measured, name, self.form.factor.value())

    @worded("marking sites")
    def _on_sites(self, *_: Any) -> None:
        layer, measured, what = self.form.picker.layer(), self.measured, self.form.sites.currentText()
        name = self.form.map.currentText()
        if layer is None or measured is None or what == shown.NONE:
            take_away(self.viewer.layers, shown.SITES, self.form.picker.uid)
        elif what == shown.VALUES and name in ("", shown.NONE):
            take_away(self.viewer.layers, shown.SITES, self.form.picker.uid)
            self.say("Choose a map first: the sites get its colours.")
        else:
            shown.show_sites(self.viewer.layers, layer, measured, what, self.form.least.value(), name)

    @worded("drawing the plot")
    def _draw(self, *_: Any) -> None:
        view = self.form.view.currentText()
        self.form.drag.on = self.measured is not None and selecting.can_be_dragged(view)
        plot.draw(self.form.plot, self._shown(), view)

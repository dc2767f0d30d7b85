"""The Structure panel: atoms of an image become a structure, are relaxed, and go to simulation codes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_atomai.data.recipes_structure import BuildStructure
from napari_atomai.plugin import asking
from napari_atomai.plugin.connections import Connections
from napari_atomai.plugin.latest import Latest
from napari_atomai.plugin.messages import explain
from napari_atomai.plugin.panels import structure_plot as plot
from napari_atomai.plugin.panels import structure_work as work
from napari_atomai.plugin.panels.panel import Panel
from napari_atomai.plugin.panels.rings_work import chosen_atoms, class_names
from napari_atomai.plugin.panels.structure_elements import known_elements, remember_elements
from napari_atomai.plugin.panels.structure_layout import (
    COLUMNS,
    FIELD,
    HEIGHTS,
    RELAXED,
    VASP_RUN,
    StructureForm,
)
from napari_atomai.plugin.panels.widgets import fill, timer
from napari_atomai.plugin.session import session_of
from napari_atomai.plugin.slots import worded

if TYPE_CHECKING:
    import napari

    from napari_atomai.data.progress import Progress
    from napari_atomai.plugin.panels.structure_work import Built, Moved

_AFTER = 150
"""Milliseconds of rest before the structure follows its options."""
_DRAW_EVERY = 200
"""Milliseconds between two drawings of energy and force while atoms move."""


class StructurePanel(Panel):
    """Makes a structure of the atoms of an image, relaxes it and saves it.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer whose atoms are taken.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:  # napari injects by this name
        super().__init__("Structure")
        self.viewer = viewer
        self.slot = session_of(viewer).slot(work.SLOT)
        self.form = StructureForm(viewer.layers)
        self.built: Built | None = None
        self._steps: list[tuple[float, float]] = []
        self._latest = Latest(self, "Building a structure")
        fill(self, self.form)
        for canvas in (self.form.preview, self.form.plot):
            canvas.follow(viewer)
        self._soon = timer(self, _AFTER, self.build)
        self._draw_soon = timer(self, _DRAW_EVERY, self._draw_steps)
        self._frame = Connections(self)
        self._wire()
        self._fill_formats()
        self._on_image()

    def _wire(self) -> None:
        form = self.form
        form.run_box.bind(self.slot, lambda: form.picker.uid)
        form.run_box.run.connect(self.relax)
        form.picker.chosen.connect(self._on_image)
        form.atoms.changed.connect(self._on_atoms)
        form.elements.changed.connect(self._on_elements)
        for changed in (form.cell.changed, form.heights.changed, form.repeats.currentTextChanged):
            changed.connect(self._on_options)
        form.moves.changed.connect(self._on_options)
        form.prototype.clicked.connect(self._on_prototype)
        form.which.currentTextChanged.connect(self._draw)
        form.save_button.clicked.connect(self._on_save)
        self._latest.succeeded.connect(self._on_built)
        self._latest.failed.connect(self._on_failed)
        self.slot.progressed.connect(self._on_progress)
        self.slot.result_changed.connect(self._on_result)
        self._frame.connect(self.viewer.dims.events.current_step, self._on_frame)

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line."""
        self.form.run_box.say(sentence)

    @property
    def moved(self) -> Moved | None:
        """What became of the chosen image's structure, or None."""
        found: Moved | None = self.slot.result(self.form.picker.uid)
        return found

    def recipe(self) -> BuildStructure:
        """Return how the structure is to be built, as the form stands.

        Raises
        ------
        BadOption
            If a value is not possible.
        """
        form, options = self.form, self.form.cell.options()
        third = options["third"]
        return BuildStructure.of(
            {
                **options,
                "elements": form.elements.elements(),
                "periodic": form.repeats.currentText() == FIELD,
                "heights": form.heights.heights() if third == HEIGHTS else {},
                "prototype": (form.prototype.property("path") or "") if third == COLUMNS else "",
                "frame": self._now(),
            }
        )

    # --- what the user does ---

    @worded("building a structure")
    def build(self) -> None:
        """Build the structure as the form stands, and show it."""
        layer = self.form.picker.layer()
        if layer is None or self.form.atoms.points() is None:
            self.built = None
            self._latest.drop()
            self._draw()
            self.form.notes.setText(
                "There is no image yet: open one, or take one from File > Open Sample."
                if layer is None
                else "This image has no atoms yet: find them in the Atoms panel."
            )
            return
        atoms, recipe = chosen_atoms(self.form.atoms), self.recipe()
        rows, columns = layer.data.shape[-3:-1] if layer.rgb else layer.data.shape[-2:]
        self._latest.ask(lambda: work.build(atoms, recipe, (int(rows), int(columns))))

    @worded("moving atoms")
    def relax(self) -> None:
        """Relax the structure, or move it at a temperature."""
        layer = self.form.picker.layer()
        if self.built is None or layer is None:
            self.say("There is no structure yet: " + (self.form.notes.text() or "it is being built."))
            return
        recipe: Any = self.form.moves.recipe()
        if work.relax(self.viewer, layer, self.built, recipe):
            self._steps = []

    def save(self, path: Path) -> None:
        """Write the structure in the chosen format.

        Raises
        ------
        SaveFailed
            If it cannot be written, or reads back as something else.
        """
        atoms = self._shown_atoms()
        if atoms is None:
            self.say("There is no structure to save yet.")
            return
        self.say(work.save(atoms, path, self.form.format.currentData()))

    @worded("saving the structure")
    def _on_save(self, _checked: bool = False) -> None:
        kind = self.form.format.currentData()
        if self._shown_atoms() is None or kind is None:
            self.say("There is no structure to save yet.")
        elif kind == VASP_RUN:
            folder = asking.ask_folder(self, "Folder for the run")
            if folder is not None:
                self.save(folder)
        else:
            title, ending = self.form.format.currentText(), work.ending_of(kind)
            path = asking.ask_save(self, "Save the structure", f"{title} (*{ending})", f"structure{ending}")
            if path is not None:
                self.save(path)

    @worded("choosing a unit cell")
    def _on_prototype(self, _checked: bool = False) -> None:
        path = asking.ask_file(self, "Unit cell of the crystal", "Structures (*.cif *.vasp *.xyz);;All (*)")
        self.form.prototype.setProperty("path", "" if path is None else str(path))
        self.form.prototype.setText("one atom each distance" if path is None else path.name)
        self._on_options()

    # --- what happens ---

    @worded("choosing an image")
    def _on_image(self, _uid: str = "") -> None:
        self.built = None
        self.form.atoms.watch(self.form.picker.layer())
        self._on_atoms()
        self._show_moved()

    @worded("looking at the atoms")
    def _on_atoms(self) -> None:
        points = self.form.atoms.points()
        names = () if points is None else class_names(points)
        self.form.elements.show(names, known_elements(points, names))
        self.form.heights.fill(names)
        self._on_options()

    def _on_elements(self) -> None:
        points = self.form.atoms.points()
        if points is not None:
            remember_elements(points, self.form.elements.elements())
        self._soon.start()

    def _on_options(self, *_: Any) -> None:
        self.form.show_rows()
        self._soon.start()

    def _on_frame(self, _event: Any = None) -> None:
        if self.built is not None and self.built.recipe.frame != self._now():
            self._soon.start()

    @worded("showing the structure")
    def _on_built(self, built: Built) -> None:
        self.built = built
        self.form.notes.setText(work.in_words(built))
        self._draw()

    def _on_failed(self, error: BaseException) -> None:
        self.built = None
        self.form.notes.setText(explain(error, "building a structure").text)
        self._draw()

    @worded("showing energy and force")
    def _on_progress(self, progress: Progress) -> None:
        if progress.losses:
            self._steps.append((progress.losses["energy"], progress.losses["force"]))
            if not self._draw_soon.isActive():
                self._draw_soon.start()

    @worded("showing what has moved")
    def _on_result(self, uid: str) -> None:
        if uid != self.form.picker.uid:
            return
        self._show_moved()
        if self.moved is not None:
            self.say(work.relaxed_in_words(self.moved, self.slot.seconds))

    def _show_moved(self) -> None:
        moved = self.moved
        self.form.show_relaxed(there=moved is not None)
        if moved is not None:
            self._steps = list(zip(moved.relaxed.energies, moved.relaxed.forces, strict=True))
            self.form.which.setCurrentText(RELAXED)
        else:
            self._steps = []
        self._draw_steps()
        self._draw()

    @worded("drawing the structure")
    def _draw(self, *_: Any) -> None:
        plot.draw_structure(self.form.preview, self._shown_atoms())
        self.form.save_button.setEnabled(self._shown_atoms() is not None)

    @worded("drawing energy and force")
    def _draw_steps(self) -> None:
        energies, forces = np.array(self._steps, float).reshape(-1, 2).T
        plot.draw_steps(self.form.plot, energies.tolist(), forces.tolist())

    def _shown_atoms(self) -> Any:
        """Return the structure as built or as relaxed, as chosen; None where there is none."""
        moved = self.moved
        if self.form.which.currentText() == RELAXED and moved is not None:
            return moved.relaxed.atoms
        return None if self.built is None else self.built.structure.atoms

    @worded("listing formats")
    def _fill_formats(self) -> None:
        for kind, title in work.formats().items():
            self.form.format.addItem(title, kind)

    def _now(self) -> int:
        """Which frame of the chosen image is on the screen."""
        layer = self.form.picker.layer()
        if layer is None or layer.rgb or layer.ndim < 3:
            return 0
        step = self.viewer.dims.current_step[-layer.ndim : -2]
        return int(np.ravel_multi_index(step, layer.data.shape[:-2], mode="clip"))

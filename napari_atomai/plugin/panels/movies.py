"""The Movies panel: drift, tracks of atoms, their states, and a chosen track over time."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QSignalBlocker

from napari_atomai.data.recipes_lattice import FollowAtoms
from napari_atomai.plugin import asking
from napari_atomai.plugin.kept_recipes import COMPUTED_AGAIN, kept
from napari_atomai.plugin.overlays import take_away
from napari_atomai.plugin.panels import movies_layers as shown
from napari_atomai.plugin.panels import movies_plot as plot
from napari_atomai.plugin.panels import movies_work as work
from napari_atomai.plugin.panels.lattice import NO_IMAGE, STALE
from napari_atomai.plugin.panels.lattice_work import safe_name
from napari_atomai.plugin.panels.movies_layout import STATES, TRACK, MoviesForm
from napari_atomai.plugin.panels.panel import Panel
from napari_atomai.plugin.panels.widgets import fill, timer
from napari_atomai.plugin.points import atoms_of
from napari_atomai.plugin.session import session_of
from napari_atomai.plugin.shown import shown_frame
from napari_atomai.plugin.slots import worded

if TYPE_CHECKING:
    import napari

    from napari_atomai.plugin.panels.movies_layers import Traced

NO_FRAMES = "Tracks are drawn in movies whose frames lie along one axis; the numbers below are of this image."
_HINT = "Press Follow atoms: drift is measured, and the atoms are linked from frame to frame."


class MoviesPanel(Panel):
    """Follows the atoms of a movie.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer whose movies are looked at.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:  # napari injects by this name
        super().__init__("Movies")
        self.viewer = viewer
        self.slot = session_of(viewer).slot("movies")
        self.track = 0
        self.form = MoviesForm(viewer.layers)
        fill(self, self.form)
        self.form.plot.follow(viewer)
        self._soon = timer(self, 100, self._on_atoms)
        self._wire()
        self._on_image()

    def _wire(self) -> None:
        form = self.form
        form.run_box.bind(self.slot, lambda: form.picker.uid)
        form.run_box.run.connect(self.follow)
        form.picker.chosen.connect(self._on_image)
        form.atoms.changed.connect(self._soon.start)
        for box in (form.tracks, form.dots):
            box.toggled.connect(self._show_layers)
        form.still.toggled.connect(self._on_still)
        form.view.currentTextChanged.connect(self._draw)
        form.value.currentTextChanged.connect(self._draw)
        form.table.selectionModel().selectionChanged.connect(self._on_row)
        form.drag.chosen.connect(self._on_range)
        form.drag.cleared.connect(lambda: self._on_range(1.0, 0.0))
        form.drag.failed.connect(self.say)
        form.export_button.clicked.connect(self._on_export)
        self.slot.result_changed.connect(self._on_result)
        callbacks, on_mouse = self.viewer.mouse_drag_callbacks, self._on_mouse
        callbacks.append(on_mouse)
        self.destroyed.connect(lambda *_: callbacks.remove(on_mouse) if on_mouse in callbacks else None)

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line."""
        self.form.run_box.say(sentence)

    @property
    def traced(self) -> Traced | None:
        """What became of the atoms of the chosen movie, or None."""
        found: Traced | None = self.slot.result(self.form.picker.uid)
        return found

    # --- what the user does ---

    @worded("following atoms")
    def follow(self) -> None:
        """Follow the chosen atoms."""
        layer, box = self.form.picker.layer(), self.form.atoms
        if layer is None:
            self.say(NO_IMAGE)
            return
        recipe = FollowAtoms.of(self.form.options())
        if work.follow(self.slot, layer, box.atoms(), recipe, box.record()):
            self.say(f"Following the atoms of {layer.name!r} ...")

    @worded("exporting")
    def _on_export(self, _checked: bool = False) -> None:
        layer = self.form.picker.layer()
        folder = asking.ask_folder(self, "Folder for the results")
        if folder is not None and layer is not None:
            self.export(folder / f"{safe_name(layer.name)}_movie")

    def export(self, folder: Path) -> None:
        """Write what was found of the chosen movie into a folder."""
        layer, traced = self.form.picker.layer(), self.traced
        if layer is None or traced is None:
            self.say("There is nothing to export yet: press Follow atoms first.")
        else:
            work.export(self.slot, layer, traced, folder)

    @worded("choosing a track")
    def choose(self, track: int) -> None:
        """Show a track over time, and its row."""
        self.track = track
        rows = self.form.model.rows([track])
        if rows and rows[0] != self.form.table.currentIndex().row():
            self.form.table.selectRow(rows[0])
        self.form.view.setCurrentText(TRACK)
        self._draw()

    @worded("selecting atoms")
    def _on_range(self, low: float, high: float) -> None:
        """Select the sightings whose values lie in a range of the histogram; of an empty one none."""
        traced, value = self.traced, self.form.value.currentText()
        if traced is None:
            return
        values = traced.values()[value]
        count = shown.select_dots(self.viewer.layers, self.form.picker.uid, values, low, high)
        said = f"{count:,} of {len(values):,} sightings are selected, {value} from {low:.4g} to {high:.4g}."
        self.say(
            {-1: "Tick states: sightings are selected on their discs.", 0: "None selected."}.get(count, said)
        )

    # --- what happens ---

    @worded("choosing a movie")
    def _on_image(self, _uid: str = "") -> None:
        layer = self.form.picker.layer()
        self.form.atoms.watch(layer)
        still = shown.still_layer(self.viewer.layers, self.form.picker.uid)
        with QSignalBlocker(self.form.still):
            self.form.still.setChecked(still is not None and still.visible)
        self._on_atoms()
        self._fill()
        if self.traced is not None:
            self._tell()
        elif layer is None:
            self.say(NO_IMAGE)
        else:
            self._go_on()

    def _go_on(self) -> None:
        """Go on from the layers of a saved session: what they were drawn from is followed again."""
        uid = self.form.picker.uid
        recipe = kept(self.viewer.layers, shown.ROLES, uid, FollowAtoms)
        if isinstance(recipe, FollowAtoms):
            self.form.put(recipe)
            self.once(uid, lambda: self._follow_again(uid))
        self.say(_HINT if recipe is None else COMPUTED_AGAIN)

    def _follow_again(self, uid: str) -> None:
        if uid == self.form.picker.uid and self.traced is None:
            self.follow()

    @worded("looking at the atoms")
    def _on_atoms(self) -> None:
        """Offer the features of the atoms, and say so when they are no longer those that were followed."""
        points, traced = self.form.atoms.points(), self.traced
        features = {} if points is None else atoms_of(points).features
        self.form.show_features([name for name, column in features.items() if column.dtype.kind in "fiu"])
        if traced is None or self.slot.job is not None:
            return
        if self.form.atoms.changed_since(traced.atoms) and STALE not in self.form.run_box.status.text():
            self.say(STALE.replace("measure", "follow them"))

    @worded("showing the tracks")
    def _on_result(self, uid: str) -> None:
        if uid != self.form.picker.uid:
            return
        self.track = 0
        self._fill()
        if self.traced is None:
            shown.take_all_away(self.viewer.layers, uid)
            return
        self._on_still(self.form.still.isChecked())
        self._tell()

    def _tell(self) -> None:
        traced = self.traced
        if traced is not None:
            said = (*traced.found.notes, *(() if traced.is_movie else (NO_FRAMES,)))
            self.say(" ".join(said) or "Followed.")
            self._on_atoms()

    @worded("choosing a track")
    def _on_row(self, *_: Any) -> None:
        rows = self.form.table.selectionModel().selectedRows()
        chosen = self.form.model.atoms([index.row() for index in rows])
        if chosen and chosen[0] != self.track:
            self.choose(chosen[0])

    def _on_mouse(self, _viewer: Any, event: Any) -> Generator[None, None, None]:
        """Take a click without dragging for the choice of a track."""
        yield
        dragged = False
        while event.type == "mouse_move":
            dragged = True
            yield
        if not dragged:
            self._clicked(event)

    @worded("choosing a track")
    def _clicked(self, event: Any) -> None:
        layer, traced = self.form.picker.layer(), self.traced
        if layer is None or traced is None or not traced.is_movie:
            return
        row, column = np.asarray(layer.world_to_data(event.position))[-2:]
        places = traced.places(still=self.form.still.isChecked())
        here = np.flatnonzero(places[:, 0] == shown_frame(self.viewer, layer)[0])
        away = np.hypot(places[here, 1] - row, places[here, 2] - column)
        if len(here) and away.min() < on_atom(traced):
            self.choose(int(traced.found.tracks.track[here[np.argmin(away)]]))

    @worded("taking the drift away")
    def _on_still(self, on: bool) -> None:
        layer, traced = self.form.picker.layer(), self.traced
        if layer is None or traced is None:
            return
        still = shown.still_layer(self.viewer.layers, self.form.picker.uid)
        if on and traced.is_movie and not shown.is_of(still, traced):
            work.take_drift_away(self.slot, layer, traced)
        elif still is not None:
            still.visible, layer.visible = on, not on
        self._show_layers()

    # --- showing ---

    @worded("showing the tracks")
    def _show_layers(self, _on: bool = False) -> None:
        form, layers, layer, traced = self.form, self.viewer.layers, self.form.picker.layer(), self.traced
        if layer is None or traced is None or not traced.is_movie:
            return
        still = form.still.isChecked()
        if form.dots.isChecked():
            shown.show_dots(layers, layer, traced, still=still, size=on_atom(traced))
        else:
            take_away(layers, shown.DOTS, form.picker.uid)
        if form.tracks.isChecked():
            shown.show_tracks(layers, layer, traced, still=still)
        else:
            take_away(layers, shown.TRACKS, form.picker.uid)

    def _fill(self) -> None:
        """Bring table, words and plot to the result."""
        traced = self.traced
        self.form.show_possible([] if traced is None else list(traced.values()), followed=traced is not None)
        self.form.model.set_columns({} if traced is None else columns_of(traced), {})
        self.form.found.setText("" if traced is None else in_words(traced))
        self._draw()

    @worded("drawing the plot")
    def _draw(self, *_: Any) -> None:
        form = self.form
        form.drag.on = self.traced is not None and form.view.currentText() == STATES
        plot.draw(form.plot, self.traced, form.view.currentText(), self.track, form.value.currentText())


def on_atom(traced: Traced) -> float:
    """Return how near to an atom a click is on it, in pixels: about half the distance between neighbours."""
    return max(traced.found.tracks.reach, 4.0)


def columns_of(traced: Traced) -> dict[str, Any]:
    """Return the table of tracks."""
    tracks, states = traced.found.tracks, traced.found.states
    before, after = tracks.steps()
    known = (states[before] >= 0) & (states[after] >= 0)  # a state that is not known is no change
    changed = known & (states[before] != states[after])
    changes = np.bincount(tracks.track[before], changed, minlength=len(tracks))
    return {
        "track": np.arange(len(tracks)),
        "first": tracks.first,
        "last": tracks.last,
        "seen": tracks.sizes,
        "changes": changes.astype(np.int64),
    }


def in_words(traced: Traced) -> str:
    """Return what was found in one or two lines."""
    tracks, counted = traced.found.tracks, traced.found.counted
    long = int((tracks.sizes >= traced.shortest).sum())
    drift = np.linalg.norm(traced.found.drift[-1]) if len(traced.found.drift) else 0.0
    return (
        f"{long} tracks of {traced.shortest} sightings or more, {int(tracks.births().sum())} begin and "
        f"{int(tracks.deaths().sum())} end within the movie. {len(counted.counts)} state(s), "
        f"{int(counted.counts.sum())} steps counted. Drift in all {drift:.1f} px."
    )

"""The Uncertainty panel: the least sure atoms first, to be accepted or rejected, and maps of doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Points
from napari.utils.colormaps import ensure_colormap
from numpy.typing import NDArray

from napari_atomai.plugin import edits, results, review
from napari_atomai.plugin.elit import ROUND
from napari_atomai.plugin.history import history_of
from napari_atomai.plugin.layers import KEY, find_layer, geometry_like, notes_of, uid_of
from napari_atomai.plugin.panels.panel import Panel
from napari_atomai.plugin.panels.uncertainty_layout import ENTROPY, MUTUAL, UncertaintyForm
from napari_atomai.plugin.panels.widgets import fill, timer
from napari_atomai.plugin.results import spacing_px
from napari_atomai.plugin.session import session_of
from napari_atomai.plugin.slots import worded
from napari_atomai.workflow.doubt import entropy, mutual_information

if TYPE_CHECKING:
    import napari

_MADE = {ENTROPY: ("inferno", 1.0), MUTUAL: ("viridis", 0.5)}
"""Maps that are made when they are asked for: colours, and the value of the brightest."""
_NO_TRUTH = (results.ATOMS, ROUND)
_WITHIN = 0.35
"""An atom counts as true when it lies nearer to one of the truth than this part of the spacing."""
_BINS = 10


class UncertaintyPanel(Panel):
    """Look at the atoms that are the least sure.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer whose atoms are looked at.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:  # napari injects by this name
        super().__init__("Uncertainty")
        self.viewer = viewer
        self.session = session_of(viewer)
        self.correcting = self.session.correcting
        self.form = UncertaintyForm(viewer.layers)
        fill(self, self.form)
        self._soon = timer(self, 60, self.refresh)
        self._shown: dict[tuple[str, str], Any] = {}  # the probabilities that maps were made of
        self._wire()
        self.refresh()

    def _wire(self) -> None:
        form = self.form
        form.picker.chosen.connect(self.refresh)
        form.measure.currentTextChanged.connect(self._on_measure)
        form.coloured.toggled.connect(self.refresh)
        form.least.valueChanged.connect(self.refresh)
        form.reliability_button.clicked.connect(self._on_reliability)
        for name, pressed in form.actions().items():
            pressed.clicked.connect(lambda _on, action=name: self._act(action))
        for role, pressed in form.maps.items():
            pressed.clicked.connect(lambda _on, name=role: self._show_map(name))
        self.correcting.changed.connect(lambda _uid: self._soon.start())
        self.correcting.said.connect(self._on_said)
        self.session.result_changed.connect(lambda _uid: self._soon.start())

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line."""
        self.form.status.say(sentence)

    def points(self) -> Any:
        """Return the atoms' layer of the chosen image, or None."""
        return self.session.points(self.form.picker.uid)

    @worded("looking at uncertain atoms")
    def refresh(self, _any: Any = None) -> None:
        """Show how much is left to look at, and the atoms as the form asks."""
        points, form = self.points(), self.form
        for widget in (*form.actions().values(), *form.maps.values(), form.coloured, form.least):
            widget.setEnabled(points is not None)
        self._list_truths()
        self._renew_maps()
        if points is None:
            self.say("This image has no atoms yet: find them in the Atoms panel.")
            return
        values = review.uncertainty(points, form.measure.currentText())
        done = np.isin(points.features["id"].to_numpy(), review.reviewed(points))
        total = int((np.isfinite(values) | done).sum())
        form.progress.setRange(0, max(total, 1))
        form.progress.setValue(int(done.sum()))
        self._dress(points, values)

    def _dress(self, points: Any, values: NDArray[np.float64]) -> None:
        share, known = self.form.least.value(), np.isfinite(values)
        self.form.least_label.setText("all" if share == 0 else f"the unsurest {100 - share} %")
        limit = np.percentile(values[known], share) if share and known.any() else -np.inf
        shown = ~known | (values >= limit)
        if not np.array_equal(points.shown, shown):
            points.shown = shown
        with history_of(points).not_recorded():
            if self.form.coloured.isChecked() and known.any():
                low, high = values[known].min(), values[known].max()
                part = np.where(known, (values - low) / max(high - low, 1e-12), 0.0)
                points.border_color = ensure_colormap("viridis").map(part)
            else:
                edits.colour(points)

    def _on_measure(self, name: str) -> None:
        self.correcting.measure = name
        self.refresh()

    @worded("looking at uncertain atoms")
    def _act(self, action: str) -> None:
        points = self.points()
        if points is not None:
            self.viewer.layers.selection.active = points
            self.correcting.act(action)

    def _on_said(self, uid: str, sentence: str) -> None:
        if uid in ("", self.form.picker.uid):
            self.say(sentence)

    # --- maps ---

    @worded("showing a map")
    def _show_map(self, role: str) -> None:
        layer = self.form.picker.layer()
        shown = find_layer(self.viewer.layers, role, uid_of(layer))
        if shown is None and role in _MADE:
            shown = self._make_map(layer, role)
        if shown is None:
            self.say("A single net has no spread: choose the model atoms-ensemble and find the atoms again.")
            return
        shown.visible = not shown.visible

    def _make_map(self, layer: Any, role: str) -> Any:
        values = self._values(uid_of(layer), role)
        if values is None:
            return None
        colours, brightest = _MADE[role]
        look = {"colormap": colours, "blending": "additive", "opacity": 0.7}
        made = ImageLayer(
            values,
            name=f"{layer.name}: {role}",
            visible=False,
            contrast_limits=(0.0, brightest),
            metadata={KEY: {"role": role, "parent_uid": uid_of(layer)}},
            **look,
            **geometry_like(layer, ndim=values.ndim),
        )
        uid_of(made)
        active = self.viewer.layers.selection.active
        self.viewer.layers.append(made)
        self.viewer.layers.selection.active = active
        return made

    def _values(self, uid: str, role: str) -> Any:
        result = self.session.result(uid)
        if result is None:
            return None
        mean, spread = result.found.probability, result.found.uncertainty
        self._shown[uid, role] = mean
        if role == ENTROPY:
            return entropy(mean)
        return None if spread is None else mutual_information(mean, spread)

    def _renew_maps(self) -> None:
        """Make the maps that are there anew when atoms were found anew; another threshold changes none."""
        uid = self.form.picker.uid
        result = self.session.result(uid)
        for role in _MADE:
            shown = find_layer(self.viewer.layers, role, uid)
            if shown is None or result is None or self._shown.get((uid, role)) is result.found.probability:
                continue
            values = self._values(uid, role)
            if values is None:  # a single net now
                self.viewer.layers.remove(shown)
            else:
                shown.data = values

    # --- truth ---

    def _list_truths(self) -> None:
        names = [
            layer.name
            for layer in self.viewer.layers
            if isinstance(layer, Points) and notes_of(layer).get("role") not in _NO_TRUTH
        ]
        box = self.form.truth
        if [box.itemText(i) for i in range(box.count())] != names:
            box.clear()
            box.addItems(names)
        box.setEnabled(bool(names))
        self.form.reliability_button.setEnabled(bool(names))

    @worded("judging against a truth")
    def _on_reliability(self, _checked: bool = False) -> None:
        points, name = self.points(), self.form.truth.currentText()
        result = self.session.result(self.form.picker.uid)
        if points is None or result is None or name not in self.viewer.layers:
            return
        truth = self.viewer.layers[name]
        score, share, count = reliability(result.found.candidates, truth.data, spacing_px(result.found))
        canvas = self.form.plot(self.viewer)
        canvas.split(False)
        canvas.axes.plot([0, 1], [0, 1], ":", color="#888888")
        canvas.axes.plot(score, share, "o-", color="#E69F00")
        canvas.axes.set_xlabel("score")
        canvas.axes.set_ylabel("share that is true")
        canvas.redraw()
        off = float(np.average(np.abs(score - share), weights=count)) if len(count) else np.nan
        self.say(f"Scores are off by {off:.3f} on average (expected calibration error).")


def reliability(
    atoms: Any, truth: NDArray[np.float64], spacing: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return mean score, share of true atoms, and number of candidates, for bins of the score.

    Parameters
    ----------
    atoms : Atoms
        Candidates with their scores; those of the first frame of the truth's dimensions are judged.
    truth : array, shape (M, 2) or (M, 3)
        Row and column of the true atoms, in pixels, with their frame before that in a movie.
    spacing : float
        Distance between neighbouring atoms in pixels.
    """
    from scipy.spatial import cKDTree

    far = 1e6  # frames are set so far apart that no atom is near one of another
    here = np.column_stack([far * atoms.frames, atoms.positions])
    frames = np.zeros(len(truth)) if truth.shape[1] == 2 else truth[:, -3]
    there = np.column_stack([far * frames, truth[:, -2:]])
    true = cKDTree(there).query(here)[0] < _WITHIN * spacing
    score = np.asarray(atoms.features["score"], float)
    place = np.clip((score * _BINS).astype(int), 0, _BINS - 1)
    count = np.bincount(place, minlength=_BINS)
    used = count > 0
    mean = np.bincount(place, score, minlength=_BINS)[used] / count[used]
    share = np.bincount(place, true, minlength=_BINS)[used] / count[used]
    return mean, share, count[used]

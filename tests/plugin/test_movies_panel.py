"""The Movies panel: follows atoms in the background, and shows tracks, states and a track over time."""

from __future__ import annotations

import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_atomai.data.image import Axis, Image
from napari_atomai.data.recipe import Record
from napari_atomai.data.recipes_lattice import FollowAtoms
from napari_atomai.plugin.layers import calibrate, find_layer, image_layer_data, uid_of
from napari_atomai.plugin.panels import movies_layers as shown
from napari_atomai.plugin.panels.lattice import NO_IMAGE, STALE
from napari_atomai.plugin.panels.movies import MoviesPanel, columns_of
from napari_atomai.plugin.panels.movies_layout import STATES, TRACK, TRANSITIONS, VIEWS
from napari_atomai.plugin.saved_work import restore, take
from napari_atomai.simulate.lattices import PROTOTYPES
from napari_atomai.workflow import movie as workflow

FRAMES, SIZE = 12, 64
DRIFT = np.outer(np.arange(FRAMES), [0.6, -0.4])
SITES = PROTOTYPES["square"].scaled(14.0).tile((SIZE - 12, SIZE - 12), 0.0, -6)[0] + 6


@pytest.fixture(scope="module")
def film() -> tuple[Image, np.ndarray, np.ndarray]:
    """A movie of atoms that drift and blink, frame, row, column of them (N, 3), and their brightness."""
    rng = np.random.default_rng(0)
    bright = 1 + np.cumsum(rng.random((FRAMES, len(SITES))) < 0.2, axis=0) % 2
    where = SITES + DRIFT[:, None]
    rows, cols = np.arange(SIZE)[:, None], np.arange(SIZE)
    pixels = [
        (np.exp(-((rows - at[:, 0]) ** 2) / 12) * high) @ np.exp(-((cols - at[:, 1:]) ** 2) / 12)
        for at, high in zip(where, bright, strict=True)
    ]
    axes = (Axis("t", 0.5, unit="s"), Axis("y", 0.02, unit="nm"), Axis("x", 0.02, unit="nm"))
    frame = np.repeat(np.arange(FRAMES), len(SITES))
    data = np.column_stack([frame, where.reshape(-1, 2)])
    return Image(np.stack(pixels), axes, name="film"), data, bright.ravel() + rng.normal(0, 0.05, len(frame))


def add(viewer: ViewerModel, image: Image) -> Any:
    data, options, _ = image_layer_data(image)
    return viewer.add_image(data, **options)


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def opened(qtbot: Any, viewer: ViewerModel, film: Any) -> tuple[MoviesPanel, Any]:
    pytest.importorskip("sklearn")
    layer = add(viewer, film[0])
    same = {"scale": layer.scale, "translate": layer.translate, "units": layer.units}
    viewer.add_points(film[1], features={"intensity": film[2]}, name="atoms", **same)
    panel = MoviesPanel(viewer)
    qtbot.addWidget(panel)
    return panel, layer


def text(panel: MoviesPanel) -> str:
    return str(panel.form.run_box.status.text())


def followed(panel: MoviesPanel, until: Any) -> MoviesPanel:
    panel.form.run_box.button.click()
    until(lambda: panel.slot.job is None)
    return panel


def layer_of(panel: MoviesPanel, role: str) -> Any:
    return find_layer(panel.viewer.layers, role, panel.form.picker.uid)


def click(panel: MoviesPanel, layer: Any, place: Any) -> None:
    event = SimpleNamespace(type="mouse_press", position=layer.data_to_world(place))
    work = panel._on_mouse(panel.viewer, event)
    next(work)
    event.type = "mouse_release"
    with pytest.raises(StopIteration):
        next(work)


def alike(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation of the middles of two frames, bright atoms and dim ones alike."""
    first, second = (frame[20:44, 20:44].ravel() > 0.4 for frame in (one, other))
    return float(np.corrcoef(first, second)[0, 1])


def test_tracks_lie_on_the_atoms_and_states_have_their_colours(opened: Any, until: Any, film: Any) -> None:
    panel, image = opened
    followed(panel, until)
    tracks, dots = layer_of(panel, shown.TRACKS), layer_of(panel, shown.DOTS)
    assert len(np.unique(tracks.data[:, 0])) == len(SITES)
    first = tracks.data[tracks.data[:, 0] == 0]
    assert first[:, 1:] == pytest.approx(film[1][:: len(SITES)][: len(first)])
    assert tracks.scale == pytest.approx(image.scale)
    state = dots.features["state"].to_numpy()
    assert np.array_equal(state, np.rint(film[2]).astype(int) - 1)
    assert (dots.face_color[state == 1] == dots.face_color[state == 1][0]).all()
    assert (dots.face_color[state == 1][0] != dots.face_color[state == 0][0]).any()
    assert f"{len(SITES)} tracks" in panel.form.found.text()
    assert "2 state(s)" in panel.form.found.text()
    calibrate(image, 0.04)
    assert tracks.scale == pytest.approx(image.scale)
    panel.form.tracks.setChecked(False)
    assert layer_of(panel, shown.TRACKS) is None


def test_without_drift_the_tracks_rest_and_the_movie_does(opened: Any, until: Any, film: Any) -> None:
    panel, image = opened
    followed(panel, until)
    panel.form.still.setChecked(True)
    until(lambda: panel.slot.job is None)
    tracks = layer_of(panel, shown.TRACKS)
    ways = [np.ptp(tracks.data[tracks.data[:, 0] == track, 2:], axis=0).max() for track in range(len(SITES))]
    assert max(ways) < 0.3
    still = shown.still_layer(panel.viewer.layers, uid_of(image))
    assert np.isnan(still.data[-1]).any()
    resting, moving = (alike(layer.data[0], layer.data[-1]) for layer in (still, image))
    assert resting > moving + 0.3
    panel.form.still.setChecked(False)
    assert (still.visible, image.visible) == (False, True)
    moves = layer_of(panel, shown.TRACKS).data
    assert np.ptp(moves[moves[:, 0] == 0, 2]) == pytest.approx(DRIFT[-1, 0])
    panel.form.still.setChecked(True)
    assert panel.slot.job is None  # made once
    assert still.visible
    before = still.data
    panel.form.findChild(object, "drift").setCurrentText("none")
    followed(panel, until)
    until(lambda: panel.slot.job is None and still.data is not before)  # of the new drift, in place
    assert still.data == pytest.approx(image.data)


def test_a_click_on_an_atom_or_a_row_shows_its_track_over_time(opened: Any, until: Any, film: Any) -> None:
    panel, image = opened
    followed(panel, until)
    panel.viewer.dims.set_current_step(0, 0)
    tracks = panel.traced.found.tracks
    chosen = 3
    click(panel, image, (0, *SITES[chosen]))
    assert panel.track == tracks.track[chosen]
    assert panel.form.view.currentText() == TRACK
    line = panel.form.plot.axes.lines[0]
    assert line.get_xdata() == pytest.approx(0.5 * np.arange(FRAMES))
    assert line.get_ydata() == pytest.approx(film[2].reshape(FRAMES, -1)[:, chosen])
    assert panel.form.plot.axes.get_ylabel() == "intensity"
    panel.form.value.setCurrentText("row without drift, px")
    assert np.ptp(panel.form.plot.axes.lines[0].get_ydata()) < 0.3
    panel.form.table.selectRow(5)
    assert panel.track == panel.form.model.atoms([5])[0]
    click(panel, image, (0, *(SITES[0] + 7)))  # between atoms: nothing is chosen
    assert panel.track == panel.form.model.atoms([5])[0]


def test_every_plot_can_be_drawn_and_transitions_have_counts_and_intervals(opened: Any, until: Any) -> None:
    panel, _ = opened
    for name in VIEWS:
        panel.form.view.setCurrentText(name)  # without a result, too
    followed(panel, until)
    for name in VIEWS:
        panel.form.view.setCurrentText(name)
        axes = panel.form.plot.axes
        assert axes.lines or axes.patches or axes.images, name
    panel.form.view.setCurrentText(TRANSITIONS)
    words = [part.get_text() for part in panel.form.plot.axes.texts]
    assert [int(each.split("\n")[-1]) for each in words] == panel.traced.found.counted.counts.ravel().tolist()
    assert all(" to " in each for each in words)


def test_sightings_are_selected_by_their_values_and_a_session_brings_the_recipe_back(
    opened: Any, until: Any, qtbot: Any
) -> None:
    panel, _ = opened
    panel.form.put(FollowAtoms(feature="intensity", states=2, gap=3))
    followed(panel, until)
    panel.form.view.setCurrentText(STATES)
    values = panel.traced.values()["intensity"]
    assert panel.form.drag.on
    middle = float(np.median(values))
    panel.form.drag.chosen.emit(middle, float(values.max()))
    dots = layer_of(panel, shown.DOTS)
    assert dots.selected_data == set(np.flatnonzero(values >= middle).tolist())
    assert np.array_equal(dots.border_width > 0, values >= middle)
    assert f"{(values >= middle).sum()} of {len(values)} sightings" in text(panel)
    panel.form.drag.cleared.emit()
    assert not dots.selected_data
    later = ViewerModel()
    restore(later, take(panel.viewer, {}), lambda _known: None)
    again = MoviesPanel(later)
    qtbot.addWidget(again)
    assert "computed again" in text(again)
    until(lambda: again.traced is not None)
    assert again.traced.record.steps[-1] == panel.traced.record.steps[-1]
    assert np.array_equal(again.traced.found.states, panel.traced.found.states)


def test_a_sighting_of_unknown_state_is_no_change(opened: Any, until: Any) -> None:
    panel, _ = opened
    traced = followed(panel, until).traced
    before = columns_of(traced)["changes"]
    states = traced.found.states.copy()
    states[np.flatnonzero(traced.found.tracks.track == 3)] = -1
    after = columns_of(replace(traced, found=replace(traced.found, states=states)))["changes"]
    assert after[3] == 0
    assert np.array_equal(np.delete(after, 3), np.delete(before, 3))
    assert before.sum() > 0


def test_the_form_becomes_the_recipe_and_a_wrong_one_is_said(opened: Any, until: Any) -> None:
    panel, _ = opened
    assert panel.form.feature.findText("intensity") > 0
    panel.form.feature.setCurrentText("intensity")
    panel.form.findChild(object, "states").setValue(3)
    panel.form.findChild(object, "gap").setValue(2)
    followed(panel, until)
    recipe = panel.traced.record.steps[-1]
    assert isinstance(recipe, FollowAtoms)
    assert (recipe.feature, recipe.states, recipe.gap) == ("intensity", 3, 2)
    assert len(panel.traced.found.counted.counts) == 3


def test_earlier_atoms_pixels_and_a_panel_opened_again(opened: Any, until: Any, qtbot: Any) -> None:
    panel, image = opened
    followed(panel, until)
    again = MoviesPanel(panel.viewer)
    qtbot.addWidget(again)
    assert again.form.found.text() == panel.form.found.text() != ""
    points = panel.form.atoms.points()
    points.selected_data = {0}
    points.remove_selected()
    until(lambda: STALE[:30] in text(panel))
    image.data = image.data + 1
    assert panel.traced is None
    assert layer_of(panel, shown.TRACKS) is None
    assert panel.form.model.rowCount() == 0


def test_stop_a_removed_movie_and_missing_things_are_answered(
    opened: Any, until: Any, monkeypatch: Any
) -> None:
    panel, image = opened

    def slow(*_arguments: Any) -> Any:
        for step in range(300):
            yield workflow.Progress(step, 300, "waiting")
            time.sleep(0.01)

    monkeypatch.setattr(workflow, "following", slow)
    panel.form.run_box.button.click()
    panel.form.run_box.button.click()
    assert "Still at work" in text(panel)
    panel.form.run_box.stop_button.click()
    until(lambda: panel.slot.job is None)
    assert "Stopped" in text(panel)
    panel.viewer.layers.remove("atoms")
    panel.form.run_box.button.click()
    assert "press Find atoms" in text(panel)
    panel.viewer.layers.remove(image)
    panel.form.run_box.button.click()
    assert text(panel) == NO_IMAGE


def test_an_image_is_no_movie_and_that_is_said(
    qtbot: Any, viewer: ViewerModel, film: Any, until: Any
) -> None:
    add(viewer, Image.from_array(film[0].frame(0), name="one"))
    viewer.add_points(SITES)
    panel = MoviesPanel(viewer)
    qtbot.addWidget(panel)
    followed(panel, until)
    assert "There is one frame" in text(panel)
    assert layer_of(panel, shown.TRACKS) is None
    panel.form.still.setChecked(True)
    assert panel.slot.job is None


def test_everything_is_written_with_the_recipe(
    opened: Any, until: Any, tmp_path: Any, monkeypatch: Any
) -> None:
    panel, _ = opened
    followed(panel, until)
    monkeypatch.setattr("napari_atomai.plugin.asking.answer", lambda ask: str(tmp_path))
    panel.form.export_button.click()
    until(lambda: panel.slot.job is None)
    assert "Written to" in text(panel)
    assert isinstance(
        Record.from_json((tmp_path / "film_movie" / "movie.json").read_text()).steps[-1], FollowAtoms
    )
    assert len((tmp_path / "film_movie" / "tracks.csv").read_text().splitlines()) == FRAMES * len(SITES) + 1


def test_the_panel_is_narrow_enough_for_a_dock(opened: Any) -> None:
    assert opened[0].form.minimumSizeHint().width() <= 330

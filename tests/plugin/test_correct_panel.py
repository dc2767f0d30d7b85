"""Atoms corrected by hand: fitted where they are clicked, undone and done again, kept apart by number."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image as ImageLayer

from napari_atomai.data.recipe import FindAtoms, RefineAtoms
from napari_atomai.plugin import keys
from napari_atomai.plugin.history import history_of
from napari_atomai.plugin.layers import uid_of
from napari_atomai.plugin.panels.correct import CorrectPanel
from napari_atomai.plugin.session import session_of


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def layer(viewer, picture):
    layer = ImageLayer(picture[0], scale=(0.02, 0.02), units=("nm", "nm"), name="lattice")
    viewer.layers.append(layer)
    return layer


@pytest.fixture
def panel(qtbot, viewer, layer, finder, until):
    panel = CorrectPanel(viewer)
    qtbot.addWidget(panel)
    panel.session.find(layer, FindAtoms(threshold=0.06), RefineAtoms())
    until(lambda: panel.session.job is None)
    return panel


@pytest.fixture
def points(panel):
    return panel.points()


def table(points):
    return {
        int(i): (*where, str(label))
        for i, where, label in zip(
            points.features["id"], points.data.tolist(), points.features["class"], strict=True
        )
    }


def test_an_atom_that_is_set_beside_a_column_is_fitted_to_it_at_once(panel, points, picture):
    points.selected_data = {5}
    points.remove_selected()
    true = picture[1][5]
    beside = true + np.array([1.1, -0.8])
    began = time.process_time()
    points.add([beside])

    assert time.process_time() - began < 1.0
    np.testing.assert_allclose(points.data[-1], true, atol=0.05)
    row = points.features.iloc[-1]
    assert (row["source"], np.isnan(row["score"])) == ("manual", True)


def test_without_fitting_an_atom_stays_where_it_was_set(panel, points, picture):
    panel.form.refits.setChecked(False)
    points.add([picture[1][5] + [1.1, -0.8]])
    np.testing.assert_allclose(points.data[-1], picture[1][5] + [1.1, -0.8])


def test_a_hand_set_atom_does_not_take_the_score_of_the_selected_one(points):
    points.selected_data = {0}
    points.add([[50.5, 40.5]])
    assert points.features["source"].iloc[-1] == "manual"
    assert len(set(points.features["id"])) == len(points.data)


def test_everything_is_undone_and_done_again(panel, points):
    history, states = history_of(points), [table(points)]
    correcting = panel.correcting
    points.add([[50.5, 40.5]])
    states.append(table(points))
    points.selected_data = {3, 4}
    correcting.set_class(points, "Si")
    states.append(table(points))
    points.selected_data = {0, 7}
    points.remove_selected()
    states.append(table(points))
    points.mode = "select"
    points.selected_data = {2}
    points.events.data(value=points.data, action="changing", data_indices=(2,), vertex_indices=((),))
    points._drag_start = None
    points._set_drag_start({2}, points.data[2])
    points._move({2}, points.data[2] + [2.0, 0.0])
    states.append(table(points))

    for state in states[-2::-1]:
        assert history.undo()
        assert table(points) == state
    assert not history.undo()
    for state in states[1:]:
        assert history.redo()
        assert table(points) == state
    assert not history.redo()


def test_a_deletion_that_was_undone_outlives_the_threshold(panel, points, layer):
    points.selected_data = {0, 1, 2}
    points.remove_selected()
    panel.correcting.act("undo")
    before = len(points.data)
    panel.session.set_threshold(uid_of(layer), 0.9)
    panel.session.set_threshold(uid_of(layer), 0.06)
    assert len(points.data) == before


def test_another_threshold_is_no_step(panel, points, layer):
    panel.session.set_threshold(uid_of(layer), 0.9)
    assert not history_of(points).can_undo


@pytest.mark.usefixtures("napari_draws_thumbnails")
def test_ten_thousand_atoms_are_undone_within_a_tenth_of_a_second(panel, points, layer, finder, until):
    finder.positions = np.random.default_rng(0).uniform(0, 90, (10_000, 2))
    panel.session.find(layer, FindAtoms(threshold=0.05), RefineAtoms())
    until(lambda: panel.session.job is None)
    points.selected_data = set(range(len(points.data)))
    panel.correcting.set_class(points, "Si")
    spent = []
    for act in (history_of(points).undo, history_of(points).redo, history_of(points).undo):
        began = time.process_time()
        assert act()
        spent.append(time.process_time() - began)
    assert min(spent) < 0.1
    assert set(points.features["class"]) == {"A", "B"}


def test_the_keys_of_the_table_act_on_the_layer(points):
    ours = [entry for entry in keys.KEYS if entry.action]
    assert len(points.keymap) >= len(ours)
    points.selected_data = {0}
    before = points.features["class"].iloc[0]
    key = next(k for k in points.keymap if str(k) == "C")
    points.keymap[key](points)
    assert points.features["class"].iloc[0] != before


def test_the_most_uncertain_atom_comes_first_and_is_accepted_or_rejected(panel, points, viewer):
    correcting = panel.correcting
    correcting.act("next_uncertain")
    (row,) = points.selected_data
    score = points.features["score"].to_numpy()
    assert row == np.abs(score - 0.5).argmin()
    first, count = int(points.features["id"].iloc[row]), len(points.data)
    correcting.act("accept")
    (row,) = points.selected_data
    second = int(points.features["id"].iloc[row])
    assert second != first
    correcting.act("reject")
    assert len(points.data) == count - 1
    assert second not in set(points.features["id"])
    centre = np.array(viewer.scene.camera.center)[-2:]
    (row,) = points.selected_data
    assert centre == pytest.approx(points.data_to_world(points.data[row]))
    correcting.act("undo")
    assert second in set(points.features["id"])


def test_the_panel_says_what_was_done_by_hand(panel, points, until):
    points.add([[50.5, 40.5]])
    points.selected_data = {0}
    points.remove_selected()
    until(lambda: "1 of them set by hand; 1 taken away" in panel.form.counts.text())
    assert panel.form.undo_button.isEnabled()


def test_without_atoms_the_panel_says_where_they_come_from(qtbot, viewer, layer):
    panel = CorrectPanel(viewer)
    qtbot.addWidget(panel)
    assert "Atoms panel" in panel.form.counts.text()
    assert not panel.form.add_button.isEnabled()
    session_of(viewer).correcting.act("undo")
    assert "no atoms to correct" in panel.form.status.text()


def test_the_panel_is_narrow(panel):
    assert panel.minimumSizeHint().width() <= 370


def test_the_help_page_is_written_from_the_table_that_binds_the_keys():
    page = Path(__file__).parents[2] / "docs" / "correcting.md"
    assert keys.as_markdown() in page.read_text(encoding="utf-8")

"""The least sure atoms first; maps of doubt; a truth to judge by; a threshold that keeps a rate."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image as ImageLayer

from napari_atomai.data.recipe import FindAtoms, RefineAtoms
from napari_atomai.plugin import review
from napari_atomai.plugin.history import history_of
from napari_atomai.plugin.layers import find_layer, uid_of
from napari_atomai.plugin.panels.atoms import AtomsPanel
from napari_atomai.plugin.panels.uncertainty import ENTROPY, MUTUAL, UncertaintyPanel, reliability


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
    panel = UncertaintyPanel(viewer)
    qtbot.addWidget(panel)
    panel.session.find(layer, FindAtoms(threshold=0.06), RefineAtoms())
    until(lambda: panel.session.job is None and panel.form.next_button.isEnabled())
    return panel


def test_atoms_are_walked_through_from_the_least_sure_and_counted(panel, until):
    points = panel.points()
    panel.form.next_button.click()
    (first,) = points.selected_data
    assert first == np.abs(points.features["score"].to_numpy() - 0.5).argmin()
    panel.form.accept_button.click()
    until(lambda: panel.form.progress.value() == 1)
    count = len(points.data)
    panel.form.reject_button.click()
    assert len(points.data) == count - 1
    panel.form.back_button.click()
    assert "not looked at yet" in panel.form.status.text()


def test_accepting_is_undone_done_again_and_outlives_another_threshold(panel, layer):
    points, correcting = panel.points(), panel.correcting
    panel.form.next_button.click()
    panel.form.accept_button.click()
    panel.form.accept_button.click()
    first, second = review.reviewed(points)
    left = len(review.queue(points, review.SCORE))
    correcting.undo(points)
    assert len(review.reviewed(points)) == 1
    assert len(review.queue(points, review.SCORE)) == left + 1
    correcting.undo(points)
    assert review.reviewed(points) == []
    assert not history_of(points).can_undo
    correcting.redo(points)
    correcting.redo(points)
    assert review.reviewed(points) == [first, second]
    panel.session.set_threshold(uid_of(layer), 0.9)
    assert review.reviewed(points) == [first, second]
    panel.session.set_threshold(uid_of(layer), 0.06)
    assert review.reviewed(points) == [first, second]
    panel.form.accept_button.click()  # it lost its selection: goes on to the next, accepts nothing
    assert review.reviewed(points) == [first, second]
    panel.form.accept_button.click()
    correcting.undo(points)
    assert review.reviewed(points) == [first, second]


def test_what_was_accepted_is_in_the_table_and_not_in_that_of_a_new_run(panel, layer, until):
    from napari_atomai.plugin.points import atoms_of

    points = panel.points()
    panel.form.next_button.click()
    panel.form.accept_button.click()
    assert atoms_of(points).features["reviewed"].sum() == 1
    points.add([[50.0, 50.0]])
    assert atoms_of(points).features["reviewed"].sum() == 1
    panel.session.find(layer, FindAtoms(threshold=0.06), RefineAtoms())
    until(lambda: panel.session.job is None)
    assert review.reviewed(points) == []


def test_the_slider_hides_the_surest_and_colours_follow_the_measure(panel):
    points = panel.points()
    panel.form.least.setValue(75)
    shown = points.shown
    assert shown.mean() == pytest.approx(0.25, abs=0.05)
    doubt = review.uncertainty(points, review.SCORE)
    assert doubt[shown].min() >= doubt[~shown].max()
    panel.form.least.setValue(0)
    panel.form.coloured.setChecked(True)
    assert len(np.unique(points.border_color, axis=0)) > 10
    panel.form.coloured.setChecked(False)
    assert len(np.unique(points.border_color, axis=0)) == 2
    assert points.shown.all()
    assert not history_of(points).can_undo


def test_the_spread_of_the_nets_is_known_of_each_atom(panel, layer):
    points = panel.points()
    spread = panel.session.result(uid_of(layer)).found.uncertainty
    place = np.rint(points.data).astype(int)
    np.testing.assert_allclose(points.features["spread"], spread[place[:, 0], place[:, 1]], rtol=1e-6)


def test_maps_are_shown_and_hidden(panel, viewer, layer):
    for role, button in panel.form.maps.items():
        button.click()
        assert find_layer(viewer.layers, role, uid_of(layer)).visible
    panel.form.maps[ENTROPY].click()
    assert not find_layer(viewer.layers, ENTROPY, uid_of(layer)).visible
    found, shown = panel.session.result(uid_of(layer)).found, {}
    for role in (ENTROPY, MUTUAL):
        shown[role] = find_layer(viewer.layers, role, uid_of(layer)).data
    assert shown[MUTUAL].shape == found.probability.shape
    assert (shown[MUTUAL] <= shown[ENTROPY] + 1e-6).all()
    assert shown[MUTUAL][0, 0] > 0.01 > shown[MUTUAL][1, 1]


def test_a_new_run_makes_the_maps_of_doubt_anew(panel, viewer, layer, until):
    panel.form.maps[ENTROPY].click()
    before = find_layer(viewer.layers, ENTROPY, uid_of(layer))
    before.data = np.zeros_like(before.data)
    panel.session.find(layer, FindAtoms(threshold=0.06), RefineAtoms())
    until(lambda: panel.session.job is None)
    panel.refresh()
    assert find_layer(viewer.layers, ENTROPY, uid_of(layer)).data.max() > 0.5


def test_a_truth_gives_a_reliability_diagram(panel, viewer, picture):
    viewer.add_points(picture[1], name="truth", scale=(0.02, 0.02), units=("nm", "nm"))
    panel.refresh()
    assert panel.form.reliability_button.isEnabled()
    panel.form.reliability_button.click()
    assert "expected calibration error" in panel.form.status.text()


def test_the_share_of_true_atoms_is_counted_by_score(find_result):
    from napari_atomai.data.image import Image

    found = find_result(Image.from_array(np.zeros((40, 40))), np.array([[5.0, 5.0], [20, 20], [30, 30]]))
    score, share, count = reliability(found.candidates, np.array([[5.1, 5.0], [30.0, 30.0]]), 10.0)
    np.testing.assert_allclose(share, [1, 0, 1])
    assert count.tolist() == [1, 1, 1]
    assert np.all(np.diff(score) > 0)


@pytest.mark.parametrize(("index", "option"), [(1, "false_rate"), (2, "miss_rate")])
def test_a_rate_reaches_the_finder_and_the_slider_takes_it_back(qtbot, viewer, layer, finder, index, option):
    atoms = AtomsPanel(viewer)
    qtbot.addWidget(atoms)
    atoms.form.aim.setCurrentIndex(index)
    atoms.form.rate.setValue(5)
    assert getattr(atoms.form.recipes()[0], option) == pytest.approx(0.05)
    atoms.form.threshold.setValue(80)
    assert getattr(atoms.form.recipes()[0], option) == 0


def test_the_panel_is_narrow_and_says_what_is_missing(qtbot, viewer, layer):
    viewer.add_points(np.ones((2, 2)), name="a very long name of points, " * 4)
    bare = UncertaintyPanel(viewer)
    qtbot.addWidget(bare)
    assert "Atoms panel" in bare.form.status.text()
    assert bare.minimumSizeHint().width() <= 370
    assert bare.form.minimumSizeHint().width() <= 340

"""Class maps painted with napari's tools, and atoms, kept in step on request."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image as ImageLayer

from napari_atomai.data.recipe import FindAtoms, RefineAtoms
from napari_atomai.plugin import results
from napari_atomai.plugin.history import history_of
from napari_atomai.plugin.layers import KEY, find_layer, uid_of
from napari_atomai.plugin.panels.correct import CorrectPanel


@pytest.fixture
def panel(qtbot, picture, finder, until):
    viewer = ViewerModel()
    viewer.layers.append(ImageLayer(picture[0], name="lattice"))
    panel = CorrectPanel(viewer)
    qtbot.addWidget(panel)
    panel.session.find(viewer.layers[0], FindAtoms(), RefineAtoms())
    until(lambda: panel.session.job is None)
    panel.refresh()
    return panel


def parts(panel):
    image = panel.viewer.layers["lattice"]
    return panel.points(), find_layer(panel.viewer.layers, results.CLASSES, uid_of(image))


def status(panel):
    return panel.form.status.text()


def test_what_is_painted_becomes_atoms_in_one_step_of_undo(panel):
    panel.form.labels_button.click()
    points, labels = parts(panel)
    assert str(labels.mode) == "paint"
    place = np.rint(points.data).astype(int)
    known = panel.session.points(uid_of(panel.viewer.layers["lattice"])).features["class"]
    assert (labels.data[tuple(place.T)] == np.where(known == "A", 1, 2)).all()
    count = len(points.data)

    labels.brush_size = 9
    labels.selected_label = 0
    labels.paint(place[0], 0)  # as the eraser does
    labels.paint(place[1], 1 if known.iloc[1] == "B" else 2)
    labels.brush_size = 3
    labels.paint(np.array([14, 61]), 1)
    panel.form.atoms_button.click()

    assert status(panel) == "1 atoms set, 1 taken away, 1 of another class."
    assert len(points.data) == count
    assert points.features["source"].iloc[-1] == "manual"
    assert np.isnan(points.features["score"].iloc[-1])
    assert 0 not in points.features["id"].to_numpy()
    assert points.features["class"].iloc[0] != known.iloc[1]
    np.testing.assert_allclose(points.data[-1], [14, 61], atol=0.5)
    assert points.metadata[KEY]["removed_ids"] == [0]
    panel.form.atoms_button.click()
    assert "nothing to change" in status(panel)
    assert history_of(points).undo()
    assert not history_of(points).can_undo
    assert sorted(points.features["id"]) == list(range(count))
    assert history_of(points).redo()
    assert 0 not in points.features["id"].to_numpy()


def test_atoms_that_were_changed_are_drawn_anew(panel):
    panel.form.labels_button.click()
    points, labels = parts(panel)
    place = np.rint(points.data[4]).astype(int)
    points.selected_data = {4}
    points.remove_selected()
    assert labels.data[tuple(place)] > 0
    panel.form.labels_button.click()
    assert labels.data[tuple(place)] == 0


def test_a_map_that_was_not_drawn_from_the_atoms_changes_nothing(panel):
    points, _ = parts(panel)
    before = points.data.tolist()
    panel.form.atoms_button.click()
    assert "Atoms → labels first" in status(panel)
    panel.form.labels_button.click()
    panel.session.set_threshold(uid_of(panel.viewer.layers["lattice"]), 0.5)
    panel.session.show_classes(uid_of(panel.viewer.layers["lattice"]))
    panel.form.atoms_button.click()
    assert "Atoms → labels first" in status(panel)
    assert points.data.tolist() == before

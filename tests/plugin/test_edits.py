"""What a person changes is not lost: by the threshold, by an export, by a run in the background."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from napari.layers import Image as ImageLayer

from napari_atomai.data.image import NO_CALIBRATION
from napari_atomai.data.recipe import FindAtoms, RefineAtoms
from napari_atomai.plugin import results
from napari_atomai.plugin.layers import image_of, uid_of, without_unit
from napari_atomai.plugin.points import atoms_of
from napari_atomai.plugin.session import Session
from napari_atomai.workflow.results import EDITED


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def layer(viewer, picture):
    layer = ImageLayer(picture[0], scale=(0.02, 0.02), units=("nm", "nm"), name="lattice")
    viewer.layers.append(layer)
    uid_of(layer)
    return layer


@pytest.fixture
def session(qtbot, viewer, layer, finder, until):
    session = Session(viewer)
    session.find(layer, FindAtoms(), RefineAtoms())
    until(lambda: session.job is None)
    return session


def remove(points, count):
    points.selected_data = set(range(count))
    points.remove_selected()


def test_atoms_taken_away_do_not_come_back_with_the_threshold(session, layer):
    points = session.points(uid_of(layer))
    before = len(points.data)
    remove(points, 4)
    session.set_threshold(uid_of(layer), 0.06)
    session.set_threshold(uid_of(layer), 0.5)
    assert len(points.data) == before - 4


def test_a_new_run_finds_again_what_was_taken_away(session, layer, until):
    points = session.points(uid_of(layer))
    before = len(points.data)
    remove(points, 4)
    session.find(layer, FindAtoms(), RefineAtoms())
    until(lambda: session.job is None)
    assert len(session.points(uid_of(layer)).data) == before


def test_an_export_writes_the_atoms_as_they_were_edited(session, layer, until, tmp_path):
    points = session.points(uid_of(layer))
    before = len(points.data)
    remove(points, 10)
    points.add([[30.0, 40.0], [50.0, 60.0]])
    session.export(uid_of(layer), tmp_path / "out")
    until(lambda: session.job is None, timeout=30000)
    table = pd.read_csv(tmp_path / "out" / "atoms.csv")
    assert len(table) == before - 8
    assert (table["source"] == "manual").sum() == 2
    assert EDITED in json.loads((tmp_path / "out" / "recipe.json").read_text())["notes"]


def test_an_export_without_edits_says_nothing_of_edits(session, layer, until, tmp_path):
    session.export(uid_of(layer), tmp_path / "out")
    until(lambda: session.job is None, timeout=30000)
    assert EDITED not in json.loads((tmp_path / "out" / "recipe.json").read_text())["notes"]


def test_other_pixels_of_the_same_shape_drop_a_running_result(session, layer, finder, until):
    said = []
    session.said.connect(lambda uid, sentence: said.append(sentence))
    finder.pause = 0.05
    session.find(layer, FindAtoms(), RefineAtoms())
    until(lambda: len(finder.calls) == 2)
    layer.data = np.zeros_like(layer.data)
    until(lambda: session.job is None)
    assert session.result(uid_of(layer)) is None
    assert any("other pixels now" in sentence for sentence in said)


def test_other_pixels_later_drop_the_result_that_is_kept(session, layer):
    layer.data = np.zeros_like(layer.data)
    assert session.result(uid_of(layer)) is None


def test_an_atom_set_by_hand_where_none_was_found_has_a_class_and_the_first_number(
    viewer, layer, find_result
):
    found = find_result(image_of(layer), np.empty((0, 2)))
    points = results.show(viewer.layers, found, layer)
    points.add([[30.0, 40.0]])
    atoms = atoms_of(points)
    assert atoms.counts() == {"A": 1, "B": 0}
    assert list(atoms.ids) == [0]


def test_the_note_on_calibration_follows_the_calibration(layer, find_result, picture):
    found = find_result(image_of(layer), picture[1])
    layer.units = ("pixel", "pixel")
    bare = results.recalibrated(found, layer)
    assert NO_CALIBRATION in bare.notes
    layer.units = ("nm", "nm")
    assert NO_CALIBRATION not in results.recalibrated(bare, layer).notes


def test_an_image_that_takes_the_unit_from_the_scale_bar_is_named(viewer, layer, picture):
    assert without_unit(viewer.layers) == ""
    viewer.layers.append(ImageLayer(picture[0], name="bare"))
    assert "'bare' has no pixel size" in without_unit(viewer.layers)
    viewer.layers.remove(layer)
    assert without_unit(viewer.layers) == ""


def test_an_atom_that_was_moved_stays_where_it_was_put(session, layer, until):
    points = session.points(uid_of(layer))
    data = points.data.copy()
    data[3] += 1.5
    points.data = data
    session.set_threshold(uid_of(layer), 0.06)
    where = points.data[list(points.features["id"]).index(3)]
    np.testing.assert_allclose(where, data[3])
    session.find(layer, FindAtoms(), RefineAtoms())
    until(lambda: session.job is None)
    fitted = points.data[list(points.features["id"]).index(3)]
    np.testing.assert_allclose(fitted, data[3] - 1.5)


def test_a_hand_set_atom_has_a_number_that_no_hidden_candidate_has(session, layer):
    points = session.points(uid_of(layer))
    session.set_threshold(uid_of(layer), 0.8)
    points.add([[30.5, 40.5]])
    session.set_threshold(uid_of(layer), 0.06)
    ids = list(points.features["id"])
    assert len(set(ids)) == len(ids)
    np.testing.assert_allclose(points.data[list(points.features["source"]).index("manual")], [30.5, 40.5])


def test_a_moved_atom_that_the_threshold_hid_comes_back_where_it_was_put(session, layer):
    points = session.points(uid_of(layer))
    data = points.data.copy()
    data[-1] += 1.5
    points.data = data
    number = int(points.features["id"].iloc[-1])
    session.set_threshold(uid_of(layer), 0.95)
    session.set_threshold(uid_of(layer), 0.06)
    np.testing.assert_allclose(points.data[list(points.features["id"]).index(number)], data[-1])


def test_a_class_given_by_hand_survives_the_threshold_and_is_exported(session, layer, until, tmp_path):
    points = session.points(uid_of(layer))
    features = points.features.copy()
    assert features.loc[0, "class"] == "A"
    features.loc[0, "class"] = "B"
    points.features = features
    session.set_threshold(uid_of(layer), 0.06)
    assert points.features["class"].iloc[0] == "B"
    session.export(uid_of(layer), tmp_path / "out")
    until(lambda: session.job is None, timeout=30000)
    assert pd.read_csv(tmp_path / "out" / "atoms.csv")["class"][0] == "B"


def test_numbers_stay_apart_when_a_new_run_finds_more(session, layer, finder, until):
    every = finder.positions
    finder.positions = every[:10]
    session.find(layer, FindAtoms(), RefineAtoms())
    until(lambda: session.job is None)
    points = session.points(uid_of(layer))
    points.add([[30.5, 40.5]])
    finder.positions = every
    session.find(layer, FindAtoms(), RefineAtoms())
    until(lambda: session.job is None)
    ids = list(points.features["id"])
    assert len(set(ids)) == len(ids)
    assert (points.features["source"] == "manual").sum() == 1


def test_an_export_after_the_atoms_were_deleted_is_refused_in_words(session, viewer, layer, tmp_path):
    said = []
    session.said.connect(lambda uid, sentence: said.append(sentence))
    viewer.layers.remove(session.points(uid_of(layer)))
    assert not session.export(uid_of(layer), tmp_path / "out")
    assert "layer was deleted" in said[-1]
    assert not (tmp_path / "out").exists()

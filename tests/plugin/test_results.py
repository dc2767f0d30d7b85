from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_atomai.data.image import Image
from napari_atomai.data.recipe import Record
from napari_atomai.plugin import results
from napari_atomai.plugin.layers import KEY, find_layer, image_layer_data, uid_of
from napari_atomai.plugin.points import atoms_of


@pytest.fixture
def shown(picture, find_result):
    """Viewer, image layer, result and points of the lattice."""
    viewer = ViewerModel()
    image = Image.from_array(picture[0], 0.02, name="lattice")
    data, options, _ = image_layer_data(image)
    layer = viewer.add_image(data, **options)
    found = find_result(image, picture[1])
    return viewer, layer, found, results.show(viewer.layers, found, layer)


def test_a_result_is_four_layers_with_its_record(shown):
    viewer, layer, found, points = shown

    assert [type(x).__name__ for x in viewer.layers] == ["Image", "Image", "Image", "Labels", "Points"]
    for role in results.ROLES:
        notes = find_layer(viewer.layers, role, uid_of(layer)).metadata[KEY]
        assert Record.from_json(notes["record"]) == found.record
    assert len(points.data) == len(found.atoms)
    assert set(points.features["class"]) == {"A", "B"}
    assert set(points.features["source"]) == {"model"}
    assert points.features["score"].min() >= 0.5


def test_another_run_changes_the_layers_in_place(shown, find_result):
    viewer, layer, _, points = shown
    for each in viewer.layers:
        each.name = "renamed"
    image = Image.from_array(layer.data, 0.02)

    again = results.show(viewer.layers, find_result(image, np.array([[4.0, 5.0]])), layer)

    assert again is points
    assert len(viewer.layers) == 5
    assert points.data.tolist() == [[4.0, 5.0]]


def test_the_result_of_a_single_net_has_no_map_of_uncertainty(shown):
    viewer, layer, found, _ = shown
    uncertainty = find_layer(viewer.layers, results.UNCERTAINTY, uid_of(layer))
    np.testing.assert_array_equal(uncertainty.data, found.uncertainty)

    results.show(viewer.layers, dataclasses.replace(found, uncertainty=None), layer)

    assert find_layer(viewer.layers, results.UNCERTAINTY, uid_of(layer)) is None
    assert len(viewer.layers) == 4


def test_results_of_two_images_do_not_mix(shown, picture, find_result):
    viewer, layer, _, points = shown
    other = Image.from_array(picture[0], 0.05, name="lattice")
    data, options, _ = image_layer_data(other)
    second = viewer.add_image(data, **options)

    points_2 = results.show(viewer.layers, find_result(other, picture[1][:5]), second)

    assert points_2 is not points
    assert find_layer(viewer.layers, results.ATOMS, uid_of(layer)) is points
    assert tuple(points_2.scale) == pytest.approx((0.05, 0.05))


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.8, 0.99])
def test_the_threshold_decides_which_atoms_are_shown(shown, threshold):
    viewer, layer, found, points = shown
    lower = found.at(threshold)

    results.show_atoms(viewer.layers, lower, layer)
    results.show_classes(viewer.layers, lower, layer)

    scores = found.candidates.features["score"]
    assert len(points.data) == np.count_nonzero(scores >= threshold)
    assert len(points.border_color) == len(points.data) == len(points.features)
    labels = find_layer(viewer.layers, results.CLASSES, uid_of(layer))
    assert labels.data.any() == (threshold <= 0.7)
    assert f'"threshold": {threshold}' in points.metadata[KEY]["record"]


def test_ring_colours_tell_the_classes_apart(shown):
    *_, points = shown
    by_class = {name: points.border_color[points.features["class"] == name] for name in "AB"}

    assert len(np.unique(by_class["A"], axis=0)) == len(np.unique(by_class["B"], axis=0)) == 1
    assert not np.allclose(by_class["A"][0], by_class["B"][0])
    assert not points.face_color[:, 3].any()


def test_atoms_come_back_from_their_points(shown):
    _, _, found, points = shown

    atoms = atoms_of(points)

    assert atoms.positions == pytest.approx(found.atoms.positions)
    assert atoms.classes.tolist() == found.atoms.classes.tolist()
    assert atoms.ids.tolist() == found.atoms.ids.tolist()
    assert atoms.class_names == ("A", "B")
    assert atoms.positions_nm == pytest.approx(found.atoms.positions_nm)


def test_atoms_of_a_movie_keep_their_frames(find_result):
    image = Image.from_array(np.zeros((3, 20, 30)), 0.1)
    viewer = ViewerModel()
    data, options, _ = image_layer_data(image)
    layer = viewer.add_image(data, **options)
    found = find_result(image, [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], frames=[2, 0, 2]).at(0.05)

    points = results.show(viewer.layers, found, layer)

    assert points.data.tolist() == [[2, 1, 2], [0, 3, 4], [2, 5, 6]]
    assert atoms_of(points).frames.tolist() == [2, 0, 2]


def test_no_atoms_at_all_is_an_empty_layer_that_can_be_filled_later(shown, find_result):
    viewer, layer, found, points = shown
    image = Image.from_array(layer.data, 0.02)

    results.show(viewer.layers, find_result(image, np.empty((0, 2))), layer)
    assert len(points.data) == 0
    assert len(atoms_of(points)) == 0
    results.show(viewer.layers, found, layer)

    assert len(points.data) == len(found.atoms)


def test_a_first_result_without_atoms_shows(find_result):
    viewer = ViewerModel()
    image = Image.from_array(np.zeros((20, 30)), 0.02)
    data, options, _ = image_layer_data(image)
    layer = viewer.add_image(data, **options)

    points = results.show(viewer.layers, find_result(image, np.empty((0, 2))), layer)

    assert len(points.data) == 0
    assert viewer.layers.units is not None


def test_an_atom_set_by_hand_has_no_score_of_the_model(shown):
    *_, points = shown
    last = int(points.features["id"].max())
    points.selected_data = {0}

    points.add([[3.0, 3.0]])

    row = points.features.iloc[-1]
    assert row["source"] == "manual"
    assert np.isnan(row["score"])
    assert row["id"] > last  # nor that of a candidate the threshold hides
    assert (points.features["source"].iloc[:-1] == "model").all()


def test_an_atom_set_by_hand_stays_when_the_threshold_moves(shown):
    viewer, layer, found, points = shown
    points.add([[3.5, 4.5]])

    results.show_atoms(viewer.layers, found.at(0.9), layer)

    assert points.data[-1].tolist() == [3.5, 4.5]
    assert points.features["source"].iloc[-1] == "manual"
    assert len(points.data) == len(found.at(0.9).atoms) + 1


def test_discs_leave_the_column_to_be_seen(shown):
    _, _, found, points = shown

    assert 3 <= points.size[0] < results.spacing_px(found)


def test_spacing_without_a_measurement_is_that_of_the_atoms(shown, picture):
    found = shown[2]
    record = found.record.model_copy(update={"measured": {}})
    bare = type(found)(found.candidates, found.probability, record)

    assert results.spacing_px(bare) == pytest.approx(12.0, abs=0.6)

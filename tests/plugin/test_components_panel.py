"""The Components panel: windows drawn, decomposed in the background, pictures clicked, atoms lassoed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from napari.components import ViewerModel

from napari_atomai.data.image import Image
from napari_atomai.data.recipe import LocalStatistics, Record
from napari_atomai.files.export import read_csv
from napari_atomai.files.reading import read
from napari_atomai.plugin import results
from napari_atomai.plugin.layers import calibrate, find_layer, image_layer_data, uid_of
from napari_atomai.plugin.panels.components import ComponentsPanel
from napari_atomai.plugin.panels.components_layers import LOADINGS, MAP, WINDOW
from napari_atomai.plugin.panels.components_layout import GROUPS, PICTURES, SCATTER, SCREE, WHERE
from napari_atomai.plugin.panels.components_source import FOUND_FIRST, GRID
from napari_atomai.plugin.saved_work import restore, take
from napari_atomai.plugin.session import session_of
from napari_atomai.simulate.distortions import polar_domains

NM = 0.05


@pytest.fixture
def viewer(picture: Any, find_result: Any) -> ViewerModel:
    """Return an image whose right half has brighter atoms, with its atoms, as a viewer."""
    pixels, where = picture
    pixels = pixels * np.where(np.arange(pixels.shape[1]) > 60, 2.0, 1.0)
    viewer = ViewerModel()
    data, options, _ = image_layer_data(Image.from_array(pixels.astype(np.float32), NM, name="scan"))
    layer = viewer.add_image(data, **options)
    session = session_of(viewer)
    found = find_result(Image.from_array(pixels, NM), where)
    results.show(viewer.layers, found.at(0.05), layer)
    session.put_back(uid_of(layer), found.at(0.05))
    return viewer


@pytest.fixture
def panel(qtbot: Any, viewer: ViewerModel) -> ComponentsPanel:
    panel = ComponentsPanel(viewer)
    qtbot.addWidget(panel)
    return panel


def text(panel: ComponentsPanel) -> str:
    return panel.form.run_box.status.text()


def of(panel: ComponentsPanel, role: str) -> Any:
    return find_layer(panel.viewer.layers, role, panel.form.picker.uid)


def decomposed(panel: ComponentsPanel, until: Any, **options: Any) -> ComponentsPanel:
    panel.form.options.put({"components": 2, **options})
    panel.form.run_box.button.click()
    until(lambda: panel.slot.job is None)
    until(lambda: panel.found is not None and not panel._maps.busy)
    return panel


def click(panel: ComponentsPanel, block: int, position: int) -> None:
    axes = next(a for a, at in panel.form.plot._places.items() if at == (block, position))
    panel.form.plot._on_press(SimpleNamespace(inaxes=axes, button=1))


def test_the_window_is_drawn_on_the_image_as_large_as_it_is_cut(panel: ComponentsPanel, until: Any) -> None:
    until(lambda: of(panel, WINDOW) is not None)
    assert panel.form.source.currentText() == "scan: atoms"
    panel.form.options.put({"window": 0.65})
    until(lambda: "13 x 13 px, 0.65 nm" in panel.form.about.text())
    (box,) = of(panel, WINDOW).data
    assert np.allclose(np.ptp(box, axis=0), 13)
    where = of(panel, results.ATOMS).data
    assert np.abs(where - box.mean(axis=0)).sum(axis=1).min() < 1e-3  # around an atom
    panel.form.preview.setChecked(False)
    until(lambda: of(panel, WINDOW) is None)
    assert panel.minimumSizeHint().width() <= 420


def test_a_window_that_does_not_fit_is_said_at_once(panel: ComponentsPanel, until: Any) -> None:
    panel.form.options.put({"window": 50.0})
    until(lambda: "A window of 50 nm" in panel.form.about.text())
    panel.form.run_box.button.click()
    until(lambda: panel.slot.job is None)
    assert "A window of 50 nm" in text(panel)
    assert panel.found is None


def test_loadings_are_points_a_map_and_features_of_the_truth(panel: ComponentsPanel, until: Any) -> None:
    decomposed(panel, until)
    points, drawn = of(panel, LOADINGS), of(panel, MAP)
    image = panel.form.picker.layer()
    right = points.data[:, 1] > 60
    loading = np.asarray(points.features["loading_1"])
    assert abs(np.corrcoef(loading, right)[0, 1]) > 0.9
    assert np.array_equal(loading, panel.found.components.loadings[:, 0])
    assert np.ptp(points.face_color[:, :3], axis=0).max() > 0.5
    assert drawn.data.shape == image.data.shape
    assert np.allclose(drawn.scale, image.scale)
    record = Record.from_json(points.metadata["napari_atomai"]["record"])
    assert record.step(LocalStatistics).components == 2
    assert "2 components of" in text(panel)


def test_a_click_on_a_picture_shows_its_map_and_its_loadings(panel: ComponentsPanel, until: Any) -> None:
    decomposed(panel, until)
    before = np.array(of(panel, MAP).data)
    click(panel, 0, 1)
    until(lambda: not panel._maps.busy)
    points, drawn = of(panel, LOADINGS), of(panel, MAP)
    assert points.name == "scan: loading 2"
    assert drawn.name == "scan: component 2"
    assert not np.array_equal(drawn.data, before, equal_nan=True)
    assert len([x for x in panel.viewer.layers if x.name.startswith("scan: component")]) == 1


def test_layers_follow_a_calibration(panel: ComponentsPanel, until: Any) -> None:
    decomposed(panel, until)
    calibrate(panel.form.picker.layer(), 0.1)
    for role in (LOADINGS, MAP):
        assert np.allclose(of(panel, role).scale, 0.1)
    assert {str(unit) for layer in panel.viewer.layers for unit in layer.units} == {"nanometer"}


def test_a_lasso_around_loadings_selects_those_atoms(panel: ComponentsPanel, until: Any) -> None:
    decomposed(panel, until)
    panel.form.view.setCurrentText(SCATTER)
    loadings = panel.found.components.loadings
    high = loadings[:, 0] > np.median(loadings[:, 0])
    low, top = np.median(loadings[:, 0]), loadings[:, 0].max() + 1
    down, up = loadings[:, 1].min() - 1, loadings[:, 1].max() + 1
    panel.form.plot.selection._on_lasso([(low, down), (top, down), (top, up), (low, up)])
    points = of(panel, LOADINGS)
    assert points.selected_data == set(np.flatnonzero(high).tolist())
    assert panel.viewer.layers.selection.active is points
    assert np.array_equal(points.border_width > 0, high)
    assert f"{high.sum()} of {len(high)} atoms are selected" in text(panel)


def test_two_methods_stand_side_by_side_partner_under_partner(panel: ComponentsPanel, until: Any) -> None:
    decomposed(panel, until, method="pca")
    decomposed(panel, until, method="nmf")
    assert panel.form.result.currentText().startswith("nmf 2")
    panel.form.other.setCurrentIndex(2)
    assert panel.form.other.currentText().startswith("pca 2")
    for view in (PICTURES, WHERE):
        panel.form.view.setCurrentText(view)
        places = panel.form.plot._places
        assert sorted(places.values()) == [(0, 0), (0, 1), (1, 0), (1, 1)]
        titles = [axes.get_title() for axes, at in places.items() if at[0] == 1]
        assert all("r = " in title for title in titles)
    click(panel, 1, 0)
    assert panel.form.result.currentText().startswith("pca 2")
    assert panel.form.other.currentText().startswith("nmf 2")
    panel.form.view.setCurrentText(SCREE)
    assert panel.form.plot.canvas.axes.lines


def test_four_ferroelectric_domains_are_groups_that_are_seen_and_selected(
    qtbot: Any, find_result: Any, until: Any
) -> None:
    from sklearn.metrics import adjusted_rand_score

    simulated, _ = polar_domains(size=256)
    viewer, truth = ViewerModel(), simulated.truth
    data, options, _ = image_layer_data(simulated.image)
    layer = viewer.add_image(data, **options)
    found = find_result(simulated.image, truth.positions, classes=truth.classes).at(0.05)
    results.show(viewer.layers, found, layer)
    session_of(viewer).put_back(uid_of(layer), found)
    panel = ComponentsPanel(viewer)
    qtbot.addWidget(panel)
    panel.form.classes.setCurrentText("B")
    decomposed(panel, until, method="nmf", components=4, window=0.6)
    points = of(panel, LOADINGS)
    lower, right = (points.data > 127.5).T
    groups = np.asarray(points.features["group"])
    assert adjusted_rand_score(2 * lower + right, groups) >= 0.95
    panel.form.view.setCurrentText(GROUPS)
    assert len(panel.form.plot._places) == 4
    assert len(np.unique(points.face_color[groups == 2], axis=0)) == 1
    click(panel, 0, 1)
    assert points.selected_data == set(np.flatnonzero(groups == 2).tolist())
    panel.form.view.setCurrentText(PICTURES)
    assert len(np.unique(points.face_color[groups == 2], axis=0)) > 5  # of the loading again


def test_a_number_is_suggested_and_put_into_the_form(panel: ComponentsPanel, until: Any) -> None:
    panel.form.suggest_button.click()
    until(lambda: panel.number_slot.result(panel.form.picker.uid) is not None)
    assert f"{panel.form.options.options()['components']} components are suggested for pca" in text(panel)


def test_classes_given_later_are_offered_and_one_of_them_is_looked_around(
    panel: ComponentsPanel, until: Any
) -> None:
    points = of(panel, results.ATOMS)
    labels = np.where(points.data[:, 1] > 60, "bright", "dim").astype(object)
    points.features = {**points.features, "class": labels}
    panel.form.classes.setCurrentText("bright")
    assert panel.form.classes.currentText() == "bright"
    assert panel.form.classes.isVisibleTo(panel)
    until(lambda: f"around {(labels == 'bright').sum()} atoms" in panel.form.about.text())
    decomposed(panel, until)
    assert (of(panel, LOADINGS).data[:, 1] > 60).all()
    assert panel.found.record.steps[-1].around == "bright"


def test_a_grid_needs_no_atoms(panel: ComponentsPanel, until: Any) -> None:
    panel.form.source.setCurrentText(GRID)
    panel.form.options.put({"grid": 0.3})
    until(lambda: "points" in panel.form.about.text())
    assert len(of(panel, WINDOW).data) == 9
    decomposed(panel, until)
    assert len(np.unique(np.diff(np.unique(of(panel, LOADINGS).data[:, 0])))) == 1
    assert "grid" in panel.form.result.currentText()


def test_without_atoms_they_are_found_first(panel: ComponentsPanel, finder: Any, until: Any) -> None:
    import napari_atomai.workflow.component_windows as windows

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "finding", finder)
        panel.viewer.layers.remove(of(panel, results.ATOMS))
        assert panel.form.source.currentText() == FOUND_FIRST
        decomposed(panel, until)
    assert len(finder.calls) == 1
    assert len(of(panel, LOADINGS).data) > 20


def test_a_second_click_is_answered_and_stop_keeps_what_was_there(
    panel: ComponentsPanel, finder: Any, until: Any
) -> None:
    import napari_atomai.workflow.component_windows as windows

    decomposed(panel, until)
    before = panel.found
    finder.steps, finder.pause = 500, 0.01
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "finding", finder)
        panel.form.source.setCurrentText(FOUND_FIRST)
        panel.form.run_box.button.click()
        panel.form.run_box.button.click()
        assert "Still at work" in text(panel)
        until(lambda: finder.calls)
        panel.form.run_box.stop_button.click()
        until(lambda: panel.slot.job is None)
    assert finder.closed == 1
    assert panel.found is before
    assert "Stopped" in text(panel)


def test_negative_pixels_are_refused_for_nmf_with_an_offset_that_helps(
    panel: ComponentsPanel, until: Any
) -> None:
    panel.form.picker.layer().data = panel.form.picker.layer().data - 1
    panel.form.options.put({"method": "nmf", "components": 2})
    panel.form.run_box.button.click()
    until(lambda: panel.slot.job is None)
    assert "Add an offset of" in text(panel)
    decomposed(panel, until, method="nmf", offset=1.1)
    assert panel.found.components.offset == pytest.approx(1.1)


def test_everything_is_exported_in_the_calibration_of_now(
    panel: ComponentsPanel, until: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    decomposed(panel, until)
    calibrate(panel.form.picker.layer(), 0.1)
    monkeypatch.setattr("napari_atomai.plugin.asking.answer", lambda ask: str(tmp_path))
    panel.form.export_button.click()
    until(lambda: "Written to" in text(panel))
    (folder,) = tmp_path.iterdir()
    table = read_csv(folder / "loadings.csv")
    assert len(table) == len(panel.found.atoms)
    assert table.pixel_size == pytest.approx((0.1, 0.1))
    maps = read(folder / "maps.hspy")
    assert len(maps) == 2
    assert maps[0].pixel_size == pytest.approx((0.1, 0.1))
    assert panel.found is not None  # what was there stays


def test_results_go_with_the_image_and_the_panel_says_what_to_do(panel: ComponentsPanel, until: Any) -> None:
    decomposed(panel, until)
    panel.viewer.layers.remove(panel.form.picker.layer())
    assert panel.found is None
    assert not panel.form.export_button.isVisibleTo(panel)
    panel.form.run_box.button.click()
    assert "no image yet" in text(panel)


def test_a_panel_that_is_opened_later_shows_the_result_and_a_closed_one_leaves_no_window(
    panel: ComponentsPanel, until: Any
) -> None:
    decomposed(panel, until)
    again = ComponentsPanel(panel.viewer)
    assert again.found is panel.found
    assert again.form.plot._places
    viewer, uid = panel.viewer, panel.form.picker.uid
    until(lambda: find_layer(viewer.layers, WINDOW, uid) is not None)
    again.deleteLater()
    until(lambda: find_layer(viewer.layers, WINDOW, uid) is None)


def test_loadings_and_map_are_kept_in_a_session_and_the_form_goes_on_from_their_recipe(
    panel: ComponentsPanel, until: Any, qtbot: Any
) -> None:
    decomposed(panel, until, method="nmf", window=0.6)
    kept = take(panel.viewer, {})
    again = ViewerModel()
    _, notes = restore(again, kept, lambda known: None)
    assert notes == []
    points, drawn = (find_layer(again.layers, role, panel.form.picker.uid) for role in (LOADINGS, MAP))
    assert np.allclose(points.features["loading_1"].astype(float), panel.found.components.loadings[:, 0])
    assert np.array_equal(drawn.data, of(panel, MAP).data, equal_nan=True)
    record = Record.from_json(drawn.metadata["napari_atomai"]["record"])
    assert record == panel.found.record
    later = ComponentsPanel(again)
    qtbot.addWidget(later)
    assert "computed again" in text(later)
    assert later.form.recipe() == panel.found.record.steps[-1]
    until(lambda: later.found is not None)
    one, other = (each.found.components.loadings for each in (panel, later))
    assert np.allclose(one, other)

from __future__ import annotations

import contextlib
import time

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDoubleSpinBox
from scipy.spatial import cKDTree

from napari_atomai.data.image import Image
from napari_atomai.errors import BadImage
from napari_atomai.plugin import commands, results
from napari_atomai.plugin.layers import find_layer, image_layer_data, pixel_size_nm, uid_of
from napari_atomai.plugin.panels.atoms import AtomsPanel
from napari_atomai.simulate.samples import perovskite


def add(viewer, pixels, pixel_size=0.02, name="lattice"):
    data, options, _ = image_layer_data(Image.from_array(pixels, pixel_size, name=name))
    return viewer.add_image(data, **options)


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def layer(viewer, picture):
    return add(viewer, picture[0])


@pytest.fixture
def panel(qtbot, viewer, layer, finder):
    panel = AtomsPanel(viewer)
    yield panel
    with contextlib.suppress(RuntimeError):  # the test may have deleted it
        panel.close()
        panel.deleteLater()
    qtbot.wait(1)


@pytest.fixture
def with_atoms(panel, until):
    """Return a panel whose image has its atoms."""
    panel.find()
    until(lambda: panel.session.job is None)
    return panel


def points_of(panel, layer):
    return panel.session.points(uid_of(layer))


def status(panel):
    return panel.form.status.text()


# --- finding ---


def test_find_puts_atoms_on_the_screen_and_says_so_in_words(with_atoms, layer, picture):
    points = points_of(with_atoms, layer)

    shown = np.count_nonzero(np.linspace(0.99, 0.06, len(picture[1])) >= 0.5)
    assert points.data == pytest.approx(picture[1][:shown])
    assert f"{shown} atoms refined in" in status(with_atoms)
    assert "Spacing 12.0 px (0.240 nm)" in status(with_atoms)
    assert "A" in with_atoms.form.counts.text()
    assert with_atoms.table.model.rowCount() == shown


def test_the_options_of_the_form_reach_the_finder(panel, finder, until):
    panel.form._find_form.widget("contrast").setCurrentText("dark")
    panel.form._find_form.widget("spacing").setValue(9.5)
    panel.form._refine_form.widget("method").setCurrentText("none")
    panel.form.threshold.setValue(30)
    panel.find()
    until(lambda: panel.session.job is None)

    image, find, refine = finder.calls[0]
    assert (find.contrast, find.spacing, find.threshold, find.model) == ("dark", 9.5, 0.3, "atoms")
    assert refine.method == "none"
    assert image.pixel_size == pytest.approx((0.02, 0.02))


def test_the_pixels_are_not_copied_for_a_run(panel, finder, layer, until):
    panel.find()
    until(lambda: panel.session.job is None)

    assert finder.calls[0][0].pixels is layer.data


def test_a_second_click_while_it_works_is_refused_in_words(panel, finder, until):
    finder.pause = 0.05
    panel.form.find_button.click()
    panel.form.find_button.click()

    assert "Still at work" in status(panel)
    until(lambda: panel.session.job is None)
    assert len(finder.calls) == 1


def test_stop_ends_the_run_soon_and_changes_nothing(panel, finder, layer, until):
    finder.steps, finder.pause = 1000, 0.02
    panel.find()
    until(lambda: finder.calls)

    began = time.monotonic()
    panel.form.stop_button.click()
    until(lambda: panel.session.job is None)

    assert time.monotonic() - began < 0.5
    assert "Stopped" in status(panel)
    assert points_of(panel, layer) is None
    assert finder.closed == 1
    assert panel.form.find_button.text() == "Find atoms"


def test_after_a_stop_it_can_be_run_again(panel, finder, layer, until):
    finder.steps, finder.pause = 1000, 0.01
    panel.find()
    until(lambda: finder.calls)
    panel.session.stop()
    until(lambda: panel.session.job is None)
    finder.steps = 1
    panel.find()
    until(lambda: panel.session.job is None)

    assert len(points_of(panel, layer).data)


def test_progress_is_shown_with_the_time_left(panel, finder, until):
    finder.steps, finder.pause = 8, 0.15
    panel.find()
    until(lambda: "left" in panel.form.progress.format())

    assert not panel.form.progress.isHidden()
    assert "finding atoms" in panel.form.progress.format()
    until(lambda: panel.session.job is None)
    assert panel.form.progress.isHidden()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (BadImage("The image is 2 x 2.", remedy="Choose a larger one."), "Choose a larger one."),
        (MemoryError(), "crop the image"),
    ],
)
def test_an_expected_error_is_a_sentence_and_the_panel_works_on(panel, finder, layer, until, error, words):
    finder.error = error
    panel.find()
    until(lambda: panel.session.job is None)
    assert words in status(panel)
    finder.error = None

    panel.find()
    until(lambda: panel.session.job is None)

    assert len(points_of(panel, layer).data)


def test_an_unknown_error_is_a_sentence_and_a_notification_with_details(panel, finder, until, monkeypatch):
    shown = []
    monkeypatch.setattr("napari_atomai.plugin.job_slots.show_error", shown.append)
    finder.error = RuntimeError("engine failed")
    panel.find()
    until(lambda: panel.session.job is None)

    assert "RuntimeError: engine failed" in status(panel)
    assert "Traceback" in shown[0]


def test_without_an_image_it_says_what_to_do(qtbot):
    panel = AtomsPanel(ViewerModel())
    qtbot.addWidget(panel)
    panel.find()

    assert "Open Sample" in status(panel)


def test_no_atoms_is_said_with_what_to_try(panel, finder, layer, until):
    finder.positions = np.empty((0, 2))
    panel.find()
    until(lambda: panel.session.job is None)

    assert status(panel).startswith("0 atoms")
    assert panel.table.model.rowCount() == 0


# --- layers that come, go and change in mid-run ---


def test_an_image_removed_in_mid_run_drops_the_result_with_a_sentence(panel, finder, viewer, layer, until):
    finder.pause = 0.05
    panel.find()
    until(lambda: finder.calls)
    viewer.layers.remove(layer)
    until(lambda: panel.session.job is None)

    assert "removed in mid-run" in status(panel)
    assert len(viewer.layers) == 0


def test_a_result_goes_to_its_own_image_even_if_another_is_chosen_and_all_are_renamed(
    panel, finder, viewer, layer, picture, until
):
    other = add(viewer, picture[0], name="other")
    panel.form.picker.choose(uid_of(layer))
    finder.pause = 0.05
    panel.find()
    until(lambda: finder.calls)
    panel.form.picker.choose(uid_of(other))
    layer.name, other.name = "other", "lattice"
    until(lambda: panel.session.job is None)

    assert points_of(panel, layer) is not None
    assert points_of(panel, other) is None
    assert panel.table.model.rowCount() == 0


def test_pixels_replaced_by_others_of_another_shape_drop_the_result(panel, finder, layer, until):
    finder.pause = 0.05
    panel.find()
    until(lambda: finder.calls)
    layer.data = np.zeros((30, 40))
    until(lambda: panel.session.job is None)

    assert "other pixels now" in status(panel)
    assert points_of(panel, layer) is None


def test_a_result_layer_that_was_deleted_is_made_anew(with_atoms, viewer, layer, until):
    viewer.layers.remove(points_of(with_atoms, layer))
    with_atoms.find()
    until(lambda: with_atoms.session.job is None)

    assert points_of(with_atoms, layer) is not None


def test_the_slider_survives_deleted_result_layers(with_atoms, viewer, layer, until):
    for role in results.ROLES:
        viewer.layers.remove(find_layer(viewer.layers, role, uid_of(layer)))
    with_atoms.form.threshold.setValue(70)
    until(lambda: points_of(with_atoms, layer) is not None)

    assert points_of(with_atoms, layer).features["score"].min() >= 0.7


def test_a_panel_opened_in_mid_run_shows_the_work_and_the_result(qtbot, panel, finder, viewer, layer, until):
    finder.steps, finder.pause = 10, 0.05
    panel.find()
    until(lambda: finder.calls)
    panel.deleteLater()
    qtbot.wait(50)
    second = AtomsPanel(viewer)
    qtbot.addWidget(second)

    assert not second.form.progress.isHidden()
    until(lambda: second.session.job is None)
    assert second.table.model.rowCount() == len(points_of(second, layer).data) > 0


def test_a_deleted_panel_hears_nothing_more(qtbot, panel, viewer, layer, picture):
    panel.deleteLater()
    qtbot.wait(50)

    layer.scale = (0.5, 0.5)
    layer.name = "renamed"
    add(viewer, picture[0])
    viewer.layers.clear()


# --- threshold ---


def test_the_threshold_acts_without_finding_again(with_atoms, finder, layer, until):
    before = len(points_of(with_atoms, layer).data)
    with_atoms.form.threshold.setValue(90)
    until(lambda: len(points_of(with_atoms, layer).data) < before)

    assert points_of(with_atoms, layer).features["score"].min() >= 0.9
    assert with_atoms.table.model.rowCount() == len(points_of(with_atoms, layer).data)
    assert len(finder.calls) == 1
    assert with_atoms.form.threshold_label.text() == "0.90"


def test_the_class_map_follows_when_the_slider_rests(with_atoms, viewer, layer, until):
    labels = find_layer(viewer.layers, results.CLASSES, uid_of(layer))
    assert labels.data.any()
    with_atoms.form.threshold.setValue(90)
    until(lambda: not labels.data.any())


@pytest.mark.usefixtures("napari_draws_thumbnails")
def test_the_threshold_of_ten_thousand_atoms_moves_in_a_tenth_of_a_second(panel, finder, layer, until):
    finder.positions = np.random.default_rng(0).uniform(0, 90, (10_000, 2))
    panel.find()
    until(lambda: panel.session.job is None)
    uid = uid_of(layer)
    spent = []
    for threshold in (0.2, 0.4, 0.3):
        began = time.process_time()
        panel.session.set_threshold(uid, threshold)
        spent.append(time.process_time() - began)

    assert min(spent) < 0.1


# --- table ---


def test_a_row_selects_its_atom_and_centres_it(with_atoms, viewer, layer):
    points = points_of(with_atoms, layer)
    with_atoms.form.table.sortByColumn(2, Qt.SortOrder.AscendingOrder)  # score
    with_atoms.form.table.selectRow(0)

    worst = int(points.features["score"].to_numpy().argmin())
    assert set(points.selected_data) == {worst}
    centre = np.array(viewer.scene.camera.center)[-2:]
    assert centre == pytest.approx(points.data_to_world(points.data[worst]))


def test_points_selected_on_the_screen_highlight_their_rows(with_atoms, layer):
    points = points_of(with_atoms, layer)
    with_atoms.form.table.sortByColumn(2, Qt.SortOrder.AscendingOrder)
    points.selected_data = {3, 5}

    rows = {index.row() for index in with_atoms.form.table.selectionModel().selectedRows()}
    assert set(with_atoms.table.model.atoms(rows)) == {3, 5}
    assert set(points.selected_data) == {3, 5}


def test_a_row_of_a_movie_goes_to_its_frame(qtbot, finder, picture, until, find_result, monkeypatch):
    viewer = ViewerModel()
    layer = add(viewer, np.stack([picture[0]] * 3))
    image = Image.from_array(layer.data, 0.02)
    found = find_result(image, picture[1][:4], frames=[0, 2, 1, 2]).at(0.05)
    monkeypatch.setattr("napari_atomai.workflow.find.finding", lambda *_: _only(found))
    panel = AtomsPanel(viewer)
    qtbot.addWidget(panel)
    panel.find()
    until(lambda: panel.session.job is None)

    panel.form.table.selectRow(1)

    assert viewer.dims.current_step[0] == 2


def _only(found):
    return found
    yield


def test_an_atom_deleted_on_the_screen_leaves_the_table(with_atoms, layer):
    points = points_of(with_atoms, layer)
    before = len(points.data)
    points.selected_data = {0, 1}
    points.remove_selected()

    assert with_atoms.table.model.rowCount() == before - 2


def test_an_atom_set_by_hand_comes_into_the_table(with_atoms, layer):
    points = points_of(with_atoms, layer)
    before = len(points.data)
    points.add([[5.0, 6.0]])

    assert with_atoms.table.model.rowCount() == before + 1
    model = with_atoms.table.model
    score = next(
        i for i in range(model.columnCount()) if model.headerData(i, Qt.Orientation.Horizontal) == "score"
    )
    assert model.data(model.index(before, score)) == "–"


def test_an_uncalibrated_image_has_no_columns_in_nm(qtbot, finder, picture, until):
    viewer = ViewerModel()
    add(viewer, picture[0], None)
    panel = AtomsPanel(viewer)
    qtbot.addWidget(panel)
    panel.find()
    until(lambda: panel.session.job is None)
    model = panel.table.model
    names = [model.headerData(i, Qt.Orientation.Horizontal) for i in range(model.columnCount())]

    assert names[:5] == ["id", "class", "score", "row_px", "col_px"]
    assert "x_nm" not in names
    assert not panel.form.badge.isHidden()
    assert "nm" not in status(panel)


# --- calibration and images ---


def test_a_pixel_size_typed_in_calibrates_the_image_and_its_atoms(with_atoms, layer):
    with_atoms.form.pixel_size.setValue(0.05)
    with_atoms.form.pixel_size.editingFinished.emit()

    assert pixel_size_nm(layer) == pytest.approx((0.05, 0.05))
    assert tuple(points_of(with_atoms, layer).scale) == pytest.approx((0.05, 0.05))
    assert "(0.600 nm)" in status(with_atoms)
    assert with_atoms.session.result(uid_of(layer)).found.record.input.pixel_size_nm == pytest.approx(
        (0.05, 0.05)
    )


def test_a_calibration_changed_in_napari_is_shown(panel, layer):
    layer.scale = (0.5, 0.5)

    assert panel.form.pixel_size.value() == 0.5
    assert panel.form.badge.isHidden()


def test_the_list_of_images_follows_the_viewer(panel, viewer, layer, picture):
    picker = panel.form.picker
    second = add(viewer, picture[0], name="second")
    viewer.add_points(np.zeros((1, 2)))
    assert [picker.itemText(i) for i in range(picker.count())] == ["lattice", "second"]
    layer.name = "first"
    assert picker.itemText(0) == "first"
    assert picker.layer().name == "first"
    viewer.layers.remove(layer)

    assert [picker.itemText(i) for i in range(picker.count())] == ["second"]
    assert picker.layer() is second


def test_two_images_of_one_name_are_told_apart(panel, viewer, layer, picture, finder, until):
    second = add(viewer, picture[0] * 2, name="lattice")
    layer.name = second.name = "lattice"
    panel.form.picker.choose(uid_of(second))
    panel.find()
    until(lambda: panel.session.job is None)

    assert finder.calls[0][0].pixels is second.data


# --- export ---


def test_export_writes_what_is_shown_with_todays_calibration(with_atoms, layer, until, tmp_path, monkeypatch):
    written = []

    def write_results(found, image, folder, *, atoms=None):
        written.append((found, image, folder))
        return [folder / "atoms.csv"]

    monkeypatch.setattr("napari_atomai.workflow.results.write_results", write_results)
    with_atoms.form.threshold.setValue(80)
    until(lambda: points_of(with_atoms, layer).features["score"].min() >= 0.8)
    layer.scale = (0.1, 0.1)
    with_atoms.export(tmp_path / "out")
    until(lambda: written and with_atoms.session.job is None)

    found, image, folder = written[0]
    assert found.threshold == 0.8
    assert found.atoms.pixel_size == image.pixel_size == pytest.approx((0.1, 0.1))
    assert folder == tmp_path / "out"
    assert "atoms.csv" in status(with_atoms)


def test_what_was_written_is_said_until_the_atoms_are_others(with_atoms, layer, until, tmp_path):
    with_atoms.export(tmp_path / "out")
    until(lambda: with_atoms.session.job is None)
    assert status(with_atoms).startswith("Written to")
    points = points_of(with_atoms, layer)
    count = len(points.data)

    points.selected_data = {0}
    points.remove_selected()

    assert status(with_atoms).startswith(f"{count - 1} atoms refined in")


def test_export_before_finding_is_refused_in_words(panel, tmp_path):
    panel.export(tmp_path)

    assert "press Find atoms first" in status(panel)
    assert not panel.form.export_button.isEnabled()


def test_the_panel_fits_a_small_screen(panel):
    assert panel.minimumSizeHint().height() <= 600
    assert panel.minimumSizeHint().width() <= 420


@pytest.mark.timeout(120)
def test_opening_the_panel_loads_no_engine(in_child):
    code = """
import sys
from napari.components import ViewerModel
from qtpy.QtWidgets import QApplication
from napari_atomai.plugin.panels.atoms import AtomsPanel
from napari_atomai.simulate.samples import perovskite
app = QApplication([])
panel = AtomsPanel(ViewerModel())
heavy = {"torch", "onnxruntime", "rsciio", "matplotlib"} & set(sys.modules)
assert not heavy, heavy
"""
    done = in_child(code)

    assert done.returncode == 0, done.stderr


def test_a_panel_opens_on_the_image_that_is_seen(qtbot, viewer, picture):
    first = add(viewer, picture[0], name="first")
    add(viewer, picture[0], name="hidden").visible = False
    panel = AtomsPanel(viewer)
    qtbot.addWidget(panel)

    assert panel.form.picker.layer() is first


def test_the_command_finds_atoms_in_the_selected_image(
    panel, viewer, layer, picture, finder, until, monkeypatch
):
    second = add(viewer, picture[0], name="second")
    monkeypatch.setattr(commands, "atoms_panel", lambda viewer: panel)
    viewer.layers.selection = {layer}
    commands.find_in_selected(viewer)
    until(lambda: panel.session.job is None)

    assert points_of(panel, layer) is not None
    assert points_of(panel, second) is None


@pytest.mark.timeout(120)
def test_the_real_finder_finds_the_columns_of_a_simulated_crystal(qtbot, viewer, until):
    scene = perovskite(size=160)
    layer = add(viewer, scene.image.pixels, scene.image.pixel_size, name="crystal")
    panel = AtomsPanel(viewer)
    qtbot.addWidget(panel)
    panel.find()
    until(lambda: panel.session.job is None, timeout=100_000)

    true = scene.truth.positions
    inner = true[((true > 8) & (true < 152)).all(axis=1)]
    distance, _ = cKDTree(points_of(panel, layer).data).query(inner)
    assert np.mean(distance < 2) > 0.95
    assert viewer.layers.units is not None
    assert panel.session.result(uid_of(layer)).found.record.model.sha256


def test_a_slider_moved_in_mid_run_holds_for_the_result(panel, finder, layer, until):
    finder.pause = 0.05
    panel.find()
    until(lambda: finder.calls)
    panel.form.threshold.setValue(90)
    until(lambda: panel.session.job is None)

    assert panel.session.result(uid_of(layer)).found.threshold == 0.9
    assert points_of(panel, layer).features["score"].min() >= 0.9


def test_counts_follow_what_is_deleted_on_the_screen(with_atoms, viewer, layer):
    points = points_of(with_atoms, layer)
    shown = []
    with_atoms.form.show_counts = shown.append
    points.selected_data = {0, 1, 2}
    points.remove_selected()
    assert sum(count for _, count in shown[-1]) == len(points.data)
    viewer.layers.remove(points)
    assert shown[-1] == {}
    assert with_atoms.table.model.rowCount() == 0


def test_two_panels_of_one_viewer_show_the_same_threshold(qtbot, panel, viewer, layer, until):
    other = AtomsPanel(viewer)
    qtbot.addWidget(other)
    panel.form.threshold.setValue(80)
    panel.find()
    until(lambda: panel.session.job is None)
    assert other.form.threshold.value() == 80

    other.form.threshold.setValue(60)
    until(lambda: panel.session.result(uid_of(layer)).found.threshold == 0.6)
    assert panel.form.threshold.value() == 60


@pytest.mark.parametrize(
    ("before", "typed", "after"), [(0, 1, 3), (3, 2, 0), (0, 3, 3), (0, 4.5, 4.5), (9, 0, 0)]
)
def test_the_spacing_goes_from_automatic_to_the_finest_there_is(panel, before, typed, after):
    box = panel.form.findChild(QDoubleSpinBox, "spacing")
    box.setValue(before)
    box.setValue(typed)
    assert box.value() == after


def test_an_image_without_unit_is_named_after_a_run_and_at_opening(
    qtbot, panel, viewer, layer, picture, until
):
    add(viewer, picture[0], pixel_size=None, name="bare")
    panel.form.picker.choose(uid_of(layer))
    panel.find()
    until(lambda: panel.session.job is None)
    assert "'bare' has no pixel size" in status(panel)
    other = AtomsPanel(viewer)
    qtbot.addWidget(other)
    assert "'bare' has no pixel size" in status(other)

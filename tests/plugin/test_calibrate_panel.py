from __future__ import annotations

import contextlib
import json

import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_atomai.data.image import Axis, Image
from napari_atomai.data.recipe import Calibration, Record
from napari_atomai.plugin import calibration, measurements, results
from napari_atomai.plugin.calibration import calibration_of
from napari_atomai.plugin.layers import KEY, image_layer_data, notes_of, pixel_size_nm, uid_of
from napari_atomai.plugin.panels.atoms import AtomsPanel
from napari_atomai.plugin.panels.calibrate import CalibratePanel
from napari_atomai.plugin.panels.calibrate_layout import LATTICE, LINE, TYPED

SIZE = 0.02


def add(viewer, image, pixel_size=SIZE, name="lattice"):
    if not isinstance(image, Image):
        image = Image.from_array(image, pixel_size, name=name)
    data, options, _ = image_layer_data(image)
    return viewer.add_image(data, **options)


def planes(period=16.0, shape=(128, 160)):
    """Lattice planes across the columns, a little noise."""
    columns = np.arange(shape[1])
    noise = np.random.default_rng(0).normal(0, 0.1, shape)
    return np.cos(2 * np.pi * columns / period) + noise


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def layer(viewer, picture):
    return add(viewer, picture[0])


@pytest.fixture
def make(qtbot, viewer, until):
    """Make panels that end with the test."""
    made = []

    def make(kind=CalibratePanel):
        made.append(kind(viewer))
        return made[-1]

    yield make
    for panel in made:
        with contextlib.suppress(RuntimeError):  # the test may have deleted it
            if isinstance(panel, CalibratePanel):
                until(lambda panel=panel: not panel._work.busy)
            panel.close()
            panel.deleteLater()
    qtbot.wait(1)


@pytest.fixture
def panel(make, layer):
    return make()


@pytest.fixture
def with_atoms(make, layer, finder, until):
    """Find the atoms of the image, and measure something on it; return both panels."""
    panel, atoms = make(), make(AtomsPanel)
    atoms.find()
    until(lambda: atoms.session.job is None)
    measurements.layer_for(atoms.viewer.layers, layer)
    return panel, atoms


def draw(panel, ends):
    panel.draw(True)
    panel._shapes.add(np.array(ends, float), shape_type="line")
    panel.draw(False)


def by_line(panel, ends=((10, 10), (10, 60)), length="2", unit="nm"):
    panel.form.tabs.setCurrentIndex(LINE)
    draw(panel, ends)
    panel.form.length.setText(length)
    panel.form.length_unit.setCurrentText(unit)
    panel.form.apply_button.click()


def by_lattice(panel, until, spacing="0.4", unit="nm"):
    panel.form.tabs.setCurrentIndex(LATTICE)
    panel.form.spacing.setText(spacing)
    panel.form.spacing_unit.setCurrentText(unit)
    panel.form.find_button.click()
    until(lambda: not panel._work.busy)
    panel.form.apply_button.click()


def by_typing(panel, rows, columns=""):
    panel.form.tabs.setCurrentIndex(TYPED)
    panel.form.rows.setText(rows)
    panel.form.columns.setText(columns)
    panel.form.apply_button.click()


def status(panel):
    return panel.form.status.text()


def origin(panel):
    return panel.form.origin.text()


# --- what is shown ---


def test_the_panel_shows_pixel_size_field_of_view_and_where_they_come_from(panel, layer) -> None:
    assert panel.form.size.text() == "0.02 nm"
    assert panel.form.field.text() == "1.92 x 2.4 nm"
    assert panel.form.badge.isHidden()
    assert "not from a file" in origin(panel)


def test_an_image_of_a_file_says_which(viewer, make, tmp_path) -> None:
    from napari_atomai.data.image import Source

    image = Image.from_array(planes(), (0.03, 0.02))
    add(viewer, Image(image.pixels, image.axes, source=Source(tmp_path / "scan.dm4")))
    panel = make()
    assert origin(panel) == "From the file scan.dm4."
    assert panel.form.size.text() == "0.03 x 0.02 nm"


def test_an_image_without_calibration_has_a_badge_and_lengths_in_pixels(viewer, make) -> None:
    add(viewer, planes(), None)
    panel = make()
    assert (panel.form.size.text(), panel.form.field.text()) == ("unknown", "128 x 160 px")
    assert not panel.form.badge.isHidden()
    assert "Nobody has said" in origin(panel)


def test_a_diffraction_pattern_is_not_taken_for_calibrated_in_nm(viewer, make) -> None:
    add(viewer, Image(planes(), (Axis("y", 0.1, unit="1/nm"), Axis("x", 0.1, unit="1/nm"))))
    panel = make()
    assert panel.form.size.text() == "0.1 1/nm"
    assert not panel.form.badge.isHidden()
    assert "1/nm, which is not a length" in origin(panel)


def test_a_scale_that_somebody_else_set_is_not_taken_for_that_of_the_file(panel, layer) -> None:
    layer.scale = (0.05, 0.05)
    assert panel.form.size.text() == "0.05 nm"
    assert "not by this program" in origin(panel)
    assert calibration_of(layer) == Calibration(
        method="layer", pixel_size_nm=(0.05, 0.05), before_nm=(0.02, 0.02)
    )


def test_the_panel_fits_beside_the_canvas(panel) -> None:
    panel.resize(320, 600)
    assert panel.minimumSizeHint().width() <= 320
    assert panel.form.minimumSizeHint().width() <= 320
    assert panel.form.sizeHint().height() <= 600


# --- methods ---


@pytest.mark.parametrize(("length", "unit", "nm"), [("2", "nm", 2.0), ("20", "Å", 2.0), ("0.01", "µm", 10.0)])
def test_a_line_of_known_length_gives_the_pixel_size(panel, layer, length, unit, nm) -> None:
    by_line(panel, ((10, 10), (40, 50)), length, unit)
    assert pixel_size_nm(layer) == pytest.approx((nm / 50, nm / 50))
    assert "50 px" in origin(panel)


def test_what_apply_will_give_is_said_before(panel, layer) -> None:
    draw(panel, ((10, 10), (10, 60)))
    panel.form.length.setText("1.5")
    assert panel.form.preview.text() == "New: 0.03 nm (+50.0 %)"
    assert pixel_size_nm(layer) == (SIZE, SIZE)


def test_another_image_puts_the_tool_away(panel, viewer, layer) -> None:
    other = add(viewer, planes(), name="other")
    panel.draw(True)
    shapes = panel._shapes
    assert (str(shapes.mode), panel.form.draw_button.isChecked()) == ("add_line", True)
    panel.form.picker.choose(uid_of(other))
    assert (str(shapes.mode), panel.form.draw_button.isChecked()) == ("pan_zoom", False)
    assert panel.form.line_length.text() == "no line yet"


def test_the_selected_line_counts_else_the_last(panel, layer) -> None:
    draw(panel, ((10, 10), (10, 60)))
    draw(panel, ((10, 10), (10, 35)))
    assert panel.form.line_length.text() == "25.00 px"
    panel._shapes.selected_data = {0}
    assert panel.form.line_length.text() == "50.00 px"


@pytest.mark.parametrize("size", [(0.03, 0.02), None])
def test_a_line_keeps_the_ratio_of_rows_to_columns(viewer, make, size) -> None:
    image = add(viewer, planes(), size)
    image.scale = (3, 2) if size is None else image.scale
    panel = make()
    by_line(panel, ((0, 0), (40, 80)), "1")  # 60 by 80 in widths of 2/3 of a height: 100
    assert pixel_size_nm(image) == pytest.approx((0.015, 0.01))


def test_planes_of_known_distance_give_the_pixel_size(viewer, make, until) -> None:
    image = add(viewer, planes(16.0), None)
    panel = make()
    by_lattice(panel, until, "4", "Å")
    assert pixel_size_nm(image) == pytest.approx((0.025, 0.025), rel=2e-3)
    how = calibration_of(image)
    assert (how.method, how.known_nm) == ("lattice", 0.4)
    assert how.measured_px == pytest.approx(16, rel=2e-3)
    assert 0 < how.relative_sd < 0.01


def test_the_planes_nearest_to_what_was_typed_are_chosen(viewer, make, until) -> None:
    both = planes(16.0) + 0.3 * planes(7.3).mean() + 0.3 * np.cos(2 * np.pi * np.arange(128) / 7.3)[:, None]
    image = add(viewer, both)
    panel = make()
    by_lattice(panel, until, f"{7.3 * 0.021:.4f}")
    assert panel.form.peaks.rowCount() >= 2
    assert pixel_size_nm(image) == pytest.approx((0.021, 0.021), rel=3e-3)


def test_planes_keep_the_ratio_of_rows_to_columns_and_are_listed_in_widths(viewer, make, until) -> None:
    image = add(viewer, planes(16.0).T, (0.01, 0.02))  # 16 rows are 8 widths
    panel = make()
    by_lattice(panel, until, "0.4")
    assert panel.form.peaks.item(0, 0).text() in ("8.00", "8.01", "7.99")
    assert pixel_size_nm(image) == pytest.approx((0.025, 0.05), rel=2e-3)


def test_the_frame_that_is_shown_is_looked_at_even_when_it_is_lazy(viewer, make, until) -> None:
    movie = np.stack([planes(10.0), planes(16.0)])
    axes = (Axis("t", 0.5, unit="s"), Axis("y"), Axis("x"))
    image = add(viewer, Image(da.from_array(movie, chunks=(1, 128, 160)), axes))
    viewer.dims.set_current_step(0, 1)
    panel = make()
    by_lattice(panel, until)
    assert pixel_size_nm(image) == pytest.approx((0.025, 0.025), rel=2e-3)
    assert (image.scale[0], str(image.units[0])) == (0.5, "second")


def test_rows_and_columns_can_be_typed(panel, layer) -> None:
    by_typing(panel, "0.03")
    assert pixel_size_nm(layer) == (0.03, 0.03)
    by_typing(panel, "0.03", "0.04")
    assert pixel_size_nm(layer) == (0.03, 0.04)
    assert origin(panel) == "By hand: typed in."


# --- all layers of that image, and no other ---


def test_every_layer_of_the_image_follows_and_no_other_does(with_atoms, viewer, layer) -> None:
    panel, _ = with_atoms
    other = add(viewer, planes(), name="other")
    by_line(panel)
    mine = [x for x in viewer.layers if x is layer or notes_of(x).get("parent_uid") == uid_of(layer)]
    assert len(mine) == len(results.ROLES) + 3  # the image, measurements, line
    for one in mine:
        assert tuple(one.scale) == (0.04, 0.04)
        assert [str(unit) for unit in one.units] == ["nanometer"] * 2
    assert tuple(other.scale) == (SIZE, SIZE)
    assert str(viewer.layers.extent.units[0]) == "nanometer"


def test_an_uncalibrated_image_and_its_layers_change_from_pixels_to_nm_and_back(viewer, make, until) -> None:
    image = add(viewer, planes(), None)
    panel = make()
    by_line(panel)
    line = panel._shapes
    assert [str(x.units[0]) for x in (image, line)] == ["nanometer"] * 2
    assert panel.form.badge.isHidden()
    panel.form.undo_button.click()
    assert [(str(x.units[0]), x.scale[0]) for x in (image, line)] == [("pixel", 1)] * 2
    assert not panel.form.badge.isHidden()


def test_time_stays_and_the_first_pixel_lies_at_0(viewer, make) -> None:
    axes = (Axis("t", 0.5, 3.0, "s"), Axis("y", 0.1, 7.0, "nm"), Axis("x", 0.1, 8.0, "nm"))
    movie = add(viewer, Image(np.stack([planes()] * 3), axes))
    panel = make()
    by_line(panel, ((0, 0), (0, 100)), "5")
    assert tuple(movie.scale) == (0.5, 0.05, 0.05)
    assert tuple(movie.translate) == (3.0, 0.0, 0.0)
    assert [str(unit) for unit in movie.units] == ["second", "nanometer", "nanometer"]
    panel.form.undo_button.click()
    assert tuple(movie.scale) == (0.5, 0.1, 0.1)
    assert tuple(movie.translate) == (3.0, 7.0, 8.0)


def test_what_the_canvas_shows_stays(panel, viewer, layer) -> None:
    camera = viewer.scene.camera
    camera.center, camera.zoom = (0, 0.6, 0.9), 100.0  # pixel (30, 45), 2 screen pixels each
    by_typing(panel, "0.05", "0.05")
    assert camera.zoom == pytest.approx(40)
    assert camera.center[-2:] == pytest.approx((1.5, 2.25))


# --- undo ---


def test_several_steps_are_undone_and_redone(panel, layer) -> None:
    for size in ("0.03", "0.04", "0.05"):
        by_typing(panel, size)
    seen = []
    while panel.form.undo_button.isEnabled():
        panel.form.undo_button.click()
        seen.append(pixel_size_nm(layer)[0])
    assert seen == [0.04, 0.03, SIZE]
    assert calibration_of(layer) is None
    assert "not from a file" in origin(panel)
    while panel.form.redo_button.isEnabled():
        panel.form.redo_button.click()
    assert pixel_size_nm(layer)[0] == 0.05
    assert calibration_of(layer).before_nm == (0.04, 0.04)


def test_a_new_step_ends_what_could_be_redone(panel, layer) -> None:
    by_typing(panel, "0.03")
    panel.form.undo_button.click()
    by_typing(panel, "0.04")
    assert not panel.form.redo_button.isEnabled()
    panel.form.undo_button.click()
    assert pixel_size_nm(layer)[0] == SIZE


def test_undo_survives_renaming_and_a_new_panel_and_never_touches_another_image(
    panel, make, viewer, layer
) -> None:
    other = add(viewer, planes(), 0.5, "other")
    by_typing(panel, "0.03")
    layer.name, other.name = "renamed", "lattice"
    second = make()
    second.form.picker.choose(uid_of(other))
    assert not second.form.undo_button.isEnabled()
    second.form.picker.choose(uid_of(layer))
    second.form.undo_button.click()
    assert (pixel_size_nm(layer)[0], pixel_size_nm(other)[0]) == (SIZE, 0.5)


def test_a_scale_that_somebody_else_set_is_a_step_too(panel, layer) -> None:
    by_typing(panel, "0.03")
    layer.scale = (0.07, 0.07)
    assert not panel.form.redo_button.isEnabled()
    panel.form.undo_button.click()
    assert pixel_size_nm(layer)[0] == 0.03
    panel.form.redo_button.click()
    assert pixel_size_nm(layer)[0] == 0.07
    assert "not by this program" in origin(panel)


def test_a_copy_of_the_layer_knows_where_its_size_comes_from_and_undoes_nothing(panel, viewer, layer) -> None:
    by_typing(panel, "0.03")
    kind, state = type(layer), layer.as_layer_data_tuple()
    copy = viewer.add_layer(kind(state[0], **{**state[1], "name": "copy"}))
    panel.form.picker.choose(uid_of(copy))
    assert origin(panel) == "By hand: typed in."
    assert not panel.form.undo_button.isEnabled()
    by_typing(panel, "0.09")
    assert calibration_of(layer).pixel_size_nm == (0.03, 0.03)
    assert pixel_size_nm(layer) == (0.03, 0.03)


# --- what is recorded ---


def test_the_layer_notes_say_how_it_was_calibrated(panel, layer) -> None:
    by_line(panel)
    note = json.loads(json.dumps(notes_of(layer)["calibration"]))  # plain values, so that it can be saved
    assert note.pop("time").startswith("20")
    assert note == {
        "method": "line",
        "pixel_size_nm": [0.04, 0.04],
        "before_nm": [SIZE, SIZE],
        "known_nm": 2.0,
        "measured_px": 50.0,
        "relative_sd": None,
    }


def test_the_record_of_a_result_says_so_before_and_after_it_was_calibrated(
    with_atoms, layer, finder, until
) -> None:
    panel, atoms = with_atoms
    assert atoms.session.result(uid_of(layer)).found.record.input.calibration is None
    by_line(panel)
    atoms.find()
    until(lambda: atoms.session.job is None)
    entry = atoms.session.result(uid_of(layer)).found.record.input
    assert (entry.pixel_size_nm, entry.calibration.method) == ((0.04, 0.04), "line")
    by_typing(panel, "0.03")
    entry = atoms.session.result(uid_of(layer)).found.record.input
    assert (entry.pixel_size_nm, entry.calibration.before_nm) == ((0.03, 0.03), (0.04, 0.04))
    by_typing(panel, "0.03")  # the same number, and none of napari's events
    assert atoms.session.result(uid_of(layer)).found.record.input.calibration.before_nm == (0.03, 0.03)


def test_the_exported_recipe_says_how_the_pixel_size_came_about(with_atoms, tmp_path, until) -> None:
    panel, atoms = with_atoms
    by_line(panel)
    atoms.export(tmp_path / "out")
    until(lambda: atoms.session.job is None)
    record = Record.from_json((tmp_path / "out" / "recipe.json").read_text())
    assert record.input.pixel_size_nm == (0.04, 0.04)
    assert (record.input.calibration.known_nm, record.input.calibration.measured_px) == (2.0, 50.0)


def test_the_pixel_size_box_of_the_atoms_panel_is_recorded_and_undone_too(with_atoms, viewer, layer) -> None:
    panel, atoms = with_atoms
    atoms.form.pixel_size.setValue(0.06)
    atoms.form.pixel_size.editingFinished.emit()
    assert calibration_of(layer).method == "typed"
    assert atoms.session.result(uid_of(layer)).found.record.input.calibration.pixel_size_nm == (0.06, 0.06)
    atoms.form.pixel_size.setValue(0)
    atoms.form.pixel_size.editingFinished.emit()
    assert pixel_size_nm(layer) is None
    assert origin(panel) == "The calibration was taken away."
    panel.form.undo_button.click()
    panel.form.undo_button.click()
    assert pixel_size_nm(layer) == (SIZE, SIZE)
    assert atoms.form.pixel_size.value() == SIZE


def test_the_pixel_size_box_of_the_atoms_panel_keeps_the_ratio(viewer, make) -> None:
    image = add(viewer, planes(), (0.03, 0.02))
    atoms = make(AtomsPanel)
    atoms.form.pixel_size.setValue(0.06)
    atoms.form.pixel_size.editingFinished.emit()
    assert pixel_size_nm(image) == pytest.approx((0.06, 0.04))


def test_a_note_that_nobody_can_read_is_left_alone(panel, layer) -> None:
    layer.metadata[KEY]["calibration"] = {"method": "magic"}
    panel.refresh()
    assert calibration_of(layer) is None
    assert "not from a file" in origin(panel)


# --- bad input, in words ---


@pytest.mark.parametrize("text", ["-2", "0", "nan", "inf", "two", "1,5", ""])
def test_a_length_that_is_none_is_refused_in_words(panel, layer, text) -> None:
    draw(panel, ((10, 10), (10, 60)))
    panel.form.length.setText(text)
    assert not panel.form.apply_button.isEnabled()
    panel.apply()
    assert "The length" in status(panel)
    assert (text or "empty") in status(panel)
    assert pixel_size_nm(layer) == (SIZE, SIZE)
    assert not panel.form.undo_button.isEnabled()


@pytest.mark.parametrize(
    ("points", "form", "words"),
    [
        ([(5, 5), (5, 5)], "line", "too short"),
        ([(5, 5), (5, 5.5)], "line", "too short"),
        ([(5, 5), (9, 9), (5, 20)], "path", "not a straight line"),
        ([(5, 5), (5, 9), (9, 9), (9, 5)], "rectangle", "not a straight line"),
    ],
)
def test_a_line_that_is_none_is_refused_in_words(panel, layer, points, form, words) -> None:
    panel.draw(True)
    panel._shapes.add(np.array(points, float), shape_type=form)
    panel.form.length.setText("2")
    panel.apply()
    assert words in status(panel)
    assert pixel_size_nm(layer) == (SIZE, SIZE)


def test_what_is_missing_is_said_step_by_step(panel, until) -> None:
    panel.apply()
    assert "no line yet" in status(panel)
    panel.form.tabs.setCurrentIndex(LATTICE)
    panel.form.spacing.setText("0.4")
    panel.apply()
    assert "Press Find in FFT" in status(panel)
    panel.find()
    until(lambda: not panel._work.busy)
    panel.form.peaks.clearSelection()
    panel.apply()
    assert "None of the lattice planes is chosen" in status(panel)


def test_an_image_without_a_lattice_says_so(viewer, make, until) -> None:
    add(viewer, np.random.default_rng(0).normal(size=(64, 64)))
    panel = make()
    panel.find()
    until(lambda: not panel._work.busy)
    assert "No lattice planes stand out" in status(panel)
    assert panel.form.peaks.rowCount() == 0


def test_an_image_that_is_too_small_for_a_lattice_says_so(viewer, make, until) -> None:
    add(viewer, np.zeros((8, 9)))
    panel = make()
    panel.find()
    until(lambda: not panel._work.busy)
    assert "16 x 16" in status(panel)


def test_without_an_image_nothing_can_be_pressed_and_nothing_raises(viewer, make) -> None:
    panel = make()
    form = panel.form
    for button in (form.draw_button, form.find_button, form.apply_button, form.undo_button, form.redo_button):
        assert not button.isEnabled()
    for action in (panel.draw, panel.find, panel.apply, panel.undo, panel.redo):
        action()
    assert "no image" in status(panel)


def test_an_image_removed_meanwhile_leaves_nothing_behind(viewer, make, until) -> None:
    image = add(viewer, planes())
    panel = make()
    draw(panel, ((10, 10), (10, 60)))
    panel.form.length.setText("2")
    panel.find()
    viewer.layers.remove(image)
    until(lambda: not panel._work.busy)
    panel.apply()
    assert "no image" in status(panel)
    assert panel.form.peaks.rowCount() == 0
    assert (panel.form.size.text(), panel.form.preview.text()) == ("", "")


def test_a_line_layer_that_was_deleted_is_made_again(panel, viewer, layer) -> None:
    draw(panel, ((10, 10), (10, 60)))
    viewer.layers.remove(panel._shapes)
    assert panel.form.line_length.text() == "no line yet"
    by_line(panel, ((0, 0), (0, 100)), "1")
    assert pixel_size_nm(layer)[0] == pytest.approx(0.01)


def test_new_pixels_have_other_planes(viewer, make, until) -> None:
    image = add(viewer, planes())
    panel = make()
    panel.find()
    until(lambda: not panel._work.busy)
    assert panel.form.peaks.rowCount() > 0
    image.data = planes(9.0)
    assert panel.form.peaks.rowCount() == 0


def test_in_3d_no_line_is_drawn(panel, viewer) -> None:
    viewer.dims.ndisplay = 3
    panel.draw(True)
    assert "3D" in status(panel)
    assert not panel.form.draw_button.isChecked()


# --- in a real window ---


def scale_bar(viewer):
    overlays = viewer.window._qt_viewer.canvas._viewer_overlay_to_visual
    (bar,) = overlays[viewer.canvas.overlays.scale_bar]
    return bar.node.text.text


def test_in_a_window_a_drawn_line_makes_the_scale_bar_right(make_napari_viewer_proxy, qtbot) -> None:
    proxy = make_napari_viewer_proxy(show=True)  # what napari hands to panels
    viewer = proxy.__wrapped__
    viewer.window.resize(1100, 800)
    image = add(viewer, planes(16.0, (200, 200)), None)
    panel = CalibratePanel(proxy)
    viewer.window.add_dock_widget(panel, name="Calibrate", area="right")
    viewer.canvas.overlays.scale_bar.visible = True
    panel.form.draw_button.click()
    qtbot.wait(200)
    canvas, camera = viewer.window._qt_viewer.canvas.native, viewer.scene.camera

    def place(row, column):
        away = (np.array((row, column)) - np.array(camera.center)[-2:]) * camera.zoom
        return QPoint(round(canvas.width() / 2 + away[1]), round(canvas.height() / 2 + away[0]))

    QTest.mouseMove(canvas, place(50, 20))
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=place(50, 20))
    for column in (60, 120):
        QTest.mouseMove(canvas, place(50, column))
        qtbot.wait(30)
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=place(50, 120))
    qtbot.wait(30)
    panel.form.draw_button.click()
    panel.form.length.setText("10")
    zoom = camera.zoom
    panel.form.apply_button.click()
    qtbot.wait(200)
    assert pixel_size_nm(image) == pytest.approx((0.1, 0.1), rel=0.02)
    assert camera.zoom == pytest.approx(zoom / pixel_size_nm(image)[0])
    assert scale_bar(viewer).endswith(" nm")
    panel.form.undo_button.click()
    qtbot.wait(100)
    assert "nm" not in scale_bar(viewer)
    panel.form.redo_button.click()
    assert pixel_size_nm(image) == pytest.approx((0.1, 0.1), rel=0.02)


def test_the_steps_of_a_layer_are_kept_when_it_was_given_by_proxy(viewer, layer) -> None:
    from napari.utils._proxies import PublicOnlyProxy

    calibration.apply([], PublicOnlyProxy(layer), calibration.by_typing(layer, (0.1, 0.1)))
    assert calibration.can_undo(layer)
    calibration.undo([], PublicOnlyProxy(layer))
    assert pixel_size_nm(layer) == (SIZE, SIZE)


def test_what_was_applied_is_said_until_the_pixel_size_is_another(panel, layer) -> None:
    by_typing(panel, "0.03")
    assert status(panel).endswith("with every layer that belongs to it.")
    panel.form.tabs.setCurrentIndex(LINE)
    assert status(panel).endswith("with every layer that belongs to it.")

    layer.scale = (0.05, 0.05)

    assert status(panel) == ""

from __future__ import annotations

import contextlib
import csv
from types import SimpleNamespace

import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QFileDialog

from napari_atomai.data.image import Image
from napari_atomai.plugin import measurements
from napari_atomai.plugin.layers import calibrate, image_layer_data, notes_of, uid_of
from napari_atomai.plugin.panels import measure
from napari_atomai.plugin.panels.measure import MeasurePanel

SIZE = 0.02


def add(viewer, pixels, pixel_size=SIZE, name="picture"):
    data, options, _ = image_layer_data(Image.from_array(pixels, pixel_size, name=name))
    return viewer.add_image(data, **options)


def ramp(shape=(60, 80)):
    """Values that are the number of the column."""
    return np.broadcast_to(np.arange(shape[1], dtype=float), shape).copy()


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def layer(viewer):
    return add(viewer, ramp())


@pytest.fixture
def panel(qtbot, viewer, layer, until):
    panel = MeasurePanel(viewer)
    yield panel
    with contextlib.suppress(RuntimeError):  # the test may have deleted it
        until(lambda: not panel._work.busy)
        panel.close()
        panel.deleteLater()
    qtbot.wait(1)


@pytest.fixture
def draw(panel, until):
    """Draw with a tool of the panel, as napari does it, and wait until it is measured."""

    def draw(kind, points):
        panel.form.tools[kind].click()
        form = "path" if len(points) > 2 else "line"
        panel._shapes.add(np.array(points, float), shape_type=form)
        panel._shapes.selected_data = {len(panel._shapes.data) - 1}
        panel.form.tools[kind].click()
        last = len(panel._shapes.data) - 1
        until(lambda: [one.number for one in panel._measured][-1:] == [last] and not panel._work.busy)
        return panel._measured[-1]

    return draw


def labels(panel):
    return list(panel._shapes.features["label"])


def shown(panel, column):
    return panel.table.model._columns[column].tolist()


# --- what is measured ---


def test_a_distance_is_in_nm_in_the_table_and_on_the_image(panel, draw):
    one = draw("distance", [(10, 10), (40, 50)])

    assert one.length == pytest.approx(50 * SIZE)
    assert labels(panel) == ["1 nm"]
    assert shown(panel, "length nm") == pytest.approx([1.0])
    assert shown(panel, "angle °") == pytest.approx([-np.degrees(np.arctan2(3, 4))])
    assert shown(panel, "kind") == ["distance"]


def test_an_angle_is_that_at_its_second_point(panel, draw):
    one = draw("angle", [(10, 40), (40, 40), (40, 70)])

    assert (one.kind, one.degrees) == ("angle", pytest.approx(90))
    assert labels(panel) == ["90.0°"]


def test_pixels_that_are_not_square_are_measured_in_nm(viewer, qtbot, until):
    add(viewer, ramp(), (0.01, 0.02))
    panel = MeasurePanel(viewer)
    qtbot.addWidget(panel)
    panel.take("angle")
    panel._shapes.add(np.array([(0, 30), (0, 0), (40, 20)], float), shape_type="path")
    panel.refresh()

    assert panel._measured[0].degrees == pytest.approx(45)


def test_a_profile_is_plotted_over_nm_with_the_values_of_the_image(panel, draw):
    draw("profile", [(20, 10), (20, 60)])

    profile = panel.plot.profile
    assert profile.values == pytest.approx(np.arange(10, 61))
    assert profile.distance == pytest.approx(SIZE * np.arange(51))
    assert panel.plot.canvas.axes.get_xlabel() == "distance (nm)"
    assert panel.plot.canvas.axes.lines[0].get_ydata() == pytest.approx(profile.values)


def test_the_axis_says_what_the_values_are(panel, layer, draw):
    notes_of(layer).update(quantity="height", value_unit="nm")
    draw("profile", [(20, 10), (20, 60)])

    assert panel.plot.canvas.axes.get_ylabel() == "height (nm)"


def test_the_readings_tell_the_spacing_of_fringes(panel, layer, draw, until):
    layer.data = 5 + np.sin(2 * np.pi * ramp() / 10)
    draw("profile", [(20, 2), (20, 77)])
    until(lambda: "peak to peak" in panel.plot.readings.text())

    words = panel.plot.readings.text().split("peak to peak ")[1].split()
    assert float(words[0]) == pytest.approx(10 * SIZE, rel=0.01)
    assert words[1] == "nm"


def test_pointing_at_the_plot_reads_the_value_there(panel, draw):
    draw("profile", [(20, 10), (20, 60)])
    axes = panel.plot.canvas.axes
    panel.plot._on_move(SimpleNamespace(inaxes=axes, xdata=20.2 * SIZE))
    assert panel.plot.under_mouse.text() == "at 0.4 nm: 30"

    panel.plot._on_move(SimpleNamespace(inaxes=None, xdata=None))
    assert panel.plot.under_mouse.text().strip() == ""


def test_the_width_averages_over_so_many_pixels_and_is_shown_in_nm(panel, layer, draw, until):
    layer.data = np.random.default_rng(1).normal(size=(60, 80))
    draw("profile", [(20, 10), (20, 60)])
    panel.form.width_px.setValue(5)
    until(lambda: panel.plot.profile.width == pytest.approx(5 * SIZE))

    assert panel.plot.profile.values == pytest.approx(layer.data[18:23, 10:61].mean(axis=0))
    assert panel.form.width_label.text() == "= 0.1 nm"
    assert panel._shapes.edge_width == [5]  # the band on the image is as wide
    assert shown(panel, "width nm") == pytest.approx([0.1])


def test_each_profile_keeps_its_own_width(panel, draw, until):
    panel.form.width_px.setValue(3)
    draw("profile", [(20, 10), (20, 60)])
    draw("distance", [(5, 10), (5, 60)])
    panel.form.width_px.setValue(9)  # of the only profile
    draw("profile", [(40, 10), (40, 60)])
    panel.form.width_px.setValue(4)
    until(lambda: not panel._work.busy)

    assert [one.width_px for one in panel._measured if one.kind == "profile"] == [9, 4]
    assert [one.kind for one in panel._measured] == ["profile", "distance", "profile"]


def test_the_kind_is_that_of_the_tool_not_of_what_was_selected_last(panel, draw):
    # napari takes the features of a new shape from the selected one.
    draw("profile", [(20, 10), (20, 60)])
    panel._shapes.selected_data = {0}
    one = draw("distance", [(30, 10), (30, 60)])

    assert one.kind == "distance"
    assert panel._measured[0].kind == "profile"


def test_the_table_follows_while_a_line_is_dragged(panel, draw, until):
    draw("profile", [(20, 10), (20, 60)])
    shapes = panel._shapes
    for end in (50, 40, 30):
        shapes._data_view.edit(0, np.array([(20.0, 10.0), (20.0, end)]))
        shapes.refresh()  # what napari does for each move of the mouse; its data event comes at the end
        until(lambda end=end: shown(panel, "length nm") == pytest.approx([(end - 10) * SIZE]))
    until(lambda: len(panel.plot.profile.values) == 21)
    assert labels(panel) == ["0.4 nm"]


def test_other_shapes_are_not_measured_and_do_no_harm(panel, draw):
    draw("distance", [(10, 10), (40, 50)])
    panel._shapes.add(np.array([(0, 0), (20, 20)], float), shape_type="rectangle")
    draw("distance", [(10, 10), (40, 10)])

    assert labels(panel) == ["1 nm", "", "0.6 nm"]
    assert shown(panel, "#") == [1, 3]


# --- calibration, movies ---


def test_without_a_pixel_size_everything_is_in_px(viewer, layer, panel, draw, until):
    draw("profile", [(20, 10), (20, 60)])
    calibrate(layer, 0)
    until(lambda: labels(panel) == ["50 px"] and panel.plot.profile.unit == "pixel")

    assert shown(panel, "length px") == [50.0]
    assert panel.plot.canvas.axes.get_xlabel() == "distance (px)"
    assert panel.form.width_label.text() == ""


def test_measurements_follow_a_new_calibration_even_with_the_panel_closed(viewer, layer, panel, draw, qtbot):
    draw("distance", [(10, 10), (40, 50)])
    shapes = panel._shapes
    panel.close()
    panel.deleteLater()
    qtbot.wait(10)
    calibrate(layer, 0.5)

    assert tuple(shapes.scale) == (0.5, 0.5)
    assert viewer.layers.units is not None
    assert measurements.measurements_of(shapes)[0].length == pytest.approx(25)


def test_the_profile_is_that_of_the_frame_on_the_screen(viewer, qtbot, until):
    movie = np.stack([ramp() + 100 * i for i in range(4)])
    add(viewer, da.from_array(movie, chunks=(1, 60, 80)))
    panel = MeasurePanel(viewer)
    qtbot.addWidget(panel)
    viewer.dims.set_current_step(0, 1)
    panel.take("profile")
    panel._shapes.add(np.array([(20, 10), (20, 60)], float), shape_type="line")
    until(lambda: panel.plot.profile is not None)
    assert panel.plot.profile.values == pytest.approx(100 + np.arange(10, 61))

    viewer.dims.set_current_step(0, 3)
    until(lambda: panel.plot.profile.values[0] == 310)
    assert panel._shapes.ndim == 2  # one line for all frames


def test_a_profile_is_of_the_image_that_is_chosen(viewer, layer, panel, draw, until):
    draw("profile", [(20, 10), (20, 60)])
    other = add(viewer, ramp() * 2, name="other")
    panel.form.picker.choose(uid_of(other))
    assert panel._measured == []
    assert panel.plot.profile is None
    draw("profile", [(20, 10), (20, 60)])
    assert panel.plot.profile.values[0] == 20

    panel.form.picker.choose(uid_of(layer))
    until(lambda: panel.plot.profile is not None and panel.plot.profile.values[0] == 10)
    assert len([one for one in viewer.layers if notes_of(one).get("role") == measurements.ROLE]) == 2


# --- selecting, deleting, exporting ---


def test_the_row_and_the_line_are_selected_together(panel, draw, until):
    draw("profile", [(20, 10), (20, 60)])
    draw("profile", [(40, 30), (40, 60)])
    panel.form.table.selectRow(0)
    assert set(panel._shapes.selected_data) == {0}
    until(lambda: len(panel.plot.profile.values) == 51)

    panel._shapes.selected_data = {1}
    until(lambda: len(panel.plot.profile.values) == 31)
    assert [i.row() for i in panel.form.table.selectionModel().selectedRows()] == [1]


def test_what_was_deleted_comes_back_whole(panel, draw, until):
    draw("profile", [(20, 10), (20, 60)])
    panel.form.width_px.setValue(7)
    draw("distance", [(10, 10), (40, 50)])
    panel._shapes.selected_data = {0}
    until(panel.form.delete_button.isEnabled)
    panel.form.delete_button.click()
    until(lambda: [one.kind for one in panel._measured] == ["distance"])
    assert panel.plot.profile is None

    panel.form.undo_button.click()
    until(lambda: len(panel._measured) == 2)
    back = panel._measured[1]
    assert (back.kind, back.width_px, back.points.tolist()) == ("profile", 7, [[20, 10], [20, 60]])
    assert not panel.form.undo_button.isEnabled()


def test_napari_s_own_delete_key_can_be_undone_too(panel, draw, until):
    draw("distance", [(10, 10), (40, 50)])
    panel._shapes.selected_data = {0}
    panel._shapes.remove_selected()
    until(lambda: panel.form.undo_button.isEnabled())
    panel.form.undo_button.click()

    assert labels(panel) == ["1 nm"]


def test_the_exported_table_has_every_length_in_nm_and_px(panel, draw, tmp_path):
    draw("profile", [(20, 10), (20, 60)])
    draw("angle", [(10, 40), (40, 40), (40, 70)])
    panel.export(tmp_path / "m.csv")

    with (tmp_path / "m.csv").open(newline="") as file:
        profile, angle = csv.DictReader(file)
    assert (profile["kind"], float(profile["length_nm"]), float(profile["length_px"])) == (
        "profile",
        1.0,
        50.0,
    )
    assert float(profile["width_nm"]) == pytest.approx(SIZE)
    assert (profile["row3_px"], float(profile["col2_px"])) == ("", 60)
    assert (float(angle["angle_deg"]), angle["width_nm"], float(angle["row3_px"])) == (90.0, "", 40.0)


def test_the_exported_profile_is_the_one_that_is_plotted(panel, draw, tmp_path, monkeypatch):
    draw("profile", [(20, 10), (20, 60)])
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "p.csv"), ""))
    panel.save_button.click()

    columns = np.genfromtxt(tmp_path / "p.csv", delimiter=",", names=True)
    assert columns["distance_nm"] == pytest.approx(panel.plot.profile.distance)
    assert columns["intensity"] == pytest.approx(panel.plot.profile.values)


def test_what_was_written_is_said_until_something_else_is_measured(panel, layer, draw, tmp_path, until):
    draw("profile", [(20, 10), (20, 60)])
    before = panel.form.status.text()
    panel.export(tmp_path / "m.csv")
    panel.refresh()
    assert panel.form.status.text() == f"Written to {tmp_path / 'm.csv'}."

    draw("distance", [(10, 10), (40, 50)])
    assert "Written" not in panel.form.status.text()

    panel.export_profile(tmp_path / "p.csv")
    assert "p.csv" in panel.form.status.text()
    layer.data = layer.data[:, ::-1]
    assert panel.form.status.text() == before


def test_lines_on_an_image_of_few_pixels_hide_little_of_it(viewer):
    thin = {
        shape: measurements.line_width(add(viewer, np.zeros(shape)))
        for shape in [(49, 6), (6, 1000), (8, 8), (512, 512), (200, 300)]
    }

    # An image fills the window: of 750 points, so many are the line's.
    assert all(1 <= 750 * width / max(shape) <= 5 for shape, width in thin.items() if shape != (6, 1000))
    assert all(2 * width <= min(shape) / 5 for shape, width in thin.items())


def test_a_profile_of_one_pixel_is_drawn_as_a_line_also_on_a_small_image(panel, draw):
    draw("profile", [(20, 10), (20, 60)])  # the image is 80 pixels wide

    assert panel._shapes.edge_width == [pytest.approx(80 / 250)]
    assert panel._shapes.edge_color[0, 3] == 1


def test_a_folder_that_cannot_be_written_is_said_in_words(panel, draw, tmp_path, monkeypatch):
    draw("distance", [(10, 10), (40, 50)])
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "no" / "m.csv"), ""))
    panel.form.export_button.click()

    assert "does not exist" in panel.form.status.text()


# --- what may happen meanwhile ---


def test_without_an_image_the_tools_say_so(qtbot):
    panel = MeasurePanel(ViewerModel())
    qtbot.addWidget(panel)
    panel.take("profile")

    assert "no image" in panel.form.status.text()
    assert not panel.form.tools["profile"].isEnabled()


def test_in_3d_it_says_why_nothing_can_be_drawn(viewer, panel):
    add(viewer, np.stack([ramp()] * 3), name="movie")
    viewer.dims.ndisplay = 3
    panel.form.tools["distance"].click()
    assert "In 3D" in panel.form.status.text()
    assert not panel.form.tools["distance"].isChecked()

    viewer.dims.ndisplay = 2
    panel.form.tools["distance"].click()
    assert panel.form.tools["distance"].isChecked()


def test_a_deleted_measurement_layer_is_made_anew(viewer, panel, draw):
    draw("profile", [(20, 10), (20, 60)])
    viewer.layers.remove(panel._shapes)
    assert (panel._measured, panel.plot.profile) == ([], None)

    assert draw("distance", [(10, 10), (40, 50)]).length == pytest.approx(1)
    assert panel._shapes in viewer.layers


def test_a_deleted_image_leaves_an_empty_panel(viewer, layer, panel, draw):
    draw("profile", [(20, 10), (20, 60)])
    viewer.layers.remove(layer)

    assert (panel._measured, panel.plot.profile) == ([], None)
    assert "no image" in panel.form.status.text()


def test_new_pixels_give_a_new_profile(layer, panel, draw, until):
    draw("profile", [(20, 10), (20, 60)])
    layer.data = ramp() + 1000

    until(lambda: panel.plot.profile.values[0] == 1010)


def test_a_line_that_left_the_image_is_no_error(panel, draw):
    draw("profile", [(200, 10), (200, 60)])

    assert np.isnan(panel.plot.profile.values).all()
    assert panel.plot.readings.text() == "length 1 nm"


def test_an_image_that_cannot_be_read_is_said_under_the_plot(panel, draw, until, monkeypatch):
    def broken(*_):
        raise OSError("the disk is gone")

    monkeypatch.setattr(measure, "line_profile", broken)
    draw("profile", [(20, 10), (20, 60)])
    until(lambda: "the disk is gone" in panel.plot.readings.text())

    monkeypatch.undo()
    draw("profile", [(30, 10), (30, 60)])
    assert panel.plot.profile.values[0] == 10


def test_the_panel_fits_a_small_screen(panel):
    assert panel.minimumSizeHint().height() <= 600
    assert panel.form.minimumSizeHint().width() <= 320

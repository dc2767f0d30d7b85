from __future__ import annotations

import contextlib
from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QApplication

from napari_atomai.data.image import Image
from napari_atomai.plugin import region
from napari_atomai.plugin.layers import calibrate, image_layer_data, uid_of
from napari_atomai.plugin.panels import fourier
from napari_atomai.plugin.panels.fourier import FourierPanel
from napari_atomai.plugin.panels.fourier_layout import spot_in_words
from napari_atomai.plugin.panels.fourier_view import Picture, _extent, reduced, shades
from napari_atomai.stat.spots import Spot

SIZE = 0.02
WAVES = (Spot(0.0, 0.1), Spot(0.0866, 0.05))
"""A spacing of 0.2 nm along the columns, and the same at 60 degrees below."""


def waves(shape=(128, 160), spots=WAVES):
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    return sum(np.cos(2 * np.pi * (one.row * rows + one.column * columns)) for one in spots)


def add(viewer, pixels, pixel_size=SIZE, name="picture"):
    data, options, _ = image_layer_data(Image.from_array(pixels, pixel_size, name=name))
    return viewer.add_image(data, **options)


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def layer(viewer):
    return add(viewer, waves())


@pytest.fixture
def panel(qtbot, viewer, layer, done):
    panel = FourierPanel(viewer)
    done(panel)
    yield panel
    with contextlib.suppress(RuntimeError):
        done(panel)
        panel.close()
        panel.deleteLater()
    qtbot.wait(1)


@pytest.fixture
def done(until):
    """Wait until a panel shows what it was asked for."""

    def wait(panel):
        until(lambda: not panel._work.busy and not panel._timer.isActive())

    return wait


def at(panel, spot, dx=0.0):
    """Make a mouse event of matplotlib's over a frequency."""
    rows, columns = panel.form.view.picture.per_cycle
    x, y = spot.column * columns + dx, spot.row * rows
    axes = panel.form.view.canvas.axes
    px, py = axes.transData.transform((x, y))
    return SimpleNamespace(inaxes=axes, xdata=x, ydata=y, x=px, y=py, button=1, dblclick=False, step=1)


def click(panel, event):
    panel.form.view._on_press(event)
    panel.form.view._on_release(event)


def rectangle(top, left, bottom, right):
    return np.array([(top, left), (top, right), (bottom, right), (bottom, left)], float)


def drawn_extent(panel):
    left, right, bottom, top = panel.form.view._drawn.get_extent()
    return left, right, top, bottom


# --- what is shown ---


def test_frequencies_are_drawn_where_they_are_in_1_per_nm(panel):
    left, right, top, bottom = drawn_extent(panel)
    shown = np.asarray(panel.form.view._drawn.get_array())
    half = shown.copy()
    half[:, : shown.shape[1] // 2 + 3] = shown.min()
    row, column = np.unravel_index(half.argmax(), half.shape)

    # the middle of the brightest bin, in the coordinates of the axes
    x = left + (column + 0.5) * (right - left) / shown.shape[1]
    y = top + (row + 0.5) * (bottom - top) / shown.shape[0]
    bin_width = 1 / (SIZE * 128)
    assert min(np.hypot(x - s.column / SIZE, y - s.row / SIZE) for s in WAVES) < bin_width
    assert panel.form.view.canvas.axes.get_xlabel() == "1/nm"


def test_the_first_view_holds_the_spots_and_not_much_else(panel):
    low, high = panel.form.view.canvas.axes.get_xlim()

    assert 0.1 / SIZE < high < 0.25 / SIZE
    assert low == -high


@pytest.mark.parametrize("shape", [(64, 80), (65, 81), (2051, 40), (1500, 3000)])
def test_frequency_zero_is_in_the_middle_of_its_bin_for_every_size(shape):
    power = np.zeros(shape)
    power[shape[0] // 2, shape[1] // 2] = 1
    small = reduced(power)
    left, right, bottom, top = _extent(Picture(power, small, (0, 0, *shape), None, 0.5))
    row, column = np.unravel_index(small.argmax(), small.shape)
    width, height = (right - left) / small.shape[1], (bottom - top) / small.shape[0]
    assert left + column * width <= 0 <= left + (column + 1) * width
    assert top + row * height <= 0 <= top + (row + 1) * height
    assert max(small.shape) <= 1024
    if small.shape == shape:
        assert left + (column + 0.5) * width == pytest.approx(0, abs=1e-12)


def test_a_single_bright_bin_survives_being_drawn_smaller():
    power = np.zeros((4096, 2000))
    power[1234, 777] = 5

    assert reduced(power).max() == 5


def test_the_contrast_is_by_percentiles_of_what_is_drawn():
    power = np.geomspace(1, 1e6, 10_000).reshape(100, 100)

    logs, (low, high) = shades(power, log=True, percentiles=(10, 90))
    assert (low, high) == pytest.approx((0.6, 5.4), abs=0.01)
    amplitudes, _ = shades(power, log=False, percentiles=(0, 100))
    assert amplitudes == pytest.approx(np.sqrt(power), rel=1e-5)
    assert np.isfinite(logs).all()
    _, (low, high) = shades(np.zeros((4, 4)), log=True, percentiles=(30, 99))
    assert high > low


def test_the_contrast_boxes_change_the_drawing_and_not_the_zoom(panel):
    view = panel.form.view
    view._on_scroll(at(panel, WAVES[0]))
    limits, before = view.canvas.axes.get_xlim(), view._drawn.get_clim()
    panel.form.low.setValue(80)
    panel.form.log.setChecked(False)

    assert view._drawn.get_clim() != before
    assert view.canvas.axes.get_xlim() == limits


# --- spots ---


def test_the_spacing_under_the_mouse_is_read(panel):
    panel.form.view._on_move(at(panel, WAVES[0]))
    assert panel.form.under_mouse.text() == "d = 2 Å · 1/d = 5 1/nm · 0.0°"

    panel.form.view._on_leave()
    assert "Point at a spot" in panel.form.under_mouse.text()


def test_a_click_beside_a_spot_pins_the_spot_itself(panel):
    click(panel, at(panel, WAVES[0], dx=0.3))
    click(panel, at(panel, WAVES[1], dx=-0.3))

    first, second = panel.spots
    assert first.spacing((SIZE, SIZE)) == pytest.approx(0.2, rel=2e-3)
    assert second.spacing((SIZE, SIZE)) == pytest.approx(0.2, rel=2e-3)
    assert panel.table._columns["to first °"].tolist() == pytest.approx([0, 60], abs=0.1)
    assert panel.table._columns["d Å"].tolist() == pytest.approx([2, 2], rel=2e-3)
    assert len(panel.form.view._marks) == 4  # a circle and a number each


def test_dragging_moves_the_view_and_pins_nothing(panel):
    view, axes = panel.form.view, panel.form.view.canvas.axes
    before = axes.get_xlim()
    start, end = at(panel, Spot(0, 0)), at(panel, WAVES[0])
    view._on_press(start)
    view._on_move(end)
    view._on_release(end)

    assert panel.spots == []
    assert axes.get_xlim()[0] == pytest.approx(before[0] - 5, abs=1e-6)  # what was held goes with the mouse


def test_the_wheel_zooms_about_the_mouse_and_a_double_click_shows_all(panel):
    view, axes = panel.form.view, panel.form.view.canvas.axes
    where = at(panel, WAVES[0])
    before = axes.transData.transform((where.xdata, where.ydata))
    wide = np.ptp(axes.get_xlim())
    view._on_scroll(where)
    assert np.ptp(axes.get_xlim()) == pytest.approx(wide / 1.25)
    assert axes.transData.transform((where.xdata, where.ydata)) == pytest.approx(before)

    where.dblclick = True
    view._on_press(where)
    assert axes.get_xlim() == pytest.approx((-25, 25))


def test_spots_can_be_taken_away_copied_and_written(panel, tmp_path):
    for spot in WAVES:
        click(panel, at(panel, spot))
    panel.form.copy_button.click()
    header, *rows = QApplication.clipboard().text().splitlines()
    assert header.split("\t")[:2] == ["spot", "d nm"]
    assert float(rows[1].split("\t")[1]) == pytest.approx(0.2, rel=2e-3)

    panel.export(tmp_path / "spots.csv")
    columns = np.genfromtxt(tmp_path / "spots.csv", delimiter=",", skip_header=1)
    assert columns[:, 2] == pytest.approx([5, 5], rel=2e-3)
    assert panel.form.status.text() == f"Written to {tmp_path / 'spots.csv'}."

    panel.form.table.selectRow(0)
    panel.form.delete_button.click()
    assert len(panel.spots) == 1
    assert panel.form.status.text() == ""  # the file holds other spots
    panel.form.delete_button.click()
    assert panel.spots == []
    assert not panel.form.copy_button.isEnabled()


def test_spacings_are_said_in_the_unit_people_use():
    assert spot_in_words(Spot(0, 0.1), (0.5, 0.5)).startswith("d = 5 nm · 1/d = 0.2 1/nm")
    assert spot_in_words(Spot(0, 0.1), (0.02, 0.02)).startswith("d = 2 Å · 1/d = 5 1/nm")
    assert spot_in_words(Spot(0, 0.1), None).startswith("d = 10 px · 1/d = 0.1 1/px")
    assert spot_in_words(Spot(0, 0), None) == "centre"


# --- region, movies, calibration ---


def test_a_region_is_transformed_alone_and_follows_the_rectangle(viewer, layer, panel, done):
    half = waves((128, 160), WAVES[:1])
    half[:, 80:] = waves((128, 160), WAVES[1:])[:, 80:]
    layer.data = half
    panel.form.region.setChecked(True)
    done(panel)
    shapes = panel._shapes
    assert viewer.layers.selection.active is shapes
    assert viewer.layers.units is not None

    for columns, own in (((0, 80), WAVES[0]), ((80, 160), WAVES[1])):
        shapes.data = [
            np.array([(0, columns[0]), (0, columns[1]), (128, columns[1]), (128, columns[0])], float)
        ]
        done(panel)
        picture = panel.form.view.picture
        assert picture.box == (0, columns[0], 128, columns[1])
        assert picture.power.shape == (128, 80)
        panel.pin(own)
        assert panel.spots[-1].spacing() == pytest.approx(own.spacing(), rel=5e-3)
    assert "128 × 80 pixels from row 0, column 80" in panel.form.status.text()

    panel.form.region.setChecked(False)
    done(panel)
    assert panel.form.view.picture.power.shape == (128, 160)
    assert not shapes.visible


def test_the_transform_follows_while_the_rectangle_is_dragged(panel, done):
    panel.form.region.setChecked(True)
    done(panel)
    shapes = panel._shapes
    shapes._data_view.shift(0, np.array([5.0, -7.0]))
    shapes.refresh()  # what napari does for each move; its data event comes when the button is released
    done(panel)

    assert panel.form.view.picture.box == (37, 33, 101, 113)


def test_a_region_beyond_the_image_is_cut_and_one_without_pixels_is_refused(panel, done):
    panel.form.region.setChecked(True)
    panel._shapes.data = [rectangle(-50, -50, 60, 60)]
    done(panel)
    assert panel.form.view.picture.box == (0, 0, 60, 60)

    panel._shapes.data = [rectangle(0, 0, 3, 3)]
    done(panel)
    assert "too small" in panel.form.status.text()


def test_a_deleted_region_is_the_whole_image_again(viewer, panel, done):
    panel.form.region.setChecked(True)
    done(panel)
    viewer.layers.remove(panel._shapes)
    done(panel)

    assert not panel.form.region.isChecked()
    assert panel.form.view.picture.power.shape == (128, 160)


def test_the_spectrum_is_that_of_the_frame_on_the_screen(viewer, qtbot, done):
    add(viewer, np.stack([waves(spots=[one]) for one in WAVES]))
    panel = FourierPanel(viewer)
    qtbot.addWidget(panel)
    for step, own in enumerate(WAVES):
        viewer.dims.set_current_step(0, step)
        panel.refresh()
        done(panel)
        power = panel.form.view.picture.power
        row, column = np.unravel_index(power.argmax(), power.shape)
        found = np.array([(row - 64) / 128, (column - 80) / 160])
        found *= np.sign(found[1])
        assert found == pytest.approx([own.row, own.column], abs=0.005)


def test_spots_keep_their_place_when_the_image_is_calibrated_anew(layer, panel, done):
    click(panel, at(panel, WAVES[0]))
    calibrate(layer, 0.5)
    done(panel)
    assert panel.table._columns["d nm"].tolist() == pytest.approx([5], rel=2e-3)

    calibrate(layer, 0)
    done(panel)
    assert panel.table._columns["d px"].tolist() == pytest.approx([10], rel=2e-3)
    assert panel.form.view.canvas.axes.get_xlabel() == "1/px"
    assert "no pixel size" in panel.form.status.text()


def test_pixels_that_are_not_square_give_right_spacings_and_angles(viewer, qtbot, done):
    add(viewer, waves(spots=[Spot(0.1, 0.0), Spot(0.0, 0.1)]), (0.01, 0.03), name="flat")
    panel = FourierPanel(viewer)
    qtbot.addWidget(panel)
    done(panel)
    panel.pin(Spot(0.1, 0.0))
    panel.pin(Spot(0.0, 0.1))

    assert panel.table._columns["d Å"].tolist() == pytest.approx([1, 3], rel=3e-3)
    assert panel.table._columns["to first °"].tolist() == pytest.approx([0, 90], abs=0.2)


# --- what may happen meanwhile ---


def test_an_image_removed_while_it_is_transformed_leaves_an_empty_panel(viewer, layer, panel, done):
    layer.data = waves()[::-1]
    viewer.layers.remove(layer)
    done(panel)

    assert panel.form.view.picture is None
    assert "no image" in panel.form.status.text()


def test_a_transform_of_the_image_before_is_not_shown_for_this_one(viewer, layer, panel, done):
    other = add(viewer, waves((64, 64)), name="other")
    layer.data = waves()[::-1]
    panel.refresh()
    panel.form.picker.choose(uid_of(other))
    done(panel)

    assert panel.form.view.picture.power.shape == (64, 64)


def test_missing_pixels_do_no_harm_and_an_image_of_nothing_else_is_said(layer, panel, done):
    holes = waves()
    holes[60:64, 70:75] = np.nan
    layer.data = holes
    done(panel)
    panel.pin(WAVES[0])
    assert panel.spots[0].spacing() == pytest.approx(10, rel=2e-3)

    layer.data = np.full((128, 160), np.nan)
    done(panel)
    assert "no pixel here that is a number" in panel.form.status.text()


def test_of_an_image_too_large_the_middle_is_transformed_and_it_says_so(
    monkeypatch, viewer, qtbot, done, layer
):
    monkeypatch.setattr(fourier, "_MOST", 100)
    panel = FourierPanel(viewer)
    qtbot.addWidget(panel)
    done(panel)

    assert panel.form.view.picture.box == (14, 30, 114, 130)
    assert "Of 100 × 100 pixels from row 14, column 30" in panel.form.status.text()


def test_a_colour_picture_is_transformed_in_grey(viewer, qtbot, done):
    grey = np.uint8(127 + 50 * waves((64, 64)) / 2)
    viewer.add_image(np.stack([grey] * 3, axis=-1), rgb=True, name="colours")
    panel = FourierPanel(viewer)
    qtbot.addWidget(panel)
    done(panel)

    assert panel.form.view.picture.power.shape == (64, 64)
    panel.pin(WAVES[0])
    assert panel.spots[0].spacing() == pytest.approx(10, rel=0.01)


def test_without_an_image_the_panel_says_so(qtbot):
    panel = FourierPanel(ViewerModel())
    qtbot.addWidget(panel)

    assert "no image" in panel.form.status.text()
    assert not panel.form.region.isEnabled()
    panel.pin(Spot(0, 0.1))
    assert panel.spots == []


def test_the_region_of_an_image_is_found_again_by_another_panel(viewer, panel, done, qtbot):
    panel.form.region.setChecked(True)
    done(panel)
    again = FourierPanel(viewer)
    qtbot.addWidget(again)
    done(again)

    assert again.form.region.isChecked()
    assert again._shapes is panel._shapes
    assert [one.name for one in viewer.layers].count("picture: FFT region") == 1
    assert region.box_of(again._shapes, again.form.picker.layer()) == (32, 40, 96, 120)


def test_the_panel_fits_a_small_screen(panel):
    assert panel.minimumSizeHint().height() <= 600
    assert panel.form.minimumSizeHint().width() <= 320

"""The Spectrum panel: what is plotted is what the pixels say, and it follows the viewer."""

from __future__ import annotations

import contextlib
import csv
import threading
from types import SimpleNamespace

import dask.array as da
import numpy as np
import pytest
from matplotlib.image import imread
from napari.components import ViewerModel

from napari_atomai.data.image import Axis, Image
from napari_atomai.data.spectrum import Spectrum
from napari_atomai.plugin.layers import image_layer_data, image_of
from napari_atomai.plugin.panels.spectrum import SpectrumPanel
from napari_atomai.plugin.panels.spectrum_live import PIXEL, REGION, WHOLE

ENERGY = Axis("E", 2.0, 100.0, "eV")


def cube(shape=(9, 6, 8)):
    return np.random.default_rng(2).random(shape) * 100


def add(viewer, pixels, axis=ENERGY, name="map"):
    axes = (axis, Axis("y", 0.5, unit="nm"), Axis("x", 0.5, unit="nm"))
    image = Image(pixels, axes, name=name, quantity="counts")
    data, options, _ = image_layer_data(image)
    return viewer.add_image(data, **options)


def single(values, axis=ENERGY, name="one", **more):
    return Spectrum(np.asarray(values, float), (axis,), name=name, **more)


def line_scan(values):
    return Spectrum(values, (Axis("x", 0.25, 1.0, "nm"), ENERGY), name="scan", quantity="counts")


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def panel(qtbot, viewer):
    panel = SpectrumPanel(viewer)
    yield panel
    with contextlib.suppress(RuntimeError):
        panel.live.stop()
        panel.close()
        panel.deleteLater()
    qtbot.wait(1)


@pytest.fixture
def done(until):
    """Wait until a panel shows what it was asked for."""

    def wait(panel):
        until(lambda: not panel.live.busy)

    return wait


def plotted(panel):
    return [line.get_ydata() for line in panel.form.plot.canvas.axes.lines if len(line.get_xdata()) > 2]


def mouse(panel, energy, *, button=1, step=0.0, dblclick=False, upper=False, y=0.0):
    """Make a mouse event of matplotlib's over an energy."""
    axes = panel.form.plot.canvas.upper if upper else panel.form.plot.canvas.axes
    px, _ = axes.transData.transform((energy, 0.0))
    return SimpleNamespace(
        inaxes=axes, xdata=energy, ydata=y, x=px, y=0.0, button=button, step=step, dblclick=dblclick
    )


def tick(panel, row, on=True):
    from qtpy.QtCore import Qt

    panel.form.list.item(row).setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)


def test_a_spectrum_is_plotted_over_its_energies(panel):
    panel.show_spectrum(single([1, 5, 2], quantity="counts", value_unit="e"))
    axes = panel.form.plot.canvas.axes
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), [100, 102, 104])
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [1, 5, 2])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("energy (eV)", "counts (e)")


def test_a_spectrum_shown_again_is_not_listed_twice(panel):
    spectrum = single([1, 5, 2])
    panel.show_spectrum(spectrum)
    panel.show_spectrum(single([3, 3, 3], name="two"))
    panel.show_spectrum(spectrum)
    assert [one.shown for one in panel.entries] == [True, False]
    np.testing.assert_array_equal(plotted(panel), [[1, 5, 2]])


def test_ticked_spectra_lie_over_each_other_and_can_be_normalised(panel):
    panel.show_spectrum(single([1, 5, 2]))
    panel.show_spectrum(single([30, -60, np.nan], name="two"))
    tick(panel, 0)
    assert len(plotted(panel)) == 2
    panel.form.normalise.setChecked(True)
    np.testing.assert_allclose(plotted(panel), [[0.2, 1, 0.4], [0.5, -1, np.nan]])
    assert panel.form.plot.canvas.axes.get_ylabel() == "relative"


def test_energies_in_kev_are_brought_to_the_unit_of_the_chosen_spectrum(panel):
    panel.show_spectrum(single([1, 2, 3], Axis("E", 0.001, 0.1, "keV"), "in keV"))
    panel.show_spectrum(single([1, 2, 4]))
    tick(panel, 0)
    axes = panel.form.plot.canvas.axes
    np.testing.assert_allclose(axes.lines[0].get_xdata(), [100, 101, 102])


def test_spectra_over_something_else_are_left_out_and_that_is_said(panel):
    panel.show_spectrum(single([1, 2, 3], Axis("bias", 0.1, -1.0, "V"), "over volts"))
    panel.show_spectrum(single([1, 2, 4]))
    tick(panel, 0)
    np.testing.assert_array_equal(plotted(panel), [[1, 2, 4]])
    assert panel.form.status.text() == (
        "The axis is in eV; 'over volts' is in V and is not plotted: choose it in the list to see it."
    )


def test_a_newly_opened_image_is_plotted_although_a_kept_spectrum_has_another_unit(panel, viewer, done):
    panel.show_spectrum(single([1, 2, 3], Axis("x", 0.5, unit="nm"), "kept scan"))
    assert panel.form.plot.canvas.axes.get_xlabel().endswith("(nm)")

    layer = add(viewer, cube())
    done(panel)

    assert panel.form.plot.canvas.axes.get_xlabel() == "energy (eV)"
    np.testing.assert_allclose(plotted(panel), [layer.data.mean(axis=(1, 2))])
    assert panel.form.status.text() == (
        "The axis is in eV; 'kept scan' is in nm and is not plotted: choose it in the list to see it."
    )
    panel.form.list.setCurrentRow(1)
    np.testing.assert_array_equal(plotted(panel), [[1, 2, 3]])
    assert "is in eV and is not plotted" in panel.form.status.text()


def test_a_newly_opened_image_of_the_same_unit_lies_beside_what_was_kept(panel, viewer, done):
    panel.show_spectrum(single([1, 2, 3]))
    add(viewer, cube())
    done(panel)

    assert len(plotted(panel)) == 2
    assert panel.form.list.currentRow() == 1  # what was chosen stays so
    assert panel.form.status.text() == ""


def test_log_leaves_out_what_is_not_positive(panel):
    panel.show_spectrum(single([0, 1, 100]))
    panel.form.log.setChecked(True)
    axes = panel.form.plot.canvas.axes
    assert axes.get_yscale() == "log"
    assert 0 < axes.get_ylim()[0] < 1 < 100 < axes.get_ylim()[1]


def test_log_of_nothing_positive_stays_linear_and_that_is_said(panel):
    panel.show_spectrum(single([-3, 0, -1]))
    panel.form.log.setChecked(True)
    assert panel.form.plot.canvas.axes.get_yscale() == "linear"
    assert "No value is positive" in panel.form.status.text()


@pytest.mark.parametrize("values", [[np.nan, np.nan, np.nan], [7.0], [2, 2, 2], [1, np.inf, 3]])
@pytest.mark.parametrize("log", [False, True])
def test_odd_spectra_are_plotted(panel, values, log):
    panel.form.log.setChecked(log)
    panel.form.normalise.setChecked(log)
    panel.show_spectrum(single(values))
    panel.form.plot.canvas.figure.canvas.draw()
    low, high = panel.form.plot.canvas.axes.get_ylim()
    assert np.isfinite([low, high]).all()
    assert low < high
    assert ("no value" in panel.form.status.text()) == np.isnan(values).all()


def test_energies_that_run_downwards_are_drawn_from_low_to_high(panel):
    panel.show_spectrum(single([1, 5, 2], Axis("E", -2.0, 100.0, "eV")))
    assert panel.form.plot.canvas.axes.get_xlim() == (96, 100)
    panel.form.plot._on_wheel(mouse(panel, 98, step=1))
    panel.form.plot.canvas.figure.canvas.draw()


def test_a_line_scan_has_a_map_and_a_slider(panel):
    values = cube((4, 9, 1))[..., 0]
    panel.show_spectrum(line_scan(values))
    panel.form.slider.setValue(2)
    np.testing.assert_array_equal(plotted(panel), [values[2]])
    assert panel.form.position.text() == "1.5 nm"
    np.testing.assert_array_equal(panel.form.plot.canvas.upper.images[0].get_array(), values)
    panel.form.plot._on_press(mouse(panel, 104, upper=True, y=1.74))
    assert panel.form.point.value() == 3
    np.testing.assert_array_equal(plotted(panel), [values[3]])


def test_a_kept_point_of_a_line_scan_stays(panel):
    values = cube((4, 9, 1))[..., 0]
    panel.show_spectrum(line_scan(values))
    panel.form.point.setValue(1)
    panel.form.keep_button.click()
    kept = panel.entries[-1].spectrum
    np.testing.assert_array_equal(kept.values, values[1])
    assert kept.name == "scan: point 1 (1.25 nm)"


def test_a_lazy_line_scan_is_plotted_without_a_map(panel):
    values = cube((4, 9, 1))[..., 0]
    panel.show_spectrum(line_scan(da.from_array(values, chunks=(1, 9))))
    assert panel.form.plot.canvas.upper is None
    np.testing.assert_array_equal(plotted(panel), [values[0]])


def test_a_removed_spectrum_is_gone(panel):
    panel.show_spectrum(single([1, 5, 2]))
    panel.form.remove_button.click()
    assert panel.entries == []
    assert plotted(panel) == []
    assert not panel.form.export_button.isEnabled()


def test_the_mean_of_a_spectrum_image_is_plotted(panel, viewer, done):
    pixels = cube()
    add(viewer, pixels)
    done(panel)
    np.testing.assert_allclose(plotted(panel)[0], pixels.mean(axis=(1, 2)))
    assert panel.form.plot.canvas.axes.get_ylabel() == "counts"


def test_movies_and_pictures_are_not_offered(panel, viewer):
    viewer.add_image(np.ones((3, 8, 8)), name="movie")
    assert panel.form.picker.count() == 0
    assert "No spectrum yet" in panel.form.status.text()


def test_a_pixel_is_plotted_from_lazy_data(panel, viewer, done):
    pixels = cube()
    add(viewer, da.from_array(pixels, chunks=(3, 2, 8)))
    panel.form.mode.setCurrentText(PIXEL)
    panel.form.row.setValue(5)
    panel.form.column.setValue(1)
    done(panel)
    np.testing.assert_array_equal(plotted(panel)[0], pixels[:, 5, 1])


def test_shift_and_the_mouse_pick_the_pixel(panel, viewer, done):
    pixels = cube()
    layer = add(viewer, pixels)
    panel.form.mode.setCurrentText(PIXEL)
    position = layer.data_to_world((0, 4, 6))
    for modifiers in ((), ("Shift",)):
        for callback in viewer.mouse_move_callbacks:
            callback(viewer, SimpleNamespace(modifiers=modifiers, position=position))
        done(panel)
        picked = (4, 6) if modifiers else (3, 4)
        assert (panel.form.row.value(), panel.form.column.value()) == picked
    np.testing.assert_array_equal(plotted(panel)[0], pixels[:, 4, 6])


def test_a_region_is_plotted_and_follows_its_rectangle(panel, viewer, done):
    pixels = cube()
    layer = add(viewer, pixels)
    panel.form.mode.setCurrentText(REGION)
    done(panel)
    shapes = panel.live.shapes
    assert shapes in viewer.layers
    shapes.data = [np.array([[1, 2], [1, 5], [3, 5], [3, 2]], float)]
    done(panel)
    np.testing.assert_allclose(plotted(panel)[0], pixels[:, 1:3, 2:5].mean(axis=(1, 2)))
    panel.form.mode.setCurrentText(WHOLE)
    done(panel)
    assert not shapes.visible
    assert layer in viewer.layers
    np.testing.assert_allclose(plotted(panel)[0], pixels.mean(axis=(1, 2)))


def test_a_region_that_is_deleted_gives_way_to_the_whole(panel, viewer, done):
    pixels = cube()
    add(viewer, pixels)
    panel.form.mode.setCurrentText(REGION)
    done(panel)
    viewer.layers.remove(panel.live.shapes)
    done(panel)
    assert panel.form.mode.currentText() == WHOLE
    np.testing.assert_allclose(plotted(panel)[0], pixels.mean(axis=(1, 2)))


def test_the_marker_is_where_the_slider_is_and_moves_it(panel, viewer, done):
    add(viewer, cube())
    done(panel)
    viewer.dims.set_current_step(0, 3)
    assert panel.form.plot.marker == 106
    plot = panel.form.plot
    plot._on_press(mouse(panel, 112.4))
    assert viewer.dims.current_step[0] == 6
    assert plot.marker == 112
    plot._on_move(mouse(panel, 101.2))
    assert viewer.dims.current_step[0] == 1
    plot._on_release(mouse(panel, 101.2))
    plot._on_move(mouse(panel, 116))
    assert viewer.dims.current_step[0] == 1


def test_an_axis_that_runs_downwards_keeps_its_energies_in_a_layer(panel, viewer, done):
    pixels = cube()
    layer = add(viewer, pixels, Axis("E", -2.0, 100.0, "eV"))
    assert image_of(layer).axes[0] == Axis("E", -2.0, 100.0, "eV")
    done(panel)
    panel.live.go_to(96.0)
    assert viewer.dims.current_step[0] == 2
    assert panel.form.plot.marker == 96
    np.testing.assert_allclose(panel.entries[0].spectrum.energy, 100 - 2.0 * np.arange(9))


def test_new_pixels_are_taken_again(panel, viewer, done):
    layer = add(viewer, cube())
    done(panel)
    layer.data = np.full((9, 6, 8), 3.0)
    done(panel)
    np.testing.assert_array_equal(plotted(panel)[0], np.full(9, 3.0))


def test_a_deleted_layer_takes_its_spectrum_away_and_what_was_kept_stays(panel, viewer, done):
    pixels = cube()
    layer = add(viewer, pixels)
    done(panel)
    panel.form.keep_button.click()
    viewer.layers.remove(layer)
    assert [one.live for one in panel.entries] == [False]
    np.testing.assert_allclose(panel.entries[0].spectrum.values, pixels.mean(axis=(1, 2)))
    assert panel.form.plot.marker is None


class Slow:
    """Pixels that are read one row at a time; once armed, only while the gate is open."""

    def __init__(self, shape=(4, 40, 2)):
        self.shape, self.ndim, self.dtype = shape, 3, np.dtype(float)
        self.gate, self.read, self.started = threading.Event(), 0, threading.Event()
        self.armed = False  # napari reads a frame when the layer comes

    def __getitem__(self, key):
        out = np.ones(self.shape)[key]
        if self.armed:
            self.started.set()
            self.gate.wait(5)
            self.read += 1
        return out

    def lazily(self):
        return da.from_array(self, chunks=(-1, 1, -1), meta=np.empty((0, 0, 0)))


@pytest.fixture
def slow():
    slow = Slow()
    yield slow
    slow.gate.set()


@pytest.mark.parametrize("end", ["delete the layer", "stop", "close the panel"])
def test_reading_ends_when_nobody_waits_for_it(panel, viewer, slow, until, end):
    layer = add(viewer, slow.lazily())
    slow.armed = True
    until(slow.started.is_set)
    if end == "delete the layer":
        viewer.layers.remove(layer)
    elif end == "stop":
        panel.form.stop_button.click()
        assert "Stopped" in panel.form.status.text()
    else:
        panel.close()
        panel.deleteLater()
        until(lambda: not viewer.mouse_move_callbacks)
    slow.gate.set()
    from superqt.utils import WorkerBase

    WorkerBase.await_workers(5000)
    assert slow.read < 10


def test_what_was_stopped_can_be_started_again(panel, viewer, slow, until, done):
    add(viewer, slow.lazily())
    slow.armed = True
    until(slow.started.is_set)
    panel.form.stop_button.click()
    slow.gate.set()
    panel.form.picker.activated.emit(0)
    done(panel)
    np.testing.assert_array_equal(plotted(panel)[0], np.ones(4))


def test_a_plot_that_is_deleted_is_not_drawn(qtbot, capsys, caplog):
    from napari_atomai.plugin.plots import PlotCanvas

    canvas = PlotCanvas()
    canvas.resize(200, 200)
    canvas.redraw()
    canvas.deleteLater()
    qtbot.wait(20)
    assert "deleted" not in capsys.readouterr().err + caplog.text


def test_the_newest_request_wins(panel, viewer, slow, until, done):
    add(viewer, slow.lazily())
    slow.armed = True
    until(slow.started.is_set)
    panel.form.mode.setCurrentText(PIXEL)
    panel.form.row.setValue(7)
    until(lambda: not panel.live._soon.isActive())
    slow.gate.set()
    done(panel)
    assert [one.spectrum.name for one in panel.entries] == ["map: pixel 7, 1"]
    assert slow.read < 10


def test_pixels_that_cannot_be_read_are_worded(panel, viewer, until):
    there = [True]

    def read(block):
        if not there[0]:
            raise OSError("the disk is gone")
        return block

    add(viewer, da.ones((4, 6, 6), chunks=(-1, 2, -1)).map_blocks(read, dtype=float))
    there[0] = False
    until(lambda: "the disk is gone" in panel.form.status.text())
    assert panel.entries == []


def test_the_wheel_zooms_about_the_mouse_and_a_double_click_shows_all(panel):
    panel.show_spectrum(single(np.arange(101.0)))
    plot = panel.form.plot
    plot._on_wheel(mouse(panel, 150, step=1))
    low, high = plot.canvas.axes.get_xlim()
    assert (high - low) == pytest.approx(200 / 1.25)
    assert (150 - low) / (high - low) == pytest.approx(0.25)
    assert plot.canvas.axes.get_ylim()[1] < 95
    plot._on_press(mouse(panel, 150, dblclick=True))
    assert plot.canvas.axes.get_xlim() == (100, 300)


def test_the_right_button_moves_a_zoomed_plot(panel):
    panel.show_spectrum(single(np.arange(101.0)))
    plot = panel.form.plot
    for _ in range(3):
        plot._on_wheel(mouse(panel, 200, step=1))
    low, high = plot.limits()
    plot._on_press(mouse(panel, 200, button=3))
    plot._on_move(mouse(panel, 190, button=3))
    assert plot.limits() == pytest.approx((low + 10, high + 10))
    plot._on_release(mouse(panel, 190))


def test_a_zoom_stays_while_the_energies_do(panel):
    values = np.tile(np.arange(101.0), (3, 1))
    panel.show_spectrum(line_scan(values))
    panel.form.plot._on_wheel(mouse(panel, 150, step=1))
    zoomed = panel.form.plot.limits()
    panel.form.point.setValue(1)
    assert panel.form.plot.limits() == zoomed
    panel.show_spectrum(single([1, 2, 3]))
    assert panel.form.plot.limits() == (100, 104)


def test_the_value_under_the_mouse_is_said(panel):
    panel.show_spectrum(single([1.5, 5.25, 2]))
    panel.form.plot._on_move(mouse(panel, 102.3))
    assert panel.form.plot.under_mouse.text() == "102.3 eV: 5.25"
    panel.form.plot._on_leave()
    assert panel.form.plot.under_mouse.text().strip() == ""


def test_what_is_plotted_is_exported_as_a_table(panel, tmp_path):
    panel.show_spectrum(single([1, 5, 2], quantity="counts"))
    panel.show_spectrum(single([4, np.nan], Axis("E", 1.0, 0.0, "eV"), "two"))
    tick(panel, 0)
    panel.export(tmp_path / "spectra.csv")
    with (tmp_path / "spectra.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["energy eV", "one (counts)", "energy eV 2", "two (value)"]
    assert rows[1:] == [
        ["100.0", "1.0", "0.0", "4.0"],
        ["102.0", "5.0", "1.0", ""],
        ["104.0", "2.0", "", ""],
    ]


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_the_figure_is_saved_black_on_white_and_the_theme_is_unharmed(panel, tmp_path, suffix):
    panel.show_spectrum(line_scan(cube((4, 9, 1))[..., 0]))
    canvas = panel.form.plot.canvas
    before = canvas.figure.get_facecolor(), canvas.axes.xaxis.label.get_color(), canvas.figure.dpi
    panel.export(tmp_path / f"figure{suffix}")
    assert (tmp_path / f"figure{suffix}").stat().st_size > 1000
    after = canvas.figure.get_facecolor(), canvas.axes.xaxis.label.get_color(), canvas.figure.dpi
    assert after == before
    if suffix == ".png":
        picture = imread(tmp_path / "figure.png")[..., :3]
        np.testing.assert_array_equal(picture[0, 0], 1.0)
        labels = picture[: picture.shape[0] // 3, : picture.shape[1] // 12]
        assert labels.min() < 0.1


def test_what_was_written_is_said_until_something_else_is_plotted(panel, tmp_path):
    panel.show_spectrum(single([1, 2, 3]))
    panel.show_spectrum(single([1, 2, 4], name="two"))
    panel.export(tmp_path / "a.csv")
    assert panel.form.status.text() == f"Written to {tmp_path / 'a.csv'}."

    tick(panel, 0)

    assert panel.form.status.text() == ""


def test_a_folder_that_is_not_there_is_worded(panel, monkeypatch, tmp_path):
    panel.show_spectrum(single([1, 5, 2]))
    path = str(tmp_path / "missing" / "a.csv")
    monkeypatch.setattr(
        "napari_atomai.plugin.panels.spectrum.QFileDialog.getSaveFileName", lambda *_: (path, "")
    )
    panel.form.export_button.click()
    assert "missing" in panel.form.status.text()


def test_it_fits_a_small_screen(panel, viewer, done):
    add(viewer, cube())
    panel.form.mode.setCurrentText(PIXEL)
    done(panel)
    panel.show_spectrum(line_scan(cube((4, 9, 1))[..., 0]))
    hint = panel.form.minimumSizeHint()
    assert hint.width() <= 320
    assert hint.height() <= 600


def test_real_line_scans_are_plotted(panel, shared_data):
    from napari_atomai.files.reading import read_all

    (scan,) = read_all(shared_data / "eels_LSMO_linescan.hdf5")
    panel.show_spectrum(scan)
    panel.form.point.setValue(20)
    np.testing.assert_array_equal(plotted(panel)[0], np.asarray(scan.values)[20])
    assert panel.form.plot.drawing.unit == "eV"


def test_a_real_window_is_closed_while_spectra_are_read(in_child):
    code = """
import numpy as np, time, napari, dask.array as da
from qtpy.QtWidgets import QApplication
from napari_atomai.data.image import Axis, Image
from napari_atomai.plugin.layers import image_layer_data
from napari_atomai.plugin.panels.spectrum import SpectrumPanel

def slow(block):
    time.sleep(0.05)
    return block

viewer = napari.Viewer()
pixels = da.ones((4, 200, 4), chunks=(-1, 1, -1)).map_blocks(slow, dtype=float)
axes = (Axis("E", 1.0, unit="eV"), Axis("y", 0.5, unit="nm"), Axis("x", 0.5, unit="nm"))
data, options, kind = image_layer_data(Image(pixels, axes))
panel = SpectrumPanel(viewer)
viewer.window.add_dock_widget(panel)
viewer.add_image(data, **{**options, "contrast_limits": (0, 1)})
end = time.monotonic() + 1.0
while time.monotonic() < end:
    QApplication.processEvents()
assert panel.live.busy
start = time.monotonic()
viewer.close()
for _ in range(50):
    QApplication.processEvents()
from superqt.utils import WorkerBase
WorkerBase.await_workers(8000)
assert time.monotonic() - start < 6, "it went on reading"
print("closed")
"""
    outcome = in_child(code)
    assert outcome.returncode == 0, outcome.stderr[-2000:]
    assert "closed" in outcome.stdout

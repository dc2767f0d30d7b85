"""The Measure and FFT panels in a real window, worked with the mouse. Each viewer costs seconds."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_atomai.data.image import Image
from napari_atomai.plugin.layers import calibrate, image_layer_data
from napari_atomai.plugin.panels.fourier import FourierPanel
from napari_atomai.plugin.panels.measure import MeasurePanel
from napari_atomai.stat.profiles import period
from napari_atomai.stat.spots import Spot

SIZE = 0.02


class Mouse:
    """Works on the canvas of a viewer at rows and columns of a layer."""

    def __init__(self, viewer, layer, qtbot):
        self.viewer, self.layer, self.qtbot = viewer, layer, qtbot
        self.canvas = viewer.window._qt_viewer.canvas.native

    def place(self, row, column):
        camera = self.viewer.scene.camera
        away = (self.layer.data_to_world((row, column)) - np.array(camera.center)[-2:]) * camera.zoom
        return QPoint(round(self.canvas.width() / 2 + away[1]), round(self.canvas.height() / 2 + away[0]))

    def move(self, row, column):
        QTest.mouseMove(self.canvas, self.place(row, column))
        self.qtbot.wait(30)

    def press(self, row, column):
        self.move(row, column)
        QTest.mousePress(self.canvas, Qt.MouseButton.LeftButton, pos=self.place(row, column))
        self.qtbot.wait(30)

    def release(self, row, column):
        QTest.mouseRelease(self.canvas, Qt.MouseButton.LeftButton, pos=self.place(row, column))
        self.qtbot.wait(30)


@pytest.fixture
def window(make_napari_viewer, qtbot):
    """Open a viewer with fringes of a known period; return it, its layer and a mouse."""
    rows, columns = np.mgrid[0:128, 0:128]
    pixels = np.cos(2 * np.pi * (0.1 * columns + 0.02 * rows))
    data, options, _ = image_layer_data(Image.from_array(pixels, SIZE, name="waves"))
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1300, 900)
    layer = viewer.add_image(data, **options)

    def docked(panel, name):
        viewer.window.add_dock_widget(panel, name=name, area="right")
        qtbot.wait(200)
        viewer.reset_view()
        return Mouse(viewer, layer, qtbot)

    return viewer, layer, docked


def test_lines_and_angles_are_drawn_with_the_mouse(window, qtbot, until):
    viewer, layer, docked = window
    panel = MeasurePanel(viewer)
    mouse = docked(panel, "Measure")

    panel.form.tools["profile"].click()
    mouse.press(30, 20)
    lengths = []
    for column in (50, 80, 110):
        mouse.move(30, column)
        expected = pytest.approx((column - 20) * SIZE, abs=SIZE)
        # The press itself leaves a line of no length, which may be measured first.
        until(lambda expected=expected: panel._measured and panel._measured[0].length == expected)
        lengths.append(panel._measured[0].length)
    mouse.release(30, 110)
    until(lambda: panel.plot.profile is not None and panel.plot.profile.length == lengths[-1])
    assert period(panel.plot.profile) == pytest.approx(10 * SIZE, rel=0.01)

    panel.form.tools["angle"].click()
    for place in ((60, 40), (90, 40), (90, 70)):
        mouse.press(*place)
        mouse.release(*place)
        mouse.move(place[0] + 1, place[1] + 1)
        qtbot.wait(600)  # two clicks sooner than that are a double click
    until(lambda: panel._tool == "" and len(panel._measured) == 2)
    assert panel._measured[1].kind == "angle"
    assert panel._measured[1].degrees == pytest.approx(90, abs=2)

    calibrate(layer, 2 * SIZE)
    until(lambda: panel._measured[0].length == pytest.approx(2 * lengths[-1]))
    assert viewer.layers.units is not None


def test_the_region_of_the_transform_is_dragged_with_the_mouse(window, until):
    viewer, _, docked = window
    panel = FourierPanel(viewer)
    mouse = docked(panel, "FFT")

    panel.form.region.setChecked(True)
    mouse.press(64, 64)
    mouse.move(70, 80)
    mouse.move(74, 84)
    until(lambda: panel.form.view.picture is not None and panel.form.view.picture.box[1] > 40)
    mouse.release(74, 84)
    until(lambda: not panel._work.busy and not panel._timer.isActive())

    assert panel.form.view.picture.box == pytest.approx((42, 52, 106, 116), abs=1)
    panel.pin(Spot(0.02, 0.1))
    assert panel.spots[0].spacing((SIZE, SIZE)) == pytest.approx(SIZE / np.hypot(0.1, 0.02), rel=0.02)
    assert viewer.layers.units is not None


_CLOSED = """
import time
import numpy as np
import napari
from qtpy.QtCore import QTimer
from napari_atomai.plugin.panels import measure
from napari_atomai.plugin.panels.fourier import FourierPanel
from napari_atomai.stat import profiles

def slow(*arguments):
    time.sleep(1.5)
    return profiles.line_profile(*arguments)

measure.line_profile = slow
viewer = napari.Viewer(show=True)
viewer.add_image(np.random.default_rng(1).normal(size=(64, 64)), scale=(0.1, 0.1), units=("nm", "nm"))
panel = measure.MeasurePanel(viewer)
viewer.window.add_dock_widget(panel, name="Measure", area="right")
viewer.window.add_dock_widget(FourierPanel(viewer), name="FFT", area="right")
panel.take("profile")
panel._shapes.add(np.array([(5.0, 5.0), (50.0, 50.0)]), shape_type="line")
panel.refresh()
assert panel._work.busy
QTimer.singleShot(300, lambda: viewer.close())
napari.run()
print("ended well")
"""


@pytest.mark.timeout(120)
def test_a_viewer_closed_while_a_profile_is_measured_ends_well(in_child):
    done = in_child(textwrap.dedent(_CLOSED))

    assert done.returncode == 0, done.stderr
    assert "ended well" in done.stdout
    for bad in ("QThread", "Traceback", "deleted", "RuntimeError"):
        assert bad not in done.stderr, done.stderr

"""What only a real window can show. Each viewer costs seconds: keep these few."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest

from napari_atomai.data.image import Axis, Image
from napari_atomai.plugin import results
from napari_atomai.plugin.layers import calibrate, find_layer, image_layer_data, uid_of
from napari_atomai.plugin.panels.atoms import AtomsPanel
from napari_atomai.plugin.session import session_of


@pytest.fixture
def draw(qtbot):
    """Let the window draw until nothing is left to do."""

    def wait():
        qtbot.wait(150)

    return wait


def scale_bar_text(viewer):
    """Return what is written beside the scale bar, as it is on the canvas."""
    canvas = viewer.window._qt_viewer.canvas
    (bar,) = canvas._viewer_overlay_to_visual[viewer.canvas.overlays.scale_bar]
    return bar.node.text.text


def add(viewer, image):
    data, options, _ = image_layer_data(image)
    return viewer.add_image(data, **options)


def test_the_scale_bar_is_right_in_nm_on_every_combination_of_layers(
    make_napari_viewer, picture, find_result, draw
):
    viewer = make_napari_viewer(show=True)
    viewer.canvas.overlays.scale_bar.visible = True
    image = Image.from_array(picture[0], 0.02, name="in nm")
    layer = add(viewer, image)
    draw()
    expected = scale_bar_text(viewer)
    assert expected.endswith((" nm", " pm"))

    def same():
        draw()
        return scale_bar_text(viewer) == expected and viewer.layers.units is not None

    results.show(viewer.layers, find_result(image, picture[1]), layer)
    assert same()
    for role in results.ROLES:
        find_layer(viewer.layers, role, uid_of(layer)).visible = True
    assert same()
    layer.visible = False
    assert same()
    results.show(viewer.layers, find_result(image, picture[1][:3]).at(0.05), layer)
    assert same()
    zoom = viewer.scene.camera.zoom
    angstrom = (Axis("y", 0.2, unit="Å"), Axis("x", 0.2, unit="Å"))
    add(viewer, Image(picture[0], angstrom, name="in angstrom"))
    viewer.scene.camera.zoom = zoom
    assert same()
    film = Image.from_array(np.stack([picture[0]] * 3), 0.02, name="film")
    second = add(viewer, film)
    results.show(viewer.layers, find_result(film, picture[1]), second)
    viewer.scene.camera.zoom = zoom
    assert same()
    viewer.layers.remove(layer)
    viewer.scene.camera.zoom = zoom
    assert same()


def test_the_bar_is_as_long_as_it_says(make_napari_viewer, picture, draw):
    viewer = make_napari_viewer(show=True)
    viewer.canvas.overlays.scale_bar.visible = True
    add(viewer, Image.from_array(picture[0], 0.02))
    draw()
    canvas = viewer.window._qt_viewer.canvas
    (bar,) = canvas._viewer_overlay_to_visual[viewer.canvas.overlays.scale_bar]

    number, unit = scale_bar_text(viewer).split()
    length_nm = float(number) * {"nm": 1.0, "pm": 1e-3}[unit]

    assert bar._current_length == pytest.approx(length_nm * viewer.scene.camera.zoom, rel=0.02)


def test_an_uncalibrated_image_has_no_nm_until_it_is_calibrated(
    make_napari_viewer, picture, find_result, draw
):
    viewer = make_napari_viewer(show=True)
    viewer.canvas.overlays.scale_bar.visible = True
    image = Image.from_array(picture[0])
    layer = add(viewer, image)
    session = session_of(viewer)
    results.show(viewer.layers, find_result(image, picture[1]), layer)
    draw()
    assert "nm" not in scale_bar_text(viewer)

    calibrate(layer, 0.02)
    session.follow(uid_of(layer))
    draw()

    assert scale_bar_text(viewer).endswith((" nm", " pm"))


def test_rings_are_drawn_around_their_columns(make_napari_viewer, find_result, draw):
    pixels = np.zeros((60, 80))
    pixels[15, 60] = 1.0
    viewer = make_napari_viewer(show=True)
    image = Image.from_array(pixels, 0.02)
    layer = add(viewer, image)
    layer.contrast_limits = (0.0, 1.0)
    layer.colormap = "blue"
    points = results.show(viewer.layers, find_result(image, np.array([[15.0, 60.0]])), layer)
    points.border_color = "red"
    points.selected_data = set()
    draw()

    shot = viewer.screenshot(canvas_only=True, flash=False).astype(float)
    column = _centre(shot[..., 2] - shot[..., 0])
    ring = _centre(shot[..., 0] - shot[..., 2])

    zoomed_pixel = 0.02 * viewer.scene.camera.zoom
    assert np.abs(column - ring).max() < zoomed_pixel / 3


def _centre(weights):
    rows, cols = np.nonzero(weights > 100)
    assert len(rows)
    return np.array([(rows.min() + rows.max()) / 2, (cols.min() + cols.max()) / 2])


def test_the_panel_works_from_the_plugin_menu_with_public_names_only(
    make_napari_viewer_proxy, picture, finder, until
):
    viewer = make_napari_viewer_proxy()
    data, options, _ = image_layer_data(Image.from_array(picture[0], 0.02, name="lattice"))
    layer = viewer.add_image(data, **options)
    panel = AtomsPanel(viewer)
    viewer.window.add_dock_widget(panel, name="Atoms", area="right")

    panel.form.find_button.click()
    until(lambda: panel.session.job is None)
    points = panel.session.points(uid_of(layer))
    before = len(points.data)
    panel.form.threshold.setValue(90)
    until(lambda: len(points.data) < before)
    panel.form.table.selectRow(1)

    assert set(points.selected_data) == {1}
    assert viewer.layers.units is not None


_CLOSED = """
import sys, time
import numpy as np
import napari
from qtpy.QtCore import QTimer
from napari_atomai.data.progress import Progress
from napari_atomai.workflow import find as workflow
from napari_atomai.plugin.panels.atoms import AtomsPanel
from napari_atomai.plugin.session import session_of

state = []

def finding(image, find=None, refine=None):
    try:
        for step in range(10_000):
            yield Progress(step, 10_000, "finding atoms")
            time.sleep(0.02)
    finally:
        state.append("cleaned up")

workflow.finding = finding
viewer = napari.Viewer(show=True)
viewer.add_image(np.eye(64), scale=(0.1, 0.1), units=("nm", "nm"))
panel = AtomsPanel(viewer)
viewer.window.add_dock_widget(panel, name="Atoms", area="right")
panel.find()
QTimer.singleShot(1200, lambda: {how})
napari.run()
deadline = time.monotonic() + 2
while not state and time.monotonic() < deadline:
    time.sleep(0.01)
assert state == ["cleaned up"], state
print("ended well")
"""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("how", ["viewer.close()", "napari.qt.get_qapp().closeAllWindows()"])
def test_a_viewer_closed_in_mid_run_stops_the_work_and_ends_well(in_child, how):
    done = in_child(textwrap.dedent(_CLOSED).replace("{how}", how))

    assert done.returncode == 0, done.stderr
    assert "ended well" in done.stdout
    for bad in ("QThread", "Traceback", "deleted", "RuntimeError"):
        assert bad not in done.stderr

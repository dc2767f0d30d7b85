from __future__ import annotations

import gc
import weakref

import pytest
from matplotlib.colors import to_hex
from napari.components import ViewerModel
from napari.utils.theme import get_theme
from qtpy.QtWidgets import QWidget

from napari_atomai.plugin.panels.fourier import FourierPanel
from napari_atomai.plugin.panels.measure import MeasurePanel
from napari_atomai.plugin.panels.spectrum import SpectrumPanel
from napari_atomai.plugin.plots import PlotCanvas


@pytest.fixture
def canvas(qtbot):
    parent = QWidget()
    qtbot.addWidget(parent)
    canvas = PlotCanvas()
    canvas.setParent(parent)
    yield canvas
    parent.close()


def ground(canvas):
    return to_hex(canvas.figure.get_facecolor())


def background(theme):
    return get_theme(theme).background.as_hex("long")


def test_a_plot_takes_the_colours_of_its_viewers_theme_and_follows_it(canvas):
    viewer = ViewerModel()
    viewer.theme = "light"
    assert ground(canvas) == background("dark")  # as in the preferences

    canvas.follow(viewer)
    assert ground(canvas) == background("light")
    viewer.theme = "dark"
    assert ground(canvas) == background("dark")


def test_a_plot_keeps_no_viewer_alive(canvas):
    viewer = ViewerModel()
    canvas.follow(viewer)
    there = weakref.ref(viewer)

    del viewer
    gc.collect()

    assert there() is None
    canvas.redraw()
    assert ground(canvas) == background("dark")


@pytest.mark.parametrize(
    ("panel", "plot"),
    [
        (SpectrumPanel, lambda panel: panel.form.plot),
        (MeasurePanel, lambda panel: panel.plot),
        (FourierPanel, lambda panel: panel.form.view),
    ],
)
def test_the_plots_of_the_panels_follow_their_viewer(qtbot, panel, plot):
    viewer = ViewerModel()
    widget = panel(viewer)
    qtbot.addWidget(widget)

    viewer.theme = "light"

    assert ground(plot(widget).canvas) == background("light")

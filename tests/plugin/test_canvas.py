"""Layers that are removed: what they had drawn is deleted in the canvas' own context."""

from __future__ import annotations

import textwrap

import pytest
from qtpy.QtGui import QOpenGLContext
from qtpy.QtWidgets import QWidget

from napari_atomai.plugin.canvas import delete_in_place, of_window
from napari_atomai.plugin.panels.fourier import FourierPanel
from napari_atomai.plugin.panels.measure import MeasurePanel
from napari_atomai.plugin.session import session_of


def twice(viewer):
    for _ in range(2):
        delete_in_place(of_window(viewer))


def test_a_window_is_drawn_and_resized_after_a_layer_was_removed(in_child):
    code = textwrap.dedent(
        """
        import time
        import napari
        import numpy as np
        from qtpy.QtWidgets import QApplication, QLabel
        from napari_atomai.plugin.canvas import delete_in_place, of_window

        def turns(seconds):
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                QApplication.processEvents()
                time.sleep(0.005)

        viewer = napari.Viewer()
        delete_in_place(of_window(viewer))
        viewer.add_image(np.random.default_rng(1).random((60, 60)))
        wide = QLabel("x")
        wide.setMinimumWidth(400)
        dock = viewer.window.add_dock_widget(wide)
        viewer.add_shapes(None, ndim=2)
        turns(0.4)
        del viewer.layers[-1]
        turns(0.4)
        dock.setVisible(False)
        turns(0.4)
        viewer.close()
        print("closed")
        """
    )

    done = in_child(code)

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "closed"


@pytest.mark.parametrize("through", [twice, MeasurePanel, FourierPanel, session_of])
def test_what_is_deleted_is_deleted_in_the_context_of_the_canvas(
    make_napari_viewer, qtbot, monkeypatch, through
):
    from vispy.gloo import gl

    viewer = make_napari_viewer(show=True)
    used = through(viewer)
    widget = of_window(viewer).canvas.native
    viewer.add_shapes([[[1, 1], [5, 9]]], shape_type="line")
    qtbot.wait(100)
    current, delete = [], gl.glDeleteProgram
    monkeypatch.setattr(
        gl, "glDeleteProgram", lambda which: (current.append(QOpenGLContext.currentContext()), delete(which))
    )
    widget.doneCurrent()  # as after Qt has put the window together

    del viewer.layers[-1]

    assert current
    assert all(context is widget.context() for context in current)
    if isinstance(used, QWidget):
        used.close()


def test_where_there_is_no_window_nothing_is_changed():
    from napari.components import ViewerModel

    assert of_window(ViewerModel()) is None
    assert of_window(None) is None
    delete_in_place(None)

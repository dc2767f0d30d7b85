"""What a removed layer had drawn leaves the graphics memory in the right place."""

from __future__ import annotations

import weakref
from typing import Any


def delete_in_place(shown: Any) -> None:
    """Let a canvas give back the graphics memory of removed layers in the context that holds it.

    When a layer is removed, napari 0.9 has OpenGL delete what it had drawn in whichever context is current,
    which often is that in which Qt puts the window together. The canvas' own context then draws with
    programs that are gone, and Python ends in `glDrawArrays`, at the next resizing at the latest.

    Parameters
    ----------
    shown : napari.qt.QtViewer or None
        What holds the canvas. A second time changes nothing.
    """
    scene = getattr(getattr(shown, "canvas", None), "_scene_canvas", None)
    context = getattr(scene, "context", None)
    if context is None or "finish" in vars(context):
        return
    here, finish = weakref.ref(scene), context.finish

    def finish_here() -> None:
        canvas = here()
        if canvas is not None:
            canvas.set_current()
        finish()

    context.finish = finish_here


def of_window(viewer: Any) -> Any:
    """Return what holds the canvas of a viewer, None where there is no window."""
    bare = getattr(viewer, "__wrapped__", viewer)  # napari hands widgets a proxy
    return getattr(getattr(bare, "window", None), "_qt_viewer", None)

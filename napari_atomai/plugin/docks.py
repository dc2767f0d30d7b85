"""Our panels in a viewer's window: found, opened, and opened by themselves."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer

from napari_atomai.plugin.canvas import delete_in_place, of_window
from napari_atomai.plugin.messages import explain

if TYPE_CHECKING:
    from napari_atomai.data.spectrum import Spectrum

PLUGIN = "napari-atomai"
DATASETS = "Datasets"
SPECTRUM = "Spectrum"


def panel(viewer: Any, name: str) -> Any:
    """Return one of our panels in a viewer's window; it is opened, as a tab, when it is not there."""
    dock, widget = viewer.window.add_plugin_dock_widget(PLUGIN, name, tabify=True)
    dock.show()
    dock.raise_()
    return getattr(widget, "__wrapped__", widget)


def show_scale_bar() -> None:
    """Show the scale bar of an empty viewer that is about to be filled; later it is the user's."""
    from napari import current_viewer

    viewer = current_viewer()
    delete_in_place(of_window(viewer))
    if viewer is not None and not len(viewer.layers):
        scale_bar(viewer)


def scale_bar(viewer: Any) -> None:
    """Show the scale bar of a viewer, on the left if it was not shown anywhere."""
    bar = viewer.canvas.overlays.scale_bar
    if not bar.visible:  # on the right, napari's notifications would lie on it
        bar.position = "bottom_left"
    bar.visible = True


def show_spectrum(viewer: Any, spectrum: Spectrum) -> None:
    """Plot a spectrum or a line scan in the Spectrum panel."""
    panel(viewer, SPECTRUM).show_spectrum(spectrum)


def open_soon(viewer: Any, name: str) -> None:
    """Open a panel in the next turn of the event loop, when the layers are there."""
    soon(viewer, lambda there: panel(there, name), f"opening the {name} panel")


def show_soon(viewer: Any, spectrum: Spectrum) -> None:
    """Plot a spectrum in the next turn of the event loop."""
    soon(viewer, lambda there: show_spectrum(there, spectrum), "showing a spectrum")


def in_turns(viewer: Any, steps: Sequence[tuple[Callable[[Any], Any], str, int]]) -> None:
    """Do things with a viewer one after the other, each in a turn of its own.

    Parameters
    ----------
    viewer : napari.Viewer
        Is given to each.
    steps : sequence of (callable, str, int)
        What to do, what that is in words, and how many milliseconds after the one before it. If all their
        timers were started now, they would be due together after a long turn, and drawn in a second one.
    """
    if not steps:
        return
    (act, doing, ms), rest = steps[0], steps[1:]

    def step(there: Any) -> None:
        in_turns(there, rest)
        act(there)

    soon(viewer, step, doing, ms)


def soon(viewer: Any, act: Callable[[Any], Any], doing: str, ms: int = 0) -> None:
    """Do something with a viewer in a later turn of the event loop; errors are worded and shown."""
    window = getattr(viewer.window, "_qt_window", None)  # a timer that ends with the window
    if window is None:
        return
    timer = QTimer(window)
    timer.setSingleShot(True)
    bare = weakref.ref(getattr(viewer, "__wrapped__", viewer))
    timer.timeout.connect(functools.partial(_act, bare, act, doing))
    timer.timeout.connect(timer.deleteLater)
    timer.start(ms)


def _act(viewer: Callable[[], Any], act: Callable[[Any], Any], doing: str) -> None:
    from napari.utils.notifications import show_warning

    there = viewer()
    if there is None:
        return
    try:
        act(there)
    except Exception as error:  # noqa: BLE001 - a slot must not raise; it is worded and shown
        show_warning(explain(error, doing).text)

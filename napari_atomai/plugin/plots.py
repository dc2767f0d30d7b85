"""A figure in a dock, in the colours of napari's theme. The only door to matplotlib's Qt canvas."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.backend_bases import MouseButton
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from matplotlib.path import Path as Outline
from matplotlib.widgets import LassoSelector, RectangleSelector
from napari.settings import get_settings
from napari.utils.theme import get_theme
from numpy.typing import ArrayLike, NDArray
from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_atomai.plugin.connections import Connections

Tool = Literal["", "lasso", "rectangle"]

_ON_PAPER = ("#ffffff", "#000000")

log = logging.getLogger(__name__)


class _Canvas(FigureCanvasQTAgg):  # type: ignore[misc]
    """Draws soon by a timer that ends with it: matplotlib's own reaches canvases that are deleted."""

    def __init__(self, figure: Figure) -> None:
        super().__init__(figure)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._draw_now)

    def draw_idle(self) -> None:
        """Draw in the next turn of the event loop."""
        soon = getattr(self, "_soon", None)  # matplotlib may ask before it is made
        if soon is not None:
            soon.start(0)

    def _draw_now(self) -> None:
        if self.width() <= 0 or self.height() <= 0:
            return
        try:
            self.draw()
        except Exception:  # a slot must not raise
            log.exception("drawing a plot failed")


class PlotCanvas(QWidget):
    """A figure with one set of axes; it follows napari's theme.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
        Its ``canvas`` is a Qt canvas, for ``mpl_connect``.
    axes : matplotlib.axes.Axes
        What is drawn on it takes the theme's colours at the next `redraw`.
    upper : matplotlib.axes.Axes or None
        Axes above them with the same x, after ``split(True)``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.figure: Any = Figure(layout="constrained")
        self._canvas = _Canvas(self.figure)
        self.axes: Any = self.figure.subplots()
        self.upper: Any = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._canvas)
        self._viewer: Callable[[], Any] = lambda: None
        self._connections = Connections(self)
        self._connections.connect(get_settings().appearance.events.theme, self.redraw)
        self.theme()

    def follow(self, viewer: Any) -> None:
        """Take the colours of a viewer's own theme from now on; it is held weakly."""
        self._viewer = weakref.ref(getattr(viewer, "__wrapped__", viewer))
        self._connections.connect(viewer.events.theme, self.redraw)
        self.redraw()

    def split(self, on: bool) -> None:
        """Have a second set of axes above the first, or not; what was drawn goes."""
        if on == (self.upper is not None):
            for axes in self.figure.axes:
                axes.clear()
            return
        self.figure.clear()
        if on:
            self.upper, self.axes = self.figure.subplots(2, sharex=True, height_ratios=(2, 3))
        else:
            self.upper, self.axes = None, self.figure.subplots()

    def redraw(self, _event: Any = None) -> None:
        """Draw what has changed, soon, in the colours of the theme."""
        self.theme()
        self._canvas.draw_idle()

    def theme(self) -> None:
        """Bring figure and axes to the colours of the viewer's theme; without one, to napari's."""
        viewer = self._viewer()
        colours = get_theme(get_settings().appearance.theme if viewer is None else viewer.theme)
        self._colour(colours.background.as_hex("long"), colours.text.as_hex("long"))

    def save(self, path: str | Path) -> None:
        """Write the figure as PNG, PDF or SVG, by the ending of the name; in black on white.

        Raises
        ------
        SaveFailed
            If it could not be written.
        """
        from napari_atomai.plots import save_figure

        self._colour(*_ON_PAPER)
        FigureCanvasAgg(self.figure)  # the one on the screen is not drawn in the size of a printed page
        try:
            save_figure(self.figure, Path(path))
        finally:
            self.figure.set_canvas(self._canvas)
            self.redraw()

    def _colour(self, ground: str, text: str) -> None:
        self.figure.set_facecolor(ground)
        for axes in self.figure.axes:
            axes.set_facecolor(ground)
            axes.tick_params(which="both", colors=text)
            for part in (axes.title, axes.xaxis.label, axes.yaxis.label):
                part.set_color(text)
            for part in (axes.xaxis.get_offset_text(), axes.yaxis.get_offset_text()):
                part.set_color(text)
            for spine in axes.spines.values():
                spine.set_edgecolor(text)
            legend = axes.get_legend()
            if legend is not None:
                legend.get_frame().set_facecolor(ground)
                for entry in legend.get_texts():
                    entry.set_color(text)


class PlotSelection(QObject):
    """Tells which points of a plot were drawn around.

    Parameters
    ----------
    canvas : PlotCanvas
        On whose axes the points are drawn.
    """

    selected = Signal(object)
    """Indices (N,) of the points, in ascending order."""

    def __init__(self, canvas: Any) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._points: NDArray[np.float64] = np.empty((0, 2))
        self._tool: Tool = ""
        self._selector: Any = None

    def show(self, points: ArrayLike) -> None:
        """Choose among these points (N, 2), x and y as they are drawn; after the axes were cleared."""
        self._points = np.asarray(points, np.float64).reshape(-1, 2)
        self.use(self._tool)

    def use(self, tool: Tool) -> None:
        """Draw with a lasso or a rectangle; "" with nothing, so that the mouse is free."""
        if self._selector is not None:
            self._selector.disconnect_events()
            self._selector = None
        self._tool = tool
        if tool == "lasso":
            self._selector = LassoSelector(self._canvas.axes, self._on_lasso, useblit=False)
        elif tool == "rectangle":
            self._selector = RectangleSelector(
                self._canvas.axes, self._on_rectangle, useblit=False, button=[MouseButton.LEFT]
            )

    def inside(self, outline: ArrayLike) -> NDArray[np.int64]:
        """Return the indices of the points within an outline (N, 2), x and y."""
        corners = np.asarray(outline, np.float64)
        if len(corners) < 3 or not len(self._points):
            return np.empty(0, np.int64)
        return np.flatnonzero(Outline(corners).contains_points(self._points))

    def _on_lasso(self, outline: Any) -> None:
        self.selected.emit(self.inside(outline))
        self._canvas.redraw()

    def _on_rectangle(self, press: Any, release: Any) -> None:
        (x0, x1), (y0, y1) = sorted((press.xdata, release.xdata)), sorted((press.ydata, release.ydata))
        x, y = self._points.T
        self.selected.emit(np.flatnonzero((x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)))
        self._canvas.redraw()

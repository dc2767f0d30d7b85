"""A figure in a dock, in the colours of napari's theme. The only door to matplotlib's Qt canvas."""

from __future__ import annotations

from typing import Any

from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from napari.settings import get_settings
from napari.utils.theme import get_theme
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_atomai.plugin.connections import Connections


class PlotCanvas(QWidget):
    """A figure with one set of axes; it follows napari's theme.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
        Its ``canvas`` is a Qt canvas, for ``mpl_connect``.
    axes : matplotlib.axes.Axes
        What is drawn on it takes the theme's colours at the next `redraw`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.figure: Any = Figure(layout="constrained")
        self._canvas = FigureCanvasQTAgg(self.figure)
        self.axes: Any = self.figure.subplots()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._canvas)
        self._connections = Connections(self)
        self._connections.connect(get_settings().appearance.events.theme, self.redraw)
        self.theme()

    def redraw(self, _event: Any = None) -> None:
        """Draw what has changed, soon, in the colours of the theme."""
        self.theme()
        self._canvas.draw_idle()

    def theme(self) -> None:
        """Bring figure and axes to the colours of napari's theme."""
        colours = get_theme(get_settings().appearance.theme)
        ground, text = colours.background.as_hex("long"), colours.text.as_hex("long")
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

    def save(self, path: Any) -> None:
        """Write the figure as PNG, PDF or SVG, by the ending of the name; in black on white."""
        from napari_atomai.plots import save_figure

        kept = [(axes, axes.get_facecolor()) for axes in self.figure.axes]
        save_figure(self.figure, path)
        for axes, colour in kept:
            axes.set_facecolor(colour)

"""The plot of spectra: curves over energy, a map of a line scan above, zoom, and a marker that is dragged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_atomai.plugin.slots import worded

_MARKER = "#D55E00"
_CURSOR = "#888888"
_EDGE = "#2FBF8F"
_WHEEL = 1.25
_MARGIN = 0.05
_TAILS = (0.5, 99.5)
_MOST_IN_LEGEND = 6
_LONGEST_NAME = 34


@dataclass(frozen=True)
class Curve:
    """One spectrum as it is drawn: energies and values of shape (E,)."""

    name: str
    energy: NDArray[np.float64]
    values: NDArray[np.float64]
    colour: str


@dataclass(frozen=True)
class LineMap:
    """Values (x, E) of a line scan, energies and positions of its edges, and the point that is shown."""

    values: NDArray[Any]
    energies: tuple[float, float]
    positions: tuple[float, float]
    label: str
    at: float


@dataclass(frozen=True)
class Drawing:
    """All that is shown."""

    curves: tuple[Curve, ...]
    x_label: str = ""
    y_label: str = ""
    unit: str = ""
    log: bool = False
    above: LineMap | None = None
    edges: tuple[tuple[float, str], ...] = ()
    """Energy and name of edges or lines that are marked."""


class SpectrumPlot(QWidget):
    """Shows spectra. The wheel zooms, a double click shows everything again.

    The left button moves the marker where there is one, else the plot; the other buttons move the plot.
    """

    picked = Signal(float)
    """An energy that was clicked at or dragged to, in the unit of the plot."""
    position_picked = Signal(float)
    """A position along the line scan that was clicked at."""

    def __init__(self) -> None:
        super().__init__()
        from napari_atomai.plugin.plots import PlotCanvas  # brings matplotlib

        self.drawing = Drawing(())
        self.marker: float | None = None
        self._zoom: tuple[float, float] | None = None
        self._hand: tuple[float, tuple[float, float]] | None = None
        self._dragging = False
        self._lines: dict[str, Any] = {}
        from napari_atomai.plugin.panels.spectrum_window import EnergyWindow  # it knows this module

        self.window = EnergyWindow(self)
        self.canvas = PlotCanvas()
        self.canvas.setMinimumHeight(190)
        # Not the size matplotlib would like: the panel has to fit beside others.
        self.canvas.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.canvas.setToolTip(
            "Wheel: zoom in energy. Double click: show everything. Click or drag: move the viewer to that "
            "energy. Right button: move the plot."
        )
        self.under_mouse = QLabel(" ")
        self.under_mouse.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.canvas, stretch=1)
        layout.addWidget(self.under_mouse)
        connect = self.canvas.figure.canvas.mpl_connect
        connect("motion_notify_event", self._on_move)
        connect("figure_leave_event", self._on_leave)
        connect("scroll_event", self._on_wheel)
        connect("button_press_event", self._on_press)
        connect("button_release_event", self._on_release)
        self.show_drawing(self.drawing)

    def say(self, sentence: str) -> None:
        """Show a sentence under the plot."""
        self.under_mouse.setText(sentence)

    # --- what is shown ---

    def show_drawing(self, drawing: Drawing) -> None:
        """Draw curves; a zoom stays while it is still about the same energies."""
        if (drawing.unit, _extent(drawing)) != (self.drawing.unit, _extent(self.drawing)):
            self._zoom = None
            self.window.forget()
        self.drawing = drawing
        self._lines = {}
        self.canvas.split(drawing.above is not None)
        axes = self.canvas.axes
        axes.set_axis_off() if not drawing.curves else axes.set_axis_on()
        for curve in drawing.curves:
            dot = "o" if len(curve.energy) == 1 else ""
            axes.plot(curve.energy, curve.values, color=curve.colour, linewidth=1.1, marker=dot)
        axes.set_xlabel(drawing.x_label)
        axes.set_ylabel(drawing.y_label, parse_math=False)
        if drawing.log:
            axes.set_yscale("log", nonpositive="mask")
        if 1 < len(drawing.curves) <= _MOST_IN_LEGEND:
            names = [_short(curve.name) for curve in drawing.curves]
            legend = axes.legend(names, fontsize=7, loc="upper right", framealpha=0.6)
            for text in legend.get_texts():
                text.set_parse_math(False)
        self._draw_map()
        self._draw_edges()
        self._draw_marker()
        self.window.draw()
        self._fit()

    def show_marker(self, energy: float | None) -> None:
        """Draw the line at the energy that the viewer shows; None takes it away."""
        if energy != self.marker:
            self.marker = energy
            self._draw_marker()
            self.canvas.redraw()

    def reset(self) -> None:
        """Show everything."""
        self._zoom = None
        self._fit()

    def save(self, path: Path) -> None:
        """Write the figure, without what belongs to the mouse."""
        self._vertical("cursor", None, _CURSOR)
        self.canvas.save(path)

    def extent(self) -> tuple[float, float]:
        """Return the lowest and the highest energy there is."""
        return _extent(self.drawing)

    def limits(self) -> tuple[float, float]:
        """Return the energies at the left and right edge."""
        if self._zoom is not None:
            return self._zoom
        low, high = _extent(self.drawing)
        return (low, high) if high > low else (low - 0.5, high + 0.5)

    def _fit(self) -> None:
        low, high = self.limits()
        axes = self.canvas.axes
        axes.set_xlim(low, high)
        bottom, top = _heights(self.drawing, low, high)
        axes.set_ylim(bottom, top)
        self.canvas.redraw()

    def _draw_map(self) -> None:
        above, axes = self.drawing.above, self.canvas.upper
        if above is None:
            return
        finite = above.values[np.isfinite(above.values)]
        shades = np.percentile(finite, _TAILS) if finite.size else (0.0, 1.0)
        (left, right), (first, last) = above.energies, above.positions
        axes.imshow(
            above.values,
            extent=(left, right, last, first),
            aspect="auto",
            cmap="viridis",
            vmin=float(shades[0]),
            vmax=float(max(shades[1], shades[0] + 1e-300)),
            interpolation="nearest",
        )
        axes.axhline(above.at, color=_MARKER, linewidth=1.0)
        axes.set_ylabel(above.label)
        axes.tick_params(labelbottom=False)

    def _draw_edges(self) -> None:
        axes = self.canvas.axes
        low, high = _extent(self.drawing)
        for energy, name in self.drawing.edges:
            if low <= energy <= high:
                axes.axvline(energy, color=_EDGE, linewidth=0.8, linestyle=":")
                axes.annotate(
                    name,
                    (energy, 1.0),
                    xycoords=("data", "axes fraction"),
                    xytext=(2, -2),
                    textcoords="offset points",
                    rotation=90,
                    va="top",
                    fontsize=7,
                    color=_EDGE,
                    annotation_clip=True,
                )

    def _draw_marker(self) -> None:
        self._vertical("marker", self.marker if self.drawing.curves else None, _MARKER)

    def _vertical(self, name: str, energy: float | None, colour: str) -> None:
        line = self._lines.pop(name, None)
        if line is not None:
            line.remove()
        if energy is not None:
            self._lines[name] = self.canvas.axes.axvline(energy, color=colour, linewidth=1.0)

    # --- the mouse ---

    def _inside(self, event: Any) -> bool:
        return bool(self.drawing.curves) and event.inaxes in self.canvas.figure.axes

    @worded("reading the spectrum")
    def _on_move(self, event: Any) -> None:
        if not self._inside(event) or event.xdata is None:
            if self._hand is None:
                self._on_leave()
            return
        if self._hand is not None:
            self._pull(event)
        elif self.window.drag(float(event.xdata)):
            pass
        elif self._dragging and event.inaxes is self.canvas.axes:
            self.picked.emit(float(event.xdata))
        self._vertical("cursor", float(event.xdata), _CURSOR)
        self.say(_reading(self.drawing, float(event.xdata)))
        self.canvas.redraw()

    def _on_leave(self, _event: Any = None) -> None:
        self.say(" ")
        if "cursor" in self._lines:
            self._vertical("cursor", None, _CURSOR)
            self.canvas.redraw()

    @worded("zooming")
    def _on_wheel(self, event: Any) -> None:
        if not self._inside(event):
            return
        low, high = self.limits()
        factor = _WHEEL ** -float(np.clip(event.step, -4, 4))
        here = float(event.xdata)
        self._look(here - (here - low) * factor, here + (high - here) * factor)

    def _look(self, low: float, high: float) -> None:
        first, last = _extent(self.drawing)
        low, high = max(low, first), min(high, last)
        least = (last - first) / max(1, max(len(curve.energy) for curve in self.drawing.curves))
        if high - low < 2 * least:
            return
        self._zoom = None if (low, high) == (first, last) else (low, high)
        self._fit()

    @worded("picking an energy")
    def _on_press(self, event: Any) -> None:
        if not self._inside(event):
            return
        if event.dblclick:
            self.reset()
        elif event.inaxes is self.canvas.upper and event.button == 1:
            self.position_picked.emit(float(event.ydata))
        elif event.button == 1 and self.window.press(float(event.xdata)):
            pass
        elif event.button == 1 and self.marker is not None:
            self._dragging = True
            self.picked.emit(float(event.xdata))
        else:
            self._hand = (float(event.x), self.limits())

    def _on_release(self, _event: Any) -> None:
        self._hand, self._dragging = None, False
        self.window.release()

    def _pull(self, event: Any) -> None:
        start, (low, high) = self._hand or (event.x, self.limits())
        first, last = _extent(self.drawing)
        moved = (start - event.x) / self.canvas.axes.bbox.width * (high - low)
        moved = float(np.clip(moved, min(0.0, first - low), max(0.0, last - high)))
        self._look(low + moved, high + moved)


def _extent(drawing: Drawing) -> tuple[float, float]:
    if not drawing.curves:
        return 0.0, 1.0
    lows, highs = zip(*((c.energy.min(), c.energy.max()) for c in drawing.curves), strict=True)
    return float(min(lows)), float(max(highs))


def _heights(drawing: Drawing, low: float, high: float) -> tuple[float, float]:
    """Lower and upper edge that show all values between two energies."""
    seen = [c.values[(c.energy >= low) & (c.energy <= high)] for c in drawing.curves]
    values = np.concatenate(seen) if seen else np.empty(0)
    values = values[np.isfinite(values) & ((values > 0) | (not drawing.log))]
    if not values.size:
        return (0.1, 1.0) if drawing.log else (0.0, 1.0)
    bottom, top = float(values.min()), float(values.max())
    if drawing.log:
        stretch = max((top / bottom) ** _MARGIN, 1.1)
        return bottom / stretch, top * stretch
    margin = _MARGIN * (top - bottom) or 0.5 * abs(top) or 0.5
    return bottom - margin, top + margin


def _reading(drawing: Drawing, energy: float) -> str:
    parts = []
    for curve in drawing.curves[:3]:
        nearest = int(np.argmin(np.abs(curve.energy - energy)))
        if curve.energy.min() <= energy <= curve.energy.max() or len(curve.energy) == 1:
            parts.append(f"{curve.values[nearest]:.5g}")
    span = np.ptp(drawing.curves[0].energy) / max(1, len(drawing.curves[0].energy) - 1)
    digits = max(0, 1 - int(np.floor(np.log10(span)))) if span > 0 else 3
    return f"{energy:.{min(digits, 9)}f} {drawing.unit}: {' · '.join(parts) or 'no value'}"


def _short(name: str) -> str:
    half = _LONGEST_NAME // 2
    return name if len(name) <= _LONGEST_NAME else f"{name[:half]}…{name[-half:]}"

"""The picture of a Fourier transform: frequencies in 1/nm, spots under the mouse and pinned ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from napari_atomai.plugin.shown import Box
from napari_atomai.stat.spots import Spot

_PIN = "#E69F00"
_STEP = 1.25  # of the wheel
_SLACK = 1.35  # of frequencies around the outermost spot
_DRAGGED = 4  # pixels of the screen: less is a click


@dataclass(frozen=True, eq=False)
class Picture:
    """What is drawn of a power spectrum.

    Parameters
    ----------
    power : array, shape (rows, columns)
        Frequency 0 at ``shape // 2``.
    small : array
        The same, with the strongest of neighbouring bins for each point of the screen.
    box : (row, column, row, column)
        The part of the image that was transformed: its first pixel, and the one behind its last.
    size : (row, column), optional
        Pixel size of the image in nm.
    reach : float
        Highest frequency of interest, in cycles per pixel.
    """

    power: NDArray[Any]
    small: NDArray[Any]
    box: Box
    size: tuple[float, float] | None
    reach: float

    @property
    def unit(self) -> str:
        """Unit of the frequencies."""
        return "1/px" if self.size is None else "1/nm"

    @property
    def per_cycle(self) -> tuple[float, float]:
        """Frequency (row, column), in `unit`, of one cycle per pixel."""
        rows, columns = self.size or (1.0, 1.0)
        return 1 / rows, 1 / columns


class FourierView(QWidget):
    """Draws a power spectrum; the wheel zooms, dragging moves, a double click shows the whole."""

    pointed = Signal(object)
    """The Spot under the mouse; None outside."""
    clicked = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        from napari_atomai.plugin.plots import PlotCanvas  # brings matplotlib

        self.canvas = PlotCanvas()
        self.canvas.setMinimumHeight(230)
        self.canvas.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.canvas.setToolTip("Wheel: zoom · drag: move · click: pin the spot · double click: show it whole")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.canvas)
        self.picture: Picture | None = None
        self._drawn: Any = None
        self._marks: list[Any] = []
        self._pressed: Any = None
        self._size: tuple[float, float] | None = None
        for name, slot in (
            ("motion_notify_event", self._on_move),
            ("figure_leave_event", self._on_leave),
            ("button_press_event", self._on_press),
            ("button_release_event", self._on_release),
            ("scroll_event", self._on_scroll),
        ):
            self.canvas.figure.canvas.mpl_connect(name, slot)
        self.clear()

    # --- what it is told ---

    def clear(self) -> None:
        """Show nothing."""
        self.picture = self._drawn = self._pressed = None
        self._marks = []
        self.canvas.axes.clear()
        self.canvas.axes.set_axis_off()
        self.canvas.redraw()

    def show_picture(self, picture: Picture, *, log: bool, percentiles: tuple[float, float]) -> None:
        """Draw a power spectrum; the part that was zoomed to stays."""
        new = self.picture is None or self._drawn is None or self._size != picture.size
        self.picture, self._size = picture, picture.size
        values, limits = shades(picture.small, log=log, percentiles=percentiles)
        axes = self.canvas.axes
        if new:
            axes.clear()
            axes.set_axis_on()
            self._marks = []
            self._drawn = axes.imshow(values, cmap="gray", interpolation="nearest")
            axes.set_aspect("equal")
            axes.set_xlabel(picture.unit)
            axes.set_ylabel(picture.unit)
        self._drawn.set_data(values)
        self._drawn.set_clim(*limits)
        self._drawn.set_extent(_extent(picture))
        if new:
            self.show_whole(spots_only=True)
        self.canvas.redraw()

    def show_whole(self, *, spots_only: bool = False) -> None:
        """Show all frequencies, or those in which there are spots."""
        if self.picture is None:
            return
        rows, columns = self.picture.per_cycle
        reach = min(0.5, self.picture.reach * _SLACK) if spots_only else 0.5
        # The same number of 1/nm to all sides, so that angles are what they look like.
        half = reach * (min if spots_only else max)(rows, columns)
        self.canvas.axes.set_xlim(-half, half)
        self.canvas.axes.set_ylim(half, -half)
        self.canvas.redraw()

    def show_spots(self, spots: list[Spot]) -> None:
        """Mark spots with circles and their numbers."""
        for mark in self._marks:
            mark.remove()
        self._marks = []
        if self.picture is None or self._drawn is None:
            return
        rows, columns = self.picture.per_cycle
        axes = self.canvas.axes
        for i, spot in enumerate(spots):
            at = (spot.column * columns, spot.row * rows)
            self._marks += axes.plot(*at, "o", mfc="none", mec=_PIN, ms=10, mew=1.5)
            words = {"color": _PIN, "fontsize": 11, "weight": "bold"}
            self._marks.append(axes.annotate(str(i + 1), at, (7, 5), textcoords="offset points", **words))
        self.canvas.redraw()

    def bins_per_point(self) -> tuple[float, float]:
        """How many bins of the spectrum (rows, columns) lie in one point of the screen."""
        if self.picture is None:
            return 1.0, 1.0
        box = self.canvas.axes.get_window_extent()
        spans = [
            abs(np.subtract(*limits)) for limits in (self.canvas.axes.get_ylim(), self.canvas.axes.get_xlim())
        ]
        bins = [
            span / per_cycle * n / max(extent, 1.0)
            for span, per_cycle, n, extent in zip(
                spans, self.picture.per_cycle, self.picture.power.shape, (box.height, box.width), strict=True
            )
        ]
        return bins[0], bins[1]

    # --- what the mouse does ---

    def _spot(self, event: Any) -> Spot | None:
        if self.picture is None or event.inaxes is not self.canvas.axes or event.xdata is None:
            return None
        rows, columns = self.picture.per_cycle
        row, column = event.ydata / rows, event.xdata / columns
        return Spot(row, column) if max(abs(row), abs(column)) <= 0.5 else None

    def _on_move(self, event: Any) -> None:
        self.pointed.emit(self._spot(event))
        if self._pressed is None or self.picture is None or event.x is None:
            return
        x, y, left, top = self._pressed
        axes, box = self.canvas.axes, self.canvas.axes.get_window_extent()
        across = (event.x - x) / max(box.width, 1) * (left[1] - left[0])
        up = (event.y - y) / max(box.height, 1) * (top[1] - top[0])
        axes.set_xlim(left[0] - across, left[1] - across)
        axes.set_ylim(top[0] - up, top[1] - up)
        self.canvas.redraw()

    def _on_leave(self, _event: Any = None) -> None:
        self.pointed.emit(None)

    def _on_press(self, event: Any) -> None:
        if event.dblclick:
            self._pressed = None
            self.show_whole()
        elif event.inaxes is self.canvas.axes and event.button == 1:
            self._pressed = (event.x, event.y, self.canvas.axes.get_xlim(), self.canvas.axes.get_ylim())

    def _on_release(self, event: Any) -> None:
        pressed, self._pressed = self._pressed, None
        if pressed is None or np.hypot(event.x - pressed[0], event.y - pressed[1]) > _DRAGGED:
            return
        spot = self._spot(event)
        if spot is not None:
            self.clicked.emit(spot)

    def _on_scroll(self, event: Any) -> None:
        if self.picture is None or event.inaxes is not self.canvas.axes:
            return
        factor = _STEP ** (-event.step)
        axes = self.canvas.axes
        axes.set_xlim([event.xdata + (x - event.xdata) * factor for x in axes.get_xlim()])
        axes.set_ylim([event.ydata + (y - event.ydata) * factor for y in axes.get_ylim()])
        self.canvas.redraw()


def shades(
    power: NDArray[Any], *, log: bool, percentiles: tuple[float, float]
) -> tuple[NDArray[np.float32], tuple[float, float]]:
    """Return what is drawn of a power, and its values for black and white; amplitudes when not `log`."""
    floor = max(float(power.max()) * 1e-12, float(np.finfo(np.float32).tiny))
    values = np.log10(np.maximum(power, floor)) if log else np.sqrt(power)
    low, high = np.percentile(values, percentiles)
    return values.astype(np.float32), (float(low), float(high if high > low else low + 1))


def _extent(picture: Picture) -> tuple[float, float, float, float]:
    """Left, right, bottom and top edge of the drawing: bins are as wide as their distance."""
    edges = []
    for n, small, per_cycle in zip(picture.power.shape, picture.small.shape, picture.per_cycle, strict=True):
        block = -(-n // small)
        first = (-(n // 2) - 0.5) / n * per_cycle
        edges.append((first, first + small * block / n * per_cycle))
    (top, bottom), (left, right) = edges
    return left, right, bottom, top


def reduced(power: NDArray[Any], most: int = 1024) -> NDArray[np.float32]:
    """Return the strongest bin of each block, so that neither side is longer than `most`."""
    blocks = [-(-n // most) for n in power.shape]
    padded = np.pad(power, [(0, -n % block) for n, block in zip(power.shape, blocks, strict=True)])
    rows, columns = (n // block for n, block in zip(padded.shape, blocks, strict=True))
    return padded.reshape(rows, blocks[0], columns, blocks[1]).max(axis=(1, 3)).astype(np.float32)

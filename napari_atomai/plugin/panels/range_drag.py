"""Choose a range of a histogram by dragging over it."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_atomai.plugin.slots import worded

_COLOUR, _LEAST = "#F4511E", 3  # pixels of the screen: less is a click


class RangeDrag(QObject):
    """Tells between which values of a plot the mouse was dragged.

    Parameters
    ----------
    canvas : PlotCanvas
        Its axes are taken anew at every press, so that they may be replaced.
    """

    chosen = Signal(float, float)
    """The lower and the upper value."""
    cleared = Signal()
    """A click without dragging."""
    failed = Signal(str)

    def __init__(self, canvas: Any) -> None:
        super().__init__(canvas)
        self.on = False
        self._canvas = canvas
        self._start: float | None = None
        self._pixel = 0.0
        self._span: Any = None
        connect = canvas.figure.canvas.mpl_connect
        connect("button_press_event", self._on_press)
        connect("motion_notify_event", self._on_move)
        connect("button_release_event", self._on_release)

    def say(self, sentence: str) -> None:
        """Pass on what went wrong."""
        self.failed.emit(sentence)

    @worded("choosing a range")
    def _on_press(self, event: Any) -> None:
        if self.on and event.button == 1 and event.inaxes is self._canvas.axes:
            self._start, self._pixel = self._value(event), event.x

    @worded("choosing a range")
    def _on_move(self, event: Any) -> None:
        if self._start is not None:
            self._draw(self._start, self._value(event))

    @worded("choosing a range")
    def _on_release(self, event: Any) -> None:
        start, self._start = self._start, None
        if start is None:
            return
        if abs(event.x - self._pixel) < _LEAST:
            self._draw(start, start)
            self.cleared.emit()
            return
        low, high = sorted((start, self._value(event)))
        self._draw(low, high)
        self.chosen.emit(low, high)

    def _value(self, event: Any) -> float:
        """Return where the mouse is along x; beside the axes, where they would go on."""
        return float(self._canvas.axes.transData.inverted().transform((event.x, event.y))[0])

    def _draw(self, low: float, high: float) -> None:
        if self._span is not None and self._span.axes is self._canvas.axes:
            self._span.remove()
        self._span = None
        limits = self._canvas.axes.get_xlim()
        if low != high:
            self._span = self._canvas.axes.axvspan(low, high, color=_COLOUR, alpha=0.25, lw=0)
        self._canvas.axes.set_xlim(limits)
        self._canvas.redraw()

"""A window of energies that is dragged on the plot of a spectrum, and the map of what lies in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_atomai.plugin.latest import Latest
from napari_atomai.plugin.layers import image_of
from napari_atomai.plugin.messages import explain
from napari_atomai.plugin.panels.components_layers import lay_map
from napari_atomai.plugin.panels.spectrum_curves import energies_in

if TYPE_CHECKING:
    from napari_atomai.plugin.panels.spectrum_plot import SpectrumPlot

ROLE = "energy window"
_COLOUR = "#E69F00"
_NEAR = 6  # pixels of the screen: so near to an edge a drag moves that edge
_FIRST = 0.05  # of what is seen; width of the first window


class EnergyWindow(QObject):
    """A window on a `SpectrumPlot`: drag an edge, drag it whole, or draw another beside it.

    Parameters
    ----------
    plot : SpectrumPlot
        It hands on the mouse while the window is on.
    """

    changed = Signal(float, float)
    """Lower and upper energy, in the unit of the plot."""

    def __init__(self, plot: SpectrumPlot) -> None:
        super().__init__(plot)
        self._plot = plot
        self._drawn: Any = None
        self.on = False
        self.limits: tuple[float, float] | None = None
        self._hand: tuple[str, float, tuple[float, float]] | None = None

    def switch(self, on: bool) -> None:
        """Show the window, at first in the middle of what is seen, or hide it."""
        self.on = on
        if on and self.limits is None and self._plot.drawing.curves:
            low, high = self._plot.limits()
            middle = (low + high) / 2 if self._plot.marker is None else self._plot.marker
            half = _FIRST * (high - low) / 2
            self.limits = (middle - half, middle + half)
        self.draw()
        self._plot.canvas.redraw()
        self._tell()

    def forget(self) -> None:
        """Begin anew: the plot is of another spectrum."""
        self.limits = self._hand = None

    def draw(self) -> None:
        """Draw the window on the axes as they are now."""
        if self._drawn is not None and self._drawn.axes is not None:
            self._drawn.remove()
        self._drawn = None
        if self.on and self.limits is not None and self._plot.drawing.curves:
            self._drawn = self._plot.canvas.axes.axvspan(*self.limits, color=_COLOUR, alpha=0.3, lw=1)

    # --- the mouse ---

    def press(self, x: float) -> bool:
        """Take hold at an energy; False where the window is off."""
        if not self.on:
            return False
        low, high = self.limits or (x, x)
        near = self._width_of(_NEAR)
        if abs(x - low) <= near or abs(x - high) <= near:
            part = "low" if abs(x - low) < abs(x - high) else "high"
        elif low < x < high:
            part = "whole"
        else:
            part, low, high = "high", x, x
        self._hand = (part, x, (low, high))
        return True

    def drag(self, x: float) -> bool:
        """Move what is held to an energy; False where nothing is."""
        if self._hand is None:
            return False
        part, start, (low, high) = self._hand
        first, last = self._plot.extent()
        x = min(max(x, first), last)
        if part == "whole":
            away = min(max(x - start, first - low), last - high)
            self.limits = (low + away, high + away)
        else:
            fixed = high if part == "low" else low
            self.limits = (min(x, fixed), max(x, fixed))
        self.draw()
        self._plot.canvas.redraw()
        self._tell()
        return True

    def release(self) -> None:
        """Let go."""
        self._hand = None

    def _width_of(self, pixels: int) -> float:
        low, high = self._plot.limits()
        return pixels * (high - low) / max(1.0, float(self._plot.canvas.axes.bbox.width))

    def _tell(self) -> None:
        if self.on and self.limits is not None and self.limits[1] > self.limits[0]:
            self.changed.emit(*self.limits)


class EnergyMap(QObject):
    """Lays the map of a window of energies over its spectrum image, as fast as the window is dragged.

    Parameters
    ----------
    viewer : napari.Viewer
        To whose layers the map is added.
    parent : QObject
        With it ends the work.
    """

    told = Signal(str)

    def __init__(self, viewer: Any, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._work = Latest(self, "Map of an energy window")
        self._work.succeeded.connect(self._on_map)
        self._work.failed.connect(self._on_failed)

    @property
    def busy(self) -> bool:
        """Whether a map is still to come."""
        return self._work.busy

    def ask(
        self, layer: Any, window: tuple[float, float], unit: str, background: tuple[float, float] | None
    ) -> None:
        """Make the map of a window that is given in a unit; the newest that is asked for counts."""
        image = image_of(layer)
        low, high = energies_in(image, window, unit)
        before = None if background is None else energies_in(image, background, unit)

        def compute() -> Any:
            from napari_atomai.stat.energy_maps import energy_map

            return layer, energy_map(image, low, high, background=before)

        self._work.ask(compute)

    def _on_map(self, made: Any) -> None:
        layer, drawn = made
        if layer in self._viewer.layers:
            lay_map(self._viewer.layers, layer, drawn, None, ROLE)
            self.told.emit(f"Map of {drawn.name.rpartition(': ')[2]}.")

    def _on_failed(self, error: BaseException) -> None:
        self.told.emit(explain(error, "making a map").text)

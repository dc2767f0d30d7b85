"""The plot of the Unmix panel: component spectra in the colours of their maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_atomai.plugin.slots import worded

_HEIGHT = 280
_NEAR = 12  # pixels of the screen within which a click is on a curve
_MARK = "#E69F00"


class UnmixingPlot(QWidget):
    """Draws component spectra; tells which one was clicked."""

    clicked = Signal(int)
    """Number of a curve, from 0; -1 beside all of them."""

    def __init__(self) -> None:
        super().__init__()
        from napari_atomai.plugin.plots import PlotCanvas  # brings matplotlib

        self.canvas = PlotCanvas()
        self.canvas.setFixedHeight(_HEIGHT)
        self.canvas.setToolTip("Click on a spectrum to see its map alone, beside them to see all")
        self._curves: list[tuple[NDArray[Any], NDArray[Any]]] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.canvas)
        self.canvas.figure.canvas.mpl_connect("button_press_event", self._on_press)

    def say(self, sentence: str) -> None:
        """Nothing is said here; the panel does."""

    def show_spectra(
        self,
        energy: NDArray[Any],
        spectra: NDArray[Any],
        colours: Sequence[str],
        words: Sequence[str],
        x_label: str,
        chosen: int | None = None,
    ) -> None:
        """Draw spectra (K, E) over their energies; the chosen one stands out."""
        axes = self._fresh()
        for k, (spectrum, colour, word) in enumerate(zip(spectra, colours, words, strict=True)):
            faint = chosen is not None and chosen != k
            line = "-" if k < 6 else "--"  # colours come again
            axes.plot(energy, spectrum, line, color=colour, lw=1.2, alpha=0.25 if faint else 1, label=word)
            self._curves.append((energy, spectrum))
        axes.set_xlabel(x_label)
        axes.set_ylabel("component")
        axes.ticklabel_format(axis="y", scilimits=(-2, 3))
        axes.legend(fontsize=7, ncols=2 if len(spectra) > 4 else 1, framealpha=0.6)
        self.canvas.redraw()

    def show_left_over(
        self, energy: NDArray[Any], measured: NDArray[Any], sum_: NDArray[Any], words: str, x_label: str
    ) -> None:
        """Draw the mean spectrum, what the components make of it, and the difference below."""
        axes = self._fresh()
        axes.plot(energy, measured, color="#999999", lw=1.2, label="measured, mean")
        axes.plot(energy, sum_, color="#56B4E9", lw=1, label="sum of the components")
        axes.plot(energy, measured - sum_, color="#D55E00", lw=1, label="left over")
        axes.set_title(words, fontsize=9)
        axes.set_xlabel(x_label)
        axes.ticklabel_format(axis="y", scilimits=(-2, 3))
        axes.legend(fontsize=7, framealpha=0.6)
        self.canvas.redraw()

    def show_scree(self, shares: NDArray[Any], above: int) -> None:
        """Draw the share of variance of the principal components, and how many stand above noise."""
        axes = self._fresh()
        shown = shares[: max(30, above + 5)]
        axes.semilogy(np.arange(1, len(shown) + 1), np.maximum(shown, 1e-12), "o-", ms=3, color="#56B4E9")
        axes.axvline(above + 0.5, color=_MARK, ls="--")
        axes.set_title(f"{above} above noise", fontsize=9)
        axes.set_xlabel("principal component")
        axes.set_ylabel("share of variance")
        self.canvas.redraw()

    def _fresh(self) -> Any:
        self._curves = []
        self.canvas.figure.clear()
        self.canvas.axes, self.canvas.upper = self.canvas.figure.subplots(), None
        return self.canvas.axes

    @worded("choosing a spectrum")
    def _on_press(self, event: Any) -> None:
        if event.inaxes is not self.canvas.axes or event.button != 1 or not self._curves:
            return
        away = [self._distance(event, *curve) for curve in self._curves]
        nearest = int(np.argmin(away))
        self.clicked.emit(nearest if away[nearest] <= _NEAR else -1)

    def _distance(self, event: Any, energy: NDArray[Any], values: NDArray[Any]) -> float:
        """Distance of a click from a curve, in pixels of the screen: from its pieces, not its points."""
        points = self.canvas.axes.transData.transform(np.column_stack([energy, values]))
        here, along = points[:-1], np.diff(points, axis=0)
        length = np.maximum((along**2).sum(axis=1), 1e-12)
        click = np.array([event.x, event.y])
        part = np.clip(((click - here) * along).sum(axis=1) / length, 0, 1)
        return float(np.sqrt((((here + part[:, None] * along) - click) ** 2).sum(axis=1).min()))

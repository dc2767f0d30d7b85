"""The two canvases of the Latent panel: patches or manifold, and scatter, curves or paths in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_atomai.plugin.slots import worded

if TYPE_CHECKING:
    from napari_atomai.data.latent import Manifold

_HIGH = 250
_ACROSS, _DOWN = 8, 4
"""Patches of a preview."""
_MARK = "#F4511E"
_MOST = 400
"""Marks on a manifold, and paths in time."""


class ManifoldPlot(QWidget):
    """Shows patches, or a manifold with what the cursor decodes beside it."""

    pointed = Signal(float, float)
    """Column and row of the manifold under the cursor, in patches."""
    clicked = Signal(int, int)
    """Row and column of the patch of the manifold that was clicked."""

    def __init__(self) -> None:
        super().__init__()
        from napari_atomai.plugin.plots import PlotCanvas  # brings matplotlib

        self.canvas = PlotCanvas()
        self.canvas.setFixedHeight(_HIGH)
        self.main: Any = None
        self.side: Any = None
        self._live = False
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.canvas)
        self.canvas.figure.canvas.mpl_connect("motion_notify_event", self._on_move)
        self.canvas.figure.canvas.mpl_connect("button_press_event", self._on_press)

    def say(self, sentence: str) -> None:
        """Nothing is said here; the panel does."""

    def show_patches(self, patches: NDArray[Any]) -> None:
        """Draw patches (n, h, w), a few dozen at most, in one grey scale."""
        self._live = False
        axes = self._fresh(1)
        some = patches[np.linspace(0, len(patches) - 1, min(_ACROSS * _DOWN, len(patches))).astype(int)]
        height, width = patches.shape[1:]
        sheet = np.full((-(-len(some) // _ACROSS) * (height + 1), _ACROSS * (width + 1)), np.nan)
        for number, patch in enumerate(some):
            top, left = number // _ACROSS * (height + 1), number % _ACROSS * (width + 1)
            sheet[top : top + height, left : left + width] = patch
        axes.imshow(sheet, cmap="gray", interpolation="nearest")
        axes.set_axis_off()
        self.canvas.redraw()

    def show_manifold(self, manifold: Manifold) -> None:
        """Draw a manifold; its patches follow the cursor from now on."""
        from napari_atomai.plots.latent import draw_manifold

        self._live = True
        draw_manifold(self._fresh(2), manifold)
        self.main.tick_params(labelsize=7)
        self.canvas.redraw()

    def show_training(self, manifold: NDArray[Any] | None, pairs: NDArray[Any] | None) -> None:
        """Draw what a net makes of a grid of latents, and patches above their reconstructions."""
        self._live = False
        self.canvas.split(False)
        self.canvas.figure.clear()
        upper, lower = self.canvas.figure.subplots(2, height_ratios=(3, 1))
        self.canvas.axes, self.main, self.side = upper, upper, None
        for axes, values in ((upper, manifold), (lower, pairs)):
            axes.set_axis_off()
            if values is not None:
                axes.imshow(values, cmap="gray", interpolation="nearest")
        self.canvas.redraw()

    def show_decoded(self, patch: NDArray[Any], title: str) -> None:
        """Draw a patch beside the manifold."""
        if self.side is None:
            return
        self.side.clear()
        self.side.imshow(patch, cmap="gray")
        self.side.set_title(title, fontsize=8)
        self.side.set_axis_off()
        self.canvas.redraw()

    def mark(self, places: NDArray[Any]) -> None:
        """Mark places (n, 2), column and row in patches, on the manifold."""
        if not self._live:
            return
        for old in list(self.main.collections):
            old.remove()
        some = (
            places[np.linspace(0, len(places) - 1, min(_MOST, len(places))).astype(int)]
            if len(places)
            else places
        )
        limits = self.main.get_xlim(), self.main.get_ylim()
        self.main.scatter(*np.reshape(some, (-1, 2)).T, s=6, c=_MARK, linewidths=0)
        self.main.set_xlim(limits[0])
        self.main.set_ylim(limits[1])
        self.canvas.redraw()

    def clear(self) -> None:
        """Show nothing."""
        self._live = False
        self._fresh(1).set_axis_off()
        self.canvas.redraw()

    def _fresh(self, parts: int) -> Any:
        self.canvas.split(False)
        self.canvas.figure.clear()
        if parts == 1:
            self.main, self.side = self.canvas.figure.subplots(), None
        else:
            self.main, self.side = self.canvas.figure.subplots(1, 2, width_ratios=(5, 2))
            self.side.set_axis_off()
        self.canvas.axes = self.main
        return self.main

    @worded("decoding")
    def _on_move(self, event: Any) -> None:
        if self._live and event.inaxes is self.main:
            self.pointed.emit(float(event.xdata), float(event.ydata))

    @worded("choosing a patch")
    def _on_press(self, event: Any) -> None:
        if self._live and event.inaxes is self.main and event.button == 1:
            self.clicked.emit(round(event.ydata), round(event.xdata))


class LatentPlot(QWidget):
    """Shows latents as points to draw around, the curves of a training, or values over time."""

    selected = Signal(object)
    """Indices of the points that were drawn around."""

    def __init__(self) -> None:
        super().__init__()
        from napari_atomai.plugin.plots import PlotCanvas, PlotSelection  # brings matplotlib

        self.canvas = PlotCanvas()
        self.canvas.setFixedHeight(_HIGH)
        self.selection = PlotSelection(self.canvas)
        self.selection.selected.connect(self.selected)
        self.side: Any = None
        self._points: NDArray[Any] = np.empty((0, 2))
        self._marks: Any = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.canvas)

    def show_scatter(self, points: NDArray[Any], colours: NDArray[Any], names: tuple[str, str]) -> None:
        """Draw points (N, 2) in their colours (N, 4); they are chosen by drawing around them."""
        from napari_atomai.plots.latent import draw_scatter

        axes = self._fresh(beside=True)
        draw_scatter(axes, points, colours, names)
        axes.tick_params(labelsize=7)
        self._points = points
        self.selection.show(points)
        self.selection.use("lasso")
        self.canvas.redraw()

    def mark(self, rows: NDArray[Any], mean: NDArray[Any] | None) -> None:
        """Mark points of the scatter, and show the mean patch of them."""
        if self.side is None:
            return
        if self._marks is not None:
            self._marks.remove()
            self._marks = None
        if len(rows):
            some = rows[np.linspace(0, len(rows) - 1, min(10 * _MOST, len(rows))).astype(int)]
            limits = self.canvas.axes.get_xlim(), self.canvas.axes.get_ylim()
            self._marks = self.canvas.axes.scatter(*self._points[some].T, s=5, c=_MARK, linewidths=0)
            self.canvas.axes.set_xlim(limits[0])
            self.canvas.axes.set_ylim(limits[1])
        self.side.clear()
        self.side.set_axis_off()
        if mean is not None:
            self.side.imshow(mean, cmap="gray")
            self.side.set_title(f"mean of {len(rows):,}", fontsize=8)
        self.canvas.redraw()

    def show_curves(self, curves: Mapping[str, Sequence[float]]) -> None:
        """Draw the losses of a training."""
        from napari_atomai.plots.latent import draw_curves

        draw_curves(self._fresh(), curves)
        self.canvas.redraw()

    def show_means(self, means: Sequence[NDArray[Any]], titles: Sequence[str]) -> None:
        """Draw mean patches of clusters side by side."""
        self._fresh()
        self.canvas.figure.clear()
        across = min(max(len(means), 1), 4)
        axes = self.canvas.figure.subplots(-(-max(len(means), 1) // across), across, squeeze=False)
        self.canvas.axes = axes[0, 0]
        for each in axes.flat:
            each.set_axis_off()
        for each, patch, title in zip(axes.flat, means, titles, strict=False):
            each.imshow(patch, cmap="gray")
            each.set_title(title, fontsize=8)
        self.canvas.redraw()

    def show_paths(self, time: NDArray[Any], paths: NDArray[Any], name: str, unit: str) -> None:
        """Draw values (tracks, frames) over time; NaN where an atom was not seen."""
        axes = self._fresh()
        for path in paths[:_MOST]:
            axes.plot(time, path, marker=".", linewidth=1)
        axes.set_xlabel(unit)
        axes.set_ylabel(name)
        self.canvas.redraw()

    def clear(self, words: str = "") -> None:
        """Show nothing but a sentence."""
        axes = self._fresh()
        axes.set_axis_off()
        axes.set_title(words, fontsize=9, wrap=True)
        self.canvas.redraw()

    def _fresh(self, *, beside: bool = False) -> Any:
        self.selection.use("")
        self._marks = None
        self.canvas.split(False)
        self.canvas.figure.clear()
        if beside:
            self.canvas.axes, self.side = self.canvas.figure.subplots(1, 2, width_ratios=(5, 2))
            self.side.set_axis_off()
        else:
            self.canvas.axes, self.side = self.canvas.figure.subplots(), None
        return self.canvas.axes

"""Components as pictures that are clicked, loadings where they are and against each other, and the scree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from napari_atomai.plugin.slots import worded

SIGNED = ("pca", "ica")
_ACROSS, _ACROSS_READ = 4, 2
"""Pictures in a row; of those with axes that are read."""
_CELL, _CELL_READ, _HEAD, _SINGLE = 84, 150, 22, 270
"""Height of a row of pictures (with axes), of the words above them, and of a plot, in pixels."""
_CHOSEN = "#E69F00"
_CURVE = "#56B4E9"


@dataclass(frozen=True, eq=False)
class Picture:
    """One component as it is drawn.

    Parameters
    ----------
    title : str
        A word or two above it.
    values : array, shape (h, w), optional
        What is drawn as an image.
    extent : tuple, optional
        Left, right, bottom and top edge, where axes are to be read.
    where, loadings : array, optional
        Or points (N, 2) as row and column, in the colours of their loadings.
    signed : bool
        Whether red adds and blue takes away.
    frame : str
        Colour of a frame around it; empty = none.
    """

    title: str
    values: NDArray[Any] | None = None
    extent: tuple[float, float, float, float] | None = None
    where: NDArray[Any] | None = None
    loadings: NDArray[Any] | None = None
    signed: bool = False
    frame: str = ""


class ComponentPlot(QWidget):
    """Draws results of a decomposition; tells which picture was clicked and which points were chosen."""

    clicked = Signal(int, int)
    """Row of results (0 or 1), and which of its pictures."""
    selected = Signal(object)
    """Indices of the points that were drawn around."""

    def __init__(self) -> None:
        super().__init__()
        from napari_atomai.plugin.plots import PlotCanvas, PlotSelection  # brings matplotlib

        self.canvas = PlotCanvas()
        self.canvas.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.selection = PlotSelection(self.canvas)
        self.selection.selected.connect(self.selected)
        self._places: dict[Any, tuple[int, int]] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.canvas)
        self.canvas.figure.canvas.mpl_connect("button_press_event", self._on_press)

    def say(self, sentence: str) -> None:
        """Nothing is said here; the panel does."""

    def show_pictures(
        self,
        blocks: Sequence[Sequence[Picture]],
        chosen: tuple[int, int] = (0, 0),
        *,
        size: tuple[float, float] | None = None,
        unit: str = "",
    ) -> None:
        """Draw results under each other, the pictures of each in rows.

        Parameters
        ----------
        blocks : sequence of sequence of Picture
            Of one result, or of two.
        chosen : (int, int)
            Which picture is marked.
        size : (row, column), optional
            Of a pixel in nm: the first picture has a scale bar.
        unit : str
            Of axes that are to be read.
        """
        read = any(picture.extent is not None for block in blocks for picture in block)
        across = min(_ACROSS_READ if read else _ACROSS, max(map(len, blocks)))
        rows = [-(-len(block) // across) for block in blocks]
        cell = _CELL_READ if read else _CELL
        axes = self._fresh(sum(rows), across, _HEAD * len(blocks) + sum(rows) * (cell + _HEAD))
        self._places = {}
        for number, block in enumerate(blocks):
            for k, picture in enumerate(block):
                here = axes[sum(rows[:number]) + k // across, k % across]
                self._places[here] = (number, k)
                _draw(here, picture, marked=(number, k) == chosen)
                if number == k == 0 and size is not None and picture.values is not None:
                    _bar(here, picture.values.shape, size)
                if picture.extent is not None:
                    here.set_axis_on()
                    here.tick_params(labelsize=7)
                    here.set_xlabel(unit, fontsize=7)
        self.canvas.redraw()

    def show_scree(self, shares: NDArray[Any], above: int) -> None:
        """Draw the share of variance of the principal components, and how many stand above noise."""
        axes = self._fresh(1, 1, _SINGLE)[0, 0]
        axes.set_axis_on()
        shown = shares[: max(30, above + 5)]
        axes.semilogy(np.arange(1, len(shown) + 1), np.maximum(shown, 1e-12), "o-", ms=3, color=_CURVE)
        axes.axvline(above + 0.5, color=_CHOSEN, ls="--")
        axes.set_title(f"{above} above noise", fontsize=9)
        axes.set_xlabel("principal component")
        axes.set_ylabel("share of variance")
        axes.xaxis.get_major_locator().set_params(integer=True)
        self.canvas.redraw()

    def show_scatter(self, loadings: NDArray[Any], x: int, y: int, colours: NDArray[Any]) -> None:
        """Draw two loadings against each other, in colours "#rrggbb"; drawing around points chooses them."""
        axes = self._fresh(1, 1, _SINGLE)[0, 0]
        axes.set_axis_on()
        points = loadings[:, [x, y]]
        axes.scatter(points[:, 0], points[:, 1], c=colours, s=8, alpha=0.8)
        axes.set_xlabel(f"loading {x + 1}")
        axes.set_ylabel(f"loading {y + 1}")
        axes.set_title("draw around atoms to select them", fontsize=9)
        self.selection.show(points)
        self.selection.use("lasso")
        self.canvas.redraw()

    def clear(self) -> None:
        """Show nothing."""
        self._fresh(1, 1, _SINGLE)
        self.canvas.redraw()

    def _fresh(self, rows: int, columns: int, height: int) -> NDArray[Any]:
        self.selection.use("")
        self._places = {}
        self.canvas.figure.clear()
        self.canvas.setFixedHeight(height)
        axes = np.asarray(self.canvas.figure.subplots(rows, columns, squeeze=False))
        for each in axes.flat:
            each.set_axis_off()
        self.canvas.axes, self.canvas.upper = axes[0, 0], None
        return axes

    @worded("choosing a component")
    def _on_press(self, event: Any) -> None:
        if event.inaxes in self._places and event.button == 1:
            self.clicked.emit(*self._places[event.inaxes])


def _draw(axes: Any, picture: Picture, *, marked: bool) -> None:
    axes.set_title(picture.title, fontsize=8, pad=3)
    if picture.where is not None and picture.loadings is not None:
        low, high = np.percentile(picture.loadings, (1, 99)).tolist() if len(picture.loadings) else (0, 1)
        size = float(np.clip(3000 / max(len(picture.where), 1), 0.5, 16))
        row, column = picture.where.T
        axes.scatter(column, row, c=picture.loadings, s=size, vmin=low, vmax=high, lw=0, cmap="viridis")
        axes.set_aspect("equal")
        axes.invert_yaxis()
    elif picture.values is not None:
        values = picture.values
        top = float(np.nanmax(np.abs(values))) or 1.0
        low, high = (-top, top) if picture.signed else (float(np.nanmin(values)), float(np.nanmax(values)))
        colours = "RdBu_r" if picture.signed else "magma"
        axes.imshow(values, cmap=colours, vmin=low, vmax=high, extent=picture.extent)
    if marked or picture.frame:
        # The frame of axes that are switched off is not drawn: this one is.
        frame = {"transform": axes.transAxes, "clip_on": False, "color": picture.frame or _CHOSEN, "lw": 2.5}
        axes.plot([0, 1, 1, 0, 0], [0, 0, 1, 1, 0], **frame)


def _bar(axes: Any, shape: tuple[int, ...], size: tuple[float, float]) -> None:
    from napari_atomai.plots.overlays import scale_bar

    scale_bar(axes, shape, size)

"""Figures of components: pictures or curves, maps of loadings, scree."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter
from numpy.typing import NDArray

from napari_atomai.plots.overlays import plain, scale_bar

Matrix = NDArray[Any]
Size = tuple[float, float] | None

_SIDE = 2.2  # inches of one picture
_WIDE = 1.4  # of a curve, in sides
_ACROSS = 6  # pictures in one row
_CLIP = (0.5, 99.5)  # percentiles of a map between which its colours lie


class Decomposed(Protocol):
    """What a decomposition has that can be drawn (`stat.components.Components`)."""

    @property
    def method(self) -> str:
        """Name of the method."""
        ...

    @property
    def components(self) -> Matrix:
        """Components (K, ...)."""
        ...

    @property
    def loadings(self) -> Matrix:
        """Loadings (N, K)."""
        ...

    @property
    def explained(self) -> Matrix:
        """Shares (K,)."""
        ...


def components_figure(found: Decomposed, where: Matrix | None = None, *, pixel_size: Size = None) -> Figure:
    """Draw each component as a picture, and under it its loadings where they belong.

    Parameters
    ----------
    found : Components
        Components of shape (K, h, w) or (K, h, w, c); of several channels the mean is drawn. Those of pca
        and ica have signs: red adds, blue takes away.
    where : array, shape (N, 2), optional
        Row, column of every sample.
    pixel_size : (row, column), optional
        In nm; with it the first picture has a scale bar.
    """
    number, down = len(found.components), 1 if where is None else 2
    figure, cells = _grid(number, down)
    signed = found.method in ("pca", "ica")
    with plain():
        for k, component in enumerate(found.components):
            picture = component.mean(axis=-1) if component.ndim == 3 else component
            limit = float(np.abs(picture).max()) or 1.0
            low, high = (-limit, limit) if signed else (float(picture.min()), float(picture.max()))
            axes = cells[0][k]
            _draw_map(axes, picture, "RdBu_r" if signed else "magma", low, high, pixel_size)
            axes.set_title(f"{k + 1}: {found.explained[k]:.1%}", fontsize=9)
            if k == 0 and pixel_size is not None:
                scale_bar(axes, picture.shape, pixel_size)
            if where is not None:
                _draw_loadings(cells[1][k], where, found.loadings[:, k])
    return figure


def order_figure(found: Decomposed, edges: tuple[float, float, float, float], unit: str) -> Figure:
    """Draw Fourier amplitudes (K, v, u) over their frequencies.

    Parameters
    ----------
    found : Components
        Of windows that slide over an image.
    edges : (left, right, bottom, top)
        Frequencies at the edges of a picture, in `unit`; rows go down.
    unit : str
        "1/nm", or "1/pixel".
    """
    figure, (cells,) = _grid(len(found.components), 1, wide=1.2)
    with plain():
        for k, (axes, picture) in enumerate(zip(cells, found.components, strict=True)):
            axes.imshow(np.sqrt(np.abs(picture)), cmap="magma", extent=edges)
            axes.set_title(f"{k + 1}: {found.explained[k]:.1%}", fontsize=9)
            axes.set_xlabel(unit, fontsize=8)
            axes.tick_params(labelsize=7)
    return figure


def maps_figure(maps: Matrix, pixel_size: Size = None) -> Figure:
    """Draw maps of loadings (K, y, x), each with its colours; NaN stays white.

    Parameters
    ----------
    maps : array, shape (K, y, x)
        Of one frame.
    pixel_size : (row, column), optional
        In nm; with it the first map has a scale bar.
    """
    figure, (cells,) = _grid(len(maps), 1, room=0.5)
    with plain():
        for k, (axes, pixels) in enumerate(zip(cells, maps, strict=True)):
            _draw_values(figure, axes, pixels, pixel_size, bar=k == 0)
            axes.set_title(f"{k + 1}", fontsize=9)
    return figure


def scree_figure(shares: Matrix, number: int = 0, most: int = 50) -> Figure:
    """Draw the share of variance of each component, and a line after the suggested number."""
    figure = Figure(figsize=(4.5, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    with plain():
        axes = figure.subplots()
        shown = shares[: max(most, number + 5)]
        axes.semilogy(np.arange(1, len(shown) + 1), np.maximum(shown, 1e-12), "o-", markersize=3)
        if number:
            axes.axvline(number + 0.5, color="0.5", linestyle="--")
            axes.set_title(f"{number} above noise", fontsize=9)
        axes.set_xlabel("component")
        axes.set_ylabel("share of variance")
    return figure


def spectra_figure(
    energy: Matrix, found: Decomposed, maps: Matrix, *, unit: str = "", pixel_size: Size = None
) -> Figure:
    """Draw each component spectrum over its abundance map.

    Parameters
    ----------
    energy : array, shape (E,)
        Position of each channel, in `unit`.
    found : Components
        Spectra (K, E).
    maps : array, shape (K, y, x)
        NaN where a pixel was left out.
    unit : str
        Of the energy.
    pixel_size : (row, column), optional
        In nm; with it the first map has a scale bar.
    """
    figure, cells = _grid(len(maps), 2, wide=_WIDE)
    with plain():
        for k, spectrum in enumerate(found.components):
            axes = cells[0][k]
            axes.plot(energy, spectrum, linewidth=0.8)
            axes.set_xlabel(unit, fontsize=8)
            axes.tick_params(labelsize=7)
            axes.ticklabel_format(axis="y", scilimits=(-2, 3))
            axes.yaxis.get_offset_text().set_fontsize(7)
            axes.set_title(f"{k + 1}: {found.explained[k]:.1%}", fontsize=9)
            _draw_values(figure, cells[1][k], maps[k], pixel_size, bar=k == 0)
    return figure


def _grid(number: int, down: int, *, wide: float = 1.0, room: float = 0.0) -> tuple[Figure, list[list[Any]]]:
    """Return a figure with `number` cells of `down` axes each, some in a row; cells as [which of them][k]."""
    across = min(number, _ACROSS)
    blocks = -(-number // across)
    size = ((_SIDE * wide + room) * across, (_SIDE * down + 0.3) * blocks)
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    with plain():
        axes = figure.subplots(down * blocks, across, squeeze=False)
    cells = [[axes[down * (k // across) + part, k % across] for k in range(number)] for part in range(down)]
    for k in range(number, across * blocks):
        for part in range(down):
            axes[down * (k // across) + part, k % across].set_axis_off()
    return figure, cells


def _draw_values(figure: Figure, axes: Any, pixels: Matrix, size: Size, *, bar: bool) -> None:
    known = pixels[np.isfinite(pixels)]
    low, high = np.percentile(known, _CLIP) if known.size else (0.0, 1.0)
    drawn = _draw_map(axes, pixels, "viridis", float(low), float(high), size)
    numbers = ScalarFormatter()
    numbers.set_powerlimits((-2, 3))
    colours = figure.colorbar(drawn, ax=axes, shrink=0.8, format=numbers)
    colours.ax.tick_params(labelsize=6)
    colours.ax.yaxis.get_offset_text().set_fontsize(6)
    if bar and size is not None:
        scale_bar(axes, pixels.shape, size)


def _draw_map(axes: Any, pixels: Matrix, colours: str, low: float, high: float, size: Size) -> Any:
    ratio = 1.0 if size is None else size[0] / size[1]
    axes.set_axis_off()
    return axes.imshow(pixels, cmap=colours, vmin=low, vmax=high, aspect=ratio, interpolation="nearest")


def _draw_loadings(axes: Any, where: Matrix, loadings: Matrix) -> None:
    axes.scatter(where[:, 1], where[:, 0], c=loadings, s=6, cmap="viridis")
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.set_axis_off()

"""Figures of components: pictures or curves, maps of loadings, scree."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

Matrix = NDArray[Any]
_SIDE = 2.2  # inches of one picture


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


def components_figure(found: Decomposed, where: Matrix | None = None) -> Figure:
    """Draw each component as a picture, and under it its loadings where they belong.

    Parameters
    ----------
    found : Components
        Components of shape (K, h, w) or (K, h, w, c); of several channels the mean is drawn.
    where : array, shape (N, 2), optional
        Row, column of every sample.
    """
    number, down = len(found.components), 1 if where is None else 2
    figure = Figure(figsize=(_SIDE * number, _SIDE * down + 0.3), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(down, number, squeeze=False)
    signed = found.method in ("pca", "ica")
    for k, component in enumerate(found.components):
        picture = component.mean(axis=-1) if component.ndim == 3 else component
        limit = float(np.abs(picture).max()) or 1.0
        low = -limit if signed else float(picture.min())
        axes[0, k].imshow(picture, cmap="RdBu_r" if signed else "magma", vmin=low, vmax=limit)
        axes[0, k].set_title(f"{k + 1}: {found.explained[k]:.1%}", fontsize=9)
        axes[0, k].set_axis_off()
        if where is not None:
            _draw_loadings(axes[1, k], where, found.loadings[:, k])
    return figure


def _draw_loadings(axes: Any, where: Matrix, loadings: Matrix) -> None:
    axes.scatter(where[:, 1], where[:, 0], c=loadings, s=6, cmap="viridis")
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.set_axis_off()


def scree_figure(shares: Matrix, number: int = 0, most: int = 50) -> Figure:
    """Draw the share of variance of each component, and a line after the suggested number."""
    figure = Figure(figsize=(4.5, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    shown = shares[:most]
    axes.semilogy(np.arange(1, len(shown) + 1), np.maximum(shown, 1e-12), "o-", markersize=3)
    if number:
        axes.axvline(number + 0.5, color="0.5", linestyle="--")
        axes.set_title(f"{number} above white noise", fontsize=9)
    axes.set_xlabel("component")
    axes.set_ylabel("share of variance")
    return figure


def spectra_figure(energy: Matrix, components: Matrix, maps: Matrix, unit: str) -> Figure:
    """Draw each component spectrum (K, E) over its abundance map (K, y, x)."""
    number = len(components)
    figure = Figure(figsize=(_SIDE * 1.3 * number, _SIDE * 2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, number, squeeze=False)
    for k in range(number):
        axes[0, k].plot(energy, components[k], linewidth=0.8)
        axes[0, k].set_xlabel(unit)
        axes[0, k].set_title(f"{k + 1}", fontsize=9)
        axes[1, k].imshow(maps[k], cmap="viridis")
        axes[1, k].set_axis_off()
    return figure

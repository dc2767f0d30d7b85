"""Figures of movies: paths of atoms, drift, how states change."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_atomai.data.atoms import Atoms
from napari_atomai.plots.overlays import overlay

Matrix = NDArray[Any]


def path_figure(
    paths: list[Matrix], pixels: Matrix, pixel_size: tuple[float, float] | None = None, title: str = ""
) -> Figure:
    """Draw the ways of atoms, each (L, 2) as row, column in pixels, on a frame (y, x)."""
    figure = overlay(pixels, Atoms.make(np.empty((0, 2)), class_names=()), pixel_size, title=title)
    colours = [f"C{number % 10}" for number in range(len(paths))]
    lines = LineCollection([path[:, ::-1] for path in paths], colors=colours, linewidths=0.8)
    figure.axes[0].add_collection(lines)
    return figure


def drift_figure(drift: Matrix, unit: str = "px") -> Figure:
    """Draw drift (T, 2) against the frame."""
    figure = Figure(figsize=(5.0, 3.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for k, name in enumerate(("rows, downwards", "columns, to the right")):
        axes.plot(drift[:, k], ".-", markersize=3, linewidth=0.9, label=name)
    axes.set_xlabel("frame")
    axes.set_ylabel(f"drift, {unit}")
    axes.legend(fontsize=8, frameon=False)
    return figure


def transition_figure(probability: Matrix, counts: Matrix | None = None) -> Figure:
    """Draw a matrix (K, K) of probabilities from a state (row) to the next (column), with its counts."""
    number = len(probability)
    side = max(2.6, 0.6 * number + 1.4)
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set_facecolor("0.85")
    drawn = axes.imshow(np.ma.masked_invalid(probability), cmap="viridis", vmin=0, vmax=1)
    for (row, col), value in np.ndenumerate(probability):
        words = "none" if np.isnan(value) else f"{value:.2g}"
        words += "" if counts is None else f"\n{counts[row, col]}"
        dark = np.isfinite(value) and value < 0.6
        axes.text(col, row, words, ha="center", va="center", fontsize=8, color="white" if dark else "black")
    names = [str(state) for state in range(number)]
    axes.set_xticks(range(number), names)
    axes.set_yticks(range(number), names)
    axes.set_xlabel("state in the next frame")
    axes.set_ylabel("state")
    figure.colorbar(drawn, ax=axes, label="probability")
    return figure

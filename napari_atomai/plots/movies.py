"""Figures of movies: paths of atoms, drift, how states change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_atomai.data.atoms import Atoms
from napari_atomai.plots.overlays import overlay

Matrix = NDArray[Any]


class Counted(Protocol):
    """Transitions between states: counts, probabilities and their intervals, each (K, K)."""

    @property
    def counts(self) -> Matrix: ...  # noqa: D102
    @property
    def probability(self) -> Matrix: ...  # noqa: D102
    @property
    def low(self) -> Matrix: ...  # noqa: D102
    @property
    def high(self) -> Matrix: ...  # noqa: D102


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
    draw_drift(figure.subplots(), drift, unit)
    return figure


def draw_drift(axes: Any, drift: Matrix, unit: str = "px") -> None:
    """Draw drift (T, 2) against the frame on axes of matplotlib."""
    for k, name in enumerate(("rows, downwards", "columns, to the right")):
        axes.plot(drift[:, k], ".-", markersize=3, linewidth=0.9, label=name)
    axes.set_xlabel("frame")
    axes.set_ylabel(f"drift, {unit}")
    axes.legend(fontsize=8, frameon=False)


def transition_figure(counted: Counted) -> Figure:
    """Draw the probabilities from a state (row) to the next (column), with counts and intervals."""
    side = max(2.6, 0.8 * len(counted.counts) + 1.4)
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    figure.colorbar(draw_transitions(axes, counted), ax=axes, label="probability")
    return figure


def draw_transitions(axes: Any, counted: Counted) -> Any:
    """Draw probabilities, their intervals and counts on axes of matplotlib; return the picture."""
    axes.set_facecolor("0.85")
    drawn = axes.imshow(np.ma.masked_invalid(counted.probability), cmap="viridis", vmin=0, vmax=1)
    for (row, col), value in np.ndenumerate(counted.probability):
        words = f"{counted.counts[row, col]}"
        if np.isfinite(value):
            words = f"{value:.2g}\n{counted.low[row, col]:.2g} to {counted.high[row, col]:.2g}\n{words}"
        dark = np.isfinite(value) and value < 0.6
        axes.text(col, row, words, ha="center", va="center", fontsize=8, color="white" if dark else "black")
    names = [str(state) for state in range(len(counted.counts))]
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("state in the next frame")
    axes.set_ylabel("state")
    return drawn


def draw_dwells(axes: Any, mean: Matrix, low: Matrix, high: Matrix, unit: str) -> None:
    """Draw how long states last (K,) with their intervals; an arrow where there is no upper end."""
    state = np.arange(len(mean))
    shown = np.where(np.isfinite(mean), mean, low)
    open_ = ~np.isfinite(high)
    error = np.stack([shown - low, np.where(open_, 0.0, high - shown)])
    axes.errorbar(state, shown, np.nan_to_num(error), fmt="o", capsize=4, lolims=open_ & np.isfinite(low))
    axes.set_xticks(state)
    axes.set_xlim(-0.5, len(mean) - 0.5)
    highest = max([*shown[np.isfinite(shown)].tolist(), *high[np.isfinite(high)].tolist(), 0.0])
    axes.set_ylim(0, 1.2 * highest or 1.0)  # room for the arrows
    axes.set_xlabel("state")
    axes.set_ylabel(f"mean time in it, {unit}")


def draw_values(axes: Any, time: Matrix, values: Matrix, states: Matrix, colours: Sequence[str]) -> None:
    """Draw values (L,) over time, the dots in the colours of their states; NaN breaks the line."""
    axes.plot(time, values, "-", color="0.6", linewidth=0.9)
    for state in np.unique(states[states >= 0]):
        mine = states == state
        axes.plot(time[mine], values[mine], "o", markersize=4, color=colours[state], label=f"state {state}")
    if (states >= 0).any():
        low, high = axes.get_ylim()
        axes.set_ylim(low, high + 0.3 * (high - low))  # room for the legend
        axes.legend(fontsize=8, frameon=False, ncols=4, loc="upper right")

"""What the Rings panel plots, on axes of matplotlib. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_atomai.plugin.panels.rings_layers import LENGTH_COLOURS, SeenRings, length_limits
from napari_atomai.plugin.points import COLOURS

if TYPE_CHECKING:
    from napari_atomai.workflow.rings import FrameRings

_BINS = 40


def draw_sizes(canvas: Any, seen: SeenRings) -> None:
    """Plot how many rings there are of each size; in a movie, in all frames."""
    from napari_atomai.plots import ring_colour

    axes, counts = _fresh(canvas), seen.counts()
    for size, count in counts.items():
        bar = axes.bar(size, count, width=0.8, color=ring_colour(size))
        axes.bar_label(bar, fontsize=8, color="#888888")
    axes.set_xticks(list(counts))
    axes.set_yscale("symlog", linthresh=10)  # a few 5-7 rings beside thousands of hexagons are to be seen
    axes.set_ylim(bottom=0, top=max([*counts.values(), 1]) * 3)
    axes.set_xlabel("members")
    axes.set_ylabel("rings")
    canvas.redraw()


def draw_lengths(canvas: Any, seen: SeenRings) -> None:
    """Plot how many bonds there are of each length, in the colours of the bonds on the image."""
    from napari.utils.colormaps import ensure_colormap

    axes, lengths = _fresh(canvas), seen.lengths
    low, high = length_limits(lengths)
    count, edges = np.histogram(lengths, _BINS)
    middles = (edges[1:] + edges[:-1]) / 2
    colours = ensure_colormap(LENGTH_COLOURS).map(np.clip((middles - low) / (high - low), 0, 1))
    axes.bar(middles, count, width=np.diff(edges), color=colours)
    axes.set_xlabel("bond length (Å)")
    axes.set_ylabel("bonds")
    canvas.redraw()


def draw_over_time(canvas: Any, found: Sequence[FrameRings], now: int) -> None:
    """Plot how many defects of each kind there are in each frame."""
    from napari_atomai.workflow.rings import defects_over_time

    axes = _fresh(canvas)
    frames, counts = defects_over_time(found)
    for number, (kind, values) in enumerate(counts.items()):
        axes.plot(frames, values, "o-", ms=4, color=COLOURS[number % len(COLOURS)], label=kind)
    if counts:
        axes.legend(fontsize=7)
    axes.axvline(now, color="#888888", lw=1)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("frame")
    axes.set_ylabel("defects")
    canvas.redraw()


def _fresh(canvas: Any) -> Any:
    canvas.split(False)
    canvas.axes.clear()
    return canvas.axes

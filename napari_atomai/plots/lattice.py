"""Figures of lattices: vectors on the picture, maps about zero, distances, directions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from types import MappingProxyType
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import hsv_to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_atomai.data.atoms import Atoms
from napari_atomai.plots.overlays import circle_radius, overlay

Vector = NDArray[np.float64]

TITLES = MappingProxyType(
    {"exx": "$e_{xx}$, %", "eyy": "$e_{yy}$, %", "exy": "$e_{xy}$, %", "rotation": "rotation, °"}
)
"""What is written over the maps; strain is drawn in per cent."""

_CLIP = 97  # percentile of the size that fills the scale
_LONGEST = 3.2  # radii of the circles of atoms: the longest usual arrow
_WEDGES = 36
COLOURS = ("#d95f02", "#1b9e77", "#7570b3", "#e7298a")


def vector_figure(
    positions: Vector,
    vectors: Vector,
    pixels: NDArray[Any] | None = None,
    pixel_size: tuple[float, float] | None = None,
    title: str = "",
) -> Figure:
    """Draw an arrow at each atom, coloured by direction, on the picture or on plain grey.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Row, column in pixels.
    vectors : array, shape (N, 2)
        Row, column in pixels; NaN where there is none. Arrows are drawn longer than they are, which the
        title tells.
    pixels : array, shape (y, x), optional
        One frame.
    pixel_size : (row, column), optional
        In nm.
    title : str
        What the arrows are.
    """
    known = np.isfinite(vectors).all(axis=1)
    shape = tuple((np.ceil(positions.max(axis=0, initial=1)).astype(int) + 2).tolist())
    picture = np.zeros(shape) if pixels is None else pixels
    sizes = np.linalg.norm(vectors[known], axis=1)
    usual = float(np.percentile(sizes, _CLIP)) if known.any() else 0.0
    radius = circle_radius(Atoms.make(positions), picture.shape)
    factor = _LONGEST * radius / usual if usual > 0 else 1.0
    said = f"{title}, {factor:.3g} times as long as it is" if known.any() else f"{title}: none"
    figure = overlay(picture, Atoms.make(np.empty((0, 2)), class_names=()), pixel_size, title=said)
    start, along = positions[known][:, ::-1], vectors[known][:, ::-1] * factor
    figure.axes[0].quiver(
        *start.T,
        *along.T,
        angles="xy",
        scale_units="xy",
        scale=1,
        width=0.28 * radius / picture.shape[1],
        color=direction_colours(vectors[known]),
    )
    return figure


def direction_colours(vectors: Vector) -> Vector:
    """Return colours (N, 3) of vectors (N, 2) by direction: red to the right, then round the colour wheel."""
    turn = np.arctan2(-vectors[:, 0], vectors[:, 1]) / (2 * np.pi) % 1.0
    return np.asarray(hsv_to_rgb(np.stack([turn, np.full_like(turn, 0.75), np.ones_like(turn)], axis=1)))


def map_figure(maps: Mapping[str, NDArray[Any]]) -> Figure:
    """Draw maps (y, x) of strain (shares) and rotation (degrees), red above zero, blue below."""
    down, right = -(-len(maps) // 2), min(len(maps), 2)
    figure = Figure(figsize=(4.4 * right, 3.8 * down), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (name, values) in zip(
        figure.subplots(down, right, squeeze=False).ravel(), maps.items(), strict=False
    ):
        shown = np.asarray(values, np.float64) * (1 if name == "rotation" else 100)
        known = np.abs(shown[np.isfinite(shown)])
        limit = float(np.percentile(known, _CLIP)) if known.size else 1.0
        limit = limit or 1.0
        axes.set_facecolor("0.85")
        drawn = axes.imshow(np.ma.masked_invalid(shown), cmap="RdBu_r", vmin=-limit, vmax=limit)
        axes.set_title(TITLES.get(name, name), fontsize=10)
        axes.set_xticks([])
        axes.set_yticks([])
        figure.colorbar(drawn, ax=axes, shrink=0.85)
    return figure


def distance_figure(distances: Vector, steps: NDArray[np.int64], unit: str) -> Figure:
    """Draw histograms of the distances of neighbours along a and b."""
    figure = Figure(figsize=(5.0, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    draw_distances(figure.subplots(), distances, steps, unit)
    return figure


def draw_distances(axes: Any, distances: Vector, steps: NDArray[np.int64], unit: str) -> None:
    """Draw histograms of the distances of neighbours along a and b on axes of matplotlib."""
    groups = {}
    for step, name in enumerate(("a", "b")):
        values = distances[steps == step]
        if len(values):
            groups[f"along {name}: {mean_and_spread(values, unit)}"] = values
    draw_histograms(axes, groups)
    axes.set_xlabel(f"distance of neighbours, {unit}")
    axes.set_ylabel("pairs")


def mean_and_spread(values: Vector, unit: str) -> str:
    """Return the mean with as many digits as two of the standard deviation make sensible."""
    middle, spread = float(np.mean(values)), float(np.std(values))
    digits = int(np.clip(1 - np.floor(np.log10(spread)), 0, 6)) if spread > 0 else 4
    return f"{round(middle, digits) + 0.0:.{digits}f} ± {spread:.{digits}f} {unit}".rstrip()


def draw_histograms(axes: Any, groups: Mapping[str, Vector], colours: Sequence[str] = COLOURS) -> None:
    """Draw the histogram of each group of values over the same bins, with a legend."""
    known = {name: values[np.isfinite(values)] for name, values in groups.items()}
    together = np.concatenate([np.empty(0), *known.values()])
    if not len(together):
        return
    low, high = np.percentile(together, [0.5, 99.5])
    room = 0.1 * (high - low) + 1e-9 * max(abs(low), abs(high), 1e-3)
    edges = np.linspace(low - room, high + room, 61).tolist()
    for (name, values), colour in zip(known.items(), cycle(colours), strict=False):
        axes.hist(values, edges, histtype="stepfilled", alpha=0.55, color=colour, label=name)
    axes.set_ylim(top=1.3 * axes.get_ylim()[1])  # room for the legend
    axes.legend(fontsize=8, frameon=False)


def rose_figure(angles: Vector, title: str = "") -> Figure:
    """Draw how often directions (degrees, counter-clockwise from the right) occur, as a rose."""
    figure = Figure(figsize=(3.6, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    draw_rose(figure.subplots(subplot_kw={"projection": "polar"}), angles, title)
    return figure


def draw_rose(axes: Any, angles: Vector, title: str = "") -> None:
    """Draw how often directions (degrees) occur on polar axes of matplotlib."""
    known = np.radians(angles[np.isfinite(angles)])
    counts, edges = np.histogram(known % (2 * np.pi), _WEDGES, (0, 2 * np.pi))
    middle, width = (edges[:-1] + edges[1:]) / 2, np.diff(edges)
    # The area of a wedge, and not its length, tells how many there are.
    axes.bar(middle, np.sqrt(counts), width, color=hsv_to_rgb([(m / (2 * np.pi), 0.6, 0.85) for m in middle]))
    axes.set_yticks([])
    axes.set_title(f"{title} ({known.size})" if title else str(known.size), fontsize=9)

"""Figures of rings: polygons coloured by their number of members."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from napari_atomai.data.atoms import Atoms
from napari_atomai.plots.overlays import overlay

RING_COLOURS = MappingProxyType(
    {3: "#b28dff", 4: "#f4f01f", 5: "#2ec4ff", 6: "#9aa0a6", 7: "#ff9f1c", 8: "#ff4fa3", 9: "#7dff5a"}
)
"""By number of members, told apart by the colour-blind; hexagons stay in the background."""
LARGER = "#e63946"
"""Of rings with more members."""

_MARGIN = 0.05  # of the width, around rings without a picture


def ring_colour(size: int) -> str:
    """Return the colour of rings with so many members."""
    return RING_COLOURS.get(size, LARGER)


def ring_overlay(
    polygons: Sequence[NDArray[np.float64]],
    pixels: NDArray[Any] | None = None,
    pixel_size: tuple[float, float] | None = None,
) -> Figure:
    """Draw rings on the picture they were found in, or on plain grey.

    Parameters
    ----------
    polygons : sequence of array, each of shape (k, 2)
        Row, column of the members of a ring, in pixels.
    pixels : array, shape (y, x), optional
        One frame.
    pixel_size : (row, column), optional
        In nm. With it a scale bar is drawn.

    Returns
    -------
    Figure
        Save it with `save_figure`.
    """
    picture = np.zeros(_shape(polygons)) if pixels is None else pixels
    figure = overlay(picture, Atoms.make(np.empty((0, 2)), class_names=()), pixel_size)
    axes = figure.axes[0]
    sizes = [len(polygon) for polygon in polygons]
    _fill(axes, polygons, [ring_colour(size) for size in sizes])
    kinds, counts = np.unique(np.array(sizes, int), return_counts=True)
    handles = [
        Patch(color=ring_colour(kind), label=f"{kind}: {count}")
        for kind, count in zip(kinds.tolist(), counts.tolist(), strict=True)
    ]
    middle = axes.get_position().y0 / 2
    figure.legend(
        handles=handles, loc="center left", bbox_to_anchor=(0, middle), ncols=6, frameon=False, fontsize=8
    )
    return figure


def _fill(axes: Axes, polygons: Sequence[NDArray[np.float64]], colours: Sequence[str]) -> None:
    corners = [polygon[:, ::-1] for polygon in polygons]
    faces = [f"{colour}66" for colour in colours]
    axes.add_collection(PolyCollection(corners, facecolors=faces, edgecolors=colours, linewidths=0.6))


def _shape(polygons: Sequence[NDArray[np.float64]]) -> tuple[int, int]:
    """Return how large a picture must be to show all rings."""
    if not polygons:
        return 64, 64
    high, wide = np.concatenate(polygons).max(axis=0)
    return max(int(high * (1 + _MARGIN)), 1) + 1, max(int(wide * (1 + _MARGIN)), 1) + 1

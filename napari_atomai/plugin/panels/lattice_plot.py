"""What the Lattice panel plots, on axes of matplotlib. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari_atomai.workflow.lattice import FrameLattice

DISTANCES, ROSE, HISTOGRAM = "distances of neighbours", "directions: ", "histogram: "


def views(found: FrameLattice) -> list[str]:
    """Return the names of all plots of a frame."""
    from napari_atomai.workflow.lattice_quantities import directions, quantities

    roses = [ROSE + name for name in directions(found)]
    return [DISTANCES, *roses, *(HISTOGRAM + name for name in quantities(found))]


def draw(canvas: Any, found: FrameLattice | None, view: str) -> None:
    """Draw a plot by its name; nothing without a result."""
    axes = fresh_axes(canvas, polar=view.startswith(ROSE))
    if found is not None and view == DISTANCES:
        from napari_atomai.plots.lattice import draw_distances

        draw_distances(axes, found.pairs.distance, found.pairs.step, found.unit)
    elif found is not None and view.startswith(ROSE):
        from napari_atomai.plots.lattice import draw_rose
        from napari_atomai.workflow.lattice_quantities import directions

        name = view.removeprefix(ROSE)
        draw_rose(axes, directions(found)[name], name)
    elif found is not None and view.startswith(HISTOGRAM):
        _draw_histogram(axes, found, view.removeprefix(HISTOGRAM))
    if found is None:
        axes.set_axis_off()  # from 0 to 1 they look like a plot that failed
    canvas.redraw()


def fresh_axes(canvas: Any, *, polar: bool = False) -> Any:
    """Return empty axes of a canvas in place of what it had."""
    canvas.split(False)
    canvas.figure.clear()
    canvas.axes = canvas.figure.add_subplot(projection="polar" if polar else None)
    return canvas.axes


def _draw_histogram(axes: Any, found: FrameLattice, name: str) -> None:
    from napari_atomai.plots.lattice import draw_histograms, mean_and_spread
    from napari_atomai.workflow.lattice_quantities import quantities

    quantity, sublattice = quantities(found)[name], found.lattice.sublattice
    groups = {}
    for number in np.unique(sublattice[sublattice >= 0]):
        values = quantity.values[(sublattice == number) & np.isfinite(quantity.values)]
        if len(values):
            groups[f"sublattice {number}: {mean_and_spread(values, quantity.unit)}"] = values
    draw_histograms(axes, groups)
    axes.set_xlabel(f"{name}, {quantity.unit}" if quantity.unit else name)
    axes.set_ylabel("atoms")

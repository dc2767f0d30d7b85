"""What the Structure panel plots: a structure in space, energy and force of steps. No Qt."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ENERGY, _FORCE, _CELL = "#56B4E9", "#E69F00", "#8a8f98"
_MOST = 6000
"""Atoms that are drawn at most: more could not be turned smoothly."""
_VIEW = (50, -80)
_PER_RADIUS = 1.1  # of a covalent radius is a drawn one: as balls with gaps


def draw_structure(canvas: Any, atoms: Any) -> None:
    """Draw the atoms and the cell in space; the view that the user has turned to stays.

    Parameters
    ----------
    canvas : PlotCanvas
        Where to.
    atoms : ase.Atoms or None
        None for nothing.
    """
    axes = _space(canvas)
    axes.clear()
    axes.set_axis_off()
    if atoms is not None:
        corners = np.array(list(itertools.product((0, 1), repeat=3))) @ atoms.cell[:]
        for one, other in itertools.combinations(range(8), 2):
            if bin(one ^ other).count("1") == 1:
                axes.plot(*corners[[one, other]].T, color=_CELL, lw=1)
        _balls(axes, atoms)
        _fit(axes, np.concatenate([corners, atoms.positions]))
    canvas.redraw()


def draw_steps(canvas: Any, energies: Sequence[float], forces: Sequence[float]) -> None:
    """Plot energy, above, and largest force, below, of each step."""
    canvas.split(True)
    steps = np.arange(len(energies))
    canvas.upper.plot(steps, energies, color=_ENERGY)
    canvas.upper.set_ylabel("energy (eV)")
    canvas.axes.plot(steps, np.maximum(forces, 1e-12), color=_FORCE)
    canvas.axes.set_yscale("log")
    canvas.axes.set_ylabel("force (eV/Å)")
    canvas.axes.set_xlabel("step")
    canvas.redraw()


def _space(canvas: Any) -> Any:
    """Return axes in space in place of flat ones."""
    if canvas.axes.name != "3d":
        canvas.figure.clear()
        canvas.axes = canvas.figure.add_subplot(projection="3d", computed_zorder=True)
        canvas.axes.view_init(*_VIEW)
        canvas.axes.set_proj_type("ortho")
    return canvas.axes


def _balls(axes: Any, atoms: Any) -> None:
    from napari_atomai.aseutils.cells import colours_and_radii

    colours, radii = colours_and_radii(atoms)
    step = max(-(-len(atoms) // _MOST), 1)
    inches = min(axes.get_window_extent().size) / axes.figure.dpi
    points = 72 * inches / max(float(atoms.cell.lengths().max()), 5.0)  # per Å
    axes.scatter(
        *atoms.positions[::step].T,
        s=(_PER_RADIUS * points * radii[::step]) ** 2,
        c=colours[::step],
        edgecolors="#00000080",
        linewidths=0.4,
        depthshade=False,
    )


def _fit(axes: Any, points: NDArray[np.float64]) -> None:
    low, high = points.min(axis=0), points.max(axis=0)
    span = np.maximum(high - low, 0.02 * (high - low).max() + 1e-6)
    axes.set_xlim(low[0], low[0] + span[0])
    # Rows of the image grow downwards: the sheet is seen as in the image.
    axes.set_ylim(low[1] + span[1], low[1])
    axes.set_zlim(low[2], low[2] + span[2])
    axes.set_box_aspect(span, zoom=1.2)

"""Latents as layers: atoms in their colours, angles as arrows, and the patch that is cut. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Points, Vectors
from numpy.typing import NDArray

from napari_atomai.plugin.attached import attach, attached
from napari_atomai.plugin.kept_recipes import note
from napari_atomai.plugin.layers import uid_of
from napari_atomai.plugin.measurements import line_width
from napari_atomai.plugin.overlays import in_frames, overlay, take_away

if TYPE_CHECKING:
    from napari_atomai.workflow.latent import Latents

ATOMS, ARROWS, WINDOW = "latent atoms", "latent angles", "latent window"
ROLES = (ATOMS, ARROWS)

_DISC, _ARROW = 0.2, 0.33  # sides of a patch
_MARK, _RING = "#F4511E", 0.3
_ARROW_COLOUR = "#FDE725"


def show_atoms(layers: Any, image: Any, found: Latents, name: str) -> Any:
    """Show what lies in the middles of the patches in the colours of a column, in place of the last."""
    from napari_atomai.plots.latent import colours_of
    from napari_atomai.workflow.latent_results import kind_of

    where, columns = _places(found), found.columns()
    make = partial(Points, where, opacity=1.0, border_width=0.0, size=_disc(found))
    layer = overlay(layers, ATOMS, image, make, ndim=where.shape[1])
    note(layer, found.record)
    if layer.data.shape != where.shape or not np.array_equal(layer.data, where):
        layer.selected_data = set()
        layer.data = where
    layer.size = _disc(found)
    layer.features = {"id": found.cut.motifs.centres.ids, **columns}
    layer.face_color = colours_of(columns[name], kind_of(name))[0]
    layer.name = f"{image.name}: {name}"
    return layer


def mark(points: Points, rows: Any) -> None:
    """Draw rings around some points: napari's own mark of what is selected is thin and blue."""
    ring = np.zeros(len(points.data))
    ring[list(rows)] = _RING
    points.border_width = ring
    points.border_color = _MARK


def show_arrows(layers: Any, image: Any, found: Latents) -> Any:
    """Draw the angle of each motif as an arrow from its middle, in place of the last."""
    angle = found.latent.angle
    if angle is None:
        take_away(layers, ARROWS, uid_of(image))
        return None
    start = _places(found)
    data = np.zeros((len(start), 2, start.shape[1]))
    data[:, 0] = start
    # Counter-clockwise as displayed, and rows run downwards.
    data[:, 1, -2:] = np.column_stack([-np.sin(angle), np.cos(angle)])
    make = partial(Vectors, data, vector_style="arrow", opacity=1.0, edge_color=_ARROW_COLOUR)
    layer = overlay(layers, ARROWS, image, make, ndim=start.shape[1])
    layer.data = data
    layer.features = {"angle_deg": np.degrees(angle)}
    layer.length = _ARROW * min(found.cut.motifs.side)
    layer.edge_width = max(1.0, 0.04 * min(found.cut.motifs.side))
    layer.name = f"{image.name}: angles"
    return layer


def show_windows(layers: Any, image: Any, boxes: Sequence[NDArray[np.float64]]) -> None:
    """Draw patches (corners as two points, row and column) on an image; none takes them away."""
    shapes = attached(layers, WINDOW, image)
    if not len(boxes):
        if shapes is not None:
            layers.remove(shapes)
        return
    active = layers.selection.active
    options = {
        "name": f"{image.name}: patch",
        "edge_width": 1.5 * line_width(image),
        "edge_color": "#E69F00",
        "face_color": "transparent",
        "opacity": 1.0,
    }
    shapes = attach(layers, WINDOW, image, options)
    shapes.data = []
    shapes.add(list(boxes), shape_type="rectangle")
    shapes.selected_data = set()
    if active is not None and active in layers and layers.selection.active is not active:
        layers.selection.active = active


def take_all_away(layers: Any, uid: str) -> None:
    """Remove the layers of an image's latents."""
    for role in ROLES:
        take_away(layers, role, uid)


def _places(found: Latents) -> NDArray[np.float64]:
    centres = found.cut.motifs.centres
    return in_frames(centres.frames, centres.positions, found.cut.image.shape[:-2])


def _disc(found: Latents) -> float:
    return max(2.0, _DISC * min(found.cut.motifs.side))

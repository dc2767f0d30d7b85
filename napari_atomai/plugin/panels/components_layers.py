"""Components as layers: loadings as Points, their map as Image, windows as Shapes. No Qt."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Points
from napari.utils.colormaps import ensure_colormap
from numpy.typing import NDArray

from napari_atomai.plugin.attached import attach, attached
from napari_atomai.plugin.layers import KEY, find_layer, geometry_like, notes_of, uid_of
from napari_atomai.plugin.measurements import line_width
from napari_atomai.plugin.points import colours_of, coordinates
from napari_atomai.plugin.shown import frame_shape

if TYPE_CHECKING:
    from napari_atomai.data.image import Image
    from napari_atomai.data.recipe import Record
    from napari_atomai.workflow.components import Surroundings

Grid = tuple[tuple[float, float], tuple[float, float]]

LOADINGS, MAP, WINDOW = "component loadings", "component map", "component window"
COLOURS = "viridis"
_DISC = 0.7
"""Diameter of a disc as a part of the distance between neighbours."""
_MARK, _RING = "#F4511E", 0.3
_TAILS = (1, 99)
_MOVES = ("scale", "translate", "units", "rotate", "shear", "affine")


def limits_of(values: NDArray[Any]) -> tuple[float, float]:
    """Return between which values colours lie; never equal."""
    known = values[np.isfinite(values)]
    low, high = np.percentile(known, _TAILS).tolist() if known.size else (0.0, 1.0)
    return (low, high) if high > low else (low, low + 1.0)


def show_loadings(layers: Any, found: Surroundings, layer: Any, component: int) -> Points:
    """Show the centres of windows in the colours of their loading on a component, from 0."""
    points = find_layer(layers, LOADINGS, uid_of(layer))
    data = coordinates(found.atoms, found.image.shape)
    name = f"{layer.name}: loading {component + 1}"
    if points is None:
        notes = {"role": LOADINGS, "parent_uid": uid_of(layer)}
        points = Points(
            data,
            ndim=data.shape[1],
            size=_disc(found),
            border_width=0,
            name=name,
            metadata={KEY: notes},
            **geometry_like(layer, ndim=data.shape[1]),
        )
        uid_of(points)
        keep_following(points, layer)
        layers.append(points)
    elif points.data.shape != data.shape or not np.array_equal(points.data, data):
        points.selected_data = set()
        points.data = data
        points.size = _disc(found)
    points.name = name
    points.features = {**found.atoms.features, "id": found.atoms.ids}
    mark(points, sorted(points.selected_data))
    points.face_color = _colours(found.components.loadings[:, component])
    _note(points, found.record)
    return points


def colours_of_groups(found: Surroundings) -> NDArray[Any]:
    """Return the colour of the group of every atom, as "#rrggbb"."""
    groups = found.groups
    return np.array(colours_of(int(groups.max(initial=0)) + 1))[groups]


def colour_groups(points: Points, found: Surroundings, layer: Any) -> None:
    """Give the centres of windows the colours of their groups."""
    points.face_color = colours_of_groups(found)
    points.name = f"{layer.name}: groups"


def mark(points: Points, rows: Sequence[int]) -> None:
    """Draw rings around some points: napari's own mark of what is selected is thin and blue."""
    ring = np.zeros(len(points.data))
    ring[list(rows)] = _RING
    points.border_width = ring
    points.border_color = _MARK


def lay_map(
    layers: Any,
    layer: Any,
    drawn: Image,
    record: Record | None,
    role: str = MAP,
    *,
    grid: Grid | None = None,
) -> ImageLayer:
    """Lay a map over its image, in place of the last one of that role; NaN is clear.

    Parameters
    ----------
    layers : napari LayerList
        The viewer's layers.
    layer : napari Image layer
        The image.
    drawn : Image, shape (..., y, x)
        The map.
    record : Record, optional
        How it came about.
    role : str
        What to note about the new layer.
    grid : (row, column), (row, column), optional
        Size of a pixel of the map, and where the middle of its first one lies, in pixels of the image;
        when left out it begins where the image begins, and every n-th pixel has a value.
    """
    values, limits = np.asarray(drawn.pixels), limits_of(np.asarray(drawn.pixels))
    name = f"{layer.name}: {drawn.name.rpartition(': ')[2]}"
    old = find_layer(layers, role, uid_of(layer))
    if old is None:
        old = ImageLayer(
            values,
            name=name,
            colormap=COLOURS,
            contrast_limits=limits,
            opacity=0.75,
            metadata={KEY: {"role": role, "parent_uid": uid_of(layer)}},
            **geometry_like(layer, ndim=values.ndim),
        )
        uid_of(old)
        keep_following(old, layer)
        _below_points(layers, old)
    else:
        old.data, old.name, old.contrast_limits = values, name, limits
    step = max(-(-n // m) for n, m in zip(frame_shape(layer), values.shape[-2:], strict=True))
    old.metadata[KEY]["grid"] = [list(each) for each in grid or ((step, step), (0, 0))]
    place(old, layer)
    _note(old, record)
    return old


def place(child: Any, parent: Any) -> None:
    """Bring a layer to where its image lies now; the pixels of a map may be larger."""
    for name, value in geometry_like(parent, ndim=child.ndim).items():
        setattr(child, name, value)
    step, offset = np.ones(child.ndim), np.zeros(child.ndim)
    step[-2:], offset[-2:] = child.metadata[KEY].get("grid", ((1, 1), (0, 0)))
    size = np.asarray(child.scale)
    child.scale, child.translate = size * step, np.asarray(child.translate) + size * offset


def keep_following(child: Any, parent: Any) -> None:
    """Let a layer follow its image's calibration for as long as both live."""
    child_ref, parent_ref = weakref.ref(child), weakref.ref(parent)

    def moved(_event: Any = None) -> None:
        one, other = child_ref(), parent_ref()
        if one is not None and other is not None:
            place(one, other)

    for name in _MOVES:
        getattr(parent.events, name).connect(moved)


def show_windows(layers: Any, layer: Any, boxes: Sequence[NDArray[np.float64]], role: str = WINDOW) -> None:
    """Draw windows (corners as two points, row and column) on an image; none takes them away."""
    shapes = attached(layers, role, layer)
    if not len(boxes):
        if shapes is not None:
            layers.remove(shapes)
        return
    active = layers.selection.active
    options = {
        "name": f"{layer.name}: windows",
        "edge_width": 1.5 * line_width(layer),
        "edge_color": "#E69F00",
        "face_color": "transparent",
        "opacity": 1.0,
    }
    shapes = attach(layers, role, layer, options)
    shapes.data = []
    shapes.add(list(boxes), shape_type="rectangle")
    shapes.selected_data = set()
    if active is not None and active in layers and layers.selection.active is not active:
        layers.selection.active = active


def remove_role(layers: Any, role: str) -> None:
    """Take away what was only drawn for a panel that is closed."""
    for layer in [one for one in layers if notes_of(one).get("role") == role]:
        layers.remove(layer)


def _below_points(layers: Any, made: Any) -> None:
    """Add a map under the layers of atoms, and leave chosen what was chosen."""
    active = layers.selection.active
    first = next((i for i, one in enumerate(layers) if isinstance(one, Points)), len(layers))
    layers.insert(first, made)
    if active is not None and active in layers:
        layers.selection.active = active


def _disc(found: Surroundings) -> float:
    from napari_atomai.locate.neighbours import nearest_distances

    first = found.atoms.frames == found.atoms.frames[0]
    near = nearest_distances(found.atoms.positions[first])
    near = near[np.isfinite(near)]
    return max(2.0, _DISC * float(np.median(near))) if near.size else 5.0


def _colours(values: NDArray[Any]) -> NDArray[np.float32]:
    low, high = limits_of(values)
    colours: NDArray[np.float32] = ensure_colormap(COLOURS).map(np.clip((values - low) / (high - low), 0, 1))
    return colours


def _note(layer: Any, record: Record | None) -> None:
    if record is None:
        return
    layer.metadata[KEY]["record"] = record.to_json()
    layer.metadata[KEY]["notes"] = list(record.notes)

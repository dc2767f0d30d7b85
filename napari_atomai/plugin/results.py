"""What was found, as layers: atoms as Points, class map as Labels, probability as Image. No Qt.

One layer for each role and image: a second run or another threshold changes it in place.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels, Points
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import NO_CALIBRATION
from napari_atomai.plugin import edits
from napari_atomai.plugin.calibration import calibration_of
from napari_atomai.plugin.history import history_of
from napari_atomai.plugin.layers import KEY, find_layer, geometry_like, origin_nm, pixel_size_nm, uid_of
from napari_atomai.plugin.points import (
    COLOURS,
    colours_of,
    coordinates,
    features_of,
)

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Layer

    from napari_atomai.workflow.find import Found

ATOMS, CLASSES, PROBABILITY, UNCERTAINTY = "atoms", "class map", "probability", "uncertainty"
ROLES = (PROBABILITY, UNCERTAINTY, CLASSES, ATOMS)
"""Roles of result layers, from the bottom to the top."""

_DISC = 0.62
"""Diameter of a disc as a part of the spacing: neighbours stay apart."""
_RING = 0.10
_SMALLEST_DISC = 3.0
_TREE_SAMPLE = 4000


# --- calibration --------------------------------------------------------------------------------


def recalibrated(found: Found, parent: Layer) -> Found:
    """Return a result with the pixel size that its image layer has now."""
    size = pixel_size_nm(parent)
    candidates = dataclasses.replace(found.candidates, pixel_size=size, origin=origin_nm(parent))
    changes = {"pixel_size_nm": size, "calibration": calibration_of(parent)}
    entry = found.record.input.model_copy(update=changes)
    notes = tuple(note for note in found.record.notes if note != NO_CALIBRATION)
    notes = notes if size is not None else (*notes, NO_CALIBRATION)
    record = found.record.model_copy(update={"input": entry, "notes": notes})
    return dataclasses.replace(found, candidates=candidates, record=record)


# --- showing ------------------------------------------------------------------------------------


def show(layers: LayerList, found: Found, parent: Layer) -> Points:
    """Put a result on the screen, or change the layers that already show this image's result."""
    _show_map(layers, found, parent, PROBABILITY, found.probability)
    _show_map(layers, found, parent, UNCERTAINTY, found.uncertainty)
    show_classes(layers, found, parent)
    return show_atoms(layers, found, parent, new_run=True)


def _show_map(
    layers: LayerList, found: Found, parent: Layer, role: str, values: NDArray[np.float32] | None
) -> None:
    """Show a map of a result; one that the result does not have (a single net's) is taken away."""
    layer = find_layer(layers, role, uid_of(parent))
    if values is None:
        if layer is not None:
            layers.remove(layer)
    elif layer is None:
        layers.append(_map_layer(found, parent, role, values))
    else:
        layer.data = values
        note_record(layer, found)


def show_classes(layers: LayerList, found: Found, parent: Layer) -> None:
    """Show the class map under the result's threshold."""
    layer = find_layer(layers, CLASSES, uid_of(parent))
    if layer is None:
        layers.append(_classes_layer(found, parent))
    else:
        layer.data = found.classes
        note_record(layer, found)


def show_atoms(layers: LayerList, found: Found, parent: Layer, *, new_run: bool = False) -> Points:
    """Show the atoms above the result's threshold; atoms set by hand stay.

    Those that were moved or taken away by hand stay so, too, unless a new run has found them anew.
    """
    points = find_layer(layers, ATOMS, uid_of(parent))
    if points is None:
        points = _points_layer(found, parent)
        layers.append(points)
    else:
        history = history_of(points)
        with history.not_recorded():
            _change_points(points, found, new_run=new_run)
        if new_run:
            history.forget()
        note_record(points, found)
    return points


def note_record(layer: Layer, found: Found) -> None:
    """Keep how a result came about with the layer that shows it."""
    layer.metadata[KEY]["record"] = found.record.to_json()
    layer.metadata[KEY]["notes"] = list(found.notes)


def _entry(role: str, parent: Layer, found: Found) -> dict[str, Any]:
    notes: dict[str, Any] = {"role": role, "parent_uid": uid_of(parent), "record": found.record.to_json()}
    notes["class_names"] = list(found.candidates.class_names)
    notes[edits.NEXT_ID] = len(found.candidates)
    notes["leading_shape"] = list(found.probability.shape[:-2])
    return {KEY: {**notes, "notes": list(found.notes)}}


def _own(layer: Layer) -> Layer:
    uid_of(layer)
    return layer


def _map_layer(found: Found, parent: Layer, role: str, values: NDArray[np.float32]) -> ImageLayer:
    # The standard deviation of probabilities is a half at most.
    colormap, highest = {PROBABILITY: ("magma", 1.0), UNCERTAINTY: ("viridis", 0.5)}[role]
    layer = ImageLayer(
        values,
        name=f"{parent.name}: {role}",
        colormap=colormap,
        blending="additive",
        opacity=0.7,
        contrast_limits=(0.0, highest),
        visible=False,
        metadata=_entry(role, parent, found),
        **geometry_like(parent, ndim=values.ndim),
    )
    return _own(layer)


def _classes_layer(found: Found, parent: Layer) -> Labels:
    layer = Labels(
        found.classes,
        name=f"{parent.name}: classes",
        opacity=0.5,
        visible=False,
        metadata=_entry(CLASSES, parent, found),
        **geometry_like(parent, ndim=found.classes.ndim),
    )
    dress_classes(layer)
    return _own(layer)


def dress_classes(layer: Labels) -> None:
    """Give a class map the colours of its classes; other labels keep theirs."""
    names = layer.metadata[KEY].get("class_names")
    if names is None:
        return
    colours: dict[int | None, Any] = {None: "transparent", 0: "transparent"}
    colours.update({i + 1: colour for i, colour in enumerate(colours_of(len(names)))})
    layer.colormap = DirectLabelColormap(color_dict=colours)


def _points_layer(found: Found, parent: Layer) -> Points:
    atoms, shape = found.atoms, found.probability.shape
    options = {
        "ndim": len(shape),
        "size": disc_size(found),
        "border_width": _RING,
        "name": f"{parent.name}: atoms",
        "metadata": _entry(ATOMS, parent, found),
        **geometry_like(parent, ndim=len(shape)),
    }
    points = bare_points(coordinates(atoms, shape), _columns(found, atoms), options)
    points.current_size = disc_size(found)
    _own(points)
    follow_edits(points)
    return points


def _columns(found: Found, atoms: Atoms) -> dict[str, NDArray[Any]]:
    """Return the features of atoms, with the spread of the nets where the ensemble told it."""
    columns = features_of(atoms)
    if found.uncertainty is not None:
        frames = found.uncertainty.reshape(-1, *found.uncertainty.shape[-2:])
        place = np.clip(np.rint(atoms.positions).astype(int), 0, np.array(frames.shape[1:]) - 1)
        columns["spread"] = frames[atoms.frames, place[:, 0], place[:, 1]].astype(np.float64)
    return columns


def bare_points(data: Any, features: dict[str, Any], options: dict[str, Any]) -> Points:
    """Make a layer of rings in the colours of the classes."""
    options = {"symbol": "disc", **options}
    points = Points(
        data,
        features=features,
        face_color="transparent",
        border_color=COLOURS[0],
        border_width_is_relative=True,
        **options,
    )
    edits.colour(points)
    return points


def follow_edits(points: Points) -> None:
    """Note from now on what a person changes of a layer of atoms."""
    points.events.data.connect(edits.mark_by_hand)
    points.events.data.connect(edits.remember_removed)
    history_of(points)


def _change_points(points: Points, found: Found, *, new_run: bool) -> None:
    if new_run:
        edits.forget(points)
    else:
        edits.remember_edited(points, found)
    atoms = edits.edited(points, found)
    manual = np.flatnonzero(edits.by_hand(points))
    kept, kept_features = points.data[manual], points.features.iloc[manual]
    columns = _columns(found, atoms)
    if len(manual) and new_run and "id" in kept_features:  # the new candidates have their own numbers
        kept_features = kept_features.assign(id=len(found.candidates) + np.arange(len(kept)))
    for name, column in columns.items():
        tail = kept_features.get(name, np.full(len(kept), np.nan))
        columns[name] = np.concatenate([column, np.asarray(tail, dtype=column.dtype)])
    notes = points.metadata[KEY]
    notes["class_names"] = list(dict.fromkeys([*atoms.class_names, *notes.get("class_names", ())]))
    notes[edits.NEXT_ID] = len(found.candidates)
    edits.replace(points, np.concatenate([coordinates(atoms, found.probability.shape), kept]), columns)
    points.size = disc_size(found)


def disc_size(found: Found) -> float:
    """Diameter of the discs in pixels: a part of the spacing, so that the column stays to be seen."""
    return max(_SMALLEST_DISC, _DISC * spacing_px(found))


def spacing_px(found: Found) -> float:
    """Distance between neighbouring atoms in pixels: as measured in the run, else from the positions."""
    measured = found.record.measured.get("spacing_px", 0.0)
    return float(measured) if measured > 0 else _nearest(found.candidates)


def _nearest(atoms: Atoms) -> float:
    from scipy.spatial import cKDTree

    here = atoms.positions[atoms.frames == (atoms.frames[0] if len(atoms) else 0)]
    if len(here) < 2:
        return 10.0
    distances, _ = cKDTree(here).query(here[:_TREE_SAMPLE], k=2)
    return float(np.median(np.asarray(distances)[:, 1]))

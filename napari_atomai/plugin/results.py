"""What was found, as layers: atoms as Points, class map as Labels, probability as Image. No Qt.

One layer for each role and image: a second run or another threshold changes it in place.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels, Points
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import NO_CALIBRATION
from napari_atomai.plugin.layers import KEY, find_layer, geometry_like, origin_nm, pixel_size_nm, uid_of

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Layer

    from napari_atomai.workflow.find import Found

ATOMS, CLASSES, PROBABILITY = "atoms", "class map", "probability"
ROLES = (PROBABILITY, CLASSES, ATOMS)
"""Roles of result layers, from the bottom to the top."""

# Okabe and Ito's colours (https://jfly.uni-koeln.de/color/), told apart by colour-blind readers.
_COLOURS = ("#E69F00", "#56B4E9", "#CC79A7", "#009E73", "#F0E442", "#D55E00", "#0072B2")
_DISC = 0.62
"""Diameter of a disc as a part of the spacing: neighbours stay apart."""
_RING = 0.10
_SMALLEST_DISC = 3.0
_TREE_SAMPLE = 4000
_MANUAL = "manual"
_NEXT_ID = "next_id"
_EDITED = "edited_atoms"
"""Entry of a Points layer's notes: row, column and class of the model's atoms that a person has changed."""
_REMOVED = "removed_ids"
"""Entry of a Points layer's notes: the model's atoms that a person has taken away."""
_HIDDEN = ("frame", "row_px", "col_px", "x_nm", "y_nm")
"""Table columns that follow from a point's place; kept out of features, where they would go stale."""


# --- calibration --------------------------------------------------------------------------------


def recalibrated(found: Found, parent: Layer) -> Found:
    """Return a result with the pixel size that its image layer has now."""
    size = pixel_size_nm(parent)
    candidates = dataclasses.replace(found.candidates, pixel_size=size, origin=origin_nm(parent))
    entry = found.record.input.model_copy(update={"pixel_size_nm": size})
    notes = tuple(note for note in found.record.notes if note != NO_CALIBRATION)
    notes = notes if size is not None else (*notes, NO_CALIBRATION)
    record = found.record.model_copy(update={"input": entry, "notes": notes})
    return dataclasses.replace(found, candidates=candidates, record=record)


# --- showing ------------------------------------------------------------------------------------


def show(layers: LayerList, found: Found, parent: Layer) -> Points:
    """Put a result on the screen, or change the layers that already show this image's result."""
    probability = find_layer(layers, PROBABILITY, uid_of(parent))
    if probability is None:
        layers.append(_probability_layer(found, parent))
    else:
        probability.data = found.probability
        note_record(probability, found)
    show_classes(layers, found, parent)
    return show_atoms(layers, found, parent, new_run=True)


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
        if new_run:
            points.metadata[KEY][_REMOVED] = []
        _change_points(points, found, new_run=new_run)
        note_record(points, found)
    return points


def note_record(layer: Layer, found: Found) -> None:
    """Keep how a result came about with the layer that shows it."""
    layer.metadata[KEY]["record"] = found.record.to_json()
    layer.metadata[KEY]["notes"] = list(found.notes)


def _entry(role: str, parent: Layer, found: Found) -> dict[str, Any]:
    notes: dict[str, Any] = {"role": role, "parent_uid": uid_of(parent), "record": found.record.to_json()}
    notes["class_names"] = list(found.candidates.class_names)
    notes[_NEXT_ID] = len(found.candidates)
    notes["leading_shape"] = list(found.probability.shape[:-2])
    return {KEY: {**notes, "notes": list(found.notes)}}


def _own(layer: Layer) -> Layer:
    uid_of(layer)
    return layer


def _probability_layer(found: Found, parent: Layer) -> ImageLayer:
    layer = ImageLayer(
        found.probability,
        name=f"{parent.name}: probability",
        colormap="magma",
        blending="additive",
        opacity=0.7,
        contrast_limits=(0.0, 1.0),
        visible=False,
        metadata=_entry(PROBABILITY, parent, found),
        **geometry_like(parent, ndim=found.probability.ndim),
    )
    return _own(layer)


def _classes_layer(found: Found, parent: Layer) -> Labels:
    names = found.candidates.class_names
    colours: dict[int | None, Any] = {None: "transparent", 0: "transparent"}
    colours.update({i + 1: colour for i, colour in enumerate(colours_of(len(names)))})
    layer = Labels(
        found.classes,
        name=f"{parent.name}: classes",
        colormap=DirectLabelColormap(color_dict=colours),
        opacity=0.5,
        visible=False,
        metadata=_entry(CLASSES, parent, found),
        **geometry_like(parent, ndim=found.classes.ndim),
    )
    return _own(layer)


def colours_of(count: int) -> tuple[str, ...]:
    """One colour for each class, the same in points, class map, counts and table."""
    return tuple(_COLOURS[i % len(_COLOURS)] for i in range(count))


# --- atoms <-> points ---------------------------------------------------------------------------


def _points_layer(found: Found, parent: Layer) -> Points:
    atoms, shape = found.atoms, found.probability.shape
    points = Points(
        coordinates(atoms, shape),
        ndim=len(shape),
        features=features_of(atoms),
        size=disc_size(found),
        symbol="disc",
        face_color="transparent",
        border_color=border_colours(atoms) if len(atoms) else _COLOURS[0],
        border_width=_RING,
        border_width_is_relative=True,
        name=f"{parent.name}: atoms",
        metadata=_entry(ATOMS, parent, found),
        **geometry_like(parent, ndim=len(shape)),
    )
    points.current_size = disc_size(found)
    points.events.data.connect(_mark_by_hand)
    points.events.data.connect(_remember_removed)
    return _own(points)


def _change_points(points: Points, found: Found, *, new_run: bool) -> None:
    removed = points.metadata[KEY].get(_REMOVED, [])
    atoms = found.atoms.keep(~np.isin(found.atoms.ids, removed))
    source = np.asarray(points.features.get("source", np.empty(len(points.data), object)))
    by_hand = np.flatnonzero(source == _MANUAL)
    kept, kept_features = points.data[by_hand], points.features.iloc[by_hand]
    if new_run:
        points.metadata[KEY][_EDITED] = {}
    else:
        _remember_edited(points, found, source)
    atoms = _with_edits(atoms, points.metadata[KEY].get(_EDITED, {}))
    columns = features_of(atoms)
    if len(by_hand) and new_run and "id" in kept_features:  # the new candidates have their own numbers
        kept_features = kept_features.assign(id=len(found.candidates) + np.arange(len(kept)))
    for name, column in columns.items():
        tail = kept_features.get(name, np.full(len(kept), np.nan))
        columns[name] = np.concatenate([column, np.asarray(tail, dtype=column.dtype)])
    names = list(atoms.class_names)
    points.selected_data = set()
    points.data = np.concatenate([coordinates(atoms, found.probability.shape), kept])
    points.features = columns
    if len(points.data):  # napari takes no empty table of colours
        points.border_color = _colours(columns["class"], names)
    points.size = disc_size(found)
    points.metadata[KEY]["class_names"] = names
    points.metadata[KEY][_NEXT_ID] = len(found.candidates)


def _remember_edited(points: Points, found: Found, source: NDArray[Any]) -> None:
    """Note where a person has put an atom of the model, and what class it was given."""
    shown = atoms_of(points)
    model = shown.keep(source != _MANUAL)
    _, here, there = np.intersect1d(model.ids, found.candidates.ids, return_indices=True)
    model, own = model.keep(here), found.candidates.keep(there)
    labels = np.array(model.class_names, object)[model.classes]
    changed = (model.positions != own.positions).any(axis=1)
    changed |= labels != np.array(own.class_names, object)[own.classes]
    edits = points.metadata[KEY].setdefault(_EDITED, {})
    for i in np.flatnonzero(changed):  # what a person did by hand: few
        edits[int(model.ids[i])] = (*model.positions[i].tolist(), str(labels[i]))


def _with_edits(atoms: Atoms, edits: dict[int, tuple[float, float, str]]) -> Atoms:
    rows = np.flatnonzero(np.isin(atoms.ids, list(edits)))
    if len(rows) == 0:
        return atoms
    chosen = [edits[int(name)] for name in atoms.ids[rows]]
    names = tuple(dict.fromkeys([*atoms.class_names, *(label for *_, label in chosen)]))
    positions, classes = atoms.positions.copy(), atoms.classes.copy()
    positions[rows] = [place for *place, _ in chosen]
    classes[rows] = [names.index(label) for *_, label in chosen]
    return dataclasses.replace(atoms, positions=positions, classes=classes, class_names=names)


def coordinates(atoms: Atoms, shape: Sequence[int]) -> NDArray[np.float64]:
    """Points data of atoms: pixel coordinates, with the leading indices of their frame in front."""
    leading = np.unravel_index(atoms.frames, tuple(shape[:-2])) if len(shape) > 2 else ()
    return np.column_stack([*leading, atoms.positions]).astype(np.float64)


def features_of(atoms: Atoms) -> dict[str, NDArray[Any]]:
    """Return the columns that napari keeps with the points."""
    columns = {name: column for name, column in atoms.table().items() if name not in _HIDDEN}
    columns["class"] = columns["class"].astype(object)
    return {**columns, "source": np.full(len(atoms), "model", dtype=object)}


def atoms_of(points: Points) -> Atoms:
    """Return the atoms as a Points layer has them now, edits and calibration included."""
    notes = points.metadata.get(KEY, {})
    features = {str(name): np.asarray(points.features[name]) for name in points.features}
    count = len(points.data)
    known = tuple(notes.get("class_names", ())) or ("column",)
    labels = features.pop("class", np.full(count, known[0], dtype=object))
    names = (*known, *(str(label) for label in dict.fromkeys(labels) if label not in known))
    place = {name: i for i, name in enumerate(names)}
    ids = features.pop("id", np.arange(count))
    atoms = Atoms.make(
        points.data[:, -2:],
        np.fromiter((place[str(label)] for label in labels), np.int64, count),
        _frames(points.data[:, :-2], notes.get("leading_shape", ())),
        features,
        class_names=names,
        pixel_size=pixel_size_nm(points),
        origin=origin_nm(points),
    )
    return dataclasses.replace(atoms, ids=np.asarray(ids, dtype=np.int64))


def _frames(leading: NDArray[Any], shape: Sequence[int]) -> NDArray[np.int64]:
    index = np.rint(leading).astype(np.int64)
    if index.shape[1] == 0:
        return np.zeros(len(index), np.int64)
    if index.shape[1] == 1 or len(shape) != index.shape[1]:
        return np.maximum(index[:, -1], 0)
    return np.ravel_multi_index(tuple(index.T), tuple(shape), mode="clip").astype(np.int64)


def border_colours(atoms: Atoms) -> NDArray[np.float64]:
    """Ring colours (N, 4) of atoms by their class."""
    return _rgba(len(atoms.class_names))[atoms.classes]


def _colours(labels: NDArray[Any], names: list[str]) -> NDArray[np.float64]:
    place = {name: i for i, name in enumerate(names)}
    index = np.fromiter((place.get(label, len(names)) for label in labels), np.int64, len(labels))
    return _rgba(len(names) + 1)[index]


def _rgba(count: int) -> NDArray[np.float64]:
    packed = [int(colour[1:], 16) for colour in colours_of(count)]
    rgb = [((c >> 16) / 255, (c >> 8 & 255) / 255, (c & 255) / 255, 1.0) for c in packed]
    return np.array(rgb, dtype=np.float64).reshape(-1, 4)


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


def edited_atoms(points: Points, found: Found) -> Atoms | None:
    """Return the atoms of a layer if a person has changed them since they were found, else None."""
    atoms, own = atoms_of(points), found.atoms
    same = (
        np.array_equal(atoms.ids, own.ids)
        and np.array_equal(atoms.positions, own.positions)
        and np.array_equal(atoms.frames, own.frames)
        and np.array_equal(atoms.table()["class"], own.table()["class"])
    )
    return None if same else atoms


def _remember_removed(event: Any) -> None:
    # The threshold brings atoms back that it hid, but not those that a person took away. The rows are
    # looked up before they go.
    if str(getattr(event, "action", "")) != "removing":
        return
    points = event.source
    rows = points.features.iloc[np.asarray(event.data_indices, dtype=np.int64)]
    model = rows[rows["source"] != _MANUAL] if "source" in rows else rows
    if "id" in model:
        points.metadata[KEY].setdefault(_REMOVED, []).extend(int(i) for i in model["id"])


def _mark_by_hand(event: Any) -> None:
    # napari gives a new point the features of the last selected one: a hand-set atom would get a
    # model's score. It is marked for what it is.
    if str(getattr(event, "action", "")) != "added":
        return
    points = event.source
    new = np.asarray(event.data_indices, dtype=np.int64) % max(len(points.data), 1)
    features = points.features.copy()
    for name in features:
        if features[name].dtype.kind == "f":
            features.loc[features.index[new], name] = np.nan
    names = points.metadata.get(KEY, {}).get("class_names") or ["column"]
    if "class" in features:
        nameless = new[features["class"].iloc[new].isna().to_numpy()]
        features.loc[features.index[nameless], "class"] = names[0]
    if "id" in features:
        others = features["id"].drop(features.index[new])
        # Candidates that the threshold hides have numbers, too.
        first = max(int(others.max()) + 1 if len(others) else 0, points.metadata[KEY].get(_NEXT_ID, 0))
        features.loc[features.index[new], "id"] = first + np.arange(len(new))
    features.loc[features.index[new], "source"] = _MANUAL
    points.features = features

"""One layer of a viewer as an entry of a saved session, and back: numbers, looks and our notes. No Qt."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels, Points, Shapes, Tracks, Vectors
from napari.utils.colormaps import DirectLabelColormap

from napari_atomai.plugin import edits, results
from napari_atomai.plugin.layers import KEY, geometry_like, image_of, notes_of, uid_of

Entry = dict[str, Any]
Arrays = dict[str, Any]

_KINDS = {
    "image": ImageLayer, "labels": Labels, "points": Points,
    "shapes": Shapes, "vectors": Vectors, "tracks": Tracks,
}  # fmt: skip
_LOOKS = {
    "image": ("gamma", "blending"),
    "labels": ("editable",),
    "points": ("size", "border_width", "symbol"),
    "shapes": (),
    "vectors": ("length", "edge_width", "vector_style", "blending"),
    "tracks": ("tail_length", "tail_width", "color_by"),
}
"""What is one value for the whole layer; of values that each point has, the first is kept."""

_COLOURS = {
    "points": ("face_color", "border_color"),
    "shapes": ("face_color", "edge_color"),
    "vectors": ("edge_color",),
}
"""What is one colour for each point, shape or arrow."""

_FEATURED = ("points", "vectors", "tracks")
_LEFT_OUT = ("owner",)


def entry_of(layer: Any, arrays: Arrays) -> Entry | None:
    """Return what is to be kept of a layer, and put its numbers into `arrays`; None of a kind not kept."""
    kind = next((name for name, made in _KINDS.items() if type(layer) is made), None)
    if kind is None or getattr(layer, "multiscale", False):
        return None
    uid = uid_of(layer)
    notes = {name: value for name, value in notes_of(layer).items() if name not in _LEFT_OUT}
    geometry = {name: value for name, value in geometry_like(layer).items() if name != "affine"}
    entry: Entry = {"kind": kind, "name": layer.name, "uid": uid}
    entry |= {"notes": plain(notes), "geometry": plain(geometry), "look": _look(layer, kind)}
    if kind == "shapes":
        entry["shapes"] = [str(form) for form in layer.shape_type]
        arrays |= {f"{uid}/shape{number}": np.array(outline) for number, outline in enumerate(layer.data)}
    elif kind != "image" or not _is_of_file(layer):
        arrays[f"{uid}/data"] = np.array(layer.data)
    if kind in _FEATURED:
        entry["features"] = list(map(str, layer.features))
        arrays |= {
            f"{uid}/feature/{name}": as_column(layer.features[name].to_numpy()) for name in layer.features
        }
    arrays |= {f"{uid}/{name}": np.array(getattr(layer, name)) for name in _COLOURS.get(kind, ())}
    return entry


def layer_of(entry: Entry, arrays: Arrays, pixels: Any) -> Any:
    """Return the layer of an entry.

    Parameters
    ----------
    entry : dict
        As `entry_of` gave it.
    arrays : dict
        With its numbers.
    pixels : array or None
        Of an image whose pixels lie in its file.
    """
    kind, uid, look = entry["kind"], entry["uid"], dict(entry["look"])
    notes = {**entry["notes"], "uid": uid}
    notes[edits.EDITED] = {int(name): edit for name, edit in notes.get(edits.EDITED, {}).items()}
    options = {"name": entry["name"], "metadata": {KEY: notes}, **entry["geometry"]}
    columns = {name: _objects(arrays[f"{uid}/feature/{name}"]) for name in entry.get("features", ())}
    if kind == "image":
        own = arrays.get(f"{uid}/data")
        layer: Any = ImageLayer(pixels if own is None else own, **options, **look)
        look = {}
    elif kind == "shapes":
        outlines = [arrays[f"{uid}/shape{number}"] for number in range(len(entry["shapes"]))]
        layer = Shapes(outlines or None, shape_type=entry["shapes"] or "rectangle", **options)
        look.pop("edge_width", None)
    elif kind == "points":
        styles = {name: look.pop(name) for name in _LOOKS["points"] if name in look}
        layer = results.bare_points(arrays[f"{uid}/data"], columns, {**options, **styles})
    elif kind == "labels":
        layer = Labels(arrays[f"{uid}/data"], **options)
        results.dress_classes(layer)
        _dress(layer, look.pop("colours", {}))
    else:
        layer = _KINDS[kind](arrays[f"{uid}/data"], features=columns, **options)
    for name, value in look.items():
        setattr(layer, name, value)
    for name in _COLOURS.get(kind, ()):
        if len(arrays.get(f"{uid}/{name}", ())):
            setattr(layer, name, arrays[f"{uid}/{name}"])
    uid_of(layer)
    return layer


def _look(layer: Any, kind: str) -> Entry:
    look: Entry = {"visible": bool(layer.visible), "opacity": float(layer.opacity)}
    if kind == "image":
        look |= {"colormap": str(layer.colormap.name), "rgb": bool(layer.rgb)}
        look["contrast_limits"] = plain(layer.contrast_limits)
    if kind == "labels" and isinstance(layer.colormap, DirectLabelColormap):
        colours = layer.colormap.color_dict
        look["colours"] = {
            str(label): plain(np.asarray(colours[label])) for label in colours if label is not None
        }
    values = {name: np.ravel(np.asarray(getattr(layer, name))) for name in _LOOKS[kind]}
    return look | {name: plain(value[0]) for name, value in values.items() if value.size}


def _dress(layer: Labels, colours: dict[str, Any]) -> None:
    """Give labels the colours that they were saved with."""
    if colours:
        known: dict[int | None, Any] = {int(label): np.asarray(colour) for label, colour in colours.items()}
        layer.colormap = DirectLabelColormap(color_dict={None: "transparent", **known})


def _is_of_file(layer: Any) -> bool:
    """Whether the pixels of an image are those of its file: others would be lost with their layer."""
    return bool(notes_of(layer).get("source")) and image_of(layer).source is not None


def as_column(values: Any) -> Any:
    """Return a feature as NPY can hold it."""
    return values.astype(str) if values.dtype == object else values


def _objects(values: Any) -> Any:
    return values.astype(object) if values.dtype.kind == "U" else values


def plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return value if isinstance(value, str | int | float | bool | None) else str(value)

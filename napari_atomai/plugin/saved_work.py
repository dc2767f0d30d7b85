"""The layers of a viewer as a piece of work that can be written, and back. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels, Points, Shapes

from napari_atomai.data.recipe import Record
from napari_atomai.errors import AtomAIError
from napari_atomai.files.work import Work
from napari_atomai.plugin import edits, results
from napari_atomai.plugin.layers import KEY, geometry_like, image_of, is_plain_image, notes_of, uid_of
from napari_atomai.plugin.shown import shown_frame
from napari_atomai.workflow.saved import candidates_of, whereabouts

if TYPE_CHECKING:
    from napari_atomai.workflow.find import Found

_KINDS = {"image": ImageLayer, "labels": Labels, "points": Points, "shapes": Shapes}
_STYLE = {
    "image": ("contrast_limits", "gamma"),
    "labels": (),
    "points": ("size", "border_width", "symbol"),
    "shapes": ("edge_width",),
}
_LEFT_OUT = ("owner",)
Find = Callable[[dict[str, Any]], Path | None]
"""Is given what is known of an image's file that is gone; returns where it is now, or None."""


def take(viewer: Any, found: dict[str, Found]) -> Work:
    """Return what is to be kept of a viewer.

    Parameters
    ----------
    viewer : napari.Viewer or ViewerModel
        Images that came from a file are kept as its path and hash, all others with their pixels.
    found : dict of str to Found
        What was found in images, by their uid.
    """
    arrays: dict[str, Any] = {}
    layers = [entry for layer in viewer.layers if (entry := _layer_entry(layer, arrays)) is not None]
    shown = {uid_of(layer): shown_frame(viewer, layer) for layer in viewer.layers if is_plain_image(layer)}
    layers = [{**entry, "shown": list(shown.get(entry["uid"], ()))} for entry in layers]
    atoms = [_found_entry(uid, result, arrays) for uid, result in found.items()]
    return Work({"layers": layers, "found": atoms}, arrays)


def _layer_entry(layer: Any, arrays: dict[str, Any]) -> dict[str, Any] | None:
    kind = next((name for name, made in _KINDS.items() if type(layer) is made), None)
    if kind is None or getattr(layer, "multiscale", False):
        return None
    uid = uid_of(layer)
    notes = {name: value for name, value in notes_of(layer).items() if name not in _LEFT_OUT}
    entry: dict[str, Any] = {"kind": kind, "name": layer.name, "uid": uid, "notes": _plain(notes)}
    geometry = {name: value for name, value in geometry_like(layer).items() if name != "affine"}
    entry["geometry"] = _plain(geometry)
    entry["look"] = {"visible": bool(layer.visible), "opacity": float(layer.opacity)}
    if kind == "image":
        entry["look"] |= {"colormap": str(layer.colormap.name), "blending": str(layer.blending)}
        entry["look"]["rgb"] = bool(layer.rgb)
    if kind == "shapes":
        entry["shapes"] = [str(form) for form in layer.shape_type]
        for number, outline in enumerate(layer.data):
            arrays[f"{uid}/shape{number}"] = np.array(outline)
    elif kind != "image" or not _is_of_file(layer):
        arrays[f"{uid}/data"] = np.array(layer.data)
    if kind == "points":
        entry["features"] = list(map(str, layer.features))
        for name in layer.features:
            arrays[f"{uid}/feature/{name}"] = _column(layer.features[name].to_numpy())
    for name in _STYLE[kind]:
        value = np.asarray(getattr(layer, name))
        entry["look"][name] = _plain(
            value.reshape(-1)[0] if name != "contrast_limits" and value.size else value
        )
    return entry


def _is_of_file(layer: Any) -> bool:
    """Whether the pixels of an image are those of its file: others would be lost with their layer."""
    return bool(notes_of(layer).get("source")) and image_of(layer).source is not None


def _found_entry(uid: str, found: Found, arrays: dict[str, Any]) -> dict[str, Any]:
    atoms = found.candidates
    for name in ("positions", "classes", "frames", "ids"):
        arrays[f"found/{uid}/{name}"] = getattr(atoms, name)
    for name, column in atoms.features.items():
        arrays[f"found/{uid}/feature/{name}"] = _column(np.asarray(column))
    arrays[f"found/{uid}/probability"] = found.probability
    if found.uncertainty is not None:
        arrays[f"found/{uid}/uncertainty"] = found.uncertainty
    return {
        "uid": uid,
        "record": found.record.to_json(),
        "class_names": list(atoms.class_names),
        "features": list(atoms.features),
        "pixel_size": _plain(atoms.pixel_size),
        "origin": _plain(atoms.origin),
    }


def restored_found(entry: dict[str, Any], arrays: dict[str, Any]) -> Found:
    """Return what was found in an image, as it was kept."""
    from napari_atomai.workflow.find import Found

    first, atoms = f"found/{entry['uid']}", candidates_of(entry, arrays)
    record = Record.from_json(entry["record"])
    return Found(atoms, arrays[f"{first}/probability"], record, arrays.get(f"{first}/uncertainty"))


def restore(viewer: Any, work: Work, find: Find) -> tuple[list[Points], list[str]]:
    """Put the layers of a piece of work into a viewer.

    Parameters
    ----------
    viewer : napari.Viewer or ViewerModel
        Layers of the same work that it has already are replaced.
    work : Work
        As `take` gave it.
    find : callable
        Finds an image whose file is gone.

    Returns
    -------
    atoms : list of Points
        The layers of atoms.
    notes : list of str
        What could not be brought back, and why.
    """
    present = {notes_of(layer).get("uid"): layer for layer in viewer.layers}
    atoms, notes = [], []
    for entry in work.entry["layers"]:
        try:
            layer = _layer(entry, work.arrays, find)
        except (AtomAIError, KeyError, ValueError, TypeError) as error:
            notes.append(f"{entry.get('name', 'A layer')!r} could not be brought back: {error}")
            continue
        if entry["uid"] in present:
            viewer.layers.remove(present[entry["uid"]])
        viewer.layers.append(layer)
        if isinstance(layer, Points) and entry["notes"].get("role") == results.ATOMS:
            results.follow_edits(layer)
            atoms.append(layer)
    return atoms, notes


def _layer(entry: dict[str, Any], arrays: dict[str, Any], find: Find) -> Any:
    kind, uid, look = entry["kind"], entry["uid"], dict(entry["look"])
    notes = {**entry["notes"], "uid": uid}
    notes[edits.EDITED] = {int(name): edit for name, edit in notes.get(edits.EDITED, {}).items()}
    options = {"name": entry["name"], "metadata": {KEY: notes}, **entry["geometry"]}
    if kind == "shapes":
        outlines = [arrays[f"{uid}/shape{number}"] for number in range(len(entry["shapes"]))]
        layer: Any = Shapes(outlines or None, shape_type=entry["shapes"] or "rectangle", **options)
        look.pop("edge_width", None)
    elif kind == "points":
        columns = {name: _objects(arrays[f"{uid}/feature/{name}"]) for name in entry["features"]}
        styles = {name: look.pop(name) for name in ("size", "border_width", "symbol") if name in look}
        layer = results.bare_points(arrays[f"{uid}/data"], columns, {**options, **styles})
    elif kind == "labels":
        layer = Labels(arrays[f"{uid}/data"], **options)
        results.dress_classes(layer)
    else:
        pixels = arrays.get(f"{uid}/data")
        pixels = _pixels_of(entry, find) if pixels is None else pixels
        layer = ImageLayer(pixels, **options, **look)
        look = {}
    for name, value in look.items():
        setattr(layer, name, value)
    uid_of(layer)
    return layer


def _pixels_of(entry: dict[str, Any], find: Find) -> Any:
    """Read an image's file again: where it was, or where it is found."""
    from napari_atomai.files.reading import read_all

    source = entry["notes"]["source"]
    path = Path(source["path"])
    if not path.exists():
        found = find({**source, "sha256": entry.get("sha256", ""), "name": entry["name"]})
        if found is None:
            raise ValueError(f"its file {path} is not there any more")
        path = found
        source["path"] = str(found)
    wanted = source["dataset"]
    for one in read_all(path):
        if one.source is not None and one.source.dataset == wanted:
            pixels: Any = getattr(one, "pixels", None)  # a spectrum was no layer
            return pixels
    raise ValueError(f"{path} has no dataset {wanted} any more")


def add_hashes(work: Work) -> None:
    """Note the hash of the file of every image, so that a moved one is known again; takes a while."""
    from napari_atomai.workflow.record import file_sha256

    for entry in work.entry["layers"]:
        source = entry["notes"].get("source")
        if entry["kind"] == "image" and source and "sha256" not in entry and Path(source["path"]).exists():
            entry["sha256"] = file_sha256(Path(source["path"]))


def beside(folder: Path) -> Find:
    """Return a finder that looks for a file in a folder, by its hash or its name."""

    def find(known: dict[str, Any]) -> Path | None:
        return whereabouts(Path(known["path"]), known["sha256"], folder)

    return find


def _column(values: Any) -> Any:
    return values.astype(str) if values.dtype == object else values


def _objects(values: Any) -> Any:
    return values.astype(object) if values.dtype.kind == "U" else values


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return value if isinstance(value, str | int | float | bool | None) else str(value)

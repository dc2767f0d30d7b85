"""The layers of a viewer as a piece of work that can be written, and back. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Points, Shapes

from napari_atomai.data.recipe import Record
from napari_atomai.errors import AtomAIError
from napari_atomai.files.work import Work
from napari_atomai.plugin import results
from napari_atomai.plugin.layers import is_plain_image, notes_of, uid_of
from napari_atomai.plugin.overlays import is_overlay, keep_following
from napari_atomai.plugin.saved_layers import as_column, entry_of, layer_of, plain
from napari_atomai.plugin.shown import shown_frame
from napari_atomai.workflow.saved import candidates_of, whereabouts

if TYPE_CHECKING:
    from napari_atomai.workflow.find import Found

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
    layers = [entry for layer in viewer.layers if (entry := entry_of(layer, arrays)) is not None]
    shown = {uid_of(layer): shown_frame(viewer, layer) for layer in viewer.layers if is_plain_image(layer)}
    layers = [{**entry, "shown": list(shown.get(entry["uid"], ()))} for entry in layers]
    atoms = [_found_entry(uid, result, arrays) for uid, result in found.items()]
    return Work({"layers": layers, "found": atoms}, arrays)


def _found_entry(uid: str, found: Found, arrays: dict[str, Any]) -> dict[str, Any]:
    atoms = found.candidates
    for name in ("positions", "classes", "frames", "ids"):
        arrays[f"found/{uid}/{name}"] = getattr(atoms, name)
    for name, column in atoms.features.items():
        arrays[f"found/{uid}/feature/{name}"] = as_column(np.asarray(column))
    arrays[f"found/{uid}/probability"] = found.probability
    if found.uncertainty is not None:
        arrays[f"found/{uid}/uncertainty"] = found.uncertainty
    return {
        "uid": uid,
        "record": found.record.to_json(),
        "class_names": list(atoms.class_names),
        "features": list(atoms.features),
        "pixel_size": plain(atoms.pixel_size),
        "origin": plain(atoms.origin),
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
            of_file = entry["kind"] == "image" and f"{entry['uid']}/data" not in work.arrays
            layer = layer_of(entry, work.arrays, _pixels_of(entry, find) if of_file else None)
        except (AtomAIError, KeyError, ValueError, TypeError) as error:
            notes.append(f"{entry.get('name', 'A layer')!r} could not be brought back: {error}")
            continue
        if entry["uid"] in present:
            viewer.layers.remove(present[entry["uid"]])
        viewer.layers.append(layer)
        if isinstance(layer, Points) and entry["notes"].get("role") == results.ATOMS:
            results.follow_edits(layer)
            atoms.append(layer)
    _connect(viewer.layers)
    return atoms, notes


def _connect(layers: Any) -> None:
    """Let what was drawn or laid over an image follow its calibration again."""
    images = {notes_of(layer).get("uid"): layer for layer in layers if is_plain_image(layer)}
    for layer in layers:
        parent = images.get(notes_of(layer).get("parent_uid"))
        if parent is not None and (is_overlay(layer) or isinstance(layer, Shapes)):
            keep_following(layer, parent)


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

"""The result of a segmentation as layers, and as the atoms of its image that all panels work with. No Qt."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from napari.layers import Image as ImageLayer
from napari.utils.colormaps import Colormap

from napari_atomai.plugin import results
from napari_atomai.plugin.layers import KEY, find_layer, follow, geometry_like, notes_of, uid_of
from napari_atomai.plugin.points import colours_of
from napari_atomai.plugin.session import Result

if TYPE_CHECKING:
    from napari_atomai.data.image import Image
    from napari_atomai.plugin.job_slots import Done
    from napari_atomai.plugin.session import Session
    from napari_atomai.workflow.segment import Segmented

ROLE = "probability of "
"""Role of the map of one class, before the name of the class."""
_MOVES = ("scale", "translate", "rotate", "shear", "affine", "units")


def is_segmented(found: Any) -> bool:
    """Tell a segmentation from what a finder of atoms found; nothing is imported for it."""
    return hasattr(found, "maps")


def shown(session: Session, image: Image) -> Done:
    """Return what a job ends with: layers, and the result as that of the image.

    The class map is shown; the other maps lie hidden in the list of layers.
    """

    def done(found: Segmented, layer: Any) -> Result:
        layers, uid = session.atoms.layers, uid_of(layer)
        first = find_layer(layers, results.CLASSES, uid) is None
        kept: Any = results.recalibrated(found, layer)
        _show_class_maps(layers, kept, layer)
        results.show(layers, kept, layer)  # last, so that the atoms are what is selected then
        classes = find_layer(layers, results.CLASSES, uid)
        if first and classes is not None:
            classes.visible = True
        session.put_back(uid, kept)
        result = Result(kept, image, session.slot("segment").seconds)
        session.atoms.put(uid, result)
        return result

    return done


def show_classes_at(session: Session, uid: str, found: Segmented, threshold: float) -> None:
    """Bring the class map to a threshold at once; `show_threshold` follows when the atoms are found."""
    layer = find_layer(session.atoms.layers, results.CLASSES, uid)
    if layer is not None:
        layer.data = found.classes_at(threshold)


def show_threshold(session: Session, uid: str, found: Segmented) -> None:
    """Show the result of an image at the threshold that `found` has."""
    result, layer = session.result(uid), session.layer(uid)
    if result is None or layer is None:
        return
    kept = results.recalibrated(found, layer)
    session.correcting.adopt(results.show_atoms(session.atoms.layers, kept, layer))
    results.show_classes(session.atoms.layers, kept, layer)
    session.atoms.put(uid, dataclasses.replace(result, found=kept))


def _show_class_maps(layers: Any, found: Segmented, parent: Any) -> None:
    """Show the probability of each class, where there is more than one beside the background."""
    names = found.atoms.class_names if found.maps.shape[-1] > 2 else ()
    roles = {f"{ROLE}{name}": (index, colour) for index, (name, colour) in enumerate(_coloured(names))}
    for layer in [one for one in layers if _is_class_map(one, uid_of(parent))]:
        if notes_of(layer)["role"] not in roles:  # of another model
            layers.remove(layer)
    for role, (index, colour) in roles.items():
        values = found.maps[..., index]
        layer = find_layer(layers, role, uid_of(parent))
        if layer is None:
            layers.insert(_above(layers, parent), _class_map(found, parent, role, values, colour))
        else:
            layer.data = values


def _class_map(found: Segmented, parent: Any, role: str, values: Any, colour: str) -> ImageLayer:
    layer = ImageLayer(
        values,
        name=f"{parent.name}: {role}",
        colormap=Colormap(["black", colour], name=f"black to {colour}"),
        blending="additive",
        contrast_limits=(0.0, 1.0),
        visible=False,
        metadata={
            KEY: {"role": role, "parent_uid": uid_of(parent), "record": found.record.to_json()},
        },
        **geometry_like(parent, ndim=values.ndim),
    )
    uid_of(layer)
    for name in _MOVES:
        getattr(parent.events, name).connect(lambda _event, child=layer: follow(child, parent))
    return layer


def _coloured(names: tuple[str, ...]) -> list[tuple[str, str]]:
    return list(zip(names, colours_of(len(names)), strict=True))


def _is_class_map(layer: Any, uid: str) -> bool:
    notes = notes_of(layer)
    return str(notes.get("role", "")).startswith(ROLE) and notes.get("parent_uid") == uid


def _above(layers: Any, parent: Any) -> int:
    return int(layers.index(parent)) + 1

"""Class maps painted with napari's tools and the atoms of an image, kept in step on request. No Qt."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_atomai.data.atoms import Atoms
from napari_atomai.errors import BadOption
from napari_atomai.plugin import edits, results
from napari_atomai.plugin.history import history_of
from napari_atomai.plugin.layers import KEY, find_layer, uid_of
from napari_atomai.plugin.points import atoms_of, coordinates
from napari_atomai.workflow.hand_edits import edited

if TYPE_CHECKING:
    from napari.layers import Labels, Points

    from napari_atomai.plugin.session import Session

_DISC = 0.3
"""Radius of the discs as a part of the spacing: neighbours stay apart."""
_SMALLEST = 1.5

_drawn: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
"""The maps that were drawn from atoms; napari paints into them, and what else is shown is another array."""


def draw_labels(session: Session, image: Any) -> Labels:
    """Draw the class map of an image anew from its atoms: a disc for each, of its class.

    Raises
    ------
    BadOption
        If the image has no atoms.
    """
    from napari_atomai.workflow.painted import painted_of

    points, result = _known(session, image)
    atoms = atoms_of(points)
    radius = max(_SMALLEST, _DISC * results.spacing_px(result.found))
    layers = session.atoms.layers
    if find_layer(layers, results.CLASSES, uid_of(image)) is None:
        results.show_classes(layers, result.found, image)
    labels: Any = find_layer(layers, results.CLASSES, uid_of(image))
    labels.data = painted_of(atoms, result.found.probability.shape, radius)
    labels.metadata[KEY]["class_names"] = list(atoms.class_names)
    results.dress_classes(labels)
    _drawn[labels] = labels.data
    return labels


def take_atoms(session: Session, image: Any) -> str:
    """Change the atoms of an image as its class map was painted, in one step of undo; say what was done.

    Raises
    ------
    BadOption
        If the class map was not drawn from the atoms before it was painted.
    """
    from napari_atomai.workflow.painted import edits_from

    points, _ = _known(session, image)
    labels = find_layer(session.atoms.layers, results.CLASSES, uid_of(image))
    drawn = None if labels is None else _drawn.get(labels)
    if labels is None or drawn is None or drawn is not labels.data:
        raise BadOption(
            "The class map is not one that was drawn from these atoms.",
            why="It would be taken for what you have painted.",
            remedy="Press Atoms → labels first, then paint.",
        )
    atoms = atoms_of(points)
    first = max(int(atoms.ids.max(initial=-1)) + 1, points.metadata[KEY].get(edits.NEXT_ID, 0))
    painted = edits_from(atoms, drawn, first)
    if not painted:
        return "Atoms and labels agree: nothing to change."
    _put(points, edited(atoms, painted), np.array(list(painted.added), np.int64), drawn.shape)
    edits.note_exchange(points, np.array(painted.removed, np.int64), np.empty(0, np.int64))
    return (
        f"{len(painted.added)} atoms set, {len(painted.removed)} taken away, "
        f"{len(painted.changed)} of another class."
    )


def _put(points: Points, atoms: Atoms, new: Any, shape: tuple[int, ...]) -> None:
    names = np.array(atoms.class_names, object)
    columns = dict(atoms.features) | {"id": atoms.ids, "class": names[atoms.classes]}
    if "source" in columns:
        source = columns["source"].astype(object)
        source[np.isin(atoms.ids, new)] = edits.MANUAL
        columns["source"] = source
    history = history_of(points)
    history.commit()
    order = [str(name) for name in points.features]
    edits.replace(points, coordinates(atoms, shape), {name: columns[name] for name in order})
    history.commit()


def _known(session: Session, image: Any) -> tuple[Any, Any]:
    points = None if image is None else session.points(uid_of(image))
    result = None if image is None else session.result(uid_of(image))
    if points is None or result is None:
        raise BadOption("This image has no atoms yet.", remedy="Find them in the Atoms panel.")
    return points, result

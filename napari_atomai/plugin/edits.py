"""What a person changes by hand: atoms set, moved, taken away or given another class. No Qt.

The changes are kept in the Points layer's own notes, so that another threshold does not undo them.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.atoms import Atoms
from napari_atomai.plugin.layers import KEY
from napari_atomai.plugin.points import atoms_of, label_colours

if TYPE_CHECKING:
    from napari.layers import Points

    from napari_atomai.workflow.find import Found

MANUAL = "manual"
"""Source of an atom that was set by hand; that of the others is "model"."""
NEXT_ID = "next_id"
"""Entry of the notes: the first number that no candidate has."""
EDITED = "edited_atoms"
"""Entry of the notes: row, column and class of the model's atoms that a person has changed."""
REVIEWED_IDS = "reviewed_ids"
"""Entry of the notes: the atoms that a person has looked at and found right."""
_REMOVED = "removed_ids"
"""Entry of the notes: the model's atoms that a person has taken away."""


def forget(points: Points) -> None:
    """Forget what was changed: a new run finds anew. Atoms set by hand stay."""
    notes = points.metadata[KEY]
    notes[_REMOVED], notes[EDITED], notes[REVIEWED_IDS] = [], {}, []


def edited(points: Points, found: Found) -> Atoms:
    """Return a result's atoms with what a person has changed of them: moved, renamed, taken away."""
    notes = points.metadata[KEY]
    atoms = found.atoms.keep(~np.isin(found.atoms.ids, notes.get(_REMOVED, [])))
    return _with_edits(atoms, notes.get(EDITED, {}))


def remember_edited(points: Points, found: Found) -> None:
    """Note where a person has put an atom of the model, and what class it was given."""
    shown = atoms_of(points)
    model = shown.keep(~by_hand(points))
    _, here, there = np.intersect1d(model.ids, found.candidates.ids, return_indices=True)
    model, own = model.keep(here), found.candidates.keep(there)
    labels = np.array(model.class_names, object)[model.classes]
    changed = (model.positions != own.positions).any(axis=1)
    changed |= labels != np.array(own.class_names, object)[own.classes]
    edits = points.metadata[KEY].setdefault(EDITED, {})
    for name in model.ids[~changed]:  # it may have been put back
        edits.pop(int(name), None)
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


def remember_removed(event: Any) -> None:
    """Note which of the model's atoms are being taken away; for a Points layer's data event."""
    # The threshold brings atoms back that it hid, but not those that a person took away. The rows are
    # looked up before they go.
    if str(getattr(event, "action", "")) != "removing":
        return
    points = event.source
    rows = points.features.iloc[np.asarray(event.data_indices, dtype=np.int64)]
    model = rows[rows["source"] != MANUAL] if "source" in rows else rows
    if "id" in model:
        points.metadata[KEY].setdefault(_REMOVED, []).extend(int(i) for i in model["id"])


def mark_by_hand(event: Any) -> None:
    """Mark new points as set by hand; for a Points layer's data event."""
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
        elif features[name].dtype.kind == "b":
            features.loc[features.index[new], name] = False
    names = points.metadata.get(KEY, {}).get("class_names") or ["column"]
    if "class" in features:
        nameless = new[features["class"].iloc[new].isna().to_numpy()]
        features.loc[features.index[nameless], "class"] = names[0]
    if "id" in features:
        others = features["id"].drop(features.index[new])
        # Candidates that the threshold hides have numbers, too.
        first = max(int(others.max()) + 1 if len(others) else 0, points.metadata[KEY].get(NEXT_ID, 0))
        features.loc[features.index[new], "id"] = first + np.arange(len(new))
    features.loc[features.index[new], "source"] = MANUAL
    points.features = features


def replace(points: Points, data: NDArray[np.float64], features: dict[str, NDArray[Any]]) -> None:
    """Put other atoms into a layer, with rings in the colours of their classes."""
    points.selected_data = set()
    points.data = data
    points.features = features
    colour(points)


def colour(points: Points) -> None:
    """Give the rings the colours of their classes."""
    if len(points.data) and "class" in points.features:  # napari takes no empty table of colours
        names = list(points.metadata[KEY].get("class_names") or ["column"])
        points.border_color = label_colours(points.features["class"].to_numpy(), names)


def note_exchange(points: Points, gone: NDArray[np.int64], there: NDArray[np.int64]) -> None:
    """Note that atoms were taken away and others put back, by undo or redo."""
    removed = set(points.metadata[KEY].get(_REMOVED, ()))
    model = set(points.features["id"][~by_hand(points)]) if "id" in points.features else set()
    removed |= {int(i) for i in np.setdiff1d(gone, there)}
    points.metadata[KEY][_REMOVED] = sorted(removed - {int(i) for i in model})


def in_words(points: Points) -> str:
    """Say how many atoms there are, and how many of them a person has set or taken away."""
    count, manual = len(points.data), int(by_hand(points).sum())
    removed = len(points.metadata[KEY].get(_REMOVED, ()))
    return f"{count} atoms, {manual} of them set by hand; {removed} taken away."


def by_hand(points: Points) -> NDArray[np.bool_]:
    """Which points (N,) were set by hand."""
    if "source" not in points.features:
        return np.zeros(len(points.data), np.bool_)
    return np.asarray(points.features["source"] == MANUAL, np.bool_)

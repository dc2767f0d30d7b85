"""What a person has changed of the atoms that were found: taken apart, kept as JSON, and done again."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from napari_atomai.data.atoms import Atoms

Change = tuple[float, float, str]
Added = tuple[int, float, float, str]


class Edits(BaseModel):
    """Edits by hand.

    Parameters
    ----------
    removed : tuple of int
        Ids of atoms that were taken away.
    changed : dict of id to (row, column, class)
        Atoms that were moved or renamed, and what they are now.
    added : dict of id to (frame, row, column, class)
        Atoms that were set.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    removed: tuple[int, ...] = ()
    changed: dict[int, Change] = {}
    added: dict[int, Added] = {}

    def __bool__(self) -> bool:
        """Whether anything was changed."""
        return bool(self.removed or self.changed or self.added)


def edits_between(found: Atoms, now: Atoms) -> Edits:
    """Return what turns the atoms that were found into those that are there now; ids tell which is which."""
    _, old, new = np.intersect1d(found.ids, now.ids, return_indices=True)
    names = np.array(now.class_names, object)[now.classes]
    same = (found.positions[old] == now.positions[new]).all(axis=1)
    same &= np.array(found.class_names, object)[found.classes][old] == names[new]
    changed = new[~same]
    added = np.flatnonzero(~np.isin(now.ids, found.ids))
    return Edits(
        removed=tuple(int(i) for i in np.setdiff1d(found.ids, now.ids)),
        changed={int(now.ids[i]): (*now.positions[i].tolist(), str(names[i])) for i in changed},
        added={
            int(now.ids[i]): (int(now.frames[i]), *now.positions[i].tolist(), str(names[i])) for i in added
        },
    )


def edited(found: Atoms, edits: Edits) -> Atoms:
    """Do edits again. Atoms that were set have NaN, False, or no word for what was not measured."""
    atoms = found.keep(~np.isin(found.ids, edits.removed))
    words = [change[2] for change in edits.changed.values()] + [entry[3] for entry in edits.added.values()]
    names = tuple(dict.fromkeys([*found.class_names, *words]))
    positions, classes = atoms.positions.copy(), atoms.classes.copy()
    rows = np.flatnonzero(np.isin(atoms.ids, list(edits.changed)))
    for row in rows:  # by hand: few
        at_row, at_column, label = edits.changed[int(atoms.ids[row])]
        positions[row], classes[row] = (at_row, at_column), names.index(label)
    atoms = dataclasses.replace(atoms, positions=positions, classes=classes, class_names=names)
    return _with(atoms, edits.added)


def _with(atoms: Atoms, added: dict[int, Added]) -> Atoms:
    if not added:
        return atoms
    frames, rows, columns, labels = zip(*added.values(), strict=True)
    unknown = {name: _unknown(column, len(added)) for name, column in atoms.features.items()}
    return dataclasses.replace(
        atoms,
        positions=np.concatenate([atoms.positions, np.column_stack([rows, columns])]),
        classes=np.concatenate([atoms.classes, [atoms.class_names.index(label) for label in labels]]),
        frames=np.concatenate([atoms.frames, frames]),
        ids=np.concatenate([atoms.ids, list(added)]),
        features={name: np.concatenate([atoms.features[name], unknown[name]]) for name in unknown},
    )


def _unknown(column: NDArray[Any], count: int) -> NDArray[Any]:
    return np.full(count, np.nan if column.dtype.kind == "f" else column.dtype.type(), column.dtype)

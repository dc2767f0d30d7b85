"""Where atoms are, in any of the forms people have it in, as one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.data.arguments import whole_number
from napari_atomai.data.atoms import Atoms
from napari_atomai.errors import BadAtoms

Coordinates = Atoms | Mapping[int, ArrayLike] | ArrayLike
"""Atoms, the paper's ``{frame: (N, 3)}``, or one table (N, 2) or (N, 3) of row, column[, class]."""

_SHAPE = "Give (N, 2): row and column, or (N, 3): row, column and class of each atom."


@dataclass(frozen=True, eq=False)
class Places:
    """Atoms of a stack of images.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Row, column in pixels; pixel centres lie at integers.
    classes, frames : arrays of int, shape (N,)
    """

    positions: NDArray[np.float64]
    classes: NDArray[np.int64]
    frames: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.positions)

    def of_class(self, number: int) -> Places:
        """Return the atoms of one class.

        Raises
        ------
        BadAtoms
            If there are none.
        """
        chosen = self.classes == whole_number("The class of the atoms", number, 0)
        if len(self) and not chosen.any():
            raise BadAtoms(
                f"There are no atoms of class {number} among {len(self)}.",
                remedy=f"The classes there are: {numbers(np.unique(self.classes))}.",
            )
        return Places(self.positions[chosen], self.classes[chosen], self.frames[chosen])


def places(coordinates: Coordinates, frames: int) -> Places:
    """Bring coordinates to one table and check it against the number of images.

    Parameters
    ----------
    coordinates : Atoms, mapping of int to array, or array
        See `Coordinates`. A frame's number is its key, not its rank among the keys.
    frames : int
        How many images there are.

    Raises
    ------
    BadAtoms
        If a position or class is not finite, a class is not a whole number from 0, or a frame lies
        outside the stack; with the values.
    """
    if isinstance(coordinates, Atoms):
        table = Places(coordinates.positions, coordinates.classes, coordinates.frames)
    elif isinstance(coordinates, Mapping):
        table = _joined({frame: _single(part) for frame, part in coordinates.items()})
    elif frames == 1:
        table = _joined({0: _single(coordinates)})
    else:
        raise BadAtoms(
            f"One table of atoms was given for {frames} images.",
            why="Which image an atom lies in is not known.",
            remedy="Give {frame: table}, one entry for each image that has atoms.",
        )
    _check(table, frames)
    return table


def numbers(values: NDArray[Any], most: int = 8) -> str:
    """Write values in words, the first few of many."""
    shown = ", ".join(f"{value:g}" for value in values[:most])
    return f"{shown}, ... ({len(values)} in all)" if len(values) > most else shown


def _single(table: ArrayLike) -> NDArray[np.float64]:
    try:
        rows = np.asarray(table, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BadAtoms(f"A table of atoms holds what is no number: {error}.", remedy=_SHAPE) from error
    if rows.size == 0:
        return np.empty((0, 3))
    if rows.ndim != 2 or rows.shape[1] not in (2, 3):
        raise BadAtoms(f"The table of atoms has shape {rows.shape}.", remedy=_SHAPE)
    if not np.isfinite(rows).all():
        bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        raise BadAtoms(
            f"{len(bad)} of {len(rows)} atoms have a position or class that is not finite; "
            f"the first is row {bad[0]}: {numbers(rows[bad[0]])}.",
            remedy="Leave these atoms out.",
        )
    return rows if rows.shape[1] == 3 else np.column_stack([rows, np.zeros(len(rows))])


def _joined(tables: Mapping[int, NDArray[np.float64]]) -> Places:
    rows = np.concatenate([*tables.values(), np.empty((0, 3))])
    frames = np.repeat(np.array(list(tables), np.int64), [len(table) for table in tables.values()])
    classes = rows[:, 2].astype(np.int64)
    odd = (classes != rows[:, 2]) | (classes < 0)
    if odd.any():
        raise BadAtoms(
            f"Classes of atoms are {numbers(np.unique(rows[odd, 2]))}.",
            why="The third column is the class: a whole number from 0.",
            remedy="Number the classes 0, 1, 2 ... or leave the third column out.",
        )
    return Places(rows[:, :2], classes, frames)


def _check(table: Places, frames: int) -> None:
    outside = (table.frames < 0) | (table.frames >= frames)
    if outside.any():
        raise BadAtoms(
            f"Atoms lie in frame(s) {numbers(np.unique(table.frames[outside]))}, "
            f"but there are {frames} image(s), counted from 0.",
            remedy="Give the images these atoms belong to, or number the frames from 0.",
        )
    if not np.isfinite(table.positions).all():
        bad = np.flatnonzero(~np.isfinite(table.positions).all(axis=1))
        raise BadAtoms(
            f"{len(bad)} of {len(table)} atoms have a position that is not finite; the first is {bad[0]}.",
            remedy="Leave these atoms out.",
        )

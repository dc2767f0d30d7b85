"""The atoms that points stand for, edits included: a window's layer and a saved session mean the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.data.atoms import Atoms

_ONLY = "column"
"""Class of atoms of which nobody said another."""


def marked_atoms(
    data: ArrayLike,
    features: Mapping[str, ArrayLike],
    notes: Mapping[str, Any],
    pixel_size: tuple[float, float] | None,
    origin: tuple[float, float],
) -> Atoms:
    """Return the atoms that points stand for.

    Parameters
    ----------
    data : array, shape (N, D)
        Row, column in pixels, after the indices of the frame where the image has several.
    features : mapping of str to array, shape (N,)
        Of the points; "class" and "id" become those of the atoms.
    notes : mapping
        Of the layer: ``class_names``, and ``leading_shape`` of the image.
    pixel_size, origin : (row, column)
        In nm, as the layer is calibrated.

    Returns
    -------
    Atoms
    """
    points = np.asarray(data, np.float64)
    columns = {name: np.asarray(each) for name, each in features.items()}
    known = tuple(notes.get("class_names", ())) or (_ONLY,)
    labels = [str(each) for each in columns.pop("class", np.full(len(points), known[0]))]
    names = tuple(dict.fromkeys([*known, *labels]))
    place = {name: number for number, name in enumerate(names)}
    ids = columns.pop("id", np.arange(len(points)))
    atoms = Atoms.make(
        points[:, -2:],
        np.fromiter((place[label] for label in labels), np.int64, len(points)),
        _frames(points[:, :-2], notes.get("leading_shape", ())),
        columns,
        class_names=names,
        pixel_size=pixel_size,
        origin=origin,
    )
    return dataclasses.replace(atoms, ids=np.asarray(ids, np.int64))


def _frames(leading: NDArray[np.float64], shape: Sequence[int]) -> NDArray[np.int64]:
    """Return the number of the frame of each point from its leading coordinates."""
    index = np.rint(leading).astype(np.int64)
    if index.shape[1] == 0:
        return np.zeros(len(index), np.int64)
    if index.shape[1] == 1 or len(shape) != index.shape[1]:
        return np.maximum(index[:, -1], 0)
    return np.asarray(np.ravel_multi_index(tuple(index.T), tuple(shape), mode="clip"), np.int64)

"""Atoms and painted class maps kept in step: one drawn from the other. No torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_atomai.data.atoms import Atoms
from napari_atomai.errors import BadImage
from napari_atomai.prepare.masks import disc_labels
from napari_atomai.workflow.hand_edits import Added, Change, Edits


def painted_of(atoms: Atoms, shape: tuple[int, ...], radius: float) -> NDArray[np.uint8]:
    """Return a class map with a disc at every atom.

    Parameters
    ----------
    atoms : Atoms
        Of all frames.
    shape : tuple of int
        Of the image, (..., y, x).
    radius : float
        Of the discs, in pixels.

    Returns
    -------
    array of uint8, of that shape
        0 is background, 1 the first class.
    """
    frames = int(np.prod(shape[:-2], dtype=int))
    background = len(atoms.class_names)
    labels = disc_labels(
        atoms.to_paper(), (frames, *shape[-2:]), nb_classes=background + 1, radius=radius
    ).reshape(shape)
    return np.where(labels == background, 0, labels + 1).astype(np.uint8)


def edits_from(atoms: Atoms, labels: NDArray[Any], first_id: int) -> Edits:
    """Return what a person has changed of the atoms by painting.

    An atom whose pixel was erased goes; one whose pixel has another class takes it; a painted spot without
    an atom becomes one, in the middle of the spot.

    Parameters
    ----------
    atoms : Atoms
        As they are.
    labels : array of int, shape (..., y, x)
        The class map as painted: 0 is background, 1 the first class.
    first_id : int
        Number of the first new atom.

    Raises
    ------
    BadImage
        If a class is painted that the atoms do not have.
    """
    names, maps = atoms.class_names, labels.reshape(-1, *labels.shape[-2:])
    if maps.max(initial=0) > len(names):
        raise BadImage(
            f"The class {int(maps.max())} is painted; there are {len(names)}: {', '.join(names)}.",
            remedy="Give an atom a new class in the Correct panel first, or paint with a class there is.",
        )
    limits = np.array(maps.shape[1:]) - 1
    place = np.clip(np.rint(atoms.positions).astype(int), 0, limits)
    now = maps[atoms.frames, place[:, 0], place[:, 1]].astype(int) - 1
    renamed = np.flatnonzero((now >= 0) & (now != atoms.classes))
    changed: dict[int, Change] = {
        int(atoms.ids[i]): (*atoms.positions[i].tolist(), names[now[i]]) for i in renamed
    }
    added: list[Added] = []
    for frame in np.unique(np.flatnonzero(maps.any(axis=(1, 2)))):
        here = place[atoms.frames == frame]
        added += [(int(frame), row, column, names[i]) for row, column, i in _spots(maps[frame], here)]
    return Edits(
        removed=tuple(int(i) for i in atoms.ids[now < 0]),
        changed=changed,
        added={first_id + number: entry for number, entry in enumerate(added)},
    )


def _spots(labels: NDArray[Any], occupied: NDArray[np.int64]) -> list[tuple[float, float, int]]:
    """Return row, column and class of the painted spots in which no atom lies."""
    found: list[tuple[float, float, int]] = []
    for value in np.unique(labels[labels > 0]):
        spots, count = ndimage.label(labels == value)
        taken = np.unique(spots[occupied[:, 0], occupied[:, 1]])
        free = np.setdiff1d(np.arange(1, count + 1), taken)
        centres = np.reshape(ndimage.center_of_mass(spots > 0, spots, free), (-1, 2)).tolist()
        found += [(row, column, int(value) - 1) for row, column in centres]
    return found

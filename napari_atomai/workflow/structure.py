"""From the atoms of an image to a structure that simulation codes can run."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.aseutils.cells import Structure, build_structure, with_notes
from napari_atomai.aseutils.export import read_structure
from napari_atomai.data.atoms import Atoms
from napari_atomai.data.recipes_structure import BuildStructure
from napari_atomai.errors import BadAtoms
from napari_atomai.workflow.rings import elements_of, scale_of

Vector = NDArray[np.float64]


def structure_of(atoms: Atoms, recipe: BuildStructure, *, plane: ArrayLike | None = None) -> Structure:
    """Build the structure of one frame.

    Parameters
    ----------
    atoms : Atoms
        Of an image or a movie.
    recipe : BuildStructure
        Elements of the classes, frame, cell.
    plane : array, shape (2, 2), optional
        Two vectors (row, column) in pixels by which the plane repeats.

    Returns
    -------
    Structure
        Array ``column`` of its atoms counts the atoms of the frame.

    Raises
    ------
    UnknownOption
        If a class has no element, or a frame or element is not there.
    BadAtoms
        If the frame has no atoms, or too few to estimate a scale.
    CannotRead
        If the prototype is no structure.
    """
    chosen = _of_frame(atoms, recipe)
    symbols = elements_of(chosen, recipe.elements)
    scale, notes = scale_of(chosen, symbols, recipe.scale, recipe.bond)
    names = [chosen.class_names[i] for i in chosen.classes.tolist()]
    vectors = None if plane is None else np.asarray(plane, float) * scale
    built = build_structure(
        chosen.positions * scale,
        symbols.tolist(),
        recipe,
        classes=names,
        plane=vectors,
        prototype=read_structure(recipe.prototype) if recipe.prototype else None,
    )
    shared = sorted({recipe.elements[name] for name in set(names)})
    if len(shared) < len(set(names)):
        notes = (*notes, f"{len(set(names))} classes became {len(shared)} elements: {', '.join(shared)}.")
    return with_notes(built, notes)


def in_image(positions: ArrayLike, start: Structure, atoms: Atoms, recipe: BuildStructure) -> Vector:
    """Return where atoms of a structure lie in the image after they have moved.

    Parameters
    ----------
    positions : array, shape (..., N, 3)
        x, y, z in Å, of the structure's atoms.
    start : Structure
        As it was built by `structure_of`.
    atoms : Atoms
        Of the image.
    recipe : BuildStructure
        As it was built.

    Returns
    -------
    array, shape (..., M, 2)
        Row, column in pixels of each atom (column) of the frame: the mean over what is stacked in it.
    """
    chosen = _of_frame(atoms, recipe)
    scale, _ = scale_of(chosen, elements_of(chosen, recipe.elements), recipe.scale, recipe.bond)
    moved = (np.asarray(positions, float) - start.atoms.positions)[..., 1::-1] / np.array(scale)
    column = start.atoms.arrays["column"]
    order = np.argsort(column, kind="stable")
    first = np.searchsorted(column[order], np.arange(len(chosen)))
    mean = np.add.reduceat(moved[..., order, :], first, axis=-2) / np.bincount(column)[:, None]
    there: Vector = chosen.positions + mean
    return there


def _of_frame(atoms: Atoms, recipe: BuildStructure) -> Atoms:
    chosen = atoms.keep(atoms.frames == recipe.frame)
    if not len(chosen):
        raise BadAtoms(
            f"Frame {recipe.frame} has no atoms.",
            remedy=f"Choose among frames {np.unique(atoms.frames).tolist()}, or find atoms first.",
        )
    return chosen

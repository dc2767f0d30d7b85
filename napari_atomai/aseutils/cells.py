"""From positions in the plane of an image to a structure with a cell.

x is the column and y the row of the image, as for simulated structures; z runs along the beam.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from napari_atomai.data.arguments import a_table
from napari_atomai.data.recipes_structure import BuildStructure
from napari_atomai.errors import BadAtoms, BadOption, UnknownOption

Vector = NDArray[np.float64]

SHEET = 3.4
"""Thickness of a sheet for its density, Å: the distance of graphene's layers in graphite."""

_OVERLAP = 0.6  # of the sum of covalent radii
_ROOM = (3.0, 60.0)  # Å³ per atom: diamond has 5.7, caesium 115, most solids 8 to 30


@dataclass(frozen=True, eq=False)
class Structure:
    """A structure and what is doubtful about it.

    Parameters
    ----------
    atoms : ase.Atoms
        With a cell. Array ``column`` says from which atom of the image each comes.
    notes : tuple of str
        Sentences a person should see.
    """

    atoms: Atoms
    notes: tuple[str, ...] = ()


def build_structure(
    positions: ArrayLike,
    elements: Sequence[str],
    recipe: BuildStructure | None = None,
    *,
    classes: Sequence[str] = (),
    plane: ArrayLike | None = None,
    prototype: Atoms | None = None,
) -> Structure:
    """Build a structure of atoms (atomic columns) seen in an image.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Row, column in Å.
    elements : sequence of str, length N
        Symbol of each atom.
    recipe : BuildStructure
        Third direction, vacuum, margin, periodicity.
    classes : sequence of str, length N
        Class name of each, for heights by class.
    plane : array, shape (2, 2), optional
        Two vectors (row, column) in Å by which the plane repeats: the field of view, or a multiple of a
        fitted lattice. Without it the cell is an upright rectangle around the atoms and their margin.
    prototype : ase.Atoms, optional
        Unit cell of a crystal seen along its third vector: tells the heights of its elements along a column.

    Returns
    -------
    Structure

    Raises
    ------
    BadAtoms
        If there are no atoms, or positions are not (N, 2).
    UnknownOption
        If there is no such element.
    BadOption
        If a periodic plane has no vectors, or the prototype lacks an element.
    """
    recipe = recipe or BuildStructure()
    where = a_table("Positions", positions, 2)
    if not len(where):
        raise BadAtoms("There are no atoms to build a structure of.", remedy="Find atoms first.")
    symbols = _checked(elements, len(where))
    flat, vectors = _in_plane(where, plane, recipe)
    column, heights, thickness = _along_beam(symbols, classes, recipe, prototype)
    cell = np.zeros((3, 3))
    cell[:2, :2] = vectors
    # Slabs that repeat along the beam leave the room of their repeat between their last and first atoms.
    cell[2, 2] = thickness + recipe.vacuum if recipe.vacuum or thickness else 1.0
    middle = (cell[2, 2] - np.ptp(heights)) / 2 - heights.min()
    full = np.column_stack([flat[column], heights + middle])
    solid = recipe.third == "columns" and recipe.vacuum == 0
    atoms = Atoms(symbols[column], positions=full, cell=cell, pbc=(recipe.periodic, recipe.periodic, solid))
    atoms.set_array("column", column.astype(int))
    return Structure(atoms, check(atoms, recipe.vacuum))


def _checked(elements: Sequence[str], count: int) -> NDArray[np.str_]:
    symbols = np.asarray(list(elements), dtype=str)
    if len(symbols) != count:
        raise BadAtoms(f"{count} positions have {len(symbols)} elements.", remedy="Give one for each.")
    for symbol in sorted(set(symbols.tolist())):
        if symbol not in atomic_numbers or symbol == "X":
            raise UnknownOption("element", symbol, [name for name in atomic_numbers if name != "X"])
    return symbols


def _in_plane(where: Vector, plane: ArrayLike | None, recipe: BuildStructure) -> tuple[Vector, Vector]:
    """Return positions (x, y) and the two vectors (x, y) of the cell."""
    flat = where[:, ::-1]
    if plane is None:
        if recipe.periodic:
            raise BadOption(
                "The plane is to repeat, but by no vectors.",
                why="Atoms at its borders would meet at random distances.",
                remedy="Fit a lattice and give a multiple of its vectors, or let the plane not repeat.",
            )
        low, high = flat.min(axis=0) - recipe.margin, flat.max(axis=0) + recipe.margin
        return flat - low, np.diag(np.maximum(high - low, 1.0))
    vectors = np.asarray(plane, float)[:, ::-1]
    if abs(np.linalg.det(vectors)) < 1e-6:
        raise BadOption("The two vectors of the plane lie on one line.", remedy="Give others.")
    if np.linalg.det(vectors) < 0:
        vectors = vectors[::-1]  # cells are right-handed for most codes
    return flat, vectors


def _along_beam(
    symbols: NDArray[np.str_], classes: Sequence[str], recipe: BuildStructure, prototype: Atoms | None
) -> tuple[NDArray[np.int64], Vector, float]:
    """Return the column that each atom of the structure comes from, its height, and the whole height."""
    columns = np.arange(len(symbols))
    if recipe.third == "flat sheet":
        return columns, np.zeros(len(symbols)), 0.0
    if recipe.third == "layer heights":
        lost = sorted(set(recipe.heights) - set(classes))
        if lost:
            raise UnknownOption("class of atoms called", lost[0], set(classes))
        heights = np.array([recipe.heights.get(name, 0.0) for name in classes] or np.zeros(len(symbols)))
        return columns, heights, float(np.ptp(heights))
    repeat, inside = _stacking(symbols, recipe, prototype)
    times = max(round(recipe.thickness / repeat), 1)
    counts = np.array([len(inside[symbol]) for symbol in symbols.tolist()])
    column = np.repeat(columns, counts * times)
    heights = np.concatenate(
        [
            (np.asarray(inside[symbol])[:, None] + np.arange(times) * repeat).ravel()
            for symbol in symbols.tolist()
        ]
    )
    return column, heights, times * repeat


def _stacking(
    symbols: NDArray[np.str_], recipe: BuildStructure, prototype: Atoms | None
) -> tuple[float, Mapping[str, Vector]]:
    """Return the repeat along a column, and the heights of atoms of each element within it."""
    kinds = sorted(set(symbols.tolist()))
    if prototype is None:
        return recipe.repeat, {kind: np.zeros(1) for kind in kinds}
    lost = sorted(set(kinds) - set(prototype.get_chemical_symbols()))
    if lost:
        raise BadOption(
            f"The prototype {prototype.get_chemical_formula()} has no {', '.join(lost)}.",
            remedy="Give the cell of the crystal in the image, or other elements for the classes.",
        )
    depth = float(prototype.cell.lengths()[2])
    names = np.array(prototype.get_chemical_symbols())
    scaled = prototype.get_scaled_positions()
    heights = {}
    for kind in kinds:
        own = scaled[names == kind]
        away = own[:, :2] - own[0, :2]
        same = (np.abs(away - np.rint(away)) < 0.02).all(axis=1)
        heights[kind] = np.sort(own[same, 2]) * depth
    return depth, heights


def check(atoms: Atoms, vacuum: float = 0.0) -> tuple[str, ...]:
    """Say what is doubtful: atoms that overlap, isolated ones, too much or too little room for each.

    Parameters
    ----------
    atoms : ase.Atoms
        With a cell.
    vacuum : float
        Empty space along z, Å, left out of the density.
    """
    notes = [*_on_distances(atoms)]
    height = max(float(atoms.cell.lengths()[2]) - vacuum, SHEET)
    area = float(np.linalg.norm(np.cross(atoms.cell[0], atoms.cell[1])))
    room = area * height / max(len(atoms), 1)
    if any(atoms.pbc[:2]) and not _ROOM[0] <= room <= _ROOM[1]:
        notes.append(
            f"Each atom has {room:.3g} Å³: solids have {_ROOM[0]:g} to {_ROOM[1]:g}. "
            "Check the scale and the cell."
        )
    return tuple(notes)


def _on_distances(atoms: Atoms) -> list[str]:
    if len(atoms) < 2:
        return ["One atom is no structure: nothing can be checked."]
    padded = _with_images(atoms)
    radii = covalent_radii[padded.numbers]
    found = cKDTree(padded.positions).query(atoms.positions, k=[2])
    distance, nearest = (np.asarray(each)[:, 0] for each in found)
    ratio = distance / (covalent_radii[atoms.numbers] + radii[nearest])
    notes = []
    if (near := int((ratio < _OVERLAP).sum())) > 0:
        notes.append(
            f"{near} atom(s) lie nearer to another than {_OVERLAP:g} of a bond, the nearest at "
            f"{float(distance.min()):.2f} Å: they overlap. "
            "Check the scale, doubled atoms and the periodic cell."
        )
    if (far := int((ratio > 2).sum())) > 0:
        notes.append(f"{far} atom(s) have no other within two bond lengths.")
    return notes


def _with_images(atoms: Atoms, reach: float = 4.0) -> Atoms:
    """Add periodic images near the borders."""
    if not any(atoms.pbc):
        return atoms
    from ase.neighborlist import primitive_neighbor_list

    second, shift = primitive_neighbor_list("jS", atoms.pbc, atoms.cell[:], atoms.positions, reach)
    outside = np.unique(np.column_stack([second, shift])[shift.any(axis=1)], axis=0)
    images = atoms[outside[:, 0]]
    images.positions += outside[:, 1:] @ atoms.cell[:]
    return atoms + images


def colours_and_radii(atoms: Atoms) -> tuple[Vector, Vector]:
    """Return the usual red, green, blue (N, 3) from 0 to 1 and covalent radius (N,) in Å of each atom."""
    from ase.data.colors import jmol_colors

    return np.asarray(jmol_colors[atoms.numbers], float), np.asarray(covalent_radii[atoms.numbers], float)


def with_notes(structure: Structure, notes: Sequence[str]) -> Structure:
    """Return a structure with more sentences."""
    return dataclasses.replace(structure, notes=(*structure.notes, *notes))

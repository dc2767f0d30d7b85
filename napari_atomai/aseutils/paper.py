"""The words of the paper and of AtomAI for structures: `ase_obj_basic` and `ase_obj_adv`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike, NDArray

from napari_atomai.aseutils.export import kind_of, write_structure
from napari_atomai.data.arguments import a_table
from napari_atomai.errors import BadAtoms, BadOption, UnknownOption

Vector = NDArray[np.float64]

_MARGIN = 0.2  # Å beyond the farthest atom, as AtomAI has it


def ase_obj_basic(
    coords_dict: Mapping[int, ArrayLike] | ArrayLike,
    frame_number: int,
    material_system: str,
    map_dict: Mapping[int, str],
    filepath: str | os.PathLike[str] | None = None,
    px2ang: float = 1.0,
) -> Atoms:
    """Make a structure of one frame in a cubic cell, and write it where a path is given.

    Parameters
    ----------
    coords_dict : mapping of int to array, shape (N, 3)
        Row, column (pixels) and class of the atoms of each frame; one array is frame 0.
    frame_number : int
        Which frame.
    material_system : str
        Name of the material, kept as ``info["material"]``.
    map_dict : mapping of int to str
        Element of each class; two classes may be of one element.
    filepath : path-like, optional
        By its ending POSCAR, CIF, XYZ ...; a POSCAR where it has none. Nothing is written without it.
    px2ang : float
        Å per pixel.

    Returns
    -------
    ase.Atoms
        In a cube as wide as the farthest coordinate and 0.2 Å, the atoms in the middle of its height. As in
        AtomAI, the first axis is the row.

    Raises
    ------
    BadAtoms
        If the frame is not there or has no atoms.
    BadOption, UnknownOption
        If a class has no element, or the scale is not above 0.
    SaveFailed
        If the file could not be written, or reads back as something else.
    """
    plane, symbols = _frame(coords_dict, frame_number, map_dict, px2ang)
    side = float(plane.max()) + _MARGIN
    return _made(plane, symbols, np.diag([side] * 3), material_system, filepath)


def ase_obj_adv(  # noqa: PLR0913 - the paper's words
    a_lattice: Sequence[float],
    b_lattice: Sequence[float],
    c_lattice: Sequence[float],
    coords_dict: Mapping[int, ArrayLike] | ArrayLike,
    frame_number: int,
    material_system: str,
    map_dict: Mapping[int, str],
    filepath: str | os.PathLike[str] | None = None,
    px2ang: float = 1.0,
) -> Atoms:
    """Make a structure of one frame in a given cell, and write it where a path is given.

    Parameters
    ----------
    a_lattice, b_lattice, c_lattice : sequence of three floats
        Vectors of the cell in Å.
    coords_dict, frame_number, material_system, map_dict, filepath, px2ang
        As for `ase_obj_basic`.

    Returns
    -------
    ase.Atoms
        With the atoms at half of the third vector's height.

    Raises
    ------
    BadOption
        If the three vectors span no volume; and as `ase_obj_basic`.
    """
    cell = np.array([a_lattice, b_lattice, c_lattice], float)
    if cell.shape != (3, 3) or abs(np.linalg.det(cell)) < 1e-6:
        raise BadOption("The three vectors span no volume.", remedy="Give three of three numbers each, in Å.")
    plane, symbols = _frame(coords_dict, frame_number, map_dict, px2ang)
    return _made(plane, symbols, cell, material_system, filepath)


def _frame(
    coords: Mapping[int, ArrayLike] | ArrayLike, frame: int, map_dict: Mapping[int, str], px2ang: float
) -> tuple[Vector, list[str]]:
    frames = coords if isinstance(coords, Mapping) else {0: coords}
    if frame not in frames:
        raise BadAtoms(f"There is no frame {frame}.", remedy=f"Choose among {list(frames)}.")
    if not px2ang > 0:
        raise BadOption(f"px2ang is {px2ang:g}.", remedy="Give the size of a pixel in Å, above 0.")
    table = a_table("Coordinates", frames[frame], 3)
    if not len(table) or not np.isfinite(table).all():
        raise BadAtoms(
            f"Frame {frame} has {len(table)} atoms, not all of them at finite positions."
            if len(table)
            else f"Frame {frame} has no atoms.",
            remedy="Choose another frame, or find atoms first.",
        )
    lost = sorted(set(table[:, 2].tolist()) - set(map_dict))
    if lost:
        raise BadOption(
            f"Class {lost[0]:g} has no element; map_dict names {list(map_dict)}.",
            remedy='Give an element for each class, as {0: "C", 1: "Si"}.',
        )
    return table[:, :2] * px2ang, [map_dict[int(each)] for each in table[:, 2]]


def _made(
    plane: Vector, symbols: list[str], cell: Vector, material: str, path: str | os.PathLike[str] | None
) -> Atoms:
    from ase.data import atomic_numbers

    for symbol in set(symbols):
        if symbol not in atomic_numbers:
            raise UnknownOption("element", symbol, [name for name in atomic_numbers if name != "X"])
    height = np.full(len(plane), cell[2, 2] / 2)
    atoms = Atoms(symbols, positions=np.column_stack([plane, height]), cell=cell, pbc=True)
    atoms.info["material"] = material
    if path is not None:
        write_structure(atoms, path, _kind(path))
    return atoms


def _kind(path: str | os.PathLike[str]) -> str:
    from pathlib import Path

    return kind_of(Path(path)) if Path(path).suffix else "poscar"

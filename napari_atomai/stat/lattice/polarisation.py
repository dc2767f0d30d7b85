"""How far atoms of one sublattice lie off the middle of their cage, as B in the A cage of a perovskite."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_atomai.errors import BadAtoms, BadOption
from napari_atomai.stat.lattice.fit import Cell, Lattice
from napari_atomai.stat.lattice.local import local_fits

Vector = NDArray[np.float64]

_ALIKE = 1.3  # corners of a cage are at most this much farther away than the nearest
_FEWEST = 2
_BESIDE = 1.3  # cells


@dataclass(frozen=True, eq=False)
class Polarisation:
    """Displacements of the central atoms of cages.

    Parameters
    ----------
    vectors : array, shape (N, 2)
        As row, column; NaN for atoms of other sublattices, and where a cage has lost too many atoms.
    sd : array, shape (N, 2)
        Standard errors.
    corners : int
        How many atoms a whole cage has.
    """

    vectors: Vector
    sd: Vector
    corners: int

    @property
    def size(self) -> Vector:
        """Length of each vector."""
        return np.asarray(np.linalg.norm(self.vectors, axis=1), np.float64)

    @property
    def angle(self) -> Vector:
        """Direction of each in degrees, counter-clockwise from the right, -180 to 180."""
        return np.asarray(np.degrees(np.arctan2(-self.vectors[:, 0], self.vectors[:, 1])), np.float64)


def polarisation(
    positions: Vector, lattice: Lattice, *, centre: int = 1, cage: int = 0, sd: Vector | None = None
) -> Polarisation:
    """Measure how far atoms lie off the middle of the cage around them.

    The middle follows from the corners that are there, by an affine fit: where all are there it is their
    mean, and where one is missing the others still tell it. The displacement that all cells have in
    common is kept: a crystal polarised everywhere is not mistaken for an unpolarised one.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Row, column.
    lattice : Lattice
        Of these atoms, with at least two sublattices.
    centre, cage : int
        Sublattices of the atoms in the middle (B) and around (A).
    sd : array, shape (N, 2), optional
        Standard errors of the positions.

    Raises
    ------
    BadAtoms
        If there are no two sublattices.
    BadOption
        If one of the two is not there, or both are the same.
    """
    most = max(len(cell.offsets) for cell in lattice.cells)
    if most < 2:
        raise BadAtoms(
            "The lattice has one sublattice.",
            why="A displacement of one against another needs two.",
            remedy="Divide the atoms into classes first, or let brightness tell sublattices apart.",
        )
    if centre == cage or not (0 <= centre < most and 0 <= cage < most):
        raise BadOption(
            f"Sublattice {centre} in a cage of sublattice {cage} was asked for.",
            remedy=f"Choose two different ones of 0 to {most - 1}.",
        )
    vectors, errors = np.full((2, len(positions), 2), np.nan)
    corners = 0
    for number, cell in enumerate(lattice.cells):
        if len(cell.offsets) <= max(centre, cage):
            continue
        middle, reach, corners = _cage(cell, centre, cage)
        # Neighbours are compared with a cell whose centre is the middle of the cage.
        offsets = cell.offsets.copy()
        offsets[centre] = middle
        only = _one_grain(lattice, number, offsets)
        fits = local_fits(positions, only, reach=reach, sd=sd, of=centre, among=cage)
        mine = (lattice.grain == number) & (lattice.sublattice == centre)
        vectors[mine], errors[mine] = fits.displacement[mine], fits.displacement_sd[mine]
    return Polarisation(vectors, errors, corners)


def _cage(cell: Cell, centre: int, cage: int) -> tuple[Vector, float, int]:
    """Return the middle of the cage around the centre, in cells, its reach in cells, and its corners."""
    steps = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    corners = cell.offsets[cage] + steps
    away = np.linalg.norm((corners - cell.offsets[centre]) @ cell.vectors, axis=1)
    nearest = corners[away < _ALIKE * away.min()]
    if len(nearest) < _FEWEST:
        nearest = corners[np.argsort(away)[:_FEWEST]]
    middle = nearest.mean(axis=0)
    radius = np.linalg.norm((nearest - middle) @ cell.vectors, axis=1).max()
    reach = 1.25 * radius / np.linalg.norm(cell.vectors, axis=1).max()
    # Two corners do not tell how the cage is deformed: those of the cells beside it do.
    return middle, max(float(reach), 1.0 if len(nearest) > _FEWEST else _BESIDE), len(nearest)


def _one_grain(lattice: Lattice, number: int, offsets: Vector) -> Lattice:
    from dataclasses import replace

    cells = tuple(
        replace(cell, offsets=offsets) if n == number else cell for n, cell in enumerate(lattice.cells)
    )
    return replace(lattice, cells=cells)

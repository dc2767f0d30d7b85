"""Strain and rotation of the lattice around each atom.

With u the displacement from the reference lattice, x to the right and y up:

exx = du_x/dx, eyy = du_y/dy, exy = (du_x/dy + du_y/dx) / 2, rotation = (du_y/dx - du_x/dy) / 2

as in geometric phase analysis (Hÿtch, Snoeck and Kilaas, 10.1016/S0304-3991(98)00035-7). All are small-strain
definitions: at a rotation of 5 degrees exx is wrong by 0.4 %. The rotation is counter-clockwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.errors import BadAtoms, BadOption
from napari_atomai.stat.lattice.fit import Lattice
from napari_atomai.stat.lattice.local import REACH, LocalFits, local_fits
from napari_atomai.stat.lattice.translations import alike

Vector = NDArray[np.float64]
Flags = NDArray[np.bool_]

ROW, COL = 0, 1
COMPONENTS = ("exx", "eyy", "exy", "rotation")
"""In the order in which they are told; rotation in degrees."""


@dataclass(frozen=True, eq=False)
class Strain:
    """Strain around each atom.

    Parameters
    ----------
    exx, eyy, exy : array, shape (N,)
        As shares: 0.01 is one per cent. NaN where there are too few neighbours.
    rotation : array, shape (N,)
        In degrees, counter-clockwise.
    sd : dict of str to array, shape (N,)
        Standard error of each.
    neighbours : array of int, shape (N,)
        By how many neighbours each is told.
    """

    exx: Vector
    eyy: Vector
    exy: Vector
    rotation: Vector
    sd: dict[str, Vector]
    neighbours: NDArray[np.int64]

    def columns(self) -> dict[str, Vector]:
        """Return all components and their errors by name, for a table."""
        values = {name: getattr(self, name) for name in COMPONENTS}
        return values | {f"{name}_sd": self.sd[name] for name in COMPONENTS}


def strain(
    positions: Vector,
    lattice: Lattice,
    *,
    reference: Flags | Vector | None = None,
    reach: float = REACH,
    sd: Vector | None = None,
) -> Strain:
    """Measure strain and rotation around every atom, relative to a reference.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Row, column.
    lattice : Lattice
        Of these atoms. Every grain is compared with its own cell.
    reference : array of bool, shape (N,), or array, shape (2, 2), optional
        Atoms that are taken as unstrained, or the lattice vectors (rows a and b, each row, column) of the
        unstrained crystal. The average of each grain when left out.
    reach : float
        How far neighbours are taken, in cells.
    sd : array, shape (N, 2), optional
        Standard errors of the positions.

    Raises
    ------
    BadAtoms
        If positions are not those of the lattice, or the reference has no atoms that strain is known of.
    """
    given: NDArray[Any] | None = None if reference is None else np.asarray(reference)
    fits = local_fits(positions, lattice, reach=reach, sd=sd)
    stretched = np.eye(2) + fits.gradient
    for number in range(len(lattice.cells)):
        mine = lattice.grain == number
        stretched[mine] = stretched[mine] @ _from_reference(fits, lattice, number, given)
    change = stretched - np.eye(2)
    return _strain(change, fits)


def _from_reference(fits: LocalFits, lattice: Lattice, number: int, reference: NDArray[Any] | None) -> Vector:
    """Return what turns the reference lattice into the cell of a grain."""
    if reference is None:
        return np.eye(2)
    if reference.dtype != bool and reference.shape == (2, 2):
        if abs(np.linalg.det(reference)) < 1e-12:
            raise BadOption(
                f"The reference vectors {reference.tolist()} lie on one line.", remedy="Give a and b."
            )
        vectors = lattice.cells[number].vectors
        return np.asarray(np.linalg.solve(alike(np.asarray(reference, np.float64), vectors), vectors).T)
    if reference.dtype != bool or reference.shape != lattice.grain.shape:
        raise BadOption(
            f"The reference has shape {reference.shape}.",
            remedy="Give True or False for each atom, or two lattice vectors.",
        )
    chosen = reference & (lattice.grain == number) & np.isfinite(fits.gradient).all(axis=(1, 2))
    if chosen.sum() >= 3:
        return np.asarray(np.linalg.inv(np.eye(2) + np.median(fits.gradient[chosen], axis=0)))
    if number == 0 or (reference & (lattice.grain == 0)).sum() == 0:
        raise BadAtoms(
            f"The reference holds {int(chosen.sum())} atoms of grain {number} whose neighbours are known.",
            why="Strain is told relative to the lattice there.",
            remedy="Choose a larger region, within a crystal.",
        )
    return np.eye(2)


def _strain(change: Vector, fits: LocalFits) -> Strain:
    across, along = change[:, COL, ROW], change[:, ROW, COL]
    a, b = fits.gradient_sd[:, COL, ROW], fits.gradient_sd[:, ROW, COL]
    mixed = 0.5 * np.hypot(a, b)
    return Strain(
        change[:, COL, COL],
        change[:, ROW, ROW],
        # y points up, rows count down: one sign for each time y is met.
        -0.5 * (across + along),
        np.degrees(0.5 * (across - along)),
        {
            "exx": fits.gradient_sd[:, COL, COL],
            "eyy": fits.gradient_sd[:, ROW, ROW],
            "exy": mixed,
            "rotation": np.degrees(mixed),
        },
        fits.neighbours,
    )

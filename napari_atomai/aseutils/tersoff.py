"""The Tersoff potential of carbon and silicon, all atoms at once, as an ASE calculator.

Form and parameters: J. Tersoff, Phys. Rev. B 39, 5566 (1989), doi:10.1103/PhysRevB.39.5566;
chi of C-Si: 0.9776.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.neighborlist import primitive_neighbor_list
from numpy.typing import NDArray

from napari_atomai.errors import BadOption

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]

_NAMES = ("A", "B", "lambda", "mu", "beta", "n", "c", "d", "h", "R", "S")
_VALUES = MappingProxyType(
    {
        "C": (1393.6, 346.74, 3.4879, 2.2119, 1.5724e-7, 0.72751, 38049.0, 4.3484, -0.57058, 1.8, 2.1),
        "Si": (1830.8, 471.18, 2.4799, 1.7322, 1.1e-6, 0.78734, 1.0039e5, 16.217, -0.59825, 2.7, 3.0),
    }
)
_CHI = 0.9776
_SKIN = 0.4
ELEMENTS = tuple(_VALUES)
"""Elements that have parameters."""


class Tersoff(Calculator):  # type: ignore[misc]
    """Energy and forces of carbon, silicon and silicon carbide.

    Carbon's graphene has a lattice parameter of 2.53 Å with it: bonds of 1.46 Å, 3 % longer than measured.

    Raises
    ------
    BadOption
        When it is given atoms of other elements.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces", "energies", "stress"]

    def __init__(self) -> None:
        super().__init__()
        self._listed: tuple[Vector, Any, Any, Integers, Integers, Vector] | None = None

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Compute everything; see ase.calculators.calculator.Calculator."""
        super().calculate(atoms, properties, system_changes)
        first, second, vectors = self._bonds(self.atoms)
        kinds = _kinds(self.atoms.get_chemical_symbols())
        energies, forces, virial = tersoff(first, second, vectors, kinds, len(self.atoms))
        total = float(energies.sum())
        self.results = {"energy": total, "free_energy": total, "energies": energies, "forces": forces}
        if self.atoms.cell.rank == 3:
            stress = virial / self.atoms.get_volume()
            self.results["stress"] = stress.ravel()[[0, 4, 8, 5, 2, 1]]

    def _bonds(self, atoms: Any) -> tuple[Integers, Integers, Vector]:
        """Return pairs within reach, from a list that is made anew when an atom has moved far."""
        reach = max(_VALUES[symbol][-1] for symbol in set(atoms.get_chemical_symbols()) or {"C"})
        old = self._listed
        fresh = (
            old is None
            or len(old[0]) != len(atoms)
            or not np.array_equal(old[1], atoms.cell[:])
            or not np.array_equal(old[2], atoms.numbers)
            or float(np.abs(atoms.positions - old[0]).max(initial=0.0)) > _SKIN / 4
        )
        if fresh:
            first, second, shift = primitive_neighbor_list(
                "ijS", atoms.pbc, atoms.cell[:], atoms.positions, reach + _SKIN, numbers=atoms.numbers
            )
            cell, numbers = atoms.cell[:].copy(), atoms.numbers.copy()
            old = (atoms.positions.copy(), cell, numbers, first, second, shift @ cell)
            self._listed = old
        assert old is not None
        first, second, offset = old[3:]
        vectors = atoms.positions[second] - atoms.positions[first] + offset
        near = np.einsum("ij,ij->i", vectors, vectors) < reach**2
        return first[near], second[near], vectors[near]


def _kinds(symbols: Sequence[str]) -> Integers:
    lost = sorted(set(symbols) - set(ELEMENTS))
    if lost:
        raise BadOption(
            f"The Tersoff potential has no parameters for {', '.join(lost)}.",
            why="It knows carbon and silicon.",
            remedy="Choose another potential, or take those atoms out.",
        )
    return np.array([ELEMENTS.index(symbol) for symbol in symbols], np.int64)


def _tables() -> dict[str, Vector]:
    """Return pair parameters as matrices (kind, kind), and those of one atom as vectors."""
    columns = dict(zip(_NAMES, np.array([_VALUES[each] for each in ELEMENTS]).T, strict=True))
    tables = {name: columns[name] for name in ("beta", "n", "c", "d", "h")}
    for name in ("A", "B", "R", "S"):
        tables[name] = np.sqrt(np.outer(columns[name], columns[name]))
    for name in ("lambda", "mu"):
        tables[name] = (columns[name][:, None] + columns[name]) / 2
    different = ~np.eye(len(ELEMENTS), dtype=bool)
    tables["B"] = tables["B"] * np.where(different, _CHI, 1.0)
    return tables


_TABLES = _tables()


def tersoff(
    first: Integers, second: Integers, vectors: Vector, kinds: Integers, count: int
) -> tuple[Vector, Vector, Vector]:
    """Return the energies (N,), forces (N, 3) and virial (3, 3) of atoms, by their bonds in both directions.

    Parameters
    ----------
    first, second : array of int, shape (P,)
        Atoms within reach of each other; each pair in both orders, sorted by the first.
    vectors : array, shape (P, 3)
        From the first to the second, Å.
    kinds : array of int, shape (N,)
        Index into `ELEMENTS`.
    count : int
        N.
    """
    pair = kinds[first], kinds[second]
    length = np.linalg.norm(vectors, axis=1)
    cut, slope = _cutoff(length, _TABLES["R"][pair], _TABLES["S"][pair])
    inside = cut > 0
    if not inside.all():
        return tersoff(first[inside], second[inside], vectors[inside], kinds, count)
    unit = vectors / length[:, None]
    push = _TABLES["A"][pair] * np.exp(-_TABLES["lambda"][pair] * length)
    pull = _TABLES["B"][pair] * np.exp(-_TABLES["mu"][pair] * length)
    ij, ik, cosine, weight, bend = _triples(first, unit, cut, kinds)
    order, fall = _bond_order(_summed(ij, cut[ik] * weight, len(first)), kinds[first])
    bond = 0.5 * cut * (push - order * pull)
    energies = _summed(first, bond, count)
    # Derivative along the bond itself, then of the bond order by its angles and neighbours.
    along = 0.5 * slope * (push - order * pull)
    along += 0.5 * cut * (-_TABLES["lambda"][pair] * push + order * _TABLES["mu"][pair] * pull)
    gradient = along[:, None] * unit
    share = (-0.5 * cut * pull * fall)[ij]
    turn = share * cut[ik] * bend
    to_ij = (turn / length[ij])[:, None] * (unit[ik] - cosine[:, None] * unit[ij])
    to_ik = (turn / length[ik])[:, None] * (unit[ij] - cosine[:, None] * unit[ik])
    to_ik += (share * slope[ik] * weight)[:, None] * unit[ik]
    for axis in range(3):
        gradient[:, axis] += np.bincount(ij, to_ij[:, axis], len(first))
        gradient[:, axis] += np.bincount(ik, to_ik[:, axis], len(first))
    forces = np.stack(
        [
            np.bincount(first, gradient[:, axis], count) - np.bincount(second, gradient[:, axis], count)
            for axis in range(3)
        ],
        axis=1,
    )
    return energies, forces, vectors.T @ gradient


def _summed(index: Integers, values: Vector, count: int) -> Vector:
    return np.asarray(np.bincount(index, values, count), np.float64)


def _cutoff(length: Vector, near: Vector, far: Vector) -> tuple[Vector, Vector]:
    """Return the smooth cut-off of each pair, 1 within `near` and 0 beyond `far`, and its derivative."""
    phase = np.pi * np.clip((length - near) / (far - near), 0, 1)
    return 0.5 + 0.5 * np.cos(phase), -0.5 * np.pi / (far - near) * np.sin(phase)


def _triples(
    first: Integers, unit: Vector, cut: Vector, kinds: Integers
) -> tuple[Integers, Integers, Vector, Vector, Vector]:
    """Return pairs of bonds ij and ik of each atom: cosine of their angle, g of it, and its derivative."""
    number = np.bincount(first)
    degree = number[first] if len(first) else first
    start = (np.cumsum(number) - number)[first] if len(first) else first
    ij = np.repeat(np.arange(len(first)), degree)
    ik = np.arange(len(ij)) - np.repeat(np.cumsum(degree) - degree, degree) + start[ij]
    ij, ik = ij[ij != ik], ik[ij != ik]
    cosine = np.einsum("ij,ij->i", unit[ij], unit[ik])
    kind = kinds[first[ij]]
    c2, d2 = _TABLES["c"][kind] ** 2, _TABLES["d"][kind] ** 2
    off = _TABLES["h"][kind] - cosine
    below = d2 + off**2
    return ij, ik, cosine, 1 + c2 / d2 - c2 / below, -2 * c2 * off / below**2


def _bond_order(zeta: Vector, kind: Integers) -> tuple[Vector, Vector]:
    """Return the bond order of each bond, and its derivative by zeta."""
    beta, n = _TABLES["beta"][kind], _TABLES["n"][kind]
    safe = np.maximum(zeta, 1e-12)
    power = (beta * safe) ** n
    order = (1 + power) ** (-0.5 / n)
    return order, np.where(zeta > 1e-12, -0.5 * order * power / (safe * (1 + power)), 0.0)

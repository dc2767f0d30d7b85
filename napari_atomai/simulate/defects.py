"""Defects put into structures, and pieces cut out of them. Lengths in Å; each returns a new ase.Atoms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_atomai.errors import BadOption, UnknownOption
from napari_atomai.simulate.samples import stone_wales as turned_bond
from napari_atomai.simulate.structures import atomic_number, frame_of, in_frame

if TYPE_CHECKING:
    from ase import Atoms

Flags = NDArray[np.bool_]
Vector = NDArray[np.float64]


def vacancies(atoms: Atoms, element: str, fraction: float, rng: np.random.Generator) -> Atoms:
    """Take atoms of one element out at random.

    Parameters
    ----------
    atoms : ase.Atoms
        The structure.
    element : str
        Symbol of what goes missing.
    fraction : float
        Share of its atoms, 0 to 1; at least one goes unless the share is 0.
    rng : numpy.random.Generator
        Which ones.

    Raises
    ------
    UnknownOption
        If the structure has none of that element.
    BadOption
        If the share is not within 0 to 1.
    """
    return atoms[~_chosen(atoms, element, fraction, rng)]


def substitute(atoms: Atoms, element: str, by: str, fraction: float, rng: np.random.Generator) -> Atoms:
    """Put another element on a share of the sites of one: dopants at a few per cent, an alloy at many.

    Parameters
    ----------
    atoms : ase.Atoms
        The structure.
    element, by : str
        Symbols of what is replaced, and by what.
    fraction : float
        Share of its atoms, 0 to 1; at least one is replaced unless the share is 0.
    rng : numpy.random.Generator
        Which ones.

    Raises
    ------
    UnknownOption
        If the structure has none of that element, or there is no element `by`.
    BadOption
        If the share is not within 0 to 1.
    """
    changed = atoms.copy()
    changed.numbers[_chosen(atoms, element, fraction, rng)] = atomic_number(by)
    return changed


def _chosen(atoms: Atoms, element: str, fraction: float, rng: np.random.Generator) -> Flags:
    there = np.flatnonzero(atoms.numbers == atomic_number(element))
    if len(there) == 0:
        raise UnknownOption("element in the structure", element, set(atoms.get_chemical_symbols()))
    if not 0 <= fraction <= 1:
        raise BadOption(f"A share of {fraction:g} was asked for.", remedy="Give a share from 0 to 1.")
    count = 0 if fraction == 0 else max(round(fraction * len(there)), 1)
    flags = np.zeros(len(atoms), bool)
    flags[rng.choice(there, count, replace=False)] = True
    return flags


def adatoms(
    atoms: Atoms, element: str, count: int, rng: np.random.Generator, *, height: float = 1.8
) -> Atoms:
    """Put single atoms on top of randomly chosen atoms of a surface.

    Parameters
    ----------
    atoms : ase.Atoms
        The structure.
    element : str
        Symbol of the adatoms.
    count : int
        How many; their hosts lie in the frame and no two of them within two bonds.
    rng : numpy.random.Generator
        Which hosts.
    height : float
        Above the host, Å.

    Raises
    ------
    BadOption
        If the surface has not that many places.
    """
    width, length = float(atoms.cell.lengths()[0]), float(atoms.cell.lengths()[1])
    flat = atoms.positions[:, :2]
    top = atoms.positions[:, 2] > atoms.positions[:, 2].max() - 1.0
    inside = ((flat >= 0) & (flat < [width, length])).all(axis=1)
    hosts = rng.permutation(np.flatnonzero(top & inside))
    bond = float(np.median(np.asarray(cKDTree(atoms.positions).query(atoms.positions, k=[2])[0])))
    hosts = hosts[apart(flat[hosts], 2 * bond)]
    if len(hosts) < count:
        raise BadOption(
            f"{count} adatoms were asked of a surface with {len(hosts)} places two bonds apart.",
            remedy="Ask for fewer, or for a larger frame.",
        )
    places = atoms.positions[hosts[:count]] + [0, 0, height]
    return atoms + in_frame(np.full(count, atomic_number(element)), places, frame_of(atoms))


def apart(positions: Vector, distance: float) -> NDArray[np.int64]:
    """Return indices of points none nearer than a distance, each taken if those taken before leave room."""
    pairs = cKDTree(positions).query_pairs(distance, output_type="ndarray")
    gone = np.zeros(len(positions), bool)
    while pairs.size:
        # Points that are not the later one of any pair stay for certain; those near them go.
        later = np.zeros(len(positions), bool)
        later[pairs[:, 1]] = True
        gone[pairs[~later[pairs[:, 0]], 1]] = True
        pairs = pairs[~gone[pairs].any(axis=1) & later[pairs[:, 0]]]
    return np.flatnonzero(~gone)


def stone_wales(sheet: Atoms, near: tuple[float, float]) -> Atoms:
    """Turn the bond of a honeycomb nearest to a point by 90 degrees: two pentagons and two heptagons.

    Parameters
    ----------
    sheet : ase.Atoms
        Graphene or another flat honeycomb.
    near : (row, column)
        In Å.
    """
    flat = sheet.positions[:, :2]
    bond = float(np.median(np.asarray(cKDTree(flat).query(flat, k=[2])[0])))
    changed = sheet.copy()
    changed.positions[:, :2] = turned_bond(flat, bond, np.array([near[1], near[0]]))
    return changed


def hole(
    atoms: Atoms,
    centre: tuple[float, float],
    radius: float,
    rng: np.random.Generator | None = None,
    *,
    ragged: float = 0.0,
) -> Atoms:
    """Cut a hole through a structure.

    Parameters
    ----------
    atoms : ase.Atoms
        The structure.
    centre : (row, column)
        In Å.
    radius : float
        In Å.
    rng : numpy.random.Generator, optional
        Of the rim's shape.
    ragged : float
        Relative standard deviation of the radius around the rim; needs `rng`.
    """
    away = atoms.positions[:, [1, 0]] - np.asarray(centre, float)
    rim = radius * _waves(np.arctan2(away[:, 0], away[:, 1]), ragged, rng)
    return atoms[np.hypot(away[:, 0], away[:, 1]) > rim]


def edge(
    atoms: Atoms,
    share: float = 0.5,
    rng: np.random.Generator | None = None,
    *,
    angle: float = 0.0,
    ragged: float = 0.0,
) -> Atoms:
    """Let a structure end at a line, with vacuum beyond.

    Parameters
    ----------
    atoms : ase.Atoms
        The structure.
    share : float
        Of the frame that stays filled, along the direction the edge looks in.
    rng : numpy.random.Generator, optional
        Of the edge's shape.
    angle : float
        Direction the edge looks in: 0 to the right, 90 down; degrees.
    ragged : float
        Standard deviation of the edge about its line, Å; needs `rng`.
    """
    width, length = (float(value) for value in atoms.cell.lengths()[:2])
    direction = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    across = np.array([-direction[1], direction[0]])
    away = atoms.positions[:, :2] - np.array([width, length]) / 2
    reach = float(np.abs(direction) @ [width, length])
    wave = _waves(2 * np.pi * (away @ across) / max(width, length), ragged, rng) - 1
    return atoms[away @ direction < (share - 0.5) * reach + wave]


def _waves(phase: Vector, spread: float, rng: np.random.Generator | None) -> Vector:
    """Return 1 plus a sum of a few waves around a circle, of a standard deviation."""
    if spread == 0:
        return np.ones_like(phase)
    if rng is None:
        raise BadOption(
            f"A raggedness of {spread:g} was asked for without random numbers.",
            remedy="Give rng=numpy.random.default_rng(seed), or ragged=0.",
        )
    heights = rng.normal(0, spread / np.sqrt(2), 4)
    shifts = rng.uniform(0, 2 * np.pi, 4)
    waves: Vector = 1 + np.cos(phase[:, None] * np.arange(2, 6) + shifts) @ heights
    return waves


def wedge(atoms: Atoms, thin: float = 0.2, *, angle: float = 0.0) -> Atoms:
    """Make a structure thinner towards one side: a wedge, as at the edge of a specimen.

    Parameters
    ----------
    atoms : ase.Atoms
        The structure.
    thin : float
        Share of the thickness left at the thin side of the frame.
    angle : float
        Direction of the thin side: 0 right, 90 down; degrees.
    """
    width, length = (float(value) for value in atoms.cell.lengths()[:2])
    direction = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    reach = float(np.abs(direction) @ [width, length])
    along = (atoms.positions[:, :2] - np.array([width, length]) / 2) @ direction / reach + 0.5
    return atoms[atoms.positions[:, 2] <= frame_of(atoms)[2] * (1 - (1 - thin) * along)]

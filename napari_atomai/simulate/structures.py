"""Structures to be imaged, as ase.Atoms: crystals along a zone axis, sheets, particles.

Lengths are in Å, as in ASE. The beam runs along z; x is the column and y the row of the image, and row 0,
column 0 lies at x = y = 0. The cell of a structure is its frame (width, height, thickness); atoms reach
beyond it, so that the image has no bare border.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.errors import BadOption, MissingExtra, UnknownOption
from napari_atomai.simulate.unit_cells import CRYSTALS, SHEETS

if TYPE_CHECKING:
    from ase import Atoms

Vector = NDArray[np.float64]
Direction = tuple[int, int, int]

MARGIN = 4.0
"""How far atoms reach beyond the frame, Å."""

_EDGE = 1e-6
_SHAPES = ("octahedron", "truncated octahedron", "wulff", "icosahedron", "decahedron")


def require_ase() -> None:
    """Say how to get ASE where it is not installed.

    Raises
    ------
    MissingExtra
        If there is no ASE.
    """
    try:
        import ase  # noqa: F401
    except ImportError as error:
        raise MissingExtra(
            "ASE is not installed.",
            why="Atomic structures are built and kept as ase.Atoms.",
            remedy="pip install ase",
        ) from error


def atomic_number(element: str) -> int:
    """Return the atomic number of a symbol.

    Raises
    ------
    UnknownOption
        If there is no such element.
    """
    require_ase()
    from ase.data import atomic_numbers

    if element not in atomic_numbers:
        raise UnknownOption("element", element, [symbol for symbol in atomic_numbers if symbol != "X"])
    return int(atomic_numbers[element])


def in_frame(
    elements: Sequence[str] | NDArray[np.int64], positions: ArrayLike, frame: tuple[float, float, float]
) -> Atoms:
    """Return atoms of elements (symbols or atomic numbers) at positions (N, 3) as x, y, z.

    Parameters
    ----------
    elements : sequence of str, or array of int, shape (N,)
        Symbols or atomic numbers.
    positions : array, shape (N, 3)
        x, y, z in Å.
    frame : (height, width, thickness)
        In Å: rows, columns, along the beam.
    """
    require_ase()
    from ase import Atoms

    height, width, thickness = frame
    return Atoms(elements, positions=np.asarray(positions, float), cell=[width, height, thickness])


def frame_of(atoms: Atoms) -> tuple[float, float, float]:
    """Return height, width and thickness of a structure's frame in Å."""
    width, height, thickness = (float(length) for length in atoms.cell.lengths())
    return height, width, thickness


def unit_cell(name: str) -> Atoms:
    """Return the unit cell of a crystal by its formula ("SrTiO3") or element ("Au").

    Raises
    ------
    UnknownOption
        If there is no crystal of that name; any ase.Atoms with a cell does as well.
    """
    require_ase()
    from ase.build import bulk
    from ase.data import atomic_numbers, reference_states
    from ase.spacegroup import crystal as by_group

    if name in CRYSTALS:
        entry = CRYSTALS[name]
        elements, sites = zip(*entry.sites, strict=True)
        return by_group(
            elements, basis=sites, spacegroup=entry.group, cellpar=entry.cell, setting=entry.setting
        )
    known = {symbol for symbol, number in atomic_numbers.items() if _is_simple(reference_states[number])}
    if name not in known:
        raise UnknownOption("crystal", name, [*CRYSTALS, *known])
    cubic = reference_states[atomic_numbers[name]]["symmetry"] != "hcp"
    return bulk(name, cubic=True) if cubic else bulk(name)


def _is_simple(state: dict[str, object] | None) -> bool:
    return state is not None and state["symmetry"] in ("fcc", "bcc", "diamond", "hcp")


def crystal(
    material: str | Atoms,
    zone_axis: Direction = (0, 0, 1),
    size: tuple[float, float] = (50.0, 50.0),
    thickness: float = 100.0,
    *,
    angle: float = 0.0,
    shift: tuple[float, float] = (0.0, 0.0),
) -> Atoms:
    """Fill a frame with a crystal seen along a zone axis.

    Parameters
    ----------
    material : str or ase.Atoms
        Formula, element, or a unit cell.
    zone_axis : (u, v, w)
        Direction of the lattice along the beam.
    size : (height, width)
        Of the frame, in Å.
    thickness : float
        Along the beam, in Å.
    angle : float
        In-plane turn in degrees, clockwise as the image shows it. At 0 the lattice vector a (or b, where
        a lies along the beam) points along the rows.
    shift : (row, column)
        In-plane shift of the lattice in Å; at 0 its origin lies in the middle of the frame.

    Returns
    -------
    ase.Atoms

    Raises
    ------
    BadOption
        If the zone axis is 0 0 0, or a length is not above 0.
    """
    cell = unit_cell(material) if isinstance(material, str) else material
    frame = (*size, thickness)
    _check_frame(frame)
    turned = _along_beam(np.asarray(cell.cell[:], float), np.asarray(zone_axis, float)) @ _turn(angle)
    low = np.array([-size[1] / 2 - MARGIN, -size[0] / 2 - MARGIN, 0]) - [shift[1], shift[0], 0]
    high = np.array([size[1] / 2 + MARGIN, size[0] / 2 + MARGIN, thickness]) - [shift[1], shift[0], 0]
    points, sites = _filled(turned, cell.get_scaled_positions(), low, high)
    middle = np.array([size[1] / 2 + shift[1], size[0] / 2 + shift[0], 0])
    return in_frame(cell.numbers[sites], points + middle, frame)


def _check_frame(frame: tuple[float, ...]) -> None:
    if not min(frame) > 0:
        height, width, thickness = frame
        raise BadOption(
            f"The frame is {height:g} x {width:g} Å, {thickness:g} Å thick.",
            remedy="Give lengths above 0.",
        )


def _along_beam(cell: Vector, zone_axis: Vector) -> Vector:
    """Turn lattice vectors (rows) so that a zone axis points along z and a (or b) lies in the x-z plane."""
    beam = zone_axis @ cell
    length = np.linalg.norm(beam)
    if length == 0:
        raise BadOption("The zone axis is 0 0 0.", remedy="Give a direction, such as (0, 0, 1).")
    beam = beam / length
    flat = cell - np.outer(cell @ beam, beam)
    sizes = np.linalg.norm(flat, axis=1) / np.linalg.norm(cell, axis=1)
    across = flat[int(np.argmax(sizes > 0.3))]
    across = across / np.linalg.norm(across)
    axes: Vector = np.stack([across, np.cross(beam, across), beam], axis=1)
    return cell @ axes


def _turn(degrees: float) -> Vector:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])


def _filled(cell: Vector, motif: Vector, low: Vector, high: Vector) -> tuple[Vector, NDArray[np.int64]]:
    """Return all lattice points with their motif inside a box, and which site of the motif each is."""
    corners = np.stack(np.meshgrid(*np.stack([low, high], axis=1), indexing="ij"), axis=-1).reshape(-1, 3)
    inside = corners @ np.linalg.inv(cell)
    first, last = np.floor(inside.min(axis=0)) - 1, np.ceil(inside.max(axis=0)) + 1
    ranges = [np.arange(a, b + 1) for a, b in zip(first, last, strict=True)]
    cells = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    points = ((cells + motif) @ cell).reshape(-1, 3)
    # The edge keeps rounding from taking a plane of atoms on one side and not on the other.
    kept = ((points >= low - _EDGE) & (points < high - _EDGE)).all(axis=1)
    sites = np.tile(np.arange(len(motif)), len(cells))
    return points[kept], sites[kept]


def sheet(
    material: str = "graphene", size: tuple[float, float] = (50.0, 50.0), *, angle: float = 0.0
) -> Atoms:
    """Fill a frame with one layer of a two-dimensional material.

    Parameters
    ----------
    material : str
        graphene, hBN, MoS2, WS2, MoSe2, WSe2 or NbSe2.
    size : (height, width)
        Of the frame, in Å.
    angle : float
        In-plane turn in degrees, clockwise as the image shows it.

    Raises
    ------
    UnknownOption
        If the material is not known.
    BadOption
        If a length is not above 0.
    """
    if material not in SHEETS:
        raise UnknownOption("two-dimensional material", material, SHEETS)
    entry = SHEETS[material]
    elements, sites = zip(*entry.sites, strict=True)
    height = 10.0  # thick enough for all of them, so that one layer lies in it
    motif = np.array(sites, float) / [1, 1, height] + [0, 0, 0.5]
    vectors = entry.a * np.array([[1, 0, 0], [-0.5, np.sqrt(0.75), 0], [0, 0, height / entry.a]])
    cell = in_frame(elements, motif @ vectors, (1, 1, height))
    cell.set_cell(vectors)
    return crystal(cell, size=size, thickness=height, angle=angle)


def nanoparticle(
    element: str = "Au",
    shape: Literal["octahedron", "truncated octahedron", "wulff", "icosahedron", "decahedron"] = "wulff",
    diameter: float = 40.0,
    zone_axis: Direction = (0, 1, 1),
    *,
    angle: float = 0.0,
    size: tuple[float, float] | None = None,
) -> Atoms:
    """Build a particle of an fcc metal in the middle of a frame.

    Parameters
    ----------
    element : str
        Of an fcc metal.
    shape : str
        "wulff": truncated by 111 and 100 faces at energies of 1 and 1.15; the five-fold axis of a
        decahedron lies along 001.
    diameter : float
        About how large, in Å.
    zone_axis : (u, v, w)
        Direction along the beam.
    angle : float
        In-plane turn in degrees, clockwise as the image shows it.
    size : (height, width), optional
        Of the frame in Å; the particle and 10 Å around it when left out.

    Raises
    ------
    UnknownOption
        If there is no such shape, or the element is no fcc metal.
    """
    require_ase()
    from ase.data import atomic_numbers, reference_states

    metals = {
        symbol: state["a"]
        for symbol, number in atomic_numbers.items()
        if (state := reference_states[number]) and state["symmetry"] == "fcc"
    }
    if element not in metals:
        raise UnknownOption("fcc metal", element, metals)
    particle = _particle(element, shape, diameter, float(metals[element]))
    turned = particle.positions @ _along_beam(np.eye(3), np.asarray(zone_axis, float)) @ _turn(angle)
    low, high = turned.min(axis=0), turned.max(axis=0)
    around = (high - low)[[1, 0]] + 20 if size is None else np.asarray(size, float)
    middle = np.array([around[1] / 2, around[0] / 2, (high - low)[2] / 2])
    frame = (float(around[0]), float(around[1]), float((high - low)[2]) + 1)
    return in_frame(particle.numbers, turned - (low + high) / 2 + middle, frame)


def _particle(element: str, shape: str, diameter: float, a: float) -> Atoms:
    from ase import cluster

    bond = a / np.sqrt(2)
    across = diameter / bond
    if shape == "octahedron":
        return cluster.Octahedron(element, max(round(across / np.sqrt(2)) + 1, 2))
    if shape == "truncated octahedron":
        cut = max(round(across / 3), 1)
        return cluster.Octahedron(element, 3 * cut + 1, cut)
    if shape == "wulff":
        count = max(round(np.pi / 6 * diameter**3 / (a**3 / 4)), 13)
        return cluster.wulff_construction(element, [(1, 0, 0), (1, 1, 1)], [1.15, 1.0], count, "fcc")
    if shape == "icosahedron":
        return cluster.Icosahedron(element, max(round(across / 2) + 1, 2))
    if shape == "decahedron":
        edge = max(round(across / 2), 2)
        return cluster.Decahedron(element, edge, edge, 0)
    raise UnknownOption("shape of a particle", shape, _SHAPES)

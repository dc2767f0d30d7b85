"""Sample images made by the package itself, with every atom's true position beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.errors import UnknownOption
from napari_atomai.simulate.imaging import Columns, Conditions, draw, expose, speckle
from napari_atomai.simulate.lattices import PROTOTYPES

Vector = NDArray[np.float64]

_BOND_NM = 0.142
_PEROVSKITE_CELL_NM = 0.3905
_Z_EXPONENT = 1.64
"""HAADF brightness grows about as this power of the atomic number (Krivanek et al., 10.1038/nature08879)."""


@dataclass(frozen=True, eq=False)
class Simulated:
    """A simulated image and the truth about it.

    Parameters
    ----------
    image : Image
        Calibrated, in nm.
    truth : Atoms
        Every atom (atomic column) at its exact position, with its element as class.
    """

    image: Image
    truth: Atoms


def graphene_with_si(
    *, size: int = 512, pixel_size: float = 0.0125, dose: float = 60.0, seed: int = 0
) -> Simulated:
    """Simulate a MAADF image of graphene with silicon impurities and a Stone-Wales 5-7-7-5 defect.

    Parameters
    ----------
    size : int
        Rows and columns.
    pixel_size : float
        In nm.
    dose : float
        Electrons counted per pixel at the peak of a carbon atom.
    seed : int
        Of the noise and of where the silicon sits.

    Returns
    -------
    Simulated
        With classes "C" and "Si".
    """
    rng = np.random.default_rng(seed)
    shape = (size, size)
    bond = _BOND_NM / pixel_size
    positions, _ = PROTOTYPES["honeycomb"].scaled(bond).tile(shape, 0.2, 4 * bond)
    positions = stone_wales(positions, bond, np.array([0.62, 0.40]) * size)
    silicon = _scattered(positions, shape, 5, 8 * bond, rng)
    brightness = np.where(silicon, (14 / 6) ** _Z_EXPONENT, 1.0)
    positions = positions + rng.normal(0, 0.02 * bond, positions.shape)
    columns = Columns(positions, brightness, np.full((len(positions), 2), 0.045 / pixel_size))
    picture = draw(columns, shape, skirt=0.15) + 0.35 + 0.04 * speckle(shape, 2.5 * bond, rng)
    pixels = expose(picture, Conditions(dose=dose, jitter=0.15, read_noise=0.03), rng)
    return _simulated("graphene with Si", pixels, columns, silicon.astype(int), ("C", "Si"), pixel_size)


def perovskite(*, size: int = 512, pixel_size: float = 0.016, dose: float = 80.0, seed: int = 0) -> Simulated:
    """Simulate a HAADF image of SrTiO3 along [001], with Ti displaced in two domains and a thickness slope.

    Parameters
    ----------
    size : int
        Rows and columns.
    pixel_size : float
        In nm.
    dose : float
        Electrons counted per pixel at the peak of a Sr column.
    seed : int
        Of the noise.

    Returns
    -------
    Simulated
        With classes "Sr" and "Ti".
    """
    rng = np.random.default_rng(seed)
    shape = (size, size)
    cell = _PEROVSKITE_CELL_NM / pixel_size
    lattice = PROTOTYPES["perovskite 100"].scaled(cell / np.sqrt(2))
    positions, sites = lattice.tile(shape, 0.12, 2 * cell)
    away = positions[:, 1] - 0.5 * size - 0.15 * (positions[:, 0] - 0.5 * size)
    displaced = np.tanh(away / (1.5 * cell))[:, None] * np.array([0.6, 0.8]) * 0.02 / pixel_size
    positions = positions + np.where(sites[:, None] == 1, displaced, 0)
    positions = positions + rng.normal(0, 0.004 / pixel_size, positions.shape)
    thickness = 0.75 + 0.25 * positions[:, 0] / size
    brightness = np.where(sites == 0, 1.0, 0.5) * thickness * rng.normal(1, 0.03, len(sites))
    columns = Columns(positions, brightness, np.full((len(positions), 2), 0.055 / pixel_size))
    slope = np.linspace(0.15, 0.35, size, dtype=np.float32)[:, None]
    pixels = expose(draw(columns, shape, skirt=0.1) + slope, Conditions(dose=dose, jitter=0.2), rng)
    return _simulated("SrTiO3 [001]", pixels, columns, sites, ("Sr", "Ti"), pixel_size)


SAMPLES: Mapping[str, Callable[[], Simulated]] = MappingProxyType(
    {"graphene": graphene_with_si, "perovskite": perovskite}
)
"""The samples by name, as the command line and the window call them."""


def sample(name: str) -> Simulated:
    """Make a sample by its name.

    Raises
    ------
    UnknownOption
        If there is no sample of that name.
    """
    if name not in SAMPLES:
        raise UnknownOption("sample", name, SAMPLES)
    return SAMPLES[name]()


def stone_wales(positions: Vector, bond: float, near: Vector) -> Vector:
    """Turn the bond nearest to a point by 90 degrees and let the lattice give way.

    Parameters
    ----------
    positions : array, shape (N, 2)
        A honeycomb.
    bond : float
        Its nearest-neighbour distance.
    near : array, shape (2,)
        Row, column.

    Returns
    -------
    array, shape (N, 2)
        With two pentagons and two heptagons: a Stone-Wales defect.
    """
    pairs = cKDTree(positions).query_pairs(1.2 * bond, output_type="ndarray")
    middle = positions[pairs].mean(axis=1)
    one, other = pairs[np.argmin(np.linalg.norm(middle - near, axis=1))]
    centre = (positions[one] + positions[other]) / 2
    turned = positions.copy()
    half = positions[one] - centre
    quarter = np.array([-half[1], half[0]])
    turned[one], turned[other] = centre + quarter, centre - quarter
    bonds = _rebonded(positions, turned, pairs, int(one), int(other))
    return _relaxed(turned, bonds, bond)


def _rebonded(
    before: Vector, after: Vector, pairs: NDArray[np.int64], one: int, other: int
) -> NDArray[np.int64]:
    """Give each of the two turned atoms its partner and those of the four neighbours on its side."""
    touched = np.isin(pairs, [one, other]).any(axis=1)
    around = np.setdiff1d(pairs[touched], [one, other])
    first = np.linalg.norm(before[around] - after[one], axis=1) < np.linalg.norm(
        before[around] - after[other], axis=1
    )
    owners = np.where(first, one, other)
    return np.concatenate([pairs[~touched], np.stack([owners, around], axis=1), [[one, other]]])


def _relaxed(positions: Vector, bonds: NDArray[np.int64], bond: float, steps: int = 400) -> Vector:
    """Let springs between bonded atoms, and weaker ones between second neighbours, come to rest."""
    seconds = _second_neighbours(bonds, len(positions))
    springs = np.concatenate([bonds, seconds])
    lengths = np.concatenate([np.full(len(bonds), bond), np.full(len(seconds), np.sqrt(3) * bond)])
    strength = np.concatenate([np.full(len(bonds), 0.12), np.full(len(seconds), 0.03)])
    moved = positions.copy()
    for _ in range(steps):
        apart = moved[springs[:, 1]] - moved[springs[:, 0]]
        length = np.linalg.norm(apart, axis=1)
        pull = (strength * (length - lengths) / length)[:, None] * apart
        for axis in (0, 1):
            moved[:, axis] += np.bincount(springs[:, 0], pull[:, axis], len(moved))
            moved[:, axis] -= np.bincount(springs[:, 1], pull[:, axis], len(moved))
    # The rim has neighbours missing and would shrink: it stays where it was.
    rim = np.bincount(bonds.ravel(), minlength=len(positions)) < 3
    moved[rim] = positions[rim]
    return moved


def _second_neighbours(bonds: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    from scipy.sparse import coo_array

    ones = np.ones(2 * len(bonds))
    ends = np.concatenate([bonds, bonds[:, ::-1]])
    graph = coo_array((ones, (ends[:, 0], ends[:, 1])), shape=(count, count)).tocsr()
    two = (graph @ graph).tocoo()
    upper = two.row < two.col
    return np.stack([two.row[upper], two.col[upper]], axis=1).astype(np.int64)


def _scattered(
    positions: Vector, shape: tuple[int, int], count: int, apart: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Choose `count` atoms inside the frame, no two nearer than `apart`."""
    chosen: list[int] = []
    inside = ((positions > apart / 4) & (positions < np.array(shape) - apart / 4)).all(axis=1)
    for index in rng.permutation(np.flatnonzero(inside)):
        gaps = np.linalg.norm(positions[chosen] - positions[index], axis=1)
        if gaps.size == 0 or gaps.min() > apart:
            chosen.append(int(index))
        if len(chosen) == count:
            break
    mask = np.zeros(len(positions), bool)
    mask[chosen] = True
    return mask


def _simulated(
    name: str,
    pixels: NDArray[np.float32],
    columns: Columns,
    classes: NDArray[np.int64],
    names: tuple[str, ...],
    pixel_size: float,
) -> Simulated:
    inside = ((columns.positions > -0.5) & (columns.positions < np.array(pixels.shape) - 0.5)).all(axis=1)
    truth = Atoms.make(
        columns.positions[inside],
        classes[inside],
        features={"intensity": columns.amplitudes[inside]},
        class_names=names,
        pixel_size=(pixel_size, pixel_size),
    )
    return Simulated(Image.from_array(pixels, pixel_size, name=f"{name} (simulated)"), truth)

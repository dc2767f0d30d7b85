"""Crystals with a known displacement of every atom: polar domains, an edge dislocation."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.errors import BadOption
from napari_atomai.simulate.imaging import Columns, Conditions, draw, expose
from napari_atomai.simulate.lattices import PROTOTYPES
from napari_atomai.simulate.samples import Simulated

Vector = NDArray[np.float64]

_CELL_NM = 0.4006  # BaTiO3
_PASSES, _SETTLED = 200, 1e-9  # Burgers vectors


def polar_domains(
    *,
    size: int = 512,
    pixel_size: float = 0.02,
    dose: float = 150.0,
    shift: float = 0.015,
    skirt: float = 0.1,
    seed: int = 0,
) -> tuple[Simulated, Vector]:
    """Simulate a HAADF image of a perovskite along [001] with four domains of displaced B columns.

    Parameters
    ----------
    size : int
        Rows and columns.
    pixel_size : float
        In nm.
    dose : float
        Electrons counted per pixel at the peak of an A column.
    shift : float
        Displacement of the B columns in nm: up, to the right, down and to the left in the four quarters.
    skirt : float
        Part of the light of a column in its wide tails; 0 = columns are Gaussians.
    seed : int
        Of the noise.

    Returns
    -------
    simulated : Simulated
        With classes "A" and "B"; the truth holds columns outside the image, too.
    displacement : array, shape (N, 2)
        Of every column of the truth as row, column in nm; zeros for A.
    """
    cell = _CELL_NM / pixel_size
    lattice = PROTOTYPES["perovskite 100"].scaled(cell / np.sqrt(2))
    positions, sites = lattice.tile((size, size), 0.1, 2 * cell)
    lower, right = (positions > 0.5 * (size - 1)).T
    directions = np.array([[-1.0, 0.0], [0.0, 1.0], [0.0, -1.0], [1.0, 0.0]])
    displacement = np.where(sites[:, None] == 1, shift * directions[2 * lower.astype(int) + right], 0.0)
    positions = positions + displacement / pixel_size
    heights = np.where(sites == 0, 1.0, 0.5)
    columns = Columns(positions, heights, np.full((len(sites), 2), 0.055 / pixel_size))
    rng = np.random.default_rng(seed)
    pixels = expose(draw(columns, (size, size), skirt=skirt) + 0.2, Conditions(dose=dose), rng)
    truth = Atoms.make(positions, sites, class_names=("A", "B"), pixel_size=(pixel_size, pixel_size))
    return Simulated(Image.from_array(pixels, pixel_size, name="polar domains"), truth), displacement


def edge_dislocation(
    positions: ArrayLike, burgers: float, centre: tuple[float, float], *, poisson: float = 0.3
) -> Vector:
    """Displace atoms as an edge dislocation does in an isotropic elastic crystal.

    The elastic solution is taken where atoms come to rest, not where they were in the perfect crystal: only
    then do the two halves fit together along the slip plane.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Row, column, of the perfect crystal.
    burgers : float
        Length of the Burgers vector, which points to the right, in the unit of the positions.
    centre : (row, column)
        Of the core; no atom may lie on it. The slip plane goes from there to the left.
    poisson : float
        Poisson's ratio.

    Returns
    -------
    array, shape (N, 2)
        Where the atoms come to rest; within a Burgers vector or so of the core, where elasticity ends, only
        about there.

    Raises
    ------
    BadOption
        If an atom lies on the core.

    References
    ----------
    Anderson, Hirth and Lothe, Theory of Dislocations, 3rd edition, equations 3-45 and 3-46.
    """
    perfect = np.asarray(positions, np.float64)
    rest = perfect
    for _ in range(_PASSES):
        # Half a step at a time: whole ones throw atoms near the slip plane from one side to the other.
        better = 0.5 * (perfect + rest + _elastic(rest, burgers, centre, poisson))
        settled = np.abs(better - rest).max(initial=0) < _SETTLED * abs(burgers)
        rest = better
        if settled:
            break
    return rest


def _elastic(where: Vector, burgers: float, centre: tuple[float, float], poisson: float) -> Vector:
    """Return the displacement of what is now at some places."""
    x, y, square = _from_core(where, centre)
    k, stiff = burgers / (2 * np.pi), 1 - poisson
    across = k * (np.arctan2(y, x) + x * y / (2 * stiff * square))
    up = -k * ((1 - 2 * poisson) / (4 * stiff) * np.log(square) + (x**2 - y**2) / (4 * stiff * square))
    return np.stack([-up, across], axis=1)


def edge_dislocation_strain(
    positions: ArrayLike, burgers: float, centre: tuple[float, float], *, poisson: float = 0.3
) -> dict[str, Vector]:
    """Return the strain at places in a crystal with an edge dislocation, with x to the right and y up.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Row, column, in the strained crystal: as `edge_dislocation` returns them.
    burgers, centre, poisson
        As of `edge_dislocation`.

    Returns
    -------
    dict of str to array, shape (N,)
        exx, eyy, exy, and the rotation in degrees, counter-clockwise.
    """
    x, y, square = _from_core(np.asarray(positions, np.float64), centre)
    k, stiff = burgers / (2 * np.pi), 1 - poisson
    x_x = k * (-y / square + y * (y**2 - x**2) / (2 * stiff * square**2))
    x_y = k * (x / square + x * (x**2 - y**2) / (2 * stiff * square**2))
    y_x = -k * ((1 - 2 * poisson) * x / (2 * stiff * square) + x * y**2 / (stiff * square**2))
    y_y = -k * ((1 - 2 * poisson) * y / (2 * stiff * square) - x**2 * y / (stiff * square**2))
    return {"exx": x_x, "eyy": y_y, "exy": (x_y + y_x) / 2, "rotation": np.degrees((y_x - x_y) / 2)}


def _from_core(where: Vector, centre: tuple[float, float]) -> tuple[Vector, Vector, Vector]:
    x, y = where[:, 1] - centre[1], centre[0] - where[:, 0]
    square = x**2 + y**2
    if (square == 0).any():
        raise BadOption("An atom lies on the core.", remedy="Choose a centre between atoms.")
    return x, y, square

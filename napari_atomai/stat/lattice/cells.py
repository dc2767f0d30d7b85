"""How bright each unit cell is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_atomai.errors import BadImage
from napari_atomai.stat.lattice.fit import Lattice
from napari_atomai.stat.lattice.local import REACH, local_fits

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]

_MOST_SAMPLES = 32


@dataclass(frozen=True, eq=False)
class CellIntensities:
    """Brightness of the cells around the atoms of one sublattice.

    Parameters
    ----------
    atoms : array of int, shape (M,)
        The atom in the middle of each cell. Cells that leave the image, or whose shape no neighbours tell,
        are left out.
    mean : array, shape (M,)
        Mean of the pixels in the cell.
    area : array, shape (M,)
        In pixels.
    """

    atoms: Integers
    mean: Vector
    area: Vector

    @property
    def total(self) -> Vector:
        """Sum of the pixels in the cell."""
        return self.mean * self.area


def cell_intensities(
    pixels: NDArray[Any],
    positions: Vector,
    lattice: Lattice,
    *,
    sublattice: int = 0,
    step: Vector | None = None,
) -> CellIntensities:
    """Measure the mean of an image over the unit cell around every atom of a sublattice.

    Each cell has the shape that the neighbours of its atom give it.

    Parameters
    ----------
    pixels : array, shape (y, x)
        One frame; cells with pixels that are not finite become NaN.
    positions : array, shape (N, 2)
        Row, column in pixels.
    lattice : Lattice
        Of these atoms.
    sublattice : int
        Whose atoms are in the middle.
    step : array, shape (2,), optional
        Units of the lattice in a pixel, along rows and columns; 1 where the lattice is in pixels.

    Raises
    ------
    BadImage
        If `pixels` is not one frame.
    """
    if pixels.ndim != 2:
        raise BadImage(f"The image has shape {pixels.shape}.", remedy="Give one frame, (y, x).")
    unit = np.ones(2) if step is None else np.asarray(step, np.float64)
    fits = local_fits(positions * unit, lattice, reach=REACH)
    known = np.isfinite(fits.gradient).all(axis=(1, 2)) & (lattice.sublattice == sublattice)
    atoms = np.flatnonzero(known)
    vectors = np.stack([cell.vectors for cell in lattice.cells])[lattice.grain[atoms]]
    shapes = vectors @ np.swapaxes(np.eye(2) + fits.gradient[atoms], 1, 2) / unit
    longest = float(np.linalg.norm(shapes, axis=-1).max(initial=2.0))
    count = int(np.clip(np.ceil(longest), 4, _MOST_SAMPLES))
    along = (np.arange(count) + 0.5) / count - 0.5
    grid = np.stack(np.meshgrid(along, along, indexing="ij"), axis=-1).reshape(-1, 2)
    corners = positions[atoms][:, None] + np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]]) / 2 @ shapes
    inside = ((corners >= -0.5) & (corners <= np.array(pixels.shape) - 0.5)).all(axis=(1, 2))
    atoms, shapes = atoms[inside], shapes[inside]
    places = positions[atoms][:, None] + grid @ shapes
    values = ndimage.map_coordinates(
        np.asarray(pixels, np.float64), places.reshape(-1, 2).T, order=1, mode="nearest"
    )
    mean = values.reshape(len(atoms), -1).mean(axis=1)
    return CellIntensities(atoms, mean, np.abs(np.linalg.det(shapes)))

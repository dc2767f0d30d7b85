"""Two-dimensional lattices of atomic columns, as a projected crystal shows them.

Lengths are in units of the nearest-neighbour distance until `tile` gives them a size in pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Vector = NDArray[np.float64]
_SQRT3 = float(np.sqrt(3.0))


@dataclass(frozen=True, eq=False)
class Lattice:
    """A plane lattice with a motif.

    Parameters
    ----------
    cell : array, shape (2, 2)
        The two lattice vectors as rows, each (row, column).
    motif : array, shape (n, 2)
        Fractional coordinates of the columns in the cell.
    amplitudes : array, shape (n,)
        Peak brightness of each column; the brightest is 1.
    """

    cell: Vector
    motif: Vector
    amplitudes: Vector

    def neighbour_distance(self) -> float:
        """Shortest distance between two columns, in the units of the cell."""
        shifts = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
        points = ((self.motif[None] + shifts[:, None]).reshape(-1, 2)) @ self.cell
        distances = np.asarray(cKDTree(points).query(self.motif @ self.cell, k=[2])[0])
        return float(distances.min())

    def scaled(self, spacing: float) -> Lattice:
        """Return the lattice with its nearest-neighbour distance made `spacing`."""
        return Lattice(self.cell * (spacing / self.neighbour_distance()), self.motif, self.amplitudes)

    def tile(self, shape: tuple[int, int], angle: float, margin: float) -> tuple[Vector, NDArray[np.int64]]:
        """Fill a frame with the lattice, turned by `angle` about the frame's centre.

        Parameters
        ----------
        shape : (rows, columns)
            Size of the frame, in the units of the cell.
        angle : float
            Rotation in radians.
        margin : float
            How far beyond the frame columns are still made.

        Returns
        -------
        positions : array, shape (N, 2)
            Row, column of each column.
        sites : array of int, shape (N,)
            Index into the motif.
        """
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        cell = self.cell @ turn
        half = np.array(shape) / 2.0 + margin
        corners = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]]) * half @ np.linalg.inv(cell)
        low, high = np.floor(corners.min(axis=0)) - 1, np.ceil(corners.max(axis=0)) + 1
        cells = np.stack(
            np.meshgrid(*[np.arange(a, b + 1) for a, b in zip(low, high, strict=True)], indexing="ij"),
            axis=-1,
        )
        points = (cells.reshape(-1, 1, 2) + self.motif) @ cell
        sites = np.broadcast_to(np.arange(len(self.motif)), points.shape[:2])
        inside = (np.abs(points) <= half).all(axis=-1)
        return points[inside] + (np.array(shape) - 1) / 2.0, sites[inside].astype(np.int64)


def _lattice(cell: list[list[float]], motif: list[list[float]], amplitudes: list[float]) -> Lattice:
    return Lattice(np.array(cell, float), np.array(motif, float), np.array(amplitudes, float))


PROTOTYPES: Mapping[str, Lattice] = MappingProxyType(
    {
        "square": _lattice([[1, 0], [0, 1]], [[0, 0]], [1]),
        "hexagonal": _lattice([[1, 0], [0.5, _SQRT3 / 2]], [[0, 0]], [1]),
        "honeycomb": _lattice([[_SQRT3, 0], [_SQRT3 / 2, 1.5]], [[0, 0], [1 / 3, 1 / 3]], [1, 1]),
        "dichalcogenide": _lattice([[_SQRT3, 0], [_SQRT3 / 2, 1.5]], [[0, 0], [1 / 3, 1 / 3]], [1, 0.45]),
        "perovskite 100": _lattice([[1, 0], [0, 1]], [[0, 0], [0.5, 0.5]], [1, 0.4]),
        "perovskite 100 with oxygen": _lattice(
            [[1, 0], [0, 1]], [[0, 0], [0.5, 0.5], [0.5, 0], [0, 0.5]], [1, 0.6, 0.25, 0.25]
        ),
        "perovskite 110": _lattice([[1, 0], [0, 1.414]], [[0, 0], [0.5, 0.5], [0, 0.5]], [1, 0.5, 0.2]),
        "fcc 110": _lattice([[1, 0], [0, 1.414]], [[0, 0], [0.5, 0.5]], [1, 1]),
        "diamond 110": _lattice(
            [[1, 0], [0, 1.414]], [[0, 0], [0.25, 0.0], [0.5, 0.5], [0.75, 0.5]], [1, 1, 1, 1]
        ),
        "zinc blende 110": _lattice(
            [[1, 0], [0, 1.414]], [[0, 0], [0.25, 0.0], [0.5, 0.5], [0.75, 0.5]], [1, 0.6, 1, 0.6]
        ),
        "rectangular": _lattice([[1, 0], [0, 1.3]], [[0, 0]], [1]),
        "wurtzite 110": _lattice(
            [[1.633, 0], [0, 1]], [[0, 0], [0.375, 0.0], [0.5, 0.5], [0.875, 0.5]], [1, 0.3, 1, 0.3]
        ),
    }
)
"""Lattices that projected crystals often show."""


def random_lattice(rng: np.random.Generator) -> Lattice:
    """Return a lattice nobody has named: oblique cell, 1 to 7 columns well apart, free amplitudes."""
    count = int(rng.integers(1, 8))
    ratio = float(np.exp(rng.uniform(-0.45, 0.45)))
    angle = float(rng.uniform(np.pi / 3, np.pi / 2))
    cell = np.array([[1.0, 0.0], [ratio * np.cos(angle), ratio * np.sin(angle)]])
    motif = rng.random((1, 2))
    reach = 0.62 * np.sqrt(np.abs(np.linalg.det(cell)) / count)
    shifts = np.stack(np.meshgrid(*[np.arange(-1, 2)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    for _ in range(40):
        if len(motif) == count:
            break
        trial = rng.random(2)
        gaps = (motif[None] + shifts[:, None] - trial) @ cell
        if np.hypot(gaps[..., 0], gaps[..., 1]).min() > reach:
            motif = np.vstack([motif, trial])
    amplitudes = np.exp(rng.uniform(np.log(0.15), 0.0, len(motif)))
    return Lattice(cell, motif, amplitudes / amplitudes.max())

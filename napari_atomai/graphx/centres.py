"""Points that are the centres of rings, not atoms: told by their lattice, and the atoms between them.

Atoms of a sheet with three bonds each form a honeycomb. The centres of its rings, which are as bright as
atoms are dark, form a triangular lattice with six neighbours each: its dual graph.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import Delaunay, QhullError, cKDTree

Vector = NDArray[np.float64]

_FEWEST = 20
_GAP = (
    1.25  # fourth nearest over the mean of the three nearest: 1 in a triangular lattice, 1.73 in a honeycomb
)
_LONGEST = 1.5  # times the median side: triangles at the border and across holes are longer


def is_triangular(positions: ArrayLike) -> bool:
    """Tell whether points (N, 2) form a triangular lattice, not a honeycomb; no fewer than 20 points do."""
    where = np.asarray(positions, float)
    if len(where) < _FEWEST:
        return False
    nearest = np.asarray(cKDTree(where).query(where, k=[2, 3, 4, 5])[0])
    three = np.maximum(nearest[:, :3].mean(axis=1), 1e-12)
    return bool(np.median(nearest[:, 3] / three) < _GAP)


def between(centres: ArrayLike) -> Vector:
    """Return the places (M, 2) in the middle of every three neighbouring ring centres (N, 2): the atoms.

    Where a centre has five or seven neighbours, its ring has as many members.
    """
    where = np.asarray(centres, float)
    try:
        corners = where[Delaunay(where).simplices]
    except (QhullError, ValueError):  # too few points, or all on a line
        return np.empty((0, 2))
    sides = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2)
    kept = sides.max(axis=1) < _LONGEST * np.median(sides)
    middles: Vector = corners[kept].mean(axis=1)
    return middles

"""The lattice around each atom: how its neighbours are displaced and deformed, and it relative to them.

Neighbours are compared with where the ideal lattice has them *relative to the atom*, so that no grid over the
whole image is needed: bending, drift and dislocations farther away do no harm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.stats import chi2

from napari_atomai.errors import BadAtoms, BadOption
from napari_atomai.stat.lattice.fit import Cell, Lattice

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

REACH = 1.6
"""How far neighbours are taken, in cells: the eight around an atom of a square lattice."""

_MISFIT = 0.35  # cells: what lies farther from its site is no neighbour of this lattice
_FEWEST = 3
_FLATTEST = 1e-3
_MOST = 64


@dataclass(frozen=True, eq=False)
class LocalFits:
    """What the neighbours of each atom say.

    Parameters
    ----------
    displacement : array, shape (N, 2)
        Of the atom from where its neighbours have it, as row, column.
    displacement_sd : array, shape (N, 2)
        Standard errors.
    gradient : array, shape (N, 2, 2)
        Of the displacement of the neighbours from the ideal lattice: ``gradient[n, i, j]`` is the change
        of component i along direction j, both row or column.
    gradient_sd : array, shape (N, 2, 2)
    neighbours : array of int, shape (N,)
        How many there are. With fewer than three, or all in a line, everything is NaN.
    """

    displacement: Vector
    displacement_sd: Vector
    gradient: Vector
    gradient_sd: Vector
    neighbours: Integers

    @classmethod
    def empty(cls, count: int) -> LocalFits:
        """Return fits of so many atoms of which nothing is known."""
        pairs, tables = np.full((2, count, 2), np.nan), np.full((2, count, 2, 2), np.nan)
        return cls(pairs[0], pairs[1], tables[0], tables[1], np.zeros(count, np.int64))

    def put(self, chosen: Integers, part: LocalFits) -> None:
        """Fill in the fits of the chosen atoms."""
        for name in ("displacement", "displacement_sd", "gradient", "gradient_sd", "neighbours"):
            getattr(self, name)[chosen] = getattr(part, name)


def local_fits(
    positions: Vector,
    lattice: Lattice,
    *,
    reach: float = REACH,
    sd: Vector | None = None,
    of: int | None = None,
    among: int | None = None,
) -> LocalFits:
    """Fit an affine map to the neighbours of every atom: ideal lattice to positions.

    Weighted least squares, with weights that fall as a Gaussian with distance.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Row, column.
    lattice : Lattice
        Of these atoms.
    reach : float
        How far neighbours are taken, in lengths of the longer lattice vector.
    sd : array, shape (N, 2), optional
        Standard errors of the positions along rows and columns; otherwise errors follow from how far
        positions lie from the fits, the median over all atoms.
    of, among : int, optional
        Sublattice of the atoms that are fitted, and that of their neighbours; without them all atoms are
        fitted, each among those of its own sublattice.

    Raises
    ------
    BadOption
        If `reach` is below 1.
    BadAtoms
        If positions are not those of the lattice.
    """
    if not reach >= 1:
        raise BadOption(
            f"Neighbours are to be taken up to {reach:g} cells away.",
            why="There are none nearer than about one.",
            remedy=f"Give 1 or more; {REACH:g} is usual.",
        )
    positions = np.asarray(positions, np.float64)
    if positions.shape != (len(lattice.grain), 2) or not np.isfinite(positions).all():
        raise BadAtoms(
            f"{len(positions)} positions of shape {positions.shape} came with a lattice of "
            f"{len(lattice.grain)} atoms.",
            why="Each atom is compared with its own site.",
            remedy="Give the finite rows and columns (N, 2) that the lattice was fitted to.",
        )
    result = LocalFits.empty(len(positions))
    for number, cell in enumerate(lattice.cells):
        pairs = [(s, s) for s in range(len(cell.offsets))] if of is None or among is None else [(of, among)]
        for one, other in pairs:
            mine = np.flatnonzero((lattice.grain == number) & (lattice.sublattice == one))
            around = np.flatnonzero((lattice.grain == number) & (lattice.sublattice == other))
            if len(mine) and len(around):
                result.put(mine, _fits(positions, mine, around, cell, (one, other), reach, sd))
    return result if sd is not None else _with_common_errors(result)


def _fits(
    positions: Vector,
    mine: Integers,
    around: Integers,
    cell: Cell,
    sublattices: tuple[int, int],
    reach: float,
    sd: Vector | None,
) -> LocalFits:
    radius = reach * np.linalg.norm(cell.vectors, axis=1).max()
    near, there = _neighbours(positions[mine], positions[around], radius)
    apart = positions[around][near] - positions[mine][:, None]
    offset = cell.offsets[sublattices[1]] - cell.offsets[sublattices[0]]
    steps = np.rint(apart @ np.linalg.inv(cell.vectors) - offset)
    ideal = (steps + offset) @ cell.vectors
    misfit = np.linalg.norm(apart - ideal, axis=-1)
    weight = np.exp(-2 * ((ideal**2).sum(-1)) / radius**2)
    # The atom itself, and what lies on no site, do not count.
    good = there & (misfit < _MISFIT * np.linalg.norm(cell.vectors, axis=1).min())
    weight = np.where(good & ((apart**2).sum(-1) > 1e-12), weight, 0.0)
    design = np.concatenate([np.ones((*ideal.shape[:2], 1)), ideal / radius], axis=-1)
    return _solved(
        design, apart - ideal, weight, radius, None if sd is None else (sd[around][near], sd[mine])
    )


def _neighbours(of: Vector, among: Vector, radius: float) -> tuple[Integers, Flags]:
    """Return indices (N, K) of the nearest within a radius, and which of them there are."""
    tree = cKDTree(among)
    most = int(
        min(tree.query_ball_point(of[:: max(1, len(of) // 500)], radius, return_length=True).max() + 2, _MOST)
    )
    away, near = tree.query(of, k=np.arange(1, most + 1), distance_upper_bound=radius)
    there = np.isfinite(away)
    return np.where(there, near, 0), there


def _solved(
    design: Vector, moved: Vector, weight: Vector, radius: float, sd: tuple[Vector, Vector] | None
) -> LocalFits:
    """Solve all fits at once: `moved` (N, K, 2) = `design` (N, K, 3) @ unknowns (N, 3, 2)."""
    weighted = design * weight[..., None]
    normal = np.einsum("nki,nkj->nij", weighted, design)
    count = (weight > 0).sum(axis=1)
    flat = np.linalg.eigvalsh(normal)[:, 0] < _FLATTEST * np.maximum(
        np.trace(normal, axis1=1, axis2=2), 1e-300
    )
    bad = (count < _FEWEST) | flat
    inverse = np.linalg.inv(np.where(bad[:, None, None], np.eye(3), normal))
    solved = inverse @ np.einsum("nki,nkj->nij", weighted, moved)
    if sd is None:
        rest = moved - design @ solved
        free = np.maximum(count - _FEWEST, 1)[:, None]
        noise = np.einsum("nk,nkj->nj", weight > 0, rest**2) / free
        # The median of these is taken in the end: of few degrees of freedom it is less than the mean.
        noise /= chi2.median(free) / free
        noise = np.where((count > _FEWEST)[:, None], noise, np.nan)
        inner = np.einsum("nki,nkj->nij", weighted, weighted)[..., None] * noise[:, None, None]
        own = noise
    else:
        inner = np.einsum("nki,nkj,nkc->nijc", weighted, weighted, sd[0] ** 2)
        own = sd[1] ** 2
    variance = np.einsum("nij,njkc,nki->nic", inverse, inner, inverse)
    solved[bad], variance[bad] = np.nan, np.nan
    return LocalFits(
        -solved[:, 0],
        np.sqrt(variance[:, 0] + own),
        np.swapaxes(solved[:, 1:], 1, 2) / radius,
        np.sqrt(np.swapaxes(variance[:, 1:], 1, 2)) / radius,
        count,
    )


def _with_common_errors(fits: LocalFits) -> LocalFits:
    """Give all atoms the typical error: that of a single fit to few neighbours is hardly known."""
    for values in (fits.displacement_sd, fits.gradient_sd):
        known = np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
        if known.any():
            missing = np.isfinite(fits.gradient).all(axis=(1, 2))
            values[missing] = np.median(values[known], axis=0)
    return fits

"""The lattice of atoms: its vectors, sublattices and grains, fitted to their positions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

from napari_atomai.errors import BadAtoms, BadOption
from napari_atomai.locate.neighbours import typical_spacing
from napari_atomai.stat.lattice.indexing import NONE, Indexed, indexed, keys
from napari_atomai.stat.lattice.translations import agreeing, alike, lattice_vectors

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]

By = Literal["auto", "class", "position"]

_MOST_GRAINS = 8
_FEWEST = 9  # atoms of a lattice: a grid of three by three
_SMALLEST = 0.03  # of all atoms: a grain
_HUBER = 1.5
_RAYLEIGH = 1.1774  # median of a distance in the plane, in standard deviations along an axis
_LARGER = 1.2  # times the area of another cell
_CHANCE = 0.75  # of the agreement of classes: in an alloy all vectors agree as well, but for luck
_TRIED = 1000  # pairs of vectors, of which the best is taken
_LUCK, _SURE = 0.01, 1e-6
"""Chances above which classes are not believed to be ordered, and above which that is doubted in words."""
_BENT = 0.25  # of the distance between neighbours: no single grid fits such atoms


@dataclass(frozen=True, eq=False)
class Cell:
    """The unit cell of one grain, as it is on average.

    Parameters
    ----------
    vectors : array, shape (2, 2)
        a and b in rows, as row, column.
    origin : array, shape (2,)
        Site of the first sublattice in cell 0, 0.
    offsets : array, shape (S, 2)
        Of each sublattice within the cell, in cells; that of the first is 0, 0.
    vectors_sd : array, shape (2, 2)
        Standard errors of the vectors.
    rms : float
        Root mean square distance of its atoms from their sites.
    """

    vectors: Vector
    origin: Vector
    offsets: Vector
    vectors_sd: Vector
    rms: float

    @property
    def lengths(self) -> tuple[float, float]:
        """Lengths of a and b."""
        a, b = np.linalg.norm(self.vectors, axis=1).tolist()
        return a, b

    @property
    def gamma(self) -> float:
        """Angle between a and b in degrees."""
        a, b = self.vectors / np.linalg.norm(self.vectors, axis=1, keepdims=True)
        return float(np.degrees(np.arccos(np.clip(a @ b, -1, 1))))

    @property
    def angle(self) -> float:
        """Direction of a in degrees, counter-clockwise from the right."""
        return float(np.degrees(np.arctan2(-self.vectors[0, 0], self.vectors[0, 1])))


@dataclass(frozen=True, eq=False)
class Lattice:
    """Cells of the grains, and the site of every atom.

    Parameters
    ----------
    cells : tuple of Cell
        One for each grain, in the order they were found.
    grain, sublattice : array of int, shape (N,)
        Of each atom; -1 for atoms on no lattice.
    index : array of int, shape (N, 2)
        Cell of each atom along a and b; 0 for atoms on no lattice.
    spacing : float
        Typical distance between neighbours.
    notes : tuple of str
        Sentences a person should see: grains, atoms on no lattice, dislocations.
    """

    cells: tuple[Cell, ...]
    grain: Integers
    sublattice: Integers
    index: Integers
    spacing: float
    notes: tuple[str, ...] = ()

    def sites(self, offsets: Vector | None = None) -> Vector:
        """Return the ideal site (N, 2) of every atom; NaN on no lattice.

        Parameters
        ----------
        offsets : array, shape (N, 2), optional
            In cells, in place of those of the sublattices.
        """
        found = np.full((len(self.grain), 2), np.nan)
        for number, cell in enumerate(self.cells):
            mine = self.grain == number
            inside = cell.offsets[self.sublattice[mine]] if offsets is None else offsets[mine]
            found[mine] = cell.origin + (self.index[mine] + inside) @ cell.vectors
        return found

    def displacements(self, positions: ArrayLike) -> Vector:
        """Return how far (N, 2) each atom lies from its ideal site, as row, column."""
        return np.asarray(np.asarray(positions, np.float64) - self.sites(), np.float64)


def fit_lattice(
    positions: ArrayLike, classes: ArrayLike | None = None, *, by: By = "auto", grains: int = _MOST_GRAINS
) -> Lattice:
    """Fit the lattice that atoms lie on, with its sublattices and grains.

    Vectors that bring most atoms onto others are sought among the differences of positions, the shortest
    two are the cell; atoms get their cell by a walk from neighbour to neighbour, and vectors, origin and
    offsets of all sublattices are fitted together by Huber's robust least squares.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Row, column, in any unit of length that is the same along both. Atoms may be missing, displaced,
        or belong to no lattice.
    classes : array of int, shape (N,), optional
        Classes of the atoms.
    by : {"auto", "class", "position"}
        Whether a lattice vector leads to an atom of the same class, or to any atom. "auto": the former,
        unless classes follow no lattice of their own, as those of an alloy.
    grains : int
        At most so many.

    Returns
    -------
    Lattice

    Raises
    ------
    BadAtoms
        If there are fewer than nine atoms, or they lie on no lattice.
    """
    where, kinds = _checked(positions, classes)
    if by not in ("auto", "class", "position"):
        raise BadOption(f"by is {by!r}.", remedy='Give "auto", "class" or "position".')
    spacing = typical_spacing(where)
    vectors, kinds, notes = _first_vectors(where, kinds, by, spacing)
    grain, sublattice = np.full((2, len(where)), NONE)
    index = np.zeros((len(where), 2), np.int64)
    cells: list[Cell] = []
    while vectors is not None and len(cells) < grains:
        left = np.flatnonzero(grain == NONE)
        found = indexed(where[left], kinds[left], vectors, spacing)
        mine = found.sublattice >= 0
        if mine.sum() < max(_FEWEST, _SMALLEST * len(where)):
            break
        chosen = left[mine]
        grain[chosen], sublattice[chosen] = len(cells), found.sublattice[mine]
        index[chosen] = found.index[mine]
        sited = Indexed(found.index[mine], found.sublattice[mine], found.offsets)
        cells.append(fitted(where[chosen], sited, vectors))
        rest = grain == NONE
        enough = rest.sum() >= max(_FEWEST, _SMALLEST * len(where))
        vectors = lattice_vectors(where[rest], kinds[rest], spacing) if enough else None
        vectors = None if vectors is None else alike(vectors, cells[0].vectors)
    if not cells:
        raise BadAtoms(
            f"The {len(where)} atoms lie on no lattice.",
            why="No two vectors bring enough of them onto others.",
            remedy="Choose atoms of a crystal; more atoms, fewer false ones, or refined positions may help.",
        )
    result = Lattice(tuple(cells), grain, sublattice, index, spacing, notes)
    return replace(result, notes=(*notes, *_said(result, where)))


def _checked(positions: ArrayLike, classes: ArrayLike | None) -> tuple[Vector, Integers]:
    where = np.asarray(positions, np.float64)
    where = where.reshape(-1, 2) if where.size == 0 else where
    kinds = np.zeros(len(where), np.int64) if classes is None else np.asarray(classes, np.int64)
    if where.ndim != 2 or where.shape[1] != 2 or len(kinds) != len(where):
        raise BadAtoms(
            f"Positions have shape {where.shape}, classes {kinds.shape}.",
            remedy="Give (N, 2), row and column, and one class for each atom.",
        )
    lost = int((~np.isfinite(where)).any(axis=1).sum())
    if lost:
        raise BadAtoms(f"{lost} of {len(where)} positions are not numbers.", remedy="Leave those atoms out.")
    if len(where) < _FEWEST:
        raise BadAtoms(
            f"There are {len(where)} atoms.",
            why=f"A lattice is told from {_FEWEST} atoms on.",
            remedy="Choose more atoms, or lower the threshold of the search.",
        )
    if typical_spacing(where) <= 0:
        raise BadAtoms("Most atoms lie on top of another.", remedy="Give every atom once, one frame only.")
    return where, kinds


def _first_vectors(
    where: Vector, kinds: Integers, by: By, spacing: float
) -> tuple[Vector | None, Integers, tuple[str, ...]]:
    """Return lattice vectors, the classes that they respect, and what is to be said of it."""
    anyone = np.zeros_like(kinds)
    if by == "position" or len(np.unique(kinds)) < 2:
        return lattice_vectors(where, anyone, spacing), anyone, ()
    own = lattice_vectors(where, kinds, spacing)
    if by == "class":
        return own, kinds, ()
    plain = lattice_vectors(where, anyone, spacing)
    luck = 1.0 if own is None else 0.0 if plain is None else _luck(where, kinds, own, plain, spacing)
    if plain is not None and luck > _LUCK:
        return plain, anyone, ("Classes follow no lattice of their own: sublattices are those of positions.",)
    if luck < _SURE:
        return own, kinds, ()
    few = (
        f"In an alloy, {len(where)} atoms look as ordered with a chance of {luck:.1g}: if this is one, "
        "choose sublattices by position."
    )
    return own, kinds, (few,)


def _luck(where: Vector, kinds: Integers, own: Vector, plain: Vector, spacing: float) -> float:
    """Return the chance that a cell larger than that of the positions keeps classes so well by luck alone."""
    if abs(np.linalg.det(own)) < _LARGER * abs(np.linalg.det(plain)):
        return 0.0
    same, there = agreeing(where, kinds, np.concatenate([own, plain]), spacing)
    share = same / np.maximum(there, 1)
    equal = float(((np.unique(kinds, return_counts=True)[1] / len(kinds)) ** 2).sum())
    if share[2:].min() > _CHANCE * share[:2].min():
        return 1.0
    return min(_TRIED * float(binom.sf(same[:2].sum() - 1, there[:2].sum(), equal)), 1.0)


def fitted(where: Vector, sited: Indexed, vectors: Vector) -> Cell:
    """Fit vectors, and one origin for each sublattice, by Huber's robust least squares.

    Parameters
    ----------
    where : array, shape (N, 2)
        Positions of the atoms of one grain.
    sited : Indexed
        Cell and sublattice of each of them.
    vectors : array, shape (2, 2)
        a and b, about; kept where the atoms do not tell them.
    """
    number = len(sited.offsets)
    rows = np.concatenate([sited.index, np.eye(number)[sited.sublattice]], axis=1).astype(np.float64)
    start = np.zeros((2 + number, 2))
    start[:2] = vectors
    weight = np.ones(len(where))
    for _ in range(5):
        root = np.sqrt(weight)[:, None]
        # The smallest correction keeps what no atom tells: a vector across a single row, an empty sublattice.
        solved = start + np.linalg.lstsq(root * rows, root * (where - rows @ start), rcond=1e-10)[0]
        away = np.linalg.norm(where - rows @ solved, axis=1)
        scale = max(float(np.median(away)) / _RAYLEIGH, 1e-12)
        weight = np.minimum(1.0, _HUBER * scale / np.maximum(away, 1e-300))
    inverse = np.linalg.pinv(rows.T @ (weight[:, None] * rows), rcond=1e-12)
    offsets = (solved[2:] - solved[2]) @ np.linalg.inv(solved[:2])
    spread = scale * np.sqrt(np.abs(np.diag(inverse))[:2])
    return Cell(solved[:2], solved[2], offsets, np.repeat(spread[:, None], 2, axis=1), _rms(away))


def _rms(away: Vector) -> float:
    return float(np.sqrt(np.mean(away**2)))


def _said(lattice: Lattice, where: Vector) -> tuple[str, ...]:
    said = []
    count, astray = len(where), int((lattice.grain == NONE).sum())
    if astray > 0.05 * count:
        said.append(f"{astray} of {count} atoms lie on no lattice.")
    if len(lattice.cells) > 1:
        sizes = np.bincount(lattice.grain[lattice.grain >= 0])
        first = lattice.cells[0].angle
        turned = ", ".join(
            f"{size} atoms at {cell.angle - first:+.1f}°"
            for size, cell in zip(sizes, lattice.cells, strict=True)
        )
        said.append(
            f"{len(lattice.cells)} grains or domains: {turned} (direction of a, relative to the first)."
        )
    for number, cell in enumerate(lattice.cells):
        mine = lattice.grain == number
        if cell.rms > _BENT * lattice.spacing:
            said.append(
                f"Atoms of grain {number} lie {cell.rms / lattice.spacing:.2f} distances from a single grid: "
                "it is bent or holds dislocations; displacements relative to neighbours are not affected."
            )
        shared = mine.sum() - len(np.unique(keys(lattice.index[mine], lattice.sublattice[mine])))
        if shared:
            said.append(
                f"{shared} atoms of grain {number} share the site of another: a dislocation, or doubles."
            )
    return tuple(said)

"""Two sublattices that only brightness tells apart, as A and B columns of a perovskite along [001]."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.errors import BadAtoms
from napari_atomai.stat.lattice.fit import Lattice, fitted
from napari_atomai.stat.lattice.indexing import Indexed
from napari_atomai.stat.lattice.translations import reduced

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]

_PATTERNS = np.array([[1, 1], [1, 0], [0, 1]])
"""Which indices must be even together: chequered, and in rows along b or a."""

_BASES = np.array([[[1, 1], [-1, 1]], [[2, 0], [0, 1]], [[1, 0], [0, 2]]])
_CLEAR = 1.0  # difference of the two means, in standard deviations within
_SURE = 6.0  # the same, in standard errors


def split_by_brightness(lattice: Lattice, positions: ArrayLike, brightness: ArrayLike) -> Lattice:
    """Double the cell of grains whose atoms are bright and dim in turn.

    Parameters
    ----------
    lattice : Lattice
        Grains with one sublattice are looked at; others stay as they are.
    positions : array, shape (N, 2)
        Row, column.
    brightness : array, shape (N,)
        Of each atom.

    Returns
    -------
    Lattice
        The bright atoms of a grain that was split are sublattice 0, the dim ones 1. Unchanged where
        brightness alternates nowhere by more than a standard deviation.
    """
    where, values = np.asarray(positions, np.float64), np.asarray(brightness, np.float64)
    if len(values) != len(where):
        raise BadAtoms(
            f"{len(where)} atoms came with {len(values)} values.", remedy="Give one for each atom."
        )
    cells, index, sublattice, said = list(lattice.cells), lattice.index.copy(), lattice.sublattice.copy(), []
    for number, cell in enumerate(lattice.cells):
        mine = np.flatnonzero((lattice.grain == number) & np.isfinite(values))
        pattern = _pattern(lattice.index[mine], values[mine]) if len(cell.offsets) == 1 else None
        if pattern is None:
            continue
        all_mine = np.flatnonzero(lattice.grain == number)
        dim = (lattice.index[all_mine] @ _PATTERNS[pattern]) % 2 == 1
        known = np.isfinite(values[all_mine])
        if values[all_mine][known & dim].mean() > values[all_mine][known & ~dim].mean():
            dim = ~dim
        vectors = reduced(_BASES[pattern] @ cell.vectors)
        found = _doubled(lattice.index[all_mine], dim, np.rint(vectors @ np.linalg.inv(cell.vectors)))
        index[all_mine], sublattice[all_mine] = found.index, found.sublattice
        cells[number] = fitted(where[all_mine], found, vectors)
        said.append(f"Bright and dim atoms of grain {number} take turns: they are sublattices 0 and 1.")
    return replace(
        lattice, cells=tuple(cells), index=index, sublattice=sublattice, notes=(*lattice.notes, *said)
    )


def _pattern(index: Integers, values: Vector) -> int | None:
    """Return the pattern by which brightness alternates most clearly; None where it does not."""
    odd = (index @ _PATTERNS.T) % 2 == 1
    count = np.stack([odd.sum(axis=0), (~odd).sum(axis=0)])
    if count.min() < 3:
        return None
    means = np.stack([[values[part].mean() for part in group.T] for group in (odd, ~odd)])
    spread = np.array(
        [
            np.sqrt((values[part].var() * part.sum() + values[~part].var() * (~part).sum()) / len(values))
            for part in odd.T
        ]
    )
    apart = np.abs(means[0] - means[1]) / np.maximum(spread, 1e-12 * max(float(np.abs(values).max()), 1e-300))
    best = int(np.argmax(apart))
    sure = apart[best] * np.sqrt(1 / (1 / count[:, best]).sum())
    return best if apart[best] > _CLEAR and sure > _SURE else None


def _doubled(index: Integers, dim: NDArray[np.bool_], basis: Vector) -> Indexed:
    start = index[np.argmax(~dim)]
    place = (index - start) @ np.linalg.inv(basis)
    cell = np.floor(place + 0.25)
    offset = (place - cell)[dim][0]
    return Indexed(cell.astype(np.int64), dim.astype(np.int64), np.stack([np.zeros(2), offset]))

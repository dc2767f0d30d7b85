"""Dimensions that have a type, and the order of a picture by types and names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.data.image import ENERGIES
from napari_atomai.data.units import normalise_unit

SPATIAL, RECIPROCAL, SPECTRAL, TEMPORAL = "spatial", "reciprocal", "spectral", "temporal"
CHANNEL, UNKNOWN = "channel", "unknown"
KINDS = (SPATIAL, RECIPROCAL, SPECTRAL, TEMPORAL, CHANNEL, UNKNOWN)
"""Types of dimension, as sidpy names them."""

_ALIASES = {"time": TEMPORAL, "frame": TEMPORAL, "stack": TEMPORAL, "point_cloud": UNKNOWN}
_DIFFRACTION_ROWS = frozenset({"ky", "v", "qy", "dy"})
_DIFFRACTION_COLUMNS = frozenset({"kx", "u", "qx", "dx"})
_ROWS = frozenset({"y", "ry", "row", "rows", "height", "slow"}) | _DIFFRACTION_ROWS
_COLUMNS = frozenset({"x", "rx", "col", "cols", "column", "columns", "width", "fast"}) | _DIFFRACTION_COLUMNS
DIFFRACTION = _DIFFRACTION_ROWS | _DIFFRACTION_COLUMNS
"""Names of rows and columns of a diffraction pattern, in small letters."""

TIMES = frozenset({"s", "ms", "µs", "min", "h"})
"""Units of an axis along which time runs."""

_EVEN = 1e-9
_DIGITS = 13


@dataclass(frozen=True, eq=False)
class Dimension:
    """One dimension: what it is, and where its samples lie.

    Parameters
    ----------
    name : str
        As its maker calls it.
    size : int
        Number of samples.
    kind : str
        One of `KINDS`.
    first, step : float
        Position of sample 0, and the mean distance to the next.
    unit, quantity : str
        As its maker spells them.
    values : array, shape (size,), optional
        Positions of the samples where they are not evenly spaced.
    """

    name: str
    size: int
    kind: str = UNKNOWN
    first: float = 0.0
    step: float = 1.0
    unit: str = ""
    quantity: str = ""
    values: NDArray[np.float64] | None = None

    @classmethod
    def of(
        cls, name: str, positions: ArrayLike, kind: str = "", unit: str = "", quantity: str = ""
    ) -> Dimension:
        """Make a dimension of the positions of its samples."""
        values = np.asarray(positions, dtype=np.float64).ravel()
        first = float(values[0])
        step = float((values[-1] - values[0]) / (values.size - 1)) if values.size > 1 else 1.0
        step = float(f"{step:.{_DIGITS}g}")  # 0.1 that was written as 0, 0.1, 0.2 ... comes back as 0.1
        straight = first + step * np.arange(values.size)
        even = np.allclose(values, straight, rtol=_EVEN, atol=_EVEN * abs(step))
        return cls(name, values.size, kind_of(kind), first, step, unit, quantity, None if even else values)

    @property
    def positions(self) -> NDArray[np.float64]:
        """Position of every sample, shape (size,)."""
        if self.values is not None:
            return self.values
        return np.asarray(self.first + self.step * np.arange(self.size), dtype=np.float64)


def kind_of(text: object) -> str:
    """Return the type of a dimension in one spelling; "unknown" for what is not one."""
    word = str(text or "").rpartition(".")[2].strip().casefold()
    return word if word in KINDS else _ALIASES.get(word, UNKNOWN)


def promoted(dimensions: Sequence[Dimension]) -> list[str]:
    """Take dimensions of no type for rows and columns where there are none of a type."""
    kinds = [d.kind if d.kind != UNKNOWN else _by_unit(d) for d in dimensions]
    if RECIPROCAL in kinds:
        return kinds
    unknown = [i for i, kind in enumerate(kinds) if kind == UNKNOWN]
    named = [i for i in unknown if _is_row(dimensions[i]) or _is_column(dimensions[i])]
    for i in [*named, *(i for i in reversed(unknown) if i not in named)]:
        if kinds.count(SPATIAL) < 2:
            kinds[i] = SPATIAL
    return kinds


def _by_unit(dimension: Dimension) -> str:
    unit = normalise_unit(dimension.unit)
    if unit in ENERGIES:
        return SPECTRAL
    return TEMPORAL if unit in TIMES else UNKNOWN


def without_single(dimensions: Sequence[Dimension], kinds: Sequence[str]) -> list[int]:
    """Drop dimensions of one sample, rows and columns last, as long as a picture or a spectrum is left."""
    kept = list(range(len(dimensions)))
    for i in sorted(kept, key=lambda i: (kinds[i] == SPATIAL, i)):
        rest = [kinds[j] for j in kept if j != i]
        if dimensions[i].size == 1 and (len(rest) > 1 or rest == [SPECTRAL]):
            kept.remove(i)
    return kept


def picture_order(dimensions: Sequence[Dimension], kinds: Sequence[str], kept: Sequence[int]) -> list[int]:
    """Return the dimensions in the order of an Image or a Spectrum: rows and columns, or a spectrum, last."""

    def of(*wanted: str) -> list[int]:
        return [i for kind in wanted for i in kept if kinds[i] == kind]

    spatial, reciprocal = (_rows_first(dimensions, of(kind)) for kind in (SPATIAL, RECIPROCAL))
    leading = of(UNKNOWN, CHANNEL, TEMPORAL)
    if len(reciprocal) > 1:
        return [*leading, *of(SPECTRAL), *spatial, *reciprocal]
    if len(spatial) > 1:
        return [*leading, *reciprocal, *of(SPECTRAL), *spatial]
    return [*leading, *spatial, *reciprocal, *of(SPECTRAL)]


def _rows_first(dimensions: Sequence[Dimension], plane: list[int]) -> list[int]:
    """Order spatial dimensions as (z, y, x) by their names; what has no such name keeps its place."""
    columns = [i for i in plane if _is_column(dimensions[i])][-1:]
    rows = [i for i in plane if _is_row(dimensions[i])][-1:]
    rest = [i for i in plane if i not in columns and i not in rows]
    return [*rest, *rows, *columns] if columns or len(plane) > 2 else [*rows, *rest]


def _is_row(dimension: Dimension) -> bool:
    return dimension.name.strip().casefold() in _ROWS


def _is_column(dimension: Dimension) -> bool:
    return dimension.name.strip().casefold() in _COLUMNS

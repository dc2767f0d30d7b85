"""USID: tables of positions × spectroscopic steps, which become arrays of n dimensions again."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.dimensions import RECIPROCAL, SPATIAL, SPECTRAL, UNKNOWN, Dimension
from napari_atomai.data.sid import Sid
from napari_atomai.data.units import normalise_unit, split_quantity
from napari_atomai.errors import CannotRead
from napari_atomai.files import h5tags
from napari_atomai.files.guard import Limits, check_size
from napari_atomai.files.stored import Grid, Stored

TABLES = ("Position_Indices", "Position_Values", "Spectroscopic_Indices", "Spectroscopic_Values")
"""What a Main dataset refers to."""

_DEEPEST = 30


def datasets(main: Any, path: Path, limits: Limits, lazy: bool) -> list[Sid]:
    """Make a dataset of each component of a Main dataset.

    Raises
    ------
    CannotRead
        If the rows or columns are no complete grid in order, or the tables do not fit.
    TooLarge
        If a table exceeds the budget.
    """
    if main.ndim != 2 or 0 in main.shape:
        raise _damaged(path, main, f"its Main dataset has the shape {main.shape}")
    rows, sizes = _dimensions(main, "Position", path, limits)
    columns, more = _dimensions(main, "Spectroscopic", path, limits)
    dimensions = _pictures(rows, columns)
    tags = _tags(main)
    quantity, unit = h5tags.text(main.attrs.get("quantity")), h5tags.text(main.attrs.get("units"))
    title = main.name.rpartition("/")[2]
    made = []
    for name in main.dtype.names or ("",):
        grid = Grid(main, name, (*sizes, *more), len(sizes))
        of, its_unit = split_quantity(name) if name else (quantity, unit)
        made.append(
            Sid(
                Stored(grid) if lazy else grid[()],
                dimensions,
                title=f"{title}: {of}" if name else title,
                quantity=of,
                unit=its_unit,
                original=tags,
            )
        )
    return made


def _dimensions(main: Any, of: str, path: Path, limits: Limits) -> tuple[list[Dimension], tuple[int, ...]]:
    """Return the dimensions of the rows or columns, slowest first, and their sizes."""
    along = 0 if of == "Position" else 1
    indices, values = (_table(main, f"{of}_{what}", along, path, limits) for what in ("Indices", "Values"))
    if indices.shape != values.shape:
        raise _damaged(path, main, f"its {of}_Indices and {of}_Values differ in shape")
    order, sizes = _grid_order(indices, main, of, path)
    holder = main.file[main.attrs[f"{of}_Indices"]]
    labels, units = (h5tags.texts(holder.attrs.get(what), indices.shape[1]) for what in ("labels", "units"))
    kind = SPATIAL if of == "Position" else SPECTRAL
    made = []
    for i, size in zip(order, sizes, strict=True):
        first_at = np.unique(indices[:, i], return_index=True)[1]
        positions = values[first_at, i].astype(np.float64)
        if not np.isfinite(positions).all():
            positions, units[i] = np.arange(size, dtype=np.float64), ""
        made.append(Dimension.of(labels[i] or f"{of.lower()} {i}", positions, kind, units[i], labels[i]))
    return made, tuple(sizes)


def _table(main: Any, name: str, along: int, path: Path, limits: Limits) -> NDArray[Any]:
    """Read an index or value table as (rows or columns of the Main dataset, dimensions)."""
    import h5py

    reference = main.attrs[name]
    table: Any = main.file[reference] if isinstance(reference, h5py.Reference) and reference else None
    fits = isinstance(table, h5py.Dataset) and table.ndim == 2 and table.shape[along] == main.shape[along]
    if not fits or table.dtype.kind not in "iuf" or not 1 <= table.shape[1 - along] <= _DEEPEST:
        raise _damaged(path, main, f"its table {name} is missing or does not fit it")
    check_size(f"{path.name}, table {name},", table.shape, 8, limits)
    whole: NDArray[Any] = table[()]
    if name.endswith("Indices") and not np.isfinite(whole).all():
        raise _damaged(path, main, f"its table {name} holds values that are no numbers")
    return whole if along == 0 else whole.T


def _grid_order(indices: NDArray[Any], main: Any, of: str, path: Path) -> tuple[list[int], list[int]]:
    """Find which dimension runs slowest; the rows must be a complete grid, in order."""
    numbers = indices.astype(np.int64)
    numbers -= numbers.min(axis=0)
    sizes = [int(n) + 1 for n in numbers.max(axis=0)]
    changes = np.count_nonzero(np.diff(numbers, axis=0), axis=0)
    order = [int(i) for i in np.argsort(changes, kind="stable")]
    sizes = [sizes[i] for i in order]
    complete = math.prod(sizes) == len(numbers)
    if complete:
        place = np.ravel_multi_index(tuple(numbers[:, order].T), tuple(sizes))
        complete = bool(np.array_equal(place, np.arange(len(numbers))))
    if not complete:
        raise CannotRead(
            f"{path.name}, {main.name}: its {len(numbers)} {of.lower()} entries are no complete grid of "
            f"{' × '.join(str(n) for n in sizes)} in order.",
            why="Which value belongs to which pixel could only be guessed.",
            remedy="Complete or sort it with pyUSID, and save it as an array of n dimensions.",
        )
    return order, sizes


def _pictures(rows: list[Dimension], columns: list[Dimension]) -> tuple[Dimension, ...]:
    """Say where a picture was measured: steps in x and y where nothing was scanned, or in 1/nm."""
    plane = [d for d in columns if d.name.casefold() in ("x", "y")]
    pattern = [d for d in columns if normalise_unit(d.unit).startswith("1/")]
    if len(pattern) == 2:
        columns = [dataclasses.replace(d, kind=RECIPROCAL) if d in pattern else d for d in columns]
    elif len(plane) == 2 and sum(d.size > 1 for d in rows) < 2:
        columns = [dataclasses.replace(d, kind=SPATIAL) if d in plane else d for d in columns]
        rows = [dataclasses.replace(d, kind=UNKNOWN) for d in rows]
    return (*rows, *columns)


def _tags(main: Any) -> dict[str, Any]:
    """Attributes of the groups around a Main dataset: where pyUSID keeps parameters."""
    tags: dict[str, Any] = {}
    group = main.parent
    for _ in range(_DEEPEST):
        own = h5tags.attributes(group)
        if own:
            tags[group.name.rpartition("/")[2] or "file"] = own
        if group.name == "/":
            break
        group = group.parent
    return tags


def _damaged(path: Path, main: Any, what: str) -> CannotRead:
    return CannotRead(
        f"{path.name}, {main.name}, could not be read: {what}.",
        why="It is damaged or was written by another version.",
        remedy="Save it again with the program it comes from.",
    )

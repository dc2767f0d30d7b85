"""Arrays of an HDF5 file that stay there until they are looked at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.files import slabs


class Stored:
    """Stands for an array that stays in the file until it is looked at; it can only be transposed.

    Parameters
    ----------
    stored : h5py.Dataset, or an array of any kind
        As it lies in the file.
    turned : Sliced, optional
        The same with its last dimension in front, where something reads that faster.
    split : int
        Dimension along which `turned` is cut into blocks.
    """

    def __init__(self, stored: Any, turned: slabs.Sliced | None = None, split: int = 0) -> None:
        self.stored, self.turned, self.split = stored, turned, split
        self.shape, self.dtype, self.ndim = tuple(stored.shape), stored.dtype, len(stored.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all of it."""
        return math.prod(int(n) for n in self.shape) * int(self.dtype.itemsize)

    def compute(self, scheduler: str = "") -> NDArray[Any]:
        """Read all of it, as dask does."""
        del scheduler
        return np.asarray(self.stored[(slice(None),) * self.ndim])

    def transpose(self, order: Sequence[int]) -> Any:
        """Make a dask array of it whose slices read no more than they need."""
        if self.turned is None or self.ndim != 3 or order[0] != 2:
            return slabs.lazy(_Transposed(self.stored, tuple(order)), 0)
        left = tuple((0, 1, 2)[i - 2] for i in order)  # what is left to do once the last is in front
        turned = self.turned if left == (0, 1, 2) else _Transposed(self.turned, left)
        return slabs.lazy(turned, self.split)


class _Transposed(slabs.Sliced):
    """An array in another order of its dimensions."""

    def __init__(self, stored: Any, order: tuple[int, ...]) -> None:
        super().__init__(tuple(stored.shape[i] for i in order), stored.dtype)
        self.stored, self.order = stored, order

    def box(self, box: slabs.Box) -> NDArray[Any]:
        """Read the box where it lies."""
        where = tuple(box[self.order.index(i)] for i in range(len(box)))
        return np.transpose(np.asarray(self.stored[where]), self.order)


class Grid(slabs.Sliced):
    """A table of positions × steps, looked at as an array of n dimensions.

    Parameters
    ----------
    main : h5py.Dataset
        The table.
    component : str
        Which of its components; "" where it has only numbers.
    shape : tuple of int
        Of the dimensions, positions before steps, the slowest first.
    n_positions : int
        How many of them are positions.
    """

    def __init__(self, main: Any, component: str, shape: tuple[int, ...], n_positions: int) -> None:
        super().__init__(shape, main.dtype[component] if component else main.dtype)
        self.main, self.component, self.n_positions = main, component, n_positions

    def box(self, box: slabs.Box) -> NDArray[Any]:
        """Read the rows that belong to one step of the slowest position after the other."""
        positions, steps = self.shape[: self.n_positions], self.shape[self.n_positions :]
        run = math.prod(positions[1:])
        found = np.empty([part.stop - part.start for part in box], self.dtype)
        inner = box[1:]
        for place in range(box[0].start, box[0].stop):
            rows = self.main[place * run : (place + 1) * run]
            rows = rows[self.component] if self.component else rows
            found[place - box[0].start] = rows.reshape((*positions[1:], *steps))[inner]
        return found

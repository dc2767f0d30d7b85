"""Arrays larger than memory, read slab by slab when they are sliced; no page of the file stays mapped.

dask hands a slice down to the array it was made of, so what is read is what is looked at. Spectrum images
lie on the disk as (y, x, E), and pictures need (E, y, x): one map touches the whole file, and a mapped file
would fill the memory with it. Here a slab of rows is read, the map is copied out of it, the slab is let go.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Box = tuple[slice, ...]

_SLAB = 8 << 20
_BLOCK = 128 << 20


class Sliced(ABC):
    """Something with a shape and a type that is read box by box.

    Parameters
    ----------
    shape : tuple of int
        Of the array, in the order in which it is looked at.
    dtype : dtype
        Of its values.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape, self.dtype = tuple(int(n) for n in shape), np.dtype(dtype)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all of it."""
        return math.prod(self.shape) * self.dtype.itemsize

    @abstractmethod
    def box(self, box: Box) -> NDArray[Any]:
        """Read a box; one slice with start, stop and step 1 for each dimension."""

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Read what NumPy would give for integers, slices and at most one list of integers."""
        keys = key if isinstance(key, tuple) else (key,)
        box, rest = [], []
        for length, wanted in zip(self.shape, [*keys, *[slice(None)] * (self.ndim - len(keys))], strict=True):
            inside = np.arange(length)[wanted]
            low = int(inside.min()) if inside.size else 0
            box.append(slice(low, int(inside.max()) + 1 if inside.size else 0, 1))
            rest.append(slice(None, None, wanted.step) if isinstance(wanted, slice) else inside - low)
        found: NDArray[Any] = self.box(tuple(box))[tuple(rest)]
        return found


class Records(Sliced):
    """Records of equal length, one after the other in a file, each holding an array.

    Parameters
    ----------
    path : Path
        The file.
    offset : int
        Where the first record begins, in bytes.
    counts : tuple of int
        How many records there are along each scanned dimension.
    record : dtype
        With one field, ``"data"``, of the shape that a record has.
    """

    def __init__(self, path: Path, offset: int, counts: tuple[int, ...], record: np.dtype[Any]) -> None:
        field = record["data"]
        super().__init__((*counts, *field.shape), field.base)
        self.path, self.offset, self.counts, self.record = path, offset, counts, record

    def box(self, box: Box) -> NDArray[Any]:
        """Read every run of records that lie side by side."""
        scanned, inner = box[: len(self.counts)], box[len(self.counts) :]
        sizes = [part.stop - part.start for part in box]
        found = np.empty(sizes, self.dtype)
        *outer, last = scanned
        with self.path.open("rb") as file:
            for index in np.ndindex(*sizes[: len(outer)]):
                place = [part.start + i for part, i in zip(outer, index, strict=True)]
                first = int(np.ravel_multi_index((*place, last.start), self.counts))
                file.seek(self.offset + first * self.record.itemsize)
                run = np.fromfile(file, self.record, last.stop - last.start)["data"]
                found[index] = run[(slice(None), *inner)]
        return found


class Spectra(Sliced):
    """A file of spectra (y, x, E), looked at as (E, y, x).

    Parameters
    ----------
    path : Path
        The file.
    offset : int
        Where the first spectrum begins, in bytes.
    shape : (int, int, int)
        As it lies in the file: rows, columns, channels.
    dtype : dtype
        Of the numbers in the file.
    """

    def __init__(self, path: Path, offset: int, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> None:
        rows, columns, channels = shape
        super().__init__((channels, rows, columns), dtype)
        self.path, self.offset = path, offset

    def box(self, box: Box) -> NDArray[Any]:
        """Read slab by slab of whole spectra, and copy the channels out of each."""
        energy, rows, columns = box
        channels, _, width = self.shape
        one = channels * self.dtype.itemsize
        found = np.empty([part.stop - part.start for part in box], self.dtype)
        step = max(1, _SLAB // one)
        with self.path.open("rb") as file:
            for row in range(rows.start, rows.stop):
                for at in range(columns.start, columns.stop, step):
                    stop = min(columns.stop, at + step)
                    file.seek(self.offset + (row * width + at) * one)
                    slab = np.fromfile(file, self.dtype, (stop - at) * channels).reshape(-1, channels)
                    found[:, row - rows.start, at - columns.start : stop - columns.start] = slab[:, energy].T
        return found


class Turned(Sliced):
    """Spectra (y, x, E), looked at as (E, y, x).

    Parameters
    ----------
    stored : h5py.Dataset, or an array of any kind
        With the spectral dimension last.
    """

    def __init__(self, stored: Any) -> None:
        *scanned, channels = stored.shape
        super().__init__((channels, *scanned), stored.dtype)
        self.stored = stored
        self.unpack = _unpacker(stored)

    def box(self, box: Box) -> NDArray[Any]:
        """Pick the channels out of one chunk after the other."""
        energy, *scanned = box
        if self.unpack is None or energy.stop - energy.start > self.shape[0] // 2:
            return np.moveaxis(self.stored[(*scanned, energy)], -1, 0)
        found = np.empty([part.stop - part.start for part in box], self.dtype)
        for place in _chunks(scanned, self.stored.chunks):
            inside = tuple(
                slice(max(part.start, low) - low, min(part.stop, low + step) - low)
                for part, low, step in zip(scanned, place, self.stored.chunks, strict=False)
            )
            into = tuple(
                slice(low + cut.start - part.start, low + cut.stop - part.start)
                for part, low, cut in zip(scanned, place, inside, strict=True)
            )
            spectra = self.unpack((*place, 0))
            if spectra is None:  # never written, or not packed like the others: let HDF5 see to it
                where = tuple(
                    slice(low + cut.start, low + cut.stop) for low, cut in zip(place, inside, strict=True)
                )
                found[(slice(None), *into)] = np.moveaxis(self.stored[(*where, energy)], -1, 0)
            else:
                found[(slice(None), *into)] = np.moveaxis(spectra[(*inside, energy)], -1, 0)
        return found


def _chunks(box: Sequence[slice], steps: Sequence[int]) -> Iterator[tuple[int, ...]]:
    spans = [
        range(part.start // step * step, part.stop, step) for part, step in zip(box, steps, strict=False)
    ]
    return itertools.product(*spans)


def _unpacker(stored: Any) -> Callable[[tuple[int, ...]], NDArray[Any] | _Shuffled | None] | None:
    """Give what unpacks a chunk of whole spectra, plain or packed by gzip, faster than HDF5 does."""
    chunks = getattr(stored, "chunks", None)
    if not chunks or chunks[-1] != stored.shape[-1] or not hasattr(stored, "compression"):
        return None
    known = (stored.compression == "gzip") + stored.shuffle
    if stored.id.get_create_plist().get_nfilters() != known:  # others keep their secrets to HDF5
        return None
    import imagecodecs

    inflate = imagecodecs.zlibng_decode if imagecodecs.ZLIBNG.available else imagecodecs.zlib_decode
    shuffled, width, nbytes = stored.shuffle, stored.dtype.itemsize, _nbytes(chunks, stored.dtype)

    def unpack(place: tuple[int, ...]) -> NDArray[Any] | _Shuffled | None:
        try:
            skipped, packed = stored.id.read_direct_chunk(place)
            unpacked = inflate(packed, out=nbytes) if stored.compression else packed
            flat = np.frombuffer(b"" if skipped else unpacked, np.uint8)
        except (OSError, RuntimeError, ValueError):  # HDF5 says what is wrong with it
            return None
        if flat.size != nbytes:
            return None
        if not shuffled or width == 1:
            values: NDArray[Any] = flat.view(stored.dtype).reshape(chunks)
            return values
        planes = flat.reshape(width, *chunks)
        return _Shuffled(planes, stored.dtype)

    return unpack


class _Shuffled:
    """Numbers whose first bytes come first, then all second bytes: put together where they are wanted."""

    def __init__(self, planes: NDArray[np.uint8], dtype: np.dtype[Any]) -> None:
        self.planes, self.dtype = planes, dtype

    def __getitem__(self, key: tuple[slice, ...]) -> NDArray[Any]:
        cut = np.moveaxis(self.planes[(slice(None), *key)], 0, -1)
        joined: NDArray[Any] = np.ascontiguousarray(cut).view(self.dtype)[..., 0]
        return joined


def _nbytes(shape: Sequence[int], dtype: np.dtype[Any]) -> int:
    return math.prod(shape) * dtype.itemsize


def lazy(array: Sliced, split: int) -> Any:
    """Make a dask array of it, in blocks along dimension `split`.

    Few and large blocks: a slice of a block reads no more than the slice.
    """
    import dask.array as da

    step = max(1, array.shape[split] * _BLOCK // max(1, array.nbytes))
    chunks = [-1] * array.ndim
    chunks[split] = min(step, array.shape[split])
    empty = np.empty((0,) * array.ndim, array.dtype)
    return da.from_array(array, chunks=tuple(chunks), meta=empty)  # type: ignore[no-untyped-call]

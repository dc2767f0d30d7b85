"""Spectra of spectrum images: of a pixel, of a region, of all of it; within little memory."""

from __future__ import annotations

import itertools
import math
from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.image import ENERGIES, Axis, Image
from napari_atomai.data.progress import Progress, finish
from napari_atomai.data.spectrum import Spectrum
from napari_atomai.errors import BadImage, BadOption

Part = int | slice | None
Box = tuple[slice, ...]

_BLOCK = 32 << 20
"""Bytes that are read at once."""


def spectrum_of(image: Image, rows: Part = None, columns: Part = None) -> Spectrum:
    """Return the mean spectrum of a spectrum image, of a region of it, or of a pixel.

    Parameters
    ----------
    image : Image
        Of shape (E, y, x); other leading dimensions (frames) are averaged. Lazy pixels are read block by
        block.
    rows, columns : int, slice or None
        Which pixels; None takes all of them.

    Returns
    -------
    Spectrum
        Of shape (E,); values are means over the pixels that are finite, NaN where no pixel is.

    Raises
    ------
    BadImage
        If the image has no spectral axis before its rows and columns.
    BadOption
        If there is no such pixel.
    """
    return finish(averaging(image, rows, columns))


def averaging(image: Image, rows: Part = None, columns: Part = None) -> Generator[Progress, None, Spectrum]:
    """Do what `spectrum_of` does, with progress after each block."""
    axis = spectral_axis(image)
    down, across = _span(rows, image.shape[-2], "row"), _span(columns, image.shape[-1], "column")
    pixels = image.pixels[..., down, across]
    total, count = np.zeros(image.shape[axis]), np.zeros(image.shape[axis])
    blocks = list(_blocks(pixels))
    for step, box in enumerate(blocks):
        yield Progress(step, len(blocks), "reading spectra")
        here = box[axis]
        added, counted = _sums(_read(pixels[box]), axis)
        total[here] += added
        count[here] += counted
    mean = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return Spectrum(
        mean,
        (image.axes[axis],),
        name=f"{image.name}: {_words(rows, columns, down, across)}",
        source=image.source,
        quantity=image.quantity,
        value_unit=image.value_unit,
    )


def spectral_axis(image: Image) -> int:
    """Return which dimension of a spectrum image is the spectral one.

    Raises
    ------
    BadImage
        If there is none before the rows and columns.
    """
    leading = image.axes[:-2]
    energies = [i for i, axis in enumerate(leading) if axis.unit in ENERGIES]
    if not leading or not image.is_spectral:
        raise BadImage(
            f"{image.name!r} of shape {image.shape} is no spectrum image.",
            why="Spectra are taken along an axis of energies that comes before rows and columns.",
            remedy="Choose an image of shape (E, y, x).",
        )
    return energies[-1] if energies else len(leading) - 1


def positions(axis: Axis, count: int) -> NDArray[np.float64]:
    """Return where the samples along an axis lie, in its unit; shape (count,)."""
    return axis.offset + axis.scale * np.arange(count, dtype=np.float64)


def spectrum_at(spectrum: Spectrum, point: int) -> NDArray[np.float64]:
    """Return the spectrum at a point of a line scan, shape (E,); lazy values are read here."""
    values = spectrum.values if len(spectrum.shape) == 1 else spectrum.values[point]
    return _read(values).astype(np.float64)


def _span(part: Part, length: int, what: str) -> slice:
    if part is None:
        return slice(0, length)
    span = slice(part, part + 1) if isinstance(part, int) else part
    low, high = span.start or 0, length if span.stop is None else span.stop
    if not 0 <= low < high <= length or span.step not in (None, 1):
        raise BadOption(
            f"There is no {what} {part}: the image has {length}.",
            remedy=f"Give a {what} from 0 to {length - 1}, or a slice with step 1 within the image.",
        )
    return slice(low, high)


def _words(rows: Part, columns: Part, down: slice, across: slice) -> str:
    if rows is None and columns is None:
        return "mean"
    if isinstance(rows, int) and isinstance(columns, int):
        return f"pixel {rows}, {columns}"
    return f"rows {down.start}-{down.stop - 1}, columns {across.start}-{across.stop - 1}"


def _blocks(pixels: Any) -> Iterator[Box]:
    """Boxes that follow the chunks of lazy pixels, and are never much larger than what is read at once."""
    chunks = getattr(pixels, "chunks", None) or tuple((n,) for n in pixels.shape)
    spans = [list(zip([0, *itertools.accumulate(sizes)], sizes, strict=False)) for sizes in chunks]
    for chunk in itertools.product(*spans):
        yield from _parts(tuple(slice(low, low + n) for low, n in chunk), pixels.dtype.itemsize)


def _parts(box: Box, itemsize: int) -> Iterator[Box]:
    # Whole spectra of a few rows: so most files store them.
    sizes = [part.stop - part.start for part in box]
    order = [len(box) - 2, len(box) - 1, *range(len(box) - 2)]
    step = list(sizes)
    for dimension in order:
        others = math.prod(step) // step[dimension] * itemsize
        step[dimension] = max(1, min(step[dimension], _BLOCK // others))
    starts = [range(part.start, part.stop, n) for part, n in zip(box, step, strict=True)]
    for corner in itertools.product(*starts):
        yield tuple(
            slice(low, min(low + n, part.stop)) for low, n, part in zip(corner, step, box, strict=True)
        )


def _read(values: Any) -> NDArray[Any]:
    if hasattr(values, "compute"):  # dask's threads would each hold a block of their own
        values = values.compute(scheduler="synchronous")
    return np.asarray(values)


def _sums(block: NDArray[Any], axis: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum of the finite values and how many they are, for each channel."""
    others = tuple(i for i in range(block.ndim) if i != axis)
    whole = float(block.size // block.shape[axis])
    with np.errstate(invalid="ignore", over="ignore"):
        total = block.sum(axis=others, dtype=np.float64)
    if np.isfinite(total).all():
        return total, np.full(len(total), whole)
    finite = np.isfinite(block)
    return np.sum(block, axis=others, dtype=np.float64, where=finite), finite.sum(
        axis=others, dtype=np.float64
    )

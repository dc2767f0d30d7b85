"""TIFF: what a file declares, its pixels as they are shown, pages one by one, writing."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.arrangement import COLOURS
from napari_atomai.data.pixels import luminance
from napari_atomai.errors import BadImage, BadOption, CannotRead
from napari_atomai.files import tiff_tags
from napari_atomai.files.atomic import replacing
from napari_atomai.files.guard import Limits, check_size, in_words
from napari_atomai.files.tiff_tags import NOTHING, Said

_WRITABLE = ("uint8", "uint16", "float32")
_IMAGEJ_BYTES = (4 << 30) - (64 << 20)
_COLOUR_STEPS = 257
"""A palette has 16 bits: so many of its steps are one of 8 bits."""


@dataclass(frozen=True)
class Series:
    """One series of pages that belong together.

    Parameters
    ----------
    shape : tuple of int
    axes : str
        tifffile's letters, one for each dimension: "TYX", "YXS" ...
    dtype : dtype
    nbytes : int
    planar : bool
        Colour whose channels lie in front of the pixels.
    said : Said
        What the tags say of its axes.
    coding : Coding, optional
        How its numbers become those that are shown; None where they are the same.
    note : str
        A sentence about that; empty where there is nothing to say.
    """

    shape: tuple[int, ...]
    axes: str
    dtype: np.dtype[Any]
    nbytes: int
    planar: bool
    said: Said = NOTHING
    coding: Coding | None = None
    note: str = ""


@dataclass(frozen=True)
class Contents:
    """What a TIFF holds."""

    series: tuple[Series, ...]

    @property
    def planar(self) -> bool:
        """Whether colour channels lie in front of the pixels anywhere."""
        return any(item.planar for item in self.series)

    @property
    def coded(self) -> bool:
        """Whether stored numbers are not those that are shown anywhere."""
        return any(item.coding is not None for item in self.series)

    @property
    def nbytes(self) -> int:
        """Bytes of all series together."""
        return sum(item.nbytes for item in self.series)


def inspect(path: Path, limits: Limits) -> Contents:
    """Read the directory of a TIFF, no pixels.

    Raises
    ------
    CannotRead
        If no directory is where the header says: most programs write it last, so that cut files lack it.
    TooLarge
        If one frame exceeds the budget.
    """
    import tifffile

    # An OME-TIFF may name other files as its parts; only the one that was chosen is opened.
    with tifffile.TiffFile(path, _multifile=False) as file:
        if not len(file.pages):
            raise CannotRead(
                f"{path.name} could not be read as TIFF: the list of its pictures is not within its "
                f"{in_words(path.stat().st_size)}.",
                why="It is damaged or was not copied completely.",
                remedy="Copy the file from the microscope again.",
            )
        series = tuple(_series(file, i) for i in range(len(file.series)))
        for item in series:
            rows = item.axes.index("Y") if "Y" in item.axes else 0
            check_size(path.name, item.shape[rows:], item.dtype.itemsize, limits)
    return Contents(series)


def _series(file: Any, index: int) -> Series:
    item = file.series[index]
    photometric = getattr(item.keyframe.photometric, "name", "")
    planar = photometric == "RGB" and not item.axes.endswith("S")
    said = tiff_tags.said(file, item.keyframe.tags, index)
    dtype, nbytes = np.dtype(item.dtype), int(item.nbytes)
    coding, note = _coding(file, item.keyframe, dtype)
    return Series(tuple(item.shape), item.axes, dtype, nbytes, planar, said, coding, note)


Coding = Callable[[NDArray[Any]], NDArray[Any]]
"""Turns stored numbers into those that are shown."""


def _coding(file: Any, page: Any, dtype: np.dtype[Any]) -> tuple[Coding | None, str]:
    photometric = getattr(page.photometric, "name", "")
    if photometric == "MINISWHITE" and dtype.kind not in "ub":
        return None, "The file shows white as the smallest number: the numbers are kept as measured."
    if photometric == "MINISWHITE":
        most = True if dtype.kind == "b" else 2 ** int(page.bitspersample) - 1
        return partial(_turned_round, most), "The file stores white as 0: its numbers are turned round."
    colours = page.colormap if photometric == "PALETTE" else None
    if colours is None or dtype.kind != "u":
        return None, ""
    if file.is_imagej:
        return None, "Its colours are ImageJ's lookup table: the numbers are taken, not the colours."
    table = luminance(colours.T[None])[0] / np.float32(_COLOUR_STEPS)
    return partial(_looked_up, table), "The file stores numbers of colours: turned into their luminance."


def _turned_round(most: int, stored: NDArray[Any]) -> NDArray[Any]:
    return ~stored if stored.dtype.kind == "b" else stored.dtype.type(most) - stored


def _looked_up(table: NDArray[np.float32], stored: NDArray[Any]) -> NDArray[np.float32]:
    grey: NDArray[np.float32] = table[np.minimum(stored, len(table) - 1)]
    return grey


def bare_parts(contents: Contents) -> list[dict[str, Any]]:
    """Describe the series in the form that RosettaSciIO uses, without pixels and calibration."""
    names = {"Y": "y", "X": "x", "T": "time", "Z": "depth"}
    parts = []
    for item in contents.series:
        letters = item.axes.replace("S", "") + "S" * item.axes.count("S")
        axes = [dict(COLOURS) if letter == "S" else {"name": names.get(letter)} for letter in letters]
        parts.append({"data": None, "axes": axes, "reader": "tifffile"})
    return parts


def pixels(path: Path, index: int, series: Series, limits: Limits) -> Any:
    """Return the pixels of a series: an array when small, page by page when larger than `limits.at_once`.

    Colour channels come last.
    """
    import tifffile

    if series.nbytes <= limits.at_once:
        with tifffile.TiffFile(path, _multifile=False) as file:
            array = file.asarray(series=index)
    else:
        array = _page_by_page(path, index, series)
    if series.coding is not None:
        array = _decoded(array, series.coding)
    return np.moveaxis(array, series.axes.index("S"), -1) if series.planar and "S" in series.axes else array


def _decoded(array: Any, coding: Coding) -> Any:
    import dask.array as da

    if type(array) is np.ndarray:
        return coding(array)
    if isinstance(array, np.ndarray):  # mapped from the file
        chunks = (*(1,) * (array.ndim - 2), -1, -1)
        array = da.from_array(array, chunks=chunks, name=False)  # type: ignore[no-untyped-call]
    return array.map_blocks(coding, meta=coding(np.empty((0,) * array.ndim, array.dtype)))


def _page_by_page(path: Path, index: int, series: Series) -> Any:
    import dask.array as da
    import tifffile
    from dask.delayed import delayed

    with tifffile.TiffFile(path, _multifile=False) as file:
        item = file.series[index]
        if item.dataoffset is not None:  # pixels lie in one piece: let the system page them in
            return np.memmap(path, item.dtype.newbyteorder(file.byteorder), "r", item.dataoffset, item.shape)
        shape, count = item.keyframe.shape, len(item)
    read = delayed(partial(_page, path, index), pure=True)
    pages = [
        da.from_delayed(read(i), shape=shape, dtype=series.dtype)  # type: ignore[no-untyped-call]
        for i in range(count)
    ]
    return da.stack(pages).reshape(series.shape)  # type: ignore[no-untyped-call]


def _page(path: Path, series: int, index: int) -> NDArray[Any]:
    import tifffile

    with tifffile.TiffFile(path, _multifile=False) as file:
        page: NDArray[Any] = file.asarray(series=series, key=index)
        return page


def write_tiff(
    array: NDArray[Any],
    path: str | os.PathLike[str],
    pixel_size_nm: float | tuple[float, float] | None = None,
) -> None:
    """Write a calibrated TIFF that ImageJ, tifffile and RosettaSciIO read with its pixel size.

    Parameters
    ----------
    array : array of uint8, uint16 or float32, shape (y, x) or (t, y, x)
        Booleans are written as 0 and 255.
    path : path-like
        Where the file shall be.
    pixel_size_nm : float or (row, column), optional
        In nm; None when it is not known.

    Raises
    ------
    BadImage
        If the shape or the type does not fit.
    BadOption
        If the pixel size is not a positive number.
    SaveFailed
        If the file cannot be written.
    """
    import tifffile

    pixels = np.asarray(array)
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8) * np.uint8(255)
    if pixels.ndim not in (2, 3) or pixels.size == 0 or pixels.dtype.name not in _WRITABLE:
        raise BadImage(
            f"An array of shape {pixels.shape} and type {pixels.dtype} cannot be written as TIFF.",
            remedy="Give uint8, uint16 or float32 of shape (y, x) or (t, y, x).",
        )
    options = _calibration(pixel_size_nm, "TYX"[-pixels.ndim :], pixels.nbytes)
    with replacing(path) as part:
        # tifffile takes (3, y, x) for colour unless it is told.
        tifffile.imwrite(part, pixels, photometric="minisblack", **options)


def _calibration(size: float | tuple[float, float] | None, axes: str, nbytes: int) -> dict[str, Any]:
    big = nbytes > _IMAGEJ_BYTES
    metadata: dict[str, Any] = {"axes": axes}
    options: dict[str, Any] = {"imagej": not big, "bigtiff": big, "metadata": metadata}
    if size is None:
        return options
    rows, columns = (float(n) for n in np.broadcast_to(np.asarray(size, dtype=float), (2,)))
    if not all(1e-9 < n < 1e9 for n in (rows, columns)):
        raise BadOption(f"A pixel size of {size} nm is not possible.", remedy="Give a positive number.")
    # Gatan's tags beside ImageJ's: RosettaSciIO takes the unit from them, and beyond the 4 GB where
    # ImageJ's form ends, the pixel size too.
    options["extratags"] = [(tag, "s", 0, "nm", True) for tag in (65003, 65004)] + [
        (tag, "d", 1, size, True) for tag, size in ((65009, columns), (65010, rows))
    ]
    if not big:
        metadata["unit"] = "nm"
        options |= {"resolution": (_rational(columns), _rational(rows)), "resolutionunit": 1}
    return options


def _rational(size: float) -> tuple[int, int]:
    # Pixels per nm as the best quotient of two 32-bit numbers.
    best = Fraction(min(size, 1 / size)).limit_denominator(2**32 - 1)
    small, large = best.as_integer_ratio()
    return (large, small) if size <= 1 else (small, large)

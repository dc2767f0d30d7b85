"""TIFF: what a file declares, pages one by one, calibration RosettaSciIO leaves out, writing."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.image import LENGTHS_IN_NM
from napari_atomai.data.units import normalise_unit
from napari_atomai.errors import BadImage, BadOption
from napari_atomai.files.atomic import replacing
from napari_atomai.files.guard import Limits, check_size

_WRITABLE = ("uint8", "uint16", "float32")
_IMAGEJ_BYTES = (4 << 30) - (64 << 20)
_NM_PER = {2: 25.4e6, 3: 1e7}
"""Nanometres in the resolution unit of a TIFF: 2 is the inch, 3 the centimetre."""

_COARSEST_HONEST_NM = 1000.0
"""Resolution tags usually speak of paper (72 per inch); below a micrometre they speak of a microscope."""


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
    pixel_nm : (row, column), optional
        Pixel size in nm where OME or the resolution tags say it.
    said_by : str
        Which of them does.
    """

    shape: tuple[int, ...]
    axes: str
    dtype: np.dtype[Any]
    nbytes: int
    planar: bool
    pixel_nm: tuple[float, float] | None = None
    said_by: str = ""


@dataclass(frozen=True)
class Contents:
    """What a TIFF holds."""

    series: tuple[Series, ...]

    @property
    def planar(self) -> bool:
        """Whether colour channels lie in front of the pixels anywhere."""
        return any(item.planar for item in self.series)

    @property
    def nbytes(self) -> int:
        """Bytes of all series together."""
        return sum(item.nbytes for item in self.series)


def inspect(path: Path, limits: Limits) -> Contents:
    """Read the directory of a TIFF, no pixels.

    Raises
    ------
    TooLarge
        If one frame exceeds the budget.
    """
    import tifffile

    # An OME-TIFF may name other files as its parts; only the one that was chosen is opened.
    with tifffile.TiffFile(path, _multifile=False) as file:
        series = tuple(_series(file, i) for i in range(len(file.series)))
        for item in series:
            rows = item.axes.index("Y") if "Y" in item.axes else 0
            check_size(path.name, item.shape[rows:], item.dtype.itemsize, limits)
    return Contents(series)


def _series(file: Any, index: int) -> Series:
    item = file.series[index]
    photometric = getattr(item.keyframe.photometric, "name", "")
    planar = photometric == "RGB" and not item.axes.endswith("S")
    size, said_by = _pixel_size(file, item.keyframe.tags, index)
    return Series(tuple(item.shape), item.axes, np.dtype(item.dtype), int(item.nbytes), planar, size, said_by)


def _pixel_size(file: Any, tags: Any, index: int) -> tuple[tuple[float, float] | None, str]:
    if file.is_ome and (size := _ome(file.ome_metadata, index)):
        return size, "OME metadata"
    if file.is_imagej:  # RosettaSciIO knows the unit "micron" only
        unit = normalise_unit((file.imagej_metadata or {}).get("unit"))
        factor = LENGTHS_IN_NM.get(unit)
        return (_resolution(tags, factor), "ImageJ metadata") if factor else (None, "")
    unit = tags.get("ResolutionUnit")
    size = _resolution(tags, _NM_PER.get(int(unit.value))) if unit is not None else None
    return (size, "resolution tags") if size and max(size) < _COARSEST_HONEST_NM else (None, "")


def _ome(xml: str | None, index: int) -> tuple[float, float] | None:
    pixels = re.findall(r"<(?:\w+:)?Pixels\b[^>]*>", xml or "")
    if index >= len(pixels):
        return None
    sizes = []
    for axis in "YX":
        size = re.search(rf'\bPhysicalSize{axis}="([^"]*)"', pixels[index])
        unit = re.search(rf'\bPhysicalSize{axis}Unit="([^"]*)"', pixels[index])
        factor = LENGTHS_IN_NM.get(normalise_unit(unit[1] if unit else "µm"))  # the schema's default
        if size is None or factor is None:
            return None
        sizes.append(float(size[1]) * factor)
    return sizes[0], sizes[1]


def _resolution(tags: Any, factor: float | None) -> tuple[float, float] | None:
    sizes = []
    for name in ("YResolution", "XResolution"):
        tag = tags.get(name)
        count, per = tag.value if tag is not None else (0, 1)
        if factor is None or not count or not per:
            return None
        sizes.append(factor * per / count)
    return sizes[0], sizes[1]


def bare_parts(contents: Contents) -> list[dict[str, Any]]:
    """Describe the series in the form that RosettaSciIO uses, without pixels and calibration."""
    names = {"Y": "y", "X": "x", "T": "time", "Z": "depth"}
    parts = []
    for item in contents.series:
        letters = item.axes.replace("S", "") + "S" * item.axes.count("S")
        axes = [{"name": "sample" if letter == "S" else names.get(letter)} for letter in letters]
        parts.append({"data": None, "axes": axes, "reader": "tifffile"})
    return parts


def calibrated(part: dict[str, Any], series: Series) -> dict[str, Any]:
    """Fill in the pixel size that OME or the resolution tags say, where RosettaSciIO says none."""
    spatial = {"height": 0, "y": 0, "width": 1, "x": 1}
    axes = [axis for axis in part["axes"] if axis.get("name") in spatial]
    fei = _fei((part.get("original_metadata") or {}).get("fei_metadata") or {})
    for axis in axes:
        if fei is not None:  # RosettaSciIO takes the width of a pixel for its height
            axis.update(scale=fei[spatial[axis["name"]]], units="nm")
        elif axis.get("units") == "m":
            axis.update(scale=axis["scale"] * 1e9, offset=axis.get("offset", 0) * 1e9, units="nm")
    if series.pixel_nm is None or any(axis.get("units") for axis in axes):
        return part
    for axis in axes:
        axis.update(scale=series.pixel_nm[spatial[axis["name"]]], units="nm")
    return {**part, "notes": (f"The pixel size is taken from the file's {series.said_by}.",)}


def _fei(tags: Mapping[str, Any]) -> tuple[float, float] | None:
    try:
        scan = tags["Scan"]
        return float(scan["PixelHeight"]) * 1e9, float(scan["PixelWidth"]) * 1e9
    except (KeyError, TypeError, ValueError):
        pass
    try:
        beam, image = tags["IRBeam"], tags["Image"]
        rows = float(beam["VFW"]) / float(image["ResolutionY"])
        return rows * 1e9, float(beam["HFW"]) / float(image["ResolutionX"]) * 1e9
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None


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
    return np.moveaxis(array, series.axes.index("S"), -1) if series.planar and "S" in series.axes else array


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

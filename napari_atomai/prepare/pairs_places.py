"""Where in an image the spectra of a spectrum image, a line or spots were taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.data.image import UNCALIBRATED, Image
from napari_atomai.errors import BadImage, NotCalibrated, UnknownOption

Vector = NDArray[np.float64]

ALIGNMENTS = ("auto", "calibrated", "same field")
_SAME = 0.02


@dataclass(frozen=True, eq=False)
class Grid:
    """Places of spectra.

    Parameters
    ----------
    positions : array, shape (n, 2)
        Row, column in pixels of the image, row by row.
    shape : (int, int)
        Rows and columns of the spectrum image; (1, n) of a line or of spots.
    step : float
        Distance of neighbouring spectra, in `unit`.
    pixel : (float, float)
        Height and width of a pixel of the image, in `unit`.
    unit : str
        "nm", or "pixel": of the spectrum image.
    notes : tuple of str
        What was taken for granted.
    """

    positions: Vector
    shape: tuple[int, int]
    step: float
    pixel: Vector
    unit: str
    notes: tuple[str, ...] = ()


def grid_of(image: Image, spectra: Image, alignment: str = "auto") -> Grid:
    """Return where the pixels of a spectrum image lie in an image.

    Parameters
    ----------
    image : Image, shape (..., y, x)
        The structure.
    spectra : Image, shape (..., y, x)
        The spectrum image; only its frame and calibration matter.
    alignment : str
        "calibrated": by pixel sizes and origins of both. "same field": both are pictures of the same field,
        edge on edge, whatever their calibrations say. "auto": as pictures of the same field where they are
        equally large, to 2 % (in pixels, where one is not calibrated), else calibrated.

    Raises
    ------
    UnknownOption
        If there is no such alignment.
    NotCalibrated
        If the calibration is needed and missing, with what is.
    """
    if alignment not in ALIGNMENTS:
        raise UnknownOption("alignment", alignment, ALIGNMENTS)
    both = image.pixel_size is not None and spectra.pixel_size is not None
    frame, shape = np.array(image.frame_shape), np.array(spectra.frame_shape)
    if alignment == "same field" or (alignment == "auto" and _same_field(image, spectra)):
        return _stretched(image, spectra)
    if not both:
        missing = [one.name for one in (image, spectra) if one.pixel_size is None]
        raise NotCalibrated(
            f"No pixel size is known of {' and '.join(map(repr, missing))} ({frame[0]} x {frame[1]} pixels, "
            f"and {shape[0]} x {shape[1]} spectra).",
            why="Nothing else tells which part of the image belongs to which spectrum.",
            remedy="Calibrate both, or choose alignment 'same field' if they show the same field.",
        )
    size, step = np.array(image.pixel_size), np.array(spectra.pixel_size)
    where = np.array(spectra.origin) + np.indices(tuple(shape)).reshape(2, -1).T * step
    positions = (where - np.array(image.origin)) / size
    return Grid(positions, spectra.frame_shape, float(step.mean()), size, "nm")


def line_of(image: Image, count: int, ends: ArrayLike) -> Grid:
    """Return where the `count` spectra of a line scan lie, from one end to the other.

    Parameters
    ----------
    image : Image
        What they were taken on.
    count : int
        Spectra along the line.
    ends : array, shape (2, 2)
        Row, column of the first and the last spectrum in pixels of the image.

    Raises
    ------
    BadImage
        If that is no line.
    """
    line = np.asarray(ends, dtype=np.float64)
    if line.shape != (2, 2) or not np.isfinite(line).all() or (line[0] == line[1]).all():
        raise BadImage(
            f"The line goes from one end to the other of {line.tolist()}.",
            why=f"The {count} spectra lie along it, from the first end to the last.",
            remedy="Give row and column of two ends that differ, in pixels of the image.",
        )
    first, last = line
    return spots_of(image, first + np.linspace(0, 1, count)[:, None] * (last - first))


def spots_of(image: Image, positions: ArrayLike) -> Grid:
    """Return spectra taken at spots (n, 2), row and column in pixels of the image.

    Raises
    ------
    BadImage
        If they are no such table.
    """
    places = np.asarray(positions, dtype=np.float64)
    if places.ndim != 2 or places.shape[1] != 2 or len(places) == 0 or not np.isfinite(places).all():
        raise BadImage(
            f"The places have shape {places.shape}.", remedy="Give finite (row, column) of each spectrum."
        )
    known = image.pixel_size is not None
    size = np.array(image.pixel_size if image.pixel_size is not None else (1.0, 1.0))
    apart = np.hypot(*(np.diff(places, axis=0) * size).T)
    step = float(np.median(apart[apart > 0])) if (apart > 0).any() else float(size.mean())
    return Grid(places, (1, len(places)), step, size, "nm" if known else UNCALIBRATED)


def _same_field(image: Image, spectra: Image) -> bool:
    size, step = image.pixel_size, spectra.pixel_size
    if size is None or step is None:
        return image.frame_shape == spectra.frame_shape
    fields = np.array(image.frame_shape) * size, np.array(spectra.frame_shape) * step
    apart = np.abs(np.subtract(image.origin, spectra.origin))
    return bool(np.allclose(fields[0], fields[1], rtol=_SAME) and (apart <= np.array(step)).all())


def _stretched(image: Image, spectra: Image) -> Grid:
    frame, shape = np.array(image.frame_shape), np.array(spectra.frame_shape)
    ratio = frame / shape
    positions = (np.indices(tuple(shape)).reshape(2, -1).T + 0.5) * ratio - 0.5
    if spectra.pixel_size is not None:
        step = np.array(spectra.pixel_size)
        unit = "nm"
    elif image.pixel_size is not None:
        step = np.array(image.pixel_size) * ratio
        unit = "nm"
    else:
        # Without any calibration a length is counted in pixels of the spectrum image.
        step, unit = np.ones(2), UNCALIBRATED
    note = "Image and spectrum image are taken for pictures of the same field."
    return Grid(positions, spectra.frame_shape, float(step.mean()), step / ratio, unit, (note,))

"""Image: pixels with calibrated axes, where they came from, and the file's own metadata."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.data.pixels import as_grey as as_grey
from napari_atomai.data.pixels import as_picture, native
from napari_atomai.errors import BadImage, BadOption

if TYPE_CHECKING:
    from napari_atomai.data.recipe import Calibration

ENERGIES = frozenset({"eV", "keV", "meV"})
"""Units of an axis along which a spectrum runs."""

_SPECTRAL = frozenset({"e", "energy", "energy loss", "wavelength", "wavenumber", "raman shift", "bias"})

LENGTHS_IN_NM: Mapping[str, float] = MappingProxyType(
    {"pm": 1e-3, "Å": 0.1, "nm": 1.0, "µm": 1e3, "mm": 1e6, "m": 1e9}
)
"""Length units in their one canonical spelling, and how many nanometres each is."""

UNCALIBRATED = "pixel"
"""The unit of an axis whose scale nobody has told us."""

NO_CALIBRATION = "No calibration: lengths are in pixels until a pixel size is given."
"""The note of an image whose pixel size nobody has told us."""

SPECTRUM_IMAGE = "Spectrum image: its spectral axis is moved to the front, so that each slice is a map."
"""The note of a spectrum image that its file holds as (y, x, E)."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of an image: sample ``i`` lies at ``offset + i * scale``, in ``unit``.

    Parameters
    ----------
    name : str
        "y", "x", "t", "E" ...
    scale : float
        Distance between two samples, in `unit`; finite and not zero.
    offset : float
        Position of sample 0, in `unit`.
    unit : str
        Canonical spelling ("nm", "Å", "s", "eV" ...); "pixel" when uncalibrated.
    """

    name: str
    scale: float = 1.0
    offset: float = 0.0
    unit: str = UNCALIBRATED

    def __post_init__(self) -> None:
        if not np.isfinite(self.scale) or self.scale == 0 or not np.isfinite(self.offset):
            raise BadOption(
                f"Axis {self.name!r} has scale {self.scale} and offset {self.offset}.",
                why="Positions along it would not be numbers.",
                remedy="Give a finite scale other than 0 and a finite offset.",
            )

    @property
    def nm(self) -> float | None:
        """Distance between two samples in nanometres; None unless the unit is a length."""
        factor = LENGTHS_IN_NM.get(self.unit)
        return None if factor is None else abs(self.scale) * factor

    @property
    def offset_nm(self) -> float:
        """Position of sample 0 in nanometres (0 where the unit is not a length)."""
        return self.offset * LENGTHS_IN_NM.get(self.unit, 0.0)


@dataclass(frozen=True, slots=True)
class Source:
    """The file an image was read from.

    Parameters
    ----------
    path : Path
        Absolute path at the time of reading.
    dataset : int
        Which of the file's datasets this is, counted from 0.
    reader : str
        The reader that was used, by name.
    stamp : (int, int), optional
        Time of the last change in ns and size in bytes, when it was read.
    """

    path: Path
    dataset: int = 0
    reader: str = ""
    stamp: tuple[int, int] | None = None


@dataclass(frozen=True, eq=False)
class Image:
    """Pixels with calibrated axes.

    Parameters
    ----------
    pixels : array, shape (..., y, x)
        NumPy or dask array of real numbers; movies have their frames in front.
    axes : tuple of Axis
        One for each dimension of `pixels`, in the same order.
    name : str
        What to call it on the screen.
    source : Source, optional
        The file it came from.
    metadata : mapping
        ``"original"``: the file's own tags; other keys: what we understood of them.
    notes : tuple of str
        Sentences a person should see: conversions made, calibration missing.
    quantity, value_unit : str
        What the pixels are ("intensity", "height") and their unit; empty when nobody said.
    calibration : Calibration, optional
        How it came to its pixel size; None where that came with the pixels.

    Raises
    ------
    BadImage
        If there are fewer than two dimensions, no pixels, or pixels that are not real numbers.
    """

    pixels: Any
    axes: tuple[Axis, ...]
    name: str = "image"
    source: Source | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    quantity: str = ""
    value_unit: str = ""
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        _check_pixels(self.pixels)
        if len(self.axes) != self.pixels.ndim:
            raise BadImage(
                f"{self.pixels.ndim} dimensions of pixels came with {len(self.axes)} axes.",
                remedy="Give one Axis for each dimension, in the order of the array.",
            )

    @classmethod
    def from_array(
        cls,
        array: ArrayLike,
        pixel_size: float | tuple[float, float] | None = None,
        *,
        unit: str = "nm",
        name: str = "image",
    ) -> Image:
        """Make an image of a plain array.

        Parameters
        ----------
        array : array, shape (y, x), (t, y, x) or (y, x, 3 or 4)
            Real numbers. The last form is a colour picture, and turned into luminance, where its numbers
            are bytes or words (uint8, uint16); of other numbers it is a stack of detectors, which comes
            out as (channel, y, x).
        pixel_size : float or (row, column), optional
            Size of one pixel in `unit`; None when it is not known.
        unit : str
            A length in canonical spelling: pm, Å, nm, µm, mm, m.
        name : str
            What to call it on the screen.

        Returns
        -------
        Image
        """
        pixels, stacked, notes = as_picture(native(_as_array(array)))
        rows, columns = _two(pixel_size)
        if pixel_size is not None and unit not in LENGTHS_IN_NM:
            raise BadOption(
                f"{unit!r} is not a length that a pixel can have.",
                remedy=f"Use one of {', '.join(LENGTHS_IN_NM)}.",
            )
        spatial = unit if pixel_size is not None else UNCALIBRATED
        first = "channel" if stacked else "t"
        leading = tuple(Axis(first if i == 0 else f"t{i}") for i in range(pixels.ndim - 2))
        axes = (*leading, Axis("y", rows, unit=spatial), Axis("x", columns, unit=spatial))
        return cls(pixels, axes[-pixels.ndim :], name=name, notes=notes)

    @classmethod
    def from_hyperspy(cls, signal: Any) -> Image:
        """Make an image of a HyperSpy signal, calibration and metadata intact; lazy signals stay lazy.

        Pictures are (y, x), stacks (t, y, x), spectrum images (E, y, x). The image shares its numbers with
        the signal; only those in another byte order than the computer's are copied.

        Raises
        ------
        BadOption
            If it is no HyperSpy signal.
        BadImage
            If it holds spectra (`Spectrum.from_hyperspy` takes them), or values that are not real numbers.
        """
        from napari_atomai.data import exchange  # which needs this module

        return exchange.only_image(exchange.of_hyperspy(signal))

    def to_hyperspy(self) -> Any:
        """Make a HyperSpy signal: Signal2D, or Signal1D (y, x | E) of a spectrum image.

        The signal owns its numbers: ``signal.data *= 2`` leaves the image alone. It is lazy where the pixels
        are lazy or mapped from a file.

        Raises
        ------
        MissingExtra
            If HyperSpy is not installed.
        """
        from napari_atomai.data import exchange

        return exchange.to_hyperspy(self)

    @classmethod
    def from_sidpy(cls, dataset: Any) -> Image:
        """Make an image of a sidpy Dataset, transposed by the types of its dimensions.

        Raises
        ------
        BadOption
            If it is no sidpy Dataset.
        BadImage
            If it holds spectra (`Spectrum.from_sidpy` takes them), or values that are not real numbers.
        """
        from napari_atomai.data import exchange

        return exchange.only_image(exchange.of_sidpy(dataset))

    def to_sidpy(self) -> Any:
        """Make a sidpy Dataset with typed dimensions.

        Raises
        ------
        MissingExtra
            If sidpy is not installed.
        """
        from napari_atomai.data import exchange

        return exchange.to_sidpy(self)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the pixels, (..., y, x)."""
        return tuple(int(n) for n in self.pixels.shape)

    @property
    def frame_shape(self) -> tuple[int, int]:
        """Rows and columns of one frame."""
        return self.shape[-2], self.shape[-1]

    @property
    def n_frames(self) -> int:
        """How many (y, x) frames there are; 1 for a single image."""
        return int(np.prod(self.shape[:-2], dtype=np.int64))

    @property
    def pixel_size(self) -> tuple[float, float] | None:
        """Size of a pixel (row, column) in nm, or None when the image is not calibrated."""
        rows, columns = self.axes[-2].nm, self.axes[-1].nm
        return None if rows is None or columns is None else (rows, columns)

    @property
    def origin(self) -> tuple[float, float]:
        """Position of pixel (0, 0) as (row, column) in nm; zeros when not calibrated."""
        return self.axes[-2].offset_nm, self.axes[-1].offset_nm

    @property
    def is_spectral(self) -> bool:
        """Whether one of the axes is spectral: a spectrum image or a line scan, not a picture or a movie."""
        return any(_is_spectral(axis) for axis in self.axes)

    def frame(self, index: int) -> NDArray[Any]:
        """Frame number `index` as a NumPy array of shape (y, x); lazy pixels are read here."""
        position = np.unravel_index(index, self.shape[:-2]) if len(self.shape) > 2 else ()
        return np.asarray(self.pixels[tuple(int(i) for i in position)])

    @property
    def pixel_ratio(self) -> float:
        """Height of a pixel over its width; 1 where nothing says that pixels are not square."""
        rows, columns = self.axes[-2:]
        if self.pixel_size is not None:
            return self.pixel_size[0] / self.pixel_size[1]
        return abs(rows.scale / columns.scale) if rows.unit == columns.unit else 1.0

    def calibrated(
        self,
        pixel_size: float | tuple[float, float] | None,
        unit: str = "nm",
        how: Calibration | None = None,
    ) -> Image:
        """Return the same image with another pixel size (row, column), offsets set to zero.

        Parameters
        ----------
        pixel_size : float, (row, column) or None
            In `unit`; None takes the calibration away.
        unit : str
            A length in canonical spelling.
        how : Calibration, optional
            How this pixel size came about, for the records of results; else that it was given here.
        """
        from napari_atomai.data.recipe import Calibration  # pydantic is only needed here

        rows, columns = _two(pixel_size)
        unit = UNCALIBRATED if pixel_size is None else unit
        axes = (*self.axes[:-2], Axis("y", rows, unit=unit), Axis("x", columns, unit=unit))
        notes = tuple(note for note in self.notes if note != NO_CALIBRATION)
        new = dataclasses.replace(self, axes=axes, notes=notes)
        how = how or Calibration(method="given", pixel_size_nm=new.pixel_size, before_nm=self.pixel_size)
        return dataclasses.replace(new, calibration=how)


def first_picture(images: Sequence[Image]) -> Image:
    """Return the image of a file that is looked at first; the very first where there is no picture.

    Among pictures and movies it is a calibrated one before one that is not (element maps often are not), a
    large one before a small one, and of equals the first.
    """
    pictures = [image for image in images if not image.is_spectral]
    return max(pictures, key=_looked_at, default=images[0])


def _looked_at(image: Image) -> tuple[bool, int]:
    return image.pixel_size is not None, image.frame_shape[0] * image.frame_shape[1]


def _is_spectral(axis: Axis) -> bool:
    name = axis.name.casefold()
    return axis.unit in ENERGIES or name in _SPECTRAL or name.endswith(" sweep")


def _as_array(array: ArrayLike) -> Any:
    # dask and other lazy arrays pass as they are; lists and scalars become NumPy arrays.
    return array if hasattr(array, "dtype") and hasattr(array, "ndim") else np.asarray(array)


def _two(pixel_size: float | tuple[float, float] | None) -> tuple[float, float]:
    if pixel_size is None:
        return 1.0, 1.0
    try:
        rows, columns = np.broadcast_to(np.asarray(pixel_size, dtype=float), (2,))
    except (TypeError, ValueError):
        rows = columns = np.float64(np.nan)
    if not (rows > 0 and columns > 0 and np.isfinite(rows) and np.isfinite(columns)):
        raise BadOption(
            f"A pixel size of {pixel_size} is not possible.",
            why="Every length in nm is computed from it.",
            remedy="Give a positive number, or one for rows and one for columns; None when it is not known.",
        )
    return float(rows), float(columns)


def _check_pixels(pixels: Any) -> None:
    if pixels.ndim < 2:
        raise BadImage(
            f"The data have {pixels.ndim} dimension(s), shape {tuple(pixels.shape)}.",
            why="An image needs rows and columns.",
            remedy="Give an array of shape (y, x), or (t, y, x) for a movie.",
        )
    if 0 in pixels.shape:
        raise BadImage(
            f"The image is empty: its shape is {tuple(pixels.shape)}.",
            remedy="Choose an image or a region that has pixels.",
        )
    if pixels.dtype.kind == "c":
        raise BadImage(
            f"The pixels are complex numbers ({pixels.dtype}).",
            why="Atoms are looked for in an intensity.",
            remedy="Give the amplitude, np.abs(image), or the phase, np.angle(image).",
        )
    if pixels.dtype.kind not in "buif":
        raise BadImage(
            f"The pixels are of type {pixels.dtype}, not numbers.",
            remedy="Give integers or floats.",
        )

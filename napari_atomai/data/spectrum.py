"""Spectrum: counts along an energy axis, one by one or along a line, with where they came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.image import Axis, Source
from napari_atomai.errors import BadImage


@dataclass(frozen=True, eq=False)
class Spectrum:
    """A single spectrum, or a line scan.

    Parameters
    ----------
    values : array, shape (E,) or (x, E)
        NumPy or dask array of real numbers; the spectra of a line scan lie one after the other.
    axes : tuple of Axis
        One for each dimension of `values`, in the same order: the last is the energy.
    name : str
        What to call it on the screen.
    source : Source, optional
        The file it came from.
    metadata : mapping
        ``"original"``: the file's own tags; other keys: what we understood of them.
    notes : tuple of str
        Sentences a person should see.
    quantity, value_unit : str
        What the values are ("counts", "current") and their unit; empty when nobody said.

    Raises
    ------
    BadImage
        If there are no values, more than two dimensions, or values that are not real numbers.
    """

    values: Any
    axes: tuple[Axis, ...]
    name: str = "spectrum"
    source: Source | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    quantity: str = ""
    value_unit: str = ""

    def __post_init__(self) -> None:
        if self.values.ndim not in (1, 2) or 0 in self.values.shape or len(self.axes) != self.values.ndim:
            raise BadImage(
                f"Values of shape {tuple(self.values.shape)} with {len(self.axes)} axes are no spectrum.",
                remedy="Give an array of shape (E,), or (x, E) for a line scan, and one axis for each.",
            )
        if self.values.dtype.kind not in "buif":
            raise BadImage(
                f"The values of the spectrum are of type {self.values.dtype}, not real numbers.",
                remedy="Give integers or floats; of complex numbers the amplitude or the phase.",
            )

    @classmethod
    def from_hyperspy(cls, signal: Any) -> Spectrum:
        """Make a spectrum or a line scan of a HyperSpy signal (E) or (x | E).

        Raises
        ------
        BadOption
            If it is no HyperSpy signal.
        BadImage
            If it holds pictures (`Image.from_hyperspy` takes them), or values that are not real numbers.
        """
        from napari_atomai.data import exchange  # which needs this module

        return exchange.only_spectrum(exchange.of_hyperspy(signal))

    def to_hyperspy(self) -> Any:
        """Make a HyperSpy Signal1D, which owns its numbers: what is done to it leaves the spectrum alone.

        Raises
        ------
        MissingExtra
            If HyperSpy is not installed.
        """
        from napari_atomai.data import exchange

        return exchange.to_hyperspy(self)

    @classmethod
    def from_sidpy(cls, dataset: Any) -> Spectrum:
        """Make a spectrum or a line scan of a sidpy Dataset.

        Raises
        ------
        BadOption
            If it is no sidpy Dataset.
        BadImage
            If it holds pictures (`Image.from_sidpy` takes them), or values that are not real numbers.
        """
        from napari_atomai.data import exchange

        return exchange.only_spectrum(exchange.of_sidpy(dataset))

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
        """Shape of the values, (E,) or (x, E)."""
        return tuple(int(n) for n in self.values.shape)

    @property
    def energy(self) -> NDArray[np.float64]:
        """Position of every channel, in the unit of the last axis; shape (E,)."""
        axis = self.axes[-1]
        return axis.offset + axis.scale * np.arange(self.shape[-1], dtype=np.float64)

    @property
    def n_points(self) -> int:
        """How many spectra there are: 1, or those of the line."""
        return 1 if len(self.shape) == 1 else self.shape[0]

    def at(self, point: int) -> NDArray[Any]:
        """Return the spectrum at a point of the line, shape (E,); lazy values are read here."""
        return np.asarray(self.values if len(self.shape) == 1 else self.values[point])

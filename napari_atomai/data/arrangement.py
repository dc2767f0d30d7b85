"""The order in which a dataset is shown, by what a reader or HyperSpy says of its axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from napari_atomai.data.image import ENERGIES, SPECTRUM_IMAGE
from napari_atomai.data.units import preferred

COLOURS: Mapping[str, Any] = MappingProxyType({"name": "colour", "colours": True})
"""The axis along which the colours of a pixel lie, where a reader knows that they do; it is the last."""

TURNED = "The file stores (x, y): turned into rows and columns by the names of its axes."

Axes = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Arrangement:
    """How a dataset is arranged.

    Parameters
    ----------
    order : tuple of int
        Dimensions of the stored array as an Image or a Spectrum has them; some of one sample are left out.
    spectra : bool
        Whether it is a Spectrum.
    spectral : int, optional
        The dimension along which the spectra of a spectrum image run.
    notes : tuple of str
        Sentences a person should see.
    """

    order: tuple[int, ...]
    spectra: bool = False
    spectral: int | None = None
    notes: tuple[str, ...] = ()

    def of(self, data: Any) -> Any:
        """Bring an array into this order."""
        left_out = [i for i in range(len(data.shape)) if i not in self.order]
        data = data.transpose((*left_out, *self.order))
        return data.reshape(data.shape[len(left_out) :]) if left_out else data


def arrange(axes: Axes, shape: Sequence[int], squeeze: bool = False) -> Arrangement:
    """Arrange a dataset as an Image (..., y, x), (..., E, y, x) or a Spectrum (x, E), (E,).

    Spectra of which all were taken along one line are a line scan, also where the file calls it a map of
    one row or column; a map of one channel is a picture.

    Parameters
    ----------
    axes : sequence of mapping
        One for each dimension, with ``name``, ``units``, and ``navigate``: whether along it was scanned.
    shape : sequence of int
        Of the stored array.
    squeeze : bool
        Leave out every dimension of one sample, as long as two are left.
    """
    colours = (len(axes) - 1,) if has_colours(axes) else ()
    kept = [i for i in range(len(axes)) if i not in colours]
    spectral = _spectral(axes, kept)
    if spectral is not None and shape[spectral] == 1:
        kept, spectral = kept[:-1], None
    kept = _line(kept, shape, spectral) if spectral is not None else _picture(kept, shape, squeeze)
    if not colours and _are_spectra(axes, kept):
        return Arrangement(_energy_last(axes, kept), spectra=True)
    notes: list[str] = []
    if spectral is not None:
        kept = [*kept[:-3], kept[-1], *kept[-3:-1]]
        notes.append(SPECTRUM_IMAGE)
    if [str(axes[i].get("name") or "").casefold() for i in kept[-2:]] == ["x", "y"]:
        kept[-2:] = kept[:-3:-1]
        notes.append(TURNED)
    return Arrangement((*kept, *colours), spectral=spectral, notes=tuple(notes))


def has_colours(axes: Axes) -> bool:
    """Tell whether the last axis is that of the colours."""
    return bool(axes) and bool(axes[-1].get("colours"))


def _spectral(axes: Axes, kept: list[int]) -> int | None:
    """Return the one axis along which was not scanned, if it is the last of several."""
    scanned = [bool(axes[i].get("navigate")) for i in kept]
    return kept[-1] if len(kept) > 2 and scanned.count(False) == 1 and not scanned[-1] else None


def _line(kept: list[int], shape: Sequence[int], spectral: int) -> list[int]:
    for i in [i for i in kept if shape[i] == 1 and i != spectral]:
        if len(kept) > 2:
            kept = [j for j in kept if j != i]
    return kept


def _picture(kept: list[int], shape: Sequence[int], squeeze: bool) -> list[int]:
    long = [i for i in kept if shape[i] > 1]
    if squeeze:
        return long if len(long) > 1 else kept
    return [i for place, i in enumerate(kept) if shape[i] > 1 or place >= len(kept) - 2]


def _energies(axes: Axes, kept: list[int]) -> list[bool]:
    return [preferred(axes[i].get("units"))[0] in ENERGIES for i in kept]


def _are_spectra(axes: Axes, kept: list[int]) -> bool:
    if len(kept) != 2:
        return len(kept) < 2
    scanned = [bool(axes[i].get("navigate")) for i in kept]
    return scanned.count(True) == 1 or _energies(axes, kept).count(True) == 1


def _energy_last(axes: Axes, kept: list[int]) -> tuple[int, ...]:
    if len(kept) < 2:
        return tuple(kept)
    energies = _energies(axes, kept)
    first_runs = energies[0] if any(energies) else bool(axes[kept[1]].get("navigate"))
    return tuple(kept[::-1] if first_runs and not all(energies) else kept)

"""Spectrum images unmixed: component spectra, and a map of how much of each lies where."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.data.image import Axis, Image
from napari_atomai.data.progress import Progress, finish
from napari_atomai.errors import BadImage, BadOption
from napari_atomai.stat.components import Components, decomposing
from napari_atomai.stat.scree_plot import scree
from napari_atomai.stat.spectra import positions, spectral_axis

Matrix = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Unmixed:
    """Component spectra and abundance maps of a spectrum image.

    Parameters
    ----------
    components : Components
        Spectra (K, E) of the channels used, loadings (pixels used, K).
    maps : Image, shape (K, y, x)
        Loadings where they belong; NaN where a pixel was left out.
    energy : array, shape (E,)
        Position of each channel used, in `unit`.
    unit : str
    channels : slice
        Channels used of the spectrum image.
    used : array of bool, shape (y, x)
        Pixels that were decomposed.
    """

    components: Components
    maps: Image
    energy: NDArray[np.float64]
    unit: str
    channels: slice
    used: NDArray[np.bool_]

    @property
    def spectra(self) -> Matrix:
        """Component spectra (K, E)."""
        return self.components.components

    def reconstruct(self, chosen: list[int] | None = None) -> Matrix:
        """Return the spectrum image (E, y, x) that all, or some, components make; NaN where left out."""
        rows = self.components.reconstruct(chosen)
        cube = np.full((rows.shape[1], *self.used.shape), np.nan, rows.dtype)
        cube[:, self.used] = rows.T
        return cube


def unmix(
    image: Image,
    method: str = "nmf",
    n_components: int = 4,
    *,
    window: tuple[float, float] | None = None,
    mask: ArrayLike | None = None,
    noise: str = "uniform",
    offset: float = 0.0,
    seed: int = 1,
) -> Unmixed:
    """Unmix a spectrum image; see `unmixing`, which tells its progress."""
    work = unmixing(
        image, method, n_components, window=window, mask=mask, noise=noise, offset=offset, seed=seed
    )
    return finish(work)


def unmixing(
    image: Image,
    method: str = "nmf",
    n_components: int = 4,
    *,
    window: tuple[float, float] | None = None,
    mask: ArrayLike | None = None,
    noise: str = "uniform",
    offset: float = 0.0,
    seed: int = 1,
) -> Generator[Progress, None, Unmixed]:
    """Write every spectrum of a spectrum image as a sum of few component spectra.

    Parameters
    ----------
    image : Image, shape (E, y, x)
        Lazy ones stay lazy, unless pixels are left out.
    method, n_components, noise, offset, seed
        As in `stat.components.decomposing`. Counts (EDS, raw EELS) want noise "poisson".
    window : (low, high), optional
        Energies between which channels are used, in the unit of the axis.
    mask : array of bool, shape (y, x), optional
        Pixels to use. Spectra with a value that is not finite are left out in any case.

    Yields
    ------
    Progress

    Returns
    -------
    Unmixed

    Raises
    ------
    BadImage
        If it is no spectrum image of one field, or the mask has another shape.
    BadOption
        If the window holds no channel.
    """
    chosen = _choose(image, window, mask)
    found = yield from decomposing(
        chosen.samples, method, n_components, noise=noise, offset=offset, seed=seed, cycles=400
    )
    maps = _maps(image, found, chosen.used)
    return Unmixed(found, maps, chosen.energy, chosen.unit, chosen.channels, chosen.used)


def spectra_scree(
    image: Image,
    *,
    window: tuple[float, float] | None = None,
    mask: ArrayLike | None = None,
    noise: str = "uniform",
) -> tuple[NDArray[np.float64], int]:
    """Return the shares of the principal components of the spectra, and the suggested number; see `scree`.

    Parameters are those of `unmixing`.
    """
    return scree(_choose(image, window, mask).samples, noise)


@dataclass(frozen=True, eq=False)
class _Chosen:
    """The spectra (N, E) of a spectrum image that are used, and which these are."""

    samples: Any
    energy: NDArray[np.float64]
    unit: str
    channels: slice
    used: NDArray[np.bool_]


def _choose(image: Image, window: tuple[float, float] | None, mask: ArrayLike | None) -> _Chosen:
    axis = spectral_axis(image)
    if image.pixels.ndim != 3:
        raise BadImage(
            f"The spectrum image has shape {image.shape}.", remedy="Choose one frame of shape (E, y, x)."
        )
    energy, unit = positions(image.axes[axis], image.shape[axis]), image.axes[axis].unit
    channels = _channels(energy, window, unit)
    cube = image.pixels[channels]
    used = _used(cube, mask)
    samples = cube.reshape(cube.shape[0], -1).T
    if hasattr(samples, "compute"):
        samples = samples.rechunk({0: "auto", 1: -1})
    if not used.all():
        samples = samples[np.flatnonzero(used)]
    if not hasattr(samples, "compute"):
        # Spectra one after the other, and single precision: passes over them are the whole cost.
        samples = np.ascontiguousarray(samples, np.float32)
    return _Chosen(samples, energy[channels], unit, channels, used)


def _channels(energy: NDArray[np.float64], window: tuple[float, float] | None, unit: str) -> slice:
    if window is None:
        return slice(0, len(energy))
    # Numbers of a form are rounded: a hundredth of a channel is neither here nor there.
    slack = 0.01 * float(np.median(np.abs(np.diff(energy)))) if len(energy) > 1 else 0.0
    within = np.flatnonzero((energy >= min(window) - slack) & (energy <= max(window) + slack))
    if len(within) == 0:
        raise BadOption(
            f"No channel lies between {window[0]:g} and {window[1]:g} {unit}.",
            remedy=f"Choose energies from {energy.min():g} to {energy.max():g} {unit}.",
        )
    return slice(int(within[0]), int(within[-1]) + 1)


def _used(cube: Any, mask: ArrayLike | None) -> NDArray[np.bool_]:
    shape = cube.shape[1:]
    chosen = np.ones(shape, bool) if mask is None else np.asarray(mask, bool)
    if chosen.shape != shape:
        raise BadImage(f"The mask has shape {chosen.shape}, the maps {shape}.", remedy="Give one of theirs.")
    if cube.dtype.kind == "f":
        # NaN and infinity stay in a sum, which needs no copy of the cube.
        chosen = chosen & np.isfinite(np.asarray(cube.sum(axis=0, dtype=np.float64)))
    if not chosen.any():
        raise BadImage(
            "No pixel is left to be decomposed.",
            why="Those outside the mask, and those with a value that is not finite, are left out.",
            remedy="Choose other energies, a larger mask, or data with fewer gaps.",
        )
    return chosen


def _maps(image: Image, found: Components, used: NDArray[np.bool_]) -> Image:
    maps = np.full((len(found.components), *used.shape), np.nan)
    maps[:, used] = found.loadings.T
    axes = (Axis("component"), *image.axes[-2:])
    name = f"{image.name}: {found.method} maps"
    return Image(maps, axes, name=name, source=image.source, quantity="loading")

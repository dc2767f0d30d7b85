"""Maps of a spectrum image: what lies between two energies, with or without the background before an edge."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.image import Image
from napari_atomai.errors import BadImage, BadOption
from napari_atomai.stat.spectra import positions, spectral_axis

Vector = NDArray[np.float64]
_FEWEST = 3


def energy_map(
    image: Image, low: float, high: float, *, background: tuple[float, float] | None = None
) -> Image:
    """Sum a spectrum image between two energies.

    Parameters
    ----------
    image : Image, shape (E, y, x)
        Of lazy ones only the channels in question are read.
    low, high : float
        First and last energy, in the unit of the axis; in any order.
    background : (low, high), optional
        Energies before an edge in which a power law is fitted to each spectrum (see
        `stat.edge_background.power_law`); what it makes between `low` and `high` is taken off.

    Returns
    -------
    Image, shape (y, x)
        NaN where a value is not finite, or no power law can be fitted.

    Raises
    ------
    BadImage
        If it is no spectrum image of one field.
    BadOption
        If no channel lies between the energies, or less than three positive ones for the background.
    """
    axis = spectral_axis(image)
    if image.pixels.ndim != 3:
        raise BadImage(
            f"The spectrum image has shape {image.shape}.", remedy="Choose one frame of shape (E, y, x)."
        )
    energy, unit = positions(image.axes[axis], image.shape[axis]), image.axes[axis].unit
    within = _channels(energy, low, high, unit, 1)
    total = _read(image.pixels[within]).sum(axis=0, dtype=np.float64)
    if background is not None:
        before = _channels(energy, *background, unit, _FEWEST)
        total = total - _continued(energy[before], _read(image.pixels[before]), energy[within])
    first, last = sorted((low, high))
    return Image(
        total.astype(np.float32),
        image.axes[-2:],
        name=f"{image.name}: {first:.5g} to {last:.5g} {unit}",
        source=image.source,
        quantity=image.quantity,
        value_unit=image.value_unit,
    )


def _channels(energy: Vector, low: float, high: float, unit: str, fewest: int) -> slice:
    within = np.flatnonzero((energy >= min(low, high)) & (energy <= max(low, high)))
    if len(within) < fewest or (fewest > 1 and (energy[within] <= 0).any()):
        raise BadOption(
            f"From {min(low, high):g} to {max(low, high):g} {unit} there are {len(within)} channels.",
            why="A sum needs one, and a background three at positive energies.",
            remedy=f"Choose energies from {energy.min():g} to {energy.max():g} {unit}.",
        )
    return slice(int(within[0]), int(within[-1]) + 1)


def _continued(before: Vector, counts: NDArray[Any], beyond: Vector) -> Vector:
    """Fit a power law to spectra (E, y, x), weighted by the counts, and sum it at other energies."""
    values = counts.astype(np.float64)
    weights = np.where(np.isfinite(values) & (values > 0), values, 0.0)
    logs = np.log(np.where(weights > 0, weights, 1.0))
    middle = float(np.log(before).mean())
    x = (np.log(before) - middle)[:, None, None]
    s0, s1, s2 = (np.sum(weights * x**power, axis=0) for power in range(3))
    t0, t1 = (np.sum(weights * x**power * logs, axis=0) for power in range(2))
    spread = s0 * s2 - s1**2
    possible = ((weights > 0).sum(axis=0) >= _FEWEST) & (spread > 0)
    below = np.where(possible, spread, 1.0)
    slope = np.where(possible, (s0 * t1 - s1 * t0) / below, np.nan)
    level = np.where(possible, (s2 * t0 - s1 * t1) / below, np.nan)
    total = np.zeros(slope.shape)
    for at in np.log(beyond) - middle:  # channels, of which a window has few
        total += np.exp(level + slope * at)
    return total


def _read(values: Any) -> NDArray[Any]:
    if hasattr(values, "compute"):
        values = values.compute(scheduler="synchronous")
    return np.asarray(values)

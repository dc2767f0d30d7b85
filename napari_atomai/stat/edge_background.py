"""The background before an edge: a power law, fitted in a window before it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.errors import BadOption

_FEWEST = 3


def power_law(
    energy: ArrayLike, values: ArrayLike, low: float, high: float
) -> tuple[NDArray[np.float64], float]:
    """Fit ``A * E ** -r`` to a spectrum between two energies, and continue it to higher ones.

    Parameters
    ----------
    energy, values : array, shape (E,)
        Energies and counts; only what is positive can be fitted.
    low, high : float
        The window, in the unit of the energies.

    Returns
    -------
    background : array, shape (E,)
        From the window on; NaN before it.
    exponent : float
        r.

    Raises
    ------
    BadOption
        If the window holds fewer than three positive values at positive energies.

    Notes
    -----
    Fitted by least squares of logarithms, weighted by the counts, as counting noise asks for: Egerton,
    Electron Energy-Loss Spectroscopy in the Electron Microscope (3rd ed., 2011), section 4.4.
    """
    at, counts = np.asarray(energy, dtype=np.float64), np.asarray(values, dtype=np.float64)
    usable = (at >= low) & (at <= high) & (at > 0) & np.isfinite(counts) & (counts > 0)
    if usable.sum() < _FEWEST:
        raise BadOption(
            f"From {low:g} to {high:g} there are {int(usable.sum())} channels with a positive value.",
            why="A power law has two parameters, and its logarithm needs positive values.",
            remedy="Choose a wider window before the edge.",
        )
    weights = np.sqrt(counts[usable])
    slope, level = np.polyfit(np.log(at[usable]), np.log(counts[usable]), 1, w=weights)
    beyond = (at >= low) & (at > 0)
    background = np.full(at.shape, np.nan)
    background[beyond] = np.exp(level) * at[beyond] ** slope
    return background, float(-slope)

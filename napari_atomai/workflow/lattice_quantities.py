"""What a lattice can be coloured by, what arrows can be drawn of it, and what its directions are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_atomai.stat.lattice.strain import COMPONENTS
from napari_atomai.workflow.lattice import FrameLattice

Vector = NDArray[np.float64]

PM = 1000.0
"""Picometres in a nanometre."""

LOCAL, GRID, POLAR = "displacement from neighbours", "displacement from grid", "polarisation"
NEIGHBOURS = "neighbours"
_LIKELY = 0.5


@dataclass(frozen=True, eq=False)
class Quantity:
    """A number for each atom of a frame.

    Parameters
    ----------
    values : array, shape (N,)
        NaN where it is not known.
    unit : str
        "%", "°", "pm", "px", or empty.
    signed : bool
        Whether zero is the middle of its scale.
    """

    values: Vector
    unit: str
    signed: bool = False


def quantities(found: FrameLattice) -> dict[str, Quantity]:
    """Return, by name, the numbers that atoms of a frame can be coloured by; strain in per cent."""
    strain = found.strain.columns()
    result = {
        name: Quantity(strain[name], "°", True)
        if name == "rotation"
        else Quantity(100 * strain[name], "%", True)
        for name in COMPONENTS
    }
    factor, unit = (PM, "pm") if found.unit == "nm" else (1.0, found.unit)
    for name, vectors in arrows(found).items():
        result[name] = Quantity(factor * np.linalg.norm(vectors, axis=1), unit)
    if found.cells is not None:
        values = np.full(len(found.atoms), np.nan)
        values[found.cells.atoms] = found.cells.mean
        result["cell intensity"] = Quantity(values, "")
    if np.isfinite(found.outlier_score).any():
        result["brightness, deviations"] = Quantity(found.outlier_score, "", True)
    return result


def arrows(found: FrameLattice) -> dict[str, Vector]:
    """Return, by name, the vectors (N, 2) of the atoms of a frame, in its unit; NaN where not known."""
    result = {LOCAL: found.local.displacement, GRID: found.displacement}
    if found.polarisation is not None and np.isfinite(found.polarisation.vectors).any():
        result[POLAR] = found.polarisation.vectors
    return result


def directions(found: FrameLattice) -> dict[str, Vector]:
    """Return, by name, directions in degrees, counter-clockwise from the right."""
    result = {NEIGHBOURS: found.pairs.angle}
    for name, vectors in arrows(found).items():
        result[name] = np.degrees(np.arctan2(-vectors[:, 0], vectors[:, 1]))
    return result


def in_words(found: FrameLattice) -> str:
    """Return the cell of a frame in one or two lines."""
    cell, unit = found.lattice.cells[0], found.unit
    (a, b), (sd_a, sd_b) = cell.lengths, cell.vectors_sd[:, 0].tolist()
    counts = np.bincount(found.lattice.sublattice[found.lattice.sublattice >= 0])
    parts = ", ".join(f"{count} on sublattice {number}" for number, count in enumerate(counts))
    empty = int((found.empty.vacancy & ~(found.empty_probability < _LIKELY)).sum())
    vacancies = "" if not empty else f"; {empty} vacant {'site' if empty == 1 else 'sites'}"
    lengths = f"a {measured(a, sd_a)}, b {measured(b, sd_b)} {unit}, γ {cell.gamma:.2f}°"
    return f"{lengths}. {parts}{vacancies}."


def measured(value: float, sd: float) -> str:
    """Write a number with its standard error, to the digits that the error leaves it."""
    if not (np.isfinite(sd) and sd > 0):
        return f"{value:.5g}"
    digits = int(np.clip(-np.floor(np.log10(sd)), 0, 6))
    return f"{value:.{digits}f} ± {sd:.{digits}f}"

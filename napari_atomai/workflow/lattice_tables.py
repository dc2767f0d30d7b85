"""What was measured of a lattice as images, as columns of a table, and in a few numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.errors import BadAtoms
from napari_atomai.stat.lattice.strain import COMPONENTS
from napari_atomai.stat.loading_maps import interpolated
from napari_atomai.workflow.lattice import FrameLattice

Vector = NDArray[np.float64]

_MAP_POINTS = 6  # of a map, from one atom to the next
_ALIKE = 1.3  # corners of a cage are at most this much farther away than the nearest


def maps(found: FrameLattice, atoms: Atoms, shape: tuple[int, int], step: int = 0) -> dict[str, Image]:
    """Return strain, and polarisation where there is one, as images.

    Parameters
    ----------
    found : FrameLattice
        Of one frame.
    atoms : Atoms
        All atoms; its positions give where.
    shape : (rows, columns)
        Of the image.
    step : int
        Pixels between points of the maps; 0 = a sixth of the distance between atoms.

    Returns
    -------
    dict of str to Image
        exx, eyy, exy (as shares), rotation (degrees), polarisation_row and _column; NaN where no atoms
        tell. Those that fewer than three atoms tell are left out.
    """
    values = {name: found.strain.columns()[name] for name in COMPONENTS}
    if found.polarisation is not None:
        rows, columns_ = found.polarisation.vectors.T
        values |= {"polarisation_row": rows, "polarisation_column": columns_}
    units = {"rotation": "°", "polarisation_row": found.unit, "polarisation_column": found.unit}
    made = {}
    for name, column in values.items():
        drawn = map_of(column, found, atoms, shape, step, even=name in COMPONENTS)
        if drawn is not None:
            made[name] = replace(drawn, name=name, quantity=name, value_unit=units.get(name, ""))
    return made


def map_step(found: FrameLattice) -> int:
    """Return how many pixels lie between points of a map: a sixth of the distance between atoms."""
    return max(1, int(found.lattice.spacing / float(np.mean(found.step)) / _MAP_POINTS))


def map_of(
    column: Vector,
    found: FrameLattice,
    atoms: Atoms,
    shape: tuple[int, int],
    step: int = 0,
    *,
    even: bool = False,
) -> Image | None:
    """Return values (N,) of the atoms of a frame as an image; None where fewer than three atoms tell.

    With `even`, sublattices are averaged first: where they move against each other, as in a domain wall,
    the strain of each would make the map chequered.
    """
    if even:
        column = _evened(column, atoms.positions[found.atoms], found.lattice.sublattice)
    known, every = np.isfinite(column), step or map_step(found)
    size = None if atoms.pixel_size is None else (atoms.pixel_size[0] * every, atoms.pixel_size[1] * every)
    try:
        pixels = interpolated(atoms.positions[found.atoms][known], column[known], shape, step=every)
    except BadAtoms:
        return None
    return Image.from_array(pixels, size)


def _evened(values: Vector, positions: Vector, sublattice: NDArray[np.int64]) -> Vector:
    """Return the mean, over all sublattices, of the values of its atoms that are nearest to each atom."""
    means = []
    for number in np.unique(sublattice[sublattice >= 0]):
        mine = np.flatnonzero((sublattice == number) & np.isfinite(values))
        if len(mine):
            found = cKDTree(positions[mine]).query(positions, k=np.arange(1, min(4, len(mine)) + 1))
            away, near = np.asarray(found[0]), np.asarray(found[1], np.int64)
            nearest = away <= _ALIKE * away[:, :1]
            means.append((values[mine][near] * nearest).sum(axis=1) / nearest.sum(axis=1))
    return np.where(np.isfinite(values), np.mean(means, axis=0), np.nan) if means else values


def columns(found: FrameLattice, count: int) -> dict[str, NDArray[Any]]:
    """Return what was measured as features (count,) of all atoms; NaN or -1 for those of other frames."""
    lattice, unit = found.lattice, found.unit
    values: dict[str, NDArray[Any]] = {
        "grain": lattice.grain,
        "sublattice": lattice.sublattice,
        "cell_a": lattice.index[:, 0],
        "cell_b": lattice.index[:, 1],
        **_pair(f"displacement_{unit}", found.displacement),
        **_pair(f"local_displacement_{unit}", found.local.displacement),
        **_pair(f"local_displacement_sd_{unit}", found.local.displacement_sd),
        **found.strain.columns(),
        "outlier_score": found.outlier_score,
        "outlier_probability": found.outlier_probability,
    }
    if found.polarisation is not None:
        polar = found.polarisation
        values |= _pair(f"polarisation_{unit}", polar.vectors) | _pair(f"polarisation_sd_{unit}", polar.sd)
        values |= {f"polarisation_size_{unit}": polar.size, "polarisation_angle_deg": polar.angle}
    if found.cells is not None:
        values["cell_mean"] = np.full(len(lattice.grain), np.nan)
        values["cell_mean"][found.cells.atoms] = found.cells.mean
    full = {}
    for name, column in values.items():
        whole = column.dtype.kind == "i"
        full[name] = np.full(count, -1 if whole else np.nan, np.int64 if whole else np.float64)
        full[name][found.atoms] = column
    return full


def _pair(name: str, vectors: Vector) -> dict[str, Vector]:
    head, _, unit = name.rpartition("_")
    return {f"{head}_row_{unit}": vectors[:, 0], f"{head}_col_{unit}": vectors[:, 1]}


def numbers(found: FrameLattice) -> dict[str, float]:
    """Return cell parameters and counts of a frame in a few numbers, by name."""
    result: dict[str, float] = {}
    for number, cell in enumerate(found.lattice.cells):
        a, b = cell.lengths
        after = "" if number == 0 else f" (grain {number})"
        result |= {
            f"a_{found.unit}{after}": a,
            f"b_{found.unit}{after}": b,
            f"a_sd_{found.unit}{after}": float(cell.vectors_sd[0, 0]),
            f"b_sd_{found.unit}{after}": float(cell.vectors_sd[1, 0]),
            f"gamma_deg{after}": cell.gamma,
            f"angle_deg{after}": cell.angle,
            f"rms_{found.unit}{after}": cell.rms,
        }
    result["grains"] = len(found.lattice.cells)
    result["sublattices"] = max(len(cell.offsets) for cell in found.lattice.cells)
    result["atoms"] = len(found.atoms)
    result["on_lattice"] = int((found.lattice.grain >= 0).sum())
    result["vacancies"] = int(found.empty.vacancy.sum())
    result["unusual_atoms"] = int((found.outlier_probability > 0.5).sum())
    return result

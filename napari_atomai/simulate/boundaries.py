"""Grain boundaries: two grains of a crystal that share a zone axis, with a coincidence lattice or without."""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from napari_atomai.errors import BadOption
from napari_atomai.simulate.structures import Direction, crystal

if TYPE_CHECKING:
    from ase import Atoms


def grain_boundary(
    material: str | Atoms,
    misorientation: float,
    zone_axis: Direction = (0, 0, 1),
    size: tuple[float, float] = (50.0, 50.0),
    thickness: float = 100.0,
    *,
    inclination: float = 0.0,
    shift: tuple[float, float] = (0.0, 0.0),
    closest: float = 1.0,
) -> Atoms:
    """Join two grains that share a zone axis: a tilt boundary through the middle of the frame.

    The grains are turned by half the misorientation to either side. With a misorientation from
    `coincidence_angle` and no inclination the boundary is a symmetric one with a coincidence lattice.

    Parameters
    ----------
    material, zone_axis, size, thickness
        As for `crystal`.
    misorientation : float
        Angle between the grains about the beam, degrees.
    inclination : float
        Turn of the boundary away from the vertical, degrees, the grains staying as they are.
    shift : (row, column)
        Rigid shift of the second grain in Å.
    closest : float
        Where columns of both grains lie nearer than this in the image (Å), that of the second is left out.

    Returns
    -------
    ase.Atoms
        With tags of 0 throughout; array ``grains`` says 0 or 1 for each atom.
    """
    first = crystal(material, zone_axis, size, thickness, angle=misorientation / 2)
    second = crystal(material, zone_axis, size, thickness, angle=-misorientation / 2, shift=shift)
    normal = np.array([np.cos(np.radians(inclination)), np.sin(np.radians(inclination))])
    middle = np.array([size[1], size[0]]) / 2
    first = first[(first.positions[:, :2] - middle) @ normal < 0]
    second = second[(second.positions[:, :2] - middle) @ normal >= 0]
    if len(first) and len(second):
        gaps = cKDTree(first.positions[:, :2]).query(second.positions[:, :2])[0]
        second = second[np.asarray(gaps) >= closest]
    joined = first + second
    joined.new_array("grains", np.repeat([0, 1], [len(first), len(second)]))
    return joined


def coincidence_angle(zone_axis: Direction, m: int, n: int) -> tuple[float, int]:
    """Return the misorientation and Sigma of a coincidence lattice of cubic crystals.

    Every coincidence about the axis hkl has an angle 2 atan(n / m sqrt(h² + k² + l²)) and a Sigma of
    m² + n² (h² + k² + l²), halved until it is odd (Ranganathan, Acta Cryst. 21, 197 (1966),
    10.1107/S0365110X66002615).

    Parameters
    ----------
    zone_axis : (h, k, l)
        Axis of the turn.
    m, n : int
        Whole numbers without a common factor: (3, 1) about 001 gives Sigma 5 at 36.87 degrees.

    Returns
    -------
    misorientation : float
        In degrees.
    sigma : int
    """
    if m < 1 or n < 1 or gcd(m, n) != 1 or not any(zone_axis):
        raise BadOption(
            f"m = {m}, n = {n} about {zone_axis} name no coincidence lattice.",
            remedy="Give whole numbers above 0 without a common factor, and an axis other than 0 0 0.",
        )
    squares = sum(index * index for index in zone_axis)
    sigma = m * m + n * n * squares
    while sigma % 2 == 0:
        sigma //= 2
    return float(2 * np.degrees(np.arctan2(n * np.sqrt(squares), m))), sigma

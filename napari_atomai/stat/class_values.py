"""What tells atoms apart: how bright each is, and what lies around it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.spatial import cKDTree

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]
Frame = NDArray[Any]

_CORE = 0.18
"""Width of the Gaussian an atom is averaged with, in spacings: it holds most of one and little of others."""

_REACH = 2.5
"""Width of the Gaussian over which the neighbours of an atom are averaged, in spacings."""

_SIDE = 15
PATCH = _SIDE**2
"""Values in a patch."""

_EXTENT = 1.15
"""How far a patch reaches to each side by itself, in spacings."""

_OWN = 0.4
"""Radius around an atom, in spacings, that is not its surroundings."""


def brightness(image: Frame, positions: Vector, spacing: float) -> Vector:
    """Return how bright each atom is above the background between the atoms.

    Parameters
    ----------
    image : array, shape (y, x)
        Bright atoms; pixels that are not finite are filled.
    positions : array, shape (N, 2)
        Row, column in pixels.
    spacing : float
        Distance between neighbouring atoms, pixels.

    Returns
    -------
    array, shape (N,)
        In units of the image.
    """
    whole = filled(image)
    smooth = ndimage.gaussian_filter(whole, _CORE * spacing)
    lowest = ndimage.minimum_filter(smooth, size=2 * int(np.ceil(0.7 * spacing)) + 1)
    ground = ndimage.gaussian_filter(lowest, spacing)
    return at(smooth, positions) - at(ground, positions)


def window_mean(image: Frame, positions: Vector, side: int) -> Vector:
    """Return the mean (N,) of the pixels in a square of `side` pixels around each atom."""
    averaged = ndimage.uniform_filter(filled(image), side, mode="nearest")
    pixel = np.clip(np.floor(positions + 0.5).astype(np.int64), 0, np.array(image.shape) - 1)
    values: Vector = averaged[pixel[:, 0], pixel[:, 1]]
    return values


def surroundings(image: Frame, positions: Vector, spacing: float, side: float = 0.0) -> Vector:
    """Return the patch around each atom, interpolated so that the atom lies in its middle, without the atom.

    The atom itself is blanked out, so that a dopant still looks like the others on its site.

    Parameters
    ----------
    image : array, shape (y, x)
        Pixels that are not finite are filled; at the border the image goes on as its mirror image.
    positions : array, shape (N, 2)
        Row, column in pixels.
    spacing : float
        Distance between neighbouring atoms, pixels.
    side : float
        Of a patch in pixels; 0 = as far as the nearest neighbours.

    Returns
    -------
    array, shape (N, `PATCH`)
    """
    half = 0.5 * side or _EXTENT * spacing
    steps = np.linspace(-half, half, _SIDE)
    grid = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    # Values must not be farther apart than what they are smoothed over.
    smooth = ndimage.gaussian_filter(filled(image), max(0.12 * spacing, 0.5 * (steps[1] - steps[0])))
    where = positions[:, None] + grid
    patches = at(smooth, where.reshape(-1, 2)).reshape(len(positions), -1)
    # Its own dark parts are a patch's zero: the background may slope.
    patches -= np.percentile(patches, 10, axis=1, keepdims=True)
    patches[:, np.hypot(*grid.T) < _OWN * spacing] = 0.0
    return patches


def levelled(values: Vector, positions: Vector, spacing: float, groups: Integers) -> Vector:
    """Return values relative to those of the atoms around, so that a thickness gradient drops out.

    Parameters
    ----------
    values : array, shape (N,)
        One per atom.
    positions : array, shape (N, 2)
        Row, column in pixels.
    spacing : float
        Distance between neighbouring atoms, pixels.
    groups : array of int, shape (N,)
        Classes known so far, zeros at first: an atom is compared with what its neighbours would have in its
        class, so that bright neighbours do not make it look dim.

    Returns
    -------
    array, shape (N,)
        About 1 on average.
    """
    mean = np.bincount(groups, values) / np.maximum(np.bincount(groups), 1)
    typical = mean[groups] / (values.mean() or 1.0)
    reach = _REACH * spacing
    tree = cKDTree(positions)
    near = tree.sparse_distance_matrix(tree, 3 * reach, output_type="ndarray")
    weight = np.exp(-0.5 * (near["v"] / reach) ** 2)
    shape = (len(values),) * 2
    kernel = coo_array((weight, (near["i"], near["j"])), shape=shape).tocsr()
    safe = np.where(np.abs(typical) > 1e-3, typical, 1.0)
    field = (kernel @ (values / safe)) / (kernel @ np.ones(len(values)))
    floor = 0.02 * float(np.abs(field).max(initial=0)) or 1.0
    relative: Vector = values / np.maximum(field, floor)
    return relative


def gradient(values: Vector, positions: Vector, spacing: float) -> float:
    """Return by what share brightness changes across an image: the 5 to 95 % range of its local mean."""
    if len(values) < 30 or not values.mean() > 0:
        return 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        field = values / levelled(values, positions, spacing, np.zeros(len(values), np.int64))
    field = field[np.isfinite(field)]
    low, high = np.percentile(field, [5, 95])
    return float((high - low) / values.mean())


def at(image: Vector, positions: Vector) -> Vector:
    """Return values (N,) of an image at positions (N, 2) between its pixels."""
    values: Vector = ndimage.map_coordinates(image, positions.T, order=1, mode="mirror")
    return values


def filled(image: Frame) -> Vector:
    """Return an image of floats, with the median where it is not finite: one NaN would spread."""
    pixels = np.asarray(image, np.float64)
    known = np.isfinite(pixels)
    if known.all():
        return pixels
    return np.where(known, pixels, np.median(pixels[known]) if known.any() else 0.0)

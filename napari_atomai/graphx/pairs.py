"""Pairs of points within a distance, in a plane or in space, periodic or not."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_atomai.errors import BadOption

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]


def pairs_within(
    positions: Vector, reach: float, cell: Vector | None = None, tree: cKDTree | None = None
) -> tuple[Integers, Vector]:
    """Find all pairs of points nearer than a distance.

    Parameters
    ----------
    positions : array, shape (N, D)
        In any unit of length.
    reach : float
        In the same unit.
    cell : array, shape (D, D), optional
        Vectors (rows) by which everything repeats; a row of zeros does not repeat.
    tree : cKDTree, optional
        Of the positions, where there is one already.

    Returns
    -------
    pairs : array of int, shape (P, 2)
        First below second; in a cell also an atom with its own image, and a pair once for every image.
    vectors : array, shape (P, D)
        From the first to the second.
    """
    if cell is None or not np.any(cell):
        found = (tree or cKDTree(positions)).query_pairs(reach, output_type="ndarray")
        pairs = found.astype(np.int64, copy=False)
        return pairs, positions[pairs[:, 1]] - positions[pairs[:, 0]]
    where, owner, image = _with_images(positions, reach, np.asarray(cell, float))
    found = cKDTree(where).query_pairs(reach, output_type="ndarray").astype(np.int64, copy=False)
    found = found[found[:, 0] < len(positions)]
    first, second = owner[found[:, 0]], owner[found[:, 1]]
    # Across a border each pair is seen from both sides; one of the two views is kept.
    inside = found[:, 1] < len(positions)
    kept = inside | (first < second) | ((first == second) & (image[found[:, 1]] > 0))
    found, first, second = found[kept], first[kept], second[kept]
    vectors = where[found[:, 1]] - where[found[:, 0]]
    turned = first > second
    pairs = np.stack([np.minimum(first, second), np.maximum(first, second)], axis=1)
    return pairs, np.where(turned[:, None], -vectors, vectors)


def _with_images(positions: Vector, reach: float, cell: Vector) -> tuple[Vector, Integers, Integers]:
    """Add the images of points that lie within reach of the cell's borders."""
    repeats = np.linalg.norm(cell, axis=1) > 0
    basis = _completed(cell, repeats)
    inverse = np.linalg.inv(basis)
    scaled = positions @ inverse
    margin = reach * np.linalg.norm(inverse, axis=0)
    if (margin[repeats] >= 1).any():
        raise BadOption(
            f"The cell is narrower than the longest bond looked for, {reach:.3g}.",
            why="An atom would be bonded to several images of itself.",
            remedy="Repeat the cell, or take the directions as not periodic.",
        )
    wrapped = np.where(repeats, scaled - np.floor(scaled), scaled)
    parts, owners, images = [wrapped], [np.arange(len(positions))], [np.zeros(len(positions), np.int64)]
    steps = [(-1, 0, 1) if repeat else (0,) for repeat in repeats]
    middle = list(itertools.product(*steps)).index((0,) * len(cell))
    for number, step in enumerate(itertools.product(*steps)):
        moved = wrapped + step
        near = (((moved > -margin) & (moved < 1 + margin)) | ~repeats).all(axis=1)
        if any(step):
            parts.append(moved[near])
            owners.append(np.flatnonzero(near))
            images.append(np.full(int(near.sum()), number - middle))
    return np.concatenate(parts) @ basis, np.concatenate(owners), np.concatenate(images)


def _completed(cell: Vector, repeats: NDArray[np.bool_]) -> Vector:
    """Put unit vectors across the others in the place of rows of zeros."""
    basis = cell.copy()
    for row in np.flatnonzero(~repeats):
        others = np.linalg.svd(basis[np.arange(len(cell)) != row])[2]
        basis[row] = others[-1]
    if abs(np.linalg.det(basis)) < 1e-9:
        raise BadOption("The vectors of the cell lie in one plane or line.", remedy="Give others.")
    return basis

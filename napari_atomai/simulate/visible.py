"""Which columns of a scene can be seen: what a net is asked for, and what it is not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from napari_atomai.simulate.grounds import sample
from napari_atomai.simulate.imaging import Columns, Picture

Vector = NDArray[np.float64]

BY_LATTICE, BY_ITSELF = (1.7, 0.9), (5.0, 3.0)
"""Matched-filter ratios from which a column is certainly seen, and below which it certainly is not."""

_FAINTEST = 0.03


@dataclass(frozen=True, eq=False)
class Scene:
    """A noiseless picture and the columns in it.

    Parameters
    ----------
    columns : Columns
        What was drawn.
    picture : array, shape (y, x)
        Columns on their background, before detection.
    spacing : float
        Nearest-neighbour distance the scene was made for, pixels.
    lattice : bool
        Whether neighbours help to see a column (False: single atoms, or nothing).
    clutter : array, shape (y, x), optional
        Film and contamination in the picture, of whose grain columns must stand out.
    rim : array of bool, shape (N,), optional
        Columns where the sample thins out. There the lattice is no evidence: whether it goes on is the
        question.
    """

    columns: Columns
    picture: Picture
    spacing: float
    lattice: bool
    clutter: Picture | None = None
    rim: NDArray[np.bool_] | None = None


def marks(scene: Scene, dose: float, read_noise: float) -> tuple[Picture, Picture, NDArray[np.bool_]]:
    """Say for every pixel whether it belongs to a column that can be seen.

    A column counts as visible when it stands out of the noise of its own pixels and of the grain of
    what it lies on (the matched-filter ratio), and is a maximum of the noiseless picture. Faint ones
    between certainly seen and certainly unseen get weight 0, but not on a rim: the net shall not draw the
    lattice on there.

    Returns
    -------
    target, weight : arrays of float32, shape (y, x)
    seen : array of bool, shape (N,)
    """
    columns, shape = scene.columns, scene.picture.shape
    target, weight = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    if len(columns.positions) == 0:
        return target, weight, np.zeros(0, bool)
    ratio = contrast_to_noise(scene, dose, read_noise)
    inside = ((columns.positions > -0.5) & (columns.positions < np.array(shape) - 0.5)).all(axis=1)
    rim = np.zeros(len(ratio), bool) if scene.rim is None else scene.rim
    alone = rim | (not scene.lattice)
    certain, hopeless = (np.where(alone, BY_ITSELF[i], BY_LATTICE[i]) for i in (0, 1))
    peak = _is_peak(scene.picture, columns, scene.spacing)
    clear = (ratio >= certain) & peak & (columns.amplitudes > _FAINTEST)
    doubtful = ~clear & (ratio >= hopeless) & ~rim
    radius = np.clip(0.22 * _gap(columns.positions, scene.spacing), 1.8, 4.2)
    _stamp(target, columns.positions[clear], radius[clear])
    unsure = np.zeros(shape, np.float32)
    _stamp(unsure, columns.positions[doubtful], 1.5 * radius[doubtful])
    weight[(unsure > 0) & (target == 0)] = 0
    return target, weight, clear & inside


def contrast_to_noise(scene: Scene, dose: float, read_noise: float) -> Vector:
    """Return the matched-filter ratio (N,) of each column to counting noise and to the grain around it."""
    columns = scene.columns
    level = sample(scene.picture, columns.positions)
    variance = np.maximum(level, 1e-3) / dose + read_noise**2
    area = np.pi * columns.sigmas.prod(axis=1)
    against_noise = columns.amplitudes**2 * area / variance
    grain = _grain(scene)
    against_grain = columns.amplitudes**2 / np.maximum(grain, 1e-12)
    ratio: Vector = np.sqrt(1 / (1 / np.maximum(against_noise, 1e-12) + 1 / np.maximum(against_grain, 1e-12)))
    return ratio


def _grain(scene: Scene) -> Vector:
    """Return how much amplitude (squared) the clutter by chance shows around each column, at its own width.

    A difference of Gaussians of one and two widths of a column gives 0.3 of the amplitude of a column.
    """
    columns = scene.columns
    if scene.clutter is None:
        return np.zeros(len(columns.positions))
    width = float(np.median(np.sqrt(columns.sigmas.prod(axis=1))))
    narrow, wide = (ndimage.gaussian_filter(scene.clutter, n * width) for n in (1, 2))
    power: Picture = ndimage.gaussian_filter((narrow - wide) ** 2, 1.5 * scene.spacing)
    return sample(power, columns.positions) / 0.3**2


def _is_peak(picture: Picture, columns: Columns, spacing: float) -> NDArray[np.bool_]:
    """Say which columns are higher than their surroundings a quarter of a spacing away, on average."""
    smooth = ndimage.gaussian_filter(picture, 0.05 * spacing)
    here = sample(smooth, columns.positions)
    angles = np.arange(8) * np.pi / 4
    ring = np.stack([np.sin(angles), np.cos(angles)], axis=1) * 0.28 * spacing
    around = np.stack([sample(smooth, columns.positions + step) for step in ring])
    higher = (here > around).sum(axis=0)
    result: NDArray[np.bool_] = higher >= 7
    return result


def _gap(positions: Vector, spacing: float) -> Vector:
    if len(positions) < 2:
        return np.full(len(positions), spacing)
    distances = np.asarray(cKDTree(positions).query(positions, k=[2])[0])[:, 0]
    gap: Vector = np.clip(distances, 0.6 * spacing, 1.2 * spacing)
    return gap


def _stamp(target: Picture, positions: Vector, radius: Vector) -> None:
    """Mark soft-rimmed discs, all at once."""
    reach = 6
    steps = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    where = np.round(positions).astype(np.int64)[:, None] + steps
    away = np.linalg.norm(where - positions[:, None], axis=-1)
    height = np.clip(radius[:, None] - away + 0.5, 0, 1).astype(np.float32)
    inside = ((where >= 0) & (where < np.array(target.shape))).all(axis=-1)
    np.maximum.at(target, (where[inside][:, 0], where[inside][:, 1]), height[inside])

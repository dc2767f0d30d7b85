"""Random scenes for training: crystals, boundaries, particles, single atoms, and nothing at all.

What a scene contains is drawn anew each time: the diversity of structures and of imaging conditions
matters more than the fidelity of either (Construction Zone, arXiv:2309.06122).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from napari_atomai.simulate.imaging import Columns, Conditions, Picture, draw, expose, speckle
from napari_atomai.simulate.lattices import PROTOTYPES, Lattice, random_lattice

Vector = NDArray[np.float64]
_LATTICES = tuple(PROTOTYPES.values())
_EMPTY = Columns(np.empty((0, 2)), np.empty(0), np.empty((0, 2)))

SPACINGS = (8.0, 21.0)
"""Range of nearest-neighbour distances in training images, pixels."""

_RIM = 0.4
"""Share of the full thickness below which a column lies on the rim."""

_BY_LATTICE, _BY_ITSELF = (1.7, 0.9), (5.0, 3.0)
"""Matched-filter ratios from which a column is certainly seen, and below which it certainly is not."""

FINEST = 3.0
"""Smallest spacing, in pixels, of the coarse images that are enlarged for training."""


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
    clutter : float
        Standard deviation of amorphous material, which a column must stand out of.
    rim : array of bool, shape (N,), optional
        Columns where the sample thins out. There the lattice is no evidence: whether it goes on is the
        question.
    """

    columns: Columns
    picture: Picture
    spacing: float
    lattice: bool
    clutter: float = 0.0
    rim: NDArray[np.bool_] | None = None


@dataclass(frozen=True, eq=False)
class TrainingPair:
    """One image to learn from.

    Parameters
    ----------
    image : array, shape (y, x)
        As the microscope would give it.
    target : array, shape (y, x)
        1 inside the discs around visible columns, 0 elsewhere, between on their rims.
    weight : array, shape (y, x)
        0 where a column is too faint for anyone to say; these pixels do not count.
    positions : array, shape (N, 2)
        Row, column of the visible columns.
    """

    image: Picture
    target: Picture
    weight: Picture
    positions: Vector


def training_pair(rng: np.random.Generator, size: int = 128) -> TrainingPair:
    """Draw a random scene of `size` x `size` pixels, expose it, and mark what can be seen in it."""
    spacing = float(np.exp(rng.uniform(*np.log(SPACINGS))))
    largest = spacing / FINEST
    zoom = float(np.exp(rng.uniform(0, np.log(largest)))) if rng.random() < 0.45 else 1.0
    scene = random_scene(rng, size, spacing, zoom)
    conditions = random_conditions(rng, scene.spacing / zoom)
    image = expose(scene.picture, conditions, rng)
    if zoom > 1:
        # Coarse images are enlarged before the net sees them, which makes their noise smooth.
        image = _enlarge(image, size, 3 if rng.random() < 0.5 else 1)
        scene = replace(scene, picture=_enlarge(scene.picture, size, 1), columns=_scaled(scene, size))
    target, weight, seen = marks(scene, conditions.dose / zoom**2, conditions.read_noise * zoom)
    return TrainingPair(image, target, weight, scene.columns.positions[seen])


def random_scene(rng: np.random.Generator, size: int, spacing: float, zoom: float = 1.0) -> Scene:
    """Draw a scene of ``size / zoom`` pixels a side; its spacing is that after enlargement by `zoom`."""
    side = max(round(size / zoom), 16)
    shape = (side, side)
    kind = rng.choice(5, p=[0.50, 0.12, 0.18, 0.13, 0.07])
    own = spacing / zoom
    if kind == 4:
        columns = _EMPTY
    elif kind == 3:
        columns = _single_atoms(rng, shape, own)
    else:
        columns = _crystal(rng, shape, own)
        if kind == 1:
            columns = _boundary(rng, columns, _crystal(rng, shape, own), shape, own)
    picture = draw(
        columns,
        shape,
        skirt=float(rng.uniform(0, 0.35)) * (rng.random() < 0.6),
        skirt_width=rng.uniform(1.8, 3.5),
    )
    film = np.zeros(shape, np.float32)
    rim = None
    if kind == 2 or (kind < 2 and rng.random() < 0.15):
        thickness = _thickness(rng, shape, own)
        share = _sample(thickness, columns.positions)
        rim = share < _RIM * float(thickness.max())
        columns = replace(columns, amplitudes=columns.amplitudes * share)
        picture = picture * thickness
        film += float(rng.uniform(0.2, 4.0)) * thickness
    clutter = _clutter(rng, bool(kind == 3))
    picture = picture + film + _background(rng, shape, own, clutter)
    return Scene(columns, np.clip(picture, 0, None), spacing, bool(kind < 3), clutter, rim)


def random_conditions(rng: np.random.Generator, spacing: float) -> Conditions:
    """Draw imaging conditions: dose over three decades, and a few faults of scan and detector."""

    def sometimes(chance: float, value: float) -> float:
        return float(value) if rng.random() < chance else 0.0

    return Conditions(
        dose=float(np.exp(rng.uniform(np.log(0.5), np.log(1000)))),
        read_noise=sometimes(0.4, rng.exponential(0.12)),
        jitter=sometimes(0.4, rng.uniform(0, 0.07) * spacing),
        row_gain=sometimes(0.25, rng.uniform(0, 0.06)),
        blur=sometimes(0.3, rng.uniform(0.4, 0.12 * spacing + 0.4)),
        hot_pixels=sometimes(0.1, rng.uniform(0, 0.004)),
        gamma=float(np.exp(rng.uniform(-0.5, 0.5))) if rng.random() < 0.3 else 1.0,
        saturation=float(rng.uniform(0.93, 1.0)) if rng.random() < 0.12 else 1.0,
    )


def _crystal(rng: np.random.Generator, shape: tuple[int, int], spacing: float) -> Columns:
    lattice = random_lattice(rng) if rng.random() < 0.4 else _LATTICES[int(rng.integers(len(_LATTICES)))]
    stretch = np.eye(2) + rng.normal(0, 0.06, (2, 2))
    amplitudes = lattice.amplitudes * np.exp(rng.normal(0, 0.25, len(lattice.amplitudes)))
    amplitudes = np.where(lattice.amplitudes == 1, lattice.amplitudes, amplitudes)
    lattice = Lattice(lattice.cell @ stretch, lattice.motif, amplitudes).scaled(spacing)
    positions, sites = lattice.tile(shape, float(rng.uniform(0, 2 * np.pi)), 2 * spacing)
    amplitudes = lattice.amplitudes[sites] * np.exp(rng.normal(0, rng.uniform(0, 0.18), len(sites)))
    positions = positions + rng.normal(0, rng.uniform(0, 0.06) * spacing, positions.shape)
    if rng.random() < 0.4:
        positions = positions + _smooth_field(rng, positions, shape, 0.5 * spacing)
    if rng.random() < 0.35:
        dopants = rng.random(len(sites)) < np.exp(rng.uniform(np.log(0.005), np.log(0.15)))
        factor = np.exp(rng.uniform(np.log(0.35), np.log(6.0)))
        amplitudes = np.where(dopants, amplitudes * factor, amplitudes)
    if rng.random() < 0.4:
        stays = rng.random(len(sites)) > rng.uniform(0, 0.12)
        positions, amplitudes = positions[stays], amplitudes[stays]
    # Close pairs are narrow against their cell, lone columns may be wide: the width follows the spacing.
    width = rng.uniform(0.14, 0.40 if len(lattice.motif) < 3 else 0.30) * spacing
    ellipse = np.exp(rng.normal(0, 0.10))
    sigmas = np.tile([width * ellipse, width / ellipse], (len(positions), 1))
    sigmas *= np.exp(rng.normal(0, 0.04, (len(positions), 1)))
    return Columns(positions, amplitudes, sigmas)


def _boundary(
    rng: np.random.Generator, one: Columns, other: Columns, shape: tuple[int, int], spacing: float
) -> Columns:
    """Join two crystals along a wavy line."""
    angle = rng.uniform(0, 2 * np.pi)
    normal = np.array([np.cos(angle), np.sin(angle)])
    centre = (np.array(shape) - 1) / 2 + rng.uniform(-0.3, 0.3, 2) * np.array(shape)
    wave, phase = rng.uniform(0, 0.8) * spacing, rng.uniform(0, 2 * np.pi)

    def side(points: Vector) -> Vector:
        along = (points - centre) @ np.array([-normal[1], normal[0]])
        result: Vector = (points - centre) @ normal + wave * np.sin(along / (2 * spacing) + phase)
        return result

    left, right = side(one.positions) < 0, side(other.positions) >= 0
    joined = np.concatenate([one.positions[left], other.positions[right]])
    amplitudes = np.concatenate([one.amplitudes[left], other.amplitudes[right] * rng.uniform(0.5, 1.5)])
    sigmas = np.concatenate([one.sigmas[left], other.sigmas[right]])
    close = cKDTree(joined).query_pairs(0.7 * spacing, output_type="ndarray")
    stays = np.ones(len(joined), bool)
    stays[close[:, 1]] = False
    return Columns(joined[stays], amplitudes[stays], sigmas[stays])


def _single_atoms(rng: np.random.Generator, shape: tuple[int, int], spacing: float) -> Columns:
    """Scatter heavy atoms on a support, no two closer than about a column's width."""
    count = int(rng.integers(1, max(int(np.prod(shape) / (2.5 * spacing**2)), 3)))
    positions = rng.uniform(-0.5, np.array(shape) - 0.5, (count, 2))
    close = cKDTree(positions).query_pairs(rng.uniform(0.55, 0.9) * spacing, output_type="ndarray")
    stays = np.ones(count, bool)
    stays[close[:, 1]] = False
    positions = positions[stays]
    width = rng.uniform(0.12, 0.30) * spacing
    amplitudes = np.exp(rng.normal(0, rng.uniform(0.05, 0.5), len(positions)))
    return Columns(positions, amplitudes, np.full((len(positions), 2), width))


def _thickness(rng: np.random.Generator, shape: tuple[int, int], spacing: float) -> Picture:
    """Return a sample's outline: a particle, an edge, a hole or a few steps, 0 outside and up to 1 inside."""
    rows, columns = np.meshgrid(*[np.arange(n, dtype=np.float32) for n in shape], indexing="ij")
    centre = rng.uniform(0, 1, 2) * np.array(shape)
    radius = rng.uniform(0.25, 1.0) * min(shape)
    around = np.arctan2(rows - centre[0], columns - centre[1])
    ragged = 1 + sum(rng.normal(0, 0.10) * np.cos(k * around + rng.uniform(0, 7)) for k in range(2, 6))
    away = np.hypot(rows - centre[0], columns - centre[1]) / (radius * ragged)
    kind = rng.integers(4)
    if kind == 0:
        profile = np.sqrt(np.clip(1 - away**2, 0, None))
    elif kind == 1:
        profile = _ramp((1 - away) * radius / rng.uniform(0.3, 2.0) / spacing)
    elif kind == 2:
        profile = _ramp((away - 1) * radius / rng.uniform(0.3, 2.0) / spacing)
    else:
        steps = _ramp((1 - away) * radius / (0.5 * spacing))
        profile = rng.uniform(0.15, 0.7) + (1 - rng.uniform(0.15, 0.7)) * steps
    outline: Picture = np.clip(profile, 0, 1.2).astype(np.float32)
    return outline


def _ramp(distance: NDArray[Any]) -> NDArray[Any]:
    """Rise from 0 to 1 while `distance` goes from -0.5 to 0.5."""
    return np.clip(distance + 0.5, 0, 1)


def _clutter(rng: np.random.Generator, support: bool) -> float:
    if rng.random() > (0.9 if support else 0.35):
        return 0.0
    return float(min(rng.exponential(0.12), 0.5))


def _background(rng: np.random.Generator, shape: tuple[int, int], spacing: float, clutter: float) -> Picture:
    """Return vacuum level, slopes, contamination and amorphous film."""
    ground = np.full(shape, rng.exponential(0.35), np.float32)
    if rng.random() < 0.45:
        ground += rng.exponential(0.6) * _smooth_picture(rng, shape, rng.uniform(0.15, 0.5) * max(shape))
    if clutter > 0:
        ground += clutter * (speckle(shape, rng.uniform(0.10, 0.9) * spacing, rng) + 2)
    if rng.random() < 0.25:
        blob = _smooth_picture(rng, shape, rng.uniform(0.8, 2.5) * spacing)
        ground += rng.exponential(0.5) * np.clip(blob - rng.uniform(0.3, 0.8), 0, None)
    if rng.random() < 0.04:
        wave = rng.uniform(0.6, 2.5) * spacing
        direction = rng.uniform(0, np.pi)
        rows, columns = np.meshgrid(*[np.arange(n) for n in shape], indexing="ij")
        phase = (rows * np.cos(direction) + columns * np.sin(direction)) * 2 * np.pi / wave
        ground += (rng.exponential(0.3) * (1 + np.sin(phase))).astype(np.float32)
    return ground


def marks(scene: Scene, dose: float, read_noise: float) -> tuple[Picture, Picture, NDArray[np.bool_]]:
    """Say for every pixel whether it belongs to a column that can be seen.

    A column counts as visible when its signal stands out of the noise of its own pixels (the
    matched-filter ratio) and it is a maximum of the noiseless picture. Faint ones between certainly
    seen and certainly unseen get weight 0, but not on a rim: the net shall not draw the lattice on there.

    Returns
    -------
    target, weight : arrays of float32, shape (y, x)
    seen : array of bool, shape (N,)
    """
    columns, shape = scene.columns, scene.picture.shape
    target, weight = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    if len(columns.positions) == 0:
        return target, weight, np.zeros(0, bool)
    level = _sample(scene.picture, columns.positions)
    variance = np.maximum(level, 1e-3) / dose + read_noise**2
    area = np.pi * columns.sigmas.prod(axis=1)
    ratio = columns.amplitudes * np.sqrt(area / variance)
    inside = ((columns.positions > -0.5) & (columns.positions < np.array(shape) - 0.5)).all(axis=1)
    rim = np.zeros(len(ratio), bool) if scene.rim is None else scene.rim
    alone = rim | (not scene.lattice)
    certain, hopeless = (np.where(alone, _BY_ITSELF[i], _BY_LATTICE[i]) for i in (0, 1))
    peak = _is_peak(scene.picture, columns, scene.spacing)
    strong = columns.amplitudes > max(0.03, 1.5 * scene.clutter)
    clear = (ratio >= certain) & peak & strong
    doubtful = ~clear & (ratio >= hopeless) & ~rim
    radius = np.clip(0.22 * _gap(columns.positions, scene.spacing), 1.8, 4.2)
    _stamp(target, columns.positions[clear], radius[clear])
    unsure = np.zeros(shape, np.float32)
    _stamp(unsure, columns.positions[doubtful], 1.5 * radius[doubtful])
    weight[(unsure > 0) & (target == 0)] = 0
    return target, weight, clear & inside


def _is_peak(picture: Picture, columns: Columns, spacing: float) -> NDArray[np.bool_]:
    """Say which columns are higher than their surroundings a quarter of a spacing away, on average."""
    smooth = ndimage.gaussian_filter(picture, 0.05 * spacing)
    here = _sample(smooth, columns.positions)
    angles = np.arange(8) * np.pi / 4
    ring = np.stack([np.sin(angles), np.cos(angles)], axis=1) * 0.28 * spacing
    around = np.stack([_sample(smooth, columns.positions + step) for step in ring])
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


def _scaled(scene: Scene, size: int) -> Columns:
    factor = size / scene.picture.shape[0]
    old = scene.columns
    return Columns((old.positions + 0.5) * factor - 0.5, old.amplitudes, old.sigmas * factor)


def _enlarge(picture: Picture, size: int, order: Literal[1, 3]) -> Picture:
    factor = size / picture.shape[0]
    large: Picture = ndimage.zoom(picture, factor, order=order, mode="nearest", grid_mode=True)
    return large[:size, :size]


def _sample(picture: Picture, positions: Vector) -> Vector:
    values: Vector = ndimage.map_coordinates(picture, positions.T, order=1, mode="nearest", output=np.float64)
    return values


def _smooth_picture(rng: np.random.Generator, shape: tuple[int, int], grain: float) -> Picture:
    """Return smooth random hills between 0 and 1."""
    # Made coarse and enlarged: smoothing at full size would cost more than the rest of the scene.
    coarse = max(2, int(np.ceil(max(shape) / max(grain, 1.0))) + 2)
    hills = rng.random((coarse, coarse)).astype(np.float32)
    large = ndimage.zoom(hills, np.array(shape) / (coarse - 1.0), order=3, mode="nearest")
    return np.clip(large[: shape[0], : shape[1]], 0, 1)


def _smooth_field(rng: np.random.Generator, positions: Vector, shape: tuple[int, int], size: float) -> Vector:
    """Return smooth displacements (N, 2) of about `size` pixels."""
    parts = [_sample(_smooth_picture(rng, shape, 0.4 * max(shape)), positions) - 0.5 for _ in range(2)]
    return size * np.stack(parts, axis=1)

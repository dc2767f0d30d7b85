"""Random scenes for training: crystals, boundaries, particles, single atoms, and nothing at all.

What a scene contains is drawn anew each time: the diversity of structures and of imaging conditions
matters more than the fidelity of either (Construction Zone, arXiv:2309.06122).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from napari_atomai.simulate.grounds import background, clutter, outline, ripples, sample, smooth_field
from napari_atomai.simulate.imaging import Columns, Conditions, Picture, draw, expose
from napari_atomai.simulate.lattices import PROTOTYPES, Lattice, random_lattice
from napari_atomai.simulate.visible import Scene, marks

Vector = NDArray[np.float64]
_LATTICES = tuple(PROTOTYPES.values())
_EMPTY = Columns(np.empty((0, 2)), np.empty(0), np.empty((0, 2)))

SPACINGS = (8.0, 21.0)
"""Range of nearest-neighbour distances in training images, pixels."""

FINEST = 3.0
"""Smallest spacing, in pixels, of the coarse images that are enlarged for training."""

_RIM = 0.4
"""Share of the full thickness below which a column lies on the rim."""

_KINDS = ("crystal", "boundary", "particle", "single atoms", "nothing")
_SHARES = (0.44, 0.10, 0.18, 0.20, 0.08)
_FILM = {"crystal": 0.35, "boundary": 0.35, "particle": 0.7, "single atoms": 0.92, "nothing": 0.8}
"""How often a scene of a kind has amorphous material on it."""


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
    lattice : bool
        Whether there is a lattice in it (False: single atoms, or nothing).
    drawn : array, shape (M, 2)
        Row, column of all columns in the frame, seen or not.
    """

    image: Picture
    target: Picture
    weight: Picture
    positions: Vector
    lattice: bool
    drawn: Vector


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
        grain = None if scene.clutter is None else _enlarge(scene.clutter, size, 1)
        picture = _enlarge(scene.picture, size, 1)
        scene = replace(scene, picture=picture, clutter=grain, columns=_scaled(scene, size))
    target, weight, seen = marks(scene, conditions.dose / zoom**2, conditions.read_noise * zoom)
    positions = scene.columns.positions
    inside = ((positions > -0.5) & (positions < size - 0.5)).all(axis=1)
    return TrainingPair(image, target, weight, positions[seen], scene.lattice, positions[inside])


def random_scene(rng: np.random.Generator, size: int, spacing: float, zoom: float = 1.0) -> Scene:
    """Draw a scene of ``size / zoom`` pixels a side; its spacing is that after enlargement by `zoom`."""
    side = max(round(size / zoom), 16)
    shape = (side, side)
    kind = str(rng.choice(_KINDS, p=_SHARES))
    own = spacing / zoom
    columns = _columns(rng, kind, shape, own)
    thickness = None
    if kind == "particle" or (kind in ("crystal", "boundary") and rng.random() < 0.15):
        thickness = outline(rng, shape, own)
    elif kind == "crystal" and rng.random() < 0.1:
        thickness = ripples(rng, shape, own)
    rim = None
    grain = clutter(rng, shape, own, _FILM[kind])
    ground = background(rng, shape, own) + grain
    picture = draw(
        columns,
        shape,
        skirt=float(rng.uniform(0, 0.35)) * (rng.random() < 0.6),
        skirt_width=rng.uniform(1.8, 3.5),
    )
    if thickness is not None:
        share = sample(thickness, columns.positions)
        rim = share < _RIM
        columns = replace(columns, amplitudes=columns.amplitudes * share)
        picture = picture * thickness
        ground += float(rng.uniform(0.2, 4.0)) * thickness
    crystalline = kind in ("crystal", "boundary", "particle")
    return Scene(columns, np.clip(picture + ground, 0, None), spacing, crystalline, grain, rim)


def _columns(rng: np.random.Generator, kind: str, shape: tuple[int, int], spacing: float) -> Columns:
    if kind == "nothing":
        return _EMPTY
    if kind == "single atoms":
        return _single_atoms(rng, shape, spacing)
    columns = _crystal(rng, shape, spacing)
    if kind == "boundary":
        return _boundary(rng, columns, _crystal(rng, shape, spacing), shape, spacing)
    return columns


def random_conditions(rng: np.random.Generator, spacing: float) -> Conditions:
    """Draw imaging conditions: dose over three decades, and a few faults of scan and detector."""

    def sometimes(chance: float, value: float) -> float:
        return float(value) if rng.random() < chance else 0.0

    return Conditions(
        dose=float(np.exp(rng.uniform(np.log(0.5), np.log(1000)))),
        read_noise=sometimes(0.4, rng.exponential(0.12)),
        jitter=sometimes(0.4, rng.uniform(0, 0.07) * spacing),
        row_gain=sometimes(0.25, rng.uniform(0, 0.06)),
        row_offset=sometimes(0.12, rng.exponential(0.06)),
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
        positions = positions + smooth_field(rng, positions, shape, 0.5 * spacing)
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
    """Scatter heavy atoms on a support, even or in clusters, no two closer than about a column's width."""
    most = max(int(np.prod(shape) / (2.5 * spacing**2)), 3)
    count = int(np.exp(rng.uniform(0, np.log(most))))
    positions = rng.uniform(-0.5, np.array(shape) - 0.5, (count, 2))
    if rng.random() < 0.3:
        centres = rng.uniform(0, np.array(shape), (int(rng.integers(1, 5)), 2))
        apart = rng.uniform(1.0, 3.0) * spacing
        positions = centres[rng.integers(len(centres), size=count)] + rng.normal(0, apart, (count, 2))
    close = cKDTree(positions).query_pairs(rng.uniform(0.55, 0.9) * spacing, output_type="ndarray")
    stays = np.ones(count, bool)
    stays[close[:, 1]] = False
    positions = positions[stays]
    width = rng.uniform(0.12, 0.32) * spacing
    amplitudes = np.exp(rng.normal(0, rng.uniform(0.05, 0.5), len(positions)))
    sigmas = width * np.exp(rng.normal(0, 0.10, (len(positions), 1))) * np.ones((1, 2))
    return Columns(positions, amplitudes, sigmas)


def _scaled(scene: Scene, size: int) -> Columns:
    factor = size / scene.picture.shape[0]
    old = scene.columns
    return Columns((old.positions + 0.5) * factor - 0.5, old.amplitudes, old.sigmas * factor)


def _enlarge(picture: Picture, size: int, order: Literal[1, 3]) -> Picture:
    factor = size / picture.shape[0]
    large: Picture = ndimage.zoom(picture, factor, order=order, mode="nearest", grid_mode=True)
    return large[:size, :size]

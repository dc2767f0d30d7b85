"""What lies under and around the columns: thickness, film, contamination, steps, slopes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_atomai.simulate.imaging import Picture, speckle

Vector = NDArray[np.float64]


def outline(rng: np.random.Generator, shape: tuple[int, int], spacing: float) -> Picture:
    """Return a sample's thickness from 0 to about 1: a particle, an edge, a hole or a few steps."""
    rows, columns = _grid(shape)
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
    thickness: Picture = np.clip(profile, 0, 1.2).astype(np.float32)
    return thickness


def background(rng: np.random.Generator, shape: tuple[int, int], spacing: float) -> Picture:
    """Return vacuum level, slopes, a step of the support, a grating."""
    ground = np.full(shape, rng.exponential(0.35), np.float32)
    if rng.random() < 0.45:
        ground += rng.exponential(0.6) * smooth_picture(rng, shape, rng.uniform(0.15, 0.5) * max(shape))
    if rng.random() < 0.08:
        ground += rng.exponential(0.8) * outline(rng, shape, spacing)
    if rng.random() < 0.04:
        ground += rng.exponential(0.3) * (1 + _wave(rng, shape, rng.uniform(0.6, 2.5) * spacing))
    return ground


def clutter(rng: np.random.Generator, shape: tuple[int, int], spacing: float, film: float) -> Picture:
    """Return what a column may be mistaken for: `film`, how often there is one, and contamination."""
    ground = np.zeros(shape, np.float32)
    if rng.random() < film:
        ground += _amorphous(rng, shape, spacing, min(float(rng.exponential(0.12)), 0.5))
    if rng.random() < 0.25:
        blob = smooth_picture(rng, shape, rng.uniform(0.8, 2.5) * spacing)
        ground += rng.exponential(0.5) * np.clip(blob - rng.uniform(0.3, 0.8), 0, None)
    return ground


def _amorphous(rng: np.random.Generator, shape: tuple[int, int], spacing: float, strength: float) -> Picture:
    """Return amorphous material of a standard deviation `strength`, of one grain or of two."""
    grain = rng.uniform(0.10, 0.9) * spacing
    texture = speckle(shape, grain, rng)
    if rng.random() < 0.4:
        texture = 0.8 * texture + 0.6 * speckle(shape, rng.uniform(1.5, 4.0) * grain, rng)
    return strength * (texture + 2)


def ripples(rng: np.random.Generator, shape: tuple[int, int], spacing: float) -> Picture:
    """Return a factor of long period: a moiré or a superlattice modulates the brightness of columns."""
    depth = rng.uniform(0.1, 0.5)
    waves = sum(_wave(rng, shape, rng.uniform(3, 9) * spacing) for _ in range(int(rng.integers(1, 4))))
    factor: Picture = np.clip(1 + depth * np.asarray(waves), 0.1, None).astype(np.float32)
    return factor


def smooth_picture(rng: np.random.Generator, shape: tuple[int, int], grain: float) -> Picture:
    """Return smooth random hills between 0 and 1."""
    # Made coarse and enlarged: smoothing at full size would cost more than the rest of the scene.
    coarse = max(2, int(np.ceil(max(shape) / max(grain, 1.0))) + 2)
    hills = rng.random((coarse, coarse)).astype(np.float32)
    large = ndimage.zoom(hills, np.array(shape) / (coarse - 1.0), order=3, mode="nearest")
    return np.clip(large[: shape[0], : shape[1]], 0, 1)


def smooth_field(rng: np.random.Generator, positions: Vector, shape: tuple[int, int], size: float) -> Vector:
    """Return smooth displacements (N, 2) of about `size` pixels."""
    parts = [sample(smooth_picture(rng, shape, 0.4 * max(shape)), positions) - 0.5 for _ in range(2)]
    return size * np.stack(parts, axis=1)


def sample(picture: Picture, positions: Vector) -> Vector:
    """Return the values (N,) of a picture at positions (N, 2) between its pixels."""
    values: Vector = ndimage.map_coordinates(picture, positions.T, order=1, mode="nearest", output=np.float64)
    return values


def _ramp(distance: NDArray[Any]) -> NDArray[Any]:
    """Rise from 0 to 1 while `distance` goes from -0.5 to 0.5."""
    return np.clip(distance + 0.5, 0, 1)


def _wave(rng: np.random.Generator, shape: tuple[int, int], period: float) -> Picture:
    direction = rng.uniform(0, np.pi)
    rows, columns = _grid(shape)
    phase = (rows * np.cos(direction) + columns * np.sin(direction)) * (2 * np.pi / period)
    wave: Picture = np.sin(phase + rng.uniform(0, 2 * np.pi)).astype(np.float32)
    return wave


def _grid(shape: tuple[int, int]) -> tuple[Picture, Picture]:
    rows, columns = np.meshgrid(*[np.arange(n, dtype=np.float32) for n in shape], indexing="ij")
    return rows, columns

"""Simulated images whose atoms are known, and the bound below which no unbiased estimate can get."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scene:
    """Expected image (counts), a noisy draw of it, and the truth."""

    expected: Array
    image: Array
    positions: Array
    amplitudes: Array
    sigma: tuple[float, float]

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Atoms whose surroundings lie in the image."""
        margin = 4 * max(self.sigma)
        high = np.array(self.expected.shape) - 1 - margin
        return ((self.positions >= margin) & (self.positions <= high)).all(1)


def expected_image(
    shape: tuple[int, int], positions: Array, amplitudes: Array, sigma: tuple[float, float], background: float
) -> Array:
    """Sum of Gaussians, written as plainly as can be: the oracle of the tests."""
    rows = np.exp(-0.5 * ((np.arange(shape[0])[:, None] - positions[:, 0]) / sigma[0]) ** 2)
    cols = np.exp(-0.5 * ((np.arange(shape[1])[:, None] - positions[:, 1]) / sigma[1]) ** 2)
    return background + (rows * amplitudes) @ cols.T


def make_scene(
    positions: Array,
    *,
    shape: tuple[int, int] = (256, 256),
    counts: float | Array = 100.0,
    sigma: float | tuple[float, float] = 2.0,
    background: float = 15.0,
    seed: int = 0,
) -> Scene:
    positions = np.asarray(positions, float).reshape(-1, 2)
    amplitudes = np.broadcast_to(np.asarray(counts, float), (len(positions),))
    widths = (sigma, sigma) if np.isscalar(sigma) else sigma
    expected = expected_image(shape, positions, amplitudes, widths, background)
    image = np.random.default_rng(seed).poisson(expected).astype(float)
    return Scene(expected, image, positions, amplitudes, widths)


def lattice(kind: str, nearest: float, shape: tuple[int, int], angle: float = 0.2) -> Array:
    """Positions of a crystal that fills the image, by the distance of nearest neighbours."""
    hexagonal = np.array([[1.0, 0.0], [0.5, np.sqrt(0.75)]])
    cell, basis = {
        "square": (np.eye(2), [(0, 0)]),
        "hexagonal": (hexagonal, [(0, 0)]),
        "honeycomb": (np.sqrt(3) * hexagonal, [(0, 0), (1 / 3, 1 / 3)]),
    }[kind]
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    reach = int(max(shape) / nearest) + 2
    steps = np.stack(np.mgrid[-reach:reach, -reach:reach], axis=-1).reshape(-1, 2)
    every = np.concatenate([(steps + part) @ cell * nearest @ turn.T for part in basis]) + np.array(shape) / 2
    return every[((every > -0.5) & (every < np.array(shape) - 0.5)).all(1)]


def position_bound(scene: Scene, which: NDArray[np.intp], reach: float = 4.0) -> Array:
    """Cramer-Rao bound of row and column (n, 2), from position, amplitude, width and background.

    Neighbours count as noise (their light is in the expected image) but as known: within two percent of the
    joint bound where columns do not overlap.
    """
    half = int(np.ceil(reach * max(scene.sigma)))
    bounds = np.empty((len(which), 2))
    for number, atom in enumerate(which):
        middle = np.round(scene.positions[atom]).astype(int)
        rows, cols = (np.arange(m - half, m + half + 1) for m in middle)
        t = ((rows - scene.positions[atom, 0]) / scene.sigma[0])[:, None]
        s = ((cols - scene.positions[atom, 1]) / scene.sigma[1])[None, :]
        g = np.exp(-0.5 * (t * t + s * s))
        a = scene.amplitudes[atom]
        parts = (
            a * g * t / scene.sigma[0],
            a * g * s / scene.sigma[1],
            g,
            a * g * (t * t + s * s),
            1 + 0 * g,
        )
        slopes = np.stack([part.ravel() for part in parts])
        variance = scene.expected[np.ix_(rows, cols)].ravel()
        bounds[number] = np.sqrt(np.diag(np.linalg.inv(slopes / variance @ slopes.T))[:2])
    return bounds


@pytest.fixture(name="make_scene")
def _make_scene():
    return make_scene


@pytest.fixture(name="lattice")
def _lattice():
    return lattice


@pytest.fixture(name="position_bound")
def _position_bound():
    return position_bound

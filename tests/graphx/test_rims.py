"""Six atoms laid over the shapes of a bond and of the rim of a vacancy."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.graphx.rims import settle_gaps

WAY = np.exp(1j * np.pi / 6 * np.arange(12))
BOND = np.array([0, 1, WAY[4], WAY[8], 1 + WAY[2], 1 + WAY[10]])
RIM = np.array([WAY[5], WAY[1], WAY[5] + WAY[3], WAY[5] + WAY[7], WAY[1] + WAY[3], WAY[1] + WAY[11]])
PAIRS = np.array([[0, 1], [0, 2], [3, 0], [1, 4], [5, 1]])


def settled(points: np.ndarray, before: bool, noise: float = 0.1) -> bool:
    where = np.stack([points.real, points.imag], axis=1)
    chosen = np.array([before, True, True, True, True])
    settle_gaps(PAIRS, where[PAIRS[:, 1]] - where[PAIRS[:, 0]], chosen, np.array([0]), noise)
    assert chosen[1:].all()
    return bool(chosen[0])


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("mirrored", [True, False])
@pytest.mark.parametrize("turned", [0.0, 0.4, 3.0])
def test_the_shapes_themselves_are_told_apart_in_any_orientation(
    turned: float, mirrored: bool, before: bool
) -> None:
    for shape, bonded in ((BOND, True), (RIM, False)):
        seen = (shape.conj() if mirrored else shape) * np.exp(1j * turned) + 5 - 3j
        assert settled(seen, before) is bonded


def test_noise_of_an_eighth_of_the_bond_confuses_less_than_one_in_a_thousand() -> None:
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(1000):
        noise = rng.normal(0, 0.085, (2, 6)) + 1j * rng.normal(0, 0.085, (2, 6))
        wrong += not settled(BOND + noise[0], before=False, noise=0.12)
        wrong += settled(RIM + noise[1], before=True, noise=0.12)
    assert wrong <= 1


def test_a_bond_that_would_close_a_triangle_is_not_asked_for() -> None:
    pairs = np.array([[0, 1], [0, 2], [1, 2], [0, 3], [1, 4]])
    where = np.array([[0, 0], [0, 1.3], [0.7, 0.6], [-0.8, -0.5], [-0.8, 1.8]])
    for before in (True, False):
        chosen = np.array([before, True, True, True, True])
        settle_gaps(pairs, where[pairs[:, 1]] - where[pairs[:, 0]], chosen, np.array([0]), 0.1)
        assert chosen[0] == before

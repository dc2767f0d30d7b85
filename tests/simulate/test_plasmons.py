"""Coupled dipoles: the physics of one particle and of two that is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.errors import BadOption
from napari_atomai.simulate.plasmons import Drude, energy_loss, plasmonic_array

ENERGIES = np.linspace(0.3, 1.0, 701)
METAL = Drude(damping=0.02)
ONE = np.array([[0.0, 0.0]])


def peak(loss: np.ndarray) -> np.ndarray:
    return ENERGIES[loss.argmax(axis=-1)]


def test_one_sphere_resonates_where_its_permittivity_is_minus_two() -> None:
    loss = energy_loss(ONE, np.array([8.0]), np.array([[0.0, 12.0]]), ENERGIES, metal=METAL)
    assert peak(loss)[0] == pytest.approx(1.6 / np.sqrt(4.0 + 2), abs=0.005)


def test_the_loss_falls_with_distance_and_grows_with_volume() -> None:
    beam = np.array([[0.0, 10.0], [0.0, 20.0], [30.0, 0.0]])
    small, large = (energy_loss(ONE, np.array([a]), beam, ENERGIES, metal=METAL) for a in (4.0, 8.0))
    assert (np.diff(small.max(axis=1)) < 0).all()
    np.testing.assert_allclose(large, 8 * small, rtol=1e-5)


def test_a_pair_splits_by_its_dipoles_coupling() -> None:
    apart, radius = 18.0, 6.0
    pair = np.array([[0.0, -apart / 2], [0.0, apart / 2]])
    # Beside one of them on the line: the bright mode along it, 1 / f = 2 (a / d)**3, lies below.
    loss = energy_loss(pair, np.array([radius] * 2), np.array([[0.0, 40.0]]), ENERGIES, metal=METAL)
    share = 2 * (radius / apart) ** 3
    eps = -(2 + share) / (1 - share)  # of (eps + 2) / (eps - 1) = share
    assert peak(loss)[0] == pytest.approx(1.6 / np.sqrt(4.0 - eps), abs=0.01)
    assert peak(loss)[0] < 1.6 / np.sqrt(6)


def test_turning_everything_turns_nothing_in_the_spectra() -> None:
    rng = np.random.default_rng(0)
    places = np.array([[0.0, 0.0], [20.0, 3.0], [5.0, 24.0]])
    beam = rng.uniform(-20, 40, (6, 2))
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    radii = np.array([7.0, 8.0, 6.0])
    np.testing.assert_allclose(
        energy_loss(places, radii, beam, ENERGIES[::50]),
        energy_loss(places @ turn.T, radii, beam @ turn.T, ENERGIES[::50]),
        rtol=1e-4,
    )


def test_many_energies_at_once_are_the_same_as_one_by_one() -> None:
    rng = np.random.default_rng(1)
    places = 24.0 * np.indices((4, 4)).reshape(2, -1).T + rng.normal(0, 1, (16, 2))
    beam, energies = rng.uniform(-80, 150, (9, 2)), np.linspace(0.1, 1.2, 32)
    many = energy_loss(places, np.full(16, 8.0), beam, energies)
    single = [energy_loss(places, np.full(16, 8.0), beam, energies[k : k + 1])[:, 0] for k in range(32)]
    np.testing.assert_allclose(many, np.stack(single, axis=1), rtol=1e-3, atol=1e-5 * many.max())


def test_the_array_is_calibrated_and_the_same_for_the_same_seed() -> None:
    made = plasmonic_array(120.0, shape=(6, 8), pixels=60, channels=12, seed=3)
    assert made.image.pixel_size == pytest.approx((2.0, 2.0))
    assert made.spectra.shape == (12, 6, 8)
    assert made.spectra.pixel_size == pytest.approx((20.0, 15.0))
    np.testing.assert_allclose(made.exact.max(), 4000)
    again = plasmonic_array(120.0, shape=(6, 8), pixels=60, channels=12, seed=3)
    np.testing.assert_array_equal(made.spectra.pixels, again.spectra.pixels)
    np.testing.assert_array_equal(made.image.pixels, again.image.pixels)
    with pytest.raises(BadOption, match="positive"):
        plasmonic_array(-1.0)

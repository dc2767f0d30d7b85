from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.errors import BadOption
from napari_atomai.stat.spots import Spot, extent_of_spots, spot_near


def power_of(pixels):
    """Power of an image under Hann's window, frequency 0 in the middle."""
    window = np.outer(*(np.hanning(n + 1)[:-1] for n in pixels.shape))
    return np.abs(np.fft.fftshift(np.fft.fft2((pixels - pixels.mean()) * window))) ** 2


def wave(row, column, shape=(128, 160)):
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    return np.cos(2 * np.pi * (row * rows + column * columns))


@pytest.mark.parametrize(("row", "column"), [(0.11, 0.07), (-0.203, 0.151), (0.0, 0.2), (0.31, -0.012)])
def test_a_wave_is_found_between_bins(row, column):
    power = power_of(wave(row, column))

    spot = spot_near(power, Spot(row + 0.01, column - 0.008), 3)

    assert spot.row * 128 == pytest.approx(row * 128, abs=0.02)
    assert spot.column * 160 == pytest.approx(column * 160, abs=0.02)
    assert spot.spacing() == pytest.approx(1 / np.hypot(row, column), rel=2e-3)


def test_images_of_odd_size_have_their_middle_in_the_same_place():
    power = power_of(wave(0.1, -0.15, (101, 131)))

    spot = spot_near(power, Spot(0.1, -0.15))
    assert (spot.row, spot.column) == pytest.approx((0.1, -0.15), abs=2e-4)


def test_with_noise_the_spacing_is_right_to_a_part_in_a_thousand():
    noise = np.random.default_rng(1).normal(scale=1.0, size=(256, 256))
    power = power_of(wave(0.083, 0.041, (256, 256)) + noise)

    spot = spot_near(power, Spot(0.08, 0.04), 3)
    assert spot.spacing() == pytest.approx(1 / np.hypot(0.083, 0.041), rel=2e-3)


def test_spacing_and_direction_are_those_of_the_specimen():
    size = (0.02, 0.05)  # nm: one wave along the rows of 0.2 nm, one along the columns of 0.25 nm
    down, right = Spot(0.1, 0.0), Spot(0.0, 0.2)

    assert down.spacing(size) == pytest.approx(0.2)
    assert right.spacing(size) == pytest.approx(0.25)
    assert right.frequency(size) == pytest.approx(4.0)
    assert down.spacing() == pytest.approx(10)
    assert Spot(0.1, 0.25).degrees(size) == pytest.approx(-45)  # 5 per nm down, 5 per nm right
    assert Spot(-0.1, 0.25).angle_to(right, size) == pytest.approx(45)
    assert down.angle_to(right) == pytest.approx(90)


def test_angles_between_spots_are_never_more_than_a_half_turn():
    around = [Spot(float(np.sin(a)), float(np.cos(a))) for a in np.radians([170, 190, 10, -10])]

    assert around[0].angle_to(around[1]) == pytest.approx(20)
    assert around[2].angle_to(around[3]) == pytest.approx(20)
    assert around[0].angle_to(around[3]) == pytest.approx(180)


def test_the_centre_is_no_spacing():
    assert Spot(0, 0).spacing() == float("inf")
    assert np.isnan(Spot(0, 0).degrees())


def test_at_the_edge_of_the_spectrum_there_is_no_parabola_and_no_error():
    power = np.ones((16, 16))
    power[0, 15] = 9.0

    spot = spot_near(power, Spot(-0.5, 0.43))
    assert (spot.row, spot.column) == pytest.approx((-0.5, 7 / 16))


def test_a_place_outside_the_spectrum_is_refused():
    with pytest.raises(BadOption, match="no frequency"):
        spot_near(np.ones((16, 16)), Spot(0.8, 0.0))


def test_the_view_reaches_to_the_outermost_spot_above_the_noise():
    noise = np.random.default_rng(2).normal(scale=2.0, size=(256, 256))
    waves = wave(0.06, 0.05, (256, 256)) + wave(-0.13, 0.04, (256, 256))

    assert extent_of_spots(power_of(waves + noise)) == pytest.approx(0.13, abs=0.012)
    assert extent_of_spots(power_of(noise)) == 0.5  # no spot: the whole
    assert extent_of_spots(np.zeros((8, 8))) == 0.5

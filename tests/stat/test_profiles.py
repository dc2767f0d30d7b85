from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from napari_atomai.errors import BadImage, BadOption
from napari_atomai.stat import profiles
from napari_atomai.stat.profiles import Profile, line_profile


def ramp(shape=(60, 80), rows=2.0, columns=0.5):
    """Values that rise by `rows` a row and `columns` a column: linear interpolation is exact."""
    return np.mgrid[0 : shape[0], 0 : shape[1]].transpose(1, 2, 0) @ [rows, columns]


def test_a_ramp_is_sampled_exactly_along_any_line():
    profile = line_profile(ramp(), (3.2, 5.7), (48.9, 71.1))

    share = profile.distance / profile.length
    where = np.array([3.2, 5.7]) + share[:, None] * np.array([45.7, 65.4])
    assert profile.values == pytest.approx(where @ [2.0, 0.5], abs=1e-9)
    assert profile.length == pytest.approx(np.hypot(45.7, 65.4))
    assert profile.unit == "pixel"
    assert np.diff(profile.distance) == pytest.approx(profile.distance[1], abs=1e-9)
    assert 0.98 <= profile.distance[1] <= 1.0


def test_a_horizontal_line_of_width_three_is_the_mean_of_three_rows():
    pixels = np.random.default_rng(1).normal(size=(20, 30))

    profile = line_profile(pixels, (10, 4), (10, 25), width=3)

    assert profile.values == pytest.approx(pixels[9:12, 4:26].mean(axis=0))
    assert profile.distance == pytest.approx(np.arange(22))
    assert profile.width == pytest.approx(3)


@pytest.mark.parametrize("width", [1, 2, 3.5, 8])
def test_the_transposed_image_has_the_same_profile_along_the_transposed_line(width):
    pixels = np.random.default_rng(2).normal(size=(40, 50))

    one = line_profile(pixels, (5, 8), (33, 41), width, (0.2, 0.3))
    other = line_profile(pixels.T, (8, 5), (41, 33), width, (0.3, 0.2))

    assert other.values == pytest.approx(one.values)
    assert other.distance == pytest.approx(one.distance)
    assert other.width == pytest.approx(one.width)


def test_the_line_drawn_the_other_way_round_gives_the_mirrored_profile():
    pixels = np.random.default_rng(3).normal(size=(40, 50))

    forth = line_profile(pixels, (5, 8), (33, 41), 5)
    back = line_profile(pixels, (33, 41), (5, 8), 5)

    assert back.values == pytest.approx(forth.values[::-1])


@pytest.mark.parametrize("degrees", [0, 17, 45, 63, 90, 151])
def test_a_sine_of_known_period_has_that_period_in_every_direction(degrees):
    period, size = 9.3, 0.025
    direction = np.array([np.sin(np.radians(degrees)), np.cos(np.radians(degrees))])
    phase = np.mgrid[0:200, 0:200].transpose(1, 2, 0) @ direction
    middle = np.array([99.5, 99.5])

    profile = line_profile(
        np.sin(2 * np.pi * phase / period), middle - 80 * direction, middle + 80 * direction, 7, size
    )

    assert profiles.period(profile) == pytest.approx(period * size, rel=2e-3)
    assert len(profiles.peaks(profile)) >= 160 // period - 1
    assert profile.unit == "nm"


def test_a_gaussian_ridge_has_its_width_at_half_maximum_when_it_is_crossed_at_right_angles():
    direction = np.array([np.sin(0.4), np.cos(0.4)])
    across = np.mgrid[0:120, 0:120].transpose(1, 2, 0) @ direction - 80
    ridge = 5 + 3 * np.exp(-(across**2) / (2 * 6.0**2))
    foot = np.array([59.5, 59.5])
    foot = foot + (80 - foot @ direction) * direction

    for width in (1, 9):
        profile = line_profile(ridge, foot - 40 * direction, foot + 40 * direction, width, 0.1)
        assert profiles.fwhm(profile) == pytest.approx(0.1 * 6.0 * 2.35482, rel=0.01)
        assert profiles.peaks(profile) == pytest.approx([4.0], abs=0.01)


def test_a_wider_line_has_less_noise_by_the_square_root_of_its_width():
    pixels = np.random.default_rng(4).normal(size=(400, 400))

    narrow = line_profile(pixels, (200, 5), (200, 395), 1).values.std()
    wide = line_profile(pixels, (200, 5), (200, 395), 25).values.std()

    assert narrow / wide == pytest.approx(5, rel=0.15)


def test_with_pixels_that_are_not_square_the_width_is_perpendicular_in_nm():
    # Stripes that run at 45 degrees in nm: a line along them sees one value at whatever width.
    size = np.array([0.1, 0.3])
    places = np.mgrid[0:300, 0:100].transpose(1, 2, 0) * size
    stripes = np.sin(2 * np.pi * (places @ [1, 1]) / 4.0)
    start, end = np.array([5.0, 5.0]) / size, np.array([25.0, 25.0]) / size

    across = line_profile(stripes, start, end, 15, tuple(size))
    narrow = line_profile(stripes, start, end, 1, tuple(size))

    assert profiles.period(across) == pytest.approx(4 / np.sqrt(2), rel=2e-3)
    assert across.values == pytest.approx(narrow.values, abs=0.05)
    # ... and taken for square, the same width would blur them.
    assert np.ptp(line_profile(stripes, start, end, 15).values) < 1.5
    assert np.ptp(across.values) > 1.9
    assert across.length == pytest.approx(np.hypot(20, 20))


def test_the_width_in_nm_is_that_of_the_pixels_it_crosses():
    assert profiles.width_nm([(0, 0), (0, 9)], 3, (0.2, 0.5)) == pytest.approx(0.6)
    assert profiles.width_nm([(0, 0), (9, 0)], 3, (0.2, 0.5)) == pytest.approx(1.5)
    assert line_profile(ramp(), (5, 5), (5, 20), 3, (0.2, 0.5)).width == pytest.approx(0.6)


def test_what_is_outside_the_image_is_left_out():
    pixels = np.arange(12.0).reshape(3, 4)

    profile = line_profile(pixels, (1, -2), (1, 5))
    assert np.flatnonzero(np.isnan(profile.values)).tolist() == [0, 1, 6, 7]
    assert profile.values[2:6] == pytest.approx(pixels[1])

    edge = line_profile(pixels, (0, 0), (0, 3), 3)  # one of its three rows is outside
    assert edge.values == pytest.approx(pixels[:2].mean(axis=0))
    assert np.isnan(line_profile(pixels, (20, 0), (20, 3)).values).all()


def test_missing_pixels_are_left_out_and_do_not_spread():
    pixels = ramp((9, 12))
    pixels[4, 6] = np.nan

    along = line_profile(pixels, (4, 0), (4, 11)).values
    beside = line_profile(pixels, (3, 0), (3, 11)).values
    wide = line_profile(pixels, (4, 0), (4, 11), 3).values

    assert np.flatnonzero(np.isnan(along)).tolist() == [6]
    assert beside == pytest.approx(pixels[3])
    assert wide == pytest.approx(np.nanmean(pixels[3:6], axis=0))


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float32, bool])
def test_pixels_of_every_kind_give_floats(kind):
    pixels = (ramp((20, 20)) > 25).astype(kind)

    profile = line_profile(pixels, (2, 2), (17, 17))

    assert profile.values.dtype == np.float64
    assert profile.values[[0, -1]] == pytest.approx([0, 1])


def test_of_lazy_pixels_only_the_surroundings_of_the_line_are_read():
    read = []

    def block(block_info=None):
        read.append(block_info[None]["chunk-location"])
        return np.ones((100, 100))

    pixels = da.map_blocks(block, chunks=((100,) * 20, (100,) * 20), dtype=float, meta=np.empty((0, 0)))
    profile = line_profile(pixels, (110, 110), (180, 190), 5)

    assert profile.values == pytest.approx(np.ones(len(profile.values)))
    assert set(read) == {(1, 1)}


def test_the_distance_between_two_points_and_along_a_way():
    assert profiles.distance([(0, 0), (3, 4)]) == pytest.approx(5)
    assert profiles.distance([(0, 0), (3, 4)], 0.1) == pytest.approx(0.5)
    assert profiles.distance([(0, 0), (30, 40)], (0.2, 0.1)) == pytest.approx(np.hypot(6, 4))
    assert profiles.distance([(0, 0), (0, 5), (7, 5)], (2.0, 1.0)) == pytest.approx(19)


def test_angles_are_those_of_the_specimen_not_of_the_pixels():
    corner = [(10, 0), (0, 0), (0, 10)]
    assert profiles.angle(corner) == pytest.approx(90)
    assert profiles.angle([(10, 10), (0, 0), (0, 10)]) == pytest.approx(45)
    assert profiles.angle([(10, 10), (0, 0), (0, 10)], (np.sqrt(3), 1)) == pytest.approx(60)
    assert profiles.angle([(0, -10), (0, 0), (0, 10)]) == pytest.approx(180)
    assert profiles.angle([(0, 3), (0, 0), (0, 10)]) == pytest.approx(0)
    assert profiles.angle([(0, 10), (0, 0), (10, 10)]) == pytest.approx(45)  # whichever arm is first
    assert np.isnan(profiles.angle([(1, 1), (1, 1), (0, 10)]))


def test_a_line_that_rises_to_the_right_has_a_positive_inclination():
    assert profiles.inclination([(10, 0), (0, 10)]) == pytest.approx(45)
    assert profiles.inclination([(0, 10), (10, 0)]) == pytest.approx(45)  # drawn the other way
    assert profiles.inclination([(0, 0), (10, 10)], (np.sqrt(3), 1)) == pytest.approx(-60)
    assert profiles.inclination([(0, 0), (0, -5)]) == pytest.approx(0)
    assert profiles.inclination([(0, 0), (9, 0)]) == profiles.inclination([(9, 0), (0, 0)]) == 90


def test_noise_on_a_peak_is_not_a_peak():
    x = np.arange(200.0)
    noisy = np.cos(2 * np.pi * x / 40) + np.random.default_rng(5).normal(scale=0.05, size=200)

    assert profiles.period(Profile(x, noisy)) == pytest.approx(40, rel=0.03)


def test_a_profile_without_peaks_has_neither_period_nor_width():
    x = np.arange(50.0)
    for values in (np.ones(50), x, np.full(50, np.nan), np.where(x < 48, np.nan, 1.0)):
        profile = Profile(x, values)
        assert len(profiles.peaks(profile)) == 0
        assert np.isnan(profiles.period(profile))
        assert np.isnan(profiles.fwhm(profile))


@pytest.mark.parametrize(
    ("start", "end", "width"),
    [((1, 1), (1, 1), 1), ((np.nan, 0), (1, 1), 1), ((0, 0), (5, 5), 0.5), ((0, 0), (5, 5), np.nan)],
)
def test_a_line_that_is_none_is_refused_in_words(start, end, width):
    with pytest.raises(BadOption, match="Give"):
        line_profile(np.ones((9, 9)), start, end, width)


def test_a_line_without_end_is_refused_before_any_memory_is_asked_for():
    with pytest.raises(BadOption, match="too large"):
        line_profile(np.ones((9, 9)), (0, 0), (1e12, 5))


def test_a_movie_and_a_pixel_size_of_zero_are_refused():
    with pytest.raises(BadImage, match="one frame"):
        line_profile(np.ones((3, 9, 9)), (0, 0), (5, 5))
    with pytest.raises(BadOption, match="pixel size"):
        profiles.distance([(0, 0), (1, 1)], 0)

"""Intensities are brought to 0 to 1, each image by its own, whatever a detector delivers."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_atomai.errors import BadImage, BadOption, UnknownOption
from napari_atomai.prepare.scaling import CEILING, FLOOR, Scaling, sampled

PLAIN = Scaling()


def lattice(rows: int = 96, columns: int = 80) -> np.ndarray:
    y, x = np.mgrid[:rows, :columns]
    waves = np.cos(2 * np.pi * y / 11.3) + np.cos(2 * np.pi * x / 9.7)
    return (waves + np.random.default_rng(0).normal(0, 0.1, waves.shape))[None]


def test_the_percentiles_become_0_and_1() -> None:
    image = np.random.default_rng(1).permutation(np.arange(10_001.0))[None, :10_000].reshape(1, 100, 100)
    low, high = np.percentile(image, [5, 90])
    scaled = Scaling(low=5, high=90).apply(image)
    np.testing.assert_allclose(scaled, np.clip((image - low) / (high - low), FLOOR, CEILING), atol=1e-6)


def test_minmax_brings_the_darkest_to_0_and_the_brightest_to_1() -> None:
    scaled = Scaling(kind="minmax").apply(lattice())
    assert (scaled.min(), scaled.max()) == (0, 1)


def test_none_leaves_intensities_as_they_are() -> None:
    image = lattice() * 1000 - 7
    np.testing.assert_array_equal(Scaling(kind="none").apply(image), image.astype(np.float32))


@pytest.mark.parametrize(("gain", "offset"), [(1e-6, 0), (37, 1000), (1, 1e6), (1e30, -1e32), (1e-30, 0)])
@pytest.mark.parametrize("kind", ["percentile", "minmax"])
def test_gain_and_offset_of_the_detector_change_nothing(kind: str, gain: float, offset: float) -> None:
    scaling = Scaling.of({"kind": kind})
    np.testing.assert_allclose(scaling.apply(gain * lattice() + offset), scaling.apply(lattice()), atol=1e-4)


@pytest.mark.parametrize("kind", [">i2", "<i2", ">u2", ">f4", ">f8", "i4", "u8", "i1", "f2"])
def test_kind_and_byte_order_change_nothing_but_rounding(kind: str) -> None:
    steps = np.round(100 * (lattice() - lattice().min()) / np.ptp(lattice()))
    np.testing.assert_allclose(PLAIN.apply(steps.astype(kind)), PLAIN.apply(steps), atol=1e-6)


def test_integers_that_fill_their_range_do_not_wrap_around() -> None:
    image = np.array([[[-32768, 0, 32767]]], np.int16)
    np.testing.assert_allclose(Scaling(kind="minmax").apply(image), [[[0, 32768 / 65535, 1]]], atol=1e-6)


def test_a_hot_and_a_dead_pixel_leave_the_rest_as_it_was() -> None:
    clean = lattice()
    marred = clean.copy()
    marred[0, 3, 4], marred[0, 50, 60] = 1e9, -1e9
    scaled, expected = PLAIN.apply(marred), PLAIN.apply(clean)
    assert (scaled[0, 3, 4], scaled[0, 50, 60]) == (CEILING, FLOOR)
    rest = np.ones(clean.shape, bool)
    rest[0, [3, 50], [4, 60]] = False
    np.testing.assert_allclose(scaled[rest], expected[rest], atol=0.02)


def test_a_dim_frame_comes_out_as_the_bright_one_beside_it() -> None:
    scaled = PLAIN.apply(np.concatenate([lattice(), 0.01 * lattice(), lattice() + 500]))
    np.testing.assert_allclose(scaled[1], scaled[0], atol=1e-5)
    np.testing.assert_allclose(scaled[2], scaled[0], atol=1e-4)


def test_channels_are_scaled_each_by_its_own() -> None:
    stack = np.stack([lattice(), 100 - 3 * lattice()], axis=-1)
    scaled = PLAIN.apply(stack)
    np.testing.assert_array_equal(scaled[..., 0], PLAIN.apply(stack[..., 0]))
    np.testing.assert_array_equal(scaled[..., 1], PLAIN.apply(stack[..., 1]))


@pytest.mark.parametrize("kind", ["percentile", "minmax"])
@pytest.mark.parametrize("value", [0.0, 7.0, -1e300, np.nan, np.inf])
def test_a_constant_image_becomes_0(kind: str, value: float) -> None:
    scaled = Scaling.of({"kind": kind}).apply(np.full((2, 5, 6), value))
    np.testing.assert_array_equal(scaled, np.zeros((2, 5, 6), np.float32))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["percentile", "minmax"])
def test_pixels_that_are_not_finite_become_the_median(kind: str, bad: float) -> None:
    clean = lattice()
    marred = clean.copy()
    marred[0, 10:12, 10:14] = bad
    scaled = Scaling.of({"kind": kind}).apply(marred)
    expected = Scaling.of({"kind": kind}).apply(clean)
    np.testing.assert_allclose(scaled[0, 10:12, 10:14], np.median(expected), atol=0.02)
    np.testing.assert_allclose(scaled[0, 20:], expected[0, 20:], atol=0.02)


def test_a_few_bright_pixels_on_a_constant_image_are_kept() -> None:
    image = np.zeros((1, 200, 200))
    image[0, 7, 7:10] = 5
    expected = np.zeros((1, 200, 200), np.float32)
    expected[0, 7, 7:10] = 1
    np.testing.assert_array_equal(PLAIN.apply(image), expected)


def test_a_large_image_is_measured_on_a_sample_that_does_not_beat_with_the_lattice() -> None:
    y, x = np.mgrid[:2048, :2048]
    image = (np.cos(2 * np.pi * y / 4) + np.cos(2 * np.pi * x / 4)).astype(np.float32)
    limits = Scaling(kind="percentile", low=10, high=90).limits(image)
    exact = np.percentile(image, [10, 90])
    np.testing.assert_allclose([limits.low[0], limits.low[0] + limits.span[0]], exact, atol=1e-6)
    assert sampled(image).size == 1024**2


def test_a_part_scaled_by_the_limits_of_the_whole_is_that_part_of_the_whole() -> None:
    image = lattice()[0]
    part = PLAIN.within(image[10:40, 5:50], PLAIN.limits(image))
    np.testing.assert_array_equal(part, PLAIN.apply(image[None])[0, 10:40, 5:50])


def test_the_recipe_survives_json() -> None:
    scaling = Scaling(kind="percentile", low=2, high=97.5)
    assert Scaling.of(json.loads(json.dumps(scaling.model_dump()))) == scaling


def test_the_images_given_are_not_changed_and_nothing_random_is_left() -> None:
    image = lattice()
    image[0, 0, 0] = np.nan
    kept = image.copy()
    first, second = PLAIN.apply(image), PLAIN.apply(image)
    np.testing.assert_array_equal(image, kept)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((4, 4)), r"\(4, 4\)"),
        (np.zeros((0, 4, 4)), r"\(0, 4, 4\)"),
        (np.zeros((1, 4, 4), complex), "complex"),
        (np.full((1, 2, 2), "a"), "<U1"),
        (np.array([[[-1.7e308, 1.7e308]]]), "1.7e"),
    ],
)
def test_what_is_no_stack_of_numbers_is_refused_with_what_was_given(images: np.ndarray, words: str) -> None:
    with pytest.raises(BadImage, match=words):
        PLAIN.apply(images)


def test_misspelt_and_crossed_options_are_refused() -> None:
    with pytest.raises(UnknownOption, match="'low'"):
        Scaling.of({"lo": 3})
    with pytest.raises(BadOption, match="below the high one"):
        Scaling.of({"low": 60, "high": 40})

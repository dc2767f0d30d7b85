"""Normalisation is the same whatever the units, the offset and a few bad pixels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_atomai.prepare.normalise import SURROUNDINGS, channels, finite


@pytest.fixture
def picture() -> np.ndarray:
    rng = np.random.default_rng(0)
    rows, cols = np.mgrid[:96, :80]
    return np.cos(rows / 2) * np.cos(cols / 2) + 0.1 * rng.standard_normal((96, 80))


@pytest.mark.parametrize(("gain", "offset"), [(1000.0, 0.0), (1e-9, 0.0), (1.0, 1e6), (3.0, -50.0)])
def test_gain_and_offset_do_not_matter(picture: np.ndarray, gain: float, offset: float) -> None:
    np.testing.assert_allclose(channels(gain * picture + offset), channels(picture), atol=2e-3)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.int32, ">f4", ">u2", np.float16])
def test_every_kind_of_number_gives_the_same(picture: np.ndarray, kind: str) -> None:
    counts = np.round(120 + 100 * picture / np.abs(picture).max())
    np.testing.assert_allclose(channels(counts.astype(kind)), channels(counts), atol=1e-2)


def test_a_hot_pixel_changes_only_its_surroundings(picture: np.ndarray) -> None:
    hot = picture.copy()
    hot[5, 5] = 1e4
    far = (slice(None), slice(75, None), slice(60, None))
    np.testing.assert_allclose(channels(hot)[far], channels(picture)[far], atol=0.05)


def test_not_finite_pixels_count_as_the_median(picture: np.ndarray) -> None:
    bad = picture.copy()
    bad[10, 10], bad[20, 20] = np.nan, np.inf
    result = channels(bad)
    assert np.isfinite(result).all()
    np.testing.assert_allclose(result[:, 60:, 60:], channels(picture)[:, 60:, 60:], atol=0.02)


@pytest.mark.parametrize("value", [0.0, 5.0, -1e30, np.nan])
def test_a_constant_image_has_no_contrast(value: float) -> None:
    assert not channels(np.full((20, 30), value)).any()


def test_transposing_the_image_transposes_the_result(picture: np.ndarray) -> None:
    np.testing.assert_allclose(channels(picture.T), channels(picture).transpose(0, 2, 1), atol=1e-4)


def test_a_small_contrast_on_a_large_offset_survives() -> None:
    image = 1e8 + np.tile([0.0, 1.0], (10, 5))
    assert np.ptp(finite(image)) == pytest.approx(1.0)


def test_huge_numbers_do_not_overflow() -> None:
    image = np.tile([0.0, 1e300], (16, 8))
    assert np.isfinite(channels(image)).all()
    assert channels(image).any()


@pytest.mark.parametrize("shape", [(257, 301), (96, 180), (72, 75)])
def test_the_surroundings_are_those_under_the_gaussian_up_to_the_border(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    image = np.cos(rows / 2) * np.cos(cols / 2) + cols / shape[1] + (rows > shape[0] / 2)
    bright, contrast = channels(image + 0.3 * rng.standard_normal(shape))
    above = bright - ndimage.gaussian_filter(bright, SURROUNDINGS, mode="reflect", truncate=2.5)
    power = ndimage.gaussian_filter(above**2, SURROUNDINGS, mode="reflect", truncate=2.5)
    expected = above / np.sqrt(power + (0.05 * above.std()) ** 2) / 2
    np.testing.assert_allclose(contrast, expected, atol=0.01)

"""Pixels of the detector are told from those of the sample, at every dose and width of columns."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.prepare.outliers import filled, outliers

SIDE = 256


def columns(sigma: float, spacing: float) -> np.ndarray:
    """Return columns of height 1 on a square lattice, at places between pixels, too."""
    rows, cols = np.indices((SIDE, SIDE))
    away = [
        (part + 0.5 * spacing + shift) % spacing - 0.5 * spacing for part, shift in ((rows, 0.3), (cols, 0))
    ]
    return np.exp(-(away[0] ** 2 + away[1] ** 2) / (2 * sigma**2))


@pytest.mark.parametrize("counts", [0.001, 0.01, 0.05, 0.2, 1, 30, 3000])
def test_noise_has_no_outliers_at_any_dose(counts: float) -> None:
    rng = np.random.default_rng(0)
    for _ in range(4):
        assert outliers(rng.poisson(counts, (SIDE, SIDE))).sum() <= 1
    assert not outliers(rng.normal(size=(SIDE, SIDE)).astype(np.float32)).any()


@pytest.mark.parametrize(("sigma", "spacing"), [(0.65, 3.3), (0.9, 4.7), (2.0, 11.7), (6.0, 36.3)])
@pytest.mark.parametrize("height", [1, 10, 1000])
def test_columns_are_none_however_narrow_and_bright(sigma: float, spacing: float, height: float) -> None:
    clean = 1 + height * columns(sigma, spacing)
    noisy = np.random.default_rng(1).poisson(clean)
    for image in (clean, noisy, -noisy):
        assert not outliers(image).any()


@pytest.mark.parametrize("sigma", [0.65, 1.0])
def test_single_sharp_atoms_are_none(sigma: float) -> None:
    rng = np.random.default_rng(2)
    rows, cols = np.indices((SIDE, SIDE))
    image = rng.normal(size=(SIDE, SIDE))
    for row, col in rng.uniform(5, SIDE - 5, (30, 2)):
        image += 50 * np.exp(-((rows - row) ** 2 + (cols - col) ** 2) / (2 * sigma**2))
    assert not outliers(image).any()


def test_hot_and_dead_pixels_are_found_and_filled_from_beside() -> None:
    rng = np.random.default_rng(3)
    truth = 100 + 400 * columns(3.0, 15.0)
    image = rng.poisson(truth).astype(np.float32)
    where = rng.choice(SIDE**2, 60, replace=False)
    image.flat[where[:30]] = 5000
    image.flat[where[30:40]] = 1e9
    image[0, 0] = -1e6  # in a corner
    found = outliers(image)
    assert found.flat[where[:40]].all()
    assert found[0, 0]
    assert found.sum() == 41
    mended = filled(image, found)
    assert np.array_equal(mended[~found], image[~found])
    assert np.abs(mended[found] - truth[found]).max() < 120  # as columns rise from pixel to pixel
    assert np.array_equal(outliers(-image), found)
    assert np.array_equal(outliers(image.T), found.T)
    assert np.array_equal(outliers(image[::-1]), found[::-1])


def test_lost_lines_are_found_and_padding_is_not() -> None:
    rng = np.random.default_rng(4)
    image = rng.normal(10, 1, (SIDE, SIDE))
    image[20::37] = 0
    image[30] = 77
    for turned in (image, image.T):
        found = outliers(turned)
        assert np.array_equal(found, (turned == 0) | (turned == 77))
        assert np.abs(filled(turned, found)[found] - 10).max() < 4
    padded = rng.normal(10, 1, (SIDE, SIDE))
    padded[:40] = 0
    padded[:, -30:] = 0
    assert not outliers(padded).any()


def test_pixels_that_are_not_finite_and_images_of_nothing_are_no_outliers() -> None:
    image = np.random.default_rng(5).normal(size=(64, 64))
    image[10:20, 10:20] = np.nan
    image[40, 40] = np.inf
    image[50, 50] = 1e6
    found = outliers(image)
    assert found[50, 50]
    assert found.sum() == 1
    for empty in (np.ones((40, 40)), np.full((40, 40), np.nan), np.zeros((3, 3))):
        assert not outliers(empty).any()
        assert filled(empty, outliers(empty)) is empty

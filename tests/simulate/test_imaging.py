"""Drawn columns are Gaussians; exposure counts electrons."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.simulate.imaging import Columns, Conditions, draw, expose, shift_lines, speckle


@pytest.fixture
def one() -> Columns:
    return Columns(np.array([[20.25, 31.5]]), np.array([2.0]), np.array([[3.0, 4.0]]))


def test_a_column_has_the_volume_and_the_centre_of_its_gaussian(one: Columns) -> None:
    picture = draw(one, (50, 60)).astype(float)
    rows, cols = np.mgrid[:50, :60]
    assert picture.sum() == pytest.approx(2 * np.pi * 2.0 * 12, rel=1e-3)
    assert (picture * rows).sum() / picture.sum() == pytest.approx(20.25, abs=1e-3)
    assert (picture * cols).sum() / picture.sum() == pytest.approx(31.5, abs=1e-3)


def test_the_skirt_keeps_the_height(one: Columns) -> None:
    middle = Columns(np.array([[20.0, 30.0]]), one.amplitudes, one.sigmas)
    assert draw(middle, (50, 60), skirt=0.3)[20, 30] == pytest.approx(2.0, rel=1e-5)


def test_counting_noise_follows_the_dose() -> None:
    flat = np.full((300, 300), 0.5, np.float32)
    image = expose(flat, Conditions(dose=40.0), np.random.default_rng(0))
    assert image.mean() == pytest.approx(0.5, rel=0.01)
    assert image.var() == pytest.approx(0.5 / 40, rel=0.03)


def test_jitter_moves_whole_lines_sideways() -> None:
    picture = np.tile(np.arange(40, dtype=np.float32), (200, 1))
    moved = shift_lines(picture, 0.5, np.random.default_rng(0))
    shifts = (moved - picture)[:, 10:30]
    assert np.ptp(shifts, axis=1).max() == pytest.approx(0, abs=1e-4)
    assert shifts[:, 0].std() == pytest.approx(0.5, rel=0.15)


def test_speckle_has_unit_deviation() -> None:
    assert speckle((200, 200), 3.0, np.random.default_rng(0)).std() == pytest.approx(1.0, rel=1e-4)


def test_the_same_stream_gives_the_same_image(one: Columns) -> None:
    conditions = Conditions(dose=5, jitter=0.3, read_noise=0.1, hot_pixels=0.01, row_gain=0.02, gamma=0.8)
    first, second = (expose(draw(one, (40, 40)), conditions, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, second)

"""Wide tails: learnt where they are, left alone where they are not, and no pull on dim columns any more."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.locate.refine import fit_radius, refine_gaussian
from napari_atomai.locate.tails import WIDTHS, Stars, Tails
from napari_atomai.locate.windows import Canvas
from napari_atomai.simulate.distortions import polar_domains

PIXEL = 0.02
SPACING = 0.4006 / PIXEL / np.sqrt(2)


def fitted(skirt, *, dose=1500.0, size=400, tails=True, unit=1.0, level=0.0):
    """Fit of a perovskite whose B columns are displaced, and errors and displacements of those far inside."""
    simulated, moved = polar_domains(size=size, dose=dose, skirt=skirt, seed=3)
    where = simulated.truth.positions
    inside = ((where >= 0) & (where <= size - 1)).all(1)
    where, moved = where[inside], moved[inside] / PIXEL
    start = where + np.random.default_rng(1).normal(0, 0.4, where.shape)
    image = simulated.image.pixels.astype(np.float64) * unit + level
    fit = refine_gaussian(image, start, fit_radius(SPACING), tails=tails)
    deep = ((where > 20) & (where < size - 21)).all(1) & fit.converged & moved.any(1)
    return fit, (fit.positions - where)[deep], moved[deep], deep


def slope(errors, moved):
    return 1 + float((errors * moved).sum() / (moved**2).sum())


def test_tails_of_bright_neighbours_no_longer_pull_dim_columns():
    _, pulled, moved, _ = fitted(0.1, tails=False)
    fit, errors, _, deep = fitted(0.1)
    assert slope(pulled, moved) > 1.04
    assert slope(errors, moved) == pytest.approx(1, abs=0.015)
    assert errors.std() < 0.8 * pulled.std()
    z = errors / np.stack([fit.row_sd, fit.col_sd], 1)[deep]
    assert 0.9 < z.std() < 1.1


def test_few_counts_and_wider_tails_stay_within_the_goal():
    _, errors, moved, _ = fitted(0.2, dose=150.0, size=512)
    assert slope(errors, moved) == pytest.approx(1, abs=0.05)


def test_columns_without_tails_are_fitted_as_ever():
    plain, *_ = fitted(0.0, tails=False)
    fit, *_ = fitted(0.0)
    np.testing.assert_array_equal(fit.positions, plain.positions)
    np.testing.assert_array_equal(fit.amplitude, plain.amplitude)


def test_the_unit_and_the_offset_of_the_image_do_not_matter():
    fit, *_ = fitted(0.1)
    other, *_ = fitted(0.1, unit=37.0, level=-5000.0)
    np.testing.assert_allclose(other.positions, fit.positions, atol=2e-3)
    np.testing.assert_allclose(other.amplitude, 37.0 * fit.amplitude, rtol=0.02)


def test_widths_are_those_of_the_core():
    fit, _, _, deep = fitted(0.1)
    assert np.median(fit.sigma_row[deep]) == pytest.approx(2.75, abs=0.02)


def test_a_few_atoms_say_nothing_of_tails():
    grid = np.stack(np.mgrid[20:120:20, 20:120:20], -1).reshape(-1, 2) + 0.3
    row, col = np.mgrid[:140, :140]
    far = np.square(row - grid[:, 0, None, None]) + np.square(col - grid[:, 1, None, None])
    expected = 20 + 200 * (np.exp(-far / 8) + 0.2 * np.exp(-far / 50)).sum(0)
    image = np.random.default_rng(0).poisson(expected)
    with_tails, without = (refine_gaussian(image, grid, 8, tails=tails) for tails in (True, False))
    np.testing.assert_array_equal(with_tails.positions, without.positions)


@pytest.mark.parametrize(("width", "part"), [(2.2, 0.025), (4.5, 0.015), (9.7, 0.015)])
def test_tails_are_drawn_as_the_gaussians_they_are(width, part):
    rng = np.random.default_rng(2)
    where, heights = rng.uniform(-1, 80, (40, 2)), rng.uniform(0, 3, 40)
    canvas = Canvas.of(np.zeros((80, 70)) + np.eye(80, 70), np.ones((80, 70), bool), 60)
    drawn = Stars(where, heights).draw(canvas, Tails(np.array([width]), np.array([0.3])))
    rows = np.exp(-0.5 * np.square((np.arange(80)[:, None] - where[:, 0]) / width))
    cols = np.exp(-0.5 * np.square((np.arange(70)[:, None] - where[:, 1]) / width))
    true = (rows * 0.3 * heights) @ cols.T
    np.testing.assert_allclose(drawn[60:140, 60:130], true, atol=part * true.max())


def test_windows_hold_what_is_drawn_around_them():
    rng = np.random.default_rng(4)
    where, heights = rng.uniform(0, 60, (30, 2)), rng.uniform(0, 3, 30)
    centres = np.array([[10, 12], [30, 44], [55, 3]])
    cut = Stars(where, heights).around(centres, 4.0, 5)
    offsets = np.arange(-5, 6)
    for centre, window in zip(centres, cut, strict=True):
        rows = np.exp(-0.5 * np.square((centre[0] + offsets[:, None] - where[:, 0]) / 4.0))
        cols = np.exp(-0.5 * np.square((centre[1] + offsets[:, None] - where[:, 1]) / 4.0))
        np.testing.assert_allclose(window, (rows * heights) @ cols.T, atol=0.02)


def test_no_tails_are_false():
    assert not Tails.none(2.0)
    assert Tails(np.array(WIDTHS), np.array([0.0, 0.1, 0.0]))

"""Turned columns are seen as turned, round ones as round."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.locate.refine import refine_gaussian

GRID = np.stack(np.mgrid[20:300:28, 20:300:28], -1).reshape(-1, 2) + 0.3


def tilted(angle, long, short, counts, background, seed=0):
    """Counts of Gaussians whose long axis is turned from the columns towards the rows."""
    rows, cols = np.mgrid[:320, :320]
    turn = np.deg2rad(angle)
    image = np.full(rows.shape, float(background))
    for row, col in GRID:
        along = np.sin(turn) * (rows - row) + np.cos(turn) * (cols - col)
        across = np.cos(turn) * (rows - row) - np.sin(turn) * (cols - col)
        image += counts * np.exp(-0.5 * ((along / long) ** 2 + (across / short) ** 2))
    return np.random.default_rng(seed).poisson(image).astype(float)


@pytest.mark.parametrize("angle", [-60.0, -20.0, 0.0, 30.0, 45.0, 80.0])
def test_widths_and_angle_are_those_of_the_column(angle):
    fit = refine_gaussian(tilted(angle, 3.0, 2.0, 2000, 100), GRID, 10)
    assert fit.converged.all()
    assert np.median(fit.angle) == pytest.approx(angle, abs=1.5)
    assert np.median(fit.sigma_major) == pytest.approx(3.0, rel=0.03)
    assert np.median(fit.sigma_minor) == pytest.approx(2.0, rel=0.03)


def test_the_angle_of_a_round_column_is_not_told():
    fit = refine_gaussian(tilted(0.0, 2.5, 2.5, 200, 30), GRID, 9)
    assert np.isnan(fit.angle).mean() > 0.95
    assert np.median(fit.sigma_major) == pytest.approx(2.5, rel=0.08)

"""A power law before an edge is found again, and an edge on it stays."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.errors import BadOption
from napari_atomai.stat.edge_background import power_law

ENERGY = np.linspace(300.0, 700.0, 401)


def test_law_and_edge_are_parted() -> None:
    law = 1e12 * ENERGY**-3.2
    edge = np.where(ENERGY > 532, 500.0, 0.0)
    background, exponent = power_law(ENERGY, law + edge, 400, 520)
    assert exponent == pytest.approx(3.2)
    np.testing.assert_allclose((law + edge - background)[ENERGY >= 400], edge[ENERGY >= 400], atol=1e-3)
    assert np.isnan(background[ENERGY < 400]).all()


def test_counting_noise_is_weighted() -> None:
    law = 3e11 * ENERGY**-3.0
    counts = np.random.default_rng(0).poisson(law)
    background, exponent = power_law(ENERGY, counts, 320, 520)
    assert exponent == pytest.approx(3.0, abs=0.02)
    assert background[-1] == pytest.approx(law[-1], rel=0.02)


def test_a_window_without_counts_is_refused() -> None:
    with pytest.raises(BadOption, match="0 channels"):
        power_law(ENERGY, np.zeros_like(ENERGY), 400, 500)
    with pytest.raises(BadOption, match="2 channels"):
        power_law(ENERGY, np.ones_like(ENERGY), 400, 401)

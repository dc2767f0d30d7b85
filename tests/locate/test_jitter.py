"""Scan lines are put straight where a lattice shows that they are not, and only there."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.errors import BadAtoms, BadOption
from napari_atomai.locate.jitter import correct_row_jitter

SIZE, SIGMA = 600, 1.8


def jittered(where, jitter, noise=0.1, seed=0):
    """Positions as a fit sees them when scan lines are shifted, and the shifts."""
    rng = np.random.default_rng(seed)
    shifts = rng.normal(0, jitter, SIZE)
    lines = np.arange(SIZE)
    weights = np.exp(-np.square((lines - where[:, :1]) / SIGMA))
    weights /= weights.sum(1, keepdims=True)
    seen = where + rng.normal(0, noise, where.shape)
    seen[:, 1] += weights @ shifts
    return seen, shifts


@pytest.mark.parametrize("kind", ["square", "hexagonal", "honeycomb"])
def test_jitter_is_taken_out(lattice, kind):
    where = lattice(kind, 10.0, (SIZE, SIZE))
    seen, shifts = jittered(where, 0.25)
    out = correct_row_jitter(seen, SIGMA, SIZE)
    before, after = (np.std((each - where)[:, 1]) for each in (seen, out.positions))
    # What is left of 0.11 px of jitter besides 0.1 px of noise.
    assert np.sqrt(after**2 - 0.1**2) < 0.7 * np.sqrt(before**2 - 0.1**2)
    assert np.corrcoef(out.shifts, shifts)[0, 1] > 0.4
    assert out.rms == pytest.approx(0.25, rel=0.35)
    np.testing.assert_array_equal(out.positions[:, 0], seen[:, 0])


def test_straight_lines_stay(lattice):
    where = lattice("square", 10.0, (SIZE, SIZE))
    seen, _ = jittered(where, 0.0)
    out = correct_row_jitter(seen, SIGMA, SIZE)
    assert np.std((out.positions - seen)[:, 1]) < 0.02


def test_bends_and_strains_stay(lattice):
    where = lattice("square", 10.0, (SIZE, SIZE))
    bent = where.copy()
    bent[:, 1] += 3.0 * np.sin(where[:, 0] / 100) + 0.01 * where[:, 1]
    seen, _ = jittered(bent, 0.25)
    out = correct_row_jitter(seen, SIGMA, SIZE)
    assert np.std((out.positions - bent)[:, 1]) < 0.9 * np.std((seen - bent)[:, 1])


def test_positions_that_are_not_numbers_stay_so(lattice):
    seen, _ = jittered(lattice("square", 10.0, (SIZE, SIZE)), 0.25)
    seen[5] = np.nan
    out = correct_row_jitter(seen, SIGMA, SIZE).positions
    assert np.isnan(out[5]).all()
    assert np.isfinite(np.delete(out, 5, axis=0)).all()


@pytest.mark.parametrize("count", [0, 3, 50])
def test_too_few_atoms_are_refused(count):
    with pytest.raises(BadAtoms, match="0 of"):
        correct_row_jitter(np.random.default_rng(0).uniform(0, SIZE, (count, 2))[:5], SIGMA, SIZE)


def test_what_cannot_be_used_is_refused():
    with pytest.raises(BadAtoms):
        correct_row_jitter([[1, 2, 3]], SIGMA, SIZE)
    with pytest.raises(BadOption):
        correct_row_jitter([[1.0, 2.0]], 0.0, SIZE)

"""Zernike moments of patterns whose moments are known."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.errors import BadImage, BadOption
from napari_atomai.stat.latent import clustered
from napari_atomai.stat.zernike import embedded, orders, polynomials, rotation_invariants, zernike_moments

pytest.importorskip("sklearn")

MOTIFS = (((-5.0, 0.0), (3.0, 4.0), (3.0, -4.0)), ((0.0, -6.0), (0.0, 6.0), (4.0, 2.0)))


def disc(side: int) -> tuple[np.ndarray, np.ndarray]:
    axis = (2 * np.arange(side) + 1) / side - 1
    rows, columns = np.meshgrid(axis, axis, indexing="ij")
    return np.hypot(rows, columns), np.arctan2(-rows, columns)


def turned(motif: int, angles: np.ndarray, side: int = 24) -> np.ndarray:
    """Return a motif turned counter-clockwise, as displayed, by angles; drawn anew each time."""
    rows, columns = np.array(MOTIFS[motif]).T
    cosine, sine = np.cos(angles)[:, None], np.sin(angles)[:, None]
    row, column = cosine * rows - sine * columns, sine * rows + cosine * columns
    axis = np.arange(side) - (side - 1) / 2
    by_row, by_column = (np.exp(-((axis - each[..., None]) ** 2) / 6) for each in (row, column))
    return np.einsum("nsy,nsx->nyx", by_row, by_column)


@pytest.mark.parametrize(("degree", "order"), [(0, 0), (1, 1), (2, 0), (3, 1), (4, 2), (6, 6)])
def test_a_polynomial_has_one_moment(degree: int, order: int) -> None:
    side, which = 64, [tuple(pair) for pair in orders(6).tolist()].index((degree, order))
    radius, angle = disc(side)
    # Pixels that the rim cuts have their middle outside: there the pattern goes on as it ends.
    pattern = polynomials(np.minimum(radius, 1), angle, 6)[which].real
    found = zernike_moments(pattern[None], 6)[0]
    wanted = np.zeros(len(found), complex)
    wanted[which] = 1.0 if order == 0 else 0.5
    assert np.abs(found - wanted).max() < 0.02


def test_the_moments_of_the_square_of_the_radius_are_known() -> None:
    # r^2 = (V_20 + V_00) / 2
    found = zernike_moments((disc(96)[0] ** 2)[None], 4)[0]
    names = [tuple(pair) for pair in orders(4).tolist()]
    assert found[names.index((0, 0))] == pytest.approx(0.5, abs=0.01)
    assert found[names.index((2, 0))] == pytest.approx(0.5, abs=0.01)
    assert abs(found[names.index((4, 0))]) < 0.01


def test_turned_patterns_keep_their_invariants_and_tell_their_angle() -> None:
    angles = np.linspace(0, 2 * np.pi, 37)[:-1]
    patches = turned(0, angles)
    invariants = rotation_invariants(patches)
    assert (invariants.std(axis=0) / np.abs(invariants).max()).max() < 0.01
    moments = zernike_moments(patches, 6)
    first = [tuple(pair) for pair in orders(6).tolist()].index((3, 3))
    phase = np.unwrap(np.angle(moments[:, first]))
    assert np.allclose(phase - phase[0], -3 * angles, atol=0.05)


def test_brighter_patterns_have_larger_moments() -> None:
    patches = turned(1, np.array([0.3]))
    assert np.allclose(rotation_invariants(5 * patches), 5 * rotation_invariants(patches))


def test_motifs_are_told_apart_whatever_their_angle() -> None:
    random = np.random.default_rng(1)
    kind, angles = random.integers(0, 2, 300), random.uniform(-np.pi, np.pi, 300)
    clean = np.where(kind[:, None, None] == 0, turned(0, angles), turned(1, angles))
    points = embedded(rotation_invariants(clean + 0.15 * random.normal(size=clean.shape))).points
    found = clustered(points, "gmm", 2).labels - 1
    assert max((found == kind).mean(), (found != kind).mean()) > 0.99


def test_what_cannot_have_moments_is_refused_in_words() -> None:
    with pytest.raises(BadImage, match="shape"):
        zernike_moments(np.zeros((3, 8, 9)))
    with pytest.raises(BadImage, match="not finite"):
        zernike_moments(np.full((1, 8, 8), np.nan))
    with pytest.raises(BadOption, match="9 and the patches are 8"):
        zernike_moments(np.zeros((1, 8, 8)), 9)
    with pytest.raises(BadImage, match="Nothing varies"):
        embedded(rotation_invariants(np.ones((5, 8, 8)), 4))

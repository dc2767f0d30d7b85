"""Centres from a probability map: one per atom, in place, with a score that means something."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree

from napari_atomai.errors import BadImage, BadOption
from napari_atomai.locate.centres import find_peaks


def discs(shape, centres, radius, blur=0.5):
    """What a perfect net says: 1 in a disc around every atom, with a soft rim."""
    centres = np.asarray(centres, float)
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    grid = np.stack([rows.ravel(), cols.ravel()], 1)
    distance = cKDTree(centres).query(grid)[0].reshape(shape)
    return np.clip(0.5 + (radius - distance) / (2 * blur), 0, 1).astype(np.float32)


@pytest.mark.parametrize("kind", ["square", "hexagonal", "honeycomb"])
@pytest.mark.parametrize("spacing", [6.0, 13.0, 40.0])
def test_every_disc_gives_one_peak_in_its_middle(lattice, kind, spacing):
    shape = (200, 180)
    where = lattice(kind, spacing, shape)
    peaks = find_peaks(discs(shape, where, 0.2 * spacing), 0.5 * spacing)
    inside = ((where > 0.25 * spacing) & (where < np.array(shape) - 1 - 0.25 * spacing)).all(1)
    distance, index = cKDTree(peaks.positions).query(where[inside])
    assert len(peaks) <= len(where)
    assert distance.max() < 0.3
    assert len(np.unique(index)) == inside.sum()
    # A disc that is hardly larger than a pixel loses more by smoothing.
    assert peaks.scores[index].min() > (0.6 if spacing < 10 else 0.9)


def test_a_disc_cut_by_the_border_is_found():
    peaks = find_peaks(discs((40, 50), [[0, 0], [20, 49], [39, 25]], 3), 6)
    assert len(peaks) == 3
    for corner in ([0, 0], [20, 49], [39, 25]):
        assert np.hypot(*(peaks.positions - corner).T).min() < 1.5


def test_a_flat_top_is_one_peak_in_its_middle():
    probability = np.zeros((60, 60))
    probability[20:31, 30:45] = 1.0
    peaks = find_peaks(probability, 4)
    best = peaks.positions[0]
    np.testing.assert_allclose(best, [25, 37], atol=0.51)
    assert (peaks.scores > 0.5).sum() == 1
    everywhere = find_peaks(np.ones((30, 40)), 5)
    np.testing.assert_allclose(everywhere.positions, [[14.5, 19.5]], atol=0.6)


def test_of_two_close_peaks_the_better_one_stays():
    probability = np.zeros((40, 60))
    probability[20, [20, 24, 28]] = [0.7, 0.9, 0.8]
    probability = ndimage.gaussian_filter(probability, 0.8) * 3
    close = find_peaks(probability, 6)
    assert len(close) == 1
    assert close.positions[0, 1] == pytest.approx(24, abs=0.5)
    apart = find_peaks(probability, 3)
    assert sorted(np.round(apart.positions[:, 1])) == [20, 24, 28]


def test_no_two_peaks_are_closer_than_allowed_and_none_is_needlessly_dropped():
    probability = ndimage.gaussian_filter(np.random.default_rng(0).random((300, 300)), 1.5)
    probability = (probability - probability.min()) / np.ptp(probability)
    peaks, every = find_peaks(probability, 9), find_peaks(probability, 0.8)
    assert cKDTree(peaks.positions).query(peaks.positions, k=2)[0][:, 1].min() >= 9
    assert cKDTree(peaks.positions).query(every.positions)[0].max() < 14
    assert (np.diff(peaks.scores) <= 0).all()


def test_a_single_hot_pixel_is_not_certain():
    probability = np.zeros((50, 50))
    probability[20, 20] = 1.0
    assert find_peaks(probability, 7).scores.max() < 0.5


def test_scores_follow_the_probability():
    probability = discs((40, 100), [[20, 20], [20, 50], [20, 80]], 4)
    probability[:, 35:65] *= 0.6
    probability[:, 65:] *= 0.2
    peaks = find_peaks(probability, 8)
    np.testing.assert_allclose(peaks.scores, [1.0, 0.6, 0.2], atol=0.05)
    assert len(find_peaks(probability, 8, floor=0.5)) == 2


@pytest.mark.parametrize("value", [0.0, 0.04, np.nan, -1.0])
def test_an_empty_map_gives_no_peaks_of_the_right_shape(value):
    peaks = find_peaks(np.full((30, 20), value), 5)
    assert peaks.positions.shape == (0, 2)
    assert peaks.scores.shape == (0,)


def test_holes_in_the_map_do_no_harm():
    probability = discs((60, 60), [[15, 15], [40, 42]], 4)
    probability[:, 28] = np.nan
    probability[50, 5] = np.inf
    assert len(find_peaks(probability, 8, floor=0.5)) == 2


def test_peaks_turn_with_the_map(lattice):
    shape = (90, 120)
    noise = 0.02 * np.random.default_rng(0).random(shape)
    probability = discs(shape, lattice("hexagonal", 14.0, shape), 2.8) * 0.9 + noise
    plain = find_peaks(probability, 7)
    turned = find_peaks(probability.T, 7)
    distance, _ = cKDTree(plain.positions).query(turned.positions[:, ::-1])
    assert len(plain) == len(turned)
    assert distance.max() < 1e-3


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (3, 3), (2, 7)])
def test_tiny_maps_work(shape):
    peaks = find_peaks(np.full(shape, 0.8), 5)
    assert len(peaks) == 1
    assert ((peaks.positions >= 0) & (peaks.positions <= np.array(shape) - 1)).all()


@pytest.mark.parametrize("distance", [0, -1, np.nan, np.inf])
def test_an_impossible_distance_is_refused(distance):
    with pytest.raises(BadOption):
        find_peaks(np.zeros((5, 5)), distance)


def test_maps_of_other_shapes_are_refused():
    with pytest.raises(BadImage):
        find_peaks(np.zeros((3, 5, 5)), 4)


def test_time_grows_with_pixels_and_atoms_only():
    tile = discs((128, 128), np.stack(np.mgrid[5:128:8, 5:128:8], -1).reshape(-1, 2), 1.8)
    start = time.process_time()
    peaks = find_peaks(np.tile(tile, (12, 12)), 4)
    spent = time.process_time() - start
    assert len(peaks) == pytest.approx(12 * 12 * 256, rel=0.01)
    assert spent < 6

"""Missed columns are found, doubtful ones are told, and noise alone yields what was promised."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from napari_atomai.errors import BadAtoms, BadOption
from napari_atomai.locate.complete import refine_complete
from napari_atomai.locate.evidence import find_missed, log_odds
from napari_atomai.locate.refine import refine_gaussian


def found(atoms, truth, reach=4.0):
    """Precision and recall, one to one."""
    distance, other = cKDTree(truth).query(atoms)
    hits = len(np.unique(other[distance < reach]))
    return hits / len(atoms), hits / len(truth)


@pytest.fixture(name="crystal")
def _crystal(make_scene, lattice):
    """A square lattice of two kinds of column, 30 counts at the brighter, and starts off by half a pixel."""
    shape = (300, 280)
    where = lattice("square", 14.0, shape)
    counts = np.where(np.arange(len(where)) % 2, 30.0, 12.0)
    scene = make_scene(where, shape=shape, counts=counts, sigma=2.5, background=4.5)
    return scene, where + np.random.default_rng(3).normal(0, 0.4, where.shape)


@pytest.mark.parametrize(("gain", "offset"), [(1, 0), (1e-6, 3), (4000, -100)])
def test_missed_columns_are_found_in_any_unit(crystal, gain, offset):
    scene, start = crystal
    gone = np.random.default_rng(0).permutation(len(start))[:20]
    image = scene.image * gain + offset
    fit = refine_gaussian(image, np.delete(start, gone, axis=0), 7)
    missed = find_missed(image, fit)
    inner = scene.inside[gone]
    assert found(missed.positions, scene.positions[gone])[0] == 1.0
    assert found(missed.positions, scene.positions[gone][inner])[1] == 1.0
    assert (np.diff(missed.scores) <= 0).all()


def test_nothing_is_missed_where_nothing_is_missing(crystal):
    scene, start = crystal
    fit = refine_gaussian(scene.image, start, 7)
    assert len(find_missed(scene.image, fit)) == 0


def test_noise_raises_as_many_alarms_as_were_allowed(make_scene):
    # Known atoms far apart, so that nearly all of the image may hold a column.
    where = np.stack(np.mgrid[30:500:55, 30:500:55], -1).reshape(-1, 2).astype(float)
    alarms = 0
    for seed in range(4):
        scene = make_scene(where, shape=(512, 512), counts=80, sigma=2.5, background=20, seed=seed)
        fit = refine_gaussian(scene.image, where, 7)
        alarms += len(find_missed(scene.image, fit, min_distance=12.0, false_alarms=0.1))
    assert 4 * 0.1 * len(where) == pytest.approx(alarms, rel=0.5)


def test_min_distance_keeps_columns_apart(crystal):
    scene, start = crystal
    fit = refine_gaussian(scene.image, start[::2], 7)
    missed = find_missed(scene.image, fit, min_distance=13.0).positions
    both = np.concatenate([fit.positions[fit.converged], missed])
    assert len(missed) > 10
    assert cKDTree(both).query(missed, k=2)[0][:, 1].min() > 12.0


@pytest.mark.parametrize("options", [{"min_distance": -1.0}, {"false_alarms": 0.0}])
def test_options_that_make_no_sense_are_refused(crystal, options):
    scene, start = crystal
    with pytest.raises(BadOption):
        find_missed(scene.image, refine_gaussian(scene.image, start, 7), **options)


def test_too_few_atoms_show_no_others(make_scene):
    scene = make_scene([[20.0, 20.0], [40, 40]], shape=(64, 64), counts=200)
    assert len(find_missed(scene.image, refine_gaussian(scene.image, [[20, 20]], 6))) == 0


def test_true_columns_have_the_odds_and_false_ones_do_not(crystal):
    scene, start = crystal
    false = start[scene.inside][::9] + 7.0
    fit = refine_gaussian(scene.image, np.concatenate([start, false]), 7)
    odds = log_odds(fit, 5.6)
    true = np.arange(len(start))[scene.inside]
    assert (odds[true] > 0).mean() > 0.97
    assert (odds[len(start) :] > 0).mean() < 0.15


def test_a_prior_shifts_the_odds_by_its_own(crystal):
    scene, start = crystal
    fit = refine_gaussian(scene.image, start, 7)
    plain, sure = log_odds(fit, 5.6), log_odds(fit, 5.6, np.full(len(start), 0.9))
    known = np.isfinite(plain)
    np.testing.assert_allclose((sure - plain)[known], np.log(9.0))


def test_significance_grows_with_the_root_of_the_dose(make_scene, lattice):
    where = lattice("square", 16.0, (200, 200))
    sizes = []
    for counts in (10, 1000):
        scene = make_scene(where, shape=(200, 200), counts=counts, background=0.2 * counts)
        sizes.append(np.nanmedian(refine_gaussian(scene.image, where, 8).significance))
    assert sizes[1] / sizes[0] == pytest.approx(10.0, rel=0.1)


def test_imperfect_starts_are_completed(crystal):
    scene, start = crystal
    rng = np.random.default_rng(1)
    kept = rng.random(len(start)) > 0.08
    false = rng.uniform(3, 275, (15, 2))
    done = refine_complete(scene.image, np.concatenate([start[kept], false]), 7)
    precision, recall = found(done.fit.positions, scene.positions)
    assert min(precision, recall) > 0.99
    assert len(done.fit.positions) == len(done.origin) == len(done.log_odds)
    assert set(done.origin[~done.added]) | set(done.dropped) == set(range(kept.sum() + 15))
    assert done.added.sum() >= 15


def test_good_starts_are_left_as_they_are(crystal):
    scene, start = crystal
    done = refine_complete(scene.image, start, 7)
    plain = refine_gaussian(scene.image, start, 7)
    np.testing.assert_array_equal(done.origin, np.arange(len(start)))
    np.testing.assert_array_equal(done.fit.positions, plain.positions)


def test_scores_must_be_one_for_each_start(crystal):
    scene, start = crystal
    with pytest.raises(BadAtoms):
        refine_complete(scene.image, start, 7, scores=[0.5])


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_starts_are_completed_to_themselves(make_scene, count):
    where = np.array([[15.3, 20.7], [34.1, 29.6]])[:count]
    scene = make_scene(where, shape=(50, 44), counts=500, sigma=2.5, background=20)
    done = refine_complete(scene.image, where, 6)
    assert len(done.fit.positions) == count
    assert not len(done.dropped)

"""What is told of each candidate."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.data.recipe import RefineAtoms
from napari_atomai.locate.centres import Peaks
from napari_atomai.workflow.measure import measured

SPACING = 16.0


@pytest.fixture(name="scene")
def _scene():
    """Image of a square lattice, 100 counts at the peak, and the true positions."""
    where = np.stack(np.mgrid[10:190:SPACING, 10:190:SPACING], -1).reshape(-1, 2) + 0.2
    rows = np.exp(-0.5 * ((np.arange(200)[:, None] - where[:, 0]) / 2.5) ** 2)
    cols = np.exp(-0.5 * ((np.arange(200)[:, None] - where[:, 1]) / 2.5) ** 2)
    return np.random.default_rng(0).poisson(15 + 100 * rows @ cols.T).astype(float), where


def test_every_atom_is_described(scene):
    image, where = scene
    positions, features = measured(
        image, Peaks(where, np.full(len(where), 0.9)), SPACING, RefineAtoms(), closest=5
    )
    assert positions.shape == where.shape
    np.testing.assert_allclose(np.median(features["sigma_major_px"]), 2.5, rtol=0.1)
    assert (features["significance"] > 10).all()
    assert np.isnan(features["angle_deg"]).mean() > 0.9
    np.testing.assert_allclose(np.median(features["neighbour_px"]), SPACING, atol=0.2)
    assert {len(values) for values in features.values()} == {len(where)}


def test_completing_adds_the_missed_and_drops_the_unsupported(scene):
    image, where = scene
    missing, false = where[40:43], where[60:64] + SPACING / 2
    starts = np.concatenate([np.delete(where, slice(40, 43), axis=0), false])
    scores = np.concatenate([np.full(len(where) - 3, 0.9), np.full(4, 0.3)])
    known = {"score_sd": np.full(len(starts), 0.1)}
    positions, features = measured(
        image, Peaks(starts, scores), SPACING, RefineAtoms(), closest=5, known=known, complete=True
    )
    assert len(positions) == len(where)
    added = features["added"]
    assert added.sum() == 3
    np.testing.assert_allclose(np.sort(positions[added], axis=0), np.sort(missing, axis=0), atol=0.5)
    assert (features["score"][added] > 0.9).all()
    assert np.isnan(features["score_sd"][added]).all()


@pytest.mark.parametrize("method", ["centre of mass", "none"])
def test_other_methods_complete_nothing(scene, method):
    image, where = scene
    peaks = Peaks(where[:-3], np.full(len(where) - 3, 0.9))
    positions, features = measured(
        image, peaks, SPACING, RefineAtoms(method=method), closest=5, complete=True
    )
    assert len(positions) == len(where) - 3
    assert "added" not in features

"""Resizing keeps positions; the scale of an image is found whatever its own."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.data.progress import finish
from napari_atomai.models.storage import load_weights
from napari_atomai.predictors.engines import engine_for
from napari_atomai.predictors.scale import Scale, find_scale, resized, true_zoom
from napari_atomai.prepare.normalise import finite
from napari_atomai.simulate.imaging import Columns, Conditions, draw, expose
from napari_atomai.simulate.lattices import PROTOTYPES


def scale_of(image: np.ndarray) -> Scale:
    weights = load_weights("atoms")
    return finish(find_scale(engine_for(weights), weights.card, finite(image)))


@pytest.mark.parametrize("zoom", [0.31, 0.5, 0.77, 1.4, 2.6])
def test_a_spot_lies_where_the_formula_says_after_resizing(zoom: float) -> None:
    where = np.array([40.3, 61.7])
    spot = draw(Columns(where[None], np.ones(1), np.full((1, 2), 6.0)), (90, 130))
    small = resized(spot, zoom).astype(float)
    rows, cols = np.indices(small.shape)
    centre = np.array([(small * rows).sum(), (small * cols).sum()]) / small.sum()
    np.testing.assert_allclose(centre, (where + 0.5) * true_zoom(spot.shape, zoom) - 0.5, atol=0.05)


def test_a_zoom_of_one_changes_nothing() -> None:
    image = np.random.default_rng(0).random((30, 40), np.float32)
    np.testing.assert_array_equal(resized(image, 1.0), image)


@pytest.mark.parametrize("spacing", [5.0, 9.0, 16.0, 30.0])
@pytest.mark.parametrize("name", ["square", "honeycomb"])
def test_the_spacing_of_a_crystal_is_measured(name: str, spacing: float) -> None:
    shape = (int(12 * spacing), int(14 * spacing))
    positions, sites = PROTOTYPES[name].scaled(spacing).tile(shape, 0.4, spacing)
    columns = Columns(
        positions, PROTOTYPES[name].amplitudes[sites], np.full((len(positions), 2), 0.22 * spacing)
    )
    image = expose(draw(columns, shape) + 0.2, Conditions(dose=50), np.random.default_rng(0))
    scale = scale_of(image)
    assert scale.spacing == pytest.approx(spacing, rel=0.06)
    assert scale.confidence > 0.5


@pytest.mark.parametrize("seed", range(3))
def test_noise_gives_little_confidence(seed: int) -> None:
    assert scale_of(np.random.default_rng(seed).normal(size=(160, 160))).confidence < 0.5

"""Resizing keeps positions; the scale of an image is found whatever its own."""

from __future__ import annotations

import numpy as np
import pytest

import napari_atomai.predictors.scale
from napari_atomai.data.progress import finish
from napari_atomai.models.storage import load_weights
from napari_atomai.predictors.detect import detecting
from napari_atomai.predictors.engines import engine_for
from napari_atomai.predictors.finder import finder_for
from napari_atomai.predictors.scale import Scale, find_scale, resized, true_zoom, try_scale
from napari_atomai.prepare.normalise import finite
from napari_atomai.simulate.imaging import Columns, Conditions, draw, expose
from napari_atomai.simulate.lattices import PROTOTYPES, Lattice
from tests.predictors.crystals import dumbbells


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


def two_sublattices(dose: float) -> tuple[np.ndarray, np.ndarray]:
    """A noisy crystal whose second columns are 0.4 times as bright, wide against their distance."""
    rng = np.random.default_rng(3)
    shape, gap = (360, 360), 10.24
    lattice = Lattice(2**0.5 * gap * np.eye(2), np.array([[0, 0], [0.5, 0.5]]), np.array([1.0, 0.4]))
    where, sites = lattice.tile(shape, 0.12, 2 * gap)
    where = where + rng.normal(0, 0.3, where.shape)
    columns = Columns(where, lattice.amplitudes[sites], np.full((len(where), 2), 1.8))
    image = rng.poisson(dose * (draw(columns, shape) + 0.15)).astype(float)
    inner = ((where > 8) & (where < np.array(shape) - 9)).all(axis=1)
    return image, where[inner]


@pytest.mark.parametrize("dose", [3, 10])
def test_hollows_of_a_noisy_crystal_are_not_taken_for_atoms_at_the_zoom_that_is_found(dose: float) -> None:
    image, where = two_sublattices(dose)
    finder = finder_for(load_weights("atoms"))
    scale = scale_of(image)
    seen = finish(detecting(finder, finite(image), scale.zoom))
    found = seen.peaks.positions[seen.peaks.scores >= 0.5]
    found = found[((found > 8) & (found < np.array(image.shape) - 9)).all(axis=1)]
    assert len(found) == pytest.approx(len(where), rel=0.01)


def test_a_sublattice_seen_well_is_not_preferred_to_all_columns() -> None:
    image = two_sublattices(100)[0]
    scale = scale_of(image)
    assert scale.spacing == pytest.approx(10.24, rel=0.08)
    assert 0.6 * 13 < scale.zoom * 10.24 < 1.6 * 13


def test_the_doubt_of_a_clear_crystal_is_less_than_that_of_a_faint_one() -> None:
    weights = load_weights("atoms")
    clear, faint = (
        try_scale(engine_for(weights), weights.card, finite(two_sublattices(dose)[0]), 1.2)
        for dose in (100.0, 1.5)
    )
    assert clear.doubt + 2 * clear.doubt_sd < faint.doubt
    assert 0 <= clear.doubt < 0.1


def test_noise_has_no_doubt_to_compare() -> None:
    weights = load_weights("atoms")
    scale = try_scale(engine_for(weights), weights.card, np.zeros((64, 64), np.float32), 1.0)
    assert scale.confidence == 0
    assert scale.doubt == float("inf")


def steps_of(image: np.ndarray) -> tuple[int, Scale]:
    weights = load_weights("atoms")
    work, steps = find_scale(engine_for(weights), weights.card, finite(image)), 0
    while True:
        try:
            progress = next(work)
        except StopIteration as end:
            return steps, end.value
        steps += 1
        assert steps <= progress.of


def test_where_a_lattice_is_plain_few_zooms_are_tried_and_the_same_scale_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image = two_sublattices(100)[0]
    few, quick = steps_of(image)
    monkeypatch.setattr(napari_atomai.predictors.scale, "autocorrelation_spacing", lambda _: None)
    many, full = steps_of(image)
    assert quick == full
    assert few <= 0.7 * many


@pytest.mark.parametrize("wrong", [4.0, 90.0])
def test_a_wrong_first_look_leads_nowhere(monkeypatch: pytest.MonkeyPatch, wrong: float) -> None:
    monkeypatch.setattr(napari_atomai.predictors.scale, "autocorrelation_spacing", lambda _: wrong)
    assert scale_of(two_sublattices(100)[0]).spacing == pytest.approx(10.24, rel=0.08)


@pytest.mark.parametrize("spacing", [9.0, 13.0, 18.0])
def test_both_columns_of_dumbbells_are_seen_and_not_one_blob(spacing: float) -> None:
    assert scale_of(dumbbells(spacing)).spacing == pytest.approx(spacing, rel=0.1)


@pytest.mark.parametrize(("near", "far", "part"), [(8.0, 18.0, 0.5), (10.0, 18.0, 0.6)])
def test_of_two_lattices_in_an_image_the_finer_one_is_not_lost(near: float, far: float, part: float) -> None:
    fine = PROTOTYPES["hexagonal"].scaled(near).tile((400, 400), 0.2, 20)[0]
    coarse = PROTOTYPES["square"].scaled(far).tile((400, 400), -0.35, 20)[0]
    fine, coarse = fine[fine[:, 1] < part * 400], coarse[coarse[:, 1] > part * 400 + 12]
    sizes = [len(fine), len(coarse)]
    widths, bright = np.repeat([near / 5, far / 5], sizes), np.repeat([1.0, 1.3], sizes)
    columns = Columns(np.concatenate([fine, coarse]), bright, np.stack([widths, widths], 1))
    image = expose(draw(columns, (400, 400)) + 0.3, Conditions(dose=40), np.random.default_rng(1))
    assert scale_of(image).spacing == pytest.approx(near, rel=0.1)

"""Empty sites, unusual atoms, distances of neighbours and brightness of cells."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from napari_atomai.errors import BadAtoms, BadImage
from napari_atomai.simulate.lattices import PROTOTYPES
from napari_atomai.stat.lattice.cells import cell_intensities
from napari_atomai.stat.lattice.fit import fit_lattice
from napari_atomai.stat.lattice.occupancy import empty_sites, outlier_probability, vacancy_probability
from napari_atomai.stat.lattice.pairs import neighbour_pairs

SPACING = 14.0


def crystal(name: str = "honeycomb", side: int = 420) -> np.ndarray:
    return PROTOTYPES[name].scaled(SPACING).tile((side, side), 0.2, 0)[0]


def test_vacancies_are_found_where_they_are_and_a_hole_is_none() -> None:
    where = crystal()
    rng = np.random.default_rng(0)
    away = np.hypot(*(where - [120, 120]).T)
    inner = np.flatnonzero((np.abs(where - 210) < 160).all(axis=1) & (away > 90))
    lost = rng.choice(inner, 7, replace=False)
    kept = away > 40
    kept[lost] = False
    moved = where[kept] + rng.normal(0, 0.4, (int(kept.sum()), 2))
    found = empty_sites(moved, fit_lattice(moved))
    near, which = cKDTree(found.positions[found.vacancy]).query(where[lost])
    assert near.max() < 1
    assert sorted(which) == list(range(7))
    hole = found.positions[~found.vacancy]
    assert len(hole) == (away <= 40).sum()
    assert np.hypot(*(hole - [120, 120]).T).max() < 42


@pytest.mark.parametrize("name", ["square", "hexagonal", "honeycomb", "perovskite 110"])
def test_a_whole_crystal_and_its_edge_have_no_vacancy(name: str) -> None:
    where = crystal(name)
    assert len(empty_sites(where, fit_lattice(where))) == 0
    round_one = where[np.hypot(*(where - 210).T) < 150]
    assert not empty_sites(round_one, fit_lattice(round_one)).vacancy.any()


def test_a_dim_place_is_surely_empty_and_a_bright_one_surely_is_not() -> None:
    rng = np.random.default_rng(1)
    atoms, between = rng.normal(1, 0.1, 200), rng.normal(0, 0.1, 200)
    found = vacancy_probability(atoms, between, [0.0, 0.5, 1.0])
    assert found[0] > 0.999
    assert found[2] < 0.001
    assert 0.01 < found[1] < 0.99
    assert np.isnan(vacancy_probability(atoms[:2], between, [0.0])).all()


def test_dopants_stand_out_of_a_thickness_slope_and_single_values_are_judged_with_care() -> None:
    where = crystal()
    rng = np.random.default_rng(2)
    values = rng.normal(1, 0.05, len(where)) * (1 + where[:, 0] / 420)
    dopants = rng.choice(len(where), 15, replace=False)
    values[dopants] *= 1.5
    values[3] = np.nan
    score, probability = outlier_probability(values, where, np.zeros(len(where), int))
    chosen = np.isin(np.arange(len(where)), dopants) & np.isfinite(values)
    assert probability[chosen].min() > 0.5
    assert score[chosen].min() > 3
    assert np.isnan(probability[3])
    assert (probability[~chosen] > 0.5).sum() == 0


def test_of_plain_noise_hardly_any_atom_is_unusual() -> None:
    where = crystal("square", 800)
    values = np.random.default_rng(3).normal(0, 1, len(where))
    _, probability = outlier_probability(values, where, np.zeros(len(where), int))
    assert (probability > 0.5).sum() <= 2
    _, same = outlier_probability(np.ones(len(where)), where, np.zeros(len(where), int))
    assert (same < 0.5).all()


def test_groups_too_small_to_judge_are_nan_and_lengths_must_agree() -> None:
    where = crystal("square", 60)
    groups = np.zeros(len(where), int)
    groups[:5] = 1
    _, probability = outlier_probability(np.ones(len(where)), where, groups)
    assert np.isnan(probability[:5]).all()
    assert np.isfinite(probability[5:]).all()
    with pytest.raises(BadAtoms):
        outlier_probability([1.0, 2.0], where, groups)


def test_distances_and_directions_of_neighbours_are_those_of_the_cell() -> None:
    where, sites = PROTOTYPES["perovskite 110"].scaled(SPACING).tile((400, 400), 0.2, 0)
    lattice = fit_lattice(where, sites)
    (cell,) = lattice.cells
    found = neighbour_pairs(where, lattice, sd=np.full(where.shape, 0.3))
    for step in (0, 1):
        mine = found.step == step
        assert found.distance[mine] == pytest.approx(cell.lengths[step], rel=1e-6)
        direction = np.degrees(np.arctan2(-cell.vectors[step, 0], cell.vectors[step, 1]))
        assert found.angle[mine] == pytest.approx(direction, abs=1e-4)
        assert mine.sum() > 0.85 * len(where)
    assert found.distance_sd == pytest.approx(0.3 * np.sqrt(2))
    assert np.array_equal(lattice.sublattice[found.first], lattice.sublattice[found.second])


def test_a_missing_atom_takes_its_four_pairs_along() -> None:
    where = crystal("square")
    middle = int(np.argmin(np.hypot(*(where - 210).T)))
    whole = neighbour_pairs(where, fit_lattice(where))
    rest = np.delete(where, middle, axis=0)
    assert len(whole.first) - len(neighbour_pairs(rest, fit_lattice(rest)).first) == 4


def test_the_mean_of_a_cell_is_that_of_the_image_and_follows_its_slope() -> None:
    where = crystal("square", 200)
    rows = np.indices((200, 200))[0].astype(float)
    found = cell_intensities(rows, where, fit_lattice(where))
    assert found.mean == pytest.approx(where[found.atoms, 0], abs=0.1)
    assert found.area == pytest.approx(SPACING**2, rel=1e-6)
    assert found.total == pytest.approx(found.mean * found.area)
    inside = ((where > 12) & (where < 187)).all(axis=1)
    assert set(np.flatnonzero(inside)) <= set(found.atoms)


def test_cells_in_nanometres_are_measured_in_pixels() -> None:
    where = crystal("square", 200)
    rows = np.indices((200, 200))[0].astype(float)
    step = np.array([0.02, 0.02])
    found = cell_intensities(rows, where, fit_lattice(where * step), step=step)
    assert found.mean == pytest.approx(where[found.atoms, 0], abs=0.1)
    assert found.area == pytest.approx(SPACING**2, rel=1e-6)
    with pytest.raises(BadImage, match="one frame"):
        cell_intensities(np.zeros((2, 3, 4)), where, fit_lattice(where))

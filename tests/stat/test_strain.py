"""Strain, local displacements and polarisation against known fields."""

from __future__ import annotations

import time

import numpy as np
import pytest

from napari_atomai.errors import BadAtoms, BadOption
from napari_atomai.simulate.distortions import edge_dislocation, edge_dislocation_strain, polar_domains
from napari_atomai.simulate.lattices import PROTOTYPES
from napari_atomai.stat.lattice.fit import fit_lattice
from napari_atomai.stat.lattice.local import local_fits
from napari_atomai.stat.lattice.polarisation import polarisation
from napari_atomai.stat.lattice.strain import COMPONENTS, strain

SPACING = 14.0
CENTRE = (303.0, 305.0)


def crystal(name: str = "square", angle: float = 0.2, side: int = 300) -> tuple[np.ndarray, np.ndarray]:
    return PROTOTYPES[name].scaled(SPACING).tile((side, side), angle, 0)


def deformed(where: np.ndarray, exx: float, eyy: float, exy: float, degrees: float) -> np.ndarray:
    """Deform with x to the right, y up, and a counter-clockwise rotation."""
    turn = np.radians(degrees)
    change = np.array([[1 + exx, exy - turn], [exy + turn, 1 + eyy]])
    flipped = where[:, ::-1] * [1, -1]
    return (flipped @ change.T)[:, ::-1] * [-1, 1]


def test_a_uniform_deformation_is_found_with_the_stated_signs() -> None:
    where, _ = crystal("honeycomb")
    reference = fit_lattice(where).cells[0].vectors
    moved = deformed(where, 0.012, -0.007, 0.004, 0.3)
    found = strain(moved, fit_lattice(moved), reference=reference)
    for name, true in zip(COMPONENTS, (0.012, -0.007, 0.004, 0.3), strict=True):
        values = getattr(found, name)
        assert np.isfinite(values).mean() > 0.9
        assert values[np.isfinite(values)] == pytest.approx(true, abs=1e-6)


def test_without_reference_strain_is_about_zero_and_a_region_as_reference_is() -> None:
    where, _ = crystal()
    moved = where.copy()
    right = where[:, 1] > 150
    moved[:, 1] += np.where(right, 0.02 * (where[:, 1] - 150), 0.0)
    lattice = fit_lattice(moved)
    chosen = where[:, 1] < 120
    found = strain(moved, lattice, reference=chosen)
    assert np.nanmedian(found.exx[chosen]) == pytest.approx(0, abs=1e-9)
    assert np.nanmedian(found.exx[where[:, 1] > 190]) == pytest.approx(0.02, abs=1e-6)
    whole = strain(moved, lattice)
    assert abs(np.nanmean(whole.exx)) < 0.006


def test_turning_the_image_by_a_quarter_exchanges_the_components() -> None:
    where, _ = crystal(angle=0.05)
    rng = np.random.default_rng(0)
    moved = where + 2 * np.sin(where[:, ::-1] / 60) + rng.normal(0, 0.05, where.shape)
    turned = np.stack([-moved[:, 1], moved[:, 0]], axis=1)  # counter-clockwise
    one, other = strain(moved, fit_lattice(moved)), strain(turned, fit_lattice(turned))
    for name, twin, sign in (("exx", "eyy", 1), ("eyy", "exx", 1), ("exy", "exy", -1)):
        both = np.isfinite(getattr(one, name)) & np.isfinite(getattr(other, twin))
        assert both.mean() > 0.9
        assert getattr(one, name)[both] == pytest.approx(sign * getattr(other, twin)[both], abs=1e-4)


def test_error_bars_are_the_spread_whether_positions_bring_errors_or_not() -> None:
    where, _ = crystal(side=500)
    rng = np.random.default_rng(1)
    sd = np.stack([np.full(len(where), 0.1), np.full(len(where), 0.2)], axis=1)
    moved = where + rng.normal(0, 1, where.shape) * sd
    lattice = fit_lattice(moved)
    inner = (np.abs(where - 250) < 220).all(axis=1)
    for errors in (sd, None):
        found = strain(moved, lattice, sd=errors)
        for name in COMPONENTS:
            spread = float(np.nanstd(getattr(found, name)[inner]))
            assert np.nanmedian(found.sd[name][inner]) == pytest.approx(spread, rel=0.15)
        fits = local_fits(moved, lattice, sd=errors)
        spread = np.nanstd(fits.displacement[inner], axis=0)
        assert np.nanmedian(fits.displacement_sd[inner], axis=0) == pytest.approx(spread, rel=0.15)


def test_the_elastic_solution_is_the_derivative_of_the_displacement_where_atoms_rest() -> None:
    where = np.random.default_rng(2).uniform(330, 400, (50, 2))
    step = 1e-3
    rest = edge_dislocation(where, SPACING, CENTRE)
    true = edge_dislocation_strain(rest, SPACING, CENTRE)
    columns = [
        (edge_dislocation(where + way, SPACING, CENTRE) - edge_dislocation(where - way, SPACING, CENTRE))
        / (2 * step)
        for way in np.diag([step, step])
    ]
    # What was at rest + d came from where + inverse(stretched) @ d: it was displaced by the rest of d.
    change = np.eye(2) - np.linalg.inv(np.stack(columns, axis=2))
    assert change[:, 1, 1] == pytest.approx(true["exx"], abs=1e-6)
    assert change[:, 0, 0] == pytest.approx(true["eyy"], abs=1e-6)
    assert -(change[:, 0, 1] + change[:, 1, 0]) / 2 == pytest.approx(true["exy"], abs=1e-6)
    assert np.degrees(change[:, 1, 0] - change[:, 0, 1]) / 2 == pytest.approx(true["rotation"], abs=1e-4)


@pytest.mark.parametrize("name", ["square", "hexagonal"])
def test_strain_of_an_edge_dislocation_is_the_elastic_solution_but_for_the_core(name: str) -> None:
    perfect, _ = PROTOTYPES[name].scaled(SPACING).tile((600, 600), 0, 0)
    moved = edge_dislocation(perfect, SPACING, CENTRE)
    found = strain(moved, fit_lattice(moved), reference=fit_lattice(perfect).cells[0].vectors)
    true = edge_dislocation_strain(moved, SPACING, CENTRE)
    away = np.hypot(*(moved - CENTRE).T)
    chosen = (away > 3 * SPACING) & (away < 280)  # the slip plane is among them
    for component in COMPONENTS:
        off = getattr(found, component)[chosen] - true[component][chosen]
        assert np.isfinite(off).all()
        assert np.sqrt(np.mean(off**2)) < 0.1 * np.sqrt(np.mean(true[component][chosen] ** 2))


def test_twenty_thousand_atoms_take_less_than_two_seconds() -> None:
    where, _ = PROTOTYPES["square"].scaled(SPACING).tile((1985, 1985), 0.3, 0)
    where = where + np.random.default_rng(3).normal(0, 0.2, where.shape)
    assert len(where) > 20_000
    began = time.process_time()
    found = strain(where, fit_lattice(where))
    assert time.process_time() - began < 2
    assert np.isfinite(found.exx).mean() > 0.97


def test_an_atom_beside_its_place_is_displaced_by_itself_and_does_not_move_its_neighbours() -> None:
    where, _ = crystal()
    middle = int(np.argmin(np.hypot(*(where - 150).T)))
    moved = where.copy()
    moved[middle] += [1.0, -2.0]
    fits = local_fits(moved, fit_lattice(moved))
    assert fits.displacement[middle] == pytest.approx([1.0, -2.0], abs=1e-6)
    others = np.delete(fits.displacement, middle, axis=0)
    assert np.nanmax(np.abs(others)) < 0.6


def test_the_polarisation_of_four_domains_is_the_true_displacement() -> None:
    simulated, true = polar_domains(size=400)
    truth = simulated.truth
    where = truth.positions_nm + np.random.default_rng(4).normal(0, 0.002, truth.positions.shape)
    found = polarisation(where, fit_lattice(where, truth.classes))
    assert found.corners == 4
    known = np.isfinite(found.vectors).all(axis=1)
    assert np.array_equal(np.unique(truth.classes[known]), [1])
    assert known.sum() > 0.85 * (truth.classes == 1).sum()
    slope = float((found.vectors[known] * true[known]).sum() / (true[known] ** 2).sum())
    assert slope == pytest.approx(1, abs=0.05)
    spread = (found.vectors - true)[known].std()
    assert np.median(found.sd[known]) == pytest.approx(spread, rel=0.25)


def test_a_crystal_polarised_everywhere_is_not_taken_for_an_unpolarised_one() -> None:
    where, sites = crystal("perovskite 100")
    moved = where + np.where(sites[:, None] == 1, [0.8, -0.5], 0.0)
    found = polarisation(moved, fit_lattice(moved, sites))
    known = np.isfinite(found.vectors).all(axis=1)
    assert found.vectors[known] == pytest.approx(np.tile([0.8, -0.5], (known.sum(), 1)), abs=1e-6)
    assert found.size[known] == pytest.approx(np.hypot(0.8, 0.5))
    assert found.angle[known] == pytest.approx(np.degrees(np.arctan2(-0.8, -0.5)))


def test_a_missing_corner_does_not_displace_the_centre() -> None:
    where, sites = crystal("perovskite 100")
    corner = int(np.argmin(np.hypot(*(where - 150).T) + 1e3 * (sites == 1)))
    kept = np.arange(len(where)) != corner
    found = polarisation(where[kept], fit_lattice(where[kept], sites[kept]))
    near = (np.hypot(*(where[kept] - where[corner]).T) < 1.2 * SPACING) & (sites[kept] == 1)
    assert near.sum() == 4
    assert found.vectors[near] == pytest.approx(np.zeros((4, 2)), abs=1e-6)


def test_polarisation_needs_two_sublattices() -> None:
    where, sites = crystal("perovskite 100")
    with pytest.raises(BadAtoms, match="one sublattice"):
        polarisation(where, fit_lattice(where))
    both = fit_lattice(where, sites)
    for centre, cage in ((0, 0), (2, 0), (1, -1)):
        with pytest.raises(BadOption, match="Choose two different"):
            polarisation(where, both, centre=centre, cage=cage)


def test_wrong_references_and_reach_are_refused() -> None:
    where, _ = crystal()
    lattice = fit_lattice(where)
    with pytest.raises(BadAtoms, match="0 atoms of grain 0"):
        strain(where, lattice, reference=np.zeros(len(where), bool))
    with pytest.raises(BadOption, match="one line"):
        strain(where, lattice, reference=np.array([[1.0, 2.0], [2.0, 4.0]]))
    with pytest.raises(BadOption, match="shape"):
        strain(where, lattice, reference=np.zeros(3, bool))
    with pytest.raises(BadOption, match=r"0\.5 cells"):
        local_fits(where, lattice, reach=0.5)
    with pytest.raises(BadAtoms, match="3 positions"):
        local_fits(where[:3], lattice)
    with pytest.raises(BadAtoms, match=r"shape \(\d+, 3\)"):
        strain(np.column_stack([where, where[:, 0]]), lattice)
    with pytest.raises(BadAtoms, match="finite"):
        strain(np.where(np.arange(len(where))[:, None] == 4, np.nan, where), lattice)


def test_lists_are_taken_as_arrays_are() -> None:
    where, _ = crystal()
    lattice = fit_lattice(where)
    vectors = lattice.cells[0].vectors
    of_arrays, of_lists = (
        strain(positions, lattice, reference=reference)
        for positions, reference in ((where, vectors), (where.tolist(), vectors.tolist()))
    )
    np.testing.assert_array_equal(of_lists.exx, of_arrays.exx)


def test_a_cage_of_two_corners_tells_the_displacement_of_the_atom_between_them() -> None:
    cage, _ = crystal(angle=0.3, side=200)
    along = fit_lattice(cage).cells[0].vectors[0]
    moved = np.array([0.5, -0.3])
    where = np.concatenate([cage, cage + 0.5 * along + moved])
    lattice = fit_lattice(where, np.repeat([0, 1], len(cage)))
    found = polarisation(where, lattice)
    known = np.isfinite(found.vectors).all(axis=1)
    assert found.corners == 2
    assert known.sum() > 0.8 * len(cage)
    assert found.vectors[known] == pytest.approx(np.tile(moved, (known.sum(), 1)), abs=1e-6)

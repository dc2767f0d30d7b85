"""Structures have the spacings, angles and compositions that crystallography gives them."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_atomai.errors import BadOption, MissingExtra, UnknownOption
from napari_atomai.simulate import boundaries, defects, structures, supports
from napari_atomai.simulate.unit_cells import CRYSTALS, SHEETS

pytest.importorskip("ase")

SMALL = (20.0, 24.0)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def flat_spacing(atoms: structures.Atoms) -> float:
    """Shortest distance between columns in the plane."""
    points = np.unique(np.round(atoms.positions[:, :2], 3), axis=0)
    return float(np.asarray(cKDTree(points).query(points, k=[2])[0]).min())


def shortest_bond(positions: NDArray[np.float64]) -> float:
    return float(np.asarray(cKDTree(positions).query(positions, k=[2])[0]).min())


@pytest.mark.parametrize(
    ("material", "zone_axis", "spacing"),
    [
        ("Au", (0, 0, 1), 4.078 / 2),
        ("Au", (1, 1, 1), 4.078 / np.sqrt(6)),
        ("Fe", (0, 0, 1), 2.87 / np.sqrt(2)),
        ("Si", (1, 1, 0), 5.43 / 4),
        ("SrTiO3", (0, 0, 1), 3.905 / 2),
    ],
)
def test_columns_along_a_zone_axis_are_as_far_apart_as_geometry_says(
    material: str, zone_axis: structures.Direction, spacing: float
) -> None:
    atoms = structures.crystal(material, zone_axis, SMALL, 30)
    assert flat_spacing(atoms) == pytest.approx(spacing, abs=0.01)


@pytest.mark.parametrize("name", [*CRYSTALS, "Au", "Fe", "Si", "Mg"])
def test_a_crystal_has_the_density_of_its_unit_cell_and_no_atoms_on_top_of_each_other(name: str) -> None:
    cell = structures.unit_cell(name)
    atoms = structures.crystal(cell, (0, 0, 1), (30, 30), 60)
    volume = (30 + 2 * structures.MARGIN) ** 2 * 60
    assert len(atoms) / volume == pytest.approx(len(cell) / cell.get_volume(), rel=0.15)
    assert shortest_bond(atoms.positions) > 1.3


@pytest.mark.parametrize(("name", "formula"), [("MgAl2O4", "Al16Mg8O32"), ("YBa2Cu3O7", "Ba2Cu3O7Y")])
def test_a_unit_cell_has_its_stoichiometry(name: str, formula: str) -> None:
    assert structures.unit_cell(name).get_chemical_formula() == formula


def test_a_frame_is_filled_beyond_its_border_and_to_its_thickness() -> None:
    atoms = structures.crystal("SrTiO3", (0, 0, 1), (20, 40), 30, angle=13)
    x, y, z = atoms.positions.T
    assert structures.frame_of(atoms) == (20, 40, 30)
    for values, length in ((x, 40), (y, 20)):
        assert -structures.MARGIN - 0.01 <= values.min() < -1
        assert length + 1 < values.max() <= length + structures.MARGIN + 0.01
    assert z.min() == pytest.approx(0, abs=0.01)
    assert 27 < z.max() < 30


def test_turning_a_crystal_turns_its_columns_about_the_middle() -> None:
    straight = structures.crystal("Au", (0, 0, 1), SMALL, 4)
    turned = structures.crystal("Au", (0, 0, 1), SMALL, 4, angle=30)
    middle = np.array([12.0, 10.0])
    c, s = np.cos(np.pi / 6), np.sin(np.pi / 6)
    expected = (straight.positions[:, :2] - middle) @ np.array([[c, s], [-s, c]]) + middle
    inner = np.linalg.norm(expected - middle, axis=1) < 8
    gaps = np.asarray(cKDTree(turned.positions[:, :2]).query(expected[inner])[0])
    assert gaps.max() < 1e-6


@pytest.mark.parametrize("name", SHEETS)
def test_a_sheet_is_one_layer_with_the_spacing_of_its_lattice(name: str) -> None:
    atoms = structures.sheet(name, SMALL, angle=8)
    assert np.ptp(atoms.positions[:, 2]) == pytest.approx(np.ptp([z for _, (_, _, z) in SHEETS[name].sites]))
    assert flat_spacing(atoms) == pytest.approx(SHEETS[name].a / np.sqrt(3), abs=0.01)


def test_coincidence_angles_are_those_of_the_tables() -> None:
    assert boundaries.coincidence_angle((0, 0, 1), 3, 1) == (pytest.approx(36.87, abs=0.01), 5)
    assert boundaries.coincidence_angle((1, 1, 0), 2, 1) == (pytest.approx(70.53, abs=0.01), 3)
    assert boundaries.coincidence_angle((1, 1, 1), 3, 1) == (pytest.approx(60.0, abs=0.01), 3)


def test_a_coincidence_boundary_shares_columns_of_both_grains() -> None:
    angle, sigma = boundaries.coincidence_angle((0, 0, 1), 3, 1)
    left, right = (structures.crystal("Fe", (0, 0, 1), (60, 60), 2.5, angle=a / 2) for a in (angle, -angle))
    gaps = np.asarray(cKDTree(right.positions[:, :2]).query(left.positions[:, :2])[0])
    assert (gaps < 0.01).mean() == pytest.approx(1 / sigma, rel=0.25)


def test_grains_lie_on_their_sides_and_do_not_run_into_each_other() -> None:
    atoms = boundaries.grain_boundary("Fe", 25, size=(40, 40), thickness=6, closest=1.2)
    grains = atoms.get_array("grains")
    assert atoms.positions[grains == 0, 0].max() < 20 <= atoms.positions[grains == 1, 0].min()
    first, second = (atoms.positions[grains == grain, :2] for grain in (0, 1))
    assert np.asarray(cKDTree(first).query(second)[0]).min() >= 1.2


@pytest.mark.parametrize("shape", structures._SHAPES)
def test_a_particle_has_the_bond_of_its_metal_and_about_the_diameter_asked_for(shape: str) -> None:
    particle = structures.nanoparticle("Au", shape, 30)  # type: ignore[arg-type]
    assert 0.6 < np.ptp(particle.positions, axis=0).max() / 30 < 1.45
    # ASE shortens the radial bonds of an icosahedron's shells by some per cent.
    assert shortest_bond(particle.positions) == pytest.approx(4.078 / np.sqrt(2), rel=0.06)
    height, width, _ = structures.frame_of(particle)
    assert particle.positions.mean(axis=0)[:2] == pytest.approx([width / 2, height / 2], abs=2.0)


def test_vacancies_and_dopants_change_the_share_asked_for(rng: np.random.Generator) -> None:
    sheet = structures.sheet("MoS2", (60, 60))
    sulphur = (sheet.numbers == 16).sum()
    missing = defects.vacancies(sheet, "S", 0.1, rng)
    assert (missing.numbers == 16).sum() == sulphur - round(0.1 * sulphur)
    assert (missing.numbers == 42).sum() == (sheet.numbers == 42).sum()
    alloy = defects.substitute(sheet, "Mo", "W", 0.25, rng)
    assert (alloy.numbers == 74).sum() == round(0.25 * (sheet.numbers == 42).sum())
    np.testing.assert_array_equal(alloy.positions, sheet.positions)


def test_the_structure_given_to_a_defect_stays_what_it_was(rng: np.random.Generator) -> None:
    sheet = structures.sheet("graphene", SMALL)
    numbers, positions = sheet.numbers.copy(), sheet.positions.copy()
    defects.substitute(sheet, "C", "Si", 0.2, rng)
    defects.stone_wales(sheet, (10, 10))
    defects.adatoms(sheet, "Si", 2, rng)
    np.testing.assert_array_equal(sheet.numbers, numbers)
    np.testing.assert_array_equal(sheet.positions, positions)


def test_a_turned_bond_keeps_the_atoms_three_bonds_each() -> None:
    sheet = defects.stone_wales(structures.sheet("graphene", (40, 40)), (20, 20))
    inner = np.linalg.norm(sheet.positions[:, :2] - 20, axis=1) < 15
    near = cKDTree(sheet.positions).query_ball_point(sheet.positions[inner], 1.8, return_length=True)
    assert (near == 4).all()  # itself and three
    moved = sheet.positions - structures.sheet("graphene", (40, 40)).positions
    assert np.linalg.norm(moved, axis=1).max() > 0.7


def test_adatoms_sit_above_atoms_of_the_surface(rng: np.random.Generator) -> None:
    sheet = structures.sheet("graphene", (40, 40))
    more = defects.adatoms(sheet, "Cu", 5, rng, height=2.0)
    added = more[more.numbers == 29]
    gaps, hosts = cKDTree(sheet.positions[:, :2]).query(added.positions[:, :2])
    assert len(added) == 5
    assert np.asarray(gaps).max() < 1e-9
    np.testing.assert_allclose(added.positions[:, 2] - sheet.positions[hosts, 2], 2.0)


def test_holes_edges_and_wedges_take_away_what_lies_there(rng: np.random.Generator) -> None:
    atoms = structures.crystal("Au", (0, 0, 1), (40, 60), 40)
    holed = defects.hole(atoms, (10, 45), 6)
    assert np.hypot(holed.positions[:, 1] - 10, holed.positions[:, 0] - 45).min() > 6
    ended = defects.edge(atoms, 0.25)
    assert ended.positions[:, 0].max() < 15
    ragged = defects.edge(atoms, 0.5, rng, ragged=3.0)
    ends = [ragged.positions[np.abs(ragged.positions[:, 1] - y) < 2, 0].max() for y in (5, 15, 25, 35)]
    assert np.ptp(ends) > 1
    thin = defects.wedge(atoms, 0.25)
    left, right = thin.positions[:, 0] < 5, thin.positions[:, 0] > 55
    assert thin.positions[left, 2].max() > 35
    assert thin.positions[right, 2].max() < 14


def test_a_support_is_as_dense_as_asked_and_its_atoms_a_bond_apart(rng: np.random.Generator) -> None:
    carbon = supports.amorphous((30, 30), 20, rng, density=0.08)
    volume = (30 + 2 * structures.MARGIN) ** 2 * 20
    assert len(carbon) / volume == pytest.approx(0.08, rel=0.1)
    assert shortest_bond(carbon.positions) >= 1.35
    assert (carbon.get_tags() == supports.SUPPORT).all()


def test_single_atoms_lie_on_their_support_apart_from_each_other(rng: np.random.Generator) -> None:
    atoms = supports.single_atoms(supports.amorphous((50, 50), 8, rng), "Pt", 30, rng, clustered=0.6)
    single = atoms[atoms.get_tags() == 0]
    assert len(single) == 30
    assert shortest_bond(single.positions) >= 3.0
    assert single.positions[:, 2].min() > atoms[atoms.get_tags() == 1].positions[:, 2].max()


def test_points_are_left_out_only_when_one_nearer_was_kept() -> None:
    chain = np.column_stack([np.arange(10.0), np.zeros(10)])
    np.testing.assert_array_equal(defects.apart(chain, 1.5), [0, 2, 4, 6, 8])


def test_the_same_stream_makes_the_same_structure() -> None:
    first, second = (supports.amorphous((20, 20), 10, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first.positions, second.positions)


def test_what_cannot_be_built_is_refused(rng: np.random.Generator) -> None:
    sheet = structures.sheet("MoS2", SMALL)
    with pytest.raises(UnknownOption, match="Did you mean 'SrTiO3'"):
        structures.unit_cell("SrTi03")
    with pytest.raises(UnknownOption, match="graphene"):
        structures.sheet("graphen")
    with pytest.raises(UnknownOption, match="shape"):
        structures.nanoparticle("Au", "cube")  # type: ignore[arg-type]
    with pytest.raises(UnknownOption, match="fcc metal"):
        structures.nanoparticle("Fe")
    with pytest.raises(BadOption, match="0 0 0"):
        structures.crystal("Au", (0, 0, 0))
    with pytest.raises(BadOption, match="above 0"):
        structures.crystal("Au", size=(0, 10))
    with pytest.raises(BadOption, match="no coincidence"):
        boundaries.coincidence_angle((0, 0, 1), 2, 2)
    with pytest.raises(UnknownOption, match="Se"):
        defects.vacancies(sheet, "Se", 0.1, rng)
    with pytest.raises(BadOption, match=r"1\.5"):
        defects.vacancies(sheet, "S", 1.5, rng)
    with pytest.raises(BadOption, match="without random numbers"):
        defects.edge(sheet, ragged=1.0)
    with pytest.raises(BadOption, match="fit"):
        supports.amorphous(SMALL, 2, rng, density=1.0)
    with pytest.raises(BadOption, match="single atoms"):
        supports.single_atoms(supports.amorphous(SMALL, 5, rng), "Pt", 500, rng)


def test_without_ase_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ase", None)
    with pytest.raises(MissingExtra, match="pip install ase"):
        structures.unit_cell("Au")

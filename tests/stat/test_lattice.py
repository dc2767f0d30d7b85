"""Lattices: vectors, sublattices, grains, found among atoms that are missing, displaced or on no lattice."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.errors import BadAtoms, BadOption
from napari_atomai.simulate.lattices import PROTOTYPES
from napari_atomai.stat.lattice.fit import fit_lattice
from napari_atomai.stat.lattice.ordering import split_by_brightness
from napari_atomai.stat.lattice.translations import reduced

SPACING = 14.0


def crystal(name: str, angle: float = 0.2, side: int = 400) -> tuple[np.ndarray, np.ndarray]:
    return PROTOTYPES[name].scaled(SPACING).tile((side, side), angle, 0)


@pytest.mark.parametrize("name", ["square", "hexagonal", "honeycomb", "perovskite 110", "rectangular"])
def test_the_cell_and_its_sublattices_are_found_with_missing_and_displaced_atoms(name: str) -> None:
    rng = np.random.default_rng(5)
    prototype = PROTOTYPES[name].scaled(SPACING)
    where, sites = crystal(name, angle=rng.uniform(0, 2))
    kept = rng.random(len(where)) > 0.08
    where, sites = where[kept] + rng.normal(0, 0.4, (int(kept.sum()), 2)), sites[kept]
    found = fit_lattice(where)
    (cell,) = found.cells
    area = abs(np.linalg.det(cell.vectors))
    assert area == pytest.approx(abs(np.linalg.det(prototype.cell)), rel=0.005)
    assert len(cell.offsets) == len(prototype.motif)
    assert (found.sublattice >= 0).mean() > 0.99
    assert cell.rms == pytest.approx(0.4 * np.sqrt(2), rel=0.1)
    for sublattice in range(len(cell.offsets)):  # each is one site of the motif, and none of the others
        assert len(np.unique(sites[found.sublattice == sublattice])) == 1
    sited = np.column_stack([found.index, found.sublattice])[found.sublattice >= 0]
    assert len(np.unique(sited, axis=0)) == len(sited)


def test_turned_mirrored_and_scaled_atoms_have_the_turned_mirrored_and_scaled_cell() -> None:
    where, _ = crystal("rectangular", angle=0.1)
    a, b = fit_lattice(where).cells[0].lengths
    for moved in (where[:, ::-1], -where, 3.5 * where + 1000):
        again = fit_lattice(moved).cells[0]
        factor = 3.5 if moved.max() > 1000 else 1.0
        assert sorted(again.lengths) == pytest.approx(sorted((factor * a, factor * b)), rel=1e-6)
        assert again.gamma == pytest.approx(90, abs=1e-3)


def test_sites_and_displacements_give_back_the_positions() -> None:
    where, _ = crystal("honeycomb")
    where = where + np.random.default_rng(1).normal(0, 0.3, where.shape)
    found = fit_lattice(where)
    assert found.sites() + found.displacements(where) == pytest.approx(where)
    assert np.abs(found.displacements(where)).max() < 2


def test_a_is_to_the_right_and_b_clockwise_from_it() -> None:
    where, _ = crystal("square", angle=0.1)
    cell = fit_lattice(where).cells[0]
    assert cell.vectors[0, 1] > abs(cell.vectors[0, 0])
    assert cell.vectors[1, 0] > abs(cell.vectors[1, 1])
    assert cell.angle == pytest.approx(np.degrees(np.arctan2(-cell.vectors[0, 0], cell.vectors[0, 1])))
    assert abs(cell.angle) == pytest.approx(np.degrees(0.1), abs=1e-6)


def test_long_and_slanted_vectors_are_reduced_to_the_shortest() -> None:
    short = np.array([[1.0, 10.0], [12.0, -2.0]])
    for steps in ([[1, 0], [5, 1]], [[3, 2], [4, 3]], [[-1, 0], [0, -1]]):
        assert np.abs(reduced(np.array(steps) @ short)) == pytest.approx(np.abs(short))


def test_classes_tell_the_sublattices_of_a_perovskite_apart_and_without_them_the_cell_is_smaller() -> None:
    where, sites = crystal("perovskite 100")
    two, one = fit_lattice(where, sites), fit_lattice(where, sites, by="position")
    assert np.array_equal(two.sublattice, sites)
    assert two.cells[0].offsets[1] == pytest.approx([0.5, 0.5], abs=1e-6)
    ratio = np.linalg.det(two.cells[0].vectors) / np.linalg.det(one.cells[0].vectors)
    assert ratio == pytest.approx(2)


def test_dopants_of_another_class_and_an_alloy_sit_on_the_lattice_of_the_others() -> None:
    where, _ = crystal("honeycomb")
    for share in (0.03, 0.5):
        classes = (np.random.default_rng(2).random(len(where)) < share).astype(int)
        found = fit_lattice(where, classes)
        assert (found.sublattice >= 0).all()
        assert len(found.cells[0].offsets) == 2
        assert np.linalg.norm(found.cells[0].vectors, axis=1) == pytest.approx(SPACING * np.sqrt(3), rel=1e-6)


@pytest.mark.parametrize("share", [0.3, 0.5])
@pytest.mark.parametrize("side", [6, 9, 16])
def test_a_small_random_alloy_has_the_cell_of_its_positions(share: float, side: int) -> None:
    area = SPACING**2
    for seed in range(4):
        rng = np.random.default_rng(seed)
        where = SPACING * np.stack(np.meshgrid(*[np.arange(float(side))] * 2), -1).reshape(-1, 2)
        where = where + rng.normal(0, 0.3, where.shape)
        found = fit_lattice(where, (rng.random(len(where)) < share).astype(int))
        assert abs(np.linalg.det(found.cells[0].vectors)) == pytest.approx(area, rel=0.02)
        assert (found.sublattice == 0).all()


def test_a_small_ordered_crystal_keeps_its_classes_as_sublattices() -> None:
    where, sites = PROTOTYPES["perovskite 100"].scaled(SPACING).tile((75, 75), 0.2, 0)
    found = fit_lattice(where, sites)
    assert len(where) < 40
    assert np.array_equal(found.sublattice, sites)


def test_few_atoms_whose_classes_may_be_ordered_by_chance_are_told_so() -> None:
    notes = {}
    for side in (60, 150):
        where, sites = PROTOTYPES["perovskite 100"].scaled(SPACING).tile((side, side), 0.2, 0)
        notes[len(where)] = fit_lattice(where, sites).notes
    few, many = notes.values()
    assert "with a chance of 0.001" in few[0]
    assert many == ()


def test_bright_and_dim_columns_in_turn_become_two_sublattices() -> None:
    where, sites = crystal("perovskite 100")
    rng = np.random.default_rng(3)
    bright = np.where(sites == 0, 1.0, 0.6) * rng.normal(1, 0.08, len(sites)) * (1 + where[:, 0] / 2000)
    found = split_by_brightness(fit_lattice(where), where, bright)
    assert np.array_equal(found.sublattice, sites)
    assert found.cells[0].lengths == pytest.approx([SPACING * np.sqrt(2)] * 2, rel=1e-6)
    assert "take turns" in found.notes[-1]
    assert np.abs(found.displacements(where)).max() < 1e-6


def test_rows_of_bright_columns_double_the_cell_across_them_only() -> None:
    where, _ = crystal("square", angle=0.1)
    plain = fit_lattice(where)
    found = split_by_brightness(plain, where, (plain.index[:, 1] % 2).astype(float))
    assert found.cells[0].lengths == pytest.approx([SPACING, 2 * SPACING], rel=1e-6)


def test_brightness_without_order_changes_nothing() -> None:
    where, _ = crystal("square")
    plain = fit_lattice(where)
    noise = np.random.default_rng(4).normal(1, 0.3, len(where))
    assert split_by_brightness(plain, where, noise).cells == plain.cells
    assert split_by_brightness(plain, where, np.ones(len(where))).cells == plain.cells


def test_grains_are_told_apart_and_said() -> None:
    left, right = crystal("square", 0.1)[0], crystal("square", 0.5)[0]
    where = np.concatenate([left[left[:, 1] < 195], right[right[:, 1] > 205]])
    found = fit_lattice(where)
    assert len(found.cells) == 2
    true = (where[:, 1] > 200).astype(int)
    agree = (found.grain == true).mean()
    assert max(agree, 1 - agree) > 0.97
    turned = abs(found.cells[1].angle - found.cells[0].angle)
    assert turned == pytest.approx(np.degrees(0.4), abs=0.05)
    assert any("2 grains" in note for note in found.notes)


def test_a_shifted_domain_is_no_sublattice() -> None:
    where, _ = crystal("honeycomb")
    where = where[np.abs(where[:, 1] - 200) > 8]
    where[where[:, 1] > 200] += [6.0, 3.0]
    found = fit_lattice(where)
    assert len(found.cells) == 2
    assert [len(cell.offsets) for cell in found.cells] == [2, 2]
    assert abs(found.cells[1].angle - found.cells[0].angle) < 0.1


def test_holes_and_atoms_on_no_lattice_do_not_lead_astray() -> None:
    rng = np.random.default_rng(6)
    where, _ = crystal("honeycomb")
    where = where[np.hypot(*(where - 200).T) > 80]
    dirt = rng.uniform(130, 270, (25, 2))
    found = fit_lattice(np.concatenate([where, dirt]))
    (cell,) = found.cells
    assert (found.sublattice[: len(where)] >= 0).all()
    assert cell.rms < 0.6
    assert len(cell.offsets) == 2


def test_a_bent_crystal_is_followed_and_said() -> None:
    where, _ = crystal("square", 0.0)
    middle = where - 200
    turn = 0.15 * middle[:, 1] / 200
    bent = np.stack(
        [
            middle[:, 0] * np.cos(turn) + middle[:, 1] * np.sin(turn / 2),
            middle[:, 1] * np.cos(turn / 2) - middle[:, 0] * np.sin(turn),
        ],
        axis=1,
    )
    found = fit_lattice(bent)
    assert (found.sublattice >= 0).mean() > 0.98
    assert any("bent" in note for note in found.notes)


@pytest.mark.parametrize("kind", ["scattered", "amorphous", "line"])
def test_atoms_on_no_lattice_are_refused_in_words(kind: str) -> None:
    rng = np.random.default_rng(7)
    where = rng.uniform(0, 400, (700, 2))
    if kind == "amorphous":
        kept: list[np.ndarray] = []
        for place in rng.uniform(0, 300, (3000, 2)):
            if not kept or np.hypot(*(np.array(kept) - place).T).min() > 12:
                kept.append(place)
        where = np.array(kept)
    if kind == "line":
        where = np.stack([np.zeros(40), np.arange(40) * 10.0], axis=1)
    with pytest.raises(BadAtoms, match="lie on no lattice"):
        fit_lattice(where)


def test_too_few_atoms_doubles_and_wrong_tables_are_refused() -> None:
    for where, said in (
        (np.empty((0, 2)), "There are 0 atoms"),
        (np.zeros((5, 2)), "There are 5 atoms"),
        (np.zeros((20, 2)), "on top of another"),
        (np.full((20, 2), np.nan), "20 of 20 positions are not numbers"),
        (np.zeros((20, 3)), r"shape \(20, 3\)"),
    ):
        with pytest.raises(BadAtoms, match=said):
            fit_lattice(where)
    with pytest.raises(BadOption, match="sideways"):
        fit_lattice(crystal("square")[0], by="sideways")  # type: ignore[arg-type]


def test_nine_atoms_are_enough() -> None:
    where = np.stack(np.meshgrid(*[np.arange(3) * 10.0] * 2), -1).reshape(-1, 2)
    found = fit_lattice(where)
    assert found.cells[0].lengths == pytest.approx((10, 10))
    assert (found.sublattice == 0).all()


def test_the_order_of_the_atoms_changes_nothing() -> None:
    where, sites = crystal("perovskite 110")
    where = where + np.random.default_rng(8).normal(0, 0.3, where.shape)
    mixed = np.random.default_rng(9).permutation(len(where))
    one, other = fit_lattice(where, sites), fit_lattice(where[mixed], sites[mixed])
    assert one.cells[0].vectors == pytest.approx(other.cells[0].vectors, abs=1e-6)
    assert np.array_equal(one.sublattice[mixed], other.sublattice)

"""Each kind of defect, built atom by atom or from the centres of its rings, is found and named."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import Delaunay, cKDTree

from napari_atomai.graphx import Defect, find_bonds, find_defects, find_rings
from napari_atomai.graphx.defects import summary
from napari_atomai.simulate.samples import _relaxed, stone_wales

BOND = 1.42
APART = np.sqrt(3) * BOND
NOISES = (0.0, 0.05)


def centres_of(rows: int, cols: int) -> np.ndarray:
    """Return the ring centres of a honeycomb: a triangular lattice around (0, 0)."""
    i, j = np.indices((2 * rows + 1, 2 * cols + 1)).reshape(2, -1) - np.array([[rows], [cols]])
    return np.column_stack([i * np.sqrt(0.75), j + 0.5 * (i % 2)]) * APART


def sheet(centres: np.ndarray) -> np.ndarray:
    """Put an atom between each three neighbouring rings: a ring has as many members as neighbours."""
    triangles = Delaunay(centres)
    sides = centres[triangles.simplices[:, [1, 2, 0]]] - centres[triangles.simplices]
    real = np.linalg.norm(sides, axis=2).max(axis=1) < 1.6 * APART  # not the slivers along the border
    number = np.cumsum(real) - 1
    one, side = np.nonzero(triangles.neighbors > np.arange(len(real))[:, None])
    other = triangles.neighbors[one, side]
    both = real[one] & real[other]
    bonds = np.stack([number[one[both]], number[other[both]]], axis=1)
    return _relaxed(centres[triangles.simplices[real]].mean(axis=1), bonds, BOND)


def found(where: np.ndarray, noise: float, inside: float = 14.0) -> list[Defect]:
    """Return the defects that lie well inside."""
    where = where + np.random.default_rng(1).normal(0, noise, where.shape)
    middle = (where.min(axis=0) + where.max(axis=0)) / 2
    reach = np.ptp(where, axis=0) / 2 - inside / 2
    defects = find_defects(find_rings(find_bonds(where)), usual=6)
    return [each for each in defects if (np.abs(each.position - middle) < reach).all()]


def divacancy(where: np.ndarray) -> np.ndarray:
    """Take two neighbours out; the four atoms around them bond two by two, to 5-8-5."""
    tree = cKDTree(where)
    pairs = tree.query_pairs(1.2 * BOND, output_type="ndarray")
    one, other = pairs[np.linalg.norm(where[pairs].mean(axis=1), axis=1).argmin()]
    around = [np.setdiff1d(pairs[(pairs == atom).any(axis=1)], [one, other]) for atom in (one, other)]
    left = np.setdiff1d(np.arange(len(where)), [one, other])
    bonds = np.concatenate([pairs[~np.isin(pairs, [one, other]).any(axis=1)], around])
    return _relaxed(where[left], np.searchsorted(left, bonds), BOND)


@pytest.mark.parametrize("noise", NOISES)
def test_a_turned_bond_is_a_stone_wales_defect(noise: float) -> None:
    (defect,) = found(stone_wales(sheet(centres_of(7, 7)), BOND, np.zeros(2)), noise)
    assert (defect.kind, defect.signature) == ("Stone-Wales", "5-5-7-7")
    assert np.linalg.norm(defect.position) < 2


@pytest.mark.parametrize("noise", NOISES)
def test_a_missing_atom_is_a_vacancy(noise: float) -> None:
    where = sheet(centres_of(7, 7))
    lost = int(np.linalg.norm(where, axis=1).argmin())
    (defect,) = found(np.delete(where, lost, axis=0), noise)
    assert (defect.kind, defect.signature) == ("vacancy", "12")
    assert np.linalg.norm(defect.position - where[lost]) < 0.3


@pytest.mark.parametrize("noise", NOISES)
def test_two_missing_neighbours_whose_partners_bond_are_585(noise: float) -> None:
    (defect,) = found(divacancy(sheet(centres_of(7, 7))), noise)
    assert (defect.kind, defect.signature) == ("divacancy (5-8-5)", "5-5-8")


@pytest.mark.parametrize("noise", NOISES)
def test_a_turned_bond_of_its_octagon_makes_it_555_777(noise: float) -> None:
    where = divacancy(sheet(centres_of(7, 7)))
    rings = find_rings(find_bonds(where))
    octagon = int(np.flatnonzero(rings.sizes == 8)[0])
    members = rings.members(octagon)
    middles = (where[members] + where[np.roll(members, -1)]) / 2
    pentagons = rings.centres[rings.sizes == 5]
    far = np.linalg.norm(middles[:, None] - pentagons, axis=2).min(axis=1).argmax()
    (defect,) = found(stone_wales(where, BOND, middles[far]), noise)
    assert (defect.kind, defect.signature) == ("divacancy (555-777)", "5-5-5-7-7-7")


@pytest.mark.parametrize("noise", NOISES)
def test_a_tilt_of_22_degrees_between_two_grains_is_one_grain_boundary(noise: float) -> None:
    angle = np.arccos(13 / 14) / 2  # half of 21.8 degrees: every seventh place is common to both
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    whole = centres_of(20, 20) @ turn
    whole = whole[np.abs(whole[:, 0]) < 26]
    # The one grain is the other's mirror image in column 0, where every seventh place is common to both.
    common = whole[np.abs(whole[:, 1]) < 1e-6]
    grain = whole[(whole[:, 1] > 0.3 * APART) & (whole[:, 1] < 22)]
    defects = found(sheet(np.concatenate([grain, grain * [1, -1], common])), noise)
    assert summary(defects) == {"grain boundary": 1}
    sizes = defects[0].signature.split("-")
    assert (sizes.count("5"), sizes.count("7")) == (7, 7)  # and one ring at its end, cut by the border
    assert defects[0].extent > 40


def test_an_undisturbed_sheet_has_no_defect() -> None:
    assert found(sheet(centres_of(7, 7)), 0.05) == []


def test_two_tilted_square_lattices_meet_in_one_grain_boundary_and_a_hole_is_none() -> None:
    grid = (
        np.stack(np.meshgrid(np.arange(-30, 31), np.arange(-30, 31), indexing="ij"), -1).reshape(-1, 2) * 2.64
    )
    halves = []
    for sign in (-1, 1):
        angle = np.deg2rad(sign * 18)
        turned = grid @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        turned[:, 1] += 0.25 * (sign + 1)  # the grains do not mirror each other
        inside = (np.abs(turned[:, 1]) < 45) & (sign * turned[:, 0] > 0.7) & (sign * turned[:, 0] < 30)
        halves.append(turned[inside])
    where = np.concatenate(halves)
    hole = np.linalg.norm(where - (18, 10), axis=1).argmin()
    rings = find_rings(find_bonds(np.delete(where, hole, axis=0), "Fe"))
    inner = [d for d in find_defects(rings) if (np.abs(d.position) < (24, 38)).all()]
    boundary = [d for d in inner if d.kind == "grain boundary"]
    assert len(boundary) == 1
    assert boundary[0].extent > 60
    assert abs(boundary[0].position[0]) < 2
    assert [d.kind for d in inner if np.linalg.norm(d.position - where[hole]) < 1] == ["other"]

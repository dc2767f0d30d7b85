"""Bonds, rings and defects against structures whose every ring is known, and against brute force."""

from __future__ import annotations

import itertools
from functools import lru_cache

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import Delaunay

from napari_atomai.errors import BadAtoms, BadOption, UnknownOption
from napari_atomai.graphx import Bonds, Rings, estimated_scale, find_bonds, find_defects, find_rings
from napari_atomai.graphx.crossings import crossing_pairs
from napari_atomai.graphx.radii import COVALENT_RADII
from napari_atomai.simulate.samples import stone_wales

BOND = 1.42


def honeycomb(rows: int, cols: int) -> np.ndarray:
    motif = np.array([[0, 0], [0, 1], [np.sqrt(3) / 2, 1.5], [np.sqrt(3) / 2, 2.5]])
    corners = np.stack(np.meshgrid(np.arange(rows) * np.sqrt(3), np.arange(cols) * 3, indexing="ij"), -1)
    where = (corners.reshape(-1, 1, 2) + motif).reshape(-1, 2) * BOND
    while ((bonds := find_bonds(where)).coordination < 2).any():
        where = where[bonds.coordination >= 2]
    return where


@lru_cache
def defective(seed: int) -> np.ndarray:
    """Return a honeycomb with eight Stone-Wales defects and four vacancies."""
    where = honeycomb(32, 19)
    low, high = where.min(axis=0) + 10, where.max(axis=0) - 10
    axes = [np.linspace(low[0], high[0], 4), np.linspace(low[1], high[1], 3)]
    centres = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    centres = np.random.default_rng(seed).permutation(centres)
    for centre in centres[:8]:
        where = stone_wales(where, BOND, centre)
    gone = [np.linalg.norm(where - centre, axis=1).argmin() for centre in centres[8:]]
    where = np.delete(where, gone, axis=0)
    where.flags.writeable = False  # several tests share it
    return where


def as_sets(rings: Rings) -> set[frozenset[int]]:
    return {frozenset(rings.members(i).tolist()) for i in range(len(rings))}


def test_the_radii_are_those_of_cordero() -> None:
    data = pytest.importorskip("ase.data")
    theirs = {
        s: float(r) for s, r in zip(data.chemical_symbols[1:97], data.covalent_radii[1:97], strict=True)
    }
    assert dict(COVALENT_RADII) == pytest.approx(theirs)


@pytest.mark.parametrize("noise", [0.03, 0.06, 0.1])
def test_every_ring_of_a_defective_sheet_survives_the_noise_of_positions(noise: float) -> None:
    where = defective(0)
    built = find_rings(find_bonds(where))
    assert built.counts() == {5: 16, 6: built.counts()[6], 7: 16, 12: 4}
    for seed in range(2):
        jitter = np.random.default_rng(seed).normal(0, noise, where.shape)
        assert as_sets(find_rings(find_bonds(where + jitter))) == as_sets(built)


@pytest.mark.parametrize("sheet", [1, 3])
def test_every_ring_survives_a_noise_of_012(sheet: int) -> None:
    where = defective(sheet)
    built = as_sets(find_rings(find_bonds(where)))
    for seed in range(4):
        jitter = np.random.default_rng(seed).normal(0, 0.12, where.shape)
        assert as_sets(find_rings(find_bonds(where + jitter))) == built


@pytest.mark.parametrize("length", [1.9, 2.0, 2.1])
def test_a_long_bond_is_kept_in_the_sheet_and_not_made_across_a_vacancy(length: float) -> None:
    sheet = honeycomb(12, 8)
    middle = int(np.linalg.norm(sheet - sheet.mean(axis=0), axis=1).argmin())
    around = np.flatnonzero(np.isclose(np.linalg.norm(sheet - sheet[middle], axis=1), BOND))
    for where, pair in (
        (sheet, [middle, int(around[0])]),
        (np.delete(sheet, middle, axis=0), [int(a) - (a > middle) for a in around[:2]]),
    ):
        moved = where.copy()
        along = where[pair[1]] - where[pair[0]]
        change = (length / np.linalg.norm(along) - 1) / 2 * along
        moved[pair] += np.array([-change, change])
        pairs = find_bonds(moved).pairs.tolist()
        assert (sorted(pair) in pairs) == (where is sheet)


def test_defects_are_named_and_lie_where_they_were_made() -> None:
    where = defective(2)
    defects = find_defects(find_rings(find_bonds(where)))
    assert sorted(d.kind for d in defects) == ["Stone-Wales"] * 8 + ["vacancy"] * 4
    one = next(d for d in defects if d.kind == "Stone-Wales")
    assert one.signature == "5-5-7-7"
    assert 6 < one.extent < 10
    assert np.linalg.norm(where[one.atoms].mean(axis=0) - one.position) < 0.5


def test_a_foreign_atom_is_a_substitution() -> None:
    where = honeycomb(10, 6)
    elements = np.full(len(where), "C", dtype="<U2")
    inner = int(np.argmin(np.linalg.norm(where - where.mean(axis=0), axis=1)))
    elements[inner] = "Si"
    (defect,) = find_defects(find_rings(find_bonds(where, elements)))
    assert (defect.kind, defect.signature) == ("substitution", "Si, 3 bonds")
    assert defect.atoms.tolist() == [inner]
    assert len(defect.rings) == 3


def triangulated(points: np.ndarray, share: float, seed: int) -> Bonds:
    """Return a random part of a triangulation: planar, with dead ends and separate pieces."""
    simplices = Delaunay(points).simplices
    edges = {tuple(sorted(e)) for s in simplices.tolist() for e in itertools.combinations(s, 2)}
    chosen = np.array(sorted(edges))[np.random.default_rng(seed).random(len(edges)) < share].reshape(-1, 2)
    vectors = points[chosen[:, 1]] - points[chosen[:, 0]]
    return Bonds(points, np.full(len(points), "C"), chosen, vectors)


def brute_faces(bonds: Bonds, most: int) -> set[frozenset[int]]:
    """Return the inner faces that networkx's embedding and walking give, bridges taken out first."""
    graph = networkx.Graph(bonds.pairs.tolist())
    graph.remove_edges_from(list(networkx.bridges(graph)))
    around = {
        v: sorted(graph[v], key=lambda w: np.arctan2(*(bonds.positions[w] - bonds.positions[v])))
        for v in graph
    }
    seen, faces = set(), set()
    for start in [*graph.edges, *((b, a) for a, b in graph.edges)]:
        walk, edge = [], start
        while edge not in seen:
            seen.add(edge)
            walk.append(edge[0])
            order = around[edge[1]]
            edge = (edge[1], order[order.index(edge[0]) - 1])
        x, y = bonds.positions[walk].T if walk else (np.zeros(0), np.zeros(0))
        area = float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))
        if 3 <= len(walk) <= most and len(set(walk)) == len(walk) and area < 0:
            faces.add(frozenset(walk))
    return faces


@settings(max_examples=40, deadline=None)
@given(st.integers(4, 60), st.floats(0.4, 1.0), st.integers(0, 10_000))
def test_faces_of_random_planar_graphs_are_those_of_walking_around_them(
    n: int, share: float, seed: int
) -> None:
    bonds = triangulated(np.random.default_rng(seed).random((n, 2)), share, seed)
    if len(bonds):
        assert as_sets(find_rings(bonds)) == brute_faces(bonds, 12)


def brute_primitive(bonds: Bonds, most: int) -> set[frozenset[int]]:
    graph = networkx.Graph(bonds.pairs.tolist())
    steps = dict(networkx.all_pairs_shortest_path_length(graph))
    rings = set()
    for cycle in networkx.simple_cycles(graph, length_bound=most):
        n = len(cycle)
        pairs = itertools.combinations(range(n), 2)
        if all(steps[cycle[i]][cycle[j]] == min(j - i, n - j + i) for i, j in pairs):
            rings.add(tuple(min(_turns(cycle))))
    return rings


def _turns(cycle: list[int]) -> list[list[int]]:
    both = (cycle, cycle[::-1])
    return [each[i:] + each[:i] for each in both for i in range(len(cycle))]


@settings(max_examples=40, deadline=None)
@given(st.integers(4, 12), st.floats(0.15, 0.5), st.integers(0, 10_000))
def test_shortest_path_rings_of_random_graphs_are_those_of_trying_all_cycles(
    n: int, p: float, seed: int
) -> None:
    graph = networkx.gnp_random_graph(n, p, seed=seed)
    pairs = np.array(list(graph.edges), np.int64).reshape(-1, 2)
    points = np.random.default_rng(seed).random((n, 3))
    bonds = Bonds(points, np.full(n, "C"), pairs, points[pairs[:, 1]] - points[pairs[:, 0]])
    rings = find_rings(bonds, "shortest paths", 8)
    found = [tuple(min(_turns(rings.members(i).tolist()))) for i in range(len(rings))]
    assert len(found) == len(set(found))
    assert set(found) == brute_primitive(bonds, 8)


def test_crossing_bonds_give_way_to_shorter_ones() -> None:
    square = np.array([[0.0, 0], [0, 1], [1.1, 1], [1, 0]])
    pairs = np.array([[0, 1], [1, 2], [2, 3], [0, 3], [0, 2], [1, 3]])
    bonds = Bonds(square, np.full(4, "C"), pairs, square[pairs[:, 1]] - square[pairs[:, 0]])
    assert len(crossing_pairs(bonds)) == 1
    rings = find_rings(bonds)
    assert as_sets(rings) == {frozenset({0, 1, 3}), frozenset({1, 2, 3})}
    assert "1 bond(s) crossed" in rings.notes[0]


def test_a_periodic_sheet_has_half_as_many_hexagons_as_atoms_and_no_border() -> None:
    motif = np.array([[0, 0], [0, 1], [np.sqrt(3) / 2, 1.5], [np.sqrt(3) / 2, 2.5]])
    corners = np.stack(np.meshgrid(np.arange(4) * np.sqrt(3), np.arange(3) * 3, indexing="ij"), -1)
    where = (corners.reshape(-1, 1, 2) + motif).reshape(-1, 2) * BOND
    bonds = find_bonds(where, cell=np.diag([4 * np.sqrt(3), 9]) * BOND)
    assert (bonds.coordination == 3).all()
    assert find_rings(bonds).counts() == {6: len(where) // 2}
    np.testing.assert_allclose(find_rings(bonds).areas, 1.5 * np.sqrt(3) * BOND**2)


@pytest.mark.parametrize(
    "change", [lambda p: p[:, ::-1], lambda p: p * [-1, 1], lambda p: p @ _turn(0.7) + 50]
)
def test_turning_or_mirroring_a_sheet_changes_no_ring(change) -> None:  # type: ignore[no-untyped-def]
    where = defective(3)
    assert as_sets(find_rings(find_bonds(change(where)))) == as_sets(find_rings(find_bonds(where)))


def _turn(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def test_a_scale_wrong_by_far_is_refused_at_once_and_one_wrong_by_less_is_said() -> None:
    where = honeycomb(60, 40)
    with pytest.raises(BadOption, match="scale must be wrong"):
        find_bonds(where * 0.3)
    assert any("scale is probably wrong" in note for note in find_bonds(where * 0.65).notes)
    assert "No two atoms are near enough" in find_bonds(where * 5).notes[0]
    assert estimated_scale(where / 0.13, BOND) == pytest.approx(0.13, rel=0.01)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_atoms_have_no_rings(count: int) -> None:
    rings = find_rings(find_bonds(honeycomb(4, 3)[:count]))
    assert len(rings) == 0
    assert find_defects(rings) == []


def test_atoms_on_a_line_and_separate_pieces() -> None:
    line = np.column_stack([np.arange(500) * BOND, np.zeros(500)])
    assert len(find_rings(find_bonds(line))) == 0
    piece = honeycomb(3, 2)
    two = np.concatenate([piece, piece + np.array([0, 100])])
    assert len(find_rings(find_bonds(two))) == 2 * len(find_rings(find_bonds(piece)))


def test_doubled_atoms_are_told_and_break_no_ring() -> None:
    where = honeycomb(6, 4)
    bonds = find_bonds(np.concatenate([where, where[10:11] + 0.05]))
    assert "1 position(s) lie so near" in bonds.notes[0]
    assert find_rings(bonds).counts() == find_rings(find_bonds(where)).counts()


def test_nonsense_is_refused_in_words() -> None:
    with pytest.raises(BadAtoms, match="not finite"):
        find_bonds([[0.0, np.nan]])
    with pytest.raises(UnknownOption, match="Did you mean 'Si'"):
        find_bonds(honeycomb(3, 2), "Sii")
    with pytest.raises(UnknownOption, match="definition"):
        find_rings(find_bonds(honeycomb(3, 2)), "cycles")
    with pytest.raises(BadOption, match="atoms in space"):
        find_rings(find_bonds(np.zeros((3, 3)) + np.arange(3)[:, None]))

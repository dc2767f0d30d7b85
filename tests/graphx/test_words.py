"""Graphs of networkx go out and come back; the words of the paper give what they say."""

from __future__ import annotations

import networkx
import numpy as np
import pytest

from napari_atomai.errors import BadAtoms, BadOption
from napari_atomai.graphx import (
    Graph,
    filter_subgraphs,
    find_bonds,
    find_cycle_clusters,
    find_cycles,
    find_rings,
    from_networkx,
    rings_to_networkx,
    to_networkx,
)
from napari_atomai.simulate.samples import stone_wales

BOND, PX = 1.42, 0.1
ELEMENTS = {0: "C", 1: "Si"}


@pytest.fixture(scope="module")
def where() -> np.ndarray:
    """Return a honeycomb in Å with one Stone-Wales defect near its middle."""
    motif = np.array([[0, 0], [0, 1], [np.sqrt(3) / 2, 1.5], [np.sqrt(3) / 2, 2.5]])
    corners = np.stack(np.meshgrid(np.arange(14) * np.sqrt(3), np.arange(8) * 3, indexing="ij"), -1)
    plain = (corners.reshape(-1, 1, 2) + motif).reshape(-1, 2) * BOND
    return stone_wales(plain, BOND, plain.mean(axis=0))


@pytest.fixture(scope="module")
def table(where: np.ndarray) -> np.ndarray:
    """Return the same as the Segmentor gives it: pixels, and classes."""
    return np.column_stack([where / PX, np.zeros(len(where))])


def test_bonds_come_back_from_networkx_as_they_went(where: np.ndarray) -> None:
    bonds = find_bonds(where, np.where(np.arange(len(where)) % 7, "C", "N"))
    graph = to_networkx(bonds)
    assert graph.number_of_edges() == len(bonds)
    back = from_networkx(graph)
    np.testing.assert_array_equal(back.positions, bonds.positions)
    np.testing.assert_array_equal(back.elements, bonds.elements)
    assert {tuple(p) for p in back.pairs.tolist()} == {tuple(p) for p in np.sort(bonds.pairs).tolist()}
    assert find_rings(back).counts() == find_rings(bonds).counts()


def test_nodes_of_any_name_are_taken_and_those_without_a_place_refused() -> None:
    graph = networkx.cycle_graph(["a", "b", "c", "d", "e", "f"])
    turn = np.linspace(0, 2 * np.pi, 6, endpoint=False)
    for node, angle in zip(graph.nodes, turn, strict=True):
        graph.nodes[node]["pos"] = (BOND * np.sin(angle), BOND * np.cos(angle))
    assert find_rings(from_networkx(graph)).counts() == {6: 1}
    graph.add_node("lost")
    with pytest.raises(BadAtoms, match="1 of 7 nodes"):
        from_networkx(graph)
    assert len(from_networkx(networkx.Graph())) == 0


def test_rings_of_some_sizes_become_a_graph_of_their_atoms(where: np.ndarray) -> None:
    rings = find_rings(find_bonds(where))
    graph = rings_to_networkx(rings, [5, 7])
    assert graph.number_of_nodes() == 16
    assert networkx.number_connected_components(graph) == 1
    assert sorted(size for node in graph for size in graph.nodes[node]["rings"]) == [5] * 10 + [7] * 14


def test_find_cycles_gives_the_atoms_of_each_ring_in_pixels(table: np.ndarray) -> None:
    found = find_cycles(table, 5, ELEMENTS, PX)
    assert found.shape == (10, 3)
    assert {tuple(row) for row in found.tolist()} <= {tuple(row) for row in table.tolist()}
    assert find_cycles(table, [4], ELEMENTS, PX).shape == (0, 3)


def test_find_cycle_clusters_gives_the_defect_as_one_cluster(table: np.ndarray) -> None:
    (cluster,) = find_cycle_clusters(table, [5, 7], ELEMENTS, PX)
    assert cluster.shape == (16, 2)
    assert np.linalg.norm(cluster.mean(axis=0) - table[:, :2].mean(axis=0)) * PX < 2


def test_filter_subgraphs_keeps_the_largest_piece_with_its_classes(table: np.ndarray) -> None:
    silicon = table.copy()
    silicon[3, 2] = 1
    far = silicon[:30] + np.array([0, 900, 0])
    kept = filter_subgraphs({4: np.concatenate([far, silicon])}, ELEMENTS, PX)
    np.testing.assert_array_equal(kept[4], silicon)


def test_the_graph_of_the_paper_knows_neighbours_and_rings(table: np.ndarray) -> None:
    scaled = table * [PX, PX, 1]
    graph = Graph(scaled, ELEMENTS)
    graph.find_neighbors()
    graph.polycount(max_depth=7)
    graph.remove_filled_polygons()
    sizes = [len(ring) for ring in graph.rings]
    assert (sizes.count(5), sizes.count(7)) == (2, 2)
    ring = graph.rings[sizes.index(7)]
    assert all(ring[i - 1] in node.neighbors for i, node in enumerate(ring))
    assert graph.rings_to_nx_graph([5, 7]).number_of_nodes() == 16
    assert graph.nx_graph().number_of_nodes() == len(table)


def test_nonsense_is_refused_in_words(table: np.ndarray) -> None:
    with pytest.raises(BadOption, match="Class 0 has no element"):
        find_cycles(table, [5], {1: "C"}, PX)
    with pytest.raises(BadOption, match="px2ang is 0"):
        find_cycles(table, [5], ELEMENTS, 0)
    with pytest.raises(BadOption, match="No number of members"):
        find_cycles(table, [], ELEMENTS, PX)
    with pytest.raises(BadAtoms, match="shape"):
        Graph(np.zeros((3, 2)), ELEMENTS)

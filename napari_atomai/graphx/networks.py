"""Bonds and rings as networkx graphs, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_atomai.errors import BadAtoms, MissingExtra
from napari_atomai.graphx.bonds import Bonds
from napari_atomai.graphx.rings import Rings

if TYPE_CHECKING:
    import networkx  # type: ignore[import-untyped, unused-ignore]


def to_networkx(bonds: Bonds) -> networkx.Graph[int]:
    """Return atoms as nodes (``pos`` in Å, ``atom``: element) and bonds as edges (``length`` in Å)."""
    graph = _graph()
    nodes = zip(bonds.positions.tolist(), bonds.elements.tolist(), strict=True)
    graph.add_nodes_from((i, {"pos": tuple(pos), "atom": atom}) for i, (pos, atom) in enumerate(nodes))
    lengths = bonds.lengths.tolist()
    graph.add_edges_from(
        (one, other, {"length": length})
        for (one, other), length in zip(bonds.pairs.tolist(), lengths, strict=True)
    )
    return graph


def rings_to_networkx(rings: Rings, sizes: Sequence[int] = ()) -> networkx.Graph[int]:
    """Return the atoms of rings of some sizes, or of all, with the bonds among them.

    Parameters
    ----------
    rings : Rings
        Rings, of which nodes list theirs as ``rings``.
    sizes : sequence of int
        Numbers of members; all when left out.
    """
    kept = rings.keep(np.isin(rings.sizes, list(sizes))) if len(sizes) else rings
    graph = to_networkx(rings.bonds).subgraph(np.unique(kept.atoms).tolist()).copy()
    for node in graph.nodes:
        graph.nodes[node]["rings"] = []
    for atom, size in zip(kept.atoms.tolist(), kept.sizes[kept.ring_of()].tolist(), strict=True):
        graph.nodes[atom]["rings"].append(size)
    return graph


def from_networkx(graph: networkx.Graph[Any]) -> Bonds:
    """Take a graph whose nodes have ``pos`` in Å and ``atom`` (C where it is missing).

    Raises
    ------
    BadAtoms
        If a node has no position, or positions differ in their number of dimensions.
    """
    nodes = list(graph.nodes)
    number = {node: i for i, node in enumerate(nodes)}
    places = [graph.nodes[node].get("pos") for node in nodes]
    lost = sum(place is None for place in places)
    if lost or len({len(place) for place in places if place is not None}) > 1:
        raise BadAtoms(
            f"{lost} of {len(nodes)} nodes have no 'pos', or positions differ in dimensions.",
            remedy="Give each node pos=(row, column) or (x, y, z), in Å.",
        )
    positions = np.array(places, float).reshape(len(nodes), -1 if nodes else 2)
    elements = np.array([graph.nodes[node].get("atom", "C") for node in nodes], dtype=str)
    pairs = np.array([(number[a], number[b]) for a, b in graph.edges if a != b], np.int64).reshape(-1, 2)
    pairs = np.sort(pairs, axis=1)
    return Bonds(positions, elements, pairs, positions[pairs[:, 1]] - positions[pairs[:, 0]])


def _graph() -> networkx.Graph[int]:
    try:
        import networkx
    except ImportError as error:
        raise MissingExtra(
            "networkx is not installed.",
            why="A graph was asked for as an object of it.",
            remedy='pip install "napari-atomai[graphs]"',
        ) from error
    return networkx.Graph()

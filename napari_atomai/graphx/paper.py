"""The words of the paper and of AtomAI for graphs of atoms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.errors import BadAtoms, BadOption
from napari_atomai.graphx.bonds import Bonds, find_bonds, neighbour_table
from napari_atomai.graphx.networks import rings_to_networkx, to_networkx
from napari_atomai.graphx.rings import MOST_MEMBERS, Rings, find_rings

if TYPE_CHECKING:
    import networkx  # type: ignore[import-untyped, unused-ignore]

Vector = NDArray[np.float64]


@dataclass(eq=False)
class Node:
    """An atom of a `Graph`."""

    id: int
    pos: list[float]
    atom: str
    neighbors: list[Node] = field(default_factory=list, repr=False)


class Graph:
    """Atoms, their bonds and rings, under the names that AtomAI gives them.

    Parameters
    ----------
    coordinates : array, shape (N, 3) or (N, 4)
        Positions in Å, and the class in the last column.
    map_dict : mapping of int to str
        Element of each class.
    """

    def __init__(self, coordinates: ArrayLike, map_dict: Mapping[int, str]) -> None:
        self.coordinates = _table(coordinates)
        self.map_dict = dict(map_dict)
        self.size = len(self.coordinates)
        self._elements = _elements(self.coordinates, self.map_dict)
        self._bonds: Bonds | None = None
        self._rings: Rings | None = None

    def find_neighbors(self, expand: float = 1.2) -> None:
        """Find bonds up to `expand` times the sum of the covalent radii; see `graphx.find_bonds`."""
        positions = self.coordinates[:, :-1]
        flat = positions.shape[1] == 3 and np.ptp(positions[:, 2]) == 0 if self.size else False
        self._bonds = find_bonds(positions[:, :2] if flat else positions, self._elements, tolerance=expand)
        self._rings = None
        self.__dict__.pop("vertices", None)

    def polycount(self, max_depth: int = MOST_MEMBERS) -> None:
        """Find the rings of up to `max_depth` members."""
        flat = self.bonds.positions.shape[1] == 2
        self._rings = find_rings(self.bonds, "faces" if flat else "shortest paths", max(max_depth, 3))

    def remove_filled_polygons(self) -> None:
        """Do nothing: `polycount` counts no ring that others fill."""

    @property
    def bonds(self) -> Bonds:
        """The bonds; found when they are first asked for."""
        if self._bonds is None:
            self.find_neighbors()
        assert self._bonds is not None
        return self._bonds

    @property
    def found(self) -> Rings:
        """The rings; found when they are first asked for."""
        if self._rings is None:
            self.polycount()
        assert self._rings is not None
        return self._rings

    @cached_property
    def vertices(self) -> list[Node]:
        """The atoms as nodes that know their neighbours."""
        places, elements = self.coordinates[:, :-1].tolist(), self._elements.tolist()
        nodes = [Node(i, where, atom) for i, (where, atom) in enumerate(zip(places, elements, strict=True))]
        for node, row in zip(nodes, neighbour_table(self.bonds.pairs, self.size).tolist(), strict=True):
            node.neighbors = [nodes[other] for other in row if other >= 0]
        return nodes

    @property
    def rings(self) -> list[list[Node]]:
        """The rings, each a list of nodes in order."""
        if self._rings is None:
            return []
        parts = np.split(self.found.atoms, self.found.starts[1:-1]) if len(self.found) else []
        return [[self.vertices[atom] for atom in part.tolist()] for part in parts]

    def rings_to_nx_graph(self, ring_size: Sequence[int]) -> networkx.Graph[int]:
        """Return the atoms of rings of some sizes with the bonds among them."""
        return rings_to_networkx(self.found, list(ring_size))

    def nx_graph(self) -> networkx.Graph[int]:
        """Return all atoms and bonds."""
        return to_networkx(self.bonds)


def find_cycles(
    coordinate_data: ArrayLike,
    cycles: int | Sequence[int],
    map_dict: Mapping[int, str],
    px2ang: float,
    expand: float = 1.2,
) -> Vector:
    """Return the atoms of all rings with some numbers of members.

    Parameters
    ----------
    coordinate_data : array, shape (N, 3)
        Row, column (pixels) and class, as the Segmentor returns them; or (N, 4) with three coordinates.
    cycles : int or sequence of int
        Numbers of members.
    map_dict : mapping of int to str
        Element of each class.
    px2ang : float
        Å per pixel.
    expand : float
        Longest bond over the sum of covalent radii.

    Returns
    -------
    array, shape (M, 3) or (M, 4)
        As given, ring after ring; an atom of two rings is there twice. Empty where there is none.
    """
    table, _, rings = _found(coordinate_data, cycles, map_dict, px2ang, expand)
    return table[rings.atoms]


def find_cycle_clusters(
    coordinate_data: ArrayLike,
    cycles: int | Sequence[int],
    map_dict: Mapping[int, str],
    px2ang: float,
    expand: float = 1.2,
) -> list[Vector]:
    """Return clusters of rings with some numbers of members that hang together: topological defects.

    Parameters are those of `find_cycles`. Only atoms of the rings belong to a cluster, not their neighbours.

    Returns
    -------
    list of array, each of shape (M, 2) or (M, 3)
        Coordinates in pixels, without the class; no atom twice.
    """
    table, graph, rings = _found(coordinate_data, cycles, map_dict, px2ang, expand)
    inside = np.zeros(len(table), bool)
    inside[rings.atoms] = True
    piece = graph.bonds.keep(inside[graph.bonds.pairs].all(axis=1)).pieces()
    return [table[inside & (piece == each)][:, :-1] for each in np.unique(piece[inside])]


def filter_subgraphs(
    coordinates: Mapping[int, ArrayLike] | ArrayLike,
    map_dict: Mapping[int, str],
    px2ang: float,
    expand: float = 1.2,
) -> dict[int, Vector]:
    """Keep the largest connected piece of each frame, with the classes as they were.

    Parameters
    ----------
    coordinates : mapping of int to array, shape (N, 3); or one array
        Row, column (pixels) and class of each frame.
    map_dict, px2ang, expand
        As for `find_cycles`.

    Returns
    -------
    dict of int to array, shape (M, 3)
    """
    frames = coordinates if isinstance(coordinates, Mapping) else {0: coordinates}
    kept = {}
    for frame, given in frames.items():
        table = _table(given)
        graph = _graph(table, map_dict, px2ang)
        graph.find_neighbors(expand)
        kept[frame] = table[graph.bonds.pieces() == 0]
    return kept


def _found(
    data: ArrayLike, cycles: int | Sequence[int], map_dict: Mapping[int, str], px2ang: float, expand: float
) -> tuple[Vector, Graph, Rings]:
    sizes = [cycles] if isinstance(cycles, int) else list(cycles)
    if not sizes:
        raise BadOption("No number of members was given.", remedy="Give cycles, such as [5, 7].")
    table = _table(data)
    graph = _graph(table, map_dict, px2ang)
    graph.find_neighbors(expand)
    graph.polycount(max(sizes))
    rings = graph.found
    return table, graph, rings.keep(np.isin(rings.sizes, sizes))


def _graph(table: Vector, map_dict: Mapping[int, str], px2ang: float) -> Graph:
    if not px2ang > 0:
        raise BadOption(f"px2ang is {px2ang:g}.", remedy="Give the size of a pixel in Å, above 0.")
    scaled = table.copy()
    scaled[:, :-1] *= px2ang
    return Graph(scaled, map_dict)


def _table(coordinates: ArrayLike) -> Vector:
    table = np.asarray(coordinates, float)
    table = table.reshape(0, 3) if table.size == 0 else table
    if table.ndim != 2 or table.shape[1] not in (3, 4):
        raise BadAtoms(
            f"Coordinates have shape {table.shape}.",
            remedy="Give (N, 3): row, column and class of each atom.",
        )
    return table


def _elements(table: Vector, map_dict: Mapping[int, Any]) -> NDArray[np.str_]:
    classes, which = np.unique(table[:, -1], return_inverse=True)
    lost = [f"{each:g}" for each in classes.tolist() if each not in map_dict]
    if lost:
        raise BadOption(
            f"Class {', '.join(lost)} has no element; map_dict names {list(map_dict)}.",
            why="Bonds are as long as the radii of elements.",
            remedy='Give an element for each class, as {0: "C", 1: "Si"}.',
        )
    return np.array([map_dict[each] for each in classes.tolist()] or ["C"], dtype=str)[which]

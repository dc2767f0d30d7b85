"""Atoms -> bonds, rings, defects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_atomai._names import loaded_when_touched

if TYPE_CHECKING:
    from napari_atomai.graphx.bonds import Bonds, find_bonds
    from napari_atomai.graphx.defects import Defect, find_defects
    from napari_atomai.graphx.networks import from_networkx, rings_to_networkx, to_networkx
    from napari_atomai.graphx.paper import Graph, filter_subgraphs, find_cycle_clusters, find_cycles
    from napari_atomai.graphx.rings import Rings, find_rings
    from napari_atomai.graphx.scale import estimated_scale

_HOMES = {
    "Bonds": "napari_atomai.graphx.bonds",
    "Defect": "napari_atomai.graphx.defects",
    "Graph": "napari_atomai.graphx.paper",
    "Rings": "napari_atomai.graphx.rings",
    "estimated_scale": "napari_atomai.graphx.scale",
    "filter_subgraphs": "napari_atomai.graphx.paper",
    "find_bonds": "napari_atomai.graphx.bonds",
    "find_cycle_clusters": "napari_atomai.graphx.paper",
    "find_cycles": "napari_atomai.graphx.paper",
    "find_defects": "napari_atomai.graphx.defects",
    "find_rings": "napari_atomai.graphx.rings",
    "from_networkx": "napari_atomai.graphx.networks",
    "rings_to_networkx": "napari_atomai.graphx.networks",
    "to_networkx": "napari_atomai.graphx.networks",
}

__all__ = [
    "Bonds",
    "Defect",
    "Graph",
    "Rings",
    "estimated_scale",
    "filter_subgraphs",
    "find_bonds",
    "find_cycle_clusters",
    "find_cycles",
    "find_defects",
    "find_rings",
    "from_networkx",
    "rings_to_networkx",
    "to_networkx",
]

__getattr__, __dir__ = loaded_when_touched(__name__, _HOMES)

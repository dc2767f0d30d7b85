"""The names under which the paper and AtomAI know our tools; no code of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_atomai._names import loaded_when_touched

if TYPE_CHECKING:
    from napari_atomai.aseutils.paper import ase_obj_adv, ase_obj_basic
    from napari_atomai.graphx.paper import Graph, filter_subgraphs, find_cycle_clusters, find_cycles
    from napari_atomai.prepare.atomai_words import seg_augmentor
    from napari_atomai.prepare.checks import channels2indices, num_classes_from_labels
    from napari_atomai.prepare.lattice import MakeAtom, create_lattice_mask, create_multiclass_lattice_mask
    from napari_atomai.prepare.pairs_augment import imspec_augmentor
    from napari_atomai.prepare.patches import (
        extract_patches,
        extract_random_subimages,
        extract_subimages,
        imcrop_randcoord,
        imcrop_randpx,
    )
    from napari_atomai.prepare.spectra import extract_patches_and_spectra, get_coord_grid
    from napari_atomai.prepare.split import data_split
    from napari_atomai.stat.class_words import update_classes

_HOMES = {
    "Graph": "napari_atomai.graphx.paper",
    "MakeAtom": "napari_atomai.prepare.lattice",
    "ase_obj_adv": "napari_atomai.aseutils.paper",
    "ase_obj_basic": "napari_atomai.aseutils.paper",
    "channels2indices": "napari_atomai.prepare.checks",
    "create_lattice_mask": "napari_atomai.prepare.lattice",
    "create_multiclass_lattice_mask": "napari_atomai.prepare.lattice",
    "data_split": "napari_atomai.prepare.split",
    "extract_patches": "napari_atomai.prepare.patches",
    "extract_patches_and_spectra": "napari_atomai.prepare.spectra",
    "extract_random_subimages": "napari_atomai.prepare.patches",
    "extract_subimages": "napari_atomai.prepare.patches",
    "filter_subgraphs": "napari_atomai.graphx.paper",
    "find_cycle_clusters": "napari_atomai.graphx.paper",
    "find_cycles": "napari_atomai.graphx.paper",
    "get_coord_grid": "napari_atomai.prepare.spectra",
    "imcrop_randcoord": "napari_atomai.prepare.patches",
    "imcrop_randpx": "napari_atomai.prepare.patches",
    "imspec_augmentor": "napari_atomai.prepare.pairs_augment",
    "num_classes_from_labels": "napari_atomai.prepare.checks",
    "seg_augmentor": "napari_atomai.prepare.atomai_words",
    "update_classes": "napari_atomai.stat.class_words",
}

__all__ = [
    "Graph",
    "MakeAtom",
    "ase_obj_adv",
    "ase_obj_basic",
    "channels2indices",
    "create_lattice_mask",
    "create_multiclass_lattice_mask",
    "data_split",
    "extract_patches",
    "extract_patches_and_spectra",
    "extract_random_subimages",
    "extract_subimages",
    "filter_subgraphs",
    "find_cycle_clusters",
    "find_cycles",
    "get_coord_grid",
    "imcrop_randcoord",
    "imcrop_randpx",
    "imspec_augmentor",
    "num_classes_from_labels",
    "seg_augmentor",
    "update_classes",
]

__getattr__, __dir__ = loaded_when_touched(__name__, _HOMES)

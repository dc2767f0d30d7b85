"""Atoms -> cells, files of simulation codes, relaxation (ASE)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_atomai._names import loaded_when_touched

if TYPE_CHECKING:
    from napari_atomai.aseutils.cells import Structure, build_structure
    from napari_atomai.aseutils.export import FORMATS, write_structure
    from napari_atomai.aseutils.paper import ase_obj_adv, ase_obj_basic
    from napari_atomai.aseutils.relax import Relaxed, relaxing
    from napari_atomai.aseutils.run_inputs import espresso_input, write_vasp_run

_HOMES = {
    "FORMATS": "napari_atomai.aseutils.export",
    "Relaxed": "napari_atomai.aseutils.relax",
    "Structure": "napari_atomai.aseutils.cells",
    "ase_obj_adv": "napari_atomai.aseutils.paper",
    "ase_obj_basic": "napari_atomai.aseutils.paper",
    "build_structure": "napari_atomai.aseutils.cells",
    "espresso_input": "napari_atomai.aseutils.run_inputs",
    "relaxing": "napari_atomai.aseutils.relax",
    "write_structure": "napari_atomai.aseutils.export",
    "write_vasp_run": "napari_atomai.aseutils.run_inputs",
}

__all__ = [
    "FORMATS",
    "Relaxed",
    "Structure",
    "ase_obj_adv",
    "ase_obj_basic",
    "build_structure",
    "espresso_input",
    "relaxing",
    "write_structure",
    "write_vasp_run",
]

__getattr__, __dir__ = loaded_when_touched(__name__, _HOMES)

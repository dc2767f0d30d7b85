"""napari-atomai: from microscope files to atoms, in napari, in scripts and on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_atomai._names import loaded_when_touched

if TYPE_CHECKING:
    from napari_atomai import aseutils, graphx, models, nets, predictors, prepare, stat, trainers, utils
    from napari_atomai.data.atoms import Atoms
    from napari_atomai.data.image import Image
    from napari_atomai.data.recipe import FindAtoms, RefineAtoms
    from napari_atomai.data.spectrum import Spectrum
    from napari_atomai.files.reading import read, read_all
    from napari_atomai.models import load_model
    from napari_atomai.workflow.find import find_atoms
    from napari_atomai.workflow.segment import segment

__version__ = "0.1.0"

_HOMES = {
    "Atoms": "napari_atomai.data.atoms",
    "FindAtoms": "napari_atomai.data.recipe",
    "Image": "napari_atomai.data.image",
    "RefineAtoms": "napari_atomai.data.recipe",
    "Spectrum": "napari_atomai.data.spectrum",
    "aseutils": "napari_atomai.aseutils",
    "find_atoms": "napari_atomai.workflow.find",
    "graphx": "napari_atomai.graphx",
    "load_model": "napari_atomai.models",
    "models": "napari_atomai.models",
    "nets": "napari_atomai.nets",
    "predictors": "napari_atomai.predictors",
    "prepare": "napari_atomai.prepare",
    "read": "napari_atomai.files.reading",
    "read_all": "napari_atomai.files.reading",
    "segment": "napari_atomai.workflow.segment",
    "stat": "napari_atomai.stat",
    "trainers": "napari_atomai.trainers",
    "utils": "napari_atomai.utils",
}

__all__ = [
    "Atoms",
    "FindAtoms",
    "Image",
    "RefineAtoms",
    "Spectrum",
    "__version__",
    "aseutils",
    "find_atoms",
    "graphx",
    "load_model",
    "models",
    "nets",
    "predictors",
    "prepare",
    "read",
    "read_all",
    "segment",
    "stat",
    "trainers",
    "utils",
]

__getattr__, __dir__ = loaded_when_touched(__name__, _HOMES)

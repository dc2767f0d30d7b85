"""napari-atomai: from microscope files to atoms, in napari, in scripts and on the command line."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_atomai.data.atoms import Atoms
    from napari_atomai.data.image import Image
    from napari_atomai.data.recipe import FindAtoms, RefineAtoms
    from napari_atomai.data.spectrum import Spectrum
    from napari_atomai.files.reading import read, read_all
    from napari_atomai.workflow.find import find_atoms

__version__ = "0.1.0"

# Public name -> where it lives. Each is loaded when first touched: importing the package stays instant.
_HOMES = {
    "Atoms": "napari_atomai.data.atoms",
    "FindAtoms": "napari_atomai.data.recipe",
    "Image": "napari_atomai.data.image",
    "RefineAtoms": "napari_atomai.data.recipe",
    "Spectrum": "napari_atomai.data.spectrum",
    "find_atoms": "napari_atomai.workflow.find",
    "read": "napari_atomai.files.reading",
    "read_all": "napari_atomai.files.reading",
}

__all__ = [
    "Atoms",
    "FindAtoms",
    "Image",
    "RefineAtoms",
    "Spectrum",
    "__version__",
    "find_atoms",
    "read",
    "read_all",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)

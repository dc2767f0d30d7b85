"""Statistics of images and atoms: Fourier, profiles, spectra, classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_atomai._names import loaded_when_touched

if TYPE_CHECKING:
    from napari_atomai.stat.class_words import update_classes
    from napari_atomai.stat.classes import classify
    from napari_atomai.stat.components import decompose, scree
    from napari_atomai.stat.local import imlocal
    from napari_atomai.stat.unmixing import unmix
    from napari_atomai.stat.windows import local_order

_HOMES = {
    "classify": "napari_atomai.stat.classes",
    "decompose": "napari_atomai.stat.components",
    "imlocal": "napari_atomai.stat.local",
    "local_order": "napari_atomai.stat.windows",
    "scree": "napari_atomai.stat.components",
    "unmix": "napari_atomai.stat.unmixing",
    "update_classes": "napari_atomai.stat.class_words",
}

__all__ = ["classify", "decompose", "imlocal", "local_order", "scree", "unmix", "update_classes"]

__getattr__, __dir__ = loaded_when_touched(__name__, _HOMES)

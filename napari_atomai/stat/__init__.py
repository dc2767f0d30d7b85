"""Statistics of images and atoms: Fourier, profiles, spectra, classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_atomai._names import loaded_when_touched

if TYPE_CHECKING:
    from napari_atomai.stat.class_words import update_classes
    from napari_atomai.stat.classes import classify

_HOMES = {
    "classify": "napari_atomai.stat.classes",
    "update_classes": "napari_atomai.stat.class_words",
}

__all__ = ["classify", "update_classes"]

__getattr__, __dir__ = loaded_when_touched(__name__, _HOMES)

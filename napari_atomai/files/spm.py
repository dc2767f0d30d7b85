"""The door to scanning-probe formats: Nanonis SXM and 3DS, Igor IBW, Gwyddion GWY, high-speed AFM ASD.

Each reader takes ``(path, limits)`` and gives one Part for each channel, in the form of RosettaSciIO.
"""

from __future__ import annotations

from napari_atomai.files.asd import read_asd
from napari_atomai.files.grids import read_3ds
from napari_atomai.files.gwyddion import read_gwy
from napari_atomai.files.igor import read_ibw
from napari_atomai.files.nanonis import read_sxm

__all__ = ["read_3ds", "read_asd", "read_gwy", "read_ibw", "read_sxm"]

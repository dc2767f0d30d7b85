"""Every figure the engine can draw: the only door to matplotlib, without pyplot and its state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_atomai._names import loaded_when_touched

if TYPE_CHECKING:
    from napari_atomai.plots.overlays import circle_radius, overlay, save_figure, scale_bar_length
    from napari_atomai.plots.rings import ring_colour, ring_overlay
    from napari_atomai.plots.scores import score_histogram

_HOMES = {
    "circle_radius": "napari_atomai.plots.overlays",
    "overlay": "napari_atomai.plots.overlays",
    "ring_colour": "napari_atomai.plots.rings",
    "ring_overlay": "napari_atomai.plots.rings",
    "save_figure": "napari_atomai.plots.overlays",
    "scale_bar_length": "napari_atomai.plots.overlays",
    "score_histogram": "napari_atomai.plots.scores",
}

__all__ = [
    "circle_radius",
    "overlay",
    "ring_colour",
    "ring_overlay",
    "save_figure",
    "scale_bar_length",
    "score_histogram",
]

__getattr__, __dir__ = loaded_when_touched(__name__, _HOMES)

"""Bring an atom into the middle of the canvas. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_atomai.plugin.layers import world_of

if TYPE_CHECKING:
    from napari.layers import Points


def centre_on(viewer: Any, points: Points, row: int) -> None:
    """Show an atom of a layer in the middle, in its frame; the zoom stays."""
    where = world_of(points, points.data[row], viewer.layers)
    for axis, value in enumerate(where[:-2]):
        viewer.dims.set_point(axis, value)
    viewer.scene.camera.center = (0.0, float(where[-2]), float(where[-1]))

"""A rectangle on an image that says which part of it is looked at. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_atomai.plugin.attached import attach
from napari_atomai.plugin.measurements import line_width
from napari_atomai.plugin.shown import Box, frame_shape

if TYPE_CHECKING:
    from napari.layers import Layer, Shapes

ROLE = "fft region"
_PART = 4  # the first rectangle leaves a quarter free on every side
_SMALLEST = 8


def region_for(layers: Any, image: Layer, role: str = ROLE, called: str = "FFT region") -> Shapes:
    """Return the layer with the region of an image; make it, with a rectangle in the middle."""
    shapes = attach(
        layers,
        role,
        image,
        {
            "name": f"{image.name}: {called}",
            "edge_width": 2 * line_width(image),
            "edge_color": "#E69F00",
            "face_color": "transparent",
            "opacity": 1.0,
        },
    )
    if not len(shapes.data):
        rows, columns = frame_shape(image)
        low, high = (rows / _PART, columns / _PART), (rows - rows / _PART, columns - columns / _PART)
        shapes.add(np.array([low, high]), shape_type="rectangle")
    return shapes


def box_of(shapes: Shapes, image: Layer, smallest: int = _SMALLEST) -> Box | None:
    """Return the part of the image within the rectangle that was drawn last; None if that is too small.

    Of a rectangle that was turned it is the upright one around it.
    """
    if not len(shapes.data):
        return None
    corners = np.asarray(shapes.data[-1])[:, -2:]
    limit = np.array(frame_shape(image))
    low = np.clip(np.rint(corners.min(axis=0)), 0, limit).astype(int)
    high = np.clip(np.rint(corners.max(axis=0)), 0, limit).astype(int)
    if (high - low < smallest).any():
        return None
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])

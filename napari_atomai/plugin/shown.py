"""Which frame of an image a viewer shows, and its pixels. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_atomai.data.image import as_grey

if TYPE_CHECKING:
    from napari.layers import Layer

Box = tuple[int, int, int, int]
"""First row, first column, behind the last row, behind the last column."""


def shown_frame(viewer: Any, layer: Layer) -> tuple[int, ...]:
    """Index of the frame that the sliders choose, one number for each dimension before rows and columns."""
    ahead = layer.ndim - 2
    if ahead <= 0:
        return ()
    point = np.asarray(viewer.dims.point, dtype=np.float64)[-layer.ndim :]
    drawn = viewer.layers.extent.units
    if (
        drawn is not None and layer in viewer.layers
    ):  # the sliders count in the viewer's units, the layer in its own
        pairs = zip(point, drawn[-layer.ndim :], layer.units, strict=True)
        point = np.array([float((x * there).to(here).magnitude) for x, there, here in pairs])
    index = np.rint(np.asarray(layer.world_to_data(point))[:ahead]).astype(int)
    shape = _finest(layer).shape[:ahead]
    return tuple(int(i) for i in np.clip(index, 0, np.array(shape) - 1))


def frame_getter(viewer: Any, layer: Layer) -> Callable[[], Any]:
    """Return what gives the shown frame, shape (y, x), when it is called; in a worker too.

    Nothing is computed or copied until then; of lazy pixels it gives the lazy frame.
    """
    data, index, colour = _finest(layer), shown_frame(viewer, layer), getattr(layer, "rgb", False)

    def get() -> Any:
        frame = data[index]
        return as_grey(np.asarray(frame))[0] if colour else frame

    return get


def frame_shape(layer: Layer) -> tuple[int, int]:
    """Rows and columns of an image layer."""
    shape = _finest(layer).shape
    rows, columns = shape[-3:-1] if getattr(layer, "rgb", False) else shape[-2:]
    return int(rows), int(columns)


def _finest(layer: Layer) -> Any:
    return layer.data[0] if getattr(layer, "multiscale", False) else layer.data

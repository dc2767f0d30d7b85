"""An image that changes its pixel size would leave the canvas: the camera goes with it. No Qt."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_atomai.plugin.layers import world_of

if TYPE_CHECKING:
    from napari.layers import Layer


@contextlib.contextmanager
def kept_view(viewer: Any, image: Layer) -> Iterator[None]:
    """Show the same pixels of an image, as large, after what is done inside.

    Parameters
    ----------
    viewer : napari.Viewer or ViewerModel
        Whose camera is moved; in 3D it is left alone.
    image : napari Image layer
        Its scale, translation or units may change.
    """
    first, pixel = _frame(viewer, image)
    middle = (np.asarray(viewer.scene.camera.center[-2:]) - first) / pixel
    yield
    if viewer.dims.ndisplay > 2:
        return
    new_first, new_pixel = _frame(viewer, image)
    camera = viewer.scene.camera
    camera.zoom = camera.zoom * float(abs(pixel[1] / new_pixel[1]))
    camera.center = (*camera.center[:-2], *(new_first + middle * new_pixel))


def _frame(viewer: Any, image: Layer) -> tuple[Any, Any]:
    """Where pixel (0, 0) lies in the viewer's world, and how far (1, 1) is from it."""
    ahead = (0.0,) * (image.ndim - 2)
    corners = [np.array(world_of(image, (*ahead, x, x), viewer.layers)[-2:]) for x in (0.0, 1.0)]
    return corners[0], corners[1] - corners[0]

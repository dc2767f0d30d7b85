"""Shapes layers of ours that belong to an image: made once, found again, and they follow it. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Shapes

from napari_atomai.plugin.layers import KEY, find_layer, geometry_like, uid_of
from napari_atomai.plugin.overlays import keep_following

if TYPE_CHECKING:
    from napari.layers import Layer


def attached(layers: Any, role: str, image: Layer) -> Shapes | None:
    """Return our Shapes layer of a role that belongs to an image, or None."""
    layer = find_layer(layers, role, uid_of(image))
    return layer if isinstance(layer, Shapes) else None


def attach(layers: Any, role: str, image: Layer, options: dict[str, Any]) -> Shapes:
    """Return our Shapes layer of a role that belongs to an image; make it if there is none.

    It has rows and columns only, so that it lies on every frame of a movie, and it follows the image's
    calibration for as long as both live, whether a panel is open or not.

    Parameters
    ----------
    layers : napari LayerList
        The viewer's layers.
    role : str
        What to note about it.
    image : napari Image layer
        Whose pixels its coordinates are.
    options : dict
        Other arguments for a new layer: name, features, text ...
    """
    layer = attached(layers, role, image)
    if layer is None:
        notes = {"role": role, "parent_uid": uid_of(image)}
        layer = Shapes(ndim=2, **geometry_like(image, ndim=2), metadata={KEY: notes}, **options)
        uid_of(layer)  # from now on a duplicate is not taken for it
        keep_following(layer, image)
        layers.append(layer)
    return layer

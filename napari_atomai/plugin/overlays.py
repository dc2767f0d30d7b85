"""Layers with what was computed of an image: one for each role, found again, and they follow it. No Qt."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.plugin.layers import KEY, find_layer, follow, geometry_like, notes_of, uid_of

if TYPE_CHECKING:
    from napari.layers import Layer

_MOVES = ("scale", "translate", "units", "rotate", "shear", "affine")
_STEP = "step"


def overlay(
    layers: Any,
    role: str,
    image: Layer,
    make: Callable[..., Layer],
    *,
    ndim: int,
    step: int = 1,
    low: bool = False,
) -> Any:
    """Return our layer of a role that belongs to an image; make it if there is none.

    It follows the image's calibration for as long as both live, whether a panel is open or not.

    Parameters
    ----------
    layers : napari LayerList
        The viewer's layers; which of them is active stays.
    role : str
        What to note about it.
    image : napari layer
        Whose pixels its coordinates are.
    make : callable
        Makes the layer; is given its metadata and geometry by name.
    ndim : int
        Its number of dimensions.
    step : int
        Pixels of the image between its own.
    low : bool
        A new layer lies just above the image, below all others.
    """
    layer = find_layer(layers, role, uid_of(image))
    if layer is not None and layer.ndim != ndim:  # the image has become a movie, or none
        layers.remove(layer)
        layer = None
    if layer is None:
        notes = {"role": role, "parent_uid": uid_of(image), _STEP: step}
        layer = make(metadata={KEY: notes}, **geometry_like(image, ndim=ndim))
        uid_of(layer)
        keep_following(layer, image)
        active = layers.selection.active
        layers.insert(layers.index(image) + 1 if low else len(layers), layer)
        if active is not None:
            layers.selection.active = active
    layer.metadata[KEY][_STEP] = step
    _place(layer, image)
    return layer


def take_away(layers: Any, role: str, uid: str) -> None:
    """Remove our layer of a role that belongs to an image, if there is one."""
    layer = find_layer(layers, role, uid)
    if layer is not None:
        layers.remove(layer)


def in_frames(frames: Any, positions: NDArray[Any], leading: Sequence[int]) -> NDArray[np.float64]:
    """Return positions (N, 2) with the indices of their frame in front, of an image with leading axes."""
    ahead = np.unravel_index(np.broadcast_to(frames, len(positions)), tuple(leading)) if leading else ()
    return np.column_stack([*ahead, positions]).astype(np.float64)


def _place(child: Layer, parent: Layer) -> None:
    follow(child, parent)
    step = notes_of(child).get(_STEP, 1)
    if step != 1:
        child.scale = (*child.scale[:-2], *(step * size for size in child.scale[-2:]))


def is_overlay(layer: Layer) -> bool:
    """Tell whether a layer was made by `overlay`, in this window or in the one that saved it."""
    return _STEP in notes_of(layer)


def keep_following(child: Layer, parent: Layer) -> None:
    """Bring a layer of ours to where its image lies whenever that is calibrated anew; holds neither."""
    child_ref, parent_ref = weakref.ref(child), weakref.ref(parent)

    def moved(_event: Any = None) -> None:
        one, other = child_ref(), parent_ref()
        if one is not None and other is not None:
            _place(one, other)

    for name in _MOVES:
        getattr(parent.events, name).connect(moved)

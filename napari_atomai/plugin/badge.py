"""A sentence in the canvas while the active image has no pixel size. No Qt."""

from __future__ import annotations

import weakref
from typing import Any

from napari_atomai.data.image import UNCALIBRATED
from napari_atomai.plugin.layers import ROLE_IMAGE, notes_of

TEXT = "uncalibrated: lengths are in pixels"
_KEY = "napari_atomai_badge"
_COLOUR = "#ffb74d"

_badges: weakref.WeakKeyDictionary[Any, Badge] = weakref.WeakKeyDictionary()


def badge_in(viewer: Any) -> Badge:
    """Return the badge of a viewer; the first call makes it."""
    bare = getattr(viewer, "__wrapped__", viewer)
    if bare not in _badges:
        _badges[bare] = Badge(bare)
    return _badges[bare]


class Badge:
    """Shows, in an overlay of its own, that the active image layer of ours has no pixel size.

    Parameters
    ----------
    viewer : napari.Viewer
        Held weakly.
    """

    def __init__(self, viewer: Any) -> None:
        from napari.components.overlays import TextOverlay

        self._viewer = weakref.ref(viewer)
        self._layer: Any = None
        self.overlay = TextOverlay(text=TEXT, color=_COLOUR, position="top_left", font_size=10, visible=False)
        viewer.canvas.overlays[_KEY] = self.overlay
        viewer.layers.selection.events.active.connect(self._on_active)
        self._on_active()

    def _on_active(self, _event: Any = None) -> None:
        viewer = self._viewer()
        for emitter in _changes(self._layer):
            emitter.disconnect(self._refresh)
        active = None if viewer is None else viewer.layers.selection.active
        self._layer = active if active is not None and _is_ours(active) else None
        for emitter in _changes(self._layer):
            emitter.connect(self._refresh)
        self._refresh()

    def _refresh(self, _event: Any = None) -> None:
        layer = self._layer
        self.overlay.visible = layer is not None and layer.visible and _in_pixels(layer)


def _in_pixels(layer: Any) -> bool:
    return all(str(unit) == UNCALIBRATED for unit in layer.units[-2:])


def _changes(layer: Any) -> tuple[Any, ...]:
    return () if layer is None else (layer.events.units, layer.events.visible)


def _is_ours(layer: Any) -> bool:
    return bool(notes_of(layer).get("role") == ROLE_IMAGE)

"""Recipes that layers of a saved session were made with, so that a panel can go on from them. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from napari_atomai.data.recipe import Record
from napari_atomai.plugin.layers import KEY, find_layer, notes_of

if TYPE_CHECKING:
    from napari_atomai.data.recipe import Recipe

_RECORD = "record"
COMPUTED_AGAIN = "The layers are of a saved session: their numbers are computed again, with the same recipe."
"""What to say where that takes seconds."""
AGAIN = "The layers are of a saved session, and the form has their recipe: press {} for numbers and plots."
"""What to say where it can take minutes."""


def note(layer: Any, record: Record) -> None:
    """Write on a layer how it came about."""
    layer.metadata[KEY][_RECORD] = record.to_json()


def kept(layers: Any, roles: Sequence[str], uid: str, kind: type[Recipe]) -> Recipe | None:
    """Return the recipe of a kind that the layers of an image tell, or None."""
    there = (find_layer(layers, role, uid) for role in roles)
    texts = (notes_of(layer).get(_RECORD) for layer in there if layer is not None)
    steps = (Record.from_json(text).step(kind) for text in texts if text)
    return next((step for step in steps if step is not None), None)

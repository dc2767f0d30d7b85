"""What the Metadata panel tells about a layer: its file, its facts and its tags. No Qt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from napari_atomai.data.image import Axis
from napari_atomai.data.understood import Fact, facts_of
from napari_atomai.data.units import preferred
from napari_atomai.plugin.layers import KEY, is_plain_image

if TYPE_CHECKING:
    from napari.layers import Layer

RECIPE = "recipe"
"""Under this name stands how a result of ours was made."""

_ORIGINAL, _UNDERSTOOD = "original", "understood"


@dataclass(frozen=True)
class Content:
    """What is shown of one layer.

    Parameters
    ----------
    name, path, reader : str
        Of the layer, of its file, and what read it; empty where there is none.
    notes : tuple of str
        Sentences about the file.
    facts : tuple of Fact
        What we understood.
    tags : mapping
        All that the layer's metadata hold, but for our own bookkeeping.
    """

    name: str
    path: str = ""
    reader: str = ""
    notes: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()
    tags: Mapping[str, Any] | None = None

    def as_tags(self) -> dict[str, Any]:
        """Return everything as one nested mapping, for a file."""
        return {
            "layer": self.name,
            "file": self.path,
            "reader": self.reader,
            "notes": list(self.notes),
            "facts": [asdict(fact) for fact in self.facts],
            "metadata": dict(self.tags or {}),
        }


def content_of(layer: Layer) -> Content:
    """Say what is known about a layer, of whatever reader it is."""
    notes = layer.metadata.get(KEY)
    notes = notes if isinstance(notes, Mapping) else {}
    source = notes.get("source") or {}
    return Content(
        name=str(layer.name),
        path=str(source.get("path") or layer.source.path or ""),
        reader=str(source.get("reader") or layer.source.reader_plugin or ""),
        notes=tuple(str(note) for note in notes.get("notes") or ()),
        facts=tuple(_facts(layer, notes)),
        tags=_tags(layer, notes),
    )


def _facts(layer: Layer, notes: Mapping[str, Any]) -> list[Fact]:
    metadata = {key: layer.metadata.get(key) for key in (_ORIGINAL, _UNDERSTOOD)}
    axes, shape = _axes(layer) if is_plain_image(layer) else ((), ())
    return facts_of(
        metadata, axes, shape, (str(notes.get("quantity") or ""), str(notes.get("value_unit") or ""))
    )


def _axes(layer: Layer) -> tuple[tuple[Axis, ...], tuple[int, ...]]:
    """Calibration as the layer has it now; colour channels are no axis of a layer."""
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    shape = tuple(int(n) for n in data.shape[: layer.ndim])
    axes = []
    for i in range(layer.ndim):
        unit, factor = preferred(f"{layer.units[i]:~P}")
        label, scale = str(layer.axis_labels[i]), abs(float(layer.scale[i]))
        unnamed = not label or label.lstrip("-").isdigit()
        name = ("y", "x")[i - layer.ndim] if unnamed and i >= layer.ndim - 2 else label
        axes.append(Axis(name, scale * factor, float(layer.translate[i]) * factor, unit))
    return tuple(axes), shape


def _tags(layer: Layer, notes: Mapping[str, Any]) -> dict[str, Any]:
    others = {str(key): value for key, value in layer.metadata.items() if key != KEY}
    first = {key: others.pop(key) for key in (_ORIGINAL, _UNDERSTOOD) if others.get(key)}
    record = notes.get("record")
    recipe = {RECIPE: _parsed(record)} if record else {}
    if notes.get("calibration"):
        recipe["calibration"] = notes["calibration"]
    empty = {key for key in (_ORIGINAL, _UNDERSTOOD) if not others.get(key)}
    return {**recipe, **first, **{key: value for key, value in others.items() if key not in empty}}


def _parsed(record: Any) -> Any:
    try:
        return json.loads(record) if isinstance(record, str) else record
    except ValueError:
        return record

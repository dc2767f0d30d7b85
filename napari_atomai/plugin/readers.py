"""Microscope files into napari: by drag and drop and by File > Open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

LayerData = tuple[Any, dict[str, Any], str]
Paths = str | Sequence[str]


def get_reader(path: Paths) -> Callable[[Paths], list[LayerData]] | None:
    """Return a reader if all files have the names of formats we open; nothing is read.

    A file that is not what its name says is refused by `read`, in words; napari would only say that
    nobody opens it.
    """
    from napari_atomai.files.reading import FORMATS

    try:
        return read if all(Path(one).suffix.lower() in FORMATS for one in _each(path)) else None
    except Exception:  # noqa: BLE001 - napari asks every plugin about every file: never get in the way
        return None


def read(path: Paths) -> list[LayerData]:
    """Read files into image layers, with their calibration; what cannot be read is said in words."""
    from napari.utils.notifications import show_error, show_info

    from napari_atomai.errors import AtomAIError
    from napari_atomai.files import reading
    from napari_atomai.plugin.layers import image_layer_data

    layers: list[LayerData] = []
    notes: list[str] = []
    try:
        for one in _each(path):
            images = reading.read(Path(one))
            notes += [note for image in images for note in image.notes]
            layers += [_shown(image_layer_data(image), first=i == 0) for i, image in enumerate(images)]
    except AtomAIError as error:
        # napari words a reader's failure as "Tried opening with ..., but failed": say why.
        show_error(str(error))
        raise
    for note in dict.fromkeys(notes):
        show_info(note)
    return layers


def _shown(layer: LayerData, *, first: bool) -> LayerData:
    # Of a file with several images the first is seen; the others would only cover it.
    data, options, kind = layer
    return data, {**options, "visible": first}, kind


def _each(path: Paths) -> list[str]:
    return [path] if isinstance(path, str) else [str(one) for one in path]

"""Layers into files: File > Save Selected Layers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

FullLayerData = tuple[Any, dict[str, Any], str]


def write_csv(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a Points layer as a table: id, frame, row_px, col_px, x_nm, y_nm, class and all features."""
    from napari_atomai.files import export

    export.write_csv(_atoms(data, attributes), Path(path))
    return [path]


def write_xyz(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a Points layer as a structure."""
    from napari_atomai.files import export

    export.write_xyz(_atoms(data, attributes), Path(path))
    return [path]


def write_hspy(path: str, layer_data: list[FullLayerData]) -> list[str]:
    """Write Image and Labels layers as HyperSpy signals, with the calibration they have now."""
    from napari_atomai.files import writing

    return _write(writing.write_hspy, path, layer_data)


def write_nsid(path: str, layer_data: list[FullLayerData]) -> list[str]:
    """Write Image and Labels layers as NSID for sidpy, with the calibration they have now."""
    from napari_atomai.files import writing

    return _write(writing.write_nsid, path, layer_data)


def _write(write: Callable[..., None], path: str, layer_data: list[FullLayerData]) -> list[str]:
    # napari's file dialog has asked before a file is replaced.
    write([_image(*layer) for layer in layer_data], Path(path), overwrite=True)
    return [path]


def _image(data: Any, attributes: dict[str, Any], layer_type: str) -> Any:
    from napari.layers import Layer

    from napari_atomai.plugin.layers import image_of

    return image_of(Layer.create(data, attributes, layer_type))


def _atoms(data: Any, attributes: dict[str, Any]) -> Any:
    from napari.layers import Points

    from napari_atomai.plugin.points import atoms_of

    return atoms_of(Points(data, **attributes))

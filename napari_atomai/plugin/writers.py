"""Atoms of a Points layer into a file: File > Save Selected Layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any


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


def _atoms(data: Any, attributes: dict[str, Any]) -> Any:
    from napari.layers import Points

    from napari_atomai.plugin.points import atoms_of

    return atoms_of(Points(data, **attributes))

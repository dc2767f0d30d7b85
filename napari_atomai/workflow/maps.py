"""What was found, as images that carry it all: maps, with atoms and record in their tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import UNCALIBRATED, Image
from napari_atomai.data.recipe import Record
from napari_atomai.workflow.find import Found

MARKED = "Atoms"
"""Name of the markers that HyperSpy draws over the class map."""

_MARKER_SIZE = 6.0


def maps(found: Found, atoms: Atoms, image: Image, record: Record) -> list[Image]:
    """Return class map, probability and, of an ensemble, its uncertainty with the calibration of `image`.

    ``metadata["original"]`` holds the table of the atoms (``atoms``) and the record as JSON (``recipe``).
    """
    tags = {"recipe": record.to_json(), "atoms": _columns(atoms), "class_names": list(atoms.class_names)}
    named: list[tuple[str, NDArray[Any], str]] = [
        ("Classes", found.classes, "class"),
        ("Probability", found.probability, "probability"),
    ]
    if found.uncertainty is not None:
        named.append(("Uncertainty", found.uncertainty, "probability"))
    return [
        Image(
            pixels,
            image.axes,
            name=title,
            metadata={"original": tags, "understood": _understood(title, image)},
            quantity=quantity,
        )
        for title, pixels, quantity in named
    ]


def with_markers(classes: Image, atoms: Atoms) -> Image:
    """Add the atoms as markers that HyperSpy draws; of a movie they would need one set for each frame."""
    if classes.n_frames > 1 or not len(atoms):
        return classes
    understood = {**classes.metadata["understood"], "Markers": {MARKED: _points(classes, atoms)}}
    metadata = {**classes.metadata, "understood": understood}
    return Image(
        classes.pixels, classes.axes, name=classes.name, metadata=metadata, quantity=classes.quantity
    )


def _understood(title: str, image: Image) -> Mapping[str, Any]:
    general: dict[str, Any] = {"title": title, "notes": f"Found by napari-atomai in {image.name}."}
    return {"General": general}


def _columns(atoms: Atoms) -> dict[str, Any]:
    return {
        name: column if column.dtype.kind in "buif" else [str(item) for item in column.tolist()]
        for name, column in atoms.table().items()
    }


def _points(image: Image, atoms: Atoms) -> dict[str, Any]:
    """Return markers as HyperSpy keeps them in its files; positions are (x, y) in the units of the axes."""
    return {
        "class": "Points",
        "name": MARKED,
        "plot_on_signal": True,
        "offset_transform": "data",
        "transform": "display",
        "kwargs": {
            "offsets": _places(image, atoms.positions)[:, ::-1].copy(),
            "sizes": np.array([_MARKER_SIZE]),
            "units": "points",
            "color": ["red"],
        },
        "ScalarMappable_array": None,
    }


def _places(image: Image, positions: NDArray[np.float64]) -> NDArray[np.float64]:
    rows, columns = image.axes[-2:]
    if UNCALIBRATED in (rows.unit, columns.unit):
        return np.asarray(positions, dtype=np.float64)
    scale, offset = (rows.scale, columns.scale), (rows.offset, columns.offset)
    return np.asarray(positions * scale + offset, dtype=np.float64)

"""Pairs of structure and spectrum as the description and arrays of a task, and back; without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from napari_atomai.data.image import Axis
from napari_atomai.data.recipes_spectra import TrainImSpec
from napari_atomai.prepare.pairs import StructureSpectra


def description_of(pairs: StructureSpectra, recipe: TrainImSpec) -> dict[str, Any]:
    """Return what a task needs beside its arrays."""
    axis = pairs.energy
    return {
        "recipe": recipe.model_dump(mode="json"),
        "shape": list(pairs.shape),
        "energy": [axis.name, axis.scale, axis.offset, axis.unit],
        "window": pairs.window,
        "unit": pairs.unit,
        "reach": pairs.reach,
        "notes": list(pairs.notes),
    }


def arrays_of(pairs: StructureSpectra) -> dict[str, NDArray[Any]]:
    """Return the arrays of a task."""
    return {"patches": pairs.patches, "spectra": pairs.spectra, "places": pairs.places}


def pairs_of(description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> StructureSpectra:
    """Put pairs together again."""
    rows, columns = description["shape"]
    return StructureSpectra(
        arrays["patches"],
        arrays["spectra"],
        arrays["places"],
        (int(rows), int(columns)),
        Axis(*description["energy"]),
        float(description["window"]),
        str(description["unit"]),
        float(description["reach"]),
        tuple(description["notes"]),
    )

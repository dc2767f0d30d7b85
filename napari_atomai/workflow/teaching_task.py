"""Corrections as JSON and arrays, and back: how they travel to the process that teaches. No torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.data.recipes_teaching import Teach

if TYPE_CHECKING:
    from napari_atomai.workflow.corrections import Correction

MODULE = "napari_atomai.workflow.teaching_process"
"""What runs the task."""

MODEL = "model.safetensors"
"""Where the taught finder lies in the folder of the task."""


def as_task(
    corrections: Sequence[Correction], recipe: Teach, name: str = "taught"
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the description and the arrays of a task that teaches these corrections."""
    arrays: dict[str, NDArray[Any]] = {}
    entries = []
    for number, one in enumerate(corrections):
        arrays[f"{number}.pixels"] = np.asarray(one.image.frame(one.frame))
        arrays[f"{number}.positions"] = one.positions
        arrays |= {f"{number}.region.{i}": np.asarray(each) for i, each in enumerate(one.regions)}
        if one.labels is not None:
            arrays[f"{number}.labels"] = np.asarray(one.labels)
        entries.append({"spacing": one.spacing, "dark": one.dark, "regions": len(one.regions)})
    return {"teach": recipe.model_dump(mode="json"), "name": name, "corrections": entries}, arrays


def of_task(
    description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> tuple[list[Correction], Teach, str]:
    """Return what `as_task` took apart: corrections, recipe and name."""
    from napari_atomai.workflow.corrections import Correction

    corrections = [
        Correction(
            Image.from_array(arrays[f"{number}.pixels"]),
            Atoms.make(arrays[f"{number}.positions"]),
            [arrays[f"{number}.region.{i}"] for i in range(entry["regions"])],
            labels=arrays.get(f"{number}.labels"),
            spacing=float(entry["spacing"]),
            dark=entry["dark"],
        )
        for number, entry in enumerate(description["corrections"])
    ]
    return corrections, Teach.of(description["teach"]), str(description["name"])

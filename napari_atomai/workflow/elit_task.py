"""ELIT as a task for a process of its own. No torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.image import Image
from napari_atomai.data.recipes_teaching import Elit

MODULE = "napari_atomai.workflow.elit_process"
"""What runs the task."""


def as_task(
    images: Sequence[Image], recipe: Elit, truth: Sequence[NDArray[Any]] = ()
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the description and the arrays of a task that lets an ensemble teach itself on images.

    Parameters
    ----------
    images : sequence of Image
        Images (y, x) and movies (t, y, x).
    recipe : Elit
        Its options.
    truth : sequence of array, shape (N, 2), optional
        Row, column of the atoms of each frame, in the order of the frames; nothing is learned from them.
    """
    arrays = {f"{i}.pixels": np.asarray(image.pixels) for i, image in enumerate(images)}
    arrays |= {f"{i}.truth": np.asarray(each, np.float64) for i, each in enumerate(truth)}
    entry = {"elit": recipe.model_dump(mode="json"), "images": len(images), "truth": len(truth)}
    return entry, arrays


def of_task(
    description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> tuple[list[Image], Elit, list[NDArray[Any]]]:
    """Return what `as_task` took apart: images, recipe and truth."""
    images = [Image.from_array(arrays[f"{i}.pixels"]) for i in range(description["images"])]
    truth = [arrays[f"{i}.truth"] for i in range(description["truth"])]
    return images, Elit.of(description["elit"]), truth

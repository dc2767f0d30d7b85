"""Training of structure and spectrum in a process of its own; see `napari_atomai.workflow.process`."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_atomai.data.progress import Progress
from napari_atomai.data.recipes_spectra import TrainImSpec
from napari_atomai.models.imspec import ImSpec
from napari_atomai.prepare.pairs import StructureSpectra
from napari_atomai.stat.baselines import Comparison
from napari_atomai.workflow.imspec import ImSpecResult, training_on
from napari_atomai.workflow.pairs_task import pairs_of
from napari_atomai.workflow.process import Task

MODULE = __name__
MODEL = "model.safetensors"


def working(task: Task) -> Generator[Progress, None, dict[str, Any]]:
    """Train, and leave the model in the task's folder."""
    pairs = pairs_of(task.description, task.arrays)
    result = yield from training_on(pairs, TrainImSpec.of(task.description["recipe"]))
    result.model.save_model(task.folder / MODEL, training=False)
    return {
        "train": [int(index) for index in result.train],
        "test": [int(index) for index in result.test],
        "scores": dict(result.comparison.scores),
    }


def result_of(
    folder: Path, summary: Mapping[str, Any], pairs: StructureSpectra, recipe: TrainImSpec
) -> ImSpecResult:
    """Return the result that a process left in its folder."""
    model = ImSpec.load(folder / MODEL)
    inputs = pairs.patches if recipe.direction == "im2spec" else pairs.spectra
    return ImSpecResult(
        recipe,
        model,
        pairs,
        np.asarray(summary["train"], dtype=np.int64),
        np.asarray(summary["test"], dtype=np.int64),
        Comparison(dict(summary["scores"]), len(summary["test"])),
        model.predict_uncertainty(inputs),
    )

"""Training of an autoencoder in a process of its own, which shows its manifold and keeps the best."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import numpy as np

from napari_atomai.data.progress import Progress
from napari_atomai.data.recipes_latent import LearnLatents
from napari_atomai.models.latent import LatentModel
from napari_atomai.workflow.latent_manifold import GRID_SIDE
from napari_atomai.workflow.latent_model import model_for, training
from napari_atomai.workflow.latent_task import MANIFOLD, MODEL, RECONSTRUCTIONS
from napari_atomai.workflow.process import Task

_EVERY = 1.0  # seconds between two previews
_SHOWN = 8  # patches beside their reconstructions


def working(task: Task) -> Generator[Progress, None, dict[str, Any]]:
    """Train on the patches of a task.

    Parameters
    ----------
    task : Task
        As `napari_atomai.workflow.latent_task.as_task` describes it.

    Returns
    -------
    dict
        The history. The model lies in the folder; also when the generator is closed early.
    """
    recipe = LearnLatents.of(task.description["learn"])
    patches = np.asarray(task.arrays["patches"], np.float32)
    classes = task.arrays.get("classes")
    model = model_for(patches, recipe, classes)
    steps, shown = training(model, patches, recipe, classes), -_EVERY
    cycles = 0
    try:
        for progress in steps:
            cycles += bool(progress.losses)
            if cycles and time.monotonic() - shown > _EVERY:
                shown = time.monotonic()
                _show(task, model, patches, classes)
                _keep(task, model)
            yield progress
    finally:
        steps.close()  # the best weights are in the model now
        if cycles:
            _keep(task, model)
    _show(task, model, patches, classes)
    return _summary(model)


def _keep(task: Task, model: LatentModel) -> None:
    model.save_model(task.folder / MODEL, training=False)
    task.keep(_summary(model))


def _summary(model: LatentModel) -> dict[str, Any]:
    history = {name: [float(x) for x in values] for name, values in model.history.items()}
    return {"history": history, "warnings": list(model.warnings)}


def _show(task: Task, model: LatentModel, patches: np.ndarray, classes: np.ndarray | None) -> None:
    task.preview(MANIFOLD, model.manifold2d(GRID_SIDE).mosaic())
    which = np.linspace(0, len(patches) - 1, min(_SHOWN, len(patches))).astype(int)
    some = patches[which]
    pairs = np.stack([some, model.reconstruct(some, None if classes is None else classes[which])])
    task.preview(RECONSTRUCTIONS, np.concatenate(list(np.concatenate(list(pairs), axis=1)), axis=1))

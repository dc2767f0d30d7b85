"""Teaching in a process of its own; see `napari_atomai.workflow.process`."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Mapping
from typing import Any

from napari_atomai.data.progress import Progress, finish
from napari_atomai.files.weights import write_weights
from napari_atomai.predictors.finder import finder_for
from napari_atomai.trainers.teaching import learning
from napari_atomai.workflow.process import Task
from napari_atomai.workflow.taught import seen_in
from napari_atomai.workflow.teach import Lecture, prepared
from napari_atomai.workflow.teaching_task import MODEL, of_task

CHECKPOINT = "checkpoint.safetensors"


def working(task: Task) -> Generator[Progress, None, dict[str, Any]]:
    """Teach what a task describes; the best nets so far lie in its folder at any time."""
    start = time.monotonic()
    corrections, recipe, name = of_task(task.description, task.arrays)
    lecture = yield from prepared(corrections, recipe)
    kept = 0
    for progress in learning(lecture.run, task.folder / CHECKPOINT):
        if lecture.run.best_step > kept:
            kept = lecture.run.best_step
            _keep(task, lecture, name)
        yield progress
    taught = yield from lecture.concluded(name, start)
    taught.save(task.folder / MODEL)
    summary = taught.summary()
    task.keep(summary)
    return summary


def _keep(task: Task, lecture: Lecture, name: str) -> None:
    """Put the best nets so far into the folder, and show what they see."""
    weights = lecture.weights(name)
    write_weights(task.folder / MODEL, weights.card, weights.tensors)
    task.keep(_so_far(lecture))
    task.preview("probability", finish(seen_in(finder_for(weights), lecture.tasks[0])).probability)


def _so_far(lecture: Lecture) -> Mapping[str, Any]:
    run = lecture.run
    return {
        "best_step": run.best_step,
        "held_out_loss": run.best_loss if math.isfinite(run.best_loss) else None,
        "history": run.history,
    }

"""ELIT in a process of its own; see `napari_atomai.workflow.process`."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import Any

from napari_atomai.data.progress import Progress
from napari_atomai.models.elit import ELIT
from napari_atomai.models.elit_rounds import rounds_in
from napari_atomai.workflow.elit_task import of_task
from napari_atomai.workflow.process import Task


def working(task: Task) -> Generator[Progress, None, dict[str, Any]]:
    """Let an ensemble teach itself; the rounds that are done lie in the task's folder at any time."""
    images, recipe, truth = of_task(task.description, task.arrays)
    with contextlib.closing(ELIT(recipe).fitting(images, task.folder, truth)) as work:
        while True:
            try:
                progress = next(work)
            except StopIteration as end:
                return {"rounds": rounds_in(task.folder), "reason": end.value.reason}
            if "atoms" in progress.losses:  # a round has ended
                task.keep({"rounds": rounds_in(task.folder), "reason": ""})
            yield progress

"""ELIT as a task: what travels to the process, what it keeps on the way, and what it returns."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_atomai.data.image import Image
from napari_atomai.data.recipes_teaching import Elit
from napari_atomai.files.weights import read_card
from napari_atomai.models.elit_rounds import model_in, positions_in, rounds_in
from napari_atomai.simulate.samples import sample
from napari_atomai.workflow.elit_process import working
from napari_atomai.workflow.elit_task import MODULE, as_task, of_task
from napari_atomai.workflow.process import Task, read_kept

QUICK = Elit(iterations=1, steps=2, remember=0, change=0)


def images() -> list[Image]:
    frame = np.asarray(sample("graphene").image.frame(0), np.float32)
    return [Image.from_array(frame[:112, :112]), Image.from_array(np.stack([frame[40:130, :100]] * 2))]


def test_images_options_and_truth_travel_as_json_and_arrays() -> None:
    truth = [np.array([[1.0, 2.0]]), np.empty((0, 2)), np.array([[3.0, 4.0]])]
    back, recipe, known = of_task(*as_task(images(), QUICK, truth))
    assert [image.shape for image in back] == [(112, 112), (2, 90, 100)]
    assert recipe == QUICK
    assert [each.tolist() for each in known] == [[[1.0, 2.0]], [], [[3.0, 4.0]]]


def test_each_round_is_kept_and_all_of_them_are_returned(tmp_path: Path) -> None:
    task = Task(MODULE, *as_task(images(), QUICK), tmp_path)
    told, kept = [], []
    work = working(task)
    while True:
        try:
            progress = next(work)
        except StopIteration as end:
            summary = end.value
            break
        if "atoms" in progress.losses:
            told.append(progress.losses)
            kept.append(len((read_kept(tmp_path) or {})["rounds"]))
    assert kept == [1, 2]
    assert [row["number"] for row in summary["rounds"]] == [0, 1]
    assert summary["rounds"] == rounds_in(tmp_path)
    assert summary["reason"].startswith("The limit of 1 rounds")
    assert told[0]["atoms"] == summary["rounds"][0]["atoms"] == sum(map(len, positions_in(tmp_path, 0)))
    assert len(positions_in(tmp_path, 1)) == 3
    assert model_in(tmp_path, 0) is None
    path = model_in(tmp_path, 1)
    assert path is not None
    assert read_card(path).members > 1


def test_a_stop_leaves_the_rounds_that_are_done(tmp_path: Path) -> None:
    work = working(Task(MODULE, *as_task(images()[:1], QUICK), tmp_path))
    while "atoms" not in next(work).losses:
        pass
    work.close()
    kept = read_kept(tmp_path)
    assert kept is not None
    assert [row["number"] for row in kept["rounds"]] == [0]

"""A program that is killed while a process works for it: what it had kept is found, and gone on with."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from napari.components import ViewerModel

from napari_atomai.plugin import keeping, run_folders, teaching
from napari_atomai.plugin.process import ProcessJob, ProcessTask
from napari_atomai.plugin.session import session_of
from napari_atomai.workflow.process import read_kept

WORKER = """
import sys, time, types
from napari_atomai.data.progress import Progress

def working(task):
    from napari_atomai.workflow.process import read_kept
    first = (read_kept(task.folder) or {}).get("best_step", 0)
    for step in range(first, task.description["steps"]):
        yield Progress(step, 0, "training")
        task.keep({"best_step": step + 1})
        time.sleep(0.01)
    return {"first": first}

module = types.ModuleType("napari_atomai.a_learner")
module.working = working
sys.modules["napari_atomai.a_learner"] = module
"""
MODULE = "napari_atomai.a_learner"
PROGRAM = """
import json, sys
from qtpy.QtCore import QCoreApplication
from napari_atomai.plugin.process import ProcessJob, ProcessTask
app = QCoreApplication([])
job = ProcessJob(ProcessTask("napari_atomai.a_learner", {"steps": 60}), "learning")
def told(progress):
    if progress.step == 5:
        print(job.folder, job.pid, flush=True)
job.progressed.connect(told)
job.start()
app.exec()
"""


@pytest.fixture(autouse=True)
def _worker(tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(WORKER)
    root = Path(__file__).parents[2]
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{root}")
    monkeypatch.setattr(teaching, "MODULE", MODULE)


@pytest.fixture
def killed():
    """Return the folder in which a process worked whose program was killed."""
    program = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True)
    folder, pid = program.stdout.readline().split()
    assert run_folders.left(MODULE) == [], "it lives"
    os.kill(program.pid, signal.SIGKILL)
    os.kill(int(pid), signal.SIGKILL)
    program.wait()
    program.stdout.close()
    return Path(folder)


def ended(job, until):
    ends = []
    job.succeeded.connect(ends.append)
    job.failed.connect(ends.append)
    job.start()
    until(lambda: ends, timeout=20000)
    return ends[0]


def test_a_run_whose_program_was_killed_is_gone_on_with(killed, qtbot, until):
    assert run_folders.left(MODULE) == [killed]
    assert run_folders.left("napari_atomai.another") == []
    at = read_kept(killed)["best_step"]
    assert at >= 5
    outcome = ended(ProcessJob(ProcessTask(MODULE, left=killed), "again"), until)
    assert outcome.ended == "done"
    assert at <= outcome.summary["first"] < 60
    assert outcome.folder == killed
    assert run_folders.left(MODULE) == [], "it belongs to this program now"
    del outcome
    gc.collect()
    until(lambda: not killed.exists())


def test_a_run_that_ended_leaves_no_folder(qtbot, until):
    job = ProcessJob(ProcessTask(MODULE, {"steps": 2}), "short")
    outcome = ended(job, until)
    folder = outcome.folder
    assert outcome.summary == {"first": 0}
    assert folder.parent.name.endswith("-runs")
    del outcome, job
    gc.collect()
    until(lambda: not folder.exists())


@pytest.mark.parametrize("answer", ["Go on", "Delete", "Later"])
def test_the_next_window_asks_what_shall_become_of_it(killed, qtbot, until, monkeypatch, answer):
    asked = []
    monkeypatch.setattr("napari_atomai.plugin.asking.answer", lambda ask: asked.append(ask) or answer)
    viewer = ViewerModel()
    slot = session_of(viewer).slot(teaching.TRAIN)
    keeping.offer(viewer)
    assert len(asked) == 1
    if answer == "Go on":
        until(lambda: slot.result() is not None, timeout=20000)
        assert slot.result().summary["first"] >= 5
        slot.drop("")
    else:
        assert slot.job is None
        assert killed.exists() == (answer == "Later")
    keeping.offer(viewer)
    assert len(asked) == (2 if answer == "Later" else 1)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"module": 3}'])
def test_a_folder_without_a_task_is_not_offered(killed, content):
    (killed / "task.json").write_text(content)
    assert run_folders.left(MODULE) == []


def test_folders_that_nobody_goes_on_with_do_not_pile_up(killed):
    place = killed.parent
    for number in range(12):
        (place / f"napari-atomai-{number}").mkdir()
    kept = run_folders.RunFolder()
    assert len(list(place.iterdir())) == 11
    assert kept.folder.exists()

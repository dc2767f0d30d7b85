"""Work in a process of its own: it ends well, badly, early, or by a kill, and the window hears of it once."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from napari_atomai.errors import AtomAIError, BadOption, CannotRead
from napari_atomai.plugin.process import ProcessJob, ProcessTask
from napari_atomai.workflow import process as engine

WORKER = """
import os, sys, time, types
import numpy as np
from napari_atomai.data.progress import Progress
from napari_atomai.errors import BadImage

def working(task):
    kind = task.description["kind"]
    print("libraries print what they like")
    if kind == "refuse":
        raise BadImage("The image is 2 x 2.", why="Nothing fits.", remedy="Choose a larger one.")
    for step in range(task.description.get("steps", 3)):
        yield Progress(step, 3, "training", {"loss": 1.0 / (step + 1)})
        if task.description.get("keep"):
            (task.folder / "best.txt").write_text(str(step))
            task.keep({"step": step})
            task.preview("map", task.arrays["pixels"] * step)
        if kind == "full" and step == 2:
            import resource
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
            from napari_atomai.files.atomic import write_text
            write_text("more", task.folder / "best.txt")
        if kind == "die" and step == 2:
            os._exit(9)
        if kind == "hang" and step == 2:
            time.sleep(60)
        time.sleep(task.description.get("pause", 0.0))
    return {"sum": float(task.arrays["pixels"].sum())}

module = types.ModuleType("napari_atomai.a_worker")
module.working = working
sys.modules["napari_atomai.a_worker"] = module
"""


@pytest.fixture(autouse=True)
def _worker(tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(WORKER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


class Heard:
    def __init__(self, job):
        self.progress, self.maps, self.ends = [], [], []
        job.progressed.connect(self.progress.append)
        job.previewed.connect(lambda name, values: self.maps.append((name, values)))
        job.succeeded.connect(lambda outcome: self.ends.append(("succeeded", outcome)))
        job.failed.connect(lambda error: self.ends.append(("failed", error)))
        job.stopped.connect(lambda: self.ends.append(("stopped", None)))


@pytest.fixture
def start(qtbot):
    jobs = []

    def begin(kind, **description):
        pixels = {"pixels": np.arange(6.0).reshape(2, 3)}
        job = ProcessJob(ProcessTask("napari_atomai.a_worker", {"kind": kind, **description}, pixels), "test")
        heard = Heard(job)
        jobs.append(job)
        job.start()
        return job, heard

    yield begin
    for job in jobs:
        job.kill()


def test_a_process_tells_its_progress_and_gives_its_result(start, until):
    _, heard = start("work", keep=True, pause=0.05)
    until(lambda: heard.ends, timeout=20000)

    (end, outcome), *more = heard.ends
    assert (end, outcome.ended, outcome.summary, more) == ("succeeded", "done", {"sum": 15.0}, [])
    assert (outcome.folder / "best.txt").read_text() == "2"
    assert [one.step for one in heard.progress] == [0, 1, 2]
    assert heard.progress[1].losses == {"loss": 0.5}
    name, values = heard.maps[-1]
    assert name == "map"
    assert values.shape == (2, 3)


def test_a_refusal_of_the_engine_arrives_with_its_three_parts(start, until):
    _, heard = start("refuse")
    until(lambda: heard.ends, timeout=20000)

    ((end, error),) = heard.ends
    assert end == "failed"
    assert isinstance(error, AtomAIError)
    assert (error.what, error.remedy) == ("The image is 2 x 2.", "Choose a larger one.")


@pytest.mark.parametrize("kind", ["work", "hang"])
def test_stop_returns_within_two_seconds_and_keeps_the_best(start, until, kind):
    job, heard = start(kind, steps=10_000, pause=0.01, keep=True)
    until(lambda: len(heard.progress) > 2, timeout=20000)
    began = time.monotonic()
    job.stop()
    until(lambda: heard.ends)

    assert time.monotonic() - began < 2.0
    ((end, outcome),) = heard.ends
    assert (end, outcome.ended) == ("succeeded", "stopped")
    assert outcome.summary["step"] >= 1


def test_stop_before_anything_was_kept_is_a_stop(start, until):
    job, heard = start("work", steps=10_000, pause=0.01)
    until(lambda: heard.progress, timeout=20000)
    job.stop()
    until(lambda: heard.ends)

    assert [end for end, _ in heard.ends] == ["stopped"]


def test_a_process_that_dies_leaves_what_it_had_kept(start, until):
    _, heard = start("die", keep=True)
    until(lambda: heard.ends, timeout=20000)

    ((end, outcome),) = heard.ends
    assert (end, outcome.ended, outcome.summary) == ("succeeded", "crashed", {"step": 2})
    assert "ended by itself" in outcome.reason


def test_a_full_disk_in_mid_work_leaves_what_was_kept_and_is_said(start, until):
    _, heard = start("full", keep=True)
    until(lambda: heard.ends, timeout=20000)

    ((end, outcome),) = heard.ends
    assert (end, outcome.ended, outcome.summary) == ("succeeded", "crashed", {"step": 2})
    assert (outcome.folder / "best.txt").read_text() == "2"
    assert "are free there" in outcome.reason


def test_job_after_job_leaves_nothing_behind(start, until):
    def counts():
        gc.collect()
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    def one():
        job, heard = start("work", steps=1)
        until(lambda: heard.ends, timeout=20000)
        assert heard.ends[0][0] == "succeeded"
        heard.ends.clear()
        job.deleteLater()
        job._home = None
        until(lambda: not job.running)

    for _ in range(2):
        one()
    before = counts()
    for _ in range(8):
        one()
    after = counts()
    assert after[0] <= before[0] + 4, "files stay open"
    assert after[1] <= before[1]


def test_a_process_that_dies_with_nothing_kept_is_an_error_in_words(start, until):
    _, heard = start("die")
    until(lambda: heard.ends, timeout=20000)

    ((end, error),) = heard.ends
    assert end == "failed"
    assert "status 9" in str(error)


def test_a_killed_process_is_survived(start, until):
    job, heard = start("work", steps=10_000, pause=0.01, keep=True)
    until(lambda: len(heard.progress) > 2, timeout=20000)
    os.kill(job.pid, signal.SIGKILL)
    until(lambda: heard.ends)

    ((end, outcome),) = heard.ends
    assert (end, outcome.ended) == ("succeeded", "crashed")


def test_the_folder_goes_with_the_outcome(start, until):
    job, heard = start("work", keep=True)
    until(lambda: heard.ends, timeout=20000)
    folder = heard.ends[0][1].folder
    assert folder.is_dir()
    heard.ends.clear()
    job._home = None
    until(lambda: not folder.exists())


def test_a_process_ends_when_its_parent_is_killed(tmp_path):
    engine.write_task(tmp_path, "napari_atomai.a_worker", {"kind": "work", "steps": 10**6, "pause": 0.01}, {})
    code = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-m', {engine.__name__!r}, {str(tmp_path)!r}],"
        " stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "child.stdout.readline(); print(child.pid, flush=True); child.wait()"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    for _ in range(100):
        if not _alive(pid):
            return
        time.sleep(0.05)
    pytest.fail("the worker outlived its parent")


def _alive(pid):
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_only_modules_of_this_package_are_started(tmp_path):
    with pytest.raises(BadOption, match="no module of napari-atomai"):
        engine.write_task(tmp_path, "os", {}, {})
    with pytest.raises(BadOption, match="hold objects"):
        engine.write_task(tmp_path, "napari_atomai.x", {}, {"bad": [None]})
    (tmp_path / engine.TASK).write_text("{")
    with pytest.raises(CannotRead, match="no usable task"):
        engine.read_task(tmp_path, lambda _: None)

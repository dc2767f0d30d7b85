from __future__ import annotations

import threading
import time

import pytest

from napari_atomai.data.progress import Progress
from napari_atomai.errors import BadImage
from napari_atomai.plugin.jobs import Job


class Listener:
    def __init__(self, job):
        self.heard = []
        job.progressed.connect(lambda p: self.heard.append(("progress", p.step)))
        job.succeeded.connect(lambda r: self.heard.append(("succeeded", r)))
        job.failed.connect(lambda e: self.heard.append(("failed", e)))
        job.stopped.connect(lambda: self.heard.append(("stopped", None)))

    @property
    def ends(self):
        return [name for name, _ in self.heard if name != "progress"]


def run(start, until):
    job = Job(start, "test")
    listener = Listener(job)
    job.start()
    until(lambda: listener.ends)
    return listener


def test_a_job_tells_its_progress_and_its_result_from_another_thread(until):
    threads = []

    def work():
        for step in range(3):
            threads.append(threading.get_ident())
            yield Progress(step, 3)
        return "atoms"

    listener = run(work, until)

    assert listener.heard == [("progress", 0), ("progress", 1), ("progress", 2), ("succeeded", "atoms")]
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), BadImage("too small"), MemoryError()])
@pytest.mark.parametrize("after", [0, 2])
def test_every_error_arrives_once(until, error, after):
    def work():
        for step in range(after):
            yield Progress(step)
        raise error
        yield

    listener = run(work, until)

    assert listener.ends == ["failed"]
    assert listener.heard[-1][1] is error


def test_an_error_before_the_first_step_arrives_too(until):
    def start():
        raise ImportError("no engine")

    assert run(start, until).ends == ["failed"]


def test_stop_ends_the_work_within_half_a_second_and_cleans_up(until):
    closed = threading.Event()

    def work():
        try:
            while True:
                yield Progress(0)
                time.sleep(0.05)
        finally:
            closed.set()

    job = Job(work, "test")
    listener = Listener(job)
    job.start()
    until(lambda: listener.heard)

    began = time.monotonic()
    job.stop()
    until(lambda: listener.ends)

    assert time.monotonic() - began < 0.5
    assert listener.ends == ["stopped"]
    assert closed.is_set()


def test_a_job_that_was_stopped_never_succeeds(until):
    go = threading.Event()

    def work():
        yield Progress(0)
        go.wait(5)
        return "too late"

    job = Job(work, "test")
    listener = Listener(job)
    job.start()
    until(lambda: listener.heard)
    job.stop()
    go.set()
    until(lambda: listener.ends)

    assert listener.ends == ["stopped"]


def test_jobs_have_different_ids():
    def nothing():
        return
        yield

    assert Job(nothing, "a").id != Job(nothing, "b").id

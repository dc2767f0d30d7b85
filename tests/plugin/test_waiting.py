from __future__ import annotations

import itertools
import threading
import time

import pytest
from qtpy.QtCore import QCoreApplication, QTimer

from napari_atomai.data.progress import Progress
from napari_atomai.errors import CannotRead, Stopped
from napari_atomai.plugin.waiting import wait_for

pytestmark = pytest.mark.usefixtures("qapp")


def working(seconds=0.0, error=None):
    def start():
        yield Progress(0, 1)
        time.sleep(seconds)
        if error is not None:
            raise error
        return threading.current_thread()

    return start


def test_the_outcome_comes_back_from_another_thread():
    assert wait_for(working(), "working") is not threading.main_thread()


def test_the_window_is_served_while_the_work_runs():
    ticks = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(time.monotonic()))
    timer.start(10)

    wait_for(working(0.3), "working")

    timer.stop()
    gaps = [after - before for before, after in itertools.pairwise(ticks)]
    assert len(ticks) > 5
    assert max(gaps) < 0.2


@pytest.mark.parametrize("error", [CannotRead("No."), RuntimeError("deleted"), ValueError("x")])
def test_an_error_of_the_work_is_raised_where_it_is_waited_for(error):
    with pytest.raises(type(error)) as caught:
        wait_for(working(error=error), "working")

    assert caught.value is error


def test_two_can_wait_at_once_and_each_gets_its_own():
    inner = []
    QTimer.singleShot(20, lambda: inner.append(wait_for(working(0.1), "inner")))

    outer = wait_for(working(0.3), "outer")

    assert len(inner) == 1
    assert outer is not threading.main_thread()


def test_leaving_the_program_ends_the_waiting(until):
    ended = threading.Event()

    def start():
        try:
            while True:
                yield Progress(0)
                time.sleep(0.01)
        finally:
            ended.set()

    QTimer.singleShot(50, QCoreApplication.instance().exit)
    with pytest.raises(Stopped, match="while working"):
        wait_for(start, "working")

    until(ended.is_set)


def test_off_the_main_thread_the_work_runs_where_it_is_asked_for():
    came = []
    thread = threading.Thread(target=lambda: came.append(wait_for(working(), "working")))

    thread.start()
    thread.join()

    assert came == [thread]


def test_without_a_window_the_work_runs_where_it_is_asked_for(in_child):
    done = in_child(
        "import threading\n"
        "from napari_atomai.plugin.waiting import wait_for\n"
        "def start():\n"
        "    return threading.current_thread()\n"
        "    yield\n"
        "assert wait_for(start, 'working') is threading.main_thread()\n"
    )

    assert done.returncode == 0, done.stderr

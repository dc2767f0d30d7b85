from __future__ import annotations

import itertools
import threading
import time

import pytest
from qtpy.QtCore import QTimer

from napari_atomai.data.progress import Progress
from napari_atomai.errors import CannotRead
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


def test_leaving_the_program_ends_the_waiting(in_child):
    # In a process of its own: after an exit, no event loop of a process runs until the next app.exec().
    done = in_child(
        "import threading, time\n"
        "from napari.qt import get_qapp\n"
        "from qtpy.QtCore import QTimer\n"
        "from napari_atomai.data.progress import Progress\n"
        "from napari_atomai.errors import Stopped\n"
        "from napari_atomai.plugin.waiting import wait_for\n"
        "app, ended = get_qapp(), threading.Event()\n"
        "def start():\n"
        "    try:\n"
        "        while True:\n"
        "            yield Progress(0)\n"
        "            time.sleep(0.01)\n"
        "    finally:\n"
        "        ended.set()\n"
        "QTimer.singleShot(50, app.exit)\n"
        "try:\n"
        "    wait_for(start, 'working')\n"
        "except Stopped as error:\n"
        "    print(error)\n"
        "assert ended.wait(5)\n"
    )

    assert done.returncode == 0, done.stderr
    assert "while working" in done.stdout


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


def test_of_work_that_takes_longer_than_a_moment_is_told_at_a_steady_pace():
    told = []

    wait_for(working(1.2), "working", lambda progress, seconds: told.append((progress, seconds)))

    assert len(told) >= 2
    assert all(progress == Progress(0, 1) for progress, _ in told)
    assert told[0][1] >= 0.4
    assert told[-1][1] > told[0][1]


def test_of_quick_work_nothing_is_told():
    told = []

    wait_for(working(0.1), "working", lambda *words: told.append(words))

    assert told == []


def test_a_teller_that_fails_does_not_stop_the_work():
    def tell(_progress, _seconds):
        raise RuntimeError("the window is gone")

    assert wait_for(working(0.8), "working", tell) is not threading.main_thread()

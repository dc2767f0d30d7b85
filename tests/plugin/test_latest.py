from __future__ import annotations

import gc
import threading
import time

import pytest
from qtpy.QtWidgets import QWidget

from napari_atomai.plugin.latest import Latest


@pytest.fixture
def owner(qtbot):
    widget = QWidget()
    qtbot.addWidget(widget)
    return widget


@pytest.fixture
def work(owner):
    latest = Latest(owner, "test")
    latest.results, latest.errors = [], []
    latest.succeeded.connect(latest.results.append)
    latest.failed.connect(latest.errors.append)
    return latest


def test_a_result_is_computed_outside_the_main_thread(work, until):
    work.ask(threading.get_ident)
    until(lambda: work.results)

    assert work.results != [threading.get_ident()]
    assert not work.busy


def test_of_many_requests_the_first_and_the_last_are_computed(work, until):
    done = []

    def compute(number):
        time.sleep(0.05)
        done.append(number)
        return number

    for number in range(20):
        work.ask(lambda number=number: compute(number))
    until(lambda: not work.busy)

    assert work.results == [0, 19]
    assert done == [0, 19]


def test_what_was_dropped_is_never_given(work, until):
    go = threading.Event()
    work.ask(lambda: go.wait(5) and "old")
    work.drop()
    work.ask(lambda: "new")
    go.set()
    until(lambda: not work.busy)

    assert work.results == ["new"]


def test_an_error_is_given_as_one_and_work_goes_on(work, until):
    work.ask(lambda: 1 / 0)
    until(lambda: work.errors)
    work.ask(lambda: 1)
    until(lambda: work.results)

    assert isinstance(work.errors[0], ZeroDivisionError)
    assert work.results == [1]


def test_a_widget_that_is_gone_hears_nothing_and_nothing_breaks(qtbot, until):
    heard, ended, go = [], [], threading.Event()
    owner = QWidget()
    latest = Latest(owner, "test")
    latest.succeeded.connect(heard.append)
    latest.ask(lambda: (go.wait(5), ended.append(1)))
    owner.deleteLater()
    del latest
    qtbot.wait(20)
    gc.collect()
    go.set()
    until(lambda: ended)
    qtbot.wait(50)

    assert heard == []

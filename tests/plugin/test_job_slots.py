"""Several kinds of work in one viewer: one job of each, results by image, nothing stale."""

from __future__ import annotations

import time

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_atomai.data.progress import Progress
from napari_atomai.plugin.job_slots import NOTHING
from napari_atomai.plugin.layers import uid_of
from napari_atomai.plugin.session import session_of


@pytest.fixture
def viewer(qtbot):
    viewer = ViewerModel()
    viewer.add_image(np.zeros((8, 9)), name="one")
    return viewer


@pytest.fixture
def slot(viewer):
    slot = session_of(viewer).slot("counting")
    slot.heard = []
    slot.said.connect(lambda _uid, sentence: slot.heard.append(sentence))
    return slot


def counting(value, steps=3, pause=0.02):
    def work():
        for step in range(steps):
            yield Progress(step, steps)
            time.sleep(pause)
        return value

    return work


def test_two_kinds_of_work_run_at_once_and_two_of_a_kind_do_not(viewer, slot, until):
    other = session_of(viewer).slot("painting")
    layer = viewer.layers[0]
    assert slot.start(layer, counting(1), "counting")
    assert other.start(layer, counting(2), "painting")
    assert not slot.start(layer, counting(3), "counting")
    assert "Still at work" in slot.heard[-1]
    until(lambda: slot.job is None and other.job is None)
    assert (slot.result(uid_of(layer)), other.result(uid_of(layer))) == (1, 2)
    assert session_of(viewer).slot("counting") is slot


def test_what_done_returns_is_kept(viewer, slot, until):
    layer = viewer.layers[0]
    slot.start(layer, counting(2), "counting", lambda outcome, there: (outcome, there.name))
    until(lambda: slot.job is None)
    assert slot.result(uid_of(layer)) == (2, "one")
    slot.start(layer, counting(3), "counting", lambda _outcome, _there: NOTHING)
    until(lambda: slot.job is None)
    assert slot.result(uid_of(layer)) == (2, "one")


def test_an_error_while_showing_is_said_and_nothing_is_kept(viewer, slot, until, monkeypatch):
    monkeypatch.setattr("napari_atomai.plugin.job_slots.show_error", lambda _text: None)

    def fails(_outcome, _layer):
        raise RuntimeError("no room")

    slot.start(viewer.layers[0], counting(1), "counting", fails)
    until(lambda: slot.job is None)
    assert "no room" in slot.heard[-1]
    assert slot.results() == {}


def test_a_renamed_image_gets_its_result_and_a_removed_one_loses_it(viewer, slot, until):
    layer = viewer.layers[0]
    slot.start(layer, counting(1), "counting")
    layer.name = "another"
    until(lambda: slot.job is None)
    assert slot.results() == {uid_of(layer): 1}
    viewer.layers.remove(layer)
    assert slot.results() == {}


@pytest.mark.parametrize("how", ["removed", "other pixels"])
def test_a_result_of_what_is_no_longer_there_is_dropped(viewer, slot, until, how):
    layer = viewer.layers[0]
    slot.start(layer, counting(1), "counting")
    if how == "removed":
        viewer.layers.remove(layer)
    else:
        layer.data = np.ones((8, 9))
    until(lambda: slot.job is None)
    assert slot.results() == {}
    assert "dropped" in slot.heard[-1]


def test_work_of_no_image_is_kept_under_no_uid(slot, until):
    slot.start(None, counting(5), "counting")
    until(lambda: slot.job is None)
    assert slot.result() == 5


def test_stop_leaves_what_was_there(viewer, slot, until):
    layer = viewer.layers[0]
    slot.put(uid_of(layer), 7)
    slot.start(layer, counting(1, steps=1000), "counting")
    slot.stop()
    until(lambda: slot.job is None)
    assert slot.result(uid_of(layer)) == 7
    assert "unchanged" in slot.heard[-1]

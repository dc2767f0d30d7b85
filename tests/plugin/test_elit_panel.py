"""ELIT from the window: rounds as they come, on the images, used and kept; stopped; judged."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image as ImageLayer

from napari_atomai.plugin import elit, own_models
from napari_atomai.plugin.layers import find_layer, uid_of
from napari_atomai.plugin.panels.elit import ElitPanel

WORKER = """
import json, sys, time, types
import numpy as np
from napari_atomai.data.progress import Progress

def rounds(task, count):
    pause = 0.3 if task.description["elit"]["seed"] else 0.02
    for number in range(count):
        time.sleep(pause)
        yield Progress(number, count, "learning", {"loss": 0.5})
        frames = [np.full((number + 2, 2), 10.0 * (i + 1)) for i in range(frames_of(task))]
        np.savez(task.folder / f"round-{number:02d}.npz", **{f"frame{i}": x for i, x in enumerate(frames)})
        (task.folder / f"round-{number:02d}.safetensors").write_bytes(b"nets %d" % number)
        row = {"number": number, "atoms": sum(map(len, frames)), "labels": number, "uncertainty": 0.1,
               "score": 0.9, "changed": 0.01 if number else None, "f1": task.description["truth"] or None}
        ROWS.append(row)
        task.keep({"rounds": ROWS, "reason": ""})
        told = {name: float(x) for name, x in row.items() if x is not None}
        yield Progress(number, count, "round", told)

ROWS = []

def frames_of(task):
    pixels = [task.arrays[f"{i}.pixels"] for i in range(task.description["images"])]
    return sum(1 if x.ndim == 2 else len(x) for x in pixels)

def working(task):
    yield from rounds(task, task.description["elit"]["iterations"] + 1)
    return {"rounds": ROWS, "reason": "Nothing changes any more."}

module = types.ModuleType("napari_atomai.an_elit")
module.working = working
sys.modules["napari_atomai.an_elit"] = module
"""


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def layer(viewer, picture):
    layer = ImageLayer(picture[0], scale=(0.02, 0.02), units=("nm", "nm"), name="lattice")
    viewer.layers.append(layer)
    return layer


@pytest.fixture
def panel(qtbot, viewer, layer, finder, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(WORKER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv(own_models.FOLDER, str(tmp_path / "models"))
    monkeypatch.setattr(elit, "MODULE", "napari_atomai.an_elit")
    panel = ElitPanel(viewer)
    panel.form._options.put({"iterations": 2})
    yield panel
    panel.session.end_all()
    with contextlib.suppress(RuntimeError):  # the test may have deleted it
        panel.close()
        panel.deleteLater()
    qtbot.wait(1)


@pytest.fixture
def done(panel, until):
    """Runs to the end."""
    panel.form.run_box.button.click()
    until(lambda: panel.slot.result() is not None, timeout=20000)
    return panel


def status(panel):
    return panel.form.run_box.status.text()


def cells(panel):
    rows, columns = panel.form.rows.rowCount(), panel.form.rows.columnCount()
    return [[panel.form.rows.data(panel.form.rows.index(r, c)) for c in range(columns)] for r in range(rows)]


def test_the_rounds_are_told_and_the_last_one_is_on_the_image(done, viewer, layer):
    assert [row[:2] for row in cells(done)] == [["0", "2"], ["1", "3"], ["2", "4"]]
    assert "Nothing changes any more" in status(done)
    shown = find_layer(viewer.layers, elit.ROUND, uid_of(layer))
    assert shown.data.tolist() == [[10.0, 10.0]] * 4
    assert tuple(shown.scale) == tuple(layer.scale)
    assert shown.name.endswith("ELIT round 2")


def test_another_round_is_shown_in_the_same_layer(done, viewer, layer):
    before = len(viewer.layers)
    done.form.table.selectRow(0)
    shown = find_layer(viewer.layers, elit.ROUND, uid_of(layer))
    assert len(shown.data) == 2
    assert shown.name.endswith("ELIT round 0")
    assert len(viewer.layers) == before


def test_frames_of_a_movie_and_of_other_images_go_where_they_belong(panel, viewer, layer, until):
    movie = viewer.add_image(np.zeros((3, 40, 50)), name="movie")
    panel.form.every.setChecked(True)
    panel.form.run_box.button.click()
    until(lambda: panel.slot.result() is not None, timeout=20000)
    single = find_layer(viewer.layers, elit.ROUND, uid_of(layer))
    moving = find_layer(viewer.layers, elit.ROUND, uid_of(movie))
    assert single.data.tolist() == [[10.0, 10.0]] * 4
    assert moving.data.tolist() == [[t, 20.0 + 10 * t, 20.0 + 10 * t] for t in range(3) for _ in range(4)]
    viewer.layers.remove(layer)
    viewer.layers.remove(moving)
    panel.form.table.selectRow(1)
    moving = find_layer(viewer.layers, elit.ROUND, uid_of(movie))
    assert moving.data.tolist() == [[t, 20.0 + 10 * t, 20.0 + 10 * t] for t in range(3) for _ in range(3)]


def test_a_stop_keeps_the_rounds_that_are_done(panel, until):
    panel.form._options.put({"iterations": 90})
    panel.form.run_box.button.click()
    until(lambda: len(panel._told) >= 2, timeout=20000)
    panel.form.run_box.stop_button.click()
    until(lambda: panel.slot.job is None, timeout=2500)
    assert status(panel) == "Stopped. The best so far was kept."
    assert len(cells(panel)) >= 2
    assert panel.form.use_button.isEnabled()


def test_a_double_click_starts_one_run(panel, until):
    panel.form.run_box.button.click()
    panel.form.run_box.button.click()
    assert "Still at work" in status(panel)
    until(lambda: panel.slot.result() is not None, timeout=20000)
    assert len(cells(panel)) == 3


def test_the_ensemble_of_a_round_is_used_and_kept(done, layer, finder, until, monkeypatch, tmp_path):
    done.form.table.selectRow(1)
    done.form.use_button.click()
    until(lambda: len(finder.calls) == 1 and done.session.job is None)
    used = Path(finder.calls[0][1].model)
    assert used.read_bytes() == b"nets 1"
    monkeypatch.setattr("napari_atomai.plugin.asking.answer", lambda ask: str(tmp_path / "my graphene"))
    done.form.keep_button.click()
    assert (own_models.home() / "my graphene.safetensors").read_bytes() == b"nets 1"
    assert done.form.model.box.findText("my graphene") >= 0
    done.form.table.selectRow(0)
    done.form.keep_button.click()
    assert "needs no keeping" in status(done)
    done.form.use_button.click()
    until(lambda: len(finder.calls) == 2 and done.session.job is None)
    assert finder.calls[1][1].model == "atoms-ensemble"


def test_points_are_what_it_is_judged_by(panel, viewer, until):
    viewer.add_points(np.ones((4, 2)), name="true ones")
    assert panel.form.truth.findText("true ones") > 0
    panel.form.truth.setCurrentText("true ones")
    panel.form.run_box.button.click()
    until(lambda: panel.slot.result() is not None, timeout=20000)
    assert panel.slot.result().rounds[0]["f1"] == 1
    assert "F1" in [panel.form.rows.headerData(i, panel_horizontal()) for i in range(7)]


def panel_horizontal():
    from qtpy.QtCore import Qt

    return Qt.Orientation.Horizontal


def test_a_panel_opened_later_shows_the_rounds(qtbot, done, viewer):
    second = ElitPanel(viewer)
    qtbot.addWidget(second)
    assert len(cells(second)) == 3
    assert second.form.keep_button.isEnabled()


def test_an_image_removed_in_mid_run_ends_nothing(panel, viewer, layer, until):
    panel.form.run_box.button.click()
    until(lambda: panel._told, timeout=20000)
    viewer.layers.remove(layer)
    until(lambda: panel.slot.result() is not None, timeout=20000)
    assert find_layer(viewer.layers, elit.ROUND, uid_of(layer)) is None


def test_without_an_image_it_says_what_to_do(qtbot):
    panel = ElitPanel(ViewerModel())
    qtbot.addWidget(panel)
    panel.form.run_box.button.click()
    assert "no image yet" in status(panel)
    assert panel.minimumSizeHint().width() <= 400

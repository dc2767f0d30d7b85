"""Teaching from the window: what is learned from, curves, stop, and what comes of it."""

from __future__ import annotations

import contextlib
import os
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image as ImageLayer

from napari_atomai.data.recipe import FindAtoms, RefineAtoms
from napari_atomai.plugin import own_models, teaching
from napari_atomai.plugin.layers import find_layer, uid_of
from napari_atomai.plugin.panels.train import TrainPanel, as_table
from napari_atomai.plugin.training_preview import PREVIEW

WORKER = """
import os, sys, time, types
import numpy as np
from napari_atomai.data.progress import Progress

def working(task):
    steps = task.description["steps"]
    for step in range(steps):
        yield Progress(step, steps, "training", {"loss": 1.0 / (step + 1), "held_out": 0.5})
        (task.folder / "model.safetensors").write_bytes(b"a model")
        task.keep({"before": {"f1": 0.5}, "after": {"f1": 0.8}})
        task.preview("probability", np.full(task.arrays["shape"], 0.5, np.float32))
        time.sleep(task.description["pause"])
    return {"before": {"f1": 0.5}, "after": {"f1": 0.9}, "threshold": 0.35}

module = types.ModuleType("napari_atomai.a_teacher")
module.working = working
sys.modules["napari_atomai.a_teacher"] = module
"""


class Teacher:
    """Stands in for the engine that makes the task."""

    def __init__(self):
        self.steps, self.pause, self.given = 3, 0.05, []

    def as_task(self, corrections, recipe):
        self.given.append((corrections, recipe))
        return {"steps": self.steps, "pause": self.pause}, {"shape": np.array([96, 120])}


@pytest.fixture
def teacher(tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(WORKER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv(own_models.FOLDER, str(tmp_path / "models"))
    fake = Teacher()
    module = types.ModuleType("napari_atomai.workflow.teaching_task")
    module.as_task = fake.as_task
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(teaching, "MODULE", "napari_atomai.a_teacher")
    monkeypatch.setattr(teaching.Lesson, "correction", lambda self: self)
    return fake


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def layer(viewer, picture):
    layer = ImageLayer(picture[0], scale=(0.02, 0.02), units=("nm", "nm"), name="lattice")
    viewer.layers.append(layer)
    return layer


@pytest.fixture
def panel(qtbot, viewer, layer, finder, until, teacher):
    panel = TrainPanel(viewer)
    session = panel.session
    session.find(layer, FindAtoms(), RefineAtoms())
    until(lambda: session.job is None)
    yield panel
    session.end_all()
    with contextlib.suppress(RuntimeError):  # the test may have deleted it
        panel.close()
        panel.deleteLater()
    qtbot.wait(1)


def status(panel):
    return panel.form.run_box.status.text()


def test_atoms_and_reviewed_regions_are_learned_from_and_scores_are_shown(
    panel, viewer, layer, until, teacher
):
    panel.form.region_button.click()
    shapes = find_layer(viewer.layers, teaching.REVIEWED, uid_of(layer))
    assert str(shapes.mode) == "add_rectangle"
    shapes.add(np.array([[10.0, 20.0], [60.0, 90.0]]), shape_type="rectangle")
    panel.form.run_box.button.click()
    until(lambda: panel.slot.result() is not None, timeout=20000)

    (((lesson,), recipe),) = teacher.given
    assert len(lesson.atoms) == len(panel.session.points(uid_of(layer)).data)
    np.testing.assert_allclose(lesson.regions[0].min(axis=0), [10, 20])
    assert (lesson.spacing, recipe.base) == (12.0, "atoms")
    assert "0.500" in panel.form.scores.text()
    assert "0.900" in panel.form.scores.text()
    assert "Taught in" in status(panel)
    assert panel._curves["loss"][0] == (0, 1.0)
    assert find_layer(viewer.layers, PREVIEW, uid_of(layer)) is None


def test_the_preview_lies_on_the_image_that_is_learned_from_and_goes_in_the_end(
    panel, viewer, layer, until, teacher
):
    teacher.steps = 100_000
    panel.form.run_box.button.click()
    until(lambda: panel._curves, timeout=20000)
    other = viewer.add_image(np.zeros(layer.data.shape), name="another of the same size")
    panel.form.picker.choose(uid_of(other))
    until(lambda: find_layer(viewer.layers, PREVIEW, uid_of(layer)) is not None)
    preview = find_layer(viewer.layers, PREVIEW, uid_of(layer))
    assert preview.data.shape == layer.data.shape
    assert find_layer(viewer.layers, PREVIEW, uid_of(other)) is None
    panel.form.run_box.stop_button.click()
    until(lambda: panel.slot.job is None, timeout=2500)
    assert find_layer(viewer.layers, PREVIEW, uid_of(layer)) is None


def test_a_double_click_starts_one_training(panel, until, teacher):
    panel.form.run_box.button.click()
    panel.form.run_box.button.click()
    assert "Still at work" in status(panel)
    until(lambda: panel.slot.result() is not None, timeout=20000)
    assert len(teacher.given) == 1


def test_stop_keeps_the_best_and_the_panel_goes_on(panel, until, teacher):
    teacher.steps = 100_000
    panel.form.run_box.button.click()
    until(lambda: panel._curves, timeout=20000)
    panel.form.run_box.stop_button.click()
    until(lambda: panel.slot.job is None, timeout=2500)
    assert status(panel) == "Stopped. The best so far was kept."
    assert panel.form.use_button.isEnabled()


def test_a_panel_opened_in_mid_training_shows_it(qtbot, panel, viewer, until, teacher):
    teacher.steps, teacher.pause = 20, 0.05
    panel.form.run_box.button.click()
    until(lambda: panel._curves, timeout=20000)
    panel.deleteLater()
    qtbot.wait(50)
    second = TrainPanel(viewer)
    qtbot.addWidget(second)
    assert second.form.run_box.stop_button.isEnabled()
    until(lambda: second.slot.result() is not None, timeout=20000)
    assert second.form.keep_button.isEnabled()


def test_an_image_removed_in_mid_training_does_not_end_it(panel, viewer, layer, until, teacher):
    teacher.steps = 10
    panel.form.run_box.button.click()
    until(lambda: panel._curves, timeout=20000)
    viewer.layers.remove(layer)
    until(lambda: panel.slot.job is None, timeout=20000)
    assert panel.slot.result().ended == "done"


def test_a_closed_window_ends_the_training(panel, until, teacher):
    teacher.steps = 100_000
    panel.form.run_box.button.click()
    until(lambda: panel._curves, timeout=20000)
    panel.session.end_all()
    until(lambda: panel.slot.job is None, timeout=2500)


def test_the_taught_model_is_kept_and_used(panel, layer, until, finder, monkeypatch, tmp_path):
    panel.form.run_box.button.click()
    until(lambda: panel.slot.result() is not None, timeout=20000)
    monkeypatch.setattr("napari_atomai.plugin.asking.answer", lambda ask: str(tmp_path / "my MXene"))
    panel.form.keep_button.click()
    assert (own_models.home() / "my MXene.safetensors").read_bytes() == b"a model"
    assert panel.form.base.box.findText("my MXene") >= 0
    panel.form.use_button.click()
    until(lambda: len(finder.calls) == 2 and panel.session.job is None)
    used = Path(finder.calls[1][1].model)
    assert used.read_bytes() == b"a model"
    assert used.stem.startswith("taught ")
    assert (finder.calls[1][1].threshold, finder.calls[1][1].spacing) == (0.35, 12.0)


def test_the_scores_say_of_how_many_atoms_they_are():
    part = {"precision": 0.5, "recall": 0.75, "f1": 0.6, "hits": 3, "false": 3, "missed": 1}
    text = as_table({"before": part, "after": part, "judged_on": "held out", "notes": ["Only <4> atoms."]})
    assert text.startswith("On what was held out: 4 atoms<table>")
    assert "Only &lt;4&gt; atoms." in text
    assert as_table({"best_step": 3}) == ""


def test_without_a_window_the_comparison_says_so(panel, until, teacher):
    panel.form.run_box.button.click()
    until(lambda: panel.slot.result() is not None, timeout=20000)
    panel.form.compare_button.click()
    assert "no window" in status(panel)


def test_without_atoms_it_says_what_to_do(qtbot, viewer, layer, teacher):
    panel = TrainPanel(viewer)
    qtbot.addWidget(panel)
    panel.form.run_box.button.click()
    assert "find atoms, correct them, then train" in status(panel)
    assert panel.minimumSizeHint().width() <= 400


_CLOSED = """
import napari
import numpy as np
from napari_atomai.plugin import teaching
from napari_atomai.plugin.process import ProcessTask
from napari_atomai.plugin.session import session_of

viewer = napari.Viewer(show=True)
slot = session_of(viewer).slot(teaching.TRAIN)
description, arrays = {"steps": 100_000, "pause": 0.01}, {"shape": np.array([8, 8])}
slot.start_process(None, ProcessTask("napari_atomai.a_teacher", description, arrays), "training")
closing = []

def close(_progress):
    if not closing:
        closing.append((slot.job.pid, slot.job.folder))
        viewer.close()

slot.progressed.connect(close)
napari.run()
print(*closing[0], flush=True)
"""


@pytest.mark.timeout(120)
def test_a_viewer_closed_in_mid_training_ends_the_process_and_ends_well(in_child, teacher, monkeypatch):
    root = Path(__file__).parents[2]
    monkeypatch.setenv("PYTHONPATH", f"{os.environ['PYTHONPATH']}{os.pathsep}{root}")
    done = in_child(_CLOSED)
    assert done.returncode == 0, done.stderr
    for bad in ("QThread", "QProcess", "Traceback", "deleted", "RuntimeError"):
        assert bad not in done.stderr
    pid, folder = done.stdout.split()
    state = Path(f"/proc/{pid}/stat")
    assert not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z"
    assert not Path(folder).exists(), "who closes the window has not been interrupted"

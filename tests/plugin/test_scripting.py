"""Copy as script: what was found and corrected in the window comes out of the script that is copied."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image as ImageLayer
from qtpy.QtWidgets import QApplication

from napari_atomai.data.recipe import FindAtoms, RefineAtoms
from napari_atomai.data.recipes_lattice import MeasureLattice
from napari_atomai.files.reading import read
from napari_atomai.plugin import scripting
from napari_atomai.plugin.layers import image_layer_data, uid_of
from napari_atomai.plugin.panels.correct import CorrectPanel
from napari_atomai.plugin.session import session_of

RUN = """
exec(open({path!r}).read())
import sys
import numpy as np
assert "napari" not in sys.modules and "qtpy" not in sys.modules
(atoms,) = results
names = np.array(atoms.class_names)
np.savez({out!r}, positions=atoms.positions, ids=atoms.ids, classes=names[atoms.classes])
"""


@pytest.fixture
def told(monkeypatch):
    said = []
    monkeypatch.setattr(scripting, "show_info", said.append)
    monkeypatch.setattr(scripting, "show_warning", said.append)
    return said


def test_the_copied_script_gives_the_atoms_on_the_screen_without_napari(
    qtbot, tmp_path, picture, until, in_child, told
):
    np.save(tmp_path / "scan.npy", picture[0])
    data, options, _ = image_layer_data(read(tmp_path / "scan.npy")[0])
    viewer = ViewerModel()
    layer = viewer.add_image(data, **options)
    session = session_of(viewer)
    session.find(layer, FindAtoms(), RefineAtoms())
    until(lambda: session.job is None and session.result(uid_of(layer)) is not None, timeout=30000)
    session.set_threshold(uid_of(layer), 0.6)
    points = session.points(uid_of(layer))
    points.selected_data = {0, 3}
    points.remove_selected()
    points.add([[40.3, 50.1]])
    points.selected_data = {2}
    session.correcting.set_class(points, "Si")

    assert scripting.copy_as_script(viewer)
    assert told == ["Copied: Python that finds the atoms of 1 image again."]
    script, out = tmp_path / "script.py", tmp_path / "out.npz"
    script.write_text(QApplication.clipboard().text(), encoding="utf-8")
    child = in_child(RUN.format(path=str(script), out=str(out)))
    assert child.returncode == 0, child.stderr
    with np.load(out) as again:
        assert again["ids"].tolist() == points.features["id"].tolist()
        np.testing.assert_array_equal(again["positions"], points.data)
        assert again["classes"].tolist() == points.features["class"].tolist()

    record = session.result(uid_of(layer)).found.record
    record = record.model_copy(update={"steps": (*record.steps, MeasureLattice(brightness=False))})
    session.slot("lattice").put(uid_of(layer), SimpleNamespace(record=record))
    text, said = scripting.script_of(session)
    assert said == "Copied: Python that finds the atoms of 1 image again. Then: Measure lattice."
    assert "lattice = finish(measuring_lattice(atoms, MeasureLattice(brightness=False), image))" in text
    assert text.count("edited(found.atoms, edits)") == 2


def test_without_atoms_or_a_file_it_says_what_to_do(qtbot, picture, finder, until, told):
    viewer = ViewerModel()
    assert not scripting.copy_as_script(viewer)
    assert "No atoms were found yet" in told[-1]
    viewer.layers.append(ImageLayer(picture[0], name="no file"))
    session = session_of(viewer)
    session.find(viewer.layers[0], FindAtoms(), RefineAtoms())
    until(lambda: session.job is None)
    assert not scripting.copy_as_script(viewer)
    assert "no file" in told[-1]
    panel = CorrectPanel(viewer)
    qtbot.addWidget(panel)
    panel.form.script_button.click()
    assert "no file" in panel.form.status.text()

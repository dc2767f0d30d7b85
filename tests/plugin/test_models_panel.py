"""The list of models: what there is, the card, use, add, and delete after a question."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image as ImageLayer

from napari_atomai.files.weights import read_weights, write_weights
from napari_atomai.models.storage import BUNDLED
from napari_atomai.plugin import own_models
from napari_atomai.plugin.panels import models
from napari_atomai.plugin.panels.model_box import ModelBox
from napari_atomai.plugin.panels.models import ModelsPanel

MINE = "my graphene"


@pytest.fixture
def home(tmp_path, monkeypatch):
    folder = tmp_path / "models"
    monkeypatch.setenv(own_models.FOLDER, str(folder))
    folder.mkdir()
    base = read_weights(BUNDLED / "atoms.safetensors")
    card = base.card.model_copy(
        update={
            "name": MINE,
            "description": "Taught <here>.",
            "metrics": {"before_f1": 0.5, "after_f1": 0.875},
        }
    )
    write_weights(folder / f"{MINE}.safetensors", card, base.tensors)
    return folder


@pytest.fixture
def viewer(picture):
    viewer = ViewerModel()
    viewer.layers.append(ImageLayer(picture[0], name="lattice"))
    return viewer


@pytest.fixture
def panel(qtbot, viewer, home, finder):
    panel = ModelsPanel(viewer)
    qtbot.addWidget(panel)
    return panel


def names(panel):
    return [panel.form.rows.data(panel.form.rows.index(row, 0)) for row in range(panel.form.rows.rowCount())]


def choose(panel, name):
    panel.choose(names(panel).index(name))


def answering(monkeypatch, given):
    monkeypatch.setattr("napari_atomai.plugin.asking.answer", lambda ask: given)


def test_bundled_and_own_models_are_listed_with_their_cards(panel, home):
    assert names(panel) == ["atoms", "atoms-ensemble", MINE]
    assert panel.form.card.text().startswith("<b>atoms</b>")
    assert not panel.form.delete_button.isEnabled()
    choose(panel, MINE)
    text = panel.form.card.text()
    assert "Taught &lt;here&gt;." in text
    assert "0.5 before, 0.875 after" in text
    assert str(home) in text
    assert panel.form.delete_button.isEnabled()
    assert panel.minimumSizeHint().width() <= 400


def test_a_model_finds_the_atoms_of_the_image(panel, viewer, finder, until, home):
    for name, asked in ((MINE, str(home / f"{MINE}.safetensors")), ("atoms-ensemble", "atoms-ensemble")):
        choose(panel, name)
        panel.form.use_button.click()
        until(lambda: panel.session.job is None)
        assert finder.calls[-1][1].model == asked
    viewer.layers.clear()
    panel.form.use_button.click()
    assert "no image yet" in panel.form.status.text()


def test_only_a_yes_deletes(panel, home, monkeypatch):
    choose(panel, MINE)
    answering(monkeypatch, "Cancel")
    panel.form.delete_button.click()
    assert (home / f"{MINE}.safetensors").exists()
    answering(monkeypatch, "Delete")
    panel.form.delete_button.click()
    assert not (home / f"{MINE}.safetensors").exists()
    assert names(panel) == ["atoms", "atoms-ensemble"]
    assert "is deleted" in panel.form.status.text()


def test_a_bundled_model_cannot_be_deleted():
    bundled = own_models.all_models()[0]
    with pytest.raises(Exception, match="came with the package"):
        own_models.delete(bundled)
    assert bundled.path.exists()


def test_a_file_is_added_once_and_only_if_it_is_a_model(panel, home, monkeypatch, tmp_path):
    file = tmp_path / "from a colleague.safetensors"
    shutil.copyfile(home / f"{MINE}.safetensors", file)
    answering(monkeypatch, str(file))
    panel.form.add_button.click()
    assert "from a colleague" in names(panel)
    assert panel.chosen().name == "from a colleague"
    panel.form.add_button.click()
    assert "already" in panel.form.status.text()
    file = tmp_path / "no model.safetensors"
    file.write_bytes(b"no model")
    answering(monkeypatch, str(file))
    panel.form.add_button.click()
    assert "no model" not in names(panel)


def test_a_damaged_file_is_listed_as_one(panel, home, until, monkeypatch):
    (home / "broken.safetensors").write_bytes(b"x" * 100)
    panel.refresh()
    choose(panel, "broken")
    assert "damaged" in panel.form.card.text()
    assert not panel.form.use_button.isEnabled()
    assert panel.form.delete_button.isEnabled()


def test_the_list_follows_the_folder(panel, home, until, monkeypatch):
    assert models._LOOK_EVERY <= 5000
    choose(panel, "atoms-ensemble")
    (home / f"{MINE}.safetensors").rename(home / "renamed.safetensors")
    until(lambda: "renamed" in names(panel))
    assert panel.chosen().name == "atoms-ensemble"


def test_a_list_that_is_opened_has_the_models_of_now(qtbot, home):
    box = ModelBox("")
    qtbot.addWidget(box)
    box.choose("atoms-ensemble")
    Path(home / f"{MINE}.safetensors").rename(home / "later.safetensors")
    box.box.showPopup()
    assert box.box.findText("later") > 0
    assert box.box.findText(MINE) < 0
    assert box.name() == "atoms-ensemble"
    box.box.hidePopup()


def test_a_model_that_segments_is_sent_to_its_panel(panel, home):
    base = read_weights(BUNDLED / "atoms.safetensors")
    card = base.card.model_copy(update={"name": "seg", "task": "segmentation"})
    write_weights(home / "seg.safetensors", card, {k: np.asarray(v) for k, v in base.tensors.items()})
    panel.refresh()
    choose(panel, "seg")
    panel.form.use_button.click()
    assert "Segment panel" in panel.form.status.text()

"""The Segment panel: classes, maps and atoms as layers, and a threshold that acts at once."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari.components import ViewerModel  # noqa: E402
from napari.layers import Image as ImageLayer  # noqa: E402

from napari_atomai.models import Segmentor  # noqa: E402
from napari_atomai.nets.registry import register  # noqa: E402
from napari_atomai.plugin import results  # noqa: E402
from napari_atomai.plugin.layers import find_layer, uid_of  # noqa: E402
from napari_atomai.plugin.panels.segment import SegmentPanel, about  # noqa: E402
from napari_atomai.trainers import Ensemble  # noqa: E402

LOW, HIGH = 0.2, 0.75


@register("three levels")
class ThreeLevels(torch.nn.Module):
    """Gives dim columns to the first class, bright ones to the second, all else to the background."""

    def __init__(self, channels: int = 1, classes: int = 3) -> None:
        super().__init__()
        self.channels, self.classes, self.multiple = channels, classes, 1
        self.steepness = torch.nn.Parameter(torch.tensor(20.0))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        column = self.steepness * (image - LOW)
        highest = torch.nn.functional.max_pool2d(image, 13, 1, padding=6)
        bright = self.steepness * (highest - HIGH)
        return torch.cat([column - 2 * bright.relu(), column - 2 * (-bright).relu(), -column], dim=1)


@pytest.fixture
def picture():
    """Columns of two brightnesses, in turn, and where those of either kind are."""
    rows, columns = np.mgrid[0:96, 0:120]
    where = np.mgrid[12:90:18, 12:112:18].reshape(2, -1).T.astype(float)
    height = np.where(np.arange(len(where)) % 2, 1.0, 0.5)
    away = (rows - where[:, 0, None, None]) ** 2 + (columns - where[:, 1, None, None]) ** 2
    return (height[:, None, None] * np.exp(-away / 12)).sum(axis=0), where, height == 1


@pytest.fixture
def model(tmp_path):
    """A model file of two kinds of columns."""
    return Segmentor(ThreeLevels(), nb_classes=3, class_names=("A", "B")).save_model(tmp_path / "levels")


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def layer(viewer, picture):
    layer = ImageLayer(picture[0], scale=(0.02, 0.02), units=("nm", "nm"), name="lattice")
    viewer.layers.append(layer)
    return layer


@pytest.fixture
def panel(qtbot, viewer, layer, model):
    torch.set_num_threads(1)
    panel = SegmentPanel(viewer)
    qtbot.addWidget(panel)
    panel.form.model_box.choose(str(model))
    return panel


@pytest.fixture
def rested(panel, until):
    """Wait until nothing is going on."""

    def wait():
        until(lambda: panel.slot.job is None and not panel._soon.isActive() and not panel._latest.busy)

    return wait


@pytest.fixture
def segmented(panel, rested):
    panel.run()
    rested()
    return panel


def layers_of(viewer, layer):
    return {role: find_layer(viewer.layers, role, uid_of(layer)) for role in results.ROLES}


def test_classes_probabilities_and_atoms_lie_over_the_image(segmented, viewer, layer, picture):
    pixels, where, bright = picture
    found = layers_of(viewer, layer)
    atoms = found[results.ATOMS]
    order = np.lexsort(atoms.data.T[::-1].round())
    np.testing.assert_allclose(atoms.data[order], where, atol=0.2)
    assert (atoms.features["class"].to_numpy()[order] == np.where(bright, "B", "A")).all()
    assert viewer.layers.selection.active is atoms
    classes = found[results.CLASSES]
    assert classes.visible
    assert classes.data.shape == pixels.shape
    assert [classes.data[place] for place in ((12, 12), (12, 30), (0, 0))] == [1, 2, 0]
    for name, place, other in (("A", (12, 12), (12, 30)), ("B", (12, 30), (12, 12))):
        map_ = find_layer(viewer.layers, f"probability of {name}", uid_of(layer))
        assert map_.data[place] > 0.9 > 0.1 > map_.data[other]
        np.testing.assert_array_equal(map_.scale, layer.scale)
    assert found[results.UNCERTAINTY] is None
    assert f"{len(where)} objects" in segmented.form.run_box.status.text()
    assert all(text in segmented.form.counts.text() for text in ("A", "B"))


def test_the_threshold_acts_without_another_run_and_atoms_keep_their_numbers(
    segmented, viewer, layer, rested
):
    before = layers_of(viewer, layer)
    ids = dict(
        zip(map(tuple, before[results.ATOMS].data.round()), before[results.ATOMS].features["id"], strict=True)
    )
    area = np.count_nonzero(before[results.CLASSES].data)
    segmented.form.threshold.setValue(95)
    rested()
    after = layers_of(viewer, layer)
    assert after == before  # the same layers, changed in place
    assert 0 < np.count_nonzero(after[results.CLASSES].data) < area
    now = after[results.ATOMS]
    assert len(now.data) > 0
    assert all(
        ids[tuple(row)] == name for row, name in zip(now.data.round(), now.features["id"], strict=True)
    )
    assert segmented.session.result(uid_of(layer)).found.threshold == 0.95
    assert segmented.form.threshold_label.text() == "0.95"


def test_an_atom_that_was_taken_away_stays_away_at_another_threshold(segmented, viewer, layer, rested):
    points = layers_of(viewer, layer)[results.ATOMS]
    count, gone = len(points.data), points.data[3].copy()
    points.selected_data = {3}
    points.remove_selected()
    segmented.form.threshold.setValue(40)
    rested()
    assert len(points.data) == count - 1
    assert np.hypot(*(points.data - gone).T).min() > 5


def test_an_ensemble_shows_where_its_nets_disagree(panel, viewer, layer, tmp_path, rested):
    net = ThreeLevels()
    states = [{"steepness": torch.tensor(value)} for value in (20.0, 4.0)]
    card = Segmentor(net, nb_classes=3, class_names=("A", "B")).card()
    panel.form.model_box.choose(str(Ensemble(net, states, card).save_model(tmp_path / "two")))
    assert "An ensemble of 2 nets for A, B" in panel.form.about.text()
    panel.run()
    rested()
    spread = layers_of(viewer, layer)[results.UNCERTAINTY]
    assert spread.data.max() > 0.05
    panel.form.model_box.choose(str(Segmentor(net, nb_classes=3).save_model(tmp_path / "one")))
    panel.run()
    rested()
    found = layers_of(viewer, layer)
    assert found[results.UNCERTAINTY] is None  # a single net has none
    assert find_layer(viewer.layers, "probability of A", uid_of(layer)) is None  # of the other model
    assert find_layer(viewer.layers, "probability of class 0", uid_of(layer)) is not None


def test_maps_follow_the_calibration_and_so_do_atoms_at_a_new_threshold(segmented, viewer, layer, rested):
    layer.scale = (0.05, 0.05)
    segmented.form.threshold.setValue(60)
    rested()
    for role in (results.ATOMS, results.CLASSES, "probability of A"):
        np.testing.assert_allclose(find_layer(viewer.layers, role, uid_of(layer)).scale, (0.05, 0.05))
    assert segmented.session.result(uid_of(layer)).found.atoms.pixel_size == pytest.approx((0.05, 0.05))


@pytest.mark.parametrize(
    ("name", "words"), [("", "Choose a model first"), ("nowhere.safetensors", "nowhere")]
)
def test_a_model_that_is_not_there_is_answered_in_words(panel, viewer, rested, name, words):
    panel.form.model_box.choose(name)
    panel.run()
    rested()
    assert words in panel.form.run_box.status.text()
    assert len(viewer.layers) == 1


def test_a_finder_of_atoms_is_told_from_a_segmentation(panel, rested):
    panel.form.model_box.choose("atoms")
    panel.run()
    rested()
    assert "find_atoms" in panel.form.run_box.status.text()


def test_without_an_image_it_says_where_to_get_one(panel, viewer):
    viewer.layers.clear()
    panel.run()
    assert "no image yet" in panel.form.run_box.status.text()
    assert not panel.form.export_button.isEnabled()


def test_a_second_click_is_answered_and_a_deleted_panel_does_not_stop_the_work(
    qtbot, viewer, layer, model, until
):
    panel = SegmentPanel(viewer)
    panel.form.model_box.choose(str(model))
    slot = panel.slot
    panel.run()
    panel.run()
    assert "Still at work" in panel.form.run_box.status.text()
    panel.deleteLater()
    until(lambda: slot.job is None)
    assert find_layer(viewer.layers, results.CLASSES, uid_of(layer)) is not None
    again = SegmentPanel(viewer)
    qtbot.addWidget(again)
    assert "objects" in again.form.run_box.status.text()


def test_an_image_that_is_removed_in_mid_run_leaves_nothing(panel, viewer, layer, rested):
    panel.run()
    viewer.layers.remove(layer)
    rested()
    assert len(viewer.layers) == 0


def test_results_are_written_to_a_folder(segmented, monkeypatch, tmp_path, until):
    monkeypatch.setattr("napari_atomai.plugin.asking.answer", lambda ask: str(tmp_path))
    segmented.form.export_button.click()
    until(lambda: segmented.session.job is None)
    assert (tmp_path / "lattice_segmented" / "atoms.csv").read_text().count("B") > 10


def test_what_is_said_of_models(model, tmp_path):
    assert about("") == ""
    assert about(str(tmp_path / "none.safetensors")) == "There is no such file."
    assert about(str(model)).startswith("One net for A, B")
    (tmp_path / "a.tar").write_bytes(b"x")
    assert "AtomAI" in about(str(tmp_path / "a.tar"))
    (tmp_path / "bad.safetensors").write_bytes(b"x")
    assert "bad.safetensors" in about(str(tmp_path / "bad.safetensors"))


def test_the_panel_fits_a_side_dock(panel):
    assert panel.form.minimumSizeHint().width() <= 370

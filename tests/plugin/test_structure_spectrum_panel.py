"""The Structure-spectrum panel: trains in the background, shows places, latents and maps, and writes."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari.components import ViewerModel  # noqa: E402

from napari_atomai.data.image import Axis, Image  # noqa: E402
from napari_atomai.data.progress import finish  # noqa: E402
from napari_atomai.data.recipes_spectra import TrainImSpec  # noqa: E402
from napari_atomai.files.reading import read  # noqa: E402
from napari_atomai.models.imspec import ImSpec  # noqa: E402
from napari_atomai.plugin.layers import image_layer_data, uid_of  # noqa: E402
from napari_atomai.plugin.panels.structure_spectrum import StructureSpectrumPanel  # noqa: E402
from napari_atomai.plugin.panels.structure_spectrum_layout import (  # noqa: E402
    ERROR_MAP,
    EXPECTED,
    HELD_OUT,
    LATENT,
    LATENT_MAP,
    NO_MAP,
    PLACE,
)
from napari_atomai.plugin.panels.structure_spectrum_work import Seen  # noqa: E402
from napari_atomai.workflow.imspec import training_imspec  # noqa: E402
from tests.workflow.test_imspec import scene  # noqa: E402

RECIPE = TrainImSpec(window=12.0, patch=6, filters=4, latent_dim=2, training_cycles=2, models=2)


@pytest.fixture(scope="module")
def seen() -> dict[str, Seen]:
    torch.set_num_threads(1)
    made = {}
    for direction in ("im2spec", "spec2im"):
        result = finish(training_imspec(*scene(), RECIPE.model_copy(update={"direction": direction})))
        walks = tuple(result.along(latent) for latent in range(2))
        losses = {"train_loss": [1.0, 0.5], "test_loss": [1.0, 0.6]}
        made[direction] = Seen(result, result.error_map(), result.latent_maps(), walks, losses)
    return made


@pytest.fixture
def viewer() -> ViewerModel:
    viewer = ViewerModel()
    for image in reversed(scene()):
        data, options, _ = image_layer_data(image)
        viewer.add_image(data, **options)
    return viewer


@pytest.fixture
def panel(qtbot: Any, viewer: ViewerModel) -> StructureSpectrumPanel:
    panel = StructureSpectrumPanel(viewer)
    qtbot.addWidget(panel)
    return panel


def shown(panel: StructureSpectrumPanel, seen: Seen) -> StructureSpectrumPanel:
    panel.slot.put(panel.form.spectra.uid, seen)
    return panel


def text(panel: StructureSpectrumPanel) -> str:
    return panel.form.run_box.status.text()


def click(panel: StructureSpectrumPanel, position: tuple[float, ...], *, drag: bool = False) -> None:
    event = SimpleNamespace(type="mouse_press", position=position)
    assert panel._on_mouse in panel.viewer.mouse_drag_callbacks
    work = panel._on_mouse(panel.viewer, event)
    next(work)
    if drag:
        event.type = "mouse_move"
        next(work)
    event.type = "mouse_release"
    next(work, None)


def test_it_offers_the_image_and_the_spectrum_image(panel: StructureSpectrumPanel) -> None:
    assert panel.form.structure.currentText() == "haadf"
    assert panel.form.spectra.currentText() == "si"
    assert not panel.form.predict_button.isEnabled()
    assert panel.minimumSizeHint().width() <= 420


def test_training_ends_with_a_score_and_a_place(panel: StructureSpectrumPanel, until: Any) -> None:
    panel.form.options.put({"window": 12.0, "latent_dim": 2, "training_cycles": 2})
    panel.form.run_box.button.click()
    panel.form.run_box.button.click()
    assert "Still at work" in text(panel)
    until(lambda: panel.seen is not None, 60_000)
    assert "Held-out R2" in text(panel)
    assert panel.form.view.currentText() == PLACE
    assert len(panel.seen.losses["train_loss"]) == 2
    assert panel.place in panel.seen.result.test


def test_two_images_that_do_not_fit_are_told_in_words(panel: StructureSpectrumPanel, until: Any) -> None:
    panel.form.structure.layer().translate = (5000, 5000)
    panel.form.run_box.button.click()
    until(lambda: panel.slot.job is None)
    assert "do not overlap" in text(panel)
    panel.viewer.layers.remove(panel.form.structure.layer())
    panel.form.run_box.button.click()
    assert "Choose a spectrum image and an image" in text(panel)


def test_every_bad_input_is_told_in_words(viewer: ViewerModel, qtbot: Any, until: Any) -> None:
    spectra = scene()[1]
    bare = Image(spectra.pixels, (spectra.axes[0], Axis("y"), Axis("x")))
    bad = {
        "No pixel size is known of": bare,
        "all zero": replace(spectra, pixels=np.zeros_like(spectra.pixels)),
        "not finite": replace(spectra, pixels=np.full_like(spectra.pixels, np.nan)),
        "There are 9 pairs": replace(spectra, pixels=spectra.pixels[:, :3, :3]),
    }
    panel = StructureSpectrumPanel(viewer)
    qtbot.addWidget(panel)
    panel.form.options.put({"window": 12.0, "alignment": "calibrated"})
    for words, one in bad.items():
        data, options, _ = image_layer_data(one)
        layer = viewer.add_image(data, **options)
        panel.form.spectra.choose(uid_of(layer))
        panel.form.run_box.button.click()
        until(lambda: panel.slot.job is None)
        assert words in text(panel), (words, text(panel))
        viewer.layers.remove(layer)


def test_a_click_chooses_the_place_under_it_and_a_drag_does_not(
    panel: StructureSpectrumPanel, seen: dict[str, Seen]
) -> None:
    shown(panel, seen["im2spec"])
    layer = panel.form.spectra.layer()
    click(panel, layer.data_to_world((0, 4, 7)))
    assert tuple(panel.seen.result.pairs.places[panel.place]) == (4, 7)
    measured = panel.form.plot.axes.lines[0].get_ydata()
    np.testing.assert_allclose(measured, layer.data[:, 4, 7])
    predicted = panel.form.plot.axes.lines[1].get_ydata()
    np.testing.assert_allclose(predicted, panel.seen.result.predicted.mean[panel.place])
    assert len(panel.form.plot.axes.collections) == 1  # the error band of two nets
    click(panel, layer.data_to_world((0, 1, 1)), drag=True)
    click(panel, layer.data_to_world((0, 400, 400)))
    assert tuple(panel.seen.result.pairs.places[panel.place]) == (4, 7)


def test_maps_lie_on_the_spectrum_image_one_at_a_time(
    panel: StructureSpectrumPanel, seen: dict[str, Seen]
) -> None:
    shown(panel, seen["im2spec"])
    spectra = panel.form.spectra.layer()
    panel.form.map.setCurrentText(ERROR_MAP)
    layer = panel.viewer.layers[-1]
    np.testing.assert_array_equal(layer.data, panel.seen.errors)
    np.testing.assert_allclose(layer.scale, spectra.scale[-2:])
    np.testing.assert_allclose(layer.translate, spectra.translate[-2:])
    panel.form.map.setCurrentText(LATENT_MAP)
    panel.form.latent.setValue(1)
    np.testing.assert_array_equal(layer.data, panel.seen.latents[1])
    panel.form.map.setCurrentText(HELD_OUT)
    assert set(np.unique(layer.data)) <= {0.0, 1.0, 2.0}
    assert len(panel.viewer.layers) == 3
    panel.form.map.setCurrentText(NO_MAP)
    assert len(panel.viewer.layers) == 2


def test_every_view_is_drawn_both_ways(panel: StructureSpectrumPanel, seen: dict[str, Seen]) -> None:
    for direction in ("im2spec", "spec2im"):
        shown(panel, seen[direction])
        assert panel.form.predict_button.isEnabled() == (direction == "im2spec")
        for view in (PLACE, LATENT, EXPECTED):
            panel.form.view.setCurrentText(view)
            axes = panel.form.plot.axes
            assert axes.lines or axes.images
    panel.form.low.setValue(1e6)
    panel.form.high.setValue(2e6)
    assert "No channel" in text(panel)


def test_spectra_are_predicted_as_a_new_layer(
    panel: StructureSpectrumPanel, seen: dict[str, Seen], until: Any
) -> None:
    shown(panel, seen["im2spec"])
    panel.form.predict_button.click()
    until(lambda: len(panel.viewer.layers) == 3)
    new = panel.viewer.layers[-1]
    assert new.data.shape[0] == 16
    assert new.scale[-1] == pytest.approx(2.4)
    assert "Predicted" in text(panel)


def test_results_and_models_are_written(
    panel: StructureSpectrumPanel, seen: dict[str, Seen], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown(panel, seen["im2spec"])
    for button, name in (
        (panel.form.export_button, "told.hspy"),
        (panel.form.export_button, "told.png"),
        (panel.form.save_button, "model.safetensors"),
    ):
        monkeypatch.setattr("napari_atomai.plugin.asking.answer", lambda ask, name=name: str(tmp_path / name))
        button.click()
        assert (tmp_path / name).stat().st_size > 1000
    assert len(read(tmp_path / "told.hspy")) == 3
    assert ImSpec.load(tmp_path / "model.safetensors").about["window"] == 12.0


def test_the_result_goes_with_its_spectrum_image(
    panel: StructureSpectrumPanel, seen: dict[str, Seen]
) -> None:
    shown(panel, seen["im2spec"])
    uid = uid_of(panel.form.spectra.layer())
    panel.viewer.layers.remove(panel.form.spectra.layer())
    assert panel.slot.result(uid) is None
    assert not panel.form.save_button.isEnabled()


def test_only_what_is_painted_or_drawn_is_learned_from(panel: StructureSpectrumPanel, until: Any) -> None:
    spectra = panel.form.spectra.layer()
    painted = panel.viewer.add_labels(np.zeros(spectra.data.shape[-2:], int), scale=spectra.scale[-2:])
    painted.translate = spectra.translate[-2:]
    panel.form.mask.setCurrentText(painted.name)
    panel.form.run_box.button.click()
    assert "Nothing is painted" in text(panel)
    painted.data[2:15, 1:14] = 3
    painted.refresh()
    assert np.array_equal(panel.form.mask.mask(spectra), painted.data > 0)
    drawn = panel.viewer.add_shapes(scale=(0.5, 0.5))
    corners = np.array([(1.6, 0.6), (14.4, 0.6), (14.4, 13.4), (1.6, 13.4)])  # about the same pixels
    world = corners * spectra.scale[-2:] + spectra.translate[-2:]
    drawn.add(world / 0.5, shape_type="polygon")
    panel.form.mask.setCurrentText(drawn.name)
    assert np.array_equal(panel.form.mask.mask(spectra), painted.data > 0)
    panel.form.options.put({"window": 12.0, "latent_dim": 2, "training_cycles": 1})
    panel.form.run_box.button.click()
    until(lambda: panel.seen is not None, 60_000)
    assert set(panel.seen.result.pairs.places[:, 0]) <= set(range(2, 15))
    assert any("masked" in note for note in panel.seen.result.pairs.notes)


def test_a_saved_model_predicts_for_the_structure_that_is_chosen(
    panel: StructureSpectrumPanel,
    seen: dict[str, Seen],
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
    until: Any,
) -> None:
    path = seen["im2spec"].result.model.save_model(tmp_path / "model")
    monkeypatch.setattr("napari_atomai.plugin.asking.answer", lambda _: str(path))
    panel.form.open_button.click()
    until(lambda: len(panel.viewer.layers) == 3)
    assert panel.viewer.layers[-1].data.shape[0] == 16
    path.write_bytes(b"not a model")
    panel.form.open_button.click()
    until(lambda: "model" in text(panel) and "Predicted" not in text(panel))
    assert len(panel.viewer.layers) == 3

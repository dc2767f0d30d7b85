"""The Local order panel: windows drawn, maps where they belong, frames, export."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from napari.components import ViewerModel

from napari_atomai.data.image import Image
from napari_atomai.plugin.layers import calibrate, find_layer, image_layer_data
from napari_atomai.plugin.panels.local_order import LocalOrderPanel
from napari_atomai.plugin.panels.local_order_layout import SCREE
from napari_atomai.plugin.panels.local_order_work import MAP, WINDOW
from napari_atomai.plugin.saved_work import restore, take
from tests.workflow.test_local_order import NM, two_lattices


def shown(image: Image) -> ViewerModel:
    viewer = ViewerModel()
    data, options, _ = image_layer_data(image)
    viewer.add_image(data, **options)
    return viewer


@pytest.fixture
def panel(qtbot: Any) -> LocalOrderPanel:
    panel = LocalOrderPanel(shown(two_lattices()))
    qtbot.addWidget(panel)
    panel.form.options.put({"components": 2, "window": 1.6, "stride": 0.4})
    return panel


def of(panel: LocalOrderPanel, role: str) -> Any:
    return find_layer(panel.viewer.layers, role, panel.form.picker.uid)


def mapped(panel: LocalOrderPanel, until: Any) -> LocalOrderPanel:
    panel.form.run_box.button.click()
    until(lambda: panel.slot.job is None)
    return panel


def test_windows_are_drawn_one_step_apart(panel: LocalOrderPanel, until: Any) -> None:
    until(lambda: "13 x 17 windows of 32 x 32 px, 1.6 nm, 8 px apart" in panel.form.about.text())
    first, second = of(panel, WINDOW).data
    assert np.allclose(np.ptp(first, axis=0), 32)
    assert np.allclose(second.min(axis=0) - first.min(axis=0), 8)
    panel.form.options.put({"window": 30.0})
    until(lambda: "do not fit" in panel.form.about.text())
    assert of(panel, WINDOW) is None
    assert panel.minimumSizeHint().width() <= 420


def test_a_map_lies_where_its_windows_have_their_middles(panel: LocalOrderPanel, until: Any) -> None:
    mapped(panel, until)
    layer, order = of(panel, MAP), panel.found.order
    assert np.array_equal(layer.data, order.maps.pixels[0].astype(np.float32))
    assert np.allclose(layer.scale, 8 * NM)
    assert np.allclose(layer.translate, 15.5 * NM)
    panel.form.plot.clicked.emit(0, 1)
    assert np.array_equal(layer.data, order.maps.pixels[1].astype(np.float32))
    calibrate(panel.form.picker.layer(), 0.1)
    assert np.allclose(layer.scale, 0.8)
    assert np.allclose(layer.translate, 1.55)
    places = panel.form.plot._places
    assert sorted(places.values()) == [(0, 0), (0, 1)]
    assert {axes.get_xlabel() for axes in places} == {"1/nm"}
    panel.form.view.setCurrentText(SCREE)
    assert panel.form.plot.canvas.axes.lines


def test_of_a_movie_the_frame_that_is_shown_is_mapped(qtbot: Any, until: Any) -> None:
    image = two_lattices()
    flat = np.random.default_rng(1).normal(size=image.shape).astype(np.float32)
    panel = LocalOrderPanel(shown(Image.from_array(np.stack([flat, image.pixels]), NM)))
    qtbot.addWidget(panel)
    panel.form.options.put({"components": 2, "window": 1.6, "stride": 0.4})
    panel.viewer.dims.set_point(0, panel.viewer.dims.range[0].stop)
    mapped(panel, until)
    assert panel.found.record.steps[0].frame == 1
    assert panel.found.order.components.explained[0] > 0.3


def test_all_is_exported_and_an_error_is_said_in_words(
    panel: LocalOrderPanel, until: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapped(panel, until)
    monkeypatch.setattr("napari_atomai.plugin.asking.answer", lambda ask: str(tmp_path))
    panel.form.export_button.click()
    until(lambda: "Written to" in panel.form.run_box.status.text())
    assert len(list(tmp_path.glob("*/map_*.tif"))) == 2
    layer = panel.form.picker.layer()
    layer.data = np.where(np.arange(layer.data.shape[1]) == 3, np.nan, layer.data)
    assert panel.found is None
    mapped(panel, until)
    assert "not finite" in panel.form.run_box.status.text()
    panel.viewer.layers.remove(layer)
    panel.form.run_box.button.click()
    assert "no image yet" in panel.form.run_box.status.text()


def test_a_saved_session_brings_the_map_and_its_recipe_back(
    panel: LocalOrderPanel, until: Any, qtbot: Any
) -> None:
    mapped(panel, until)
    later = ViewerModel()
    restore(later, take(panel.viewer, {}), lambda _known: None)
    again = LocalOrderPanel(later)
    qtbot.addWidget(again)
    assert "computed again" in again.form.run_box.status.text()
    assert again._recipe(again.form.picker.layer()) == panel.found.record.steps[-1]
    until(lambda: again.found is not None)
    assert np.allclose(again.found.order.maps.pixels, panel.found.order.maps.pixels, equal_nan=True)

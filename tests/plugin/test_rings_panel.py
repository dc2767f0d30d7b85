"""The Rings panel: bonds, rings and defects over the image, and what happens while it works."""

from __future__ import annotations

import csv
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image as ImageLayer
from napari.layers import Points

from napari_atomai.plugin.layers import find_layer, uid_of
from napari_atomai.plugin.panels.rings import RingsPanel
from napari_atomai.plugin.panels.rings_layers import BONDS, RINGS
from napari_atomai.plugin.panels.rings_layout import LENGTHS, OVER_TIME
from napari_atomai.simulate.lattices import PROTOTYPES
from napari_atomai.simulate.samples import stone_wales

BOND = 10.0  # pixels
SHAPE = (200, 240)
SCALE = 0.142 / BOND  # nm per pixel


def sheet(middle: tuple[float, float] = (100.0, 120.0)) -> np.ndarray:
    """Graphene with one Stone-Wales defect, in pixels."""
    positions, _ = PROTOTYPES["honeycomb"].scaled(BOND).tile(SHAPE, 0.2, 0.0)
    return stone_wales(positions, BOND, np.array(middle))


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def layer(viewer: ViewerModel) -> ImageLayer:
    layer = ImageLayer(np.zeros(SHAPE), scale=(SCALE, SCALE), units=("nm", "nm"), name="sheet")
    viewer.layers.append(layer)
    return layer


@pytest.fixture
def points(viewer: ViewerModel, layer: ImageLayer) -> Points:
    points = Points(sheet(), scale=layer.scale, units=layer.units, name="atoms")
    viewer.layers.append(points)
    return points


@pytest.fixture
def panel(qtbot: Any, viewer: ViewerModel, points: Points, until: Any) -> RingsPanel:
    panel = RingsPanel(viewer)
    qtbot.addWidget(panel)
    panel.form.run_box.button.click()
    until(lambda: panel.slot.job is None)
    return panel


def text(panel: RingsPanel) -> str:
    return panel.form.run_box.status.text()


def column(panel: RingsPanel, name: str) -> list[Any]:
    return panel.table._columns[name].tolist()


def layer_of(panel: RingsPanel, role: str) -> Any:
    return find_layer(panel.viewer.layers, role, panel.form.picker.uid)


def test_a_stone_wales_defect_is_found_coloured_and_listed(panel: RingsPanel, layer: ImageLayer) -> None:
    rings, bonds = layer_of(panel, RINGS), layer_of(panel, BONDS)
    assert column(panel, "kind") == ["Stone-Wales"]
    assert column(panel, "rings") == ["5-5-7-7"]
    row, col = int(column(panel, "row_px")[0]), int(column(panel, "col_px")[0])
    assert {5, 7} <= set(np.unique(rings.data[row - 25 : row + 25, col - 25 : col + 25]))
    assert {6} == set(np.unique(rings.data[:50, 60:120])) - {0}
    np.testing.assert_allclose(rings.scale, layer.scale)
    assert panel.seen.counts()[5] == 2
    lengths = np.linalg.norm(bonds.data[:, 1], axis=1) * 10 * SCALE
    np.testing.assert_allclose(bonds.features["length_A"], lengths, atol=1e-6)
    assert np.ptp(bonds.edge_color, axis=0).max() > 0.1  # colours follow the lengths
    assert "Stone-Wales 1" in panel.form.counts.text()
    assert panel.minimumSizeHint().width() <= 420


def test_a_click_on_a_row_brings_the_defect_into_the_middle(panel: RingsPanel) -> None:
    panel.form.table.selectRow(0)
    centre = np.array(panel.viewer.scene.camera.center[-2:]) / SCALE
    np.testing.assert_allclose(centre, (100, 120), atol=BOND)
    assert len(panel.form.atoms.points().selected_data) == 16


def test_sizes_are_hidden_and_stay_hidden_after_another_run(panel: RingsPanel, until: Any) -> None:
    rings = layer_of(panel, RINGS)
    assert rings.colormap.map(6)[3] == 1
    panel.form.sizes.tick(6, on=False)
    assert rings.colormap.map(6)[3] == 0
    assert rings.colormap.map(5)[3] == 1
    panel.run()
    until(lambda: panel.slot.job is None)
    assert layer_of(panel, RINGS) is rings
    assert rings.colormap.map(6)[3] == 0
    panel.form.sizes.tick(6, on=True)
    assert rings.colormap.map(6)[3] == 1


def test_rings_are_found_again_after_a_change_only_if_asked(
    panel: RingsPanel, points: Points, until: Any
) -> None:
    seen = panel.seen
    points.selected_data = {int(np.argmin(((points.data - (60, 60)) ** 2).sum(axis=1)))}
    points.remove_selected()
    assert "changed since" in text(panel)
    assert panel.seen is seen
    panel.form.live.setChecked(True)
    until(lambda: panel.seen is not seen)
    assert sorted(column(panel, "kind")) == ["Stone-Wales", "vacancy"]
    seen = panel.seen
    points.data = points.data + 0.01
    until(lambda: panel.seen is not seen)


def test_both_plots_show_all_rings_and_bonds(panel: RingsPanel) -> None:
    heights = [bar.get_height() for bar in panel.form.plot.axes.patches]
    assert sum(heights) == len(panel.seen.found[0].rings)
    panel.form.view.setCurrentText(LENGTHS)
    assert sum(bar.get_height() for bar in panel.form.plot.axes.patches) == len(panel.seen.lengths)


def test_a_movie_shows_its_defects_over_time_and_a_row_its_frame(
    qtbot: Any, viewer: ViewerModel, until: Any
) -> None:
    viewer.layers.append(
        ImageLayer(np.zeros((3, *SHAPE)), scale=(1, SCALE, SCALE), units=("pixel", "nm", "nm"))
    )
    bare = PROTOTYPES["honeycomb"].scaled(BOND).tile(SHAPE, 0.2, 0.0)[0]
    frames = [np.insert(one, 0, i, axis=1) for i, one in enumerate((bare, sheet(), sheet((70.0, 90.0))))]
    viewer.layers.append(Points(np.concatenate(frames), scale=(1, SCALE, SCALE), units=("pixel", "nm", "nm")))
    panel = RingsPanel(viewer)
    qtbot.addWidget(panel)
    panel.run()
    until(lambda: panel.slot.job is None)
    assert column(panel, "frame") == [1, 2]
    assert layer_of(panel, RINGS).data.shape == (3, *SHAPE)
    panel.form.table.selectRow(1)
    assert viewer.dims.current_step[0] == 2
    panel.form.view.setCurrentText(OVER_TIME)
    assert panel.form.plot.axes.lines[0].get_ydata().tolist() == [0, 1, 1]


def test_ring_centres_are_told_and_atoms_put_between_them(
    panel: RingsPanel, points: Points, until: Any
) -> None:
    part = panel.seen.found[0]
    assert panel.form.between_button.isHidden()
    points.data = part.in_pixels(part.rings.centres)
    panel.run()
    until(lambda: panel.slot.job is None)
    assert "triangular lattice" in text(panel)
    panel.form.between_button.click()
    until(lambda: panel.slot.job is None)
    assert panel.form.atoms.points() is not points
    assert column(panel, "rings") == ["5-5-7-7"]
    assert panel.form.between_button.isHidden()


def test_tables_picture_and_record_are_written(
    panel: RingsPanel, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_atomai.plugin.asking.answer", lambda ask: str(tmp_path))
    panel.form.export_button.click()
    folder = tmp_path / "sheet_rings"
    assert "Written to" in text(panel)
    with (folder / "rings.csv").open(encoding="utf-8") as table:
        assert len(list(csv.DictReader(table))) == len(panel.seen.found[0].rings)
    assert (folder / "rings.png").stat().st_size > 1000
    assert '"find_rings"' in (folder / "rings.json").read_text(encoding="utf-8")


def test_what_cannot_be_is_said_in_words(panel: RingsPanel, points: Points, until: Any) -> None:
    panel.form.elements.line("column").setText("Xx")
    panel.form.run_box.button.click()
    panel.form.run_box.button.click()
    until(lambda: panel.slot.job is None)
    assert "Xx" in text(panel)
    panel.form.elements.line("column").setText("")
    panel.run()
    until(lambda: panel.slot.job is None)
    assert "has no element" in text(panel)
    panel.viewer.layers.remove(points)
    panel.run()
    assert "no atoms" in text(panel)
    panel.viewer.layers.clear()
    panel.run()
    assert "no image yet" in text(panel)
    assert panel.seen is None


def test_layers_follow_the_calibration_and_outlive_the_panel(
    qtbot: Any, viewer: ViewerModel, layer: ImageLayer, points: Points, until: Any
) -> None:
    panel = RingsPanel(viewer)
    panel.run()
    panel.deleteLater()
    slot = panel.slot
    until(lambda: slot.job is None)
    rings = find_layer(viewer.layers, RINGS, uid_of(layer))
    layer.scale = (0.05, 0.05)
    np.testing.assert_allclose(rings.scale, (0.05, 0.05))
    again = RingsPanel(viewer)
    qtbot.addWidget(again)
    assert column(again, "kind") == ["Stone-Wales"]

"""The Lattice panel: chooses atoms, measures in the background, and shows it as layers and plots."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from matplotlib.backend_bases import MouseEvent
from napari.components import ViewerModel

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.data.recipe import Record
from napari_atomai.data.recipes_lattice import MeasureLattice
from napari_atomai.plugin import results
from napari_atomai.plugin.history import history_of
from napari_atomai.plugin.layers import calibrate, find_layer, image_layer_data, uid_of
from napari_atomai.plugin.panels import lattice_layers as shown
from napari_atomai.plugin.panels.lattice import NO_IMAGE, STALE, LatticePanel
from napari_atomai.plugin.panels.lattice_atoms import SELECTED
from napari_atomai.plugin.panels.lattice_layout import REGION
from napari_atomai.plugin.panels.lattice_plot import DISTANCES, HISTOGRAM, ROSE
from napari_atomai.plugin.panels.lattice_select import CHOSEN
from napari_atomai.plugin.saved_work import restore, take
from napari_atomai.plugin.session import session_of
from napari_atomai.simulate.distortions import polar_domains
from napari_atomai.workflow import lattice as workflow

SIZE = 240


@pytest.fixture(scope="module")
def domains() -> tuple[Image, Atoms, np.ndarray]:
    """An image of polar domains, its atoms but for one B column in the middle, and where that was."""
    simulated, _ = polar_domains(size=SIZE)
    atoms, pixels = simulated.truth, simulated.image.frame(0).copy()
    inside = ((atoms.positions > 3) & (atoms.positions < SIZE - 4)).all(axis=1)
    atoms = atoms.keep(inside)
    away = np.hypot(*(atoms.positions - SIZE / 2).T) + 1e3 * (atoms.classes == 0)
    gone = int(np.argmin(away))
    place = atoms.positions[gone]
    near = np.hypot(*(np.indices(pixels.shape) - place[:, None, None])) < 5
    pixels[near] = np.percentile(pixels, 3)
    return Image.from_array(pixels, 0.02, name="domains"), atoms.keep(np.arange(len(atoms)) != gone), place


def add(viewer: ViewerModel, image: Image, atoms: Atoms | None, find_result: Any) -> Any:
    data, options, _ = image_layer_data(image)
    layer = viewer.add_image(data, **options)
    if atoms is not None:
        found = find_result(image, atoms.positions, classes=atoms.classes, frames=atoms.frames).at(0.05)
        results.show(viewer.layers, found, layer)
        session_of(viewer).put_back(uid_of(layer), found)
    return layer


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def opened(qtbot: Any, viewer: ViewerModel, domains: Any, find_result: Any) -> tuple[LatticePanel, Any]:
    layer = add(viewer, *domains[:2], find_result)
    panel = LatticePanel(viewer)
    qtbot.addWidget(panel)
    return panel, layer


def text(panel: LatticePanel) -> str:
    return str(panel.form.run_box.status.text())


def measured(panel: LatticePanel, until: Any) -> LatticePanel:
    panel.form.run_box.button.click()
    until(lambda: panel.slot.job is None)
    return panel


def layer_of(panel: LatticePanel, role: str) -> Any:
    return find_layer(panel.viewer.layers, role, panel.form.picker.uid)


def test_arrows_are_the_polarisation_in_pixels_on_the_atoms_and_the_vacancy_is_marked(
    opened: Any, until: Any, domains: Any
) -> None:
    panel, image = opened
    measured(panel, until)
    arrows, sites = layer_of(panel, shown.ARROWS), layer_of(panel, shown.SITES)
    assert panel.form.arrows.currentText() == "polarisation"
    assert np.hypot(*arrows.data[:, 1].T) == pytest.approx(0.75, abs=0.02)  # 15 pm in pixels of 20 pm
    upper_left = (arrows.data[:, 0] < SIZE / 2 - 15).all(axis=1)
    assert arrows.data[upper_left, 1] == pytest.approx(np.tile([-0.75, 0], (upper_left.sum(), 1)), abs=0.02)
    assert arrows.scale == pytest.approx(image.scale)
    assert arrows.length > 1
    vacant = (sites.features["kind"] == "vacancy").to_numpy()
    assert sites.data[vacant] == pytest.approx(domains[2][None], abs=0.5)
    assert sites.features["probability"][vacant].to_numpy() > 0.9
    assert vacant.sum() >= len(vacant) - 2  # of 280 columns, by chance
    assert "a 0.4" in panel.form.cell.text()
    assert "1 vacant site" in panel.form.cell.text()


def test_a_map_lies_where_the_image_does_and_follows_its_calibration(opened: Any, until: Any) -> None:
    panel, image = opened
    measured(panel, until)
    panel.form.map.setCurrentText("polarisation")
    until(lambda: layer_of(panel, shown.MAP) is not None)
    drawn = layer_of(panel, shown.MAP)
    step = round(SIZE / drawn.data.shape[0])
    assert drawn.scale == pytest.approx(step * image.scale)
    assert np.nanmedian(drawn.data) == pytest.approx(15, rel=0.03)
    assert panel.viewer.layers.index(drawn) == panel.viewer.layers.index(image) + 1
    calibrate(image, 0.04)
    assert drawn.scale == pytest.approx(step * image.scale)
    assert layer_of(panel, shown.ARROWS).scale == pytest.approx([0.04, 0.04])
    panel.form.map.setCurrentText("exx")
    until(lambda: layer_of(panel, shown.MAP).name.endswith("exx, %"))
    assert layer_of(panel, shown.MAP) is drawn
    low, high = drawn.contrast_limits
    assert low == -high
    panel.form.map.setCurrentText(shown.NONE)
    assert layer_of(panel, shown.MAP) is None


def test_sites_show_sublattices_or_the_values_of_the_map(opened: Any, until: Any) -> None:
    panel, _ = opened
    measured(panel, until)
    panel.form.sites.setCurrentText(shown.SUBLATTICES)
    sites = layer_of(panel, shown.SITES)
    number = sites.features["sublattice"].to_numpy()
    assert sorted(np.unique(number)) == [0, 1]
    assert (sites.face_color[number == 0] == sites.face_color[number == 0][0]).all()
    assert (sites.face_color[number == 0][0] != sites.face_color[number == 1][0]).any()
    panel.form.sites.setCurrentText(shown.VALUES)
    assert "Choose a map" in text(panel)
    panel.form.map.setCurrentText("eyy")
    assert len(layer_of(panel, shown.SITES).features["value"]) == len(panel.measured.atoms)
    panel.form.sites.setCurrentText(shown.UNUSUAL)
    panel.form.least.setValue(1.0)
    assert len(layer_of(panel, shown.SITES).data) <= 1


def test_every_plot_can_be_drawn_and_a_rose_is_polar(opened: Any, until: Any) -> None:
    panel, _ = opened
    measured(panel, until)
    names = [panel.form.view.itemText(i) for i in range(panel.form.view.count())]
    assert ROSE + "polarisation" in names
    assert HISTOGRAM + "exx" in names
    for name in names:
        panel.form.view.setCurrentText(name)
        assert panel.form.plot.axes.name == ("polar" if name.startswith(ROSE) else "rectilinear")
        assert panel.form.plot.axes.patches, name


def drag(panel: LatticePanel, low: float, high: float) -> None:
    """Drag over the plot from one value to another, as the mouse does."""
    axes, canvas = panel.form.plot.axes, panel.form.plot.figure.canvas
    (x0, y), (x1, _) = (axes.transData.transform((x, 1.0)) for x in (low, high))
    for name, x in (("button_press_event", x0), ("motion_notify_event", x1), ("button_release_event", x1)):
        event = MouseEvent(name, canvas, x, y, button=1)
        canvas.callbacks.process(name, event)


def test_atoms_are_selected_by_dragging_over_a_histogram(opened: Any, until: Any) -> None:
    panel, _ = opened
    measured(panel, until)
    panel.form.view.setCurrentText(HISTOGRAM + "brightness, deviations")
    panel.form.plot.figure.canvas.draw()
    (found,) = panel.measured.frames
    drag(panel, 0.5, 100.0)  # beyond the axes
    wanted = np.flatnonzero(found.outlier_score >= 0.5)
    points, rings = panel.form.atoms.points(), layer_of(panel, CHOSEN)
    assert 0 < len(wanted) < len(found.atoms)
    assert points.selected_data == set(wanted.tolist())
    assert rings.data == pytest.approx(points.data[wanted])
    assert f"{len(wanted)} of {len(found.atoms)} atoms are selected" in text(panel)
    drag(panel, 0.2, 0.2)
    assert not points.selected_data
    assert layer_of(panel, CHOSEN) is None
    panel.form.view.setCurrentText(DISTANCES)
    panel.form.plot.figure.canvas.draw()
    low, high = panel.form.plot.axes.get_xlim()
    drag(panel, low + 1e-6 * (high - low), high)
    assert len(points.selected_data) == len(np.union1d(found.pairs.first, found.pairs.second))
    panel.form.view.setCurrentText(ROSE + "neighbours")
    panel.form.plot.figure.canvas.draw()
    drag(panel, 0.0, 0.0)
    assert points.selected_data  # a rose has no such range


def test_sublattices_become_classes_that_are_undone_and_the_numbers_stay(opened: Any, until: Any) -> None:
    panel, _ = opened
    points = panel.form.atoms.points()
    before = points.features["class"].to_numpy(copy=True)
    points.features = {**points.features, "class": np.full(len(points.data), "column", object)}
    measured(panel, until)
    panel.form.classes_button.click()
    number = panel.measured.frames[0].lattice.sublattice
    now = points.features["class"].to_numpy()
    assert (now[number == 0] == "A").all()
    assert (now[number == 1] == "B").all()
    assert np.array_equal(now == "A", before == "A")  # as they were simulated
    assert STALE not in text(panel)
    assert panel.form.atoms.which.findText("B") > 0
    assert panel.measured.atoms.class_names[-2:] == ("A", "B")
    history_of(points).undo()
    assert (points.features["class"] == "column").all()
    until(lambda: STALE in text(panel))


def test_a_saved_session_brings_layers_and_the_recipe_back(opened: Any, until: Any, qtbot: Any) -> None:
    panel, image = opened
    panel.form.atoms.which.setCurrentText("A")
    panel.form.put(MeasureLattice(classes=("A",), reach=2.5))
    measured(panel, until)
    panel.form.map.setCurrentText("exx")
    until(lambda: layer_of(panel, shown.MAP) is not None)
    saved = take(panel.viewer, {})
    later = ViewerModel()
    restore(later, saved, lambda _known: None)
    again = LatticePanel(later)
    qtbot.addWidget(again)
    assert again.form.map.currentText() == shown.NONE  # there are no numbers yet to choose a map of
    assert "computed again" in text(again)
    assert find_layer(later.layers, shown.MAP, uid_of(image)).name.endswith("exx, %")
    until(lambda: again.measured is not None)
    assert again.form.map.currentText() == "exx"
    assert again.form.arrows.currentText() == panel.form.arrows.currentText()
    until(lambda: not again._maps.busy)
    assert find_layer(later.layers, shown.MAP, uid_of(image)).name.endswith("exx, %")
    assert again.measured.record.steps[-1] == panel.measured.record.steps[-1]
    one, other = (each.measured.frames[0].lattice.cells[0].vectors for each in (panel, again))
    assert one == pytest.approx(other)


def test_only_selected_atoms_or_those_of_a_class_are_measured(opened: Any, until: Any) -> None:
    panel, _ = opened
    panel.form.atoms.which.setCurrentText("A")
    measured(panel, until)
    assert panel.measured.record.steps[-1].classes == ("A",)
    assert "sublattice 1" not in panel.form.cell.text()
    panel.form.atoms.which.setCurrentText(SELECTED)
    panel.form.run_box.button.click()
    assert "No atoms are selected" in text(panel)
    points = panel.form.atoms.points()
    points.selected_data = set(np.flatnonzero(points.data[:, 0] < 120).tolist())
    measured(panel, until)
    assert panel.measured.atoms.positions[:, 0].max() < 120


def test_strain_is_relative_to_a_drawn_shape(opened: Any, until: Any) -> None:
    panel, image = opened
    panel.form.reference.setCurrentText(REGION)
    region = find_layer(panel.viewer.layers, "lattice reference", uid_of(image))
    assert panel.viewer.layers.selection.active is region
    measured(panel, until)
    corners = np.reshape(panel.measured.record.steps[-1].reference, (-1, 2))
    assert np.array_equal(corners, region.data[-1])
    region.add([[60, 60], [60, 180], [180, 180], [180, 60]], shape_type="ellipse")
    measured(panel, until)
    corners = np.reshape(panel.measured.record.steps[-1].reference, (-1, 2))
    assert np.hypot(*(corners - 120).T) == pytest.approx(60)
    region.add([[0, 0], [9, 9]], shape_type="line")
    panel.form.run_box.button.click()
    assert "A line spans no region" in text(panel)


def test_what_was_measured_of_earlier_atoms_is_said_to_be_so(opened: Any, until: Any) -> None:
    panel, _ = opened
    measured(panel, until)
    assert STALE not in text(panel)
    points = panel.form.atoms.points()
    points.selected_data = {0}
    points.remove_selected()
    until(lambda: STALE in text(panel))
    measured(panel, until)
    assert STALE not in text(panel)
    calibrate(panel.form.picker.layer(), 0.03)
    until(lambda: STALE in text(panel))


def test_other_atoms_that_are_selected_make_what_was_measured_earlier(opened: Any, until: Any) -> None:
    panel, _ = opened
    points = panel.form.atoms.points()
    measured(panel, until)
    heard = []
    panel.form.atoms.changed.connect(lambda: heard.append(True))
    points.selected_data = {1, 2}
    assert not heard  # all atoms are measured
    panel.form.atoms.which.setCurrentText(SELECTED)
    points.selected_data = set(np.flatnonzero(points.data[:, 0] < 120).tolist())
    assert len(heard) == 2
    measured(panel, until)
    assert STALE not in text(panel)
    points.selected_data = set(np.flatnonzero(points.data[:, 0] < 140).tolist())
    until(lambda: STALE in text(panel))


def test_the_result_outlives_the_panel_and_goes_with_the_pixels(opened: Any, until: Any, qtbot: Any) -> None:
    panel, image = opened
    measured(panel, until)
    panel.form.map.setCurrentText("exy")
    until(lambda: layer_of(panel, shown.MAP) is not None)
    again = LatticePanel(panel.viewer)
    qtbot.addWidget(again)
    assert again.form.map.currentText() == "exy"
    assert again.form.arrows.currentText() == "polarisation"
    assert again.form.cell.text() == panel.form.cell.text()
    image.data = image.data + 1
    assert again.measured is None
    assert layer_of(again, shown.ARROWS) is None
    assert not again.form.export_button.isEnabled()


def test_stop_a_second_click_and_a_removed_image_are_answered(
    opened: Any, until: Any, monkeypatch: Any
) -> None:
    panel, image = opened
    real = workflow.measuring_lattice

    def slow(*arguments: Any) -> Any:
        for step in range(200):
            yield workflow.Progress(step, 200, "waiting")
            time.sleep(0.01)
        return (yield from real(*arguments))

    monkeypatch.setattr(workflow, "measuring_lattice", slow)
    panel.form.run_box.button.click()
    panel.form.run_box.button.click()
    assert "Still at work" in text(panel)
    panel.form.run_box.stop_button.click()
    until(lambda: panel.slot.job is None)
    assert "Stopped" in text(panel)
    panel.form.run_box.button.click()
    panel.viewer.layers.remove(image)
    panel.slot.stop()
    until(lambda: panel.slot.job is None)
    assert layer_of(panel, shown.ARROWS) is None
    panel.form.run_box.button.click()
    assert text(panel) == NO_IMAGE


def test_a_panel_that_is_closed_in_mid_run_leaves_the_result(
    qtbot: Any, viewer: ViewerModel, domains: Any, find_result: Any, until: Any
) -> None:
    image = add(viewer, *domains[:2], find_result)
    panel = LatticePanel(viewer)
    slot = panel.slot
    panel.form.run_box.button.click()
    panel.close()
    panel.deleteLater()
    until(lambda: slot.job is None)
    again = LatticePanel(viewer)
    qtbot.addWidget(again)
    assert slot.result(uid_of(image)) is not None
    assert "a 0.4" in again.form.cell.text()
    again.form.arrows.setCurrentText("polarisation")
    assert layer_of(again, shown.ARROWS) is not None


def test_no_atoms_and_no_lattice_are_told_in_words(
    qtbot: Any, viewer: ViewerModel, domains: Any, find_result: Any, until: Any
) -> None:
    panel = LatticePanel(viewer)
    qtbot.addWidget(panel)
    panel.form.run_box.button.click()
    assert text(panel) == NO_IMAGE
    add(viewer, domains[0], None, find_result)
    panel.form.run_box.button.click()
    assert "press Find atoms" in text(panel)
    viewer.add_points(
        np.random.default_rng(0).uniform(0, 230, (150, 2)), scale=(0.02, 0.02), units=("nm", "nm")
    )
    measured(panel, until)
    assert "lie on no lattice" in text(panel)


def test_points_of_ones_own_lie_where_they_are_seen(
    qtbot: Any, viewer: ViewerModel, domains: Any, find_result: Any, until: Any
) -> None:
    image = add(viewer, domains[0], None, find_result)
    # Coarser points than the image has pixels, and shifted.
    where = domains[1].positions
    viewer.add_points((where - 10) / 2, scale=(0.04, 0.04), translate=(0.2, 0.2), units=("nm", "nm"))
    panel = LatticePanel(viewer)
    qtbot.addWidget(panel)
    panel.form.picker.choose(uid_of(image))
    measured(panel, until)
    assert panel.measured.atoms.positions == pytest.approx(where)
    assert panel.measured.frames[0].lattice.cells[0].lengths[0] == pytest.approx(0.4, rel=0.02)


def test_a_movie_has_arrows_and_maps_in_their_frames(
    qtbot: Any, viewer: ViewerModel, domains: Any, find_result: Any, until: Any
) -> None:
    image, atoms, _ = domains
    film = Image.from_array(np.stack([image.frame(0)] * 3), 0.02, name="film")
    twice = Atoms.make(
        np.tile(atoms.positions, (2, 1)), np.tile(atoms.classes, 2), np.repeat([0, 2], len(atoms)),
        class_names=("A", "B"), pixel_size=(0.02, 0.02),
    )  # fmt: skip
    add(viewer, film, twice, find_result)
    panel = LatticePanel(viewer)
    qtbot.addWidget(panel)
    measured(panel, until)
    arrows = layer_of(panel, shown.ARROWS)
    assert arrows.ndim == 3
    assert sorted(np.unique(arrows.data[:, 0, 0])) == [0, 2]
    assert (arrows.data[:, 1, 0] == 0).all()
    panel.form.map.setCurrentText("polarisation")
    until(lambda: layer_of(panel, shown.MAP) is not None)
    drawn = layer_of(panel, shown.MAP).data
    assert len(drawn) == 3
    assert np.isnan(drawn[1]).all()
    viewer.dims.set_current_step(0, 2)
    assert panel.form.cell.text().startswith("Frame 2")


def test_everything_is_written_with_the_recipe(
    opened: Any, until: Any, tmp_path: Any, monkeypatch: Any
) -> None:
    panel, _ = opened
    measured(panel, until)
    monkeypatch.setattr("napari_atomai.plugin.asking.answer", lambda ask: str(tmp_path))
    panel.form.export_button.click()
    until(lambda: panel.slot.job is None)
    folder = tmp_path / "domains_lattice"
    assert "Written to" in text(panel)
    record = Record.from_json((folder / "lattice.json").read_text())
    assert isinstance(record.steps[-1], MeasureLattice)
    assert (folder / "polarisation_rose.png").stat().st_size
    assert panel.measured is not None


def test_the_panel_is_narrow_enough_for_a_dock(opened: Any) -> None:
    assert opened[0].form.minimumSizeHint().width() <= 330

"""The Latent panel: patches shown, learned in a process, atoms and manifold chosen from either side."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")
pytest.importorskip("sklearn")

from napari.components import ViewerModel

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.data.latent import Latent
from napari_atomai.data.progress import finish
from napari_atomai.data.recipe import CutPatches, LearnLatents
from napari_atomai.files.export import read_csv
from napari_atomai.plugin import asking, results
from napari_atomai.plugin.layers import find_layer, image_layer_data, uid_of
from napari_atomai.plugin.panels.latent import LatentPanel
from napari_atomai.plugin.panels.latent_layers import ARROWS, ATOMS, WINDOW
from napari_atomai.plugin.panels.latent_layout import MANIFOLD, MEANS, PATCHES, TIME
from napari_atomai.plugin.panels.latent_places import latents_at, paths_of, places_on
from napari_atomai.plugin.session import session_of
from napari_atomai.workflow.latent import cutting, learning

NM = 0.05
MOMENTS = {"model": "zernike", "clusters": "kmeans", "number": 2}


@pytest.fixture
def viewer(picture: Any, find_result: Any) -> ViewerModel:
    """Return an image whose right half has brighter atoms, with its atoms, as a viewer."""
    pixels, where = picture
    pixels = pixels * np.where(np.arange(pixels.shape[1]) > 60, 2.0, 1.0)
    viewer = ViewerModel()
    data, options, _ = image_layer_data(Image.from_array(pixels.astype(np.float32), NM, name="scan"))
    layer = viewer.add_image(data, **options)
    session = session_of(viewer)
    found = find_result(Image.from_array(pixels, NM), where)
    results.show(viewer.layers, found.at(0.05), layer)
    session.put_back(uid_of(layer), found.at(0.05))
    return viewer


@pytest.fixture
def panel(qtbot: Any, viewer: ViewerModel) -> LatentPanel:
    panel = LatentPanel(viewer)
    qtbot.addWidget(panel)
    panel.form.put(window=0.65)
    return panel


def text(panel: LatentPanel) -> str:
    return panel.form.run_box.status.text()


def of(panel: LatentPanel, role: str) -> Any:
    return find_layer(panel.viewer.layers, role, panel.form.picker.uid)


def learned(panel: LatentPanel, until: Any, **options: Any) -> LatentPanel:
    panel.form.put(**options)
    panel.form.run_box.button.click()
    until(lambda: panel.found is not None and panel.slot.job is None, 30_000)
    return panel


def test_a_patch_is_drawn_on_the_image_as_large_as_it_is_cut(panel: LatentPanel, until: Any) -> None:
    until(lambda: "13 px, 0.65 nm, as 13 x 13 pixels" in panel.form.about.text())
    (box,) = of(panel, WINDOW).data
    assert np.allclose(np.ptp(box, axis=0), 13)
    panel.form.put(window=40.0)
    until(lambda: "800 x 800 px; the image has 96 x 120 px" in panel.form.about.text())
    assert of(panel, WINDOW) is None


def test_bright_atoms_are_another_cluster_without_training(panel: LatentPanel, until: Any) -> None:
    found = learned(panel, until, **MOMENTS).found
    assert found is not None
    points = of(panel, ATOMS)
    right = points.data[:, 1] > 60
    assert len(np.unique(found.columns()["cluster"][right])) == 1
    assert not set(found.columns()["cluster"][right]) & set(found.columns()["cluster"][~right])
    panel.form.colour.setCurrentText("cluster")
    assert len(np.unique(points.face_color[right], axis=0)) == 1
    assert not np.allclose(points.face_color[right][0], points.face_color[~right][0])
    assert "2 cluster(s)" in text(panel)
    panel.form.put(number=1)
    panel.form.cluster_button.click()
    until(lambda: panel.slot.job is None)
    assert panel.found is not None
    assert panel.found.clusters is not None
    assert panel.found.clusters.number == 1


def test_a_lasso_selects_atoms_and_shows_their_mean_patch(panel: LatentPanel, until: Any) -> None:
    found = learned(panel, until, **MOMENTS).found
    assert found is not None
    points = of(panel, ATOMS)
    right = np.flatnonzero(points.data[:, 1] > 60)
    places = panel.form.plot._points[right]
    low, high = places.min(axis=0) - 0.01, places.max(axis=0) + 0.01
    panel.form.plot.selection._on_lasso([low, (low[0], high[1]), high, (high[0], low[1])])
    assert set(points.selected_data) == set(right)
    drawn = panel.form.plot.side.images[0].get_array()
    assert np.allclose(drawn, found.patches[right].mean(axis=0))
    points.selected_data = {0, 1}
    assert panel.rows.tolist() == [0, 1]
    assert np.allclose(panel.form.plot.side.images[0].get_array(), found.patches[:2].mean(axis=0))
    assert f"2 of {len(points.data)} motifs" in text(panel)


def test_the_manifold_is_walked_with_the_cursor_and_a_click_selects_who_lives_there(
    panel: LatentPanel, until: Any
) -> None:
    found = learned(panel, until, **MOMENTS).found
    assert found is not None
    assert panel.form.picture_view.currentText() == MANIFOLD
    plot = panel.form.picture
    plot._on_move(SimpleNamespace(inaxes=plot.main, xdata=2.0, ydata=5.0))
    until(lambda: plot.side.images)
    assert np.allclose(plot.side.images[0].get_array(), found.manifolds[0].images[5, 2])
    column, row = np.rint(places_on(found, 1)[7]).astype(int)
    plot._on_press(SimpleNamespace(inaxes=plot.main, xdata=float(column), ydata=float(row), button=1))
    assert 7 in panel.rows
    assert np.array_equal(
        np.rint(places_on(found, 1)[panel.rows]), np.tile([column, row], (len(panel.rows), 1))
    )
    middle = latents_at(found, 1, 3.0, 3.0)
    assert middle[:2] == pytest.approx([found.manifolds[0].first[3], found.manifolds[0].second[3]])


def test_angles_are_arrows_counter_clockwise_as_displayed(panel: LatentPanel, until: Any) -> None:
    found = learned(panel, until, **MOMENTS).found
    assert found is not None
    panel.form.arrows.setChecked(True)
    assert "no angle" in text(panel)
    assert of(panel, ARROWS) is None
    angle = np.full(len(found), np.pi / 2, np.float32)
    latent = Latent(found.latent.mean, found.latent.sd, angle=angle)
    panel.slot.put(panel.form.picker.uid, type(found)(**{**vars(found), "latent": latent}))
    vectors = of(panel, ARROWS)
    assert np.allclose(vectors.data[:, 1], [[-1, 0]] * len(found), atol=1e-6)  # up: rows run downwards
    assert np.allclose(vectors.scale, NM)
    panel.form.arrows.setChecked(False)
    assert of(panel, ARROWS) is None


def test_an_autoencoder_is_trained_in_a_process_and_stopped_with_the_best_kept(
    panel: LatentPanel, until: Any, qtbot: Any
) -> None:
    panel.form.put(model="autoencoder", cycles=5000, rotation=False, translation=False, window=0.45)
    panel.form.run_box.button.click()
    until(lambda: "train_loss" in panel._curves and "manifold" in panel._live, 60_000)
    panel.form.run_box.button.click()
    assert "Still at work" in text(panel)
    until(lambda: panel.form.plot.canvas.axes.lines)
    panel.form.run_box.stop_button.click()
    until(lambda: panel.found is not None and panel.slot.job is None, 60_000)
    found = panel.found
    assert found is not None
    assert 0 < len(found.history["train_loss"]) < 5000
    assert found.decoder.decode([[0.0, 0.0]]).shape[0] == 1
    panel.form.view.setCurrentText("training")
    assert len(panel.form.plot.canvas.axes.lines) == 2


def test_atoms_of_a_movie_are_followed_over_time(qtbot: Any, picture: Any, until: Any) -> None:
    pixels, where = picture
    movie = Image.from_array(np.stack([pixels * k for k in (1, 2, 3)]).astype(np.float32), NM)
    viewer = ViewerModel()
    data, options, _ = image_layer_data(movie)
    layer = viewer.add_image(data, **options)
    panel = LatentPanel(viewer)
    qtbot.addWidget(panel)
    atoms = Atoms.make(np.tile(where, (3, 1)), frames=np.repeat([0, 1, 2], len(where)))
    cut = finish(cutting(movie, CutPatches(window=0.65), atoms))
    panel.slot.put(uid_of(layer), finish(learning(cut, LearnLatents(model="zernike"))))
    assert of(panel, ATOMS).data.shape[1] == 3
    panel.form.view.setCurrentText(TIME)
    panel.select([4])
    (line,) = panel.form.plot.canvas.axes.lines
    values = line.get_ydata()
    assert len(values) == 3
    assert abs(np.diff(values, 2)[0]) < 0.2 * abs(values[2] - values[0])  # as the brightness: evenly
    angle = np.tile([0.2, 0.2 + np.pi, 0.25], (len(where), 1)).T.ravel().astype(np.float32)
    found = panel.found
    assert found is not None
    record = found.record.model_copy(update={"measured": {**found.record.measured, "angle_symmetry": 2}})
    turned = Latent(found.latent.mean, found.latent.sd, angle=angle)
    seen = dataclasses.replace(found, latent=turned, record=record)
    _, paths, _ = paths_of(seen, np.array([4]), "angle_rad")
    assert np.ptp(paths) == pytest.approx(0.05, abs=1e-5)  # half a turn is not seen
    panel.form.view.setCurrentText(MEANS)
    assert panel.form.plot.canvas.axes.images


def test_a_saved_model_is_opened_and_finds_latents_without_training(
    panel: LatentPanel, until: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_atomai.models import rVAE

    model = rVAE((15, 15), numhidden=8)
    model.fit(np.random.default_rng(0).normal(size=(60, 15, 15)), training_cycles=1)
    path = model.save_model(tmp_path / "before")
    monkeypatch.setattr(asking, "ask_file", lambda *_: path)
    panel.form.open_button.click()
    until(lambda: panel.found is not None and panel.slot.job is None, 30_000)
    found = panel.found
    assert found is not None
    assert found.patches.shape[1:] == (15, 15)  # as the model takes them
    assert np.allclose(found.latent.mean, model.encode(found.patches).mean, atol=1e-5)
    assert "trained before" in text(panel)
    path.write_bytes(b"no model")
    panel.form.open_button.click()
    until(lambda: panel.slot.job is None and "before.safetensors" in text(panel))


def test_the_form_asks_for_all_that_can_be_learned(panel: LatentPanel) -> None:
    panel.form.put(batch_size=32, seed=7, degree=12, conditional=True)
    recipe = panel.form.learn()
    assert (recipe.batch_size, recipe.seed, recipe.degree, recipe.conditional) == (32, 7, 12, True)
    panel.form.put(batch_size=0, seed=0)
    shown = {name: panel.form._fields[name].widget.text() for name in ("batch_size", "seed")}
    assert shown == {"batch_size": "auto", "seed": "0"}
    panel.form.put(states=3)
    panel.form.run_box.button.click()
    assert "choose one" in text(panel)


def test_export_writes_what_the_command_writes(panel: LatentPanel, until: Any, tmp_path: Any) -> None:
    panel.export(tmp_path / "out")
    assert "nothing to export" in text(panel)
    learned(panel, until, **MOMENTS)
    panel.export(tmp_path / "out")
    until(lambda: "Written to" in text(panel), 20_000)
    table = read_csv(tmp_path / "out" / "latents.csv")
    assert panel.found is not None
    assert np.allclose(table.features["z1"], panel.found.latent.mean[:, 0])


def test_atoms_that_were_moved_since_are_noticed(panel: LatentPanel, until: Any) -> None:
    learned(panel, until, **MOMENTS)
    points = of(panel, results.ATOMS)
    panel._soon.stop()
    panel._check_atoms()
    assert "changed since" not in text(panel)
    points.data = points.data + 1
    until(lambda: "changed since" in text(panel))


def test_results_go_with_their_image(panel: LatentPanel, until: Any) -> None:
    learned(panel, until, **MOMENTS)
    layer = panel.form.picker.layer()
    layer.data = layer.data * 2
    assert panel.found is None
    assert of(panel, ATOMS) is None
    assert panel.form.picture_view.currentText() == PATCHES
    panel.viewer.layers.remove(layer)
    panel.form.run_box.button.click()
    assert "no image yet" in text(panel)


def test_two_hundred_thousand_points_still_move(panel: LatentPanel, until: Any) -> None:
    import time

    points = np.random.default_rng(0).normal(size=(200_000, 2))
    colours = np.tile([0.2, 0.4, 0.6, 1.0], (len(points), 1))
    began = time.process_time()
    panel.form.plot.show_scatter(points, colours, ("z2", "z1"))
    panel.form.plot.mark(np.arange(50_000), np.zeros((9, 9)))
    panel.form.plot.canvas.figure.canvas.draw()
    chosen = panel.form.plot.selection.inside([(0, 0), (9, 0), (9, 9), (0, 9)])
    assert time.process_time() - began < 2.0
    assert np.array_equal(chosen, np.flatnonzero((points > 0).all(axis=1)))


def test_the_panel_fits_a_side_dock(panel: LatentPanel) -> None:
    assert panel.form.minimumSizeHint().width() <= 420

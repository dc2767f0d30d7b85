"""The Unmix panel, and the window of energies in the Spectrum panel."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from napari.components import ViewerModel
from napari.utils.colormaps.standardize_color import transform_color

from napari_atomai.data.image import Axis, Image
from napari_atomai.data.recipe import Record, Unmix
from napari_atomai.files.reading import read
from napari_atomai.plugin.layers import find_layer, image_layer_data
from napari_atomai.plugin.panels.spectrum import SpectrumPanel
from napari_atomai.plugin.panels.spectrum_window import ROLE as WINDOW
from napari_atomai.plugin.panels.unmixing import UnmixingPanel
from napari_atomai.plugin.panels.unmixing_layout import LEFT_OVER, SCREE, SPECTRA
from napari_atomai.plugin.panels.unmixing_work import ROLE, colour_of
from napari_atomai.plugin.saved_work import restore, take

SHARES = np.linspace(0, 1, 12)[None].repeat(10, axis=0)


def spectrum_image(counts: float = 40.0) -> Image:
    """Return counts of two lines, at 2 and 4 keV, that take turns from left to right."""
    energy = 0.05 * np.arange(120)
    lines = [np.exp(-((energy - centre) ** 2) / 0.02) for centre in (2, 4)]
    cube = counts * (lines[0][:, None, None] * SHARES + lines[1][:, None, None] * (1 - SHARES)) + 0.5
    axes = (Axis("E", 0.05, 0.0, "keV"), Axis("y", 2.0, 0.0, "nm"), Axis("x", 2.0, 0.0, "nm"))
    return Image(np.random.default_rng(0).poisson(cube).astype(np.uint16), axes, name="si")


@pytest.fixture
def viewer() -> ViewerModel:
    viewer = ViewerModel()
    data, options, _ = image_layer_data(spectrum_image())
    viewer.add_image(data, **options)
    return viewer


@pytest.fixture
def panel(qtbot: Any, viewer: ViewerModel) -> UnmixingPanel:
    panel = UnmixingPanel(viewer)
    qtbot.addWidget(panel)
    return panel


def text(panel: UnmixingPanel) -> str:
    return panel.form.run_box.status.text()


def unmixed(panel: UnmixingPanel, until: Any, **options: Any) -> list[Any]:
    panel.form.options.put({"components": 2, **options})
    panel.form.run_box.button.click()
    until(lambda: panel.slot.job is None and panel.found is not None)
    uid = panel.form.picker.uid
    maps = [find_layer(panel.viewer.layers, ROLE.format(k + 1), uid) for k in range(12)]
    return [one for one in maps if one is not None]


def test_maps_are_layers_in_the_colours_of_their_spectra(panel: UnmixingPanel, until: Any) -> None:
    maps = unmixed(panel, until)
    assert len(maps) == 2
    agreement = [np.corrcoef(one.data.ravel(), SHARES.ravel())[0, 1] for one in maps]
    assert sorted(np.round(agreement)) == [-1, 1]
    # Its name is napari's own, and another one once the same colour was used elsewhere.
    brightest = [one.colormap.map(np.array([1.0]))[0, :3] for one in maps]
    assert np.allclose(brightest, [transform_color(colour_of(k))[0, :3] for k in range(2)], atol=0.01)
    assert [one.blending for one in maps] == ["translucent", "additive"]
    assert np.allclose(maps[0].scale, 2.0)
    recipe = Record.from_json(maps[0].metadata["napari_atomai"]["record"]).step(Unmix)
    assert recipe.noise == "poisson"  # whole numbers are counts
    assert "weighted by noise" in text(panel)
    curves = panel.form.plot.canvas.axes.lines
    peaks = sorted(float(line.get_xdata()[np.argmax(line.get_ydata())]) for line in curves)
    assert peaks == pytest.approx([2, 4], abs=0.051)
    assert panel.minimumSizeHint().width() <= 420


def test_all_channels_are_used_until_energies_are_chosen(panel: UnmixingPanel, until: Any) -> None:
    unmixed(panel, until)
    assert len(panel.found.unmixed.energy) == 120
    unmixed(panel, until, low=1.0, high=3.0)
    until(lambda: len(panel.found.unmixed.energy) == 41)
    panel.form.options.put({"low": 50.0, "high": 60.0})
    panel.form.run_box.button.click()
    until(lambda: panel.slot.job is None)
    assert "No channel lies between 50 and 60 keV" in text(panel)


def test_a_click_on_a_spectrum_shows_its_map_alone(panel: UnmixingPanel, until: Any) -> None:
    maps = unmixed(panel, until)
    plot = panel.form.plot
    plot.canvas.figure.canvas.draw()
    energy, values = plot._curves[1]
    peak = int(np.argmax(values))
    x, y = plot.canvas.axes.transData.transform((energy[peak], values[peak]))
    plot._on_press(SimpleNamespace(inaxes=plot.canvas.axes, button=1, x=x, y=y))
    assert [one.visible for one in maps] == [False, True]
    assert panel.form.shown.currentText() == "component 2"
    x, y = plot.canvas.axes.transData.transform((5.5, 0.9 * values[peak]))
    panel.form.plot._on_press(SimpleNamespace(inaxes=plot.canvas.axes, button=1, x=x, y=y))
    assert [one.visible for one in maps] == [True, True]


def test_another_method_changes_the_layers_in_place(panel: UnmixingPanel, until: Any) -> None:
    first = unmixed(panel, until, components=3)
    assert len(first) == 3
    second = unmixed(panel, until, method="pca", components=2)
    until(lambda: panel.found.unmixed.components.method == "pca")
    assert second[0] is first[0]
    assert len(panel.viewer.layers) == 3
    assert [one.visible for one in second] == [True, False]  # signs do not add up as light
    for view in (SCREE, LEFT_OVER, SPECTRA):
        panel.form.view.setCurrentText(view)
        assert panel.form.plot.canvas.axes.lines


def test_the_sum_of_the_components_is_the_mean_of_what_was_measured(panel: UnmixingPanel, until: Any) -> None:
    for method in ("nmf", "pca"):
        unmixed(panel, until, method=method)
        until(lambda method=method: panel.found.unmixed.components.method == method)
        panel.form.view.setCurrentText(LEFT_OVER)
        measured, total, _ = (line.get_ydata() for line in panel.form.plot.canvas.axes.lines)
        assert np.allclose(measured, panel.form.picker.layer().data.mean(axis=(1, 2)))
        assert np.abs(measured - total).max() < 0.05 * measured.max()


def test_a_number_is_suggested(panel: UnmixingPanel, until: Any) -> None:
    panel.form.suggest_button.click()
    until(lambda: panel.number_slot.result(panel.form.picker.uid) is not None)
    assert panel.form.options.options()["components"] == 2
    assert "2 components are suggested for nmf: 1 stand" in text(panel)


def test_all_is_exported_and_goes_with_its_image(
    panel: UnmixingPanel, until: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    unmixed(panel, until)
    monkeypatch.setattr("napari_atomai.plugin.asking.answer", lambda ask: str(tmp_path))
    panel.form.export_button.click()
    until(lambda: "Written to" in text(panel))
    (folder,) = tmp_path.iterdir()
    table = np.genfromtxt(folder / "spectra.csv", delimiter=",", names=True)
    assert np.allclose(table["energy_keV"], panel.found.unmixed.energy)
    assert read(folder / "maps.hspy")[1].shape == (10, 12)
    panel.viewer.layers.remove(panel.form.picker.layer())
    assert panel.found is None
    panel.form.run_box.button.click()
    assert "no spectrum image yet" in text(panel)


# --- the window of energies in the Spectrum panel ---


@pytest.fixture
def spectrum(qtbot: Any, viewer: ViewerModel, until: Any) -> SpectrumPanel:
    panel = SpectrumPanel(viewer)
    qtbot.addWidget(panel)
    until(lambda: panel.entries)
    return panel


def drag(panel: SpectrumPanel, start: float, *stops: float) -> None:
    plot = panel.form.plot
    event = SimpleNamespace(inaxes=plot.canvas.axes, button=1, dblclick=False, x=0, y=0, ydata=0, xdata=start)
    plot._on_press(event)
    for event.xdata in stops:
        plot._on_move(event)
    plot._on_release(event)


def mapped(panel: SpectrumPanel, until: Any) -> Any:
    until(lambda: not panel.map.busy)
    return find_layer(panel.viewer.layers, WINDOW, panel.form.picker.uid)


def test_a_window_dragged_on_the_spectrum_gives_its_map(spectrum: SpectrumPanel, until: Any) -> None:
    data = spectrum.form.picker.layer().data
    drag(spectrum, 1.9, 2.1)
    assert mapped(spectrum, until) is None  # not asked for: the drag moved the marker
    spectrum.form.mapped.setChecked(True)
    assert mapped(spectrum, until) is not None
    drag(spectrum, 1.81, 1.9, 2.19)
    layer = mapped(spectrum, until)
    assert np.array_equal(layer.data, data[37:44].sum(axis=0))
    assert np.allclose(layer.scale, 2.0)
    drag(spectrum, 2.0, 3.0, 4.0)  # taken in its middle, it moves as a whole
    assert spectrum.form.plot.window.limits == pytest.approx((3.81, 4.19))
    assert np.array_equal(mapped(spectrum, until).data, data[77:84].sum(axis=0))
    drag(spectrum, 4.19, 4.6)  # an edge
    assert spectrum.form.plot.window.limits == pytest.approx((3.81, 4.6))
    drag(spectrum, 4.0, 40.0)
    assert spectrum.form.plot.window.limits[1] <= 5.95
    assert len([x for x in spectrum.viewer.layers if "keV" in x.name]) == 1
    assert "Map of" in spectrum.form.status.text()


def test_the_background_before_an_edge_is_taken_off_the_map(spectrum: SpectrumPanel, until: Any) -> None:
    spectrum.form.mapped.setChecked(True)
    drag(spectrum, 3.81, 4.19)
    before = mapped(spectrum, until).data.copy()
    spectrum.form.tools.low.setValue(2.8)
    spectrum.form.tools.high.setValue(3.4)
    spectrum.form.tools.subtract.setChecked(True)
    until(lambda: not spectrum.map.busy)
    after = mapped(spectrum, until).data
    known = np.isfinite(after)
    assert known.any()
    assert (after[known] < before[known]).all()


def test_several_spectra_are_shown_together_without_the_image(spectrum: SpectrumPanel) -> None:
    from napari_atomai.data.spectrum import Spectrum

    axis = Axis("E", 0.05, 0.0, "keV")
    spectrum.show_spectra([Spectrum(np.ones(120) * k, (axis,), name=f"component {k}") for k in (1, 2)])
    assert [one.spectrum.name for one in spectrum.entries if one.shown] == ["component 1", "component 2"]
    assert len(spectrum.form.plot.drawing.curves) == 2


def test_a_saved_session_brings_maps_and_recipe_back(panel: UnmixingPanel, until: Any, qtbot: Any) -> None:
    unmixed(panel, until, method="pca", components=3)
    later = ViewerModel()
    restore(later, take(panel.viewer, {}), lambda _known: None)
    again = UnmixingPanel(later)
    qtbot.addWidget(again)
    assert "form has their recipe" in text(again)
    options = again.form.options.options()
    assert (options["method"], options["components"]) == ("pca", 3)
    assert np.array_equal(
        find_layer(later.layers, ROLE.format(2), again.form.picker.uid).data,
        panel.found.unmixed.maps.pixels[1],
        equal_nan=True,
    )

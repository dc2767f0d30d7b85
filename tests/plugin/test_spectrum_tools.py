"""Tools of the Spectrum panel: edges, background and calibration act on what is plotted."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_atomai.data.image import Axis, Image
from napari_atomai.data.spectrum import Spectrum
from napari_atomai.plugin.layers import image_layer_data, image_of
from napari_atomai.plugin.panels.spectrum import SpectrumPanel

ENERGY = Axis("E", 1.0, 300.0, "eV")
AT = 300.0 + np.arange(400)


@pytest.fixture
def panel(qtbot):
    panel = SpectrumPanel(ViewerModel())
    qtbot.addWidget(panel)
    return panel


def edge():
    return 1e10 * AT**-3.0 + np.where(AT > 456, 30.0, 0.0)


def lines(panel):
    return [line for line in panel.form.plot.canvas.axes.lines if len(line.get_xdata()) > 2]


def test_edges_of_elements_are_marked_where_they_lie(panel):
    panel.show_spectrum(Spectrum(edge(), (ENERGY,), name="one"))
    panel.form.tools.elements.setText("Ti, O, Fe")
    panel.form.tools.elements.editingFinished.emit()
    texts = {text.get_text(): text.xy[0] for text in panel.form.plot.canvas.axes.texts}
    assert texts == {"Ti L": 456.0, "O K": 532.0}  # iron lies beyond the axis
    panel.form.tools.elements.setText("Tu")
    panel.form.tools.elements.editingFinished.emit()
    assert "There is no element" in panel.form.status.text()
    assert not panel.form.plot.canvas.axes.texts


def test_the_background_is_drawn_and_taken_off(panel):
    panel.show_spectrum(Spectrum(edge(), (ENERGY,), name="one"))
    panel.form.tools.low.setValue(350)
    panel.form.tools.high.setValue(450)
    assert len(lines(panel)) == 2
    panel.form.tools.subtract.setChecked(True)
    (line,) = lines(panel)
    left = line.get_ydata()
    np.testing.assert_allclose(left[AT > 457], 30, atol=1e-6)
    np.testing.assert_allclose(left[(AT > 350) & (AT < 456)], 0, atol=1e-6)


def test_a_window_outside_the_spectrum_is_told(panel):
    panel.show_spectrum(Spectrum(edge(), (ENERGY,), name="one"))
    panel.form.tools.low.setValue(10)
    panel.form.tools.high.setValue(20)
    assert "0 channels" in panel.form.status.text()
    assert len(lines(panel)) == 1


def test_energies_of_a_spectrum_are_moved(panel):
    panel.show_spectrum(Spectrum(edge(), (ENERGY,), name="one"))
    panel.form.tools.shift.setValue(-2.5)
    panel.form.tools.shift_button.click()
    np.testing.assert_allclose(lines(panel)[0].get_xdata(), AT - 2.5)


def test_energies_of_an_image_are_moved_in_its_own_unit(qtbot, panel, until):
    axes = (ENERGY, Axis("y", 0.5, 1.0, "nm"), Axis("x", 0.5, 2.0, "nm"))
    data, options, _ = image_layer_data(Image(np.tile(edge()[:, None, None], (1, 3, 4)), axes, name="si"))
    layer = panel.viewer.add_image(data, **options)
    until(lambda: len(panel.entries) == 1 and not panel.live.busy)
    panel.form.tools.shift.setValue(4.0)
    panel.form.tools.shift_button.click()
    moved = image_of(layer)
    assert moved.axes[0].offset == pytest.approx(304.0)
    assert moved.axes[0].scale == pytest.approx(1.0)
    assert moved.origin == pytest.approx((1.0, 2.0))
    until(lambda: not panel.live.busy)
    np.testing.assert_allclose(lines(panel)[0].get_xdata(), AT + 4.0)

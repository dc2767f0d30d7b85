"""Make the pictures of docs/components.md: opens the real window with simulated samples, and works in it.

xvfb-run -a -s "-screen 0 1400x900x24" python tools/screenshots_components.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import napari
import numpy as np
from napari.qt import get_qapp

from napari_atomai.data.image import Axis, Image
from napari_atomai.data.recipe import FindAtoms, RefineAtoms
from napari_atomai.plugin.layers import image_layer_data
from napari_atomai.plugin.panels.components_layout import SCATTER
from napari_atomai.plugin.session import session_of
from napari_atomai.simulate.distortions import polar_domains

DOCS = Path(__file__).resolve().parents[1] / "docs" / "images"
LONGEST = 300.0
CARBON, TITANIUM, OXYGEN = 284.0, 456.0, 532.0


def settle(done: Callable[[], bool] = lambda: False, longest: float = 1.0) -> None:
    """Let the window work until something is so, or for a while."""
    end = time.monotonic() + longest
    while not done() and time.monotonic() < end:
        get_qapp().processEvents()
        time.sleep(0.01)


def opened(image: Image, title: str) -> tuple[napari.Viewer, Any]:
    """Open an image beside one of our panels."""
    viewer = napari.Viewer()
    viewer.window.resize(1366, 860)
    data, options, _ = image_layer_data(image)
    viewer.add_image(data, **options)
    viewer.canvas.overlays.scale_bar.visible = True
    _, widget = viewer.window.add_plugin_dock_widget("napari-atomai", title)
    settle()
    viewer.reset_view()
    return viewer, getattr(widget, "__wrapped__", widget)


def photograph(viewer: napari.Viewer, name: str) -> None:
    """Write what the window shows."""
    settle()
    viewer.screenshot(str(DOCS / f"{name}.png"), canvas_only=False, flash=False)


def finished(panel: Any) -> None:
    """Press the panel's button and wait for what it starts."""
    panel.form.run_box.button.click()
    settle(lambda: panel.slot.job is None, LONGEST)
    settle()


def surroundings() -> None:
    """Decompose a perovskite with four domains; compare two methods; lasso a cloud of loadings."""
    simulated, _ = polar_domains(size=420)
    viewer, panel = opened(simulated.image, "Components")
    layer = panel.form.picker.layer()
    session = session_of(viewer)
    session.find(layer, FindAtoms(), RefineAtoms())
    settle(lambda: session.job is None, LONGEST)
    points = session.points(panel.form.picker.uid)
    points.features = {**points.features, "class": by_brightness(layer.data, points.data)}
    settle()
    panel.form.classes.setCurrentText("A")
    panel.form.options.put({"window": 0.42})
    for method in ("pca", "nmf"):
        panel.form.options.put({"method": method, "components": 4})
        finished(panel)
    points.visible = False
    photograph(viewer, "components-panel")
    panel.form.other.setCurrentIndex(2)
    photograph(viewer, "components-compared")
    panel.form.result.setCurrentIndex(1)  # pca
    panel.form.view.setCurrentText(SCATTER)
    first, second = panel.found.components.loadings[:, :2].T
    far = first > 0.4 * first.max()
    (x0, x1), (y0, y1) = ((v[far].min(), v[far].max()) for v in (first, second))
    panel.form.plot.selection._on_lasso([(x0, y0 - 1), (x1 + 1, y0 - 1), (x1 + 1, y1 + 1), (x0, y1 + 1)])
    photograph(viewer, "components-lasso")
    viewer.close()


def by_brightness(pixels: Any, positions: Any) -> Any:
    """Call bright atoms A, and dim ones B."""
    rows, columns = np.clip(np.rint(positions[:, -2:]).astype(int), 1, np.array(pixels.shape) - 2).T
    light = sum(pixels[rows + i, columns + j] for i in (-1, 0, 1) for j in (-1, 0, 1))
    return np.where(light > (light.min() + light.max()) / 2, "A", "B").astype(object)


def energy_loss(counts: float = 60.0) -> Image:
    """Simulate a titanate film on a carbon support: three edges on a power law, with counting noise."""
    energy = 250 + 1.0 * np.arange(400)
    rows, cols = np.indices((48, 64))
    film = 1 / (1 + np.exp(-(cols - 22) / 2))
    grain = np.exp(-((rows - 22) ** 2 + (cols - 44) ** 2) / 120)

    def edge(onset: float, sharp: float) -> Any:
        above = energy >= onset
        white = sharp * np.exp(-((energy - onset - 4) ** 2) / 18)
        return above * ((np.maximum(energy, onset) / onset) ** -2.6) + white * above

    cube = 1.0 * (energy / 250)[:, None, None] ** -2.8 * (1 + 0.3 * film)
    for onset, sharp, where in (
        (CARBON, 0.5, 0.5 * (1 - film)),
        (TITANIUM, 1.5, 0.25 * film * (1 - 0.7 * grain)),
        (OXYGEN, 0.6, 0.2 * film),
    ):
        cube = cube + edge(onset, sharp)[:, None, None] * where
    axes = (Axis("E", 1.0, 250.0, "eV"), Axis("y", 0.4, 0.0, "nm"), Axis("x", 0.4, 0.0, "nm"))
    noisy = np.random.default_rng(0).poisson(counts * cube).astype(np.uint16)
    return Image(noisy, axes, name="film", quantity="counts")


def spectra() -> None:
    """Unmix a simulated spectrum image, and drag a window over the titanium edge."""
    viewer, panel = opened(energy_loss(), "Unmix")
    panel.form.options.put({"components": 0})
    finished(panel)
    photograph(viewer, "unmix-panel")
    viewer.close()
    viewer, panel = opened(energy_loss(), "Spectrum")
    settle(lambda: bool(panel.entries), LONGEST)
    panel.form.more.setChecked(True)
    panel.form.tools.elements.setText("C, Ti, O")
    panel.form.tools.low.setValue(390)
    panel.form.tools.high.setValue(450)
    panel.form.tools.subtract.setChecked(True)
    plot = panel.form.plot
    plot.window.limits = (600, 610)  # away from where the drag begins
    panel.form.mapped.setChecked(True)
    event = SimpleNamespace(inaxes=plot.canvas.axes, button=1, dblclick=False, x=0, y=0, ydata=0)
    event.xdata = TITANIUM - 2
    plot._on_press(event)
    event.xdata = TITANIUM + 16
    plot._on_move(event)
    plot._on_release(event)
    settle(lambda: not panel.map.busy, LONGEST)
    photograph(viewer, "energy-window")
    viewer.close()


def grains() -> None:
    """Map the local order of two crystals that meet."""
    rows, cols = np.indices((384, 384)) * 0.03
    wall = 5.8 + 0.6 * np.sin(cols)
    angles = np.where(rows < wall, 0.15, 0.62)
    pixels = np.zeros(rows.shape)
    for turn in (0.0, np.pi / 2):
        along = np.cos(angles + turn) * rows + np.sin(angles + turn) * cols
        pixels += np.cos(2 * np.pi * along / 0.28)
    pixels = np.random.default_rng(0).poisson(30 * (1 + pixels / 2.2)).astype(np.float32)
    viewer, panel = opened(Image.from_array(pixels, 0.03, name="two grains"), "Local order")
    panel.form.options.put({"components": 2, "window": 1.6, "stride": 0.3})
    finished(panel)
    photograph(viewer, "local-order-panel")
    viewer.close()


if __name__ == "__main__":
    surroundings()
    spectra()
    grains()

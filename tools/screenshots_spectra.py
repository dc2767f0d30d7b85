"""Make the pictures of docs/im2spec.md: opens the real window with a simulated sample, and works in it.

xvfb-run -a -s "-screen 0 1400x900x24" python tools/screenshots_spectra.py
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import napari
from napari.qt import get_qapp
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_atomai.plugin.panels.structure_spectrum_layout import LATENT, LATENT_MAP

DOCS = Path(__file__).resolve().parents[1] / "docs" / "images"
LONGEST = 300.0
OPTIONS = {"turned": True, "training_cycles": 12, "models": 2, "window": 40.0, "latent_dim": 3}


def settle(seconds: float) -> None:
    """Let the window work for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        get_qapp().processEvents()
        time.sleep(0.01)


def main() -> None:
    """Train on the plasmonic particles, and photograph a place, a latent and the Spectrum panel's tools."""
    viewer = napari.Viewer()
    viewer.window.resize(1366, 900)
    viewer.open_sample("napari-atomai", "plasmonic_particles")
    _, widget = viewer.window.add_plugin_dock_widget("napari-atomai", "Structure-spectrum")
    panel: Any = widget
    panel.form.options.put(OPTIONS)
    settle(1)
    QTest.mouseClick(panel.form.run_box.button, Qt.MouseButton.LeftButton)
    end = time.monotonic() + LONGEST
    while panel.seen is None and time.monotonic() < end:
        settle(0.2)
    settle(1)
    viewer.screenshot(str(DOCS / "structure-spectrum-place.png"), canvas_only=False)
    panel.form.view.setCurrentText(LATENT)
    panel.form.map.setCurrentText(LATENT_MAP)
    settle(1)
    viewer.screenshot(str(DOCS / "structure-spectrum-latent.png"), canvas_only=False)
    viewer.close()


if __name__ == "__main__":
    main()

"""Make the pictures of docs/rings.md: opens the real window with the simulated graphene, and works in it.

xvfb-run -a -s "-screen 0 1400x900x24" python tools/screenshots_rings.py
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from napari.qt import get_qapp

from napari_atomai.plugin import demo
from napari_atomai.plugin.commands import atoms_panel
from napari_atomai.plugin.panels.rings_layout import LENGTHS

DOCS = Path(__file__).resolve().parents[1] / "docs" / "images"
SIZE = (1366, 860)
LONGEST = 300.0
SILICON = 5
"""The brightest atoms of the sample."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=DOCS, help="where the pictures go")
    out = parser.parse_args().out
    viewer = demo.show("graphene", block=False)
    viewer.window.resize(*SIZE)
    atoms = atoms_panel(viewer)
    settle(1.0)
    wait(lambda: atoms.session.job is None and atoms.session.result(atoms.form.picker.uid) is not None)
    name_silicon(atoms)
    rings(viewer, out)
    structure(viewer, out)
    viewer.close()


def name_silicon(panel: Any) -> None:
    """Give the brightest atoms the class Si, as Set class of the Correct panel does."""
    points = panel.session.points(panel.form.picker.uid)
    brightness = np.nan_to_num(points.features["intensity"].to_numpy())  # not measured at the border
    brightest = np.argsort(brightness)[-SILICON:]
    points.selected_data = set(brightest.tolist())
    panel.session.correcting.set_class(points, "Si")
    points.selected_data = set()


def rings(viewer: Any, out: Path) -> None:
    """Photograph all rings, and the defect of the first row."""
    panel = opened(viewer, "Rings")
    panel.form.run_box.button.click()
    wait(lambda: panel.slot.job is None)
    viewer.reset_view()
    photograph(viewer, out / "rings-panel.png")
    panel.form.view.setCurrentText(LENGTHS)
    panel.form.table.selectRow(0)
    photograph(viewer, out / "rings-defect.png")
    for layer in viewer.layers:
        layer.visible = layer.visible and layer.name.split(": ")[-1] not in ("rings", "bonds")


def structure(viewer: Any, out: Path) -> None:
    """Photograph the structure in space, and what its relaxation did near the defect."""
    panel = opened(viewer, "Structure")
    panel.form.elements.line("column").setText("C")
    wait(lambda: panel.built is not None)
    photograph(viewer, out / "structure-panel.png")
    panel.form.tabs.setCurrentIndex(1)
    panel.form.moves.put({"flat": True})
    panel.form.run_box.button.click()
    wait(lambda: panel.slot.job is None)
    photograph(viewer, out / "structure-relaxed.png")


def opened(viewer: Any, name: str) -> Any:
    _, widget = viewer.window.add_plugin_dock_widget(demo.PLUGIN, name)
    settle(1.0)
    return getattr(widget, "__wrapped__", widget)


def photograph(viewer: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    settle(1.0)
    viewer.window.screenshot(str(path), canvas_only=False, flash=False)


def wait(done: Any) -> None:
    """Let the window live until something is so."""
    until = time.monotonic() + LONGEST
    while not done() and time.monotonic() < until:
        settle(0.05)


def settle(seconds: float) -> None:
    """Let the window live for a while."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        get_qapp().processEvents()
        time.sleep(0.01)


if __name__ == "__main__":
    main()

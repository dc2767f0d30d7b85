"""Make the pictures of the Lattice and Movies panels beside simulated samples.

xvfb-run -a -s "-screen 0 1400x900x24" python tools/screenshots_lattice.py
xvfb-run -a -s "-screen 0 1400x900x24" python tools/screenshots_lattice.py --out out/screenshots
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import napari
import numpy as np
from screenshots import DOCS, SIZE, photograph, settle

from napari_atomai.plugin import demo


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=DOCS, help="where the pictures go")
    out = parser.parse_args(arguments).out
    lattice(out)
    movies(out)
    return 0


def lattice(out: Path) -> None:
    """Polar domains of the perovskite, its strain, and the region that strain is relative to."""
    viewer = with_atoms("perovskite")
    panel = docked(viewer, "Lattice")
    panel.form.run_box.button.click()
    finished(panel)
    panel.form.view.setCurrentText("directions: polarisation")
    photograph(viewer, out / "lattice-polarisation.png")
    panel.form.reference.setCurrentText("drawn region")
    panel.form.run_box.button.click()
    finished(panel)
    panel.form.arrows.setCurrentText("none")
    panel.form.map.setCurrentText("rotation")
    panel.form.view.setCurrentText("histogram: rotation")
    settle(lambda: not panel._maps.busy, longest=20)
    photograph(viewer, out / "lattice-strain.png")
    viewer.close()


def movies(out: Path) -> None:
    """Transitions between the states of blinking columns, and one of them over time, without drift."""
    viewer = with_atoms("blinking_columns")
    panel = docked(viewer, "Movies")
    panel.form.run_box.button.click()
    finished(panel)
    viewer.dims.set_current_step(0, 30)
    photograph(viewer, out / "movies-transitions.png")
    panel.form.still.setChecked(True)
    finished(panel)
    changes = panel.form.model._columns["changes"]
    panel.choose(int(np.argmax(changes)))
    photograph(viewer, out / "movies-track.png")
    viewer.close()


def with_atoms(sample: str) -> napari.Viewer:
    """Open a sample in a window, and find its atoms; their rings are hidden."""
    viewer = napari.Viewer(title="napari-atomai")
    viewer.window.resize(*SIZE)
    viewer.canvas.overlays.scale_bar.visible = True
    viewer.open_sample(demo.PLUGIN, sample)
    panel = docked(viewer, "Atoms")
    panel.find()
    settle(lambda: panel.session.job is None)
    points = panel.session.points(panel.form.picker.uid)
    points.visible = False
    return viewer


def docked(viewer: napari.Viewer, name: str) -> Any:
    _, panel = viewer.window.add_plugin_dock_widget(demo.PLUGIN, name)
    settle(lambda: False, longest=1.0)
    viewer.reset_view()
    return getattr(panel, "__wrapped__", panel)


def finished(panel: Any) -> None:
    settle(lambda: panel.slot.job is None)
    settle(lambda: False, longest=0.5)


if __name__ == "__main__":
    sys.exit(main())

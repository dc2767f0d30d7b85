"""Make the pictures of docs/latent.md: opens the real window with a simulated sample, and works in it.

xvfb-run -a -s "-screen 0 1400x1000x24" python tools/screenshots_latent.py
"""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtWidgets import QScrollArea
from screenshots_components import LONGEST, by_brightness, opened, photograph, settle

from napari_atomai.data.recipe import FindAtoms, RefineAtoms
from napari_atomai.plugin.session import session_of
from napari_atomai.simulate.distortions import polar_domains


def main() -> None:
    """Learn what varies around the B columns of a perovskite with four domains, turned and not."""
    simulated, _ = polar_domains(size=420)
    viewer, panel = opened(simulated.image, "Latent")
    viewer.window.resize(1366, 980)
    layer, session = panel.form.picker.layer(), session_of(viewer)
    session.find(layer, FindAtoms(), RefineAtoms())
    settle(lambda: session.job is None, LONGEST)
    points = session.points(panel.form.picker.uid)
    points.features = {**points.features, "class": by_brightness(layer.data, points.data)}
    settle()
    panel.form.atoms.which.setCurrentText("B")
    panel.form.put(window=0.56, rotation=False, translation=False, number=4)
    settle(longest=3)
    photograph(viewer, "latent-patches")
    learn(panel, points)
    panel.form.colour.setCurrentText("cluster")
    panel.form.plot.selected.emit(np.flatnonzero(panel.found.clusters.labels == 1))
    panel.form.picture.pointed.emit(4.6, 1.2)
    down(panel)
    photograph(viewer, "latent-clusters")
    panel.form.put(rotation=True, number=0)
    learn(panel, points)
    panel.form.colour.setCurrentText("angle_rad")
    panel.form.arrows.setChecked(True)
    down(panel)
    photograph(viewer, "latent-angles")
    viewer.close()


def learn(panel: Any, points: Any) -> None:
    """Press Learn and wait for what comes of it."""
    before = panel.found
    panel.form.run_box.button.click()
    settle(lambda: panel.slot.job is None and panel.found is not before, LONGEST)
    points.visible = False
    settle()


def down(panel: Any) -> None:
    """Scroll to the lower end of the panel."""
    bar = panel.findChild(QScrollArea).verticalScrollBar()
    bar.setValue(bar.maximum())
    settle()


if __name__ == "__main__":
    main()

"""Make the pictures of the docs: opens the real window, works in it, and photographs it.

    xvfb-run -a -s "-screen 0 1400x900x24" python tools/screenshots.py
    xvfb-run -a -s "-screen 0 1400x900x24" python tools/screenshots.py --data FOLDER --out out/screenshots

Pictures in docs/images show simulated samples only. With --data, every file of a folder that can be opened
is, its atoms are found, and the pictures go to a folder that git ignores.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import napari
import numpy as np
from napari.qt import get_qapp
from qtpy.QtCore import QCoreApplication, QEvent

from napari_atomai.files.reading import can_read
from napari_atomai.plugin import demo
from napari_atomai.plugin.commands import atoms_panel
from napari_atomai.plugin.layers import uid_of
from napari_atomai.simulate.samples import SAMPLES
from napari_atomai.stat.fourier import lattice_peaks

DOCS = Path(__file__).resolve().parents[1] / "docs" / "images"
SIZE = (1366, 768)
LONGEST = 300.0
DEFECT = (0.62, 0.40)
"""Where the graphene sample has its 5-7 defect, as parts of its height and width."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder of microscope files, or one file")
    parser.add_argument("--out", type=Path, help="where the pictures go")
    parser.add_argument("--zoom", type=float, default=0.0, help="spacings across the window; 0 = whole image")
    given = parser.parse_args(arguments)
    if given.data is None:
        samples(given.out or DOCS)
        looking(given.out or DOCS)
        return 0
    out = given.out or Path("out") / "screenshots"
    files = [given.data] if given.data.is_file() else sorted(p for p in given.data.iterdir() if can_read(p))
    for path in files:
        photograph_file(path, out, given.zoom)
    return 0


def samples(out: Path) -> None:
    for name in SAMPLES:
        viewer = demo.show(name, block=False)
        panel = opened(viewer)
        photograph(viewer, out / f"sample-{name}.png")
        if name == "graphene":
            zoom_in(viewer, panel, 30.0)
            panel.form.table.selectRow(atom_near(panel, DEFECT))
            photograph(viewer, out / "atoms-panel.png")
        viewer.close()


def looking(out: Path) -> None:
    """Photograph the looking tools beside simulated samples."""
    for name, sample, work in (
        ("calibrate", "perovskite", calibrate),
        ("fft", "graphene", transform),
        ("measure", "graphene", measure),
    ):
        viewer = napari.Viewer(title="napari-atomai")
        viewer.window.resize(*SIZE)
        viewer.canvas.overlays.scale_bar.visible = True
        viewer.open_sample(demo.PLUGIN, sample)
        title = "FFT" if name == "fft" else name.capitalize()
        _, panel = viewer.window.add_plugin_dock_widget(demo.PLUGIN, title)
        settle(lambda: False, longest=1.0)
        viewer.reset_view()
        work(getattr(panel, "__wrapped__", panel))
        photograph(viewer, out / f"{name}-panel.png")
        viewer.close()


def calibrate(panel: Any) -> None:
    panel.form.tabs.setCurrentIndex(1)
    panel.form.spacing.setText("0.3905")
    panel.find()
    settle(lambda: panel.form.peaks.rowCount() > 0, longest=20)


def transform(panel: Any) -> None:
    settle(lambda: panel.form.view.picture is not None, longest=20)
    for peak in lattice_peaks(panel.form.picker.layer().data, 3):
        panel.pin(peak.spot)


def measure(panel: Any) -> None:
    panel.form.width_px.setValue(8)
    panel.take("profile")
    layer = next(layer for layer in panel.viewer.layers if "measurements" in layer.name)
    rows, columns = panel.form.picker.layer().data.shape
    layer.add_lines(np.array([[0.5 * rows, 0.3 * columns], [0.42 * rows, 0.7 * columns]]))
    settle(lambda: panel.plot.profile is not None, longest=20)


def atom_near(panel: Any, part: tuple[float, float]) -> int:
    """Return the atom nearest to a place, which is given as parts of the image's height and width."""
    layer = panel.form.picker.layer()
    where = np.array(part) * layer.data.shape
    points = panel.session.points(uid_of(layer)).data
    return int(np.argmin(((points - where) ** 2).sum(axis=1)))


def photograph_file(path: Path, out: Path, across: float) -> None:
    viewer = demo.open_files([path], block=False)
    panel = opened(viewer)
    if panel.form.picker.layer() is not None:
        panel.find()
        settle(lambda: panel.session.job is None)
        if across:
            zoom_in(viewer, panel, across)
        sys.stdout.write(f"{path.name}: {panel.form.status.text()}\n")
    photograph(viewer, out / f"{path.stem}.png")
    viewer.close()


def opened(viewer: napari.Viewer) -> Any:
    viewer.window.resize(*SIZE)
    panel = atoms_panel(viewer)
    settle(lambda: False, longest=1.0)
    settle(lambda: panel.session.job is None)
    viewer.reset_view()
    return panel


def zoom_in(viewer: napari.Viewer, panel: Any, across: float) -> None:
    layer = panel.form.picker.layer()
    result = panel.session.result(uid_of(layer))
    spacing = result.found.record.measured.get("spacing_px", 10.0) if result is not None else 10.0
    width = across * spacing * float(layer.scale[-1])
    viewer.scene.camera.zoom = viewer.canvas.size[1] / width


def photograph(viewer: napari.Viewer, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    settle(lambda: False, longest=0.7)
    viewer.window.screenshot(str(path), canvas_only=False, flash=False)


def settle(done: Any, longest: float = LONGEST) -> None:
    """Let the window live until something is so."""
    until = time.monotonic() + longest
    while not done() and time.monotonic() < until:
        get_qapp().processEvents()
        # Without a running event loop nothing else deletes what asked to be deleted (progress bars, toasts).
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        time.sleep(0.01)


if __name__ == "__main__":
    sys.exit(main())

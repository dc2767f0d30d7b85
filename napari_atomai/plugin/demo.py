"""Windows that open ready to work: `napari-atomai open`, and the demo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import napari
from qtpy.QtCore import QTimer

from napari_atomai.errors import UnknownOption
from napari_atomai.plugin.commands import atoms_panel
from napari_atomai.simulate.samples import SAMPLES

PLUGIN = "napari-atomai"


def show(sample: str = "graphene", *, block: bool = True) -> napari.Viewer:
    """Open a window with a simulated sample, and find its atoms.

    Parameters
    ----------
    sample : str
        One of `napari_atomai.simulate.samples.SAMPLES`; the manifest has them by the same names.
    block : bool
        Run napari until its window is closed; else return at once.

    Raises
    ------
    UnknownOption
        If there is no such sample.
    """
    if sample not in SAMPLES:
        raise UnknownOption("sample", sample, SAMPLES)
    viewer = _viewer()
    viewer.open_sample(PLUGIN, sample)
    panel = atoms_panel(viewer)
    # The window is drawn before the work starts, so that its progress is seen.
    QTimer.singleShot(0, panel.find)
    return _run(viewer, block)


def open_files(paths: Sequence[str | Path], *, block: bool = True) -> napari.Viewer:
    """Open a window with files and the Atoms panel; what cannot be read is said in the window.

    Parameters
    ----------
    paths : sequence of str or Path
        Microscope files.
    block : bool
        Run napari until its window is closed; else return at once.
    """
    viewer = _viewer()
    for path in paths:
        _open(viewer, Path(path))
    atoms_panel(viewer)
    return _run(viewer, block)


def _open(viewer: Any, path: Path) -> None:
    from napari.utils.notifications import show_error

    from napari_atomai.plugin.messages import explain

    try:
        viewer.open(str(path), plugin=PLUGIN)
    except Exception as error:  # noqa: BLE001 - one file that does not open must not keep the others away
        show_error(f"{path.name}: {explain(error, 'opening the file').text}")


def _viewer() -> napari.Viewer:
    viewer = napari.Viewer(title="napari-atomai")
    viewer.canvas.overlays.scale_bar.visible = True
    return viewer


def _run(viewer: napari.Viewer, block: bool) -> napari.Viewer:
    if block:
        napari.run()
    return viewer

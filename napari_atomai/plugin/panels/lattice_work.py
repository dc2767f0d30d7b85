"""What the Lattice panel has done in the background, and the region that strain is relative to."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_atomai.data.progress import Progress
from napari_atomai.errors import BadOption
from napari_atomai.plugin.attached import attached
from napari_atomai.plugin.job_slots import NOTHING, Done
from napari_atomai.plugin.layers import image_of, uid_of
from napari_atomai.plugin.panels.lattice_layers import Measured
from napari_atomai.plugin.region import region_for

if TYPE_CHECKING:
    from napari_atomai.data.atoms import Atoms
    from napari_atomai.data.recipe import Record
    from napari_atomai.data.recipes_lattice import MeasureLattice

REGION = "lattice reference"
_ROUND = np.linspace(0, 2 * np.pi, 48, endpoint=False)


def measure(slot: Any, layer: Any, atoms: Atoms, recipe: MeasureLattice, record: Record) -> bool:
    """Measure the lattice in a thread; the result, a `Measured`, lies in the slot under the image."""
    image = image_of(layer)
    how = record.model_copy(update={"steps": (*record.steps, recipe)})

    def work() -> Generator[Progress, None, Measured]:
        from napari_atomai.workflow.lattice import measuring_lattice

        found = yield from measuring_lattice(atoms, recipe, image)
        return Measured(found, atoms, how, image)

    return bool(slot.start(layer, work, "measuring the lattice"))


def export(slot: Any, layer: Any, measured: Measured, folder: Path) -> bool:
    """Write what was measured into a folder, in a thread."""

    def work() -> Generator[Progress, None, list[Path]]:
        from napari_atomai.workflow.lattice_results import write_lattice

        yield Progress(0, 0, "writing files")
        return write_lattice(measured.frames, measured.atoms, measured.record, folder, image=measured.image)

    return bool(slot.start(layer, work, "exporting the lattice", written(slot)))


def written(slot: Any) -> Done:
    """Return what says which files were written; what was measured stays."""

    def done(paths: list[Path], layer: Any) -> object:
        names = ", ".join(path.name for path in paths)
        slot.said.emit(uid_of(layer), f"Written to {paths[0].parent}: {names}.")
        return NOTHING

    return done


def draw_region(viewer: Any, image: Any) -> Any:
    """Return the layer with the region of an image, with a rectangle on it at first, in hand."""
    shapes = region_for(viewer.layers, image, REGION, "unstrained region")
    shapes.visible = True
    viewer.layers.selection.active = shapes
    shapes.mode = "select"
    return shapes


def corners_of(layers: Any, image: Any) -> tuple[float, ...]:
    """Return the corners of the last shape of the region as row, column, row, column ... in pixels.

    Raises
    ------
    BadOption
        If there is none, or it is a line.
    """
    shapes = attached(layers, REGION, image)
    if shapes is None or not len(shapes.data):
        raise BadOption(
            "There is no unstrained region.",
            remedy="Draw a rectangle, an ellipse or a polygon on its layer, or choose the average of all.",
        )
    corners, form = np.asarray(shapes.data[-1], np.float64)[:, -2:], str(shapes.shape_type[-1])
    if form == "ellipse":
        middle, half, other = corners.mean(axis=0), corners[1] - corners[0], corners[3] - corners[0]
        corners = middle + 0.5 * (np.outer(np.cos(_ROUND), half) + np.outer(np.sin(_ROUND), other))
    if len(corners) < 3:
        raise BadOption("A line spans no region.", remedy="Draw a rectangle, an ellipse or a polygon.")
    return tuple(corners.ravel().tolist())


def safe_name(name: str) -> str:
    """Return the name of a layer as the name of a folder."""
    return "".join(c if c.isalnum() or c in "-_. " else "_" for c in name).strip() or "image"

"""What the Movies panel has done in the background."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.progress import Progress
from napari_atomai.plugin.job_slots import NOTHING
from napari_atomai.plugin.layers import image_of
from napari_atomai.plugin.panels.lattice_work import written
from napari_atomai.plugin.panels.movies_layers import Traced, show_still

if TYPE_CHECKING:
    from napari_atomai.data.atoms import Atoms
    from napari_atomai.data.recipe import Record
    from napari_atomai.data.recipes_lattice import FollowAtoms


def follow(slot: Any, layer: Any, atoms: Atoms, recipe: FollowAtoms, record: Record) -> bool:
    """Follow the atoms in a thread; the result, a `Traced`, lies in the slot under the movie."""
    image = image_of(layer)
    how = record.model_copy(update={"steps": (*record.steps, recipe)})

    def work() -> Generator[Progress, None, Traced]:
        from napari_atomai.workflow.movie import following

        return Traced((yield from following(atoms, recipe, image)), atoms, how, image)

    return bool(slot.start(layer, work, "following atoms"))


def take_drift_away(slot: Any, layer: Any, traced: Traced) -> bool:
    """Make the movie without its drift, in a thread, as a layer of its own."""

    def work() -> Generator[Progress, None, NDArray[np.float32]]:
        from napari_atomai.stat.movies.drift import aligned

        image, drift = traced.image, traced.found.drift
        pixels = np.empty(image.shape, np.float32)
        for frame in range(len(pixels)):
            yield Progress(frame, len(pixels), "taking the drift away")
            pixels[frame] = aligned(image.frame(frame), drift[frame])
        return pixels

    def done(pixels: NDArray[np.float32], there: Any) -> object:
        show_still(slot.layers, there, traced, pixels)
        return NOTHING

    return bool(slot.start(layer, work, "taking the drift away", done))


def export(slot: Any, layer: Any, traced: Traced, folder: Path) -> bool:
    """Write what was found into a folder, in a thread."""

    def work() -> Generator[Progress, None, list[Path]]:
        from napari_atomai.workflow.movie_results import write_movie

        yield Progress(0, 0, "writing files")
        return write_movie(traced.found, traced.atoms, traced.record, folder, image=traced.image)

    return bool(slot.start(layer, work, "exporting the tracks", written(slot)))

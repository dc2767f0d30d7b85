"""From corrected atoms in a viewer to a taught model: what is learned from, and how it starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.data.progress import Progress
from napari_atomai.data.recipe import FINEST_SPACING, FindAtoms
from napari_atomai.data.recipes_teaching import Teach
from napari_atomai.plugin import run_folders
from napari_atomai.plugin.attached import attach, attached
from napari_atomai.plugin.job_slots import NOTHING, Done, JobSlot
from napari_atomai.plugin.layers import image_of, is_plain_image, uid_of
from napari_atomai.plugin.measurements import line_width
from napari_atomai.plugin.points import atoms_of
from napari_atomai.plugin.process import ProcessTask
from napari_atomai.plugin.shown import shown_frame
from napari_atomai.plugin.training_preview import TrainingPreview
from napari_atomai.workflow.saved import outline

if TYPE_CHECKING:
    from napari.layers import Layer, Shapes

    from napari_atomai.plugin.jobs import Work
    from napari_atomai.plugin.session import Session

TRAIN = "train"
"""The slot in which nets are taught."""
REVIEWED = "reviewed"
MODULE = "napari_atomai.workflow.teaching_process"


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a person knows of a frame of an image layer: a `napari_atomai.workflow.corrections.Correction`."""

    uid: str
    image: Image
    atoms: Atoms
    regions: tuple[NDArray[np.float64], ...]
    frame: int
    spacing: float
    dark: bool

    def correction(self) -> Any:
        """Return it for the engine; in a worker thread, as that brings torch."""
        from napari_atomai.workflow.corrections import Correction

        return Correction(
            self.image,
            self.atoms,
            self.regions,
            frame=self.frame,
            spacing=self.spacing,
            dark=self.dark,
        )


def region_layer(layers: Any, image: Layer) -> Shapes:
    """Return the layer with the reviewed regions of an image; make it if there is none."""
    look = {
        "name": f"{image.name}: reviewed",
        "edge_width": 2 * line_width(image),
        "edge_color": "#009E73",
        "face_color": "transparent",
        "opacity": 1.0,
    }
    return attach(layers, REVIEWED, image, look)


def lessons(session: Session, viewer: Any, images: Sequence[Layer]) -> list[Lesson]:
    """Return what is known of images with atoms: all atoms within the reviewed regions are right.

    Without a region the whole frame counts as reviewed. Of a movie the frame that is shown is taken.
    """
    found = []
    for layer in images:
        points, result = session.points(uid_of(layer)), session.result(uid_of(layer))
        if points is None or result is None:
            continue
        shapes = attached(viewer.layers, REVIEWED, layer)
        drawn = () if shapes is None else zip(shapes.data, shapes.shape_type, strict=True)
        outlines = [outline(corners, form) for corners, form in drawn]
        index, leading = shown_frame(viewer, layer), layer.data.shape[: layer.ndim - 2]
        frame = int(np.ravel_multi_index(index, leading)) if leading else 0
        known = result.found.record.measured
        spacing, dark = known.get("spacing_px", 0.0), bool(known.get("dark", 0.0))
        image, atoms = image_of(layer), atoms_of(points)
        found.append(Lesson(uid_of(layer), image, atoms, tuple(outlines), frame, spacing, dark))
    return found


def learnable(session: Session, viewer: Any) -> list[Any]:
    """Return the images of a viewer whose atoms were found."""
    return [
        layer
        for layer in viewer.layers
        if is_plain_image(layer) and session.points(uid_of(layer)) is not None
    ]


def start(slot: JobSlot, known: list[Lesson], recipe: Teach) -> bool:
    """Start to teach: the task is made in a worker, then learned in a process of its own."""

    def make() -> ProcessTask:
        from napari_atomai.workflow.teaching_task import as_task

        return ProcessTask(MODULE, *as_task([lesson.correction() for lesson in known], recipe))

    return start_made(slot, make, "training", begun=lambda: TrainingPreview(slot, known[0].uid))


def start_made(
    slot: JobSlot,
    make: Callable[[], ProcessTask],
    doing: str,
    done: Done | None = None,
    begun: Callable[[], object] | None = None,
) -> bool:
    """Start work in a process of its own whose task takes long to make: that is done in a worker thread.

    Parameters
    ----------
    slot : JobSlot
        Which kind of work it is.
    make : callable
        Makes the task; it may read pixels and import heavy libraries, and touches no layers.
    doing : str
        For sentences: "training".
    done : callable, optional
        Is given the Outcome of the process.
    begun : callable, optional
        Called when the process has begun.
    """

    def prepare() -> Work:
        yield Progress(0, 0, "preparing")
        return make()

    def go_on(task: ProcessTask, _layer: Any) -> object:
        if slot.start_process(None, task, doing, done) and begun is not None:
            begun()
        return NOTHING

    return slot.start(None, prepare, doing, go_on)


def interrupted() -> list[Path]:
    """Return the folders of teachings that ended with their program, the newest first."""
    return run_folders.left(MODULE)


def go_on(slot: JobSlot, folder: Path) -> bool:
    """Go on with a teaching whose program was killed, from its last checkpoint."""
    return slot.start_process(None, ProcessTask(MODULE, left=folder), "training")


def find_with(session: Session, layer: Layer, model: str, summary: dict[str, Any]) -> FindAtoms:
    """Return how atoms are found with a taught model: as before, at the threshold and spacing it was taught.

    Where there is no lattice the spacing cannot be measured, and another scale is another picture to the net.
    """
    result = session.result(uid_of(layer))
    record = None if result is None else result.found.record
    before = None if record is None else record.step(FindAtoms)
    options = {} if before is None else before.model_dump()
    spacing = 0.0 if record is None else record.measured.get("spacing_px", 0.0)
    if spacing >= FINEST_SPACING:
        options["spacing"] = spacing
    threshold = {"threshold": summary["threshold"]} if "threshold" in summary else {}
    return FindAtoms.of({**options, **threshold, "false_rate": 0.0, "miss_rate": 0.0, "model": model})


def estimating(known: list[Lesson], recipe: Teach) -> Callable[[], Work]:
    """Return work that tells how long teaching will take."""

    def work() -> Work:
        from napari_atomai.workflow.teach import estimate

        yield Progress(0, 0, "estimating")
        return estimate([lesson.correction() for lesson in known], recipe)

    return work


def patching(known: list[Lesson], recipe: Teach) -> Callable[[], Work]:
    """Return work that gives patches as the net will see them."""

    def work() -> Work:
        from napari_atomai.workflow.teach import augmented_patches

        yield Progress(0, 0, "making patches")
        return augmented_patches([lesson.correction() for lesson in known], recipe, count=6)

    return work

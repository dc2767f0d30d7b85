"""What the Latent panel has done in the background: patches, training in a process, latents, files."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.progress import Progress, finish
from napari_atomai.plugin.job_slots import NOTHING, Done
from napari_atomai.plugin.layers import image_of, uid_of
from napari_atomai.plugin.panels.lattice_work import written
from napari_atomai.plugin.process import Outcome, ProcessTask
from napari_atomai.workflow.latent_task import MODEL, MODULE, as_task

if TYPE_CHECKING:
    from napari_atomai.data.atoms import Atoms
    from napari_atomai.data.recipe import Record
    from napari_atomai.data.recipes_latent import CutPatches, LearnLatents
    from napari_atomai.workflow.latent import Cut, Latents

SLOT = "latent"
_AROUND = 9  # patches that are drawn on the image
_PREVIEWED = 20_000  # atoms that a preview is cut around


@dataclasses.dataclass(frozen=True, eq=False)
class Asked:
    """Patches that are asked for: of what, and of which atoms.

    Parameters
    ----------
    image : Image
    recipe : CutPatches
    atoms : Atoms or None
        None: they are found first, or not needed.
    source : array or None
        What is cut in place of the image.
    record : Record or None
        How the atoms came about.
    """

    image: Any
    recipe: CutPatches
    atoms: Atoms | None
    source: NDArray[Any] | None = None
    record: Record | None = None

    def cutting(self) -> Generator[Progress, None, Cut]:
        """Cut them."""
        from napari_atomai.workflow.latent import cutting

        return cutting(self.image, self.recipe, self.atoms, self.source, self.record)


@dataclasses.dataclass(frozen=True, eq=False)
class Preview:
    """Some patches, where they are cut, and what is to be said of them."""

    patches: NDArray[np.float32]
    boxes: list[NDArray[np.float64]]
    words: str


def asked_of(session: Any, layer: Any, recipe: CutPatches, box: Any) -> Asked:
    """Return what is asked for of an image layer and the atoms that are chosen in an `AtomsBox`."""
    image, uid = image_of(layer), uid_of(layer)
    points = box.points()
    atoms = None if points is None else box.atoms()
    source = None
    result = session.result(uid)
    if recipe.source == "probability" and result is not None:
        source = result.found.probability
    return Asked(image, recipe, atoms, source, None if points is None else box.record())


def preview_of(asked: Asked) -> Preview:
    """Cut some patches of the first frame that has any. For a worker."""
    from napari_atomai.prepare.motif_places import centres_of
    from napari_atomai.prepare.motifs import cutting_motifs

    if asked.recipe.source == "probability" and asked.source is None:
        return Preview(np.empty((0, 1, 1), np.float32), [], "The probability is computed when it is learned.")
    if asked.atoms is None and asked.recipe.around != "grid":
        return Preview(np.empty((0, 1, 1), np.float32), [], "The atoms are found first.")
    centres = centres_of(asked.image, asked.recipe, asked.atoms)
    motifs = finish(cutting_motifs(*_of_frame(asked, int(centres.frames[0]))))
    middle = np.array(asked.image.frame_shape) / 2
    order = np.argsort(((motifs.centres.positions - middle) ** 2).sum(axis=1), kind="stable")
    half = np.array(motifs.side) / 2
    count = _AROUND if asked.recipe.around == "grid" else 1
    boxes = [
        np.array([motifs.centres.positions[i] - half, motifs.centres.positions[i] + half])
        for i in order[:count]
    ]
    rows, columns = motifs.patches.shape[1:]
    size = asked.image.pixel_size
    nm = "" if size is None else f", {motifs.side[0] * size[0]:.3g} nm"
    lost = " ".join(motifs.notes)
    if lost and asked.image.n_frames > 1:
        lost = f"Of the first frame: {lost}"
    words = f"{len(centres):,} patches of {motifs.side[0]:.3g} px{nm}, as {rows} x {columns} pixels. {lost}"
    return Preview(motifs.patches, boxes, words.strip())


def _of_frame(asked: Asked, frame: int) -> tuple[Any, CutPatches, Atoms | None, NDArray[Any] | None]:
    """Return what patches of one frame are cut of, as of an image by itself."""
    image = dataclasses.replace(asked.image, pixels=asked.image.frame(frame), axes=asked.image.axes[-2:])
    atoms, source = asked.atoms, asked.source
    if atoms is not None:
        atoms = atoms.keep(np.flatnonzero(atoms.frames == frame)[:_PREVIEWED])
        atoms = dataclasses.replace(atoms, frames=np.zeros_like(atoms.frames))
    if source is not None:
        source = np.asarray(source).reshape(-1, *image.frame_shape)[frame]
    return image, asked.recipe, atoms, source


def run(slot: Any, layer: Any, asked: Asked, learn: LearnLatents) -> bool:
    """Cut patches and learn what varies; the result, a `Latents`, lies in the slot under the image."""
    if learn.model == "zernike":

        def work() -> Generator[Progress, None, Latents]:
            from napari_atomai.workflow.latent import learning

            cut = yield from asked.cutting()
            return (yield from learning(cut, learn))

        return bool(slot.start(layer, work, "taking moments"))
    return bool(slot.start(layer, asked.cutting, "cutting patches", _then_train(slot, learn)))


def _then_train(slot: Any, learn: LearnLatents) -> Done:
    def done(cut: Cut, layer: Any) -> object:
        task = ProcessTask(MODULE, *as_task(cut, learn))
        slot.start_process(layer, task, "training", _then_conclude(slot, cut, learn))
        return NOTHING

    return done


def _then_conclude(slot: Any, cut: Cut, learn: LearnLatents) -> Done:
    def done(outcome: Outcome, layer: Any) -> object:
        def work() -> Generator[Progress, None, Latents]:
            from napari_atomai.models.latent import LatentModel
            from napari_atomai.workflow.latent import concluding

            yield Progress(0, 0, "opening the model")
            model = LatentModel.load(outcome.folder / MODEL)
            model.warnings = tuple(outcome.summary.get("warnings", ()))
            found = yield from concluding(cut, learn, model)
            return dataclasses.replace(found, history=outcome.summary.get("history", {}))

        slot.start(layer, work, "finding latents")
        return NOTHING

    return done


def open_model(slot: Any, layer: Any, asked: Asked, learn: LearnLatents, path: Path) -> bool:
    """Find latents with a model that was saved; the result lies in the slot as that of `run`."""

    def work() -> Generator[Progress, None, Latents]:
        from napari_atomai.models.latent import LatentModel
        from napari_atomai.workflow.latent import applying

        yield Progress(0, 0, "opening the model")
        model = LatentModel.load(path)
        given = (asked.atoms, asked.source, asked.record)
        return (yield from applying(asked.image, (asked.recipe, learn), model, given))

    return bool(slot.start(layer, work, "finding latents"))


def cluster(slot: Any, layer: Any, found: Latents, learn: LearnLatents) -> bool:
    """Put alike ones together anew; the new result takes the place of the old one."""

    def work() -> Generator[Progress, None, Latents]:
        from napari_atomai.workflow.latent import clustered_anew

        yield Progress(0, 0, "finding clusters")
        return clustered_anew(found, learn)

    return bool(slot.start(layer, work, "finding clusters"))


def export(slot: Any, layer: Any, found: Latents, folder: Path) -> bool:
    """Write what the command writes, into a folder, in a thread."""

    def work() -> Generator[Progress, None, list[Path]]:
        from napari_atomai.workflow.latent_results import write_latents

        yield Progress(0, 0, "writing files")
        return write_latents(found, folder)

    return bool(slot.start(layer, work, "exporting latents", written(slot)))

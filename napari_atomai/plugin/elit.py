"""ELIT in a window: what it starts from, and its rounds on the images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Points
from numpy.typing import NDArray

from napari_atomai.data.recipes_teaching import Elit
from napari_atomai.models.elit_rounds import model_in, positions_in
from napari_atomai.plugin import own_models, teaching
from napari_atomai.plugin.job_slots import JobSlot
from napari_atomai.plugin.layers import KEY, find_layer, geometry_like, image_of, is_plain_image, uid_of
from napari_atomai.plugin.process import Outcome, ProcessTask
from napari_atomai.workflow.elit_task import MODULE, as_task

if TYPE_CHECKING:
    from napari_atomai.data.image import Image

ELIT = "elit"
"""The slot in which it runs."""
ROUND = "ELIT round"
_COLOUR = "#56B4E9"
_DISC = 0.5
_RING = 0.12
_SMALLEST_DISC = 3.0


@dataclass(frozen=True, eq=False)
class ElitRun:
    """What came of a run.

    Parameters
    ----------
    outcome : Outcome
        Its folder holds the rounds.
    model : str
        The ensemble it started from.
    images : tuple of (str, int)
        Uid and number of frames of each image, in their order.
    """

    outcome: Outcome
    model: str
    images: tuple[tuple[str, int], ...]

    @property
    def rounds(self) -> list[dict[str, Any]]:
        """The numbers of each round; None where unknown."""
        rounds: list[dict[str, Any]] = self.outcome.summary["rounds"]
        return rounds

    def kept_model(self, number: int) -> str:
        """Return the ensemble after a round by name or path, kept among the own models."""
        path = model_in(self.outcome.folder, number)
        return self.model if path is None else str(own_models.keep_by_content(path, f"ELIT {number}"))


def start(slot: JobSlot, layers: Sequence[Any], recipe: Elit, truth: Any = None) -> bool:
    """Start the run in a process of its own; False, and a sentence, if one is going on.

    Parameters
    ----------
    slot : JobSlot
        Keeps an `ElitRun`.
    layers : sequence of napari Image layer
        Images and movies to learn from.
    recipe : Elit
        Its options.
    truth : napari Points layer, optional
        Atoms of the first image by which the rounds are judged.
    """
    images = [image_of(layer) for layer in layers]
    counts = tuple((uid_of(layer), image.n_frames) for layer, image in zip(layers, images, strict=True))
    known = [] if truth is None else _by_frame(images[0], truth)

    def make() -> ProcessTask:
        return ProcessTask(MODULE, *as_task(images, recipe, known))

    def done(outcome: Outcome, _layer: Any) -> ElitRun:
        return ElitRun(outcome, recipe.model, counts)

    return teaching.start_made(slot, make, "ELIT", done)


def show_round(layers: Any, run: ElitRun, number: int) -> int:
    """Show the atoms of a round on the images that are still there; returns how many atoms."""
    frames, first, count = positions_in(run.outcome.folder, number), 0, 0
    images = {uid_of(layer): layer for layer in layers if is_plain_image(layer)}
    for uid, length in run.images:
        own, image = frames[first : first + length], images.get(uid)
        first += length
        leading = () if image is None else image.data.shape[: image.ndim - 2]
        if image is None or np.prod(leading, dtype=int) != length:  # gone, or it has other frames now
            continue
        data = np.concatenate([_coordinates(each, i, leading) for i, each in enumerate(own)])
        _show(layers, image, data, number, own)
        count += len(data)
    return count


def _by_frame(image: Image, truth: Points) -> list[NDArray[np.float64]]:
    data = np.asarray(truth.data, np.float64)
    if data.shape[1] == 2 or image.n_frames == 1:
        return [data[:, -2:]]
    return [data[np.rint(data[:, -3]) == frame][:, -2:] for frame in range(image.n_frames)]


def _coordinates(positions: NDArray[Any], frame: int, leading: tuple[int, ...]) -> NDArray[np.float64]:
    index = np.unravel_index(frame, leading) if leading else ()
    return np.column_stack([*(np.full(len(positions), i) for i in index), positions])


def _show(layers: Any, image: Any, data: NDArray[Any], number: int, frames: Sequence[NDArray[Any]]) -> None:
    name = f"{image.name}: {ROUND} {number}"
    old = find_layer(layers, ROUND, uid_of(image))
    if old is not None:
        old.data, old.name = data, name
        return
    active = layers.selection.active
    new = Points(
        data,
        ndim=image.ndim,
        name=name,
        size=_disc(frames),
        face_color="transparent",
        border_color=_COLOUR,
        border_width=_RING,
        border_width_is_relative=True,
        symbol="square",
        metadata={KEY: {"role": ROUND, "parent_uid": uid_of(image)}},
        **geometry_like(image),
    )
    uid_of(new)
    layers.append(new)
    layers.selection.active = active


def _disc(frames: Sequence[NDArray[Any]]) -> float:
    """Return the size of a mark: a part of the distance of neighbours, so that columns can be seen."""
    from scipy.spatial import cKDTree

    most = max(frames, key=len)
    if len(most) < 2:
        return 10.0
    distances = np.asarray(cKDTree(most).query(most, k=2)[0])
    return max(_SMALLEST_DISC, _DISC * float(np.median(distances[:, 1])))


def saved(run: ElitRun, number: int, name: str) -> Path | None:
    """Keep the ensemble after a round under a name; None for round 0, which is the one it started from."""
    path = model_in(run.outcome.folder, number)
    return None if path is None else own_models.keep(path, name)

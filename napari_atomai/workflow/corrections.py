"""What a person has corrected, and what nets are to learn of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.data.progress import Progress
from napari_atomai.data.recipe import FindAtoms
from napari_atomai.data.recipes_teaching import Teach
from napari_atomai.errors import BadAtoms, BadOption
from napari_atomai.locate.neighbours import nearest_distances
from napari_atomai.predictors.finder import Finder
from napari_atomai.predictors.scale import LATTICE, resized, true_zoom
from napari_atomai.prepare.lessons import RADIUS, Lesson, held_out, in_mask, region_mask
from napari_atomai.prepare.masks import IGNORED, disc_labels
from napari_atomai.workflow.checks import check_image
from napari_atomai.workflow.find import clean, scale_of
from napari_atomai.workflow.saved import SavedImage, read_images

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

_BLOCK = 3.0
"""Side of a held-out block, in spacings."""

_IRREGULAR = 0.3
"""Spread of the distances to the nearest atom, relative to their mean; of atoms strewn at random 0.52."""


@dataclass(frozen=True, eq=False)
class Correction:
    """What a person knows of one frame.

    Parameters
    ----------
    image : Image
        The pixels.
    atoms : Atoms
        All atoms of the reviewed regions; others do not count.
    regions : sequence of array, shape (K, 2)
        Polygons that were reviewed: row, column in pixels. None: the whole frame.
    frame : int
        Which frame of a movie.
    labels : array of int, shape (y, x), optional
        Painted labels instead of discs around the atoms: 1 atom, 0 background, -1 unknown.
    spacing : float
        Distance between neighbouring atoms in pixels; 0 = measured by the base.
    dark : bool, optional
        Whether atoms are darker than their surroundings; None = seen by the base.
    """

    image: Image
    atoms: Atoms
    regions: Sequence[NDArray[np.float64]] = ()
    frame: int = 0
    labels: NDArray[np.integer] | None = None
    spacing: float = 0.0
    dark: bool | None = None

    def __post_init__(self) -> None:
        check_image(self.image)
        if not 0 <= self.frame < self.image.n_frames:
            raise BadOption(
                f"Frame {self.frame} is asked for; {self.image.name} has {self.image.n_frames}.",
                remedy="Count frames from 0.",
            )
        if self.labels is not None and self.labels.shape != self.image.frame_shape:
            raise BadOption(
                f"Labels have shape {self.labels.shape}, the image {self.image.frame_shape}.",
                remedy="Give one label for each pixel.",
            )
        if not np.isfinite(self.atoms.positions).all():
            raise BadAtoms("Some positions are not finite.", remedy="Take these atoms away.")

    @property
    def positions(self) -> Vector:
        """Row, column (N, 2) of the atoms of the frame."""
        positions: Vector = self.atoms.positions[self.atoms.frames == self.frame]
        return positions


@dataclass(frozen=True, eq=False)
class Task:
    """A correction made ready: a frame with atoms bright, its scale, what was reviewed, what is held out."""

    pixels: NDArray[Any]
    zoom: float
    spacing: float
    lattice: bool
    positions: Vector
    reviewed: Mask
    held: Mask
    lesson: Lesson

    @property
    def crystal(self) -> bool:
        """Whether the corrected atoms lie about as far from each other as in a lattice."""
        distances = nearest_distances(self.positions)
        return len(distances) > 1 and bool(distances.std() < _IRREGULAR * distances.mean())


def corrections_in(path: Path) -> list[Correction]:
    """Return what a saved session tells to learn: its images with atoms and reviewed regions.

    Of a movie it is the frame that was shown when the session was saved, as it is in the window.

    Raises
    ------
    CannotRead
        If the session or one of its images cannot be read.
    BadOption
        If no image has both.
    """
    known = [
        _correction(image, path.parent)
        for image in read_images(path)
        if image.atoms is not None and image.regions
    ]
    if not known:
        raise BadOption(
            f"{path.name} has no image with atoms and a reviewed region.",
            why="Outside of such a region nobody knows whether all atoms are marked.",
            remedy="Draw one in the Train panel around what you have corrected, and save again.",
        )
    return known


def _correction(saved: SavedImage, folder: Path) -> Correction:
    image = saved.opened(folder)
    measured = {} if saved.record is None else saved.record.measured
    leading = image.shape[:-2]
    shown = saved.shown if len(saved.shown) == len(leading) else (0,) * len(leading)
    assert saved.atoms is not None
    return Correction(
        image,
        saved.atoms,
        saved.regions,
        frame=int(np.ravel_multi_index(shown, leading)) if leading else 0,
        spacing=measured.get("spacing_px", 0.0),
        dark=bool(measured["dark"]) if "dark" in measured else None,
    )


def task_of(correction: Correction, finder: Finder, recipe: Teach) -> Generator[Progress, None, Task]:
    """Make a correction ready: find its scale, part what is held out, draw what the nets shall say."""
    image, card = correction.image, finder.card
    asked = {None: "auto", True: "dark", False: "bright"}[correction.dark]
    find = FindAtoms.of({"spacing": correction.spacing, "contrast": asked})
    frame = dataclasses.replace(image, pixels=image.frame(correction.frame), axes=image.axes[-2:])
    scale, dark = yield from scale_of(frame, find, finder)
    spacing = scale.spacing if np.isfinite(scale.spacing) else 1 / scale.zoom
    # With a spacing that was given, nothing was measured that would tell: so it is in `finding`, too.
    lattice = scale.confidence >= LATTICE
    pixels = clean(image.frame(correction.frame), dark)
    reviewed = region_mask(correction.regions, image.frame_shape)
    positions = correction.positions[in_mask(correction.positions, reviewed)]
    held = held_out(
        reviewed, positions, recipe.held_out, _BLOCK * card.spacing_best / scale.zoom, recipe.seed
    )
    small = resized(pixels, scale.zoom)
    labels = _labels(correction, positions, reviewed, small.shape, scale.zoom)
    lesson = Lesson.parted(small, labels, _shrunk(held, small.shape))
    return Task(pixels, scale.zoom, spacing, lattice, positions, reviewed, held, lesson)


def _labels(
    correction: Correction, positions: Vector, reviewed: Mask, shape: tuple[int, ...], zoom: float
) -> NDArray[np.int64]:
    """Return what is known at the scale of the nets: discs with an edge that is nobody's truth."""
    known = _shrunk(reviewed, shape)
    if correction.labels is not None:
        painted = _shrunk(correction.labels, shape).astype(np.int64)
        return np.where(known, np.clip(painted, IGNORED, 1), IGNORED)
    factors = true_zoom(correction.image.frame_shape, zoom)
    small = (correction.positions + 0.5) * factors - 0.5
    # Atoms just outside of the reviewed part reach into it, but whether all of them are marked is not known.
    labels = disc_labels(
        {0: np.column_stack([small, np.zeros(len(small))])}, (1, *shape), radius=RADIUS, ring=1
    )
    return np.where(known, labels[0], IGNORED)


def _shrunk(mask: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Bring a mask or labels to another size: the nearest pixel."""
    if mask.shape == tuple(shape):
        return mask
    at = [
        np.floor((np.arange(new) + 0.5) * old / new).astype(int)
        for new, old in zip(shape, mask.shape, strict=True)
    ]
    return mask[np.ix_(*at)]

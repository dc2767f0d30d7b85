"""From an image to classes: a Segmentor or an ensemble, atoms refined on the raw pixels, the record."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import NO_CALIBRATION, Image
from napari_atomai.data.progress import Progress, finish
from napari_atomai.data.recipe import RefineAtoms
from napari_atomai.data.recipes_segment import SegmentImage
from napari_atomai.locate.centres import Peaks
from napari_atomai.locate.neighbours import nearest_distances
from napari_atomai.models.coordinates import atoms_of
from napari_atomai.predictors.agreement import matched
from napari_atomai.predictors.scale import Scale
from napari_atomai.workflow.checks import check_image, check_zoom
from napari_atomai.workflow.find import Found, as_image
from napari_atomai.workflow.measure import measured
from napari_atomai.workflow.record import new_record
from napari_atomai.workflow.segment_model import OpenModel
from napari_atomai.workflow.segment_zoom import choose_zoom

if TYPE_CHECKING:  # they bring torch
    from napari_atomai.models.segmentor import Segmentor
    from napari_atomai.trainers.ensemble import Ensemble

Maps = NDArray[np.float32]

_CLOSEST = 0.4
"""Of two atoms that refinement brings nearer than this share of the spacing, the surer one is kept."""

_SAME = 1.5
"""Pixels within which an atom that is found at two thresholds is the same."""

_ALONE = 13.0
"""Spacing in pixels where there is one atom only: sets the window of its fit."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Segmented(Found):
    """What a Segmentor or an ensemble says of an image.

    Parameters
    ----------
    candidates : Atoms
        The atoms, with their classes.
    probability : array of float32, shape (..., y, x)
        Probability that a pixel belongs to any class but the background.
    record : Record
        How it came about, with notes.
    uncertainty : array of float32, shape (..., y, x), or None
        Standard deviation among the members, of the class that is most probable; None for a single net.
    maps : array of float32, shape (..., y, x, nb_classes)
        Probability of each class, the background last where there is more than one.
    image : Image
        What went in.
    """

    maps: Maps
    image: Image

    @property
    def threshold(self) -> float:
        """Probability from which on a pixel belongs to a class."""
        return _step(self).threshold

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences a person should see."""
        if len(self.atoms):
            return self.record.notes
        highest = _objects(self.maps).max()
        return (
            *self.record.notes,
            f"No pixel reaches a probability of {self.threshold:.2f} for any class; the highest is "
            f"{highest:.2f}. Try another zoom, so that atoms lie as far apart as in training, or a lower "
            "threshold.",
        )

    @cached_property
    def atoms(self) -> Atoms:
        """The atoms."""
        return self.candidates

    @cached_property
    def classes(self) -> NDArray[np.uint8]:
        """Class map (..., y, x): 0 is background, 1 the first class."""
        return self.classes_at(self.threshold)

    def classes_at(self, threshold: float) -> NDArray[np.uint8]:
        """Return the class map at another threshold; unlike `at`, no atoms are looked for."""
        objects = _objects(self.maps)
        found = objects.argmax(axis=-1).astype(np.uint8) + np.uint8(1)
        return np.where(objects.max(axis=-1) >= threshold, found, np.uint8(0))

    def at(self, threshold: float) -> Segmented:
        """Return the result at another threshold (0.05 to 0.99); atoms are looked for again."""
        recipe = SegmentImage.of({**_step(self).model_dump(), "threshold": threshold})
        steps = tuple(recipe if isinstance(step, SegmentImage) else step for step in self.record.steps)
        refine = next((step for step in steps if isinstance(step, RefineAtoms)), RefineAtoms())
        frames = self.maps.reshape(self.image.n_frames, *self.maps.shape[-3:])
        names = self.candidates.class_names
        parts = [_atoms(self.image, index, maps, recipe, refine, names) for index, maps in enumerate(frames)]
        return dataclasses.replace(
            self,
            candidates=_as_before(Atoms.concatenate(parts), self.candidates),
            record=self.record.model_copy(update={"steps": steps}),
        )


def segment(
    image: Image | ArrayLike | str | Path,
    model: str | Path | Segmentor | Ensemble,
    pixel_size: float | tuple[float, float] | None = None,
    threshold: float = 0.5,
    *,
    zoom: float = 0.0,
    contrast: Literal["bright", "dark"] = "bright",
    refine: Literal["gaussian", "centre of mass", "none"] = "gaussian",
) -> Segmented:
    """Give a class to every pixel of an image, and find the atoms of each class, in one call.

    Parameters
    ----------
    image : Image, array of shape (y, x) or (t, y, x), or path of a microscope file
        Of a file with several datasets the first picture is taken.
    model : path, Segmentor or Ensemble
        A .safetensors file, a checkpoint of AtomAI (.tar), or what is in memory.
    pixel_size : float or (row, column), optional
        In nm. Overrides what the image says of itself.
    threshold : float
        Lowest probability that belongs to an object; 0.05 to 0.99.
    zoom : float
        Size at which the net sees the image, 0.05 to 20; maps and atoms are those of the image as given.
        0: so that atoms lie as far apart as in the net's training, where that is known.
    contrast : {"bright", "dark"}
        Of the atoms, for the refinement.
    refine : {"gaussian", "centre of mass", "none"}
        How positions are refined on the raw pixels.

    Returns
    -------
    Segmented
        ``.atoms``, ``.classes`` (..., y, x), ``.maps`` (..., y, x, nb_classes), ``.probability``,
        ``.uncertainty`` (of an ensemble), ``.record`` and ``.notes``.

    Raises
    ------
    BadImage, BadOption, CannotRead, BadModel, UnknownOption
        With what does not fit, and what to do.
    """
    named = str(model) if isinstance(model, str | Path) else ""
    recipe = SegmentImage.of({"model": named, "threshold": threshold, "zoom": zoom, "contrast": contrast})
    given = None if isinstance(model, str | Path) else model
    return finish(
        segmenting(as_image(image, pixel_size), recipe, RefineAtoms.of({"method": refine}), model=given)
    )


def segmenting(
    image: Image,
    recipe: SegmentImage,
    refine: RefineAtoms | None = None,
    *,
    model: Segmentor | Ensemble | None = None,
) -> Generator[Progress, None, Segmented]:
    """Segment as `segment` does, and yield Progress; the work stops when the generator is closed.

    Parameters
    ----------
    image : Image
        One image (y, x) or a movie (t, y, x).
    recipe, refine : recipes
        Options.
    model : Segmentor or Ensemble, optional
        One that is in memory, instead of the recipe's file.
    """
    refine = refine or RefineAtoms()
    check_image(image)
    yield Progress(0, 0, "opening the model")
    net = OpenModel(recipe.model if model is None else model)
    scale, note = Scale(recipe.zoom, float("nan"), 1.0), ""
    if not recipe.zoom:
        scale, note = yield from choose_zoom(net, np.asarray(image.frame(0)))
    check_zoom(image, scale.zoom)
    parts: list[Atoms] = []
    maps: list[Maps] = []
    spreads: list[Maps] = []
    incomplete = 0
    for index in range(image.n_frames):
        pixels = np.asarray(image.frame(index))
        incomplete += not np.isfinite(pixels).all()
        seen, spread = yield from _counted(net.seen(pixels, scale.zoom), index, image.n_frames)
        maps.append(seen)
        spreads += [] if spread is None else [spread]
        parts.append(_atoms(image, index, seen, recipe, refine, net.classes))
    notes = (*image.notes, *_notes(image, incomplete), *filter(None, [note]))
    record = new_record(image, (recipe, refine), net.record, {"zoom": scale.zoom}, notes)
    whole = np.stack(maps)
    shape = image.shape
    return Segmented(
        candidates=Atoms.concatenate(parts),
        probability=_any_object(whole).reshape(shape),
        record=record,
        uncertainty=np.stack(spreads).reshape(shape) if spreads else None,
        maps=whole.reshape(*shape, whole.shape[-1]),
        image=image,
    )


def _atoms(
    image: Image,
    index: int,
    maps: Maps,
    recipe: SegmentImage,
    refine: RefineAtoms,
    names: tuple[str, ...],
) -> Atoms:
    """Find the atoms of a frame in its maps (y, x, classes), and refine them on its pixels."""
    pixels = np.asarray(image.frame(index)).astype(np.float64)
    found = atoms_of(maps, recipe.threshold)
    order = np.argsort(-found.scores, kind="stable")
    peaks = Peaks(found.positions[order], found.scores[order])
    distances = nearest_distances(found.positions)
    near = distances[np.isfinite(distances)]
    spacing = float(np.median(near)) if near.size else _ALONE
    positions, features = measured(
        -pixels if recipe.contrast == "dark" else pixels,
        peaks,
        spacing,
        refine,
        closest=_CLOSEST * spacing,
        known={"class": found.classes[order]},
    )
    return Atoms.make(
        positions,
        classes=features.pop("class"),
        frames=index,
        features=features,
        class_names=names,
        pixel_size=image.pixel_size,
        origin=image.origin,
    )


def _as_before(atoms: Atoms, before: Atoms) -> Atoms:
    """Give atoms that were there before their numbers, so that they are known again, and its calibration."""
    ids = np.arange(len(atoms)) + before.ids.max(initial=-1) + 1
    for frame in np.unique(before.frames):
        old, new = np.flatnonzero(before.frames == frame), np.flatnonzero(atoms.frames == frame)
        same = matched(before.positions[old], atoms.positions[new], _SAME)
        ids[new[same[1]]] = before.ids[old[same[0]]]
    return dataclasses.replace(atoms, ids=ids, pixel_size=before.pixel_size, origin=before.origin)


def _objects(maps: Maps) -> Maps:
    """Return the maps of all classes but the background, which is the last of several."""
    return maps[..., :-1] if maps.shape[-1] > 1 else maps


def _any_object(maps: Maps) -> Maps:
    return 1 - maps[..., -1] if maps.shape[-1] > 1 else maps[..., 0]


def _step(found: Found) -> SegmentImage:
    return next(step for step in found.record.steps if isinstance(step, SegmentImage))


def _notes(image: Image, incomplete: int) -> tuple[str, ...]:
    notes = []
    if image.pixel_size is None and NO_CALIBRATION not in image.notes:
        notes.append(NO_CALIBRATION)
    if incomplete:
        where = f" in {incomplete} of {image.n_frames} frames" if image.n_frames > 1 else ""
        notes.append(f"Pixels that are not finite were filled with the frame's median for the net{where}.")
    return tuple(notes)


def _counted(
    work: Generator[Progress, None, tuple[Maps, Maps | None]], index: int, frames: int
) -> Generator[Progress, None, tuple[Maps, Maps | None]]:
    """Tell the progress of one frame as part of all frames."""
    while True:
        try:
            inner = next(work)
        except StopIteration as end:
            result: tuple[Maps, Maps | None] = end.value
            return result
        yield Progress(100 * index + int(100 * inner.fraction), 100 * frames, "segmenting")

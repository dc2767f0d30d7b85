"""From an image to classes: a Segmentor or an ensemble, atoms refined on the raw pixels, the record."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Generator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import NO_CALIBRATION, Image
from napari_atomai.data.progress import Progress, finish
from napari_atomai.data.recipe import ModelRecord, RefineAtoms
from napari_atomai.data.recipes_segment import SegmentImage
from napari_atomai.errors import BadOption
from napari_atomai.locate.centres import Peaks
from napari_atomai.locate.neighbours import nearest_distances
from napari_atomai.models.coordinates import atoms_of
from napari_atomai.models.resizing import resized
from napari_atomai.workflow.checks import check_image, check_zoom
from napari_atomai.workflow.find import Found, as_image
from napari_atomai.workflow.measure import measured
from napari_atomai.workflow.record import file_sha256, new_record

if TYPE_CHECKING:  # they bring torch
    from napari_atomai.models.segmentor import Segmentor
    from napari_atomai.trainers.ensemble import Ensemble

Maps = NDArray[np.float32]

_CLOSEST = 0.4
"""Of two atoms that refinement brings nearer than this share of the spacing, the surer one is kept."""

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
        objects = _objects(self.maps)
        found = objects.argmax(axis=-1).astype(np.uint8) + np.uint8(1)
        return np.where(objects.max(axis=-1) >= self.threshold, found, np.uint8(0))

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
            candidates=Atoms.concatenate(parts),
            record=self.record.model_copy(update={"steps": steps}),
        )


def segment(
    image: Image | ArrayLike | str | Path,
    model: str | Path | Segmentor | Ensemble,
    pixel_size: float | tuple[float, float] | None = None,
    threshold: float = 0.5,
    *,
    zoom: float = 1.0,
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
    check_zoom(image, recipe.zoom)
    yield Progress(0, 0, "opening the model")
    net = _Net(recipe.model if model is None else model)
    parts: list[Atoms] = []
    maps: list[Maps] = []
    spreads: list[Maps] = []
    incomplete = 0
    for index in range(image.n_frames):
        pixels = np.asarray(image.frame(index))
        incomplete += not np.isfinite(pixels).all()
        seen, spread = yield from _counted(net.seen(pixels, recipe.zoom), index, image.n_frames)
        maps.append(seen)
        spreads += [] if spread is None else [spread]
        parts.append(_atoms(image, index, seen, recipe, refine, net.classes))
    notes = (*image.notes, *_notes(image, incomplete))
    record = new_record(image, (refine,), net.record, {"zoom": recipe.zoom}, notes)
    record = record.model_copy(update={"steps": (recipe, refine)})
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


class _Net:
    """A Segmentor or an ensemble, however it was given."""

    def __init__(self, model: Any) -> None:
        model, self.record = _opened(model) if isinstance(model, str) else (model, _in_memory(model))
        from napari_atomai.predictors.ensemble import EnsemblePredictor
        from napari_atomai.predictors.segmentation import SegPredictor

        self.single = hasattr(model, "class_names")
        self.predictor: SegPredictor | EnsemblePredictor
        if self.single:
            self.classes = tuple(model.class_names)
            self.predictor = SegPredictor(model.net, scaling=model.scaling, channels=model.trainer.channels)
        else:
            self.predictor = EnsemblePredictor(model.net, model)
            self.classes = tuple(model.card.classes) if model.card is not None else ()

    def seen(self, pixels: NDArray[Any], zoom: float) -> Generator[Progress, None, tuple[Maps, Maps | None]]:
        """Return the maps (y, x, classes) of a frame, and of an ensemble their spread (y, x)."""
        size = tuple(max(8, round(side * zoom)) for side in pixels.shape)
        frame = pixels[None] if zoom == 1 else resized(pixels[None], (size[0], size[1]))
        result: Any = yield from self.predictor.predicting(frame)
        maps, spread = (result, None) if self.single else (result.mean, result.standard_deviation)
        if zoom != 1:
            whole = (pixels.shape[0], pixels.shape[1])
            maps = np.clip(resized(maps, whole), 0, 1)
            spread = None if spread is None else np.maximum(resized(spread, whole), 0)
        if spread is not None:
            likely = maps.argmax(axis=-1)[..., None]
            spread = np.take_along_axis(spread, likely, axis=-1)[0, ..., 0]
        return maps[0], spread


def _opened(name: str) -> tuple[Any, ModelRecord]:
    from napari_atomai.models.storage import load_ensemble, load_model, load_weights

    if not name:
        raise BadOption(
            "No model was named.", remedy="Give a .safetensors file that a Segmentor or an ensemble wrote."
        )
    if Path(name).suffix.lower() in (".tar", ".pt", ".pth"):
        return load_model(name), ModelRecord(name=Path(name).stem, sha256=file_sha256(Path(name)))
    weights = load_weights(name)
    if weights.card.task != "segmentation":
        other = "find_atoms" if weights.card.task == "find atoms" else "ImSpec"
        raise BadOption(
            f"The model {weights.card.name!r} is made for another task: {weights.card.task}.",
            remedy=f"Use {other} for it, or choose a model that a Segmentor wrote.",
        )
    opened = load_model(name) if weights.card.members == 1 else load_ensemble(name)
    return opened, ModelRecord(name=weights.card.name, sha256=weights.sha256)


def _in_memory(model: Any) -> ModelRecord:
    """Describe a model that has no file: by a hash of its weights, so that a record can tell it apart."""
    digest = hashlib.sha256()
    states = [model.net.state_dict()] if hasattr(model, "class_names") else list(model)
    for state in states:
        for name, value in state.items():
            digest.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return ModelRecord(name="in memory", sha256=digest.hexdigest())


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

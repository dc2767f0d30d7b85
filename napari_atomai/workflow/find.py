"""From an image to atoms: detect with a net, refine on the raw pixels, keep the record."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.card import ModelCard
from napari_atomai.data.image import Image, first_picture
from napari_atomai.data.progress import Progress, finish
from napari_atomai.data.recipe import FindAtoms, ModelRecord, Record, RefineAtoms, Step
from napari_atomai.data.recipes_segment import SegmentImage
from napari_atomai.errors import BadOption
from napari_atomai.files.reading import read
from napari_atomai.models.storage import load_weights
from napari_atomai.predictors.detect import CLOSEST, FLOOR, Detected, as_alone, detecting
from napari_atomai.predictors.finder import Finder, finder_for
from napari_atomai.predictors.lone import APART, detecting_alone, width_of
from napari_atomai.predictors.polarity import find_scale_and_polarity, is_dark
from napari_atomai.predictors.scale import LATTICE, Scale, find_scale
from napari_atomai.prepare.normalise import finite
from napari_atomai.prepare.outliers import filled, outliers
from napari_atomai.workflow.checks import DARK, OUTLIERS, check_image, check_zoom, notes_on
from napari_atomai.workflow.measure import measured
from napari_atomai.workflow.record import new_record


@dataclass(frozen=True, eq=False)
class Found:
    """What was found in an image.

    Parameters
    ----------
    candidates : Atoms
        Every candidate down to a score of 0.05; `atoms` are those that reach the threshold.
    probability : array of float32, shape (..., y, x)
        Probability that a pixel belongs to an atom.
    record : Record
        How it came about, the notes a person should see among it.
    uncertainty : array of float32, shape (..., y, x), or None
        Standard deviation of the probability among the members of the ensemble; None for a single net.
    """

    candidates: Atoms
    probability: NDArray[np.float32]
    record: Record
    uncertainty: NDArray[np.float32] | None = None

    @property
    def threshold(self) -> float:
        """Score below which candidates are left out."""
        # A saved session brings back what a Segmentor found as a plain `Found`, too.
        return next(s.threshold for s in self.record.steps if isinstance(s, FindAtoms | SegmentImage))

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences a person should see, at the present threshold."""
        if len(self.atoms) or not len(self.candidates):
            return self.record.notes
        return (
            *self.record.notes,
            f"No atom reaches a score of {self.threshold:.2f}; the best has "
            f"{self.candidates.features['score'].max():.2f}. Try a lower threshold.",
        )

    @cached_property
    def atoms(self) -> Atoms:
        """The candidates whose score reaches the threshold."""
        return self.candidates.keep(self.candidates.features["score"] >= self.threshold)

    @cached_property
    def classes(self) -> NDArray[np.uint8]:
        """Class map of the shape of the image: 0 is background, 1 the first class."""
        return (self.probability >= self.threshold).astype(np.uint8)

    def at(self, threshold: float) -> Found:
        """Return the same result under another threshold (0.05 to 0.99); nothing is computed again."""
        steps = tuple(_with(step, threshold) for step in self.record.steps)
        return dataclasses.replace(self, record=self.record.model_copy(update={"steps": steps}))


def _with(step: Step, threshold: float) -> Step:
    """Return a step of a record with a threshold, if it has one."""
    if isinstance(step, SegmentImage):
        return SegmentImage.of({**step.model_dump(), "threshold": threshold})
    if isinstance(step, FindAtoms):
        return FindAtoms.of(
            {**step.model_dump(), "threshold": threshold, "false_rate": 0.0, "miss_rate": 0.0}
        )
    return step


def find_atoms(  # noqa: PLR0913 - the one call, in which every option is a word
    image: Image | ArrayLike | str | Path,
    pixel_size: float | tuple[float, float] | None = None,
    threshold: float = 0.5,
    *,
    false_rate: float = 0.0,
    miss_rate: float = 0.0,
    spacing: float = 0.0,
    contrast: Literal["auto", "bright", "dark"] = "auto",
    refine: Literal["gaussian", "centre of mass", "none"] = "gaussian",
    model: str = "atoms",
) -> Atoms:
    """Find the atoms (atomic columns) of an image, in one call.

    Parameters
    ----------
    image : Image, array of shape (y, x) or (t, y, x), or path of a microscope file
        Of a file with several datasets the first picture is taken.
    pixel_size : float or (row, column), optional
        In nm. Overrides what the image says of itself; needed only for positions in nm.
    threshold : float
        Atoms with a lower score are left out; 0.05 to 0.99.
    false_rate, miss_rate : float
        Choose the threshold instead, so that on images like the simulated ones at most this share of
        the atoms found is none, or of the columns is missed (conformal risk control); 0 = do not.
    spacing : float
        Distance between neighbouring atoms in pixels, at least 3; 0 measures it in the image.
    contrast : {"auto", "bright", "dark"}
        Whether atoms are brighter (HAADF) or darker (ABF) than their surroundings; "auto" looks.
    refine : {"gaussian", "centre of mass", "none"}
        How positions are refined on the raw pixels.
    model : str
        Name of a bundled model, or path of a .safetensors file.

    Returns
    -------
    Atoms
        ``.positions`` (N, 2) as row, column in pixels, ``.classes`` (N,), ``.frames`` (N,) and
        ``.features``: ``score``, ``intensity``, ``row_sd_px`` ...

    Raises
    ------
    BadImage
        If the pixels cannot be used.
    BadOption
        If an option is out of range.
    CannotRead
        If a file cannot be read.

    Examples
    --------
    >>> from napari_atomai.simulate.samples import sample
    >>> atoms = find_atoms(sample("perovskite").image, threshold=0.5)
    >>> atoms.positions.shape[1]
    2
    """
    find = FindAtoms.of(
        {
            "model": model,
            "threshold": threshold,
            "false_rate": false_rate,
            "miss_rate": miss_rate,
            "spacing": spacing,
            "contrast": contrast,
        }
    )
    step = RefineAtoms.of({"method": refine})
    return finish(finding(as_image(image, pixel_size), find, step)).atoms


def as_image(
    image: Image | ArrayLike | str | Path, pixel_size: float | tuple[float, float] | None = None
) -> Image:
    """Make an Image of what people have at hand: an Image, an array, or the path of a file."""
    if isinstance(image, str | Path):
        image = first_picture(read(Path(image)))
    if not isinstance(image, Image):
        return Image.from_array(image, pixel_size)
    return image if pixel_size is None else image.calibrated(pixel_size)


def finding(
    image: Image, find: FindAtoms | None = None, refine: RefineAtoms | None = None
) -> Generator[Progress, None, Found]:
    """Find the atoms of an image, telling progress; the work stops when the generator is closed.

    Parameters
    ----------
    image : Image
        One image (y, x) or a movie (t, y, x).
    find, refine : recipes
        Options; the defaults are those of the recipes.

    Yields
    ------
    Progress

    Returns
    -------
    Found

    Raises
    ------
    BadImage
        If the image is too small, or has more than three dimensions.
    TooLarge
        If the maps of a movie would not fit into memory.
    UnknownOption, CannotRead, BadModel
        If the model is not there or does not hold together.
    """
    find, refine = find or FindAtoms(), refine or RefineAtoms()
    check_image(image)
    yield Progress(0, 0, "opening the model")
    weights = load_weights(find.model)
    finder = finder_for(weights)
    scale, dark = yield from scale_of(image, find, finder)
    find = with_threshold(find, finder.card, scale.confidence >= LATTICE)
    check_zoom(image, scale.zoom)
    looking, scale = way(finder, scale, clean(image.frame(0), dark))
    probability = np.empty((image.n_frames, *image.frame_shape), np.float32)
    spread = np.empty_like(probability) if len(finder.engines) > 1 else None
    parts, incomplete, out = [], 0, 0
    for index in range(image.n_frames):
        pixels = upright(image.frame(index), dark)
        incomplete += not np.isfinite(pixels).all()
        bad = outliers(pixels)
        out += int(bad.sum())
        seen = yield from _within(looking(finite(filled(pixels, bad))), index, image.n_frames)
        probability[index] = seen.probability
        if spread is not None:
            spread[index] = seen.spread
        yield Progress(_PARTS * index + _PARTS - 1, _PARTS * image.n_frames, "refining positions")
        # Positions are measured on what the detector saw, and not on what stands in for it.
        pixels = np.where(bad, np.nan, pixels) if bad.any() else pixels
        parts.append(_atoms(image, index, pixels, seen, scale, refine))
    candidates = dataclasses.replace(Atoms.concatenate(parts), class_names=finder.card.classes)
    notes = (*image.notes, *notes_on(image, scale, finder.card, candidates, incomplete))
    if dark and find.contrast == "auto":
        notes = (*notes, DARK)
    if out:
        notes = (*notes, OUTLIERS.format(out))
    numbers = {"spacing_px": scale.spacing, "zoom": scale.zoom, "confidence": scale.confidence, "dark": dark}
    model = ModelRecord(name=weights.card.name, sha256=weights.sha256)
    kept = {name: float(number) for name, number in numbers.items() if np.isfinite(number)}
    record = new_record(image, (find, refine), model, kept, notes)
    spread = None if spread is None else spread.reshape(image.shape)
    return Found(candidates, probability.reshape(image.shape), record, spread)


_PARTS = 10
"""Steps of progress per frame: the last is refinement, the others are the net."""


def _within(
    work: Generator[Progress, None, Detected], index: int, frames: int
) -> Generator[Progress, None, Detected]:
    """Tell the progress of one frame as part of all frames."""
    while True:
        try:
            inner = next(work)
        except StopIteration as end:
            result: Detected = end.value
            return result
        done = _PARTS * index + int((_PARTS - 1) * inner.fraction)
        which = f" in frame {index + 1} of {frames}" if frames > 1 else ""
        yield Progress(done, _PARTS * frames, inner.message + which)


Looking = Callable[[NDArray[Any]], Generator[Progress, None, Detected]]


def way(finder: Finder, scale: Scale, frame: NDArray[Any]) -> tuple[Looking, Scale]:
    """Return how frames of a scale are looked at, and the scale itself: without a lattice by lone spots."""
    if scale.confidence >= LATTICE:
        return lambda pixels: detecting(finder, pixels, scale.zoom), scale
    # A finder taught single atoms by a person (`alone` undone) is asked at the zoom that it was taught at.
    known = any(finder.card.lone) and finder.card.alone != (1.0, 0.0)
    width = width_of(frame) if known else np.nan
    if np.isfinite(width):
        spacing = APART * width / CLOSEST
        alone = dataclasses.replace(scale, spacing=spacing, zoom=finder.card.spacing_best / spacing)
        return lambda pixels: detecting_alone(finder, pixels, width), alone

    def irregular(pixels: NDArray[Any]) -> Generator[Progress, None, Detected]:
        seen = yield from detecting(finder, pixels, scale.zoom)
        return as_alone(seen, finder.card)

    return irregular, scale


def with_threshold(find: FindAtoms, card: ModelCard, lattice: bool) -> FindAtoms:
    """Return the recipe with the threshold that keeps the rate it asks for, if it asks for one.

    Raises
    ------
    BadOption
        If the model's card has no risks for such images, or no threshold keeps the rate.
    """
    if find.false_rate == 0 and find.miss_rate == 0:
        return find
    kind = "lattice" if lattice else "single atoms"
    risk = card.risk.get(kind)
    if risk is None:
        raise BadOption(
            f"The model {card.name!r} was never measured on images of the kind {kind!r}.",
            why="Without that no rate of false or missed atoms can be promised.",
            remedy="Choose a threshold by hand, or another model.",
        )
    chosen = risk.for_false(find.false_rate) if find.false_rate > 0 else risk.for_missed(find.miss_rate)
    return find.model_copy(update={"threshold": chosen})


def scale_of(image: Image, find: FindAtoms, finder: Finder) -> Generator[Progress, None, tuple[Scale, bool]]:
    """Find the scale, and whether atoms are dark, unless the recipe says so."""
    card = finder.card
    if find.spacing > 0:
        scale = Scale(card.spacing_best / find.spacing, find.spacing, 1.0)
        if find.contrast != "auto":
            return scale, find.contrast == "dark"
        first = clean(image.frame(0), dark=False)
        return scale, is_dark(finder.scout, card, first, find.spacing)
    # A movie keeps its scale: a few frames, spread over it, are asked and the surest answer is taken.
    chosen = np.unique(np.linspace(0, image.n_frames - 1, 3).round().astype(int))
    best: tuple[Scale, bool] | None = None
    for index in chosen:
        pixels = clean(image.frame(int(index)), find.contrast == "dark")
        if find.contrast == "auto":
            answer = yield from find_scale_and_polarity(finder.scout, card, pixels)
        else:
            scale = yield from find_scale(finder.scout, card, pixels)
            answer = (scale, find.contrast == "dark")
        if best is None or answer[0].confidence > best[0].confidence:
            best = answer
    assert best is not None  # an image has at least one frame
    return best


def upright(frame: NDArray[Any], dark: bool) -> NDArray[Any]:
    """Return the frame as floats with atoms bright."""
    pixels = frame if frame.dtype == np.float32 else frame.astype(np.float64)
    return -pixels if dark else pixels


def clean(frame: NDArray[Any], dark: bool) -> NDArray[Any]:
    """Return the frame as a net is shown it: atoms bright, and no pixel that says nothing of the sample."""
    pixels = upright(frame, dark)
    return finite(filled(pixels, outliers(pixels)))


def _atoms(
    image: Image, index: int, pixels: NDArray[Any], seen: Detected, scale: Scale, refine: RefineAtoms
) -> Atoms:
    spacing = scale.spacing if np.isfinite(scale.spacing) else 1.0 / scale.zoom
    known = {} if seen.score_sd is None else {"score_sd": seen.score_sd}
    positions, features = measured(
        pixels, seen.peaks, spacing, refine, closest=CLOSEST * spacing, known=known
    )
    return Atoms.make(
        positions,
        frames=index,
        features=features,
        pixel_size=image.pixel_size,
        origin=image.origin,
    )


__all__ = ["FLOOR", "Found", "as_image", "find_atoms", "finding", "first_picture"]

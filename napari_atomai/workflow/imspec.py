"""From an image and a spectrum image to a model of both, its score, and spectra for a new image."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.data.image import Axis, Image
from napari_atomai.data.progress import Progress
from napari_atomai.data.recipes_spectra import TrainImSpec
from napari_atomai.data.spectrum import Spectrum
from napari_atomai.errors import BadImage, BadModel, NotCalibrated
from napari_atomai.models.imspec import ImSpec
from napari_atomai.predictors.imspec import SignalPrediction
from napari_atomai.prepare.pairs import (
    StructureSpectra,
    block_numbers,
    cut_patches,
    held_out,
    rebinned,
    structure_pairs,
)
from napari_atomai.prepare.pairs_augment import turned
from napari_atomai.prepare.pairs_checks import FEWEST
from napari_atomai.prepare.pairs_places import Grid, grid_of, line_of
from napari_atomai.stat.baselines import Comparison, compared
from napari_atomai.stat.spectra import spectral_axis
from napari_atomai.trainers.options import SegmentationWords
from napari_atomai.trainers.segmentation import Labelled
from napari_atomai.workflow.imspec_choice import (
    chosen_reach,
    cycles_for,
    net_words,
    patch_for,
    turned_wanted,
)

_BATCH = 64
_BLOCKS = 12
_FAR = 0.05


@dataclass(frozen=True, eq=False)
class ImSpecResult:
    """A trained model of structure and spectrum.

    Parameters
    ----------
    recipe : TrainImSpec
    model : ImSpec
    pairs : StructureSpectra
        All of them, also those held out.
    train, test : arrays of int
        Which pairs it learned from, and which were held out.
    comparison : Comparison
        Of the held-out pairs, with the baselines.
    predicted : SignalPrediction
        For all pairs, in their order.
    """

    recipe: TrainImSpec
    model: ImSpec
    pairs: StructureSpectra
    train: NDArray[np.int64]
    test: NDArray[np.int64]
    comparison: Comparison
    predicted: SignalPrediction

    @property
    def inputs(self) -> NDArray[np.float64]:
        """What the model predicts from: patches, or spectra."""
        return _both(self.pairs, self.recipe)[0]

    @property
    def targets(self) -> NDArray[np.float64]:
        """What it predicts."""
        return _both(self.pairs, self.recipe)[1]

    def map_of(self, values: ArrayLike) -> NDArray[np.float64]:
        """Lay one number of each pair into the spectrum image (rows, columns); NaN where there is none."""
        picture = np.full(self.pairs.shape, np.nan)
        picture[tuple(self.pairs.places.T)] = np.asarray(values, dtype=np.float64)
        return picture

    def error_map(self) -> NDArray[np.float64]:
        """Return the root mean square error of the prediction at every place, in the targets' unit."""
        off = self.predicted.mean - self.targets
        return self.map_of(np.sqrt(np.square(off).reshape(len(off), -1).mean(axis=1)))

    def latent_maps(self) -> NDArray[np.float64]:
        """Return the latent of every place, shape (latent_dim, rows, columns)."""
        return np.stack([self.map_of(each) for each in self.model.encode(self.inputs).T])

    def along(self, latent: int, count: int = 7) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Walk along one latent: what the inputs look like there, and what the model makes of it.

        The paper's Fig. 8 (e, f): the others stay at their median; inputs are means over those that lie near.

        Returns
        -------
        values : array, shape (count,)
            From the 5th to the 95th percentile.
        inputs : array, shape (count, *in_dim)
            Means of the twentieth of the inputs that lies nearest to each value.
        targets : array, shape (count, *out_dim)
        """
        encoded = self.model.encode(self.inputs)
        values = np.percentile(encoded[:, latent], np.linspace(5, 95, count))
        points = np.tile(np.median(encoded, axis=0), (count, 1))
        points[:, latent] = values
        few = max(3, len(encoded) // 20)
        near = [np.argsort(np.abs(encoded[:, latent] - value))[:few] for value in values]
        return values, np.stack([self.inputs[each].mean(axis=0) for each in near]), self.model.decode(points)


def training_imspec(
    image: Image, spectra: Image, recipe: TrainImSpec, *, mask: ArrayLike | None = None
) -> Generator[Progress, None, ImSpecResult]:
    """Cut pairs, learn from them, and score what was learned on the blocks held out; yields Progress.

    Parameters
    ----------
    image : Image, shape (..., y, x)
        The structure.
    spectra : Image, shape (E, y, x)
        The spectrum image.
    recipe : TrainImSpec
        Window, direction, size of the latent ...
    mask : array of bool, shape (y, x), optional
        False where a spectrum does not count.

    Raises
    ------
    BadImage, BadOption, NotCalibrated
        If they do not fit each other, with the numbers.
    """
    pairs = yield from cutting_pairs(image, spectra, recipe, mask=mask)
    return (yield from training_on(pairs, recipe))


def cutting_pairs(
    image: Image, spectra: Image, recipe: TrainImSpec, *, mask: ArrayLike | None = None
) -> Generator[Progress, None, StructureSpectra]:
    """Cut the pairs that `training_imspec` learns from; yields Progress."""
    yield Progress(0, 0, "cutting pairs")
    cube, energy = _spectra_last(spectra)
    pairs = pairs_of(image, cube, grid_of(image, spectra, recipe.alignment), energy, recipe, mask)
    _check_enough(pairs)  # here too: before a process is started to learn from them
    return pairs


def training_on_line(
    image: Image, scan: Spectrum, ends: ArrayLike, recipe: TrainImSpec
) -> Generator[Progress, None, ImSpecResult]:
    """Learn from a line scan as `training_imspec` does from a spectrum image; yields Progress.

    Parameters
    ----------
    image : Image, shape (..., y, x)
        What it was taken on.
    scan : Spectrum, shape (n, E)
        The spectra, one after the other.
    ends : array, shape (2, 2)
        Row, column of the first and the last spectrum in pixels of the image.
    recipe : TrainImSpec
        Window, direction, size of the latent ...

    Raises
    ------
    BadImage
        If the spectrum is no line scan, does not lie on the image, or is too short.
    """
    if scan.values.ndim != 2:
        raise BadImage(f"{scan.name!r} is a single spectrum.", remedy="Give a line scan.")
    yield Progress(0, 0, "cutting pairs")
    grid = line_of(image, len(scan.values), ends)
    pairs = pairs_of(image, np.asarray(scan.values), grid, scan.axes[-1], recipe)
    return (yield from training_on(pairs, recipe))


def pairs_of(
    image: Image,
    spectra: NDArray[Any],
    grid: Grid,
    energy: Axis,
    recipe: TrainImSpec,
    mask: ArrayLike | None = None,
) -> StructureSpectra:
    """Cut the pairs of an image and spectra (rows, columns, E) or (n, E) on a grid, by a recipe.

    Where it leaves the window open, one is chosen by what a linear model predicts from it; a note says which.
    """

    def cut(reach: float, patch: int) -> StructureSpectra:
        window = reach * grid.step
        pairs = structure_pairs(image, spectra, grid, energy, window=window, patch=patch, mask=mask)
        return rebinned(pairs, recipe.low, recipe.high, recipe.rebin)

    reach = recipe.window / grid.step or chosen_reach(cut, recipe)
    pairs = cut(reach, recipe.patch or patch_for(reach))
    if recipe.window:
        return pairs
    note = f"The window is {pairs.window:.3g} {pairs.unit}, chosen by what a linear model predicts."
    return replace(pairs, notes=(*pairs.notes, note))


def training_on(pairs: StructureSpectra, recipe: TrainImSpec) -> Generator[Progress, None, ImSpecResult]:
    """Learn from pairs and score on the blocks held out, as `training_imspec` does."""
    _check_enough(pairs)
    train, test = held_out(pairs, recipe.held_out, recipe.seed)
    inputs, targets = _both(pairs, recipe)
    turns = turned_wanted(pairs, recipe)
    words = net_words(recipe, inputs.shape[1:], turned=turns)
    model = ImSpec(inputs.shape[1:], targets.shape[1:], **words)
    model.about.update(pairs.about(), direction=recipe.direction, turned=turns)
    # What is tested on to choose the best weights comes out of the training side: the score stays honest.
    inner, aside = _inner(pairs, train, recipe.seed)
    data = Labelled(inputs[inner], targets[inner], inputs[aside], targets[aside])
    batch = max(1, min(_BATCH, len(inner) // 4))
    options: SegmentationWords = {
        "full_epoch": True,
        "training_cycles": cycles_for(recipe, len(inner), batch),
        "batch_size": batch,
        "optimizer": "adamw",
        "lr_scheduler": "onecycle",
        "learning_rate": 4e-3,
        "seed": recipe.seed,
        "augmentation": turned if turns else None,
    }
    if recipe.models > 1:
        yield from model.fitting_ensemble(data, recipe.models, **options)
    else:
        yield from model.fitting(data, **options)
    yield Progress(1, 1, "scoring")
    predicted = model.predict_uncertainty(inputs)
    comparison = compared(
        predicted.mean[test], (inputs[train], targets[train]), (inputs[test], targets[test])
    )
    return ImSpecResult(recipe, model, pairs, train, test, comparison, predicted)


def predict_spectra(model: ImSpec, image: Image, step: float = 0.0) -> Image:
    """Predict a whole spectrum image for a new image.

    Parameters
    ----------
    model : ImSpec
        Of `training_imspec`, im2spec.
    image : Image, shape (..., y, x)
        Calibrated, if the training was.
    step : float
        Distance of the spectra in nm; 0 = a fifth of the window.

    Returns
    -------
    Image, shape (E, y, x)
        With the energy axis of the training.

    Raises
    ------
    BadModel
        If the model does not tell its window, or predicts structures.
    NotCalibrated
        If the training or this image was not calibrated.
    BadImage
        If its pixels are much coarser than those of the patches learned from, or it is smaller than one.
    """
    about = model.about
    if about.get("direction") != "im2spec" or "window" not in about:
        raise BadModel(
            "The model does not tell with which window it predicts spectra from an image.",
            remedy="Train one with the recipe TrainImSpec, direction im2spec.",
        )
    size = _pixel(image, str(about["unit"]))
    window, patch = float(about["window"]), int(about["patch"])
    _check_window(image, size, window, patch)
    step = step or window / 5
    counts = np.maximum(np.floor(np.array(image.frame_shape) * size / step), 1).astype(int)
    places = (np.indices(tuple(counts)).reshape(2, -1).T + 0.5) * step / size - 0.5
    told = model.predict(cut_patches(image, places, window / size, patch))
    cube = np.ascontiguousarray(told.T.reshape(-1, *counts))
    unit = str(about["unit"])
    first = np.array(image.origin if unit == "nm" else (0.0, 0.0)) + (step - size) / 2
    energy = about["energy"]
    axes = (
        Axis(str(about.get("energy_name") or "E"), energy["step"], energy["first"], energy["unit"]),
        Axis("y", step, float(first[0]), unit) if unit == "nm" else Axis("y"),
        Axis("x", step, float(first[1]), unit) if unit == "nm" else Axis("x"),
    )
    note = f"Predicted from {image.name!r}, not measured."
    return Image(cube, axes, name=f"{image.name}: predicted spectra", notes=(note,))


def predict_structure(result: ImSpecResult, spectra: ArrayLike) -> NDArray[np.float32]:
    """Return the structure expected where spectra (n, E) were taken, by a spec2im model."""
    if result.recipe.direction != "spec2im":
        raise BadModel("The model predicts spectra.", remedy="Train with direction spec2im.")
    return result.model.predict(spectra)


def expected_structure(result: ImSpecResult, low: float, high: float) -> NDArray[np.float64]:
    """Return the mean structure where the energies from `low` to `high` are strong, weighted by their excess.

    Of an im2spec result the measured patches are averaged, of a spec2im result those that it predicts.

    Raises
    ------
    BadImage
        If no channel lies there.
    """
    pairs = result.pairs
    energies = pairs.energy.offset + pairs.energy.scale * np.arange(pairs.spectra.shape[1])
    inside = (energies >= low) & (energies <= high)
    if not inside.any():
        raise BadImage(
            f"No channel lies from {low:g} to {high:g} {pairs.energy.unit}.",
            remedy=f"Choose energies from {energies[0]:g} to {energies[-1]:g}.",
        )
    strength = pairs.spectra[:, inside].sum(axis=1)
    excess = np.maximum(strength - np.median(strength), 0)
    weights = excess / excess.sum() if excess.any() else np.full(len(pairs), 1 / len(pairs))
    patches = result.predicted.mean if result.recipe.direction == "spec2im" else pairs.patches
    return np.tensordot(weights, np.asarray(patches, dtype=np.float64), axes=1)


def _both(pairs: StructureSpectra, recipe: TrainImSpec) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    both = (pairs.patches, pairs.spectra)
    return both if recipe.direction == "im2spec" else both[::-1]


def _check_enough(pairs: StructureSpectra) -> None:
    if len(pairs) < 2 * FEWEST:
        raise BadImage(
            f"There are {len(pairs)} pairs of structure and spectrum. {' '.join(pairs.notes)}",
            why="Some are learned from and some held out: with so few, either says nothing.",
            remedy=f"Choose a larger spectrum image or a longer line: at least {2 * FEWEST} pairs, better "
            "some hundred.",
        )


def _inner(
    pairs: StructureSpectra, train: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Part what is learned from once more: an eighth, in blocks where there are some, chooses the weights."""
    numbers, block_of = np.unique(block_numbers(pairs)[train], return_inverse=True)
    if len(numbers) < _BLOCKS:
        block_of = np.arange(len(train))
    order = np.random.default_rng(seed).permutation(block_of.max() + 1)
    sizes = np.cumsum(np.bincount(block_of)[order])
    aside = np.isin(block_of, order[: 1 + int(np.searchsorted(sizes, len(train) / 8))])
    return train[~aside], train[aside]


def _spectra_last(spectra: Image) -> tuple[NDArray[Any], Axis]:
    """Return a spectrum image as (rows, columns, E); other leading dimensions are averaged."""
    axis = spectral_axis(spectra)
    pixels = spectra.pixels
    values = np.asarray(pixels.compute(scheduler="synchronous") if hasattr(pixels, "compute") else pixels)
    others = tuple(i for i in range(values.ndim - 2) if i != axis)
    cube = values.mean(axis=others) if others else values
    return np.moveaxis(cube, 0, -1), spectra.axes[axis]


def _pixel(image: Image, unit: str) -> NDArray[np.float64]:
    if unit != "nm":
        raise NotCalibrated(
            "The model was trained on images without a pixel size.",
            why="Its window cannot be found again in another image.",
            remedy="Calibrate image and spectrum image, and train again.",
        )
    if image.pixel_size is None:
        raise NotCalibrated(
            f"{image.name!r} has no pixel size.",
            why="The model was trained with a window in nm.",
            remedy="Calibrate the image.",
        )
    return np.array(image.pixel_size)


def _check_window(image: Image, size: NDArray[np.float64], window: float, patch: int) -> None:
    extent = np.array(image.frame_shape) * size
    if (extent < window).any():
        raise BadImage(
            f"{image.name!r} is {extent[0]:.4g} x {extent[1]:.4g} nm, the model's window {window:.4g} nm.",
            why="No patch of the size that was learned from fits in.",
            remedy="Choose a larger image, or train with a smaller window.",
        )
    if (size > 2 * window / patch * (1 + _FAR)).any():
        raise BadImage(
            f"The pixels of {image.name!r} are {size.max():.4g} nm, those that the model learned from "
            f"{window / patch:.4g} nm.",
            why="Detail that the model learned from is not in this image.",
            remedy="Choose an image with finer pixels.",
        )


def maps_of(result: ImSpecResult) -> list[Image]:
    """Return what was predicted for every place, its error and its error bars, as images that can be written.

    Returns
    -------
    list of Image
        Of im2spec: predicted spectra, their standard deviation (of an ensemble), error. Of spec2im: the
        structure predicted at every place, as a stack, and the error.
    """
    axes = _map_axes(result.pairs)
    quality = Image(result.error_map(), axes, name="error of the prediction (RMS)")
    if result.recipe.direction == "spec2im":
        stack = Image.from_array(result.predicted.mean, name="predicted structures")
        return [stack, quality]
    energy = (result.pairs.energy, *axes)
    images = [Image(_cube(result, result.predicted.mean), energy, name="predicted spectra")]
    if result.predicted.members > 1:
        spread = _cube(result, result.predicted.standard_deviation)
        images.append(Image(spread, energy, name="standard deviation of the prediction"))
    return [*images, quality]


def _cube(result: ImSpecResult, values: NDArray[Any]) -> NDArray[Any]:
    cube = np.full((values.shape[1], *result.pairs.shape), np.nan, np.float32)
    cube[:, result.pairs.places[:, 0], result.pairs.places[:, 1]] = values.T
    return cube


def _map_axes(pairs: StructureSpectra) -> tuple[Axis, Axis]:
    if pairs.unit != "nm":
        return Axis("y"), Axis("x")
    step = pairs.window / pairs.reach
    return Axis("y", step, 0.0, "nm"), Axis("x", step, 0.0, "nm")

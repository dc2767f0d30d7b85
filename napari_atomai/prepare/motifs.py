"""Motifs: square patches around atoms, middles of bonds or points of a grid, centred between pixels."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.data.progress import Progress
from napari_atomai.data.recipes_latent import BONDS, CutPatches
from napari_atomai.errors import BadAtoms, BadImage, BadOption
from napari_atomai.prepare.masks import disc_labels
from napari_atomai.prepare.motif_places import centres_of, size_of, spacing_of

Vector = NDArray[np.float64]
Floats = NDArray[np.float32]

_DISC = 0.35  # distances between neighbours: radius of an atom in a map of classes
_TOGETHER = 4096  # patches that are interpolated at once


@dataclass(frozen=True, eq=False)
class Motifs:
    """Patches and what lies in their middles.

    Parameters
    ----------
    patches : array of float32, shape (n, h, w)
        In the units of what they were cut from; the middle lies at (h - 1) / 2, (w - 1) / 2.
    centres : Atoms
        Positions, frames, ids and classes of what lies in the middles; bonds have the features ``first``
        and ``second``, the ids of their atoms.
    side : (row, column)
        Of a patch, in pixels of the image.
    asked : int
        How many there were to be cut.
    notes : tuple of str
        What was left out, and why.
    """

    patches: Floats
    centres: Atoms
    side: tuple[float, float]
    asked: int
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.patches)

    @property
    def step(self) -> tuple[float, float]:
        """Pixels of the image (row, column) from one pixel of a patch to the next."""
        rows, columns = self.patches.shape[1:]
        return self.side[0] / rows, self.side[1] / columns


def cutting_motifs(
    image: Image, recipe: CutPatches, atoms: Atoms | None = None, source: NDArray[Any] | None = None
) -> Generator[Progress, None, Motifs]:
    """Cut patches; stops when the generator is closed.

    Parameters
    ----------
    image : Image, shape (..., y, x)
        Of a movie, patches of all frames.
    recipe : CutPatches
        Around what, how large, and what becomes of those that leave the image.
    atoms : Atoms, optional
        Not needed on a grid.
    source : array, shape of the image, optional
        What is cut in place of the image, such as a map of probability; a map of classes is drawn of the
        atoms, should there be none.

    Yields
    ------
    Progress

    Returns
    -------
    Motifs
        Patches that hold a pixel that is not finite are left out.

    Raises
    ------
    BadAtoms
        If there are no atoms, they lie in frames that the image has not, or no patch can be cut.
    BadOption
        If a patch is smaller than 3 px or larger than the image, or a map is asked for and none given.
    BadImage
        If the source has another shape than the image.
    UnknownOption
        If atoms have no such class.
    """
    middles = centres_of(image, recipe, atoms)
    side, count = size_of(image, recipe, middles if recipe.around != BONDS else atoms)
    frames = _frames_of(image, recipe, atoms, source)
    patches, kept, lost = [], [], np.zeros(2, int)
    wanted = np.unique(middles.frames).tolist()
    levels = dict.fromkeys(wanted, 0.0)
    for number, frame in enumerate(wanted):
        yield Progress(number, len(wanted), "cutting patches")
        index = np.flatnonzero(middles.frames == frame)
        pixels = frames(frame)
        one, inside, known = _cut(pixels, middles.positions[index], side, count, recipe.edge)
        levels[frame] = float(np.nanmedian(pixels))
        patches.append(one)
        kept.append(index[inside][known])
        lost += (np.count_nonzero(~inside), np.count_nonzero(~known))
    chosen = np.concatenate(kept)
    notes = _lost_in_words(lost, len(middles), side, image.frame_shape)
    if not len(chosen):
        raise BadAtoms(
            f"No patch can be cut. {' '.join(notes)}",
            remedy="Choose a smaller side, mirrored edges, or atoms further from the border.",
        )
    yield Progress(len(wanted), len(wanted), "cutting patches")
    levelled = _levelled(np.concatenate(patches), middles.frames[chosen], levels, recipe.level)
    return Motifs(levelled, middles.keep(chosen), side, len(middles), notes)


def _frames_of(image: Image, recipe: CutPatches, atoms: Atoms | None, source: NDArray[Any] | None) -> Any:
    """Return what gives the frame, shape (y, x), that is cut."""
    if recipe.source == "image" and source is None:
        return image.frame
    if source is None and recipe.source == "classes" and atoms is not None:
        return partial(class_map, atoms, shape=image.frame_shape)
    if source is None:
        raise BadOption(
            f"There is no map of {recipe.source} to be cut.",
            remedy="Find atoms in the image first, or cut the image itself.",
        )
    maps = np.asarray(source)
    if maps.shape != image.shape:
        raise BadImage(
            f"The map has shape {maps.shape}, the image {image.shape}.", remedy="Give the map of this image."
        )
    return maps.reshape(-1, *image.frame_shape).__getitem__


def class_map(atoms: Atoms, frame: int, shape: tuple[int, int]) -> Floats:
    """Draw atoms of a frame as discs: 0 between them, 1, 2 ... by their class, 0.35 neighbours in radius."""
    here = atoms.keep(atoms.frames == frame)
    if not len(here):
        return np.zeros(shape, np.float32)
    radius = max(1.0, _DISC * (spacing_of(here, np.ones(2)) if len(here) > 1 else 10.0))
    background = len(atoms.class_names)
    table = {0: np.column_stack([here.positions, here.classes])}
    labels = disc_labels(table, (1, *shape), nb_classes=background + 1, radius=radius)[0]
    return np.where(labels == background, 0, labels + 1).astype(np.float32)


def _cut(
    frame: NDArray[Any], where: Vector, side: tuple[float, float], count: int, edge: str
) -> tuple[Floats, NDArray[np.bool_], NDArray[np.bool_]]:
    """Interpolate patches by cubic splines; say which lie inside, and which of those hold numbers only."""
    pixels = np.asarray(frame, np.float64)
    factor = np.array(side) / count
    half = (count - 1) / 2 * factor
    room = half if edge == "leave out" else np.zeros(2)
    fits = (where - room >= -0.5) & (where + room <= np.array(pixels.shape) - 0.5)
    inside = fits[:, 0] & fits[:, 1]
    steps = (np.arange(count) - (count - 1) / 2)[:, None] * factor
    places = where[inside]
    known = _without_holes(pixels, places, steps, factor)
    filled = np.where(
        np.isfinite(pixels), pixels, np.median(pixels[np.isfinite(pixels)]) if known.any() else 0
    )
    # Where patches are coarser than the image, fine detail must not come back as a false pattern.
    smooth = ndimage.gaussian_filter(filled, 0.5 * np.sqrt(np.maximum(factor**2 - 1, 0)), mode="mirror")
    splines = ndimage.spline_filter(smooth, order=3, mode="mirror")
    result = np.empty((int(known.sum()), count, count), np.float32)
    for first in range(0, len(result), _TOGETHER):
        part = slice(first, first + _TOGETHER)
        at = _coordinates(places[known][part], steps)
        values = ndimage.map_coordinates(splines, at, order=3, mode="mirror", prefilter=False)
        # Splines swing a little beyond what was measured: below zero, where nothing was negative.
        result[part] = np.clip(values, filled.min(), filled.max())
    return result, inside, known


def _levelled(patches: Floats, frames: NDArray[np.int64], levels: dict[int, float], level: str) -> Floats:
    """Bring frames to one median, the mean of all of them, or patches to a mean of 0."""
    if level == "patches":
        return np.asarray(patches - patches.mean(axis=(1, 2), keepdims=True), np.float32)
    if level == "frames" and len(levels) > 1:
        numbers, medians = np.array(list(levels)), np.array(list(levels.values()))
        above = (medians - medians.mean())[np.searchsorted(numbers, frames)]
        return np.asarray(patches - above[:, None, None], np.float32)
    return patches


def _coordinates(places: Vector, steps: Vector) -> list[NDArray[Any]]:
    rows = places[:, 0, None, None] + steps[:, 0][None, :, None]
    columns = places[:, 1, None, None] + steps[:, 1][None, None, :]
    return list(np.broadcast_arrays(rows, columns))


def _without_holes(pixels: Vector, places: Vector, steps: Vector, factor: Vector) -> NDArray[np.bool_]:
    bad = ~np.isfinite(pixels)
    if not bad.any():
        return np.ones(len(places), bool)
    near = ndimage.maximum_filter(bad, size=[2 * math.ceil(each / 2) + 1 for each in factor])
    clean = np.ones(len(places), bool)
    for first in range(0, len(places), _TOGETHER):
        part = slice(first, first + _TOGETHER)
        met = ndimage.map_coordinates(near, _coordinates(places[part], steps), order=0, mode="mirror")
        clean[part] = ~met.reshape(len(met), -1).any(axis=1)
    return clean


def _lost_in_words(
    lost: NDArray[np.int_], asked: int, side: tuple[float, float], shape: tuple[int, int]
) -> tuple[str, ...]:
    notes = []
    if lost[0]:
        notes.append(
            f"{lost[0]} of {asked} patches of {side[0]:.3g} x {side[1]:.3g} px leave the image of "
            f"{shape[0]} x {shape[1]} px and are left out."
        )
    if lost[1]:
        notes.append(f"{lost[1]} of {asked} patches hold pixels that are not finite and are left out.")
    return tuple(notes)

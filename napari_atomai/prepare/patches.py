"""Patches cut out of images, around atoms or at random: what nets and statistics of local order work on."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.data.arguments import a_flag, whole_number
from napari_atomai.errors import BadAtoms, BadImage
from napari_atomai.prepare.places import Coordinates, places
from napari_atomai.prepare.windows import (
    Integers,
    Pixels,
    Vector,
    corners_around,
    cut,
    fits,
    image_stack,
    plain_stack,
    random_corners,
    resampled,
    sides_of,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Patches:
    """Patches and where they come from.

    Parameters
    ----------
    images : array, shape (N, h, w) or (N, h, w, c)
    labels : array, shape (N, h, w) or (N, h, w, c), or None
    frames : array of int, shape (N,)
        The image each was cut from.
    corners : array of int, shape (N, 2)
        Row and column of the first pixel of each.
    """

    images: Pixels
    labels: Pixels | None
    frames: Integers
    corners: Integers


def extract_subimages(
    imgdata: ArrayLike,
    coordinates: Coordinates,
    window_size: int | tuple[int, int],
    coord_class: int = 0,
    *,
    subpixel: bool = False,
) -> tuple[Pixels, Vector, Integers]:
    """Cut a window around every atom of one class.

    Windows that leave the image, or hold a pixel that is not finite, are left out; how many is logged.

    Parameters
    ----------
    imgdata : array, shape (n, y, x, c), (n, y, x) or (y, x)
        Images, or the output of a Segmentor.
    coordinates : mapping of frame to array, Atoms, or array
        ``{frame: (N, 3)}`` of row, column, class; for a single image also a table (N, 2) or (N, 3).
    window_size : int or (int, int)
        Side of the windows in pixels, or rows and columns.
    coord_class : int
        Class of the atoms to cut around.
    subpixel : bool
        Whether to interpolate (cubic splines), so that the atom lies exactly in the middle of its window,
        at (window_size - 1) / 2. Otherwise the pixel nearest to it lies at window_size // 2.

    Returns
    -------
    imstack : array, shape (N, window_size, window_size, c)
        c is 1 for images without channels.
    com : array, shape (N, 2)
        Row, column of the atoms.
    frames : array of int, shape (N,)
        The image of each.

    Raises
    ------
    BadAtoms
        If there are no atoms of that class, or no window can be cut.
    """
    stack = image_stack(imgdata)
    table = places(coordinates, len(stack)).of_class(coord_class)
    window = sides_of(window_size)
    corners = corners_around(table.positions, window)
    exact = table.positions - (np.array(window) - 1) / 2
    ends = [np.floor(exact), np.ceil(exact)] if a_flag("subpixel", subpixel) else [corners]
    inside = np.logical_and.reduce([fits(end, window, stack.shape[1:3]) for end in ends])
    frames = table.frames[inside]
    usable = np.logical_and.reduce(np.isfinite(stack), axis=-1)
    known = np.logical_and.reduce(
        [cut(usable, end[inside].astype(np.int64), frames, window).all(axis=(1, 2)) for end in ends]
    )
    kept = np.flatnonzero(inside)[known]
    _tell_left_out(len(table), len(frames), len(kept), window, stack.shape[1:3])
    if subpixel:
        images = resampled(stack, exact[kept], table.frames[kept], window)
    else:
        images = cut(stack, corners[kept], table.frames[kept], window)
    return images, table.positions[kept], table.frames[kept]


def _tell_left_out(
    atoms: int, inside: int, kept: int, window: tuple[int, int], shape: tuple[int, ...]
) -> None:
    words = (
        f"of {atoms} windows of {window[0]} x {window[1]} px, {atoms - inside} leave the image of "
        f"{shape[0]} x {shape[1]} px and {inside - kept} hold pixels that are not finite"
    )
    if kept == 0:
        raise BadAtoms(
            f"No window can be cut: {words}.",
            remedy="Choose a smaller window, or atoms further from the border.",
        )
    if kept < atoms:
        log.info("Left out: %s.", words)


def cut_patches(
    images: ArrayLike, labels: ArrayLike | None, size: int | tuple[int, int], number: int, *, seed: int = 0
) -> Patches:
    """Cut patches at random places, the same ones out of images and labels; no place comes twice.

    What is cut out of an image depends on the seed, the image's number and its size only.

    Parameters
    ----------
    images : array, shape (n, y, x), (n, y, x, c) or (y, x)
        Images.
    labels : array, shape (n, y, x), (n, y, x, c) or (y, x), or None
        Their labels or masks.
    size : int or (int, int)
        Rows and columns of a patch.
    number : int
        Patches per image.
    seed : int
        Of the places.

    Returns
    -------
    Patches

    Raises
    ------
    BadImage
        If images and labels differ in size, or an image has not that many patches.
    """
    pixels = plain_stack(images)
    marks = None if labels is None else plain_stack(labels)
    if marks is not None and marks.shape[:3] != pixels.shape[:3]:
        raise BadImage(
            f"The images have shape {pixels.shape[:3]}, the labels {marks.shape[:3]}.",
            remedy="Give every image a label of its own size.",
        )
    window = sides_of(size)
    whole_number("The number of patches", number)
    whole_number("The seed", seed, 0)
    streams = (np.random.default_rng([seed, frame]) for frame in range(len(pixels)))
    corners = np.concatenate([random_corners(pixels.shape[1:3], window, number, rng) for rng in streams])
    frames = np.repeat(np.arange(len(pixels)), number)
    labelled = None if marks is None else cut(marks, corners, frames, window)
    return Patches(cut(pixels, corners, frames, window), labelled, frames, corners)


def extract_patches(
    images: ArrayLike,
    masks: ArrayLike,
    patch_size: int | tuple[int, int],
    num_patches: int,
    random_state: int = 0,
) -> tuple[Pixels, Pixels]:
    """Return patches of images and of their masks; `cut_patches` also tells where they come from."""
    patches = cut_patches(images, masks, patch_size, num_patches, seed=random_state)
    if patches.labels is None:
        raise BadImage("There are no masks.", remedy="Give them, or call cut_patches for images alone.")
    return patches.images, patches.labels


def extract_random_subimages(
    imgdata: ArrayLike,
    window_size: int | tuple[int, int],
    num_images: int,
    coordinates: Coordinates | None = None,
    coord_class: int = 0,
    *,
    random_state: int = 0,
) -> tuple[Pixels, Vector, Integers]:
    """Cut `num_images` windows out of each image, at random pixels or around atoms drawn at random.

    Parameters
    ----------
    imgdata : array, shape (n, y, x, c), (n, y, x) or (y, x)
        Images, or the output of a Segmentor.
    window_size : int or (int, int)
        Side of the windows in pixels, or rows and columns.
    num_images : int
        Windows per image; no place comes twice.
    coordinates, coord_class
        Atoms to cut around, as in `extract_subimages`; only those whose window can be cut are drawn.
    random_state : int
        Seed.

    Returns
    -------
    imstack : array, shape (n * num_images, window_size, window_size, c)
        c is 1 for images without channels.
    com : array, shape (n * num_images, 2)
        Row, column of the pixel or atom cut around.
    frames : array of int, shape (n * num_images,)
        The image of each.

    Raises
    ------
    BadImage, BadAtoms
        If an image has not that many places or atoms.
    """
    stack = image_stack(imgdata)
    if coordinates is None:
        half = np.array(sides_of(window_size)) // 2
        patches = cut_patches(stack, None, window_size, num_images, seed=random_state)
        return patches.images, (patches.corners + half).astype(np.float64), patches.frames
    images, com, frames = extract_subimages(stack, coordinates, window_size, coord_class)
    whole_number("num_images", num_images)
    whole_number("random_state", random_state, 0)
    drawn = [
        _drawn(np.flatnonzero(frames == frame), num_images, frame, random_state)
        for frame in range(len(stack))
    ]
    chosen = np.concatenate(drawn)
    return images[chosen], com[chosen], frames[chosen]


def _drawn(atoms: NDArray[np.intp], number: int, frame: int, seed: int) -> NDArray[np.intp]:
    if number > len(atoms):
        raise BadAtoms(
            f"{number} windows were asked of image {frame}; around {len(atoms)} atoms one can be cut.",
            remedy="Ask for no more than there are atoms.",
        )
    return np.random.default_rng([seed, frame]).choice(atoms, number, replace=False)


def imcrop_randpx(
    img: ArrayLike, window_size: int | tuple[int, int], num_images: int, random_state: int = 0
) -> tuple[Pixels, Vector]:
    """Cut windows out of an image (y, x) or (y, x, c) at random pixels; return both."""
    pixels = np.asarray(img)
    images, com, _ = extract_random_subimages(
        pixels[None], window_size, num_images, random_state=random_state
    )
    return images.reshape(*images.shape[:3], *pixels.shape[2:]), com


def imcrop_randcoord(
    img: ArrayLike,
    coord: ArrayLike,
    window_size: int | tuple[int, int],
    num_images: int,
    random_state: int = 0,
) -> tuple[Pixels, Vector]:
    """Cut windows out of an image (y, x) or (y, x, c) around positions drawn from (N, 2), and return both."""
    pixels = np.asarray(img)
    places = np.asarray(coord)
    where = {0: places[:, :2] if places.ndim == 2 else places}
    images, com, _ = extract_random_subimages(
        pixels[None], window_size, num_images, where, random_state=random_state
    )
    return images.reshape(*images.shape[:3], *pixels.shape[2:]), com

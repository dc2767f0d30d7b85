"""Patches of an image with the spectrum at each: what image-to-spectrum models learn from."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from napari_atomai.data.arguments import a_flag, shown, whole_number
from napari_atomai.errors import BadImage, BadOption
from napari_atomai.prepare.patches import extract_subimages
from napari_atomai.prepare.places import Coordinates
from napari_atomai.prepare.windows import Pixels, Vector, image_stack, nearest_pixel


def extract_patches_and_spectra(
    hdata: ArrayLike,
    img: ArrayLike | None = None,
    *,
    coordinates: Coordinates,
    patch_size: int,
    band: int | tuple[int, int] = 0,
    avg_pool: int = 2,
) -> tuple[Pixels, Vector, Vector]:
    """Cut patches of an image, each with the spectrum at the pixel in its middle.

    Parameters
    ----------
    hdata : array, shape (y, x, e)
        Spectrum image.
    img : array, shape (y, x), optional
        The image; the mean over `band` of the spectrum image when left out.
    coordinates : array, shape (N, 2), or mapping of frame 0 to it
        Row, column, for instance of `get_coord_grid`.
    patch_size : int
        Side of the patches in pixels.
    band : int or (int, int)
        Channel, or first and last + 1 channel.
    avg_pool : int
        Channels averaged into one; a rest at the end is left out.

    Returns
    -------
    patches : array, shape (N, patch_size, patch_size)
        Those that lie inside the image.
    spectra : array, shape (N, e // avg_pool)
        Their spectra.
    coords : array, shape (N, 2)
        Their row, column.

    Raises
    ------
    BadImage, BadOption
        If sizes differ, or the band or `avg_pool` do not fit the spectra.
    """
    cube = np.asarray(hdata)
    if cube.ndim != 3:
        raise BadImage(f"The spectrum image has shape {cube.shape}.", remedy="Give (y, x, energy).")
    channels = cube.shape[2]
    ends = (band, band) if isinstance(band, int) else band
    if not isinstance(ends, tuple | list) or len(ends) != 2:
        raise BadOption(
            f"The band is {shown(band)}.", remedy="Give a channel, or first and last + 1, such as (10, 20)."
        )
    first, last = (whole_number("A channel of the band", end, 0) for end in ends)
    last += isinstance(band, int)
    whole_number("avg_pool", avg_pool)
    if not (first < last <= channels and avg_pool <= channels):
        raise BadOption(
            f"The band is {first} to {last} and avg_pool {avg_pool}, for spectra of {channels} channels.",
            remedy=f"Choose the band within 0 to {channels} and avg_pool from 1 to {channels}.",
        )
    image = cube[..., first:last].mean(axis=-1) if img is None else np.asarray(img)
    if image.shape != cube.shape[:2]:
        raise BadImage(
            f"The image has shape {image.shape}, the spectrum image {cube.shape[:2]}.",
            remedy="Give an image of the same field of view, one pixel for each spectrum.",
        )
    patches, coords, _ = extract_subimages(image, coordinates, patch_size)
    rows, columns = nearest_pixel(coords).T
    spectra = cube[rows, columns, : channels - channels % avg_pool].astype(np.float64)
    pooled = spectra.reshape(len(coords), -1, avg_pool).mean(axis=-1)
    return patches[..., 0], pooled, coords


def get_coord_grid(imgdata: ArrayLike, step: int, return_dict: bool = True) -> dict[int, Vector] | Vector:
    """Lay a square grid of points over images (n, y, x[, c]) or (y, x), from (0, 0) on every `step` pixels.

    Returns
    -------
    dict of int to array, shape (N, 3)
        Row, column and class 0, for each image; without `return_dict` one table (N, 2).
    """
    whole_number("step", step, remedy="Give whole pixels, 1 or more.")
    stack = image_stack(imgdata)
    axes = [np.arange(0, size, step, dtype=np.float64) for size in stack.shape[1:3]]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    if not a_flag("return_dict", return_dict):
        return grid
    table = np.column_stack([grid, np.zeros(len(grid))])
    return {frame: table.copy() for frame in range(len(stack))}

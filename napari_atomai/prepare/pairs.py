"""Pairs of structure and spectrum: patches of an image around the places where spectra were taken."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from napari_atomai.data.image import Axis, Image
from napari_atomai.errors import BadImage, BadOption
from napari_atomai.prepare.pairs_places import Grid, Vector

Integers = NDArray[np.int64]

_RANGES = 25
"""Lengths of sweeps that are compared, where they were ended early."""


@dataclass(frozen=True, eq=False)
class StructureSpectra:
    """Patches and the spectra in their middles.

    Parameters
    ----------
    patches : array of float64, shape (n, side, side)
        In the units of the image.
    spectra : array of float64, shape (n, E)
        Ascending in energy.
    places : array of int, shape (n, 2)
        Row, column of each in the spectrum image; for a line or spots 0 and the number of the point.
    shape : (int, int)
        Rows and columns of the spectrum image.
    energy : Axis
        Of the spectra as they are here.
    window : float
        Side of a patch, in `unit`.
    unit : str
        "nm", or "pixel" (of the spectrum image).
    reach : float
        Side of a patch in pixels of the spectrum image: patches nearer than that overlap.
    notes : tuple of str
        What was left out or turned round.
    """

    patches: NDArray[np.float64]
    spectra: NDArray[np.float64]
    places: Integers
    shape: tuple[int, int]
    energy: Axis
    window: float
    unit: str
    reach: float
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.patches)

    def about(self) -> dict[str, Any]:
        """Return what a prediction has to be made with again, as plain JSON values."""
        return {
            "window": self.window,
            "unit": self.unit,
            "patch": int(self.patches.shape[1]),
            "energy": {"first": self.energy.offset, "step": self.energy.scale, "unit": self.energy.unit},
            "energy_name": self.energy.name,
        }


def structure_pairs(
    image: Image,
    spectra: NDArray[Any],
    grid: Grid,
    energy: Axis,
    *,
    window: float = 0.0,
    patch: int = 16,
    mask: ArrayLike | None = None,
) -> StructureSpectra:
    """Cut a patch of the image around every spectrum.

    Parameters
    ----------
    image : Image, shape (y, x)
        The structure; of a stack the first frame.
    spectra : array, shape (rows, columns, E), or (n, E) of a line or of spots
        One for each place of the grid.
    grid : Grid
        Where they were taken, in pixels of the image.
    energy : Axis
        Of the spectra; one that runs downwards is turned round.
    window : float
        Side of a patch, in nm where the grid is calibrated, else in pixels of the spectrum image; 0 = five
        pixels of the spectrum image.
    patch : int
        Pixels along the side of a patch. Where they are coarser than those of the image, the image is
        smoothed first, so that fine detail does not come back as a false pattern.
    mask : array of bool, shape of the grid, optional
        False where a spectrum does not count.

    Returns
    -------
    StructureSpectra
        Without spectra that are masked, not finite or all zero, and without places outside the image; the
        notes say how many. At the border the image is mirrored.

    Raises
    ------
    BadImage
        If they do not overlap, no spectrum is left, or shapes do not fit.
    BadOption
        If the window is smaller than a pixel of the image, or reaches over more than the image.
    """
    values = np.asarray(spectra)
    flat = values.reshape(-1, values.shape[-1]).astype(np.float64)
    if len(flat) != len(grid.positions):
        raise BadImage(
            f"There are {len(flat)} spectra for {len(grid.positions)} places.",
            remedy="Give the grid of this spectrum image.",
        )
    notes = list(grid.notes)
    flat, energy = _measured(flat, energy, notes)
    chosen = _usable(flat, grid, mask, image.frame_shape, notes)
    if energy.scale < 0:
        flat, energy = flat[:, ::-1], _ascending(energy, flat.shape[1])
        notes.append("The energy axis ran downwards and was turned round.")
    window = window or 5 * grid.step
    patches = cut_patches(image, grid.positions[chosen], window / grid.pixel, patch)
    return StructureSpectra(
        patches,
        flat[chosen],
        np.stack(np.unravel_index(chosen, grid.shape), axis=1).astype(np.int64),
        grid.shape,
        energy,
        float(window),
        grid.unit,
        window / grid.step,
        tuple(notes),
    )


def cut_patches(image: Image, positions: Vector, side: ArrayLike, patch: int) -> NDArray[np.float64]:
    """Return patches (n, patch, patch) around positions (n, 2), given in pixels of the image (row, column).

    Parameters
    ----------
    image : Image
        Pixels that are not finite are filled with the median.
    positions : array, shape (n, 2)
        Middles of the patches.
    side : float or array of two
        Of a patch, in rows and columns of the image.
    patch : int
        Pixels along the side of a patch.
    """
    pixels = image.frame(0).astype(np.float64)
    known = np.isfinite(pixels)
    if not known.any():
        raise BadImage(f"{image.name!r} has no pixel that is a number.", remedy="Choose another image.")
    pixels = np.where(known, pixels, np.median(pixels[known]))
    sides = np.broadcast_to(np.asarray(side, dtype=np.float64), (2,))
    if (sides < 1).any() or (sides > 2 * np.array(pixels.shape)).all():
        raise BadOption(
            f"The window is {sides[0]:.3g} x {sides[1]:.3g} pixels of an image of {pixels.shape}.",
            why="A patch shows the structure around a spectrum.",
            remedy="Choose a window of some pixels that is smaller than the image.",
        )
    factor = sides / patch
    smooth = ndimage.gaussian_filter(pixels, 0.5 * np.sqrt(np.maximum(factor**2 - 1, 0)), mode="reflect")
    steps = (np.arange(patch) - (patch - 1) / 2)[:, None] * factor
    rows = positions[:, 0, None, None] + steps[:, 0][None, :, None]
    columns = positions[:, 1, None, None] + steps[:, 1][None, None, :]
    at = np.broadcast_arrays(rows, columns)
    result: NDArray[np.float64] = ndimage.map_coordinates(smooth, at, order=1, mode="reflect")
    return result


def rebinned(pairs: StructureSpectra, low: float, high: float, channels: int) -> StructureSpectra:
    """Return the pairs with the energies from `low` to `high` alone, `channels` of them added up to one.

    Raises
    ------
    BadOption
        If no two channels are left.
    """
    axis, count = pairs.energy, pairs.spectra.shape[1]
    energies = axis.offset + axis.scale * np.arange(count)
    inside = np.flatnonzero((energies >= low) & (energies <= high)) if high > low else np.arange(count)
    whole = len(inside) // channels
    if whole < 2:
        raise BadOption(
            f"Energies from {low:g} to {high:g} {axis.unit} leave {len(inside)} channels, {whole} after "
            f"adding up {channels}; the axis runs from {energies[0]:g} to {energies[-1]:g}.",
            remedy="Choose a wider range within the axis, or add up fewer channels.",
        )
    part = pairs.spectra[:, inside[: whole * channels]].reshape(len(pairs), whole, channels).sum(axis=2)
    first = energies[inside[0]] + axis.scale * (channels - 1) / 2
    energy = replace(axis, offset=float(first), scale=axis.scale * channels)
    return replace(pairs, spectra=part, energy=energy)


def held_out(pairs: StructureSpectra, share: float = 0.25, seed: int = 1) -> tuple[Integers, Integers]:
    """Part the pairs into those to learn from and those to test on, by blocks of neighbouring places.

    Scattered test pixels have neighbours in the training set that show nearly the same patch: their score
    would tell of memory. Blocks are a window wide at least, and places to learn from whose patches reach
    into those of a block are left out as far as enough remain.

    Parameters
    ----------
    pairs : StructureSpectra
        All of them.
    share : float
        Part of the pairs to test on, about.
    seed : int
        Of the choice of blocks.

    Returns
    -------
    train, test : arrays of int
        Indices, in order. Together they are fewer than all pairs where a border was left out.

    Raises
    ------
    BadOption
        If the share is not between 0 and 1.
    BadImage
        If there are too few pairs for both.
    """
    if not 0 < share < 1:
        raise BadOption(f"The share held out is {share}.", remedy="Give a share between 0 and 1.")
    if len(pairs) < 4:
        raise BadImage(
            f"There are {len(pairs)} pairs.",
            why="Neither learning nor a score is possible with so few.",
            remedy="Choose a larger spectrum image, or a smaller region to mask.",
        )
    blocks = block_numbers(pairs)
    numbers, block_of = np.unique(blocks, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(numbers))
    sizes = np.cumsum(np.bincount(block_of)[order])
    # Whole blocks until the share is reached; one at least, never all.
    taken = min(max(1, int(np.searchsorted(sizes, share * len(pairs))) + 1), len(numbers) - 1)
    test = np.isin(block_of, order[:taken])
    train = _apart(pairs, ~test, test)
    return np.flatnonzero(train), np.flatnonzero(test)


def block_numbers(pairs: StructureSpectra) -> Integers:
    """Return the number of each pair's block: at least a window wide, and some four along the longer side."""
    shape = np.array(pairs.shape)
    side = max(1, round(min(max(pairs.reach, max(shape) / 6), max(shape) / 4)))
    rows, columns = (pairs.places // side).T
    return np.asarray(rows * (pairs.shape[1] // side + 1) + columns, dtype=np.int64)


def _apart(pairs: StructureSpectra, train: NDArray[np.bool_], test: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Leave out the border between both, up to half a window, while half of the pairs to learn from stay."""
    for gap in np.arange(max(1, round(pairs.reach / 2)), 0, -1):
        near = np.zeros(pairs.shape, bool)
        near[tuple(pairs.places[test].T)] = True
        near = ndimage.maximum_filter(near, size=2 * int(gap) + 1)
        left = train & ~near[tuple(pairs.places.T)]
        if left.sum() >= max(train.sum() / 2, 1):
            return np.asarray(left, dtype=np.bool_)
    return train


def _usable(
    spectra: NDArray[np.float64],
    grid: Grid,
    mask: ArrayLike | None,
    frame: tuple[int, int],
    notes: list[str],
) -> Integers:
    inside = ((grid.positions >= -0.5) & (grid.positions <= np.array(frame) - 0.5)).all(axis=1)
    if not inside.any():
        low, high = grid.positions.min(axis=0), grid.positions.max(axis=0)
        raise BadImage(
            f"Image and spectra do not overlap: the spectra lie at rows {low[0]:.4g} to {high[0]:.4g} and "
            f"columns {low[1]:.4g} to {high[1]:.4g} of an image of {frame[0]} x {frame[1]}.",
            why="The structure at their places is not in the image.",
            remedy="Choose the image of the same region, or alignment 'same field' if it is one.",
        )
    finite = np.isfinite(spectra).all(axis=1)
    filled = (spectra != 0).any(axis=1)
    given = np.ones(len(spectra), bool) if mask is None else np.asarray(mask, bool).ravel()
    if given.shape != inside.shape:
        raise BadImage(
            f"The mask has {given.size} places, the spectrum image {len(spectra)}.",
            remedy="Give one value for each spectrum.",
        )
    reasons = {"outside the image": inside, "not finite": finite, "all zero": filled, "masked": given}
    for why, good in reasons.items():
        count = int(np.count_nonzero(~good))
        if count:
            notes.append(f"{count} of {len(spectra)} spectra are left out: {why}.")
    chosen = np.flatnonzero(inside & finite & filled & given)
    if chosen.size == 0:
        raise BadImage("No spectrum is left. " + " ".join(notes), remedy="Look at the spectrum image.")
    return chosen


def _measured(
    spectra: NDArray[np.float64], energy: Axis, notes: list[str]
) -> tuple[NDArray[np.float64], Axis]:
    """Leave out channels at the ends that no spectrum has, or that too many sweeps ended before.

    Of all ranges of channels the one is taken which, times the spectra that are measured over all of it,
    holds most values.
    """
    finite = np.isfinite(spectra)
    some = finite.any(axis=1)
    count = spectra.shape[1]
    if finite[some].all() or not some.any():
        return spectra, energy
    begins = finite[some].argmax(axis=1)
    ends = count - finite[some][:, ::-1].argmax(axis=1)
    first, last, whole = _fullest(begins, ends)
    if (first, last) == (0, count):
        return spectra, energy
    notes.append(
        f"{count - (last - first)} channels at the ends are in no spectrum: left out."
        if (first, last) == (begins.min(), ends.max())
        else f"Of {count} channels {last - first} are used, which {whole} of the {len(begins)} spectra that "
        "were measured have: sweeps were ended early."
    )
    return spectra[:, first:last], replace(energy, offset=energy.offset + first * energy.scale)


def _fullest(begins: Integers, ends: Integers) -> tuple[int, int, int]:
    """Return first and last + 1 of the channels that hold most values, and how many spectra have them all."""
    shares = np.linspace(0, 1, _RANGES)
    firsts, lasts = (np.unique(np.quantile(each, shares, method="nearest")) for each in (begins, ends))
    whole = np.stack([(ends[begins <= first, None] >= lasts).sum(axis=0) for first in firsts])
    values = whole * np.maximum(lasts - firsts[:, None], 0)
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    return int(firsts[row]), int(lasts[column]), int(whole[row, column])


def _ascending(axis: Axis, count: int) -> Axis:
    return replace(axis, offset=axis.offset + axis.scale * (count - 1), scale=-axis.scale)

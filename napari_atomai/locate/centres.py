"""From a map of probability to the centres of atoms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from napari_atomai.errors import BadOption
from napari_atomai.locate import windows

Array = NDArray[np.float64]
Map = NDArray[np.float32]

_SMOOTHING = 0.12
"""Width of the smoothing in units of the smallest distance. A disc of a fifth of the spacing, which is 0.4
of a smallest distance of half the spacing, keeps all but a hundredth of its height; a single hot pixel does
not keep its own."""


@dataclass(frozen=True, eq=False)
class Peaks:
    """Centres of atoms in a map of probability.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Row, column, in pixels, best first.
    scores : array, shape (N,)
        Probability at the centre, 0 to 1, in the slightly smoothed map.
    """

    positions: Array
    scores: Array

    def __len__(self) -> int:
        return len(self.positions)


def find_peaks(probability: ArrayLike, min_distance: float, floor: float = 0.05) -> Peaks:
    """Find the local maxima of a probability map, none closer to a better one than `min_distance`.

    Parameters
    ----------
    probability : array, shape (Y, X)
        0 to 1; what is not finite counts as 0.
    min_distance : float
        In pixels; about half the distance between neighbouring atoms.
    floor : float
        Lower scores are left out.

    Returns
    -------
    Peaks
        In order of falling score. A flat top gives one peak, in its middle; peaks may lie on the border.

    Raises
    ------
    BadImage
        If the map is not two-dimensional numbers.
    BadOption
        If `min_distance` is not a positive number.
    """
    if not (np.isfinite(min_distance) and min_distance > 0):
        raise BadOption(
            f"min_distance is {min_distance}.",
            remedy="Give a positive number of pixels, about half the distance between neighbouring atoms.",
        )
    smooth = _smoothed(windows.plain(probability), _SMOOTHING * min_distance)
    positions, scores = local_maxima(smooth, floor)
    # Ties fall in order of row, then column: the same map always gives the same list.
    order = np.argsort(-scores, kind="stable")
    positions, scores = positions[order], scores[order]
    positions = _centred(smooth, positions, 0.5 * min_distance)
    kept = best(positions, min_distance)
    return Peaks(positions[kept], np.clip(scores[kept], 0.0, 1.0))


def _smoothed(probability: NDArray[np.floating], sigma: float) -> Map:
    plain = np.nan_to_num(probability, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32, copy=False)
    smooth: Map = ndimage.gaussian_filter(plain, sigma, mode="nearest", truncate=3.0)
    return smooth


def local_maxima(smooth: Map, floor: float) -> tuple[Array, Array]:
    """Middle and height of every flat top that no neighbouring pixel rises above."""
    top = (ndimage.maximum_filter(smooth, size=3, mode="nearest") == smooth) & (smooth >= floor)
    labels, count = ndimage.label(top, structure=np.ones((3, 3)))
    rows, cols = np.nonzero(top)
    label = labels[rows, cols] - 1
    pixels = np.bincount(label, minlength=count)
    middle = [np.bincount(label, axis, count) / pixels for axis in (rows, cols)]
    scores = np.zeros(count)
    scores[label] = smooth[rows, cols]
    return np.stack(middle, axis=1), scores


def _centred(smooth: Map, positions: Array, radius: float) -> Array:
    """Move every peak to the centroid of the disc around it."""
    half = max(1, round(radius))
    offsets = np.arange(-half, half + 1)
    disc = np.hypot(offsets[:, None], offsets) <= max(radius, 1.0) + 0.25
    padded = np.pad(smooth, half)
    found = positions.copy()
    for part in windows.parts(len(positions), half):
        middle = windows.nearest_pixel(positions[part])
        at = (middle + half) @ np.array([padded.shape[1], 1])
        around = offsets[:, None] * padded.shape[1] + offsets
        cut = padded.ravel().take(at[:, None, None] + around) * disc
        # The lowest part of a disc is background, and would pull towards the window's own centre.
        cut = np.maximum(cut - 0.2 * cut.max((1, 2), keepdims=True), 0)
        total = cut.sum((1, 2))
        step = np.stack([cut.sum(2) @ offsets, cut.sum(1) @ offsets], axis=1) / total[:, None]
        found[part] = np.clip(middle + step, 0, np.array(smooth.shape) - 1)
    return found


def best(positions: Array, min_distance: float) -> NDArray[np.intp]:
    """Return the indices left when each position, best first, removes all that are closer to it."""
    pairs = np.empty((0, 2), np.intp)
    if len(positions) > 1:
        pairs = cKDTree(positions).query_pairs(min_distance, output_type="ndarray")
    better, worse = pairs.min(1), pairs.max(1)
    undecided, kept = np.ones(len(positions), np.bool_), np.zeros(len(positions), np.bool_)
    while undecided.any():
        # An undecided peak with no better undecided one near it stays, whatever happens elsewhere.
        beaten = np.zeros(len(positions), np.bool_)
        beaten[worse] = True
        winners = undecided & ~beaten
        kept |= winners
        lost = worse[winners[better]]
        undecided &= ~winners
        undecided[lost] = False
        open_ = undecided[better] & undecided[worse]
        better, worse = better[open_], worse[open_]
    return np.flatnonzero(kept)

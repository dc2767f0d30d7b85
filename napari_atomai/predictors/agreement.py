"""Atoms that an ensemble agrees on, and how far its members place them apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from napari_atomai.data.arguments import a_number, shown
from napari_atomai.errors import BadImage
from napari_atomai.locate.centres import Peaks, find_peaks
from napari_atomai.predictors.uncertainty import a_map

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AgreedAtoms:
    """Atoms of one frame that enough members see.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Row, column in pixels: the mean over the members that see the atom; best score first.
    spread : array, shape (N, 2)
        Standard deviation of the members' positions along rows and columns (divided by their number less
        one), in pixels; NaN where a single member sees the atom.
    scores : array, shape (N,)
        Height of the members' mean map, 0 to 1.
    classes : array of int, shape (N,)
        Class of highest mean probability; the background is not one.
    members : array of int, shape (N,)
        How many members see the atom.
    """

    positions: Array
    spread: Array
    scores: Array
    classes: NDArray[np.intp]
    members: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.positions)


def ensemble_locate(
    maps: Iterable[ArrayLike], min_distance: float, *, threshold: float = 0.5, agreement: float = 0.5
) -> dict[int, AgreedAtoms]:
    """Find atoms in each member's maps, and match them one to one with those of the mean map.

    Parameters
    ----------
    maps : iterable of array, shape (n, y, x, classes)
        Probabilities of one member after the other (`EnsemblePredictor.each`), or an array of all. The last
        class is the background; a single class is the object.
    min_distance : float
        In pixels, about half the distance between neighbouring atoms. Two atoms are never closer, and a
        member's atom belongs to one that is within half of it.
    threshold : float
        Lowest score of an atom, 0 to 1, in the mean map.
    agreement : float
        Share of the members that have to see it, 0 to 1.

    Returns
    -------
    dict of int to AgreedAtoms
        By frame.

    Raises
    ------
    BadImage
        If there is no member, or their maps have different shapes.
    BadOption
        If an option is out of range.
    """
    a_number("threshold", threshold, 0, 1)
    a_number("agreement", agreement, 0, 1)
    a_number("min_distance", min_distance, 0, remedy="Give pixels: half the distance between atoms.")
    mean, seen = _mean_and_peaks(maps, min_distance, threshold)
    found = {}
    for frame, one in enumerate(mean):
        peaks = _peaks(one, min_distance, threshold)
        members = [member[frame].positions for member in seen]
        found[frame] = _agreed(peaks, members, 0.5 * min_distance, agreement, _classes(one, peaks))
    return found


def matched(reference: Array, found: Array, radius: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Match points one to one, nearest pairs first.

    Parameters
    ----------
    reference, found : array, shape (N, 2) and (M, 2)
        Row, column.
    radius : float
        Largest distance of a pair.

    Returns
    -------
    of_reference, of_found : arrays of int
        Indices of the pairs.
    """
    nothing = np.empty(0, np.intp)
    if len(reference) == 0 or len(found) == 0:
        return nothing, nothing
    near = cKDTree(reference).sparse_distance_matrix(cKDTree(found), radius, output_type="ndarray")
    near = near[np.lexsort((near["j"], near["i"], near["v"]))]
    pairs: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = [(nothing, nothing)]
    ones, others = near["i"], near["j"]
    while len(ones):
        # Pairs that are the nearest left of both their points; the others are asked again without these.
        first = np.zeros((2, len(ones)), np.bool_)
        for row, points in zip(first, (ones, others), strict=True):
            row[np.unique(points, return_index=True)[1]] = True
        taken = first.all(axis=0)
        pairs.append((ones[taken], others[taken]))
        left = ~(np.isin(ones, ones[taken]) | np.isin(others, others[taken]))
        ones, others = ones[left], others[left]
    of_reference, of_found = (np.concatenate(one) for one in zip(*pairs, strict=True))
    return of_reference, of_found


def _mean_and_peaks(
    maps: Iterable[ArrayLike], min_distance: float, threshold: float
) -> tuple[NDArray[np.float32], list[list[Peaks]]]:
    mean: NDArray[np.float32] | None = None
    seen = []
    if not isinstance(maps, Iterable):
        raise BadImage(f"The maps are {shown(maps)}.", remedy="Give those of one member after the other.")
    for number, one in enumerate(maps, start=1):
        member = a_map(one)
        if member.ndim != 4 or (mean is not None and member.shape != mean.shape):
            expected = "(n, y, x, classes)" if mean is None else str(mean.shape)
            raise BadImage(
                f"The maps of member {number} have shape {member.shape}, not {expected}.",
                remedy="Give the maps of all members for the same images.",
            )
        mean = member.copy() if mean is None else mean
        mean += (member - mean) / number
        seen.append([_peaks(frame, min_distance, threshold) for frame in member])
    if mean is None:
        raise BadImage("There are no maps.", remedy="Give those of at least one member.")
    return mean, seen


def _foreground(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    return maps if maps.shape[-1] == 1 else maps[..., :-1]


def _peaks(maps: NDArray[np.float32], min_distance: float, threshold: float) -> Peaks:
    return find_peaks(_foreground(maps).max(axis=-1), min_distance, floor=threshold)


def _classes(maps: NDArray[np.float32], peaks: Peaks) -> NDArray[np.intp]:
    rows, columns = np.rint(peaks.positions).astype(np.intp).T
    best: NDArray[np.intp] = _foreground(maps)[rows, columns].argmax(axis=-1)
    return best


def _agreed(
    peaks: Peaks, members: list[Array], radius: float, agreement: float, classes: NDArray[np.intp]
) -> AgreedAtoms:
    count = np.zeros(len(peaks), np.intp)
    mean, squares = np.zeros((len(peaks), 2)), np.zeros((len(peaks), 2))
    for positions in members:
        atom, own = matched(peaks.positions, positions, radius)
        count[atom] += 1
        off = positions[own] - mean[atom]
        mean[atom] += off / count[atom, None]
        squares[atom] += off * (positions[own] - mean[atom])
    kept = (count >= agreement * len(members)) & (count > 0)
    several = np.where(count > 1, count - 1, np.nan)[:, None]
    return AgreedAtoms(
        mean[kept], np.sqrt(squares / several)[kept], peaks.scores[kept], classes[kept], count[kept]
    )

"""Atoms followed from frame to frame, one to one."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.progress import Progress
from napari_atomai.errors import BadAtoms, BadOption
from napari_atomai.stat.movies.drift import by_frame, typical_reach

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]

REACH = 0.45
"""How far an atom is followed where nothing else is said, in distances between neighbours."""

_EVERY = 10  # frames between two words of progress


@dataclass(frozen=True, eq=False)
class Tracks:
    """Which atoms of a movie are the same one.

    Parameters
    ----------
    track : array of int, shape (N,)
        Number of the track of each atom, by first frame.
    frames : array of int, shape (N,)
        Frame of each atom.
    length : int
        Frames of the movie.
    reach : float
        How far an atom was followed, pixels.
    """

    track: Integers
    frames: Integers
    length: int
    reach: float

    def __len__(self) -> int:
        return int(self.track.max(initial=-1)) + 1

    @property
    def sizes(self) -> Integers:
        """In how many frames each track was seen."""
        return np.bincount(self.track, minlength=len(self))

    @property
    def first(self) -> Integers:
        """Frame in which each was seen first."""
        found = np.full(len(self), self.length)
        np.minimum.at(found, self.track, self.frames)
        return found

    @property
    def last(self) -> Integers:
        """Frame in which each was seen last."""
        found = np.full(len(self), -1)
        np.maximum.at(found, self.track, self.frames)
        return found

    @property
    def gaps(self) -> Integers:
        """In how many frames between its first and its last each was not seen."""
        return self.last - self.first + 1 - self.sizes

    def order(self) -> Integers:
        """Return the atoms by track, and by frame within each."""
        return np.lexsort((self.frames, self.track))

    def births(self) -> Integers:
        """Return how many tracks (T,) begin in each frame; those of the first frame are none."""
        found = np.bincount(self.first, minlength=self.length)[: self.length]
        found[:1] = 0
        return found

    def deaths(self) -> Integers:
        """Return how many tracks (T,) were seen for the last time in each frame; in the last are none."""
        found = np.bincount(self.last, minlength=self.length)[: self.length]
        found[-1:] = 0
        return found

    def steps(self) -> tuple[Integers, Integers]:
        """Return the atoms (M,) before and after each step of a track, gaps among them."""
        order = self.order()
        same = self.track[order[1:]] == self.track[order[:-1]]
        return order[:-1][same], order[1:][same]


def linking(
    atoms: Atoms, *, reach: float = 0.0, gap: int = 0, frames: int | None = None
) -> Generator[Progress, None, Tracks]:
    """Follow atoms from frame to frame, one to one.

    Of all ways to link the atoms of a frame with the tracks so far, that with the least sum of squared
    distances is taken, where a pair that is left apart counts as the square of the reach, half for each
    (a linear assignment problem; Jaqaman et al., 10.1038/nmeth.1237).

    Parameters
    ----------
    atoms : Atoms
        Of a movie, best without drift.
    reach : float
        Largest distance in pixels between two sightings of an atom; 0 = 0.45 distances between neighbours.
    gap : int
        For how many frames an atom may be out of sight.
    frames : int, optional
        Length of the movie, where its last frames may be empty.

    Yields
    ------
    Progress

    Returns
    -------
    Tracks

    Raises
    ------
    BadOption
        If reach or gap are negative.
    BadAtoms
        If positions are not numbers, or no reach is given and none follows from the atoms.
    """
    if not reach >= 0 or gap < 0:
        raise BadOption(f"Reach is {reach:g} px, gap {gap} frames.", remedy="Give numbers of 0 or more.")
    if not np.isfinite(atoms.positions).all():
        raise BadAtoms("Some positions are not numbers.", remedy="Leave those atoms out.")
    parts = by_frame(atoms, frames)
    far = reach or typical_reach(parts, REACH)
    if len(atoms) > 1 and len(parts) > 1 and not far > 0:
        raise BadAtoms(
            "No frame has two atoms apart from each other.",
            why="How far an atom is followed is taken from the distance between neighbours.",
            remedy="Give the reach in pixels.",
        )
    order = np.argsort(atoms.frames, kind="stable")
    track = np.empty(len(atoms), np.int64)
    follower, start = Follower(far, gap), 0
    for number, now in enumerate(parts):
        if number % _EVERY == 0:
            yield Progress(number, len(parts), "following atoms")
        track[order[start : start + len(now)]] = follower.next(now, number)
        start += len(now)
    yield Progress(len(parts), len(parts), "following atoms")
    return Tracks(track, atoms.frames, len(parts), far)


class Follower:
    """Gives atoms the numbers of their tracks, frame by frame.

    Parameters
    ----------
    reach : float
        Largest distance between two sightings.
    gap : int
        For how many frames an atom may be out of sight.
    """

    def __init__(self, reach: float, gap: int) -> None:
        self.reach, self.gap, self.count = reach, gap, 0
        self.seen = np.empty((0, 2))
        self.when, self.track = np.empty((2, 0), np.int64)

    def next(self, now: Vector, number: int) -> Integers:
        """Return the tracks (N,) of the atoms of the next frame."""
        alive = number - self.when <= self.gap + 1
        self.seen, self.when, self.track = self.seen[alive], self.when[alive], self.track[alive]
        old, new = one_to_one(self.seen, now, self.reach)
        track = np.full(len(now), -1)
        track[new] = self.track[old]
        born = track < 0
        track[born] = self.count + np.arange(born.sum())
        self.count += int(born.sum())
        self.seen[old], self.when[old] = now[new], number
        self.seen = np.concatenate([self.seen, now[born]])
        self.when = np.concatenate([self.when, np.full(int(born.sum()), number)])
        self.track = np.concatenate([self.track, track[born]])
        return track


def one_to_one(one: Vector, other: Vector, reach: float) -> tuple[Integers, Integers]:
    """Match points with points, each at most once, with the least sum of squared distances.

    Parameters
    ----------
    one, other : array, shape (N, 2) and (M, 2)
        Positions.
    reach : float
        Points farther apart are not matched; one without partner counts as half the square of it.

    Returns
    -------
    ones, others : array of int, shape (K,)
        Which are matched.
    """
    nothing = np.empty(0, np.int64)
    if min(len(one), len(other)) == 0:
        return nothing, nothing
    near = cKDTree(one).sparse_distance_matrix(cKDTree(other), reach, output_type="ndarray")
    rows, cols = near["i"].astype(np.int64), near["j"].astype(np.int64)
    cost = near["v"] ** 2
    # Most atoms have one neighbour in reach, which has no other: those need no assignment.
    alone = (np.bincount(rows, minlength=len(one))[rows] == 1) & (
        np.bincount(cols, minlength=len(other))[cols] == 1
    )
    hard = ~alone
    found = _assigned(rows[hard], cols[hard], cost[hard], reach**2)
    return np.concatenate([rows[alone], found[0]]), np.concatenate([cols[alone], found[1]])


def _assigned(rows: Integers, cols: Integers, cost: Vector, none: float) -> tuple[Integers, Integers]:
    """Solve the assignment: every row and column may stay without partner for half the price each."""
    if len(rows) == 0:
        return rows, cols
    ones, row = np.unique(rows, return_inverse=True)
    others, col = np.unique(cols, return_inverse=True)
    n, m = len(ones), len(others)
    # Rows n.. stand for "no row", columns m.. for "no column"; they pair up among themselves for nothing.
    # All costs are raised by one, which changes no order and keeps zeros from counting as "no edge".
    left = np.concatenate([row, np.arange(n), n + np.arange(m), n + col])
    right = np.concatenate([col, m + np.arange(n), np.arange(m), m + row])
    price = np.concatenate([cost / none, np.full(n + m, 0.5), np.zeros(len(row))]) + 1.0
    graph = csr_array(coo_array((price, (left, right)), shape=(n + m, n + m)))
    first, second = min_weight_full_bipartite_matching(graph)
    real = (first < n) & (second < m)
    return ones[first[real]], others[second[real]]

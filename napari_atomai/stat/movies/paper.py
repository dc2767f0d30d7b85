"""Trajectories and transition matrices with the paper's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from napari_atomai.data.arguments import a_table, shown
from napari_atomai.data.atoms import Atoms
from napari_atomai.data.progress import finish
from napari_atomai.errors import BadAtoms
from napari_atomai.stat.movies.linking import linking
from napari_atomai.stat.movies.states import counted

Matrix = NDArray[Any]


class Patches(Protocol):
    """What an `imlocal` has."""

    imgstack_com: Matrix
    imgstack_frames: Matrix

    def gmm(
        self, n_components: int, covariance: str, random_state: int
    ) -> tuple[Matrix, list[Matrix], Matrix]:
        """Return mean patches, members, and row, column, class, frame."""
        ...


def get_trajectory(
    coord_class_dict: Mapping[int, ArrayLike], start_coord: ArrayLike, rmax: float
) -> tuple[Matrix, Matrix]:
    """Follow one atom: in every frame the nearest to where it was seen last.

    Parameters
    ----------
    coord_class_dict : mapping of frame to array, shape (N, 3)
        Row, column, class.
    start_coord : array, shape (2,)
        Row, column in the first frame.
    rmax : float
        Largest distance between two sightings, pixels.

    Returns
    -------
    trajectory : array, shape (L, 3)
        Row, column, class where it was seen.
    frames : array of int, shape (L,)

    Raises
    ------
    BadAtoms
        If a table is not (N, 3) of finite numbers, or the start no finite row and column.
    """
    start = np.asarray(start_coord, np.float64)
    if start.ndim != 1 or len(start) < 2 or not np.isfinite(start[:2]).all():
        raise BadAtoms(f"start_coord is {shown(start)}.", remedy="Give row and column of one atom.")
    here = start[:2]
    seen, frames = [], []
    for frame, table in sorted(coord_class_dict.items()):
        rows = a_table("Coordinates", table, 3)
        if not np.isfinite(rows[:, :2]).all():
            raise BadAtoms(f"Frame {frame} has atoms at no finite position.", remedy="Leave them out.")
        away, nearest = cKDTree(rows[:, :2]).query(here) if len(rows) else (np.inf, 0)
        if away <= rmax:
            seen.append(rows[nearest])
            frames.append(frame)
            here = rows[nearest, :2]
    return np.array(seen).reshape(-1, 3), np.array(frames, np.int64)


def trajectories(
    coordinates: ArrayLike,
    frames: ArrayLike,
    classes: ArrayLike = 0,
    *,
    min_length: int = 0,
    rmax: float = 10,
) -> dict[str, Any]:
    """Follow all atoms, one to one (see `linking`), from whichever frame they appear in.

    Parameters
    ----------
    coordinates : array, shape (N, 2)
        Row, column.
    frames : array of int, shape (N,)
        Frame of each.
    classes : array of int, shape (N,)
        Their last column in the trajectories.
    min_length : int
        Trajectories must be longer than this.
    rmax : float
        Largest distance from one frame to the next, pixels.

    Returns
    -------
    dict
        ``trajectories``: list of arrays (L, 3) of row, column, class; ``frames``: list of arrays (L,).
    """
    atoms = Atoms.make(coordinates, 0, frames)
    kinds = np.broadcast_to(np.asarray(classes), (len(atoms),))
    tracks = finish(linking(atoms, reach=rmax))
    order = tracks.order()
    rows = np.column_stack([atoms.positions, kinds])[order]
    cuts = np.cumsum(tracks.sizes)[:-1]
    parts = list(zip(np.split(rows, cuts), np.split(tracks.frames[order], cuts), strict=True))
    kept = [(path, when) for path, when in parts if len(path) > min_length]
    return {"trajectories": [path for path, _ in kept], "frames": [when for _, when in kept]}


def get_all_trajectories(
    local: Patches,
    min_length: int = 0,
    run_gmm: bool = False,
    rmax: float = 10,
    *,
    n_components: int = 5,
    covariance: str = "diag",
    random_state: int = 1,
) -> dict[str, Any]:
    """Follow the atoms of an `imlocal`; with `run_gmm` the last column is the class of their patch, from 1.

    Returns
    -------
    dict
        ``trajectories``, ``frames``, and with `run_gmm` ``gmm_components``: the mean patch of each class.
    """
    classes: Matrix = np.zeros(len(local.imgstack_frames), np.int64)
    components: Matrix | None = None
    if run_gmm:
        components, _, where = local.gmm(n_components, covariance, random_state)
        classes = where[:, -2]
    found = trajectories(local.imgstack_com, local.imgstack_frames, classes, min_length=min_length, rmax=rmax)
    return found if components is None else found | {"gmm_components": components}


def transition_matrix(
    local: Patches,
    n_components: int,
    covariance: str = "diag",
    random_state: int = 1,
    rmax: float = 10,
    min_length: int = 0,
    sum_all_transitions: bool = False,
) -> dict[str, Any]:
    """Divide the patches of an `imlocal` into classes, follow its atoms, and count how classes change.

    Returns
    -------
    dict
        Of `get_all_trajectories`, and ``transitions``: a matrix for each trajectory, of the classes that it
        has; with `sum_all_transitions` ``all_transitions``: that of all together.
    """
    found = get_all_trajectories(
        local,
        min_length,
        True,
        rmax,
        n_components=n_components,
        covariance=covariance,
        random_state=random_state,
    )
    found["transitions"] = [
        calculate_transition_matrix(renumerate_classes(path[:, -1])) for path in found["trajectories"]
    ]
    if sum_all_transitions:
        found["all_transitions"] = sum_transitions(found, n_components)
    return found


def renumerate_classes(classes: ArrayLike) -> NDArray[np.int64]:
    """Return classes (L,) counted from 0 without gaps."""
    return np.asarray(np.unique(np.asarray(classes), return_inverse=True)[1], np.int64)


def calculate_transition_matrix(trace: Sequence[int] | ArrayLike) -> NDArray[np.float64]:
    """Return the probabilities (K, K) that each state of a trace (L,), counted from 0, is followed by each.

    Rows of states that nothing was seen to follow are 0. `stat.movies.states.transitions` tells counts and
    intervals, too.

    Raises
    ------
    BadAtoms
        If the trace is empty, or has states below 0.
    """
    states = np.asarray(trace, np.int64)
    if states.size == 0 or states.min() < 0:
        raise BadAtoms(
            f"A trace of {states.size} states.", remedy="Give states counted from 0, at least one."
        )
    return _probabilities(_counts(states[:-1], states[1:], int(states.max()) + 1))


def sum_transitions(
    trans_dict: dict[str, Any], msize: int, plot_results: bool = False
) -> NDArray[np.float64]:
    """Sum the transitions of all trajectories, and return probabilities.

    Counts are summed, so that long trajectories weigh as much as they tell (AtomAI sums probabilities).
    Steps over frames without a sighting are left out.

    Parameters
    ----------
    trans_dict : dict
        What `transition_matrix` returned.
    msize : int
        How many classes there are; classes count from 1.
    plot_results : bool
        Whether a figure is added to `trans_dict` as ``figure``.

    Returns
    -------
    array, shape (msize, msize)
        Rows of classes that nothing was seen to follow are 0.
    """
    total = np.zeros((msize, msize), np.int64)
    for path, when in zip(trans_dict["trajectories"], trans_dict["frames"], strict=True):
        states = np.asarray(path)[:, -1].astype(np.int64) - 1
        if len(states) and not 0 <= states.min() <= states.max() < msize:
            raise BadAtoms(
                f"Classes go from {states.min() + 1} to {states.max() + 1}, msize is {msize}.",
                remedy="Give the number of classes of the mixture.",
            )
        near = np.diff(when) == 1
        total += _counts(states[:-1][near], states[1:][near], msize)
    if plot_results:
        from napari_atomai.plots.movies import transition_figure

        trans_dict["figure"] = transition_figure(counted(total))
    return _probabilities(total)


def _counts(before: NDArray[np.int64], after: NDArray[np.int64], number: int) -> NDArray[np.int64]:
    return np.bincount(before * number + after, minlength=number * number).reshape(number, number)


def _probabilities(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    rows = counts.sum(axis=1, keepdims=True)
    return np.asarray(counts / np.maximum(rows, 1), np.float64)

"""From the atoms of a movie to their tracks, states and how these change."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.data.progress import Progress
from napari_atomai.data.recipes_lattice import FollowAtoms
from napari_atomai.errors import BadAtoms, UnknownOption
from napari_atomai.locate.neighbours import typical_spacing
from napari_atomai.stat.movies.drift import drift_of_atoms, frames_in_common, measuring_drift, without_drift
from napari_atomai.stat.movies.linking import Tracks, linking
from napari_atomai.stat.movies.states import Dwells, Transitions, dwell_times, gaussian_states, transitions
from napari_atomai.workflow.lattice import of_classes

Vector = NDArray[np.float64]

ONE_FRAME = "There is one frame: nothing moves, and no state is followed by another."
"""The note of a movie that is none."""

UNKNOWN = -1
"""State of an atom whose feature is not known."""

_SECONDS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "min": 60.0, "h": 3600.0}
_LARGE = 0.5  # of the distance between neighbours: a drift that a lattice hides
_STRANGE = 0.25  # of 1: frames that have less in common than this may not belong together


@dataclass(frozen=True, eq=False)
class Followed:
    """The atoms of a movie, followed.

    Parameters
    ----------
    drift : array, shape (T, 2)
        Of each frame as row, column in pixels.
    sightings : array of int, shape (N,)
        Which atoms of the table were followed: all arrays are of those.
    atoms : Atoms
        They, without drift.
    tracks : Tracks
    states : array of int, shape (N,)
        Of each atom; -1 where its feature is not known.
    counted : Transitions
    dwells : Dwells
        In `time_unit`.
    frame_time : float
        From frame to frame, in `time_unit`.
    time_unit : str
        "s" or "frames".
    notes : tuple of str
        Sentences a person should see.
    """

    drift: Vector
    sightings: NDArray[np.int64]
    atoms: Atoms
    tracks: Tracks
    states: NDArray[np.int64]
    counted: Transitions
    dwells: Dwells
    frame_time: float
    time_unit: str
    notes: tuple[str, ...]


def following(
    atoms: Atoms, recipe: FollowAtoms | None = None, image: Image | None = None
) -> Generator[Progress, None, Followed]:
    """Measure drift, follow the atoms, and count how their states change.

    Parameters
    ----------
    atoms : Atoms
        Of a movie.
    recipe : FollowAtoms
        How drift is measured, how far atoms are followed, what states are.
    image : Image, optional
        The movie itself, for its drift and its time from frame to frame.

    Yields
    ------
    Progress

    Returns
    -------
    Followed

    Raises
    ------
    BadAtoms
        If there are no atoms.
    UnknownOption
        If atoms have no such feature or class.
    """
    recipe = recipe or FollowAtoms()
    sightings = of_classes(atoms, recipe.classes)
    atoms = atoms.keep(sightings)
    if not len(atoms):
        raise BadAtoms("There are no atoms.", remedy="Find atoms first, with a lower threshold if need be.")
    length = max(int(atoms.frames.max()) + 1, image.n_frames if image is not None else 0)
    drift = yield from _drift(atoms, recipe, image, length)
    still = without_drift(atoms, drift)
    tracks = yield from linking(still, reach=recipe.reach, gap=recipe.gap, frames=length)
    states = _states(atoms, recipe)
    long = np.flatnonzero((tracks.sizes[tracks.track] >= recipe.shortest) & (states != UNKNOWN))
    chosen = _renumbered(tracks, long)
    number = int(states.max()) + 1
    seconds, unit = _frame_time(recipe, image)
    counted = transitions(chosen, states[long], number)
    dwells = dwell_times(chosen, states[long], number, frame_time=seconds)
    notes = _notes(still, drift, counted, length)
    return Followed(drift, sightings, still, tracks, states, counted, dwells, seconds, unit, notes)


def _drift(
    atoms: Atoms, recipe: FollowAtoms, image: Image | None, length: int
) -> Generator[Progress, None, Vector]:
    if recipe.drift == "none" or length < 2:
        return np.zeros((length, 2))
    by_image = image is not None and image.n_frames == length
    if image is not None and (recipe.drift == "image" or (recipe.drift == "auto" and by_image)):
        coarse = yield from measuring_drift(image)
        if recipe.drift == "image":
            return coarse
        # From frame to frame errors of the image add up; the atoms are compared with several frames before.
        return np.asarray(coarse + drift_of_atoms(without_drift(atoms, coarse), frames=length))
    if recipe.drift == "image":
        raise BadAtoms(
            "Drift was to be measured by the image, but there is none.",
            remedy="Give the movie itself, or measure drift by the atoms.",
        )
    return drift_of_atoms(atoms, frames=length)


def _states(atoms: Atoms, recipe: FollowAtoms) -> NDArray[np.int64]:
    """Return states by a feature, or the classes of the atoms where there is none."""
    name = recipe.feature or ("intensity" if "intensity" in atoms.features else "")
    if recipe.feature and recipe.feature not in atoms.features:
        raise UnknownOption("feature of these atoms called", recipe.feature, atoms.features)
    several = len(np.unique(atoms.classes)) > 1
    if not name or (several and not recipe.feature):
        return atoms.classes.copy()
    values = np.asarray(atoms.features[name], np.float64)
    known = np.isfinite(values)
    states = np.full(len(atoms), UNKNOWN)
    states[known] = gaussian_states(values[known], recipe.states, seed=recipe.seed)[0]
    return states


def _renumbered(tracks: Tracks, kept: NDArray[np.int64]) -> Tracks:
    _, track = np.unique(tracks.track[kept], return_inverse=True)
    return Tracks(np.asarray(track, np.int64), tracks.frames[kept], tracks.length, tracks.reach)


def _frame_time(recipe: FollowAtoms, image: Image | None) -> tuple[float, str]:
    if recipe.frame_time > 0:
        return recipe.frame_time, "s"
    axis = image.axes[0] if image is not None and len(image.axes) > 2 else None
    if axis is not None and axis.unit in _SECONDS:
        return abs(axis.scale) * _SECONDS[axis.unit], "s"
    return 1.0, "frames"


def _notes(atoms: Atoms, drift: Vector, counted: Transitions, length: int) -> tuple[str, ...]:
    said = []
    if length < 2:
        said.append(ONE_FRAME)
    per_frame = np.bincount(atoms.frames, minlength=length)
    bare = int((per_frame == 0).sum())
    if bare:
        said.append(f"{bare} of {length} frames have no atoms.")
    one = atoms.positions[atoms.frames == int(np.argmax(per_frame))]
    spacing = typical_spacing(one)
    largest = float(np.linalg.norm(np.diff(drift, axis=0), axis=1).max(initial=0.0))
    if np.isfinite(spacing) and largest > _LARGE * spacing:
        said.append(
            f"Between two frames the specimen drifts by up to {largest:.1f} px, more than half the distance "
            "between neighbours: on a perfect lattice that cannot be told from a smaller drift."
        )
    strange = np.flatnonzero(frames_in_common(atoms) < _STRANGE)
    if len(strange):
        said.append(
            f"In {len(strange)} of {length} frames (the first is {strange[0]}, counted from 0) hardly more "
            "atoms than by chance lie where the frame before has some: they may show another place, or the "
            "drift is wrong. Tracks through them mean nothing: give frames of one place, or measure the "
            "drift in another way."
        )
    if counted.skipped:
        said.append(f"{counted.skipped} steps over frames without a sighting are not counted as transitions.")
    return tuple(said)

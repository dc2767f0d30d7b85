"""Amorphous supports and what lies on them. Lengths in Å.

Atoms of a support carry the tag `SUPPORT`: they are seen in an image but are no columns to be found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_atomai.errors import BadOption
from napari_atomai.simulate.defects import apart
from napari_atomai.simulate.structures import MARGIN, atomic_number, frame_of, in_frame

if TYPE_CHECKING:
    from ase import Atoms

SUPPORT = 1
"""Tag of the atoms of a support."""

_ROUNDS = 8


def amorphous(
    size: tuple[float, float],
    thickness: float,
    rng: np.random.Generator,
    *,
    element: str = "C",
    density: float = 0.09,
    closest: float = 1.35,
) -> Atoms:
    """Fill a frame with atoms at random, none nearer to another than a bond.

    Parameters
    ----------
    size : (height, width)
        Of the frame, Å.
    thickness : float
        In Å.
    rng : numpy.random.Generator
        Where the atoms lie.
    element : str
        Symbol.
    density : float
        Atoms per Å³; 0.09 is carbon of 1.8 g/cm³.
    closest : float
        Smallest distance of two atoms, Å.

    Returns
    -------
    ase.Atoms
        Tagged `SUPPORT`.

    Raises
    ------
    BadOption
        If so dense a packing cannot be had at random.
    """
    if not (min(*size, thickness) > 0 and density > 0):
        raise BadOption(
            f"The support is {size[0]:g} x {size[1]:g} x {thickness:g} Å of {density:g} atoms per Å³.",
            remedy="Give lengths and a density above 0.",
        )
    low = np.array([-MARGIN, -MARGIN, 0])
    high = np.array([size[1] + MARGIN, size[0] + MARGIN, thickness])
    count = round(density * float(np.prod(high - low)))
    places = np.empty((0, 3))
    for _ in range(_ROUNDS):
        trials = rng.uniform(low, high, (2 * (count - len(places)), 3))
        places = np.concatenate([places, trials])
        # What came first stays: the trials of this round give way.
        places = places[apart(places, closest)][:count]
        if len(places) == count:
            break
    if len(places) < 0.9 * count:
        raise BadOption(
            f"Only {len(places)} of {count} atoms fit at least {closest:g} Å apart.",
            remedy="Ask for a lower density or a smaller distance.",
        )
    support = in_frame(np.full(len(places), atomic_number(element)), places, (*size, thickness))
    support.set_tags(SUPPORT)
    return support


def single_atoms(
    support: Atoms,
    element: str,
    count: int,
    rng: np.random.Generator,
    *,
    distance: float = 3.0,
    clustered: float = 0.0,
) -> Atoms:
    """Scatter heavy atoms over a support.

    Parameters
    ----------
    support : ase.Atoms
        What they lie on.
    element : str
        Symbol of the single atoms.
    count : int
        How many.
    rng : numpy.random.Generator
        Where they lie.
    distance : float
        No two are nearer than this in the image, Å.
    clustered : float
        Share of the atoms that gather within 5 distances of one of a few places.

    Returns
    -------
    ase.Atoms
        Support and single atoms, the latter tagged 0.

    Raises
    ------
    BadOption
        If the frame has no room for that many.
    """
    height, width, _ = frame_of(support)
    trials = rng.uniform(0, [width, height], (20 * count, 2))
    gathered = rng.random(len(trials)) < clustered
    centres = rng.uniform(0, [width, height], (max(count // 12, 1), 2))
    near = centres[rng.integers(len(centres), size=len(trials))]
    trials[gathered] = (near + rng.normal(0, 2.5 * distance, near.shape))[gathered]
    trials = trials[((trials >= 0) & (trials < [width, height])).all(axis=1)]
    places = trials[apart(trials, distance)[:count]]
    if len(places) < count:
        raise BadOption(
            f"{len(places)} of {count} single atoms fit {distance:g} Å apart on {height:g} x {width:g} Å.",
            remedy="Ask for fewer, nearer to each other or on a larger support.",
        )
    above = float(support.positions[:, 2].max()) + 2.0
    points = np.column_stack([places, np.full(count, above)])
    return support + in_frame(np.full(count, atomic_number(element)), points, frame_of(support))


def on_support(atoms: Atoms, support: Atoms) -> Atoms:
    """Lay a structure, such as a particle, on a support; both frames start at the same corner.

    Returns
    -------
    ase.Atoms
        In the frame of the support.
    """
    lifted = atoms.copy()
    lifted.positions[:, 2] += float(support.positions[:, 2].max()) + 2.0 - float(atoms.positions[:, 2].min())
    return support + lifted

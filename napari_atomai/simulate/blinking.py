"""A movie of columns that drift, tremble, and change between two states."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Axis, Image
from napari_atomai.errors import BadOption
from napari_atomai.simulate.imaging import Columns, Conditions, draw, expose
from napari_atomai.simulate.lattices import PROTOTYPES

_SPACING_NM = 0.32
_SIGMA_NM = 0.06
_TREMBLE = 0.02  # spacings
_STEP = np.array([0.25, -0.15])  # pixels of drift, a frame


@dataclass(frozen=True, eq=False)
class Film:
    """A simulated movie and the truth about it.

    Parameters
    ----------
    image : Image
        Frames along t in s, pixels in nm.
    truth : Atoms
        Every column in every frame, frame by frame in the same order; classes "dim" and "bright" are its
        states.
    drift : array, shape (T, 2)
        As row, column in pixels; zeros for the first frame.
    """

    image: Image
    truth: Atoms
    drift: NDArray[np.float64]


def blinking_columns(
    *,
    frames: int = 40,
    size: int = 200,
    pixel_size: float = 0.02,
    frame_time: float = 0.5,
    dose: float = 60.0,
    leaving: tuple[float, float] = (0.05, 0.1),
    seed: int = 0,
) -> Film:
    """Simulate a movie of a square lattice whose columns become bright and dim again by chance.

    Parameters
    ----------
    frames : int
        How many.
    size : int
        Rows and columns.
    pixel_size : float
        In nm.
    frame_time : float
        Seconds from frame to frame.
    dose : float
        Electrons counted per pixel at the peak of a dim column.
    leaving : (float, float)
        Probability, from frame to frame, that a dim column becomes bright, and a bright one dim.
    seed : int
        Of everything that is left to chance.

    Raises
    ------
    BadOption
        If there is no frame, or a probability is none.
    """
    if frames < 1 or not all(0 <= chance <= 1 for chance in leaving):
        raise BadOption(
            f"{frames} frames with probabilities {leaving} were asked for.",
            remedy="Ask for one frame or more, with probabilities from 0 to 1.",
        )
    rng = np.random.default_rng(seed)
    spacing = _SPACING_NM / pixel_size
    sites, _ = PROTOTYPES["square"].scaled(spacing).tile((size, size), 0.1, -0.5 * spacing)
    state = np.empty((frames, len(sites)), np.int64)
    state[0] = rng.random(len(sites)) < leaving[0] / max(sum(leaving), 1e-12)
    for now in range(1, frames):
        changes = rng.random(len(sites)) < np.array(leaving)[state[now - 1]]
        state[now] = np.where(changes, 1 - state[now - 1], state[now - 1])
    drift = np.outer(np.arange(frames), _STEP) + rng.normal(0, 0.05, (frames, 2))
    drift -= drift[0]
    tremble = rng.normal(0, _TREMBLE * spacing, (frames, *sites.shape))
    where: NDArray[np.float64] = np.asarray(sites + drift[:, None] + tremble, np.float64)
    sigmas = np.full((len(sites), 2), _SIGMA_NM / pixel_size)
    pixels = [
        expose(
            draw(Columns(place, 1.0 + bright.astype(np.float64), sigmas), (size, size)) + 0.2,
            Conditions(dose=dose),
            rng,
        )
        for place, bright in zip(where, state, strict=True)
    ]
    axes = (
        Axis("t", frame_time, unit="s"),
        Axis("y", pixel_size, unit="nm"),
        Axis("x", pixel_size, unit="nm"),
    )
    truth = Atoms.make(
        where.reshape(-1, 2),
        state.ravel(),
        np.repeat(np.arange(frames), len(sites)),
        class_names=("dim", "bright"),
        pixel_size=(pixel_size, pixel_size),
    )
    return Film(Image(np.stack(pixels), axes, name="blinking columns"), truth, drift)

"""How far the specimen has drifted in each frame of a movie, and the movie without it.

The drift of a frame is where things that rest are seen in it, minus where they were seen in the first one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage
from scipy.spatial import cKDTree

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.progress import Progress
from napari_atomai.errors import BadAtoms, BadImage, BadOption
from napari_atomai.locate.neighbours import typical_spacing

Vector = NDArray[np.float64]

_FINE = 20  # steps of the last search, a pixel
_AROUND = 1.5  # pixels to each side of the coarse maximum that are searched
_NEARLY = 0.6  # of the highest peak
_CLEAR = 6.0  # deviations: the highest of noise lies near 4.5
_ALIKE = 0.2  # coefficient of correlation of frames that show the same: a lattice has no single peak
_SLOW = 5  # periods in the image
_SOFT = 1.0  # of the strongest frequency: weaker ones count less, as they are mostly noise
_BINS = 12  # of the histogram of differences, in one reach
_FEWEST = 3
_MEMORY = 5
_PLACES = 2000  # looked at for what chance does: its share is then known to 0.01


class Frames(Protocol):
    """Something with frames, such as an Image."""

    @property
    def n_frames(self) -> int:
        """How many."""
        ...

    def frame(self, index: int) -> NDArray[Any]:
        """Return one, (y, x)."""
        ...


def measuring_drift(movie: Frames, *, most: float = 0.0) -> Generator[Progress, None, Vector]:
    """Measure the drift of a movie by the correlation of each frame with the one before.

    The maximum is found below a pixel by a Fourier transform evaluated around it (Guizar-Sicairos,
    Thurman and Fienup, 10.1364/OL.33.000156).

    Parameters
    ----------
    movie : Image, or anything with `n_frames` and `frame`
        Frames of equal shape; pixels that are not finite are filled.
    most : float
        Largest drift between two frames in pixels; 0 = a quarter of the shorter side. A perfect lattice
        looks the same when it moves by a cell: of drifts that are nearly as likely the smallest is taken.

    Yields
    ------
    Progress

    Returns
    -------
    array, shape (T, 2)
        Row, column in pixels; zeros for the first frame. A frame that has nothing in common with the one
        before is taken to have drifted as that.

    Raises
    ------
    BadImage
        If frames have different shapes, or are smaller than 8 x 8.
    """
    count = movie.n_frames
    drift = np.zeros((count, 2))
    before, shape = None, (0, 0)
    for number in range(count):
        yield Progress(number, count, "measuring drift")
        frame = movie.frame(number)
        if frame.ndim != 2 or min(frame.shape) < 8 or (before is not None and frame.shape != shape):
            raise BadImage(
                f"Frame {number} has shape {frame.shape}"
                + (f", the one before {shape}." if shape[0] else "."),
                why="Frames are compared pixel by pixel.",
                remedy="Give frames of one shape, 8 x 8 at least.",
            )
        shape = frame.shape
        if before is not None:
            drift[number] = drift[number - 1] + _between(before, frame, most or min(shape) / 4)
        before = frame
    yield Progress(count, count, "measuring drift")
    return drift


def _between(before: NDArray[Any], now: NDArray[Any], most: float) -> Vector:
    """Return the drift from one frame to the next: first to a pixel, then on the part that both show.

    The window, which rests, would otherwise pull the result towards zero.
    """
    coarse = _coarse(_transformed(before), _transformed(now), most)
    if coarse is None:
        return np.zeros(2)
    first = tuple(slice(max(0, -n), min(size, size - n)) for n, size in zip(coarse, now.shape, strict=True))
    second = tuple(slice(max(0, n), min(size, size + n)) for n, size in zip(coarse, now.shape, strict=True))
    fine = _fine(_evened(_transformed(now[second]) * np.conj(_transformed(before[first]))))
    # A rise that goes on at the end of the search is none of the peak that it began at.
    return coarse + fine if np.abs(fine).max() < _AROUND - 1 / _FINE else np.zeros(2)


def _evened(cross: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Return a cross power spectrum in which strong frequencies count more alike, and weak ones as they are.

    All alike (a phase correlation) would give noise, which most frequencies are, most of the say: the error
    of drift is then two to three times as large.
    """
    size = np.abs(cross)
    evened: NDArray[np.complex128] = cross / np.maximum(size + _SOFT * size.max(initial=0.0), 1e-300)
    return evened


def _transformed(frame: NDArray[Any]) -> NDArray[np.complex128]:
    pixels = np.asarray(frame, np.float64)
    known = np.isfinite(pixels)
    pixels = np.where(known, pixels, pixels[known].mean() if known.any() else 0.0)
    window = np.outer(*(np.hanning(n + 2)[1:-1] for n in pixels.shape))
    found: NDArray[np.complex128] = fft.fft2((pixels - pixels.mean()) * window)
    return found


def _coarse(
    before: NDArray[np.complex128], now: NDArray[np.complex128], most: float
) -> NDArray[np.int64] | None:
    """Return the smallest shift (row, column) whose peak is nearly as high as the highest.

    A lattice has a peak for each of its vectors, hardly different in height: the smallest shift is the
    likeliest. None where no peak stands out of the noise, and the frames are not alike there either.
    """
    cross = now * np.conj(before)
    correlation = fft.ifft2(_evened(cross)).real
    rows, cols = (np.rint(fft.fftfreq(n, 1 / n)).astype(np.int64) for n in cross.shape)
    far = np.hypot(rows[:, None], cols) > most
    correlation[far] = -np.inf
    values = correlation[~far]
    if not values.max(initial=0.0) > 0:
        return None
    peaks = ndimage.maximum_filter(correlation, size=5, mode="wrap") == correlation
    row, col = np.nonzero(peaks & (correlation >= _NEARLY * values.max()))
    best = int(np.argmin(np.hypot(rows[row], cols[col])))
    alike = _alike(before, now, int(row[best]), int(col[best])) > _ALIKE
    if not alike and values.max() <= values.mean() + _CLEAR * values.std():
        return None
    return np.array([rows[row[best]], cols[col[best]]])


def _alike(before: NDArray[np.complex128], now: NDArray[np.complex128], row: int, col: int) -> float:
    """Return the coefficient of correlation of two frames at a shift, slopes and shades left out."""
    rows, cols = (np.fft.fftfreq(n, 1 / n) for n in now.shape)
    slow = np.hypot(rows[:, None], cols) < _SLOW
    one, other = np.where(slow, 0, before), np.where(slow, 0, now)
    energy = float(np.sqrt((np.abs(one) ** 2).sum() * (np.abs(other) ** 2).sum()))
    phase = np.exp(2j * np.pi * (rows[:, None] * row / now.shape[0] + cols * col / now.shape[1]))
    return float((other * np.conj(one) * phase).sum().real) / energy if energy > 0 else 0.0


def _fine(cross: NDArray[np.complex128]) -> Vector:
    """Return where the highest correlation within a pixel and a half of no shift lies."""
    steps = np.arange(-_AROUND, _AROUND + 0.5 / _FINE, 1 / _FINE)
    down, right = (np.exp(2j * np.pi * np.outer(steps, fft.fftfreq(n))) for n in cross.shape)
    fine = (down @ cross @ right.T).real
    top = np.unravel_index(int(np.argmax(fine)), fine.shape)
    found: Vector = steps[list(top)] + _vertex(fine, int(top[0]), int(top[1])) / _FINE
    return found


def _vertex(values: Vector, row: int, col: int) -> Vector:
    """Return where, relative to the highest of values, the top of parabolas through its neighbours lies."""
    if not (0 < row < values.shape[0] - 1 and 0 < col < values.shape[1] - 1):
        return np.zeros(2)
    here = values[row, col]
    ends = np.array(
        [[values[row - 1, col], values[row + 1, col]], [values[row, col - 1], values[row, col + 1]]]
    )
    curve = 2 * here - ends.sum(axis=1)
    return np.asarray(0.5 * (ends[:, 1] - ends[:, 0]) / np.maximum(curve, 1e-300), np.float64)


def drift_of_atoms(
    atoms: Atoms | Sequence[NDArray[Any]], *, reach: float = 0.0, frames: int | None = None
) -> Vector:
    """Measure the drift by the shift that most atoms have against those of the frames before.

    Parameters
    ----------
    atoms : Atoms, or sequence of array, each of shape (N, 2)
        Of a movie; positions as row, column in pixels. Frames may have different numbers of atoms.
    reach : float
        Largest drift between two frames in pixels; 0 = a third of the distance between neighbours. On a
        lattice a drift of more than half a cell cannot be told from a smaller one.
    frames : int, optional
        Length of the movie, where its last frames may be empty.

    Returns
    -------
    array, shape (T, 2)
        Row, column in pixels; zeros for the first frame. A frame with fewer than three atoms in common with
        the last one is taken to have drifted as that.
    """
    parts = by_frame(atoms, frames)
    drift = np.zeros((len(parts), 2))
    far = reach or typical_reach(parts, 1 / 3)
    # Several frames remembered: errors of single frames then do not add up.
    memory: deque[Vector] = deque(maxlen=_MEMORY)
    for number, now in enumerate(parts):
        start = drift[number - 1] if number else np.zeros(2)
        before = np.concatenate([*memory, np.empty((0, 2))])
        drift[number] = start + _common_shift(before, now - start, far)
        if len(now):
            memory.append(now - drift[number])
    return drift


def _common_shift(before: Vector, now: Vector, reach: float) -> Vector:
    if min(len(before), len(now)) < _FEWEST or not reach > 0:
        return np.zeros(2)
    # Pairs farther apart than the drift can be, since atoms move by themselves, too.
    near = cKDTree(before).sparse_distance_matrix(cKDTree(now), 2 * reach, output_type="ndarray")
    apart = now[near["j"]] - before[near["i"]]
    if len(apart) < _FEWEST:
        return np.zeros(2)
    edges = np.linspace(-reach, reach, 2 * _BINS + 1)
    counts = np.histogram2d(apart[:, 0], apart[:, 1], bins=[edges, edges])[0]
    best = np.unravel_index(
        int(np.argmax(ndimage.gaussian_filter(counts, 2.0, mode="constant"))), counts.shape
    )
    middle = edges[list(best)] + reach / (2 * _BINS)
    for _ in range(12):
        close = np.linalg.norm(apart - middle, axis=1) < reach
        if close.sum() < _FEWEST:
            return np.zeros(2)
        middle = np.median(apart[close], axis=0)
    return np.asarray(middle, np.float64)


def frames_in_common(atoms: Atoms | Sequence[NDArray[Any]], *, reach: float = 0.0) -> Vector:
    """Tell for each frame of a movie without drift how much of it the frame before shows, too.

    The share of its atoms that have an atom of the frame before within reach, above the share that atoms
    strewn at random would have, as a part of what is possible above that (Cohen's kappa,
    10.1177/001316446002000104).

    Parameters
    ----------
    atoms : Atoms, or sequence of array, each of shape (N, 2)
        Positions as row, column in pixels, drift taken away.
    reach : float
        In pixels; 0 = a fifth of the distance between neighbours.

    Returns
    -------
    array, shape (T,)
        1 where every atom lies on one of the frame before, about 0 where frames show different places. NaN
        for a frame with fewer than three atoms, and where no frame before has as many.
    """
    parts = by_frame(atoms)
    far = reach or typical_reach(parts, 0.2)
    common = np.full(len(parts), np.nan)
    before: Vector | None = None
    for number, now in enumerate(parts):
        if len(now) < _FEWEST or not far > 0:
            continue
        if before is not None:
            tree = cKDTree(before)
            share = np.isfinite(tree.query(now, distance_upper_bound=far)[0]).mean()
            # How much of the frame lies near an atom of the one before: asked at random places.
            places = np.random.default_rng(0).uniform(now.min(axis=0), now.max(axis=0), (_PLACES, 2))
            chance = np.isfinite(tree.query(places, distance_upper_bound=far)[0]).mean()
            common[number] = (share - chance) / max(1 - chance, 1e-9)
        before = now
    return common


def by_frame(atoms: Atoms | Sequence[NDArray[Any]], frames: int | None = None) -> list[Vector]:
    """Return positions (N, 2) for each frame from 0 on; empty where a frame has no atoms.

    Raises
    ------
    BadAtoms
        If a frame is below 0, or positions are not (N, 2).
    """
    if not isinstance(atoms, Atoms):
        parts = [
            np.asarray(part, np.float64).reshape(-1, 2)
            if np.size(part) == 0
            else np.asarray(part, np.float64)
            for part in atoms
        ]
        wrong = next((part.shape for part in parts if part.ndim != 2 or part.shape[1] != 2), None)
        if wrong is not None:
            raise BadAtoms(
                f"Positions have shape {wrong}.", remedy="Give (N, 2) for each frame: row, column."
            )
        return parts
    if len(atoms) and atoms.frames.min() < 0:
        raise BadAtoms(f"There is a frame {atoms.frames.min()}.", remedy="Count frames from 0.")
    last = int(atoms.frames.max(initial=-1)) + 1
    count = max(last, frames or 0)
    order = np.argsort(atoms.frames, kind="stable")
    cuts = np.searchsorted(atoms.frames[order], np.arange(1, count))
    return np.split(atoms.positions[order], cuts) if count else []


def typical_reach(parts: Sequence[Vector], share: float) -> float:
    """Return a share of the typical distance between neighbours, over all frames; 0 where none has two."""
    spacings = [typical_spacing(part) for part in parts if len(part) > 1]
    return share * float(np.median(spacings)) if spacings else 0.0


def without_drift(atoms: Atoms, drift: Vector) -> Atoms:
    """Return atoms where they would be seen without drift.

    Raises
    ------
    BadOption
        If the drift is not known for every frame.
    """
    if len(atoms) and atoms.frames.max() >= len(drift):
        raise BadOption(
            f"The drift of {len(drift)} frames is known, but there are atoms in frame {atoms.frames.max()}.",
            remedy="Measure the drift of the whole movie.",
        )
    return replace(atoms, positions=atoms.positions - drift[atoms.frames]) if len(atoms) else atoms


def aligned(frame: NDArray[Any], drift: Vector) -> NDArray[np.float32]:
    """Return a frame (y, x) as seen without its drift (row, column); NaN where it had left the image."""
    moved = ndimage.shift(np.asarray(frame, np.float64), -drift, order=1, mode="constant", cval=np.nan)
    return np.asarray(moved, np.float32)

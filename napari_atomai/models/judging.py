"""How good a finder is on simulated scenes it was not trained on: hits, calibration of scores, risks."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logit

from napari_atomai.data.progress import Progress
from napari_atomai.data.risk import RiskTable
from napari_atomai.locate.centres import Peaks
from napari_atomai.predictors.detect import detecting
from napari_atomai.predictors.finder import Finder
from napari_atomai.predictors.lone import detecting_alone, width_of
from napari_atomai.simulate.scenes import training_pair
from napari_atomai.simulate.truth import Tally, judged, match

Vector = NDArray[np.float64]
Flags = NDArray[np.bool_]

THRESHOLDS = np.round(np.arange(0.05, 0.991, 0.01), 2)
_BINS = 10
_FEWEST = 5
"""Images with fewer visible columns say nothing of what share of them is missed."""

_WITHIN = 4.0


@dataclass(frozen=True, eq=False)
class Seen:
    """What a finder saw in one image: candidates that count, and how many columns there are."""

    scores: Vector
    true: Flags
    columns: int
    lattice: bool


@dataclass(frozen=True, eq=False)
class Judgement:
    """All images together."""

    images: tuple[Seen, ...]

    def tally(self, threshold: float = 0.5) -> Tally:
        """Hits, false alarms and misses at a threshold."""
        total = Tally(0, 0, 0)
        for seen in self.images:
            found = seen.scores >= threshold
            hits = int((found & seen.true).sum())
            total += Tally(hits, int(found.sum()) - hits, seen.columns - hits)
        return total

    def reliability(self) -> tuple[Vector, Vector, NDArray[np.int64]]:
        """Mean score, share that is true, and number of candidates, in tenths of the score."""
        scores = np.concatenate([seen.scores for seen in self.images])
        true = np.concatenate([seen.true for seen in self.images])
        which = np.minimum((scores * _BINS).astype(int), _BINS - 1)
        count = np.bincount(which, minlength=_BINS)
        safe = np.maximum(count, 1)
        mean, share = (np.bincount(which, each, _BINS) / safe for each in (scores, true))
        return mean, share, count

    def calibration_error(self) -> float:
        """Return how far scores are from the share that is true, on average over the candidates."""
        mean, share, count = self.reliability()
        return float((np.abs(mean - share) * count).sum() / max(count.sum(), 1))

    def calibration(self) -> tuple[float, float]:
        """Return the slope and offset of the log-odds that make the scores probabilities (Platt scaling)."""
        scores = np.concatenate([seen.scores for seen in self.images])
        true = np.concatenate([seen.true for seen in self.images]).astype(float)
        odds = logit(np.clip(scores, 1e-4, 1 - 1e-4))

        def loss(numbers: Vector) -> float:
            z = numbers[0] * odds + numbers[1]
            return float(np.mean(np.logaddexp(0, z) - true * z))

        slope, offset = minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead").x
        return round(float(slope), 4), round(float(offset), 4)

    def without_lattice(self) -> Judgement:
        """Return the images in which there is no lattice."""
        return Judgement(tuple(seen for seen in self.images if not seen.lattice))

    def risks(self) -> dict[str, RiskTable]:
        """Risk of each threshold on images with a lattice, and on those with single atoms."""
        return {
            name: self._risk([seen for seen in self.images if seen.lattice == lattice])
            for name, lattice in (("lattice", True), ("single atoms", False))
        }

    def risk(self) -> RiskTable:
        """Risk of each threshold on all the images."""
        return self._risk(list(self.images))

    def _risk(self, images: list[Seen]) -> RiskTable:
        told = [seen for seen in images if seen.columns >= _FEWEST]
        found = np.stack([(seen.scores[:, None] >= THRESHOLDS).sum(axis=0) for seen in told])
        hits = np.stack([(seen.scores[seen.true][:, None] >= THRESHOLDS).sum(axis=0) for seen in told])
        there = np.array([seen.columns for seen in told])[:, None]
        return RiskTable.measured(1 - hits / there, (found - hits) / np.maximum(found, 1), THRESHOLDS)


def judging(
    finder: Finder, images: int = 400, size: int = 128, seed: int = 10_000
) -> Generator[Progress, None, Judgement]:
    """Let a finder look at simulated scenes of its own scale.

    Parameters
    ----------
    finder : Finder
        What is judged.
    images, size : int
        How many scenes, of how many pixels a side.
    seed : int
        Of the scenes; training uses others.
    """
    seen = []
    for index in range(images):
        pair = training_pair(np.random.default_rng([seed, index]), size)
        found = yield from detecting(finder, pair.image, zoom=1.0)
        true, counts = judged(found.peaks.positions, pair)
        seen.append(Seen(found.peaks.scores[counts], true[counts], len(pair.positions), pair.lattice))
        yield Progress(index + 1, images, "judging")
    return Judgement(tuple(seen))


def judging_alone(
    finder: Finder, images: int = 120, size: int = 192, seed: int = 10_000, *, visible: bool = False
) -> Generator[Progress, None, Judgement]:
    """Let a finder look at simulated scenes without a lattice, in the way of `detecting_alone`.

    Parameters
    ----------
    finder, images, size, seed
        As in `judging`; scenes with a lattice are passed over.
    visible : bool
        Ask for the columns that can be seen, and pass over those of which nobody could say, as `judging`
        does. Otherwise a candidate is true where a column was drawn, however faint.
    """
    seen: list[Seen] = []
    number = 0
    while len(seen) < images:
        pair = training_pair(np.random.default_rng([seed, number]), size)
        number += 1
        if pair.lattice:
            continue
        width = width_of(pair.image)
        peaks = Peaks(np.empty((0, 2)), np.empty(0))
        if np.isfinite(width):
            peaks = (yield from detecting_alone(finder, pair.image, width)).peaks
        columns = pair.positions if visible else pair.drawn
        true, counts = judged(peaks.positions, pair)
        if not visible:
            of_found, _ = match(peaks.positions, columns, _WITHIN)
            true, counts = np.isin(np.arange(len(peaks)), of_found), np.ones(len(peaks), np.bool_)
        seen.append(Seen(peaks.scores[counts], true[counts], len(columns), False))
        yield Progress(len(seen), images, "judging")
    return Judgement(tuple(seen))

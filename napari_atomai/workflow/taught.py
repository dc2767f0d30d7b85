"""How good a finder is where a person has corrected, and scores that mean what they say there."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logit

from napari_atomai.data.progress import Progress
from napari_atomai.files.weights import Weights
from napari_atomai.predictors.detect import Detected, as_alone, detecting
from napari_atomai.predictors.finder import Finder
from napari_atomai.prepare.lessons import in_mask
from napari_atomai.simulate.truth import Tally, match
from napari_atomai.workflow.corrections import Task

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

WITHIN = 0.35
"""A found atom counts as a hit when it lies nearer to a true one than this share of the spacing."""

_TRUST = 8.0
"""How many candidates uncalibrated scores are worth against those of the corrections."""


@dataclass(frozen=True, eq=False)
class Judged:
    """Candidates of a finder where the truth is known: their scores, which are true, and how many atoms."""

    scores: Vector
    true: Mask
    columns: int

    def best_threshold(self) -> float:
        """Return the threshold, of tenths and halves of them, at which the F1 is highest; 0.5 in doubt."""
        tried = np.round(np.arange(0.1, 0.91, 0.05), 2)
        values = [self.tally(float(each)).f1 - 1e-3 * abs(float(each) - 0.5) for each in tried]
        return float(tried[int(np.argmax(values))])

    def tally(self, threshold: float = 0.5) -> Tally:
        """Hits, false alarms and misses at a threshold."""
        found = self.scores >= threshold
        hits = int((found & self.true).sum())
        return Tally(hits, int(found.sum()) - hits, self.columns - hits)


def judged(finder: Finder, tasks: Sequence[Task], *, held: bool) -> Generator[Progress, None, Judged]:
    """Let a finder look at corrected frames, and compare what it sees in the part that counts."""
    parts = []
    for number, task in enumerate(tasks):
        yield Progress(number, len(tasks), "judging")
        seen = yield from seen_in(finder, task)
        parts.append(_compared(seen, task, task.held if held else task.reviewed))
    return Judged(
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.true for part in parts]),
        sum(part.columns for part in parts),
    )


def seen_in(finder: Finder, task: Task) -> Generator[Progress, None, Detected]:
    """Return what a finder sees in the frame of a task, at the scale it was taught at."""
    seen = yield from detecting(finder, task.pixels, task.zoom)
    return seen if task.lattice else as_alone(seen, finder.card)


def _compared(seen: Detected, task: Task, part: Mask) -> Judged:
    positions = seen.peaks.positions
    of_found, _ = match(positions, task.positions, WITHIN * task.spacing)
    true = np.zeros(len(positions), np.bool_)
    true[of_found] = True
    # A hit belongs to the part in which its true atom lies; a false one to that in which it lies itself.
    columns = in_mask(task.positions, part)
    of_found, of_true = match(positions, task.positions, WITHIN * task.spacing)
    counts = in_mask(positions, part) & ~true
    counts[of_found] = columns[of_true]
    return Judged(seen.peaks.scores[counts], true[counts], int(columns.sum()))


def calibrated_to(weights: Weights, seen: Judged) -> Weights:
    """Return weights whose scores are the share that is true, as far as so few candidates tell.

    For nets that started from random weights. Those that go on from a base keep its calibration: they are
    held to what it says of images that were not corrected, and a shift that one image asks for would cost
    them every other. For the image that was corrected there is the threshold.

    Platt scaling with a prior: without candidates the scores stay as they are.
    """
    odds = logit(np.clip(seen.scores, 1e-4, 1 - 1e-4))
    true = seen.true.astype(float)

    def loss(numbers: Vector) -> float:
        z = numbers[0] * odds + numbers[1]
        prior = _TRUST * (np.log(max(numbers[0], 1e-3)) ** 2 + 0.25 * numbers[1] ** 2)
        return float(np.sum(np.logaddexp(0, z) - true * z) + prior)

    slope, offset = (float(x) for x in minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead").x)
    changes = {"calibration": (round(slope, 4), round(offset, 4))}
    return dataclasses.replace(weights, card=weights.card.model_copy(update=changes))

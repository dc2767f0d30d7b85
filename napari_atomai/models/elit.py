"""ELIT: ensemble learning, iterative training. An ensemble teaches itself what its nets agree on.

Ghosh, Sumpter, Dyck, Kalinin & Ziatdinov, npj Comput. Mater. 7, 100 (2021), doi:10.1038/s41524-021-00569-7:
nets that were trained on simulated images predict the images of an experiment; what they are sure of and
agree on become labels, from which they go on learning. What they are not sure of is nobody's truth: it is
neither atom nor background.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.data.arguments import a_table
from napari_atomai.data.card import ModelCard
from napari_atomai.data.image import Image
from napari_atomai.data.progress import Progress, finish
from napari_atomai.data.recipes_teaching import Elit, Teach
from napari_atomai.errors import BadModel, BadOption
from napari_atomai.files.weights import Weights
from napari_atomai.models.elit_rounds import Round, Rounds, read_rounds, write_rounds
from napari_atomai.models.storage import load_weights
from napari_atomai.predictors.detect import Detected, as_alone, detecting
from napari_atomai.predictors.finder import Finder, finder_for
from napari_atomai.predictors.polarity import find_scale_and_polarity
from napari_atomai.predictors.scale import LATTICE, Scale, resized, true_zoom
from napari_atomai.prepare.lessons import RADIUS, Lesson
from napari_atomai.prepare.masks import IGNORED, disc_labels
from napari_atomai.prepare.normalise import finite
from napari_atomai.simulate.truth import Tally, match
from napari_atomai.trainers.teaching import Run, as_weights, learning

Vector = NDArray[np.float64]

_FOUND = 0.5
_OUTERMOST = 0.25
"""Part of the spacing along the border where columns just outside are seen as centres: they would be learned,
and more of them seen in each round."""
_NEAR = 0.35


@dataclass(eq=False)
class _Frame:
    """A frame with atoms bright, and its scale."""

    pixels: NDArray[Any]
    scale: Scale
    truth: Vector | None


class ELIT:
    """Ensemble learning, iterative training.

    Parameters
    ----------
    recipe : Elit, optional
        From which ensemble, what a label needs, how long.

    Examples
    --------
    >>> from napari_atomai.data.recipes_teaching import Elit
    >>> elit = ELIT(Elit(iterations=3))
    >>> elit.fit(movie).table()["atoms"]  # doctest: +SKIP
    [340, 361, 370, 371]
    """

    def __init__(self, recipe: Elit | None = None) -> None:
        self.recipe = recipe or Elit()

    def fit(
        self,
        images: Image | ArrayLike | Sequence[Image],
        out: str | Path | None = None,
        truth: Sequence[ArrayLike | None] = (),
    ) -> Rounds:
        """Run to the end; see `fitting`."""
        return finish(self.fitting(images, out, truth))

    def fitting(
        self,
        images: Image | ArrayLike | Sequence[Image],
        out: str | Path | None = None,
        truth: Sequence[ArrayLike | None] = (),
    ) -> Generator[Progress, None, Rounds]:
        """Let the ensemble teach itself on images.

        Parameters
        ----------
        images : Image, array of shape (y, x) or (t, y, x), or sequence of Image
            All frames are learned from together.
        out : path, optional
            Folder where the model and the numbers of each round are written; rounds that are there are not
            done again.
        truth : sequence of array, shape (N, 2), or None, optional
            Row, column of the atoms of each frame, in their order, where they are known. Nothing is learned
            from them.

        Yields
        ------
        Progress
            ``losses``: "loss" while it learns; at the end of a round its numbers: "number", "atoms",
            "uncertainty" ...

        Returns
        -------
        Rounds

        Raises
        ------
        BadModel
            If the model is no ensemble of finders.
        BadOption
            If the nets agree on no atom.
        """
        recipe = self.recipe
        weights = load_weights(recipe.model)
        if weights.card.task != "find atoms" or weights.card.members < 2:
            raise BadModel(
                f"{weights.card.name!r} is no ensemble of finders: it has {weights.card.members} net(s).",
                why="One net has nobody to agree with.",
                remedy='Take "atoms-ensemble", or an ensemble taught from it.',
            )
        frames = yield from _frames(images, finder_for(weights), truth)
        folder = None if out is None else Path(out)
        rounds = [] if folder is None else read_rounds(folder, recipe, weights)
        if not rounds:
            rounds = [(yield from _seen(frames, weights, recipe, None))[0]]
            write_rounds(folder, rounds, recipe)
            yield rounds[-1].told(recipe)
        while len(rounds) <= recipe.iterations and not _settled(rounds, recipe):
            rounds.append((yield from self._round(frames, rounds[-1])))
            write_rounds(folder, rounds, recipe)
            yield rounds[-1].told(recipe)
        return Rounds(tuple(rounds), _reason(rounds, recipe))

    def _round(self, frames: Sequence[_Frame], before: Round) -> Generator[Progress, None, Round]:
        recipe = self.recipe
        _, lessons = yield from _seen(frames, before.model, recipe, before)
        teach = Teach(
            base=before.model.card.name,
            steps=recipe.steps,
            learning_rate=recipe.learning_rate,
            held_out=0,
            remember=recipe.remember,
            augmentation=recipe.augmentation,
            seed=recipe.seed + before.number,
        )
        run = Run(lessons, teach, before.model, before.model.card)
        for progress in learning(run):
            message = f"round {before.number + 1}: {progress.message}"
            step, of = before.number * progress.of + progress.step, recipe.iterations * progress.of
            yield Progress(step, of, message, progress.losses)
        card = _card(before.model.card, recipe, before.number + 1)
        after, _ = yield from _seen(frames, as_weights(run.best, card), recipe, before)
        return after


def _card(base: ModelCard, recipe: Elit, number: int) -> ModelCard:
    """Return the card of an ensemble after a round: what was measured of the base is not true of it."""
    name = Path(recipe.model).stem
    return base.model_copy(
        update={
            "name": f"{name} ELIT {number}",
            "description": f"{name} after {number} round{'s' * (number > 1)} of teaching itself (ELIT).",
            "metrics": {},
            "risk": {},
            "training": {"elit": recipe.model_dump(mode="json"), "round": number},
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
    )


def _frames(
    images: Image | ArrayLike | Sequence[Image], finder: Finder, truth: Sequence[ArrayLike | None]
) -> Generator[Progress, None, list[_Frame]]:
    """Measure the scale of each image in its first frame; a movie keeps it."""
    given = [images] if isinstance(images, Image | np.ndarray) else list(images)  # type: ignore[arg-type]
    frames: list[_Frame] = []
    for each in given:
        image = each if isinstance(each, Image) else Image.from_array(each)
        first = finite(np.asarray(image.frame(0), np.float64))
        scale, dark = yield from find_scale_and_polarity(finder.scout, finder.card, first)
        for index in range(image.n_frames):
            pixels = np.asarray(image.frame(index), np.float64)
            known = truth[len(frames)] if len(frames) < len(truth) else None
            own = None if known is None else a_table("Known atoms", known, 2)
            frames.append(_Frame(finite(-pixels if dark else pixels), scale, own))
    return frames


def _seen(
    frames: Sequence[_Frame], weights: Weights, recipe: Elit, before: Round | None
) -> Generator[Progress, None, tuple[Round, list[Lesson]]]:
    """Let the ensemble look at every frame: what it finds, and what can be learned from it."""
    finder = finder_for(weights)
    lessons, found, scores, spreads, sure = [], [], [], [], 0
    for number, frame in enumerate(frames):
        yield Progress(0, 0, f"looking at frame {number + 1} of {len(frames)}")
        seen = yield from detecting(finder, frame.pixels, frame.scale.zoom)
        if frame.scale.confidence < LATTICE:
            seen = as_alone(seen, finder.card)
        lesson, labels = _lesson(frame, seen, recipe)
        there = (seen.peaks.scores >= _FOUND) & _inside(frame, seen.peaks.positions)
        assert seen.score_sd is not None  # an ensemble has one
        lessons.append(lesson)
        sure += labels
        found.append(seen.peaks.positions[there])
        scores.append(seen.peaks.scores[there])
        spreads.append(seen.score_sd[there])
    if sure == 0:
        raise BadOption(
            f"The nets agree on no atom with a score of {recipe.threshold:g} and a spread of up to "
            f"{recipe.agreement:g}.",
            remedy="Ask for less, or start from a model that knows such images.",
        )
    number = 0 if before is None or before.model is weights else before.number + 1
    spread, score = (_mean(each) for each in (spreads, scores))
    changed = np.nan if before is None else _changed(before.positions, found, frames)
    count = sum(map(len, found))
    after = Round(number, count, sure, spread, score, changed, _f1(found, frames), tuple(found), weights)
    return after, lessons


def _mean(parts: Sequence[Vector]) -> float:
    values = np.concatenate(parts)
    return float(values.mean()) if len(values) else float("nan")


def _lesson(frame: _Frame, seen: Detected, recipe: Elit) -> tuple[Lesson, int]:
    """Return what the nets are sure of, at their own scale, and how many atoms are among it."""
    assert seen.spread is not None
    assert seen.score_sd is not None
    sure = (seen.peaks.scores >= recipe.threshold) & (seen.score_sd <= recipe.agreement)
    sure &= _inside(frame, seen.peaks.positions)
    small = resized(frame.pixels, frame.scale.zoom)
    factors = true_zoom(frame.pixels.shape, frame.scale.zoom)
    at = (seen.peaks.positions[sure] + 0.5) * factors - 0.5
    table = {0: np.column_stack([at, np.zeros(len(at))])}
    discs = disc_labels(table, (1, *small.shape), radius=RADIUS, ring=1)[0]
    empty = resized(seen.probability + seen.spread, frame.scale.zoom) <= recipe.background
    labels = np.where(discs == 1, 1, np.where(empty & (discs == 0), 0, IGNORED))
    return Lesson.parted(small, labels, np.zeros(small.shape, np.bool_)), int(sure.sum())


def _inside(frame: _Frame, positions: Vector) -> NDArray[np.bool_]:
    margin = max(0.5, _OUTERMOST * _spacing(frame))
    far = np.array(frame.pixels.shape) - 0.5 - positions
    return np.asarray((np.minimum(positions + 0.5, far) >= margin).all(axis=1))


def _spacing(frame: _Frame) -> float:
    return frame.scale.spacing if np.isfinite(frame.scale.spacing) else 13 / frame.scale.zoom


def _near(frame: _Frame) -> float:
    return _NEAR * _spacing(frame)


def _changed(old: Sequence[Vector], new: Sequence[Vector], frames: Sequence[_Frame]) -> float:
    kept = sum(len(match(b, a, _near(f))[0]) for a, b, f in zip(old, new, frames, strict=True))
    total = sum(map(len, old)) + sum(map(len, new))
    return 1 - 2 * kept / total if total else 0.0


def _f1(found: Sequence[Vector], frames: Sequence[_Frame]) -> float:
    total, known = Tally(0, 0, 0), False
    for positions, frame in zip(found, frames, strict=True):
        if frame.truth is not None:
            hits = len(match(positions, frame.truth, _near(frame))[0])
            total += Tally(hits, len(positions) - hits, len(frame.truth) - hits)
            known = True
    return total.f1 if known else float("nan")


def _settled(rounds: Sequence[Round], recipe: Elit) -> bool:
    return rounds[-1].changed < recipe.change


def _reason(rounds: Sequence[Round], recipe: Elit) -> str:
    last = rounds[-1]
    if _settled(rounds, recipe):
        return f"Nothing changes any more: {last.changed:.1%} of the atoms are others than before."
    return f"The limit of {recipe.iterations} rounds is reached; {last.changed:.1%} of the atoms changed."

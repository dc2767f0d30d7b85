"""Teach a finder of atoms what a person has corrected, and say how good it is before and after."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.card import ModelCard
from napari_atomai.data.progress import Progress, finish
from napari_atomai.data.recipes_teaching import NOTHING, Teach
from napari_atomai.errors import BadModel, BadOption
from napari_atomai.files.weights import Weights, write_weights
from napari_atomai.models.storage import load_weights
from napari_atomai.predictors.finder import finder_for
from napari_atomai.prepare.lessons import in_mask
from napari_atomai.simulate.truth import Tally
from napari_atomai.trainers.teaching import Run, as_weights, learning, seconds_per_step
from napari_atomai.workflow.corrections import Correction, Task, task_of
from napari_atomai.workflow.record import now
from napari_atomai.workflow.taught import calibrated_to, judged


@dataclass(frozen=True)
class Estimate:
    """What teaching will take: seconds, MB of memory, steps, nets, corrected atoms, and those held out."""

    seconds: float
    memory_mb: float
    steps: int
    nets: int
    atoms: int
    held_out: int


@dataclass(frozen=True, eq=False)
class Taught:
    """A finder that has learned.

    Parameters
    ----------
    weights : Weights
        Of all nets, with their card.
    before, after : Tally
        Hits, false alarms and misses on what was held out: of the base at a score of 0.5, of the taught
        finder at its `threshold`. Without a held-out part they are of what was learned from; `judged_on`
        says so.
    judged_on : str
        "held out" or "learned".
    threshold : float
        At which the F1 is highest in all that was reviewed.
    seconds : float
        Of the whole work.
    history : dict of str to list of float
        Loss of each step, and of the held-out part where it was looked at.
    notes : tuple of str
        Sentences a person should see.
    """

    weights: Weights
    before: Tally
    after: Tally
    judged_on: str
    threshold: float
    seconds: float
    history: dict[str, list[float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def save(self, path: str | Path) -> Path:
        """Write the finder to a .safetensors file, for `find_atoms(model=...)`.

        Raises
        ------
        SaveFailed
            If it cannot be written.
        """
        path = Path(path).with_suffix(".safetensors")
        write_weights(path, self.weights.card, self.weights.tensors)
        return path

    def summary(self) -> dict[str, Any]:
        """Return what there is to say as JSON."""
        return {
            "before": _words(self.before), "after": _words(self.after), "judged_on": self.judged_on,
            "threshold": self.threshold,
            "seconds": round(self.seconds, 2), "notes": list(self.notes), "history": self.history,
        }  # fmt: skip


def teach(corrections: Sequence[Correction], recipe: Teach | None = None) -> Taught:
    """Teach a finder; see `teaching`."""
    return finish(teaching(corrections, recipe))


def teaching(
    corrections: Sequence[Correction],
    recipe: Teach | None = None,
    *,
    name: str = "taught",
    checkpoint: Path | None = None,
) -> Generator[Progress, None, Taught]:
    """Teach a finder from corrections.

    Parameters
    ----------
    corrections : sequence of Correction
        What is known.
    recipe : Teach, optional
        How.
    name : str
        Of the new model.
    checkpoint : Path, optional
        Where the state is kept; an existing one is gone on from.

    Yields
    ------
    Progress
        ``losses``: "loss", and "held_out_loss" now and then.

    Returns
    -------
    Taught

    Raises
    ------
    BadOption
        If there is nothing to learn from.
    BadModel
        If the base is no finder of atoms.
    Diverged
        If the loss is no number any more.
    """
    recipe, start = recipe or Teach(), time.monotonic()
    lecture = yield from prepared(corrections, recipe)
    yield from learning(lecture.run, checkpoint)
    return (yield from lecture.concluded(name, start))


@dataclass(eq=False)
class Lecture:
    """Everything ready to learn: tasks, the base and the run."""

    recipe: Teach
    tasks: list[Task]
    base: Weights
    run: Run

    def weights(self, name: str = "taught") -> Weights:
        """Return the best nets so far, not calibrated yet."""
        return as_weights(self.run.best, self.run.card.model_copy(update={"name": name, "created": now()}))

    def concluded(self, name: str, start: float) -> Generator[Progress, None, Taught]:
        """Judge the best nets and the base."""
        held = any(task.held.any() for task in self.tasks)
        before = yield from judged(finder_for(self.base), self.tasks, held=held)
        after = yield from judged(finder_for(self.weights(name)), self.tasks, held=held)
        weights = self.weights(name)
        if self.recipe.base == NOTHING:
            weights = calibrated_to(weights, after)
            after = yield from judged(finder_for(weights), self.tasks, held=held)
        threshold = (yield from judged(finder_for(weights), self.tasks, held=False)).best_threshold()
        tallies = [before.tally(), after.tally(threshold)]
        where, notes = ("held out" if held else "learned"), []
        columns = tallies[0].hits + tallies[0].missed
        if columns < _FEW:
            notes.append(f"The score is that of {columns} atoms only: hold more out, or correct more.")
        if not held:
            notes.append("Nothing was held out: the scores are of what was learned from, and too good.")
        if tallies[1].f1 < tallies[0].f1:
            notes.append("The taught model is worse than its base on what it was judged on.")
        card = _card(weights.card, self, tallies, where)
        card = card.model_copy(update={"metrics": card.metrics | {"threshold": threshold}})
        seconds = time.monotonic() - start
        weights = dataclasses.replace(weights, card=card)
        history = {name: list(values) for name, values in self.run.history.items()}
        return Taught(weights, tallies[0], tallies[1], where, threshold, seconds, history, tuple(notes))


_FEW = 10


def prepared(corrections: Sequence[Correction], recipe: Teach) -> Generator[Progress, None, Lecture]:
    """Make everything ready to learn: open the base, measure scales, part what is held out.

    Raises
    ------
    BadOption
        If there is nothing to learn from.
    BadModel
        If the base is no finder of atoms.
    """
    if not corrections:
        raise BadOption(
            "There are no corrections.", remedy="Correct some atoms and draw a region around them."
        )
    yield Progress(0, 0, "opening the model")
    base = load_weights("atoms" if recipe.base == NOTHING else recipe.base)
    if base.card.task != "find atoms":
        raise BadModel(
            f"{base.card.name!r} gives a class to every pixel and is no finder of atoms.",
            remedy="Go on with its training with Segmentor.fit, or choose a finder.",
        )
    finder, tasks = finder_for(base), []
    for correction in corrections:
        tasks.append((yield from task_of(correction, finder, recipe)))
    card = base.card
    if recipe.base == NOTHING:
        card = card.model_copy(update={"calibration": (1.0, 0.0), "alone": (1.0, 0.0), "risk": {}})
    elif not any(task.crystal for task in tasks):
        # It knows single atoms now: their scores shall be the same whether their distance is given or not.
        card = card.model_copy(update={"alone": (1.0, 0.0)})
    run = Run([task.lesson for task in tasks], recipe, None if recipe.base == NOTHING else base, card)
    return Lecture(recipe, tasks, base, run)


def _card(card: ModelCard, lecture: Lecture, tallies: Sequence[Tally], where: str) -> ModelCard:
    tasks, run = lecture.tasks, lecture.run
    taught = {
        "teach": lecture.recipe.model_dump(mode="json"), "base": lecture.base.card.name,
        "base_sha256": lecture.base.sha256, "best_step": run.best_step, "images": len(tasks),
        "atoms": sum(len(task.positions) for task in tasks), "judged_on": where,
        "held_out_atoms": sum(int(in_mask(task.positions, task.held).sum()) for task in tasks),
    }  # fmt: skip
    metrics = {f"{when}_{key}": float(value) for when, tally in zip(("before", "after"), tallies, strict=True)
               for key, value in _words(tally).items()}  # fmt: skip
    # What the base was measured to risk does not hold any more.
    changes = {"training": taught, "metrics": metrics, "risk": {}, "description": "Taught from corrections."}
    return card.model_copy(update=changes)


def _words(tally: Tally) -> dict[str, float]:
    return {
        "precision": tally.precision, "recall": tally.recall, "f1": tally.f1,
        "hits": tally.hits, "false": tally.false, "missed": tally.missed,
    }  # fmt: skip


# --- before the start ---------------------------------------------------------------------------------------


def estimate(corrections: Sequence[Correction], recipe: Teach | None = None) -> Estimate:
    """Measure what teaching will take, by two steps of it that are thrown away."""
    recipe = recipe or Teach()
    lecture = finish(prepared(corrections, recipe))
    step = seconds_per_step(lecture.run)
    nets = len(lecture.run.pupils)
    weights = sum(array.nbytes for each in lecture.run.best for array in each.values())
    pixels = sum(task.pixels.size for task in lecture.tasks)
    # Weights, gradients, two moments, average, best; activations of a batch; the frames and their maps.
    memory = 6 * weights + recipe.batch * _PATCH_BYTES + 30 * pixels + _TORCH_BYTES
    held = sum(int(in_mask(task.positions, task.held).sum()) for task in lecture.tasks)
    atoms = sum(len(task.positions) for task in lecture.tasks)
    return Estimate(step * recipe.steps + 3.0, memory / 1e6, recipe.steps, nets, atoms, held)


_PATCH_BYTES = 12e6
_TORCH_BYTES = 350e6


def augmented_patches(
    corrections: Sequence[Correction], recipe: Teach | None = None, count: int = 6
) -> list[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """Return patches as the nets will see them: brightness (128, 128), and labels 1, 0 or -1."""
    from napari_atomai.prepare.lesson_patches import drawn

    recipe = recipe or Teach()
    lecture = finish(prepared(corrections, recipe))
    pictures, labels = drawn(lecture.run.lessons, count, recipe.augmentation, (recipe.seed, 0, 0))
    return list(zip(pictures[:, 0].numpy(), labels.numpy(), strict=True))

"""Teach the nets of a finder from lessons: a few hundred steps on what a person has reviewed.

Beside each batch the nets see simulated scenes, of the kind that the bundled nets come from, and are to say
of them what the base says: so what it knew is not forgotten, and its scores keep their meaning (learning
without forgetting: Li & Hoiem, arXiv:1606.09282). Batch statistics stay those of the base. What is kept are
the averaged weights of the step whose loss on the held-out part was smallest.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from napari_atomai.data.card import ModelCard
from napari_atomai.data.progress import Progress
from napari_atomai.data.recipes_teaching import Teach
from napari_atomai.errors import BadModel, BadOption, Diverged
from napari_atomai.files.weights import Weights
from napari_atomai.nets.registry import build_net
from napari_atomai.prepare.lesson_patches import EMPHASIS, SIDE, Patches, batch_of, drawn, to_judge
from napari_atomai.prepare.lessons import Lesson
from napari_atomai.prepare.normalise import channels
from napari_atomai.simulate.scenes import training_pair
from napari_atomai.trainers.checkpoint import load_state, save_state
from napari_atomai.trainers.precision import usual_mixing
from napari_atomai.trainers.simulated import weighted_loss

_SCENES = 48
"""Simulated scenes that are drawn once and shown again and again, each time turned another way."""
_JUDGED = 24
_LOOKS = 12
"""How many times the held-out part is looked at."""
_AVERAGING = 0.95

Tensors = dict[str, NDArray[np.float32]]


@dataclass(eq=False)
class Pupil:
    """A net that learns, the net it was before, and the running average of its weights."""

    net: nn.Module
    base: nn.Module
    average: AveragedModel
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    settled: bool

    @classmethod
    def of(cls, net: nn.Module, recipe: Teach, *, settled: bool) -> Pupil:
        """Make a pupil; a `settled` net keeps its batch statistics."""
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        _freeze(net, recipe.frozen)
        learning = [weight for weight in net.parameters() if weight.requires_grad]
        optimiser = torch.optim.AdamW(learning, lr=recipe.learning_rate, weight_decay=1e-4)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, recipe.learning_rate, total_steps=recipe.steps + 1, pct_start=0.15
        )
        decay = get_ema_multi_avg_fn(_AVERAGING)  # type: ignore[no-untyped-call]
        average = AveragedModel(net, multi_avg_fn=decay, use_buffers=True)
        return cls(net, deepcopy(net).eval(), average, optimiser, schedule, settled)

    def learn(self, batch: Patches, scenes: Patches | None) -> float:
        """Learn from one batch, and from scenes of which a settled net is to say what it said; the loss."""
        self.net.train(not self.settled)
        self.optimiser.zero_grad(set_to_none=True)
        loss = _loss(self.net, batch)
        if scenes is not None:
            loss = loss + _loss(self.net, said_by(self.base, scenes) if self.settled else scenes)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        if not (math.isfinite(float(loss.detach())) and math.isfinite(float(norm))):
            return math.nan
        self.optimiser.step()
        self.schedule.step()
        self.average.update_parameters(self.net)
        return float(loss.detach())

    def judge(self, batch: Patches) -> float:
        """Return the loss of the averaged net, from which nothing is learned."""
        self.average.eval()
        with torch.no_grad():
            return float(_loss(self.average, batch))

    def state(self) -> dict[str, Any]:
        """Return all that decides on what comes next."""
        return {name: getattr(self, name).state_dict() for name in _STATE}

    def take(self, state: Mapping[str, Any]) -> None:
        """Go on where a state was."""
        for name in _STATE:
            getattr(self, name).load_state_dict(state[name])


_STATE = ("net", "average", "optimiser", "schedule")


@dataclass(eq=False)
class Run:
    """The nets that learn side by side, and the best that was seen of them.

    Parameters
    ----------
    lessons : sequence of Lesson
        What there is to learn.
    recipe : Teach
        How.
    base : Weights or None
        What to go on from; None: random weights of the net of `card`.
    card : ModelCard
        What the nets are.
    """

    lessons: Sequence[Lesson]
    recipe: Teach
    base: Weights | None
    card: ModelCard
    step: int = 0
    best: list[Tensors] = field(default_factory=list)
    best_loss: float = math.inf
    best_step: int = 0
    history: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not any((lesson.labels >= 0).any() for lesson in self.lessons):
            raise BadOption(
                "There is nothing to learn from: no pixel was reviewed and is not held out.",
                remedy="Draw a region around what you have corrected, or hold less of it out.",
            )
        members = range(self.card.members) if self.base is None else self.base.of_members()
        nets = [net_of(self.card, each if isinstance(each, Weights) else None, i)
                for i, each in enumerate(members)]  # fmt: skip
        self.pupils = [Pupil.of(net, self.recipe, settled=self.base is not None) for net in nets]
        self.judged = to_judge(self.lessons, _JUDGED, self.recipe.seed)
        self.scenes: Patches | None = None
        self.best = self.tensors()

    def tensors(self) -> list[Tensors]:
        """Return the averaged weights of each net."""
        return [tensors_of(pupil.average.module) for pupil in self.pupils]

    def batch(self, step: int, member: int) -> tuple[Patches, Patches | None]:
        """Return the batch of a step: patches of the lessons, and simulated scenes if they are asked for."""
        recipe = self.recipe
        known = round(recipe.remember * recipe.batch)
        seed = (recipe.seed, step, member)
        own = batch_of(*drawn(self.lessons, max(recipe.batch - known, 1), recipe.augmentation, seed))
        if not known:
            return own, None
        random = np.random.default_rng([*seed, 1])
        if self.scenes is None:
            self.scenes = simulated(_SCENES, recipe.seed)
        return own, turned(self.scenes.keep(random.integers(_SCENES, size=known)), random)

    def advance(self) -> dict[str, float]:
        """Learn from one batch; returns what to plot."""
        losses = {
            "loss": float(np.mean([p.learn(*self.batch(self.step, i)) for i, p in enumerate(self.pupils)]))
        }
        if not math.isfinite(losses["loss"]):
            raise Diverged(
                f"In step {self.step + 1} the loss or its gradient is no number, at a learning rate of "
                f"{self.recipe.learning_rate:g}.",
                why=f"The best weights, of step {self.best_step}, are kept.",
                remedy="Teach with a smaller learning rate.",
            )
        self.step += 1
        last = self.step == self.recipe.steps
        if last or self.step % max(self.recipe.steps // _LOOKS, 1) == 0:
            losses |= self._look(last=last)
        for name, value in losses.items():
            self.history.setdefault(name, []).append(value)
        return losses

    def _look(self, *, last: bool) -> dict[str, float]:
        if self.judged is None:
            self.best, self.best_step = self.tensors(), self.step
            return {}
        held = float(np.mean([pupil.judge(self.judged) for pupil in self.pupils]))
        if held < self.best_loss:
            self.best, self.best_loss, self.best_step = self.tensors(), held, self.step
        return {"held_out_loss": held}

    def save(self, path: Path) -> None:
        """Write all that decides on what comes next."""
        best = [{name: torch.from_numpy(array) for name, array in each.items()} for each in self.best]
        save_state(path, {
            "recipe": self.recipe.model_dump_json(), "step": self.step, "best": best,
            "best_loss": self.best_loss if math.isfinite(self.best_loss) else None,
            "best_step": self.best_step, "history": self.history,
            "pupils": [pupil.state() for pupil in self.pupils],
        })  # fmt: skip

    def resume(self, path: Path) -> None:
        """Go on where a checkpoint was.

        Raises
        ------
        BadModel
            If it is that of another run.
        """
        state = load_state(path)
        try:
            if state["recipe"] != self.recipe.model_dump_json():
                raise ValueError("its options are others")
            for pupil, its in zip(self.pupils, state["pupils"], strict=True):
                pupil.take(its)
            self.step, self.best_step = int(state["step"]), int(state["best_step"])
            self.best_loss = math.inf if state["best_loss"] is None else float(state["best_loss"])
            self.best = [{name: array.numpy() for name, array in each.items()} for each in state["best"]]
            self.history = {str(name): list(values) for name, values in state["history"].items()}
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise BadModel(
                f"The checkpoint {path.name} does not fit this teaching: {error}.",
                remedy="Give another file, or delete it to start afresh.",
            ) from error


def learning(run: Run, checkpoint: Path | None = None, every: int = 20) -> Generator[Progress, None, Run]:
    """Teach to the end; what was best so far is in `run.best` at any time, also when it is stopped.

    Parameters
    ----------
    run : Run
        What learns, from what.
    checkpoint : Path, optional
        Where the state is kept; an existing one is gone on from.
    every : int
        Steps between two checkpoints.
    """
    if checkpoint is not None and checkpoint.exists():
        run.resume(checkpoint)
    yield Progress(run.step, run.recipe.steps, "drawing simulated scenes")
    while run.step < run.recipe.steps:
        losses = run.advance()
        if checkpoint is not None and (run.step % every == 0 or run.step == run.recipe.steps):
            run.save(checkpoint)
        yield Progress(run.step, run.recipe.steps, "learning", losses)
    return run


def seconds_per_step(run: Run) -> float:
    """Measure a step of a run that is thrown away afterwards: the second, as the first one warms up."""
    run.advance()
    start = time.perf_counter()
    run.advance()
    return time.perf_counter() - start


def net_of(card: ModelCard, weights: Weights | None, seed: int = 0) -> nn.Module:
    """Build the net of a card with its weights, or with random ones.

    Raises
    ------
    BadModel
        If the weights do not fit the net.
    """
    net = build_net(card.net, card.net_options, seed=seed)
    if weights is None:
        return net
    state = {name: value for name, value in net.state_dict().items() if not value.is_floating_point()}
    state |= {name: torch.from_numpy(np.array(array)) for name, array in weights.tensors.items()}
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        raise BadModel(
            f"The weights of {card.name!r} do not fit its net: {error}", remedy="Choose another model."
        ) from error
    return net


def tensors_of(net: nn.Module) -> Tensors:
    """Return parameters and batch statistics of a net by name, as copies."""
    return {
        name: value.detach().cpu().contiguous().numpy().copy()
        for name, value in net.state_dict().items()
        if value.is_floating_point()
    }


def as_weights(members: Sequence[Tensors], card: ModelCard) -> Weights:
    """Put the weights of nets together as one model."""
    if card.members == 1:
        return Weights(card, members[0], "")
    named = {f"{i}.{name}": array for i, each in enumerate(members) for name, array in each.items()}
    return Weights(card, named, "")


def simulated(count: int, seed: int) -> Patches:
    """Draw simulated scenes."""
    pairs = [training_pair(np.random.default_rng([seed, 77, index]), SIDE) for index in range(count)]
    images = torch.from_numpy(np.stack([channels(pair.image) for pair in pairs]))
    targets, weights = (
        torch.from_numpy(np.stack([getattr(pair, name) for pair in pairs])[:, None])
        for name in ("target", "weight")
    )
    return Patches(images, targets, weights)


def turned(batch: Patches, random: np.random.Generator) -> Patches:
    """Return a batch in one of the eight orientations of a square, brighter or darker."""
    turns, flip = int(random.integers(4)), bool(random.integers(2))
    parts = [torch.rot90(part, turns, (-2, -1)) for part in (batch.images, batch.targets, batch.weights)]
    images, targets, weights = [part.flip(-1) for part in parts] if flip else parts
    # At use the percentiles come from a whole image, of which a patch is a brighter or darker part.
    gain, shift = random.uniform(0.5, 1.1), random.uniform(-0.1, 0.35)
    images = images.clone()
    images[:, 0] = (images[:, 0] * gain + shift).clamp(min=-0.5)
    return Patches(images, targets, weights)


def said_by(net: nn.Module, scenes: Patches) -> Patches:
    """Return scenes with what a net says of them in place of the truth."""
    with torch.no_grad():
        said = torch.sigmoid(_logits(net, scenes))
    return Patches(scenes.images, said, 1 + (EMPHASIS - 1) * said)


def _loss(net: nn.Module, batch: Patches) -> torch.Tensor:
    return weighted_loss(_logits(net, batch), batch.targets, batch.weights)


def _logits(net: nn.Module, batch: Patches) -> torch.Tensor:
    # Half the digits, where the processor has them, and channels last: 3 times less CPU time, the same loss.
    with usual_mixing():
        logits: torch.Tensor = net(batch.images.contiguous(memory_format=torch.channels_last))
    return logits.float()


def _freeze(net: nn.Module, levels: int) -> None:
    """Take the finest levels of the way down out of learning."""
    parts = [module for name, module in net.named_children() if name.startswith("stem")]
    parts += list(getattr(net, "down", []))[:levels] if levels else []
    for part in parts if levels else []:
        for weight in part.parameters():
            weight.requires_grad_(False)

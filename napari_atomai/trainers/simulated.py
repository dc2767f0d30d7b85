"""Train the bundled atom finders from simulated images alone, all members of the ensemble side by side.

Every batch is drawn anew from its own random stream, (seed, step, index): a run can stop and resume
and still sees what an uninterrupted one sees. The members start from weights of their own and see each
batch in an orientation of their own, so that images, the dearer half of the work, are made once for all.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, IterableDataset

from napari_atomai.data.progress import Progress
from napari_atomai.errors import BadModel
from napari_atomai.files.weights import Weights
from napari_atomai.nets.segmentation import UNet
from napari_atomai.prepare.normalise import channels
from napari_atomai.simulate.scenes import training_pair
from napari_atomai.trainers.checkpoint import load_state, save_state
from napari_atomai.trainers.precision import usual_mixing

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to train and for how long.

    Parameters
    ----------
    steps, batch, size : int
        Optimiser steps, images per step, pixels a side.
    learning_rate : float
        Peak of a one-cycle schedule (Smith & Topin, arXiv:1708.07120).
    seed : int
        Of weights and images.
    averaging : float
        Decay of the exponential moving average of the weights, which is what is kept.
    members : int
        Nets trained side by side.
    net_options : dict
        Arguments of `UNet`.
    """

    steps: int = 6000
    batch: int = 16
    size: int = 128
    learning_rate: float = 3e-3
    seed: int = 0
    averaging: float = 0.998
    members: int = 1
    net_options: dict[str, Any] = field(default_factory=dict)


class SimulatedBatches(IterableDataset[Batch]):
    """Endless stream of training batches, from a given step on."""

    def __init__(self, plan: Plan, first: int) -> None:
        super().__init__()
        self.plan, self.first = plan, first

    def __iter__(self) -> Iterator[Batch]:
        for step in range(self.first, self.plan.steps):
            yield simulated_batch(self.plan, step)


def simulated_batch(plan: Plan, step: int) -> Batch:
    """Return images (batch, 2, y, x), targets and weights (batch, 1, y, x) of one step."""
    images, targets, weights = [], [], []
    for index in range(plan.batch):
        rng = np.random.default_rng([plan.seed, step, index])
        pair = training_pair(rng, plan.size)
        scaled = channels(pair.image)
        # At use the percentiles come from a whole image, of which a patch is a brighter or darker part.
        gain, shift = rng.uniform(0.5, 1.1), rng.uniform(-0.1, 0.35)
        scaled[0] = np.clip(scaled[0] * gain + shift, -0.5, None)
        images.append(scaled)
        targets.append(pair.target[None])
        weights.append(pair.weight[None])
    stacks = (np.stack(part) for part in (images, targets, weights))
    image, target, weight = (torch.from_numpy(stack) for stack in stacks)
    return image, target, weight


def weighted_loss(logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Cross-entropy per pixel over the pixels that count."""
    loss = functional.binary_cross_entropy_with_logits(logits, target, weight=weight, reduction="sum")
    return loss / weight.sum().clamp(min=1)


@dataclass(eq=False)
class _Member:
    net: UNet
    average: AveragedModel
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler

    def parts(self) -> dict[str, Any]:
        return {
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
        }

    def take(self, parts: dict[str, Any]) -> None:
        self.net.load_state_dict(parts["net"])
        self.average.load_state_dict(parts["average"])
        self.optimiser.load_state_dict(parts["optimiser"])
        self.schedule.load_state_dict(parts["schedule"])


def training(
    plan: Plan,
    checkpoint: Path | None = None,
    *,
    start: Sequence[Weights] = (),
    every: int = 200,
    workers: int = 1,
) -> Generator[Progress, None, list[UNet]]:
    """Train nets from simulated images; yields Progress at each step and returns the averaged nets.

    Parameters
    ----------
    plan : Plan
        What to train.
    checkpoint : Path, optional
        Where the state is kept; an existing one is continued.
    start : sequence of Weights
        Trained nets to go on from, one for each member, instead of random weights; their options must be
        those of the plan.
    every : int
        Steps between two checkpoints.
    workers : int
        Processes that make images.
    """
    members = [_begin(plan, i, start[i] if start else None) for i in range(plan.members)]
    done = 0
    if checkpoint is not None and checkpoint.exists():
        done = _resume(members, checkpoint)
    # A generator of its own: the loader would draw from the global one.
    own = torch.Generator().manual_seed(plan.seed)
    batches = DataLoader(SimulatedBatches(plan, done), batch_size=None, num_workers=workers, generator=own)
    smooth: float | None = None
    for step, batch in enumerate(batches, start=done + 1):
        losses = [_learn(member, turned(batch, step + i)) for i, member in enumerate(members)]
        loss = float(np.mean(losses))
        smooth = loss if smooth is None else 0.98 * smooth + 0.02 * loss
        if checkpoint is not None and (step % every == 0 or step == plan.steps):
            save_state(checkpoint, {"step": step, "members": [member.parts() for member in members]})
        yield Progress(step, plan.steps, "training", {"loss": loss, "smooth": smooth})
    return averaged(members)


def averaged(members: Sequence[_Member]) -> list[UNet]:
    """Return the averaged net of each member, ready for use."""
    nets = []
    for member in members:
        net = member.average.module
        assert isinstance(net, UNet)
        nets.append(net.eval())
    return nets


def checkpointed(plan: Plan, checkpoint: Path) -> tuple[int, list[UNet]]:
    """Return the steps done and the averaged nets of a run that is not at its end."""
    members = [_begin(plan, i, None) for i in range(plan.members)]
    done = _resume(members, checkpoint)
    return done, averaged(members)


def turned(batch: Batch, orientation: int) -> Batch:
    """Return a batch in one of the eight orientations of a square."""
    image, target, weight = (torch.rot90(part, orientation % 4, (-2, -1)) for part in batch)
    if orientation % 8 < 4:
        return image, target, weight
    return image.flip(-1), target.flip(-1), weight.flip(-1)


def _begin(plan: Plan, index: int, start: Weights | None) -> _Member:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed + 1000 * index)
        net = UNet(**plan.net_options)
    if start is not None:
        _take_over(net, start)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    # Buffers (batch statistics) are averaged along with the weights, so they need no second pass.
    decay = get_ema_multi_avg_fn(plan.averaging)  # type: ignore[no-untyped-call]
    average = AveragedModel(net, multi_avg_fn=decay, use_buffers=True)
    optimiser = torch.optim.AdamW(net.parameters(), lr=plan.learning_rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, plan.learning_rate, total_steps=plan.steps + 1, pct_start=0.1, final_div_factor=1e3
    )
    return _Member(net, average, optimiser, schedule)


def _take_over(net: UNet, start: Weights) -> None:
    tensors = {name: torch.from_numpy(array.copy()) for name, array in start.tensors.items()}
    counters = {name: value for name, value in net.state_dict().items() if not value.is_floating_point()}
    try:
        net.load_state_dict({**tensors, **counters})
    except RuntimeError as error:
        raise BadModel(
            f"The model {start.card.name!r} does not fit this plan: {error}",
            remedy="Start from a model with the same net options.",
        ) from error


def _resume(members: Sequence[_Member], checkpoint: Path) -> int:
    try:
        parts = load_state(checkpoint)
        for member, its in zip(members, parts["members"], strict=True):
            member.take(its)
        return int(parts["step"])
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise BadModel(
            f"The checkpoint {checkpoint.name} does not fit this plan: {error}",
            remedy="Give another checkpoint file, or delete it to start afresh.",
        ) from error


def _learn(member: _Member, batch: Batch) -> float:
    image, target, weight = batch
    member.net.train()
    member.optimiser.zero_grad(set_to_none=True)
    # Half the digits, where the processor has them, and channels last: 3 times less CPU time, the same loss.
    with usual_mixing():
        logits = member.net(image.contiguous(memory_format=torch.channels_last))
    loss = weighted_loss(logits.float(), target, weight)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(member.net.parameters(), 1.0)
    member.optimiser.step()
    member.schedule.step()
    member.average.update_parameters(member.net)
    return float(loss.detach())

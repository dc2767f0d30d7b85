"""Train the bundled atom finder from simulated images alone.

Every batch is drawn anew from its own random stream, (seed, step, index): a run can stop and resume
and still sees what an uninterrupted one sees.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
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
    net_options : dict
        Arguments of `UNet`.
    """

    steps: int = 6000
    batch: int = 16
    size: int = 128
    learning_rate: float = 3e-3
    seed: int = 0
    averaging: float = 0.998
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
class _State:
    net: UNet
    average: AveragedModel
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    step: int = 0

    def parts(self) -> dict[str, Any]:
        return {
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "step": self.step,
        }


def training(
    plan: Plan,
    checkpoint: Path | None = None,
    *,
    start: Weights | None = None,
    every: int = 200,
    workers: int = 1,
) -> Generator[Progress, None, UNet]:
    """Train a net from simulated images; yields Progress at each step and returns the averaged net.

    Parameters
    ----------
    plan : Plan
        What to train.
    checkpoint : Path, optional
        Where the state is kept; an existing one is continued.
    start : Weights, optional
        A trained net to go on from, instead of random weights; its options must be those of the plan.
    every : int
        Steps between two checkpoints.
    workers : int
        Processes that make images.
    """
    state = _begin(plan, start)
    if checkpoint is not None and checkpoint.exists():
        _resume(state, checkpoint)
    # A generator of its own: the loader would draw from the global one.
    own = torch.Generator().manual_seed(plan.seed)
    stream = SimulatedBatches(plan, state.step)
    batches = DataLoader(stream, batch_size=None, num_workers=workers, generator=own)
    smooth: float | None = None
    for batch in batches:
        loss = _learn(state, batch)
        smooth = loss if smooth is None else 0.98 * smooth + 0.02 * loss
        if checkpoint is not None and (state.step % every == 0 or state.step == plan.steps):
            save_state(checkpoint, state.parts())
        yield Progress(state.step, plan.steps, "training", {"loss": loss, "smooth": smooth})
    net = state.average.module
    assert isinstance(net, UNet)
    return net.eval()


def _begin(plan: Plan, start: Weights | None) -> _State:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        net = UNet(**plan.net_options)
    if start is not None:
        _take_over(net, start)
    # Buffers (batch statistics) are averaged along with the weights, so they need no second pass.
    decay = get_ema_multi_avg_fn(plan.averaging)  # type: ignore[no-untyped-call]
    average = AveragedModel(net, multi_avg_fn=decay, use_buffers=True)
    optimiser = torch.optim.AdamW(net.parameters(), lr=plan.learning_rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, plan.learning_rate, total_steps=plan.steps + 1, pct_start=0.1, final_div_factor=1e3
    )
    return _State(net, average, optimiser, schedule)


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


def _resume(state: _State, checkpoint: Path) -> None:
    try:
        parts = load_state(checkpoint)
        state.net.load_state_dict(parts["net"])
        state.average.load_state_dict(parts["average"])
        state.optimiser.load_state_dict(parts["optimiser"])
        state.schedule.load_state_dict(parts["schedule"])
        state.step = int(parts["step"])
    except (KeyError, RuntimeError, ValueError) as error:
        raise BadModel(
            f"The checkpoint {checkpoint.name} does not fit this plan: {error}",
            remedy="Give another checkpoint file, or delete it to start afresh.",
        ) from error


def _learn(state: _State, batch: Batch) -> float:
    image, target, weight = batch
    state.net.train()
    state.optimiser.zero_grad(set_to_none=True)
    loss = weighted_loss(state.net(image), target, weight)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(state.net.parameters(), 1.0)
    state.optimiser.step()
    state.schedule.step()
    state.average.update_parameters(state.net)
    state.step += 1
    return float(loss.detach())

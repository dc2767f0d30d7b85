"""Train the bundled ensemble of atom finders from simulated images alone, and write it with its card.

    python tools/train_atoms.py --out out/ensemble --steps 5000
    python tools/train_atoms.py --out out/ensemble --steps 5000 --so-far

A run may be stopped and started again: it goes on from its checkpoint. The second line writes and measures
the nets of a run that is not at its end. Two hours on two cores. This made atoms-ensemble.safetensors;
the single net, atoms.safetensors, was made by this file as of commit 55da45b, and calibrated by `judge`.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_atomai.data.card import ModelCard
from napari_atomai.data.progress import finish
from napari_atomai.files.weights import Weights, read_weights, write_weights
from napari_atomai.models.judging import Judgement, judging, judging_alone
from napari_atomai.nets.segmentation import UNet
from napari_atomai.predictors.finder import Finder, calibrated, finder_for
from napari_atomai.simulate.scenes import SPACINGS
from napari_atomai.trainers.simulated import Plan, checkpointed, training

BEST_SPACING = 13.0


def main() -> int:
    """Train, write, and measure on images that were not trained on."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the nets and the checkpoint")
    parser.add_argument("--start", type=Path, help="a model to go on from")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--learning-rate", type=float, default=Plan.learning_rate)
    parser.add_argument("--so-far", action="store_true", help="do not train: write what the checkpoint has")
    options = parser.parse_args()
    torch.set_num_threads(1)  # the other core makes the images
    plan = Plan(
        steps=options.steps,
        seed=options.seed,
        learning_rate=options.learning_rate,
        members=options.members,
        net_options={"filters": [24, 48, 64, 96], "layers": 2, "bottleneck": [1, 1]},
    )
    options.out.mkdir(parents=True, exist_ok=True)
    start = read_weights(options.start) if options.start else None
    checkpoint = options.out / f"seed{plan.seed}.ckpt"
    if options.so_far:
        done, nets = checkpointed(plan, checkpoint)
    else:
        done, nets = plan.steps, trained(plan, checkpoint, start)
    earlier = start.card.training["plans"] if start else []
    plans = [*earlier, dataclasses.asdict(plan) | {"steps done": done}]
    judge(save(options.out / "atoms.safetensors", nets, plans))
    return 0


def trained(plan: Plan, checkpoint: Path, start: Weights | None) -> list[UNet]:
    """Train, or go on from a checkpoint."""
    work = training(plan, checkpoint, start=start.of_members() if start else [])
    while True:
        try:
            progress = next(work)
        except StopIteration as end:
            nets: list[UNet] = end.value
            return nets
        if progress.step % 50 == 0:
            print(f"step {progress.step} of {progress.of}: loss {progress.losses['smooth']:.4f}", flush=True)


def save(path: Path, nets: list[UNet], plans: list[Any]) -> Path:
    """Write the nets with a card that says how they were made: the plans of all runs, one after the other."""
    card = ModelCard(
        name="atoms",
        version="2",
        description=(
            "Finds atomic columns and single atoms in HAADF, MAADF, HRTEM and STM images. Trained on "
            "simulated images alone."
        ),
        net="unet",
        net_options=nets[0].options,
        members=len(nets),
        spacing_best=BEST_SPACING,
        spacing_min=SPACINGS[0],
        spacing_max=SPACINGS[1],
        training={"recipe": "tools/train_atoms.py", "torch": torch.__version__, "plans": plans},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    tensors = {
        (f"{index}.{name}" if len(nets) > 1 else name): tensor.numpy()
        for index, net in enumerate(nets)
        for name, tensor in net.state_dict().items()
        if tensor.is_floating_point()
    }
    write_weights(path, card, tensors, half=True)
    return path


def judge(path: Path) -> None:
    """Calibrate a model, measure it on other scenes, and note both in its card; training used neither."""
    weights = read_weights(path)
    card = weights.card.model_copy(
        update={"calibration": finish(judging(finder_for(weights), seed=9_000)).calibration()}
    )
    write_weights(path, card, weights.tensors, half=True)
    finder = finder_for(read_weights(path))
    lone = finish(judging(finder, seed=9_000)).without_lattice().calibration()
    for number, engine in enumerate(finder.engines):
        alone = finish(judging(Finder((engine,), card), images=100)).tally()
        print(
            f"member {number}: F1 {alone.f1:.4f}, precision {alone.precision:.4f}, recall {alone.recall:.4f}"
        )
    together = finish(judging(finder))
    total = together.tally()
    metrics = {
        "precision": total.precision,
        "recall": total.recall,
        "f1": total.f1,
        "calibration_error": together.calibration_error(),
    }
    print("together:", {name: round(value, 4) for name, value in metrics.items()}, card.calibration)
    for mean, share, count in zip(*together.reliability(), strict=True):
        print(f"  score {mean:.3f}: {share:.3f} of {count} are columns")
    rounded = {name: round(value, 5) for name, value in metrics.items()}
    risks = together.risks()
    moved = calibrated(np.array(risks["single atoms"].thresholds), *lone).tolist()
    risks["single atoms"] = risks["single atoms"].model_copy(update={"thresholds": tuple(moved)})
    card = card.model_copy(update={"metrics": rounded, "risk": risks, "alone": lone})
    write_weights(path, card, weights.tensors, half=True)
    judge_alone(path)


_EVIDENCE = (0.8, -4.7)
"""Slope and offset from the evidence for a lone atom to its log-odds, before they are measured."""


def judge_alone(path: Path) -> None:
    """Measure what evidence for lone atoms is worth, and what each threshold risks on them: into the card."""
    weights = read_weights(path)

    def judged(lone: tuple[float, float], seed: int, visible: bool = False) -> Judgement:
        finder = Finder(finder_for(weights).engines, weights.card.model_copy(update={"lone": lone}))
        return finish(judging_alone(finder, seed=seed, visible=visible))

    slope, offset = judged(_EVIDENCE, 9_000).calibration()
    lone = (round(slope * _EVIDENCE[0], 4), round(slope * _EVIDENCE[1] + offset, 4))
    seen = judged(lone, 10_000, visible=True)
    print(f"lone atoms: F1 {seen.tally().f1:.4f}, {lone}")
    risk = weights.card.risk | {"single atoms": seen.risk()}
    write_weights(
        path, weights.card.model_copy(update={"lone": lone, "risk": risk}), weights.tensors, half=True
    )


if __name__ == "__main__":
    sys.exit(main())

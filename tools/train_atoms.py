"""Train the bundled ensemble of atom finders from simulated images alone, and write it with its card.

    python tools/train_atoms.py --out out/ensemble --steps 5000
    python tools/train_atoms.py --out out/ensemble --steps 5000 --so-far

A run may be stopped and started again: it goes on from its checkpoint. The second line writes and measures
the nets of a run that is not at its end. Two hours on two cores.
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
from napari_atomai.files.weights import Weights, read_weights, write_weights
from napari_atomai.locate.centres import find_peaks
from napari_atomai.nets.segmentation import UNet
from napari_atomai.predictors.engines import OnnxEngine
from napari_atomai.prepare.normalise import channels
from napari_atomai.simulate.scenes import SPACINGS, training_pair
from napari_atomai.simulate.truth import Tally, tally
from napari_atomai.trainers.simulated import Plan, checkpointed, training

BEST_SPACING = 13.0


def main() -> int:
    """Train, write, and measure on images that were not trained on."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the nets and the checkpoint")
    parser.add_argument("--start", type=Path, help="folder of trained nets to go on from")
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
    start = [read_weights(path) for path in members_in(options.start)] if options.start else []
    earlier = list(start[0].card.training["plans"]) if start else []
    checkpoint = options.out / f"seed{plan.seed}.ckpt"
    if options.so_far:
        done, nets = checkpointed(plan, checkpoint)
    else:
        done, nets = plan.steps, trained(plan, checkpoint, start)
    plans = [*earlier, dataclasses.asdict(plan) | {"steps done": done}]
    for index, net in enumerate(nets):
        save(options.out / f"member-{index}.safetensors", net, plans)
    print(evaluate(members_in(options.out)))
    return 0


def members_in(folder: Path) -> list[Path]:
    """Return the files of an ensemble's members."""
    return sorted(folder.glob("member-*.safetensors"))


def trained(plan: Plan, checkpoint: Path, start: list[Weights]) -> list[UNet]:
    """Train, or go on from a checkpoint."""
    work = training(plan, checkpoint, start=start)
    while True:
        try:
            progress = next(work)
        except StopIteration as end:
            nets: list[UNet] = end.value
            return nets
        if progress.step % 50 == 0:
            print(f"step {progress.step} of {progress.of}: loss {progress.losses['smooth']:.4f}", flush=True)


def save(path: Path, net: UNet, plans: list[Any], metrics: dict[str, float] | None = None) -> None:
    """Write the net with a card that says how it was made: the plans of all runs, one after the other."""
    card = ModelCard(
        name="atoms",
        description=(
            "Finds bright atomic columns and single atoms in HAADF, MAADF, HRTEM and STM images. Trained on "
            "simulated images alone."
        ),
        net="unet",
        net_options=net.options,
        spacing_best=BEST_SPACING,
        spacing_min=SPACINGS[0],
        spacing_max=SPACINGS[1],
        training={"recipe": "tools/train_atoms.py", "torch": torch.__version__, "plans": plans},
        metrics={name: round(value, 5) for name, value in (metrics or {}).items()},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    tensors = {
        name: tensor.numpy() for name, tensor in net.state_dict().items() if tensor.is_floating_point()
    }
    write_weights(path, card, tensors, half=True)


def evaluate(paths: list[Path], images: int = 200, seed: int = 10_000) -> str:
    """Count hits and misses on scenes of other random streams than those of training."""
    engines = [OnnxEngine(read_weights(path)) for path in paths]
    totals = [Tally(0, 0, 0) for _ in range(len(engines) + 1)]
    for index in range(images):
        pair = training_pair(np.random.default_rng([seed, index]), 128)
        stack = channels(pair.image)[None]
        maps = [engine(stack)[0, 0] for engine in engines]
        for i, probability in enumerate([*maps, np.mean(maps, axis=0)]):
            peaks = find_peaks(probability, min_distance=0.3 * BEST_SPACING)
            totals[i] += tally(peaks.positions[peaks.scores >= 0.5], pair)
    names = [*(path.stem for path in paths), "together"]
    return "\n".join(
        f"{name}: precision {total.precision:.4f}, recall {total.recall:.4f}, F1 {total.f1:.4f}"
        for name, total in zip(names, totals, strict=True)
    )


if __name__ == "__main__":
    sys.exit(main())

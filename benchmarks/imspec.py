"""ImSpec: seconds per epoch beside AtomAI's, and what it learns of a simulated plasmonic particle array.

    python benchmarks/imspec.py speed /path/to/atomai/python
    python benchmarks/imspec.py plasmons [SEED ...]

Speed: the same 2,500 pairs of 16 x 16 -> 64, a latent of 10 and the same numbers of layers and filters, in
the same run, one thread each; CPU seconds per epoch from the difference of two runs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

import numpy as np

EPOCHS = (1, 4)
_PEER = """
import json, os, sys, tempfile, time, warnings
warnings.filterwarnings("ignore")
os.chdir(tempfile.mkdtemp())
import numpy as np, torch
torch.set_num_threads(1)
import atomai as aoi
rng = np.random.default_rng(0)
x, y = rng.random((2500, 16, 16), dtype=np.float32), rng.random((2500, 64), dtype=np.float32)
seconds = []
for epochs in json.loads(sys.argv[1]):
    model = aoi.models.ImSpec((16, 16), (64,), latent_dim=10)
    began = time.process_time()
    model.fit(x, y, x[:64], y[:64], full_epoch=True, training_cycles=epochs, batch_size=64,
              print_loss=10**6, plot_training_history=False)
    seconds.append(time.process_time() - began)
sys.stderr.write("SECONDS " + json.dumps(seconds))
"""


def ours(precision: str) -> float:
    """Return CPU seconds per epoch."""
    import torch

    from napari_atomai.models import ImSpec

    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    x, y = rng.random((2500, 16, 16), dtype=np.float32), rng.random((2500, 64), dtype=np.float32)
    seconds = []
    for epochs in EPOCHS:
        model = ImSpec((16, 16), (64,), latent_dim=10)
        began = time.process_time()
        model.fit(
            x, y, x[:64], y[:64], full_epoch=True, training_cycles=epochs, batch_size=64, precision=precision
        )
        seconds.append(time.process_time() - began)
    return (seconds[1] - seconds[0]) / (EPOCHS[1] - EPOCHS[0])


def theirs(python: str) -> float:
    """Return AtomAI's CPU seconds per epoch."""
    told = subprocess.run(
        [python, "-c", _PEER, json.dumps(EPOCHS)], check=True, capture_output=True, text=True
    ).stderr
    seconds = json.loads(told.rpartition("SECONDS ")[2])
    return float((seconds[1] - seconds[0]) / (EPOCHS[1] - EPOCHS[0]))


def speed(python: str) -> None:
    """Compare the times per epoch."""
    peer = theirs(python)
    for precision in ("32", "bf16"):
        own = ours(precision)
        sys.stdout.write(f"{precision}: {own:.2f} s per epoch, AtomAI {peer:.2f} s: ratio {own / peer:.2f}\n")


def plasmons(seeds: list[int]) -> None:
    """Learn arrays of particles with the package's own settings; tell held-out R2 beside the baselines'."""
    import torch

    from napari_atomai.data.progress import finish
    from napari_atomai.data.recipes_spectra import TrainImSpec
    from napari_atomai.simulate.plasmons import plasmonic_array
    from napari_atomai.stat.baselines import r2
    from napari_atomai.workflow.imspec import training_imspec

    torch.set_num_threads(1)
    for seed in seeds:
        began = time.process_time()
        made = plasmonic_array(seed=seed)
        simulated = time.process_time()
        result = finish(training_imspec(made.image, made.spectra, TrainImSpec()))
        exact = np.moveaxis(made.exact, 0, -1).reshape(-1, made.exact.shape[0])[result.test]
        scores = ", ".join(f"{name} {score:.3f}" for name, score in result.comparison.scores.items())
        sys.stdout.write(
            f"seed {seed}: R2 {scores}; without noise {r2(exact, result.predicted.mean[result.test]):.3f}; "
            f"window {result.pairs.window:.0f} nm, turned {result.model.about['turned']}, "
            f"{len(result.train)} learned, {len(result.test)} held out, {len(made.radii)} particles; "
            f"{simulated - began:.0f} CPU s simulated, {time.process_time() - simulated:.0f} learned\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] == "plasmons":
        plasmons([int(word) for word in sys.argv[2:]] or list(range(10)))
    else:
        speed(sys.argv[2])

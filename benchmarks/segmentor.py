"""Segmentor against AtomAI 0.8.1, both in one run: CPU seconds, peak memory, loss.

    python -m benchmarks.segmentor --peer PYTHON [--cycles N]

PYTHON is the interpreter of an environment of its own that holds AtomAI (`pip install atomai==0.8.1 six`).
Each measurement is a process of its own on one thread; processes of the two programs take turns. Both train a
U-Net of the same filters (16, 32, 64, 128) for three classes on the same images with the same batch and
the same number of cycles (a cycle is one batch of training and one of test). Memory is the peak of the
process less what it had after its imports.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402 - threads are counted when it is loaded

FILTERS = (16, 32, 64, 128)


def main() -> int:
    """Measure and print the table, or work as one of the processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--peer", help="python of an environment with AtomAI")
    parser.add_argument("--cycles", type=int, default=4, help="timed cycles of training at 256 x 256")
    parser.add_argument(
        "--worker", nargs=4, metavar=("WHO", "TASK", "DATA", "CYCLES"), help=argparse.SUPPRESS
    )
    options = parser.parse_args()
    if options.worker:
        who, task, data, cycles = options.worker
        work = {"ours": ours, "atomai": atomai}[who]
        print("RESULT", json.dumps(work(task, Path(data), int(cycles))))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        compare(options.peer, Path(folder), options.cycles)
    return 0


def compare(peer: str | None, folder: Path, cycles: int) -> None:
    """Run every task in both programs and print a line for each."""
    tasks = (
        ("train 256", 256, cycles),
        ("loss 64", 64, 150),
        ("predict 2048", 2048, 0),
        ("predict 8192", 8192, 0),
    )
    print("| task | who | CPU s | peak memory, MB | loss | pixels right |\n|---|---|---:|---:|---:|---:|")
    for task, size, count in tasks:
        data = folder / f"{task.replace(' ', '_')}.npz"
        make_data(data, size, task)
        for who, python in (("atomai", peer), ("ours", sys.executable)):
            if python and not (who == "atomai" and size == 8192):
                print(line(task, who, run(python, who, task, data, count)), flush=True)


def line(task: str, who: str, result: dict[str, float]) -> str:
    """One row of the table."""
    loss, right = (result.get(name, float("nan")) for name in ("loss", "right"))
    return f"| {task} | {who} | {result['seconds']:.2f} | {result['memory']:.0f} | {loss:.4f} | {right:.4f} |"


def run(python: str, who: str, task: str, data: Path, cycles: int) -> dict[str, float]:
    """Start a process that does one task in one program."""
    # -P: else the folder of this file comes first, and a file there could stand in for a module of Python.
    line = [python, "-P", __file__, "--worker", who, task, str(data), str(cycles)]
    done = subprocess.run(line, capture_output=True, text=True, cwd=data.parent, check=False)
    for text in done.stdout.splitlines():
        if text.startswith("RESULT "):
            result: dict[str, float] = json.loads(text[7:])
            return result
    raise SystemExit(f"{who} failed at {task}:\n{done.stderr[-2000:]}")


def make_data(path: Path, size: int, task: str) -> None:
    """Simulated perovskite: images (n, y, x) in float32, labels 0 and 1 for the columns, 2 for background."""
    from napari_atomai.simulate.imaging import Columns, Conditions, draw, expose
    from napari_atomai.simulate.lattices import PROTOTYPES

    count = {"predict": 1}.get(task.split()[0], 64)
    side = min(size, 2048)
    images, labels = [], []
    for index in range(count):
        rng = np.random.default_rng([3, index])
        lattice = PROTOTYPES["perovskite 100"].scaled(14.0)
        where, sites = lattice.tile((side, side), float(rng.uniform(0, 6.3)), 14.0)
        columns = Columns(where, lattice.amplitudes[sites], np.full((len(where), 2), 2.6))
        image = expose(draw(columns, (side, side)) + 0.15, Conditions(dose=float(rng.uniform(10, 60))), rng)
        label = np.full((side, side), 2, np.int64)
        rows, cols = np.round(where).astype(int).T
        for dr in range(-3, 4):
            for dc in range(-3, 4):
                r, c = rows + dr, cols + dc
                inside = (r >= 0) & (r < side) & (c >= 0) & (c < side) & (dr * dr + dc * dc <= 10)
                label[r[inside], c[inside]] = sites[inside]
        images.append(image)
        labels.append(label)
    repeat = size // side
    stack = np.tile(np.stack(images), (1, repeat, repeat)).astype(np.float32)
    np.savez(path, images=stack, labels=np.tile(np.stack(labels), (1, repeat, repeat)))


class Meter:
    """CPU seconds and the growth of the peak memory from now on."""

    def __init__(self) -> None:
        self.memory, self.seconds = self._memory(), time.process_time()

    @staticmethod
    def _memory() -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    def read(self) -> dict[str, float]:
        """CPU seconds, and MB above what the process had at the start."""
        return {"seconds": time.process_time() - self.seconds, "memory": self._memory() - self.memory}


def atomai(task: str, data: Path, cycles: int) -> dict[str, float]:
    """Do a task in AtomAI."""
    import atomai as aoi

    content = np.load(data)
    images, labels = content["images"], content["labels"]
    model = aoi.models.Segmentor("Unet", nb_classes=3)
    if task.startswith("predict"):
        meter = Meter()
        model.predict(images, verbose=False, compute_coords=False)
        return meter.read()
    half = len(images) // 2
    parts = (images[:half], labels[:half], images[half:], labels[half:])
    meter = Meter()
    model.fit(*parts, training_cycles=cycles, batch_size=32, print_loss=10**6, plot_training_history=False)
    result = meter.read()
    result["seconds"] /= cycles
    if task.startswith("loss"):
        seen = model.predict(parts[2], verbose=False, compute_coords=False)
        seen = seen[0] if isinstance(seen, tuple) else seen
        result |= quality(seen, parts[3])
    return result


def ours(task: str, data: Path, cycles: int) -> dict[str, float]:
    """Do a task here."""
    import torch

    torch.set_num_threads(1)
    from napari_atomai.models import Segmentor

    content = np.load(data)
    images, labels = content["images"], content["labels"]
    net = {"stem": "plain", "filters": FILTERS, "layers": (1, 2, 2), "bottleneck": (1, 1, 1)}
    model = Segmentor("Unet", nb_classes=3, net_options=net)
    if task.startswith("predict"):
        meter = Meter()
        model.predict(images, compute_coords=False)
        return meter.read()
    half = len(images) // 2
    parts = (images[:half], labels[:half], images[half:], labels[half:])
    meter = Meter()
    model.fit(*parts, training_cycles=cycles, batch_size=32)
    result = meter.read()
    result["seconds"] /= cycles
    if task.startswith("loss"):
        result |= quality(model.predict(parts[2], compute_coords=False), parts[3])
    return result


def quality(probabilities: Any, labels: np.ndarray) -> dict[str, float]:
    """Mean cross-entropy and share of pixels classed rightly."""
    seen = np.asarray(probabilities[0] if isinstance(probabilities, tuple) else probabilities, float)
    chosen = np.take_along_axis(seen, labels[..., None], axis=-1)[..., 0]
    return {
        "loss": float(-np.log(np.clip(chosen, 1e-7, 1)).mean()),
        "right": float((seen.argmax(axis=-1) == labels).mean()),
    }


if __name__ == "__main__":
    sys.exit(main())

"""Local statistics against AtomAI in one run: ``components.py PYTHON_OF_ATOMAI``; CPU seconds.

Both decompose the same 5,000 patches of 32 x 32 px into four components.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from napari_atomai.stat.local import imlocal

METHODS = ("imblock_pca", "imblock_nmf")
PEER = """
import json, sys, time
import numpy as np
from atomai.stat import imlocal
file = np.load(sys.argv[1])
made = imlocal(file["image"], {0: file["table"]}, window_size=32, coord_class=0)
flat, result = made.imgstack.reshape(len(made.imgstack), -1), {}
for name in sys.argv[2:]:
    start = time.process_time()
    components, loadings, _ = getattr(made, name)(4)
    seconds = time.process_time() - start
    mean = flat.mean(axis=0) if name == "imblock_pca" else 0
    left = flat - mean - loadings @ components.reshape(4, -1)
    result[name] = (seconds, float(np.linalg.norm(left) / np.linalg.norm(flat - mean)))
print("RESULT" + json.dumps(result))
"""


def scene() -> tuple[np.ndarray, np.ndarray]:
    """Return an image (1, y, x, 1) of a lattice that wanders, with noise, and 5,000 of its atoms."""
    rng = np.random.default_rng(0)
    rows, cols = np.indices((1200, 1200), dtype=np.float32)
    phase = 2 * np.pi / 16
    image = 2 + np.cos(phase * rows + np.sin(cols / 90)) + np.cos(phase * cols + np.sin(rows / 70))
    image += 0.3 * rng.random(image.shape)
    grid = np.stack(np.meshgrid(*[np.arange(24, 1176, 16)] * 2, indexing="ij"), -1).reshape(-1, 2)
    chosen = grid[rng.permutation(len(grid))[:5000]]
    return image[None, ..., None].astype(np.float32), np.column_stack([chosen, np.zeros(len(chosen))])


def ours(image: np.ndarray, table: np.ndarray) -> dict[str, tuple[float, float]]:
    """Return CPU seconds and relative error of each method."""
    import sklearn.decomposition  # noqa: F401  # AtomAI has imported it, too, before its clock starts

    made, result = imlocal(image, {0: table}, window_size=32), {}
    for name in METHODS:
        start = time.process_time()
        getattr(made, name)(4)
        assert made.result is not None
        result[name] = (time.process_time() - start, made.result.error)
    return result


def main() -> None:
    """Run both, and print seconds and errors."""
    image, table = scene()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.npz"
        np.savez(path, image=image, table=table)
        command = [sys.argv[1], "-c", PEER, str(path), *METHODS]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    peer, mine = json.loads(told.split("RESULT")[1]), ours(image, table)
    for name in METHODS:
        print(
            f"{name}: AtomAI {peer[name][0]:.2f} s, error {peer[name][1]:.4f}; "
            f"here {mine[name][0]:.2f} s, error {mine[name][1]:.4f}"
        )


if __name__ == "__main__":
    main()

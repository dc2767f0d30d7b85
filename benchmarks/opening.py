"""The longest time for which opening a file keeps the window from turning, and napari's own share of it.

    xvfb-run -a python -m benchmarks.opening [FILE ...]

Without files a 4096 x 4096 float32 NPY and a compressed HSPY are made in a temporary folder. Each is opened
in a fresh window, twice. *napari alone* is ``viewer.add_image`` of the same pixels in memory, in a fresh
window too. Bound: 0.2 s. Of each gap its length is given, and in brackets how long the window's thread worked
in it: on a machine that others use as well, the rest is waiting for a processor.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

SIDE = 4096


def made(folder: Path) -> list[Path]:
    from napari_atomai.data.image import Image
    from napari_atomai.files.writing import write_hspy

    pixels = np.random.default_rng(0).random((SIDE, SIDE), dtype=np.float32)
    np.save(folder / "large.npy", pixels)
    write_hspy([Image.from_array(pixels, 0.02)], folder / "large.hspy")
    return [folder / "large.npy", folder / "large.hspy"]


def measure(path: Path, ours: bool) -> list[tuple[float, float]]:
    import napari
    from napari.qt import get_qapp

    from benchmarks.window import Heartbeat

    viewer = napari.Viewer(show=True)
    app = get_qapp()
    pixels: Any = None
    if not ours:
        from napari_atomai.files.reading import read

        pixels = read(path)[0].pixels
    longest = []
    for _ in range(2):
        viewer.layers.clear()
        turn(app, 1.0)
        heart = Heartbeat()
        heart.timer.start()
        turn(app, 0.1)
        if ours:
            viewer.open(path, plugin="napari-atomai")
        else:
            viewer.add_image(pixels, contrast_limits=(0, 1))
        turn(app, 0.5)
        heart.timer.stop()
        longest.append(heart.longest())
    viewer.close()
    return longest


def turn(app: Any, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        app.processEvents()
        time.sleep(0.001)


def main() -> int:
    if len(sys.argv) == 3 and sys.argv[1].startswith("--"):
        sys.stdout.write(json.dumps(measure(Path(sys.argv[2]), sys.argv[1] == "--ours")) + "\n")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(name) for name in sys.argv[1:]] or made(Path(folder))
        sys.stdout.write(f"{'file':32} {'opened (first, second), s':>28} {'napari alone, s':>28}\n")
        for path in files:
            row = [child(how, path) for how in ("--ours", "--napari")]
            sys.stdout.write(f"{path.name:32} {row[0]:>28} {row[1]:>28}\n")
    return 0


def child(how: str, path: Path) -> str:
    command = [sys.executable, "-m", "benchmarks.opening", how, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    gaps = json.loads(done.stdout.splitlines()[-1])
    return ", ".join(f"{gap:.2f} ({worked:.2f})" for gap, worked in gaps)


if __name__ == "__main__":
    sys.exit(main())

"""From a cold start to results on the disk: time, memory, and what importing costs.

    python benchmarks/first_click.py            the 1024 x 1024 image, and the import
    python benchmarks/first_click.py --large    the 4096 x 4096 image, too

Every measurement is a process of its own, so that nothing is warm but the files. CPU seconds are told
beside wall seconds, because the latter depend on what else the machine does. Linux and macOS only.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

FIRST_CLICK_S = 5.0
IMPORT_S = 0.2
PEAK_GB = 2.0
_FIND = "import sys; from napari_atomai.cli import main; sys.exit(main(sys.argv[1:]))"

_MAKE = (
    "import sys; import numpy as np; from napari_atomai.simulate.samples import perovskite\n"
    "np.save(sys.argv[1], perovskite(size=int(sys.argv[2])).image.pixels)"
)


@dataclass(frozen=True)
class Cost:
    """What a process took."""

    wall: float
    cpu: float
    peak_gb: float


def measure(command: list[str]) -> Cost:
    """Run a process to its end and return what it took."""
    began = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {child.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there, in KiB here
    wall = time.perf_counter() - began
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * unit / 1e9)


def find(size: int, folder: Path) -> Cost:
    """Measure `napari-atomai find` on a simulated image of `size` x `size` pixels."""
    path = folder / f"perovskite_{size}.npy"
    # Made in a process of its own: Linux hands the peak memory of a parent down to its children.
    measure([sys.executable, "-c", _MAKE, str(path), str(size)])
    return measure([sys.executable, "-c", _FIND, "find", str(path), "--out", str(folder / "out"), "--quiet"])


def best_import(times: int = 5) -> float:
    """Measure the CPU seconds that `import napari_atomai` adds to a bare interpreter."""
    bare = min(measure([sys.executable, "-c", "pass"]).cpu for _ in range(times))
    return min(measure([sys.executable, "-c", "import napari_atomai"]).cpu for _ in range(times)) - bare


def report(what: str, number: float, bound: float, unit: str) -> bool:
    """Print a number against its bound; return whether it holds."""
    print(f"{'ok  ' if number < bound else 'OVER'} {what}: {number:.2f} {unit} (bound {bound:g} {unit})")
    return number < bound


def main() -> int:
    """Measure and tell; 1 when a bound does not hold."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--large", action="store_true", help="4096 x 4096 pixels, too: about a minute")
    args = parser.parse_args()
    held = [report("import napari_atomai", best_import(), IMPORT_S, "s CPU")]
    with tempfile.TemporaryDirectory() as name:
        cost = find(1024, Path(name))
        print(f"     1024 x 1024: {cost.wall:.2f} s wall, {cost.cpu:.2f} s CPU, {cost.peak_gb:.2f} GB")
        two_cores = max(cost.cpu / 2, min(cost.wall, cost.cpu))
        held.append(
            report("1024 x 1024, cold, all files written", two_cores, FIRST_CLICK_S, "s on two cores")
        )
        if args.large:
            cost = find(4096, Path(name))
            print(f"     4096 x 4096: {cost.wall:.2f} s wall, {cost.cpu:.2f} s CPU")
            held.append(report("4096 x 4096, peak memory", cost.peak_gb, PEAK_GB, "GB"))
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())

"""What teaching brings on real images: F1 on the part that was not reviewed, and what is forgotten.

    python benchmarks/teach.py --data ../shared/data --seeds 0 1

Of each image the left part, with 60 % of its labels, is taken for reviewed and corrected; a fifth of that is
held out by the engine itself. The rest is never shown: its labels judge base and taught finder, both at the
same given spacing. "own" is the threshold that each does best at on the reviewed part.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.data.progress import finish
from napari_atomai.data.recipe import FindAtoms
from napari_atomai.data.recipes_teaching import Teach
from napari_atomai.simulate.truth import match
from napari_atomai.workflow.corrections import Correction
from napari_atomai.workflow.find import as_image, finding
from napari_atomai.workflow.teach import teaching

Vector = NDArray[np.float64]

CASES = {"stem_Pt-single-atoms_038": 28.0, "stem_Pt-single-atoms_051": 18.0, "stem_Pt-porphyrin_1": 26.0}
"""File, and the distance in pixels at which it is given to both finders."""
LATTICE = "stem_LLTO_512.tif"
WITHIN = 6.0
THRESHOLDS = np.round(np.arange(0.1, 0.91, 0.05), 2)


def f1_of(image: Image, truth: Vector, model: str, spacing: float, cut: float) -> tuple[Vector, Vector]:
    """F1 at each of `THRESHOLDS`, left and right of a column."""
    found = finish(finding(image, FindAtoms(model=model, spacing=spacing, contrast="bright"))).candidates
    table = []
    for threshold in THRESHOLDS:
        atoms = found.positions[found.features["score"] >= threshold]
        of_atoms, of_truth = match(atoms, truth, WITHIN)
        alone = np.setdiff1d(np.arange(len(atoms)), of_atoms)
        sides = []
        for left in (True, False):
            hits = int(((truth[of_truth, 1] < cut) == left).sum())
            false = int(((atoms[alone, 1] < cut) == left).sum())
            there = int(((truth[:, 1] < cut) == left).sum())
            sides.append(2 * hits / max(hits + false + there, 1))
        table.append(sides)
    left, right = np.array(table).T
    return left, right


def words(left: Vector, right: Vector) -> str:
    """F1 on the rest at a score of 0.5, and at the threshold that is best on the reviewed part."""
    own = int(np.argmax(left - 1e-3 * np.abs(THRESHOLDS - 0.5)))
    half = int(np.argmin(np.abs(THRESHOLDS - 0.5)))
    return f"{right[half]:.3f} at 0.50, {right[own]:.3f} at own {THRESHOLDS[own]:.2f}"


def report(name: str, spacing: float, seed: int, data: Path, lattice: Image, folder: Path) -> None:
    """Teach on the left, judge on the right, and look at a lattice that was not taught."""
    image = as_image(data / f"{name}.tif")
    truth = np.loadtxt(data / f"{name}_labels.csv", delimiter=",", skiprows=1)[:, -2:][:, ::-1]
    cut = float(np.sort(truth[:, 1])[int(0.6 * len(truth)) - 1] + 5)
    region = np.array([(-1, -1), (-1, cut), (1e4, cut), (1e4, -1)])
    correction = Correction(image, Atoms.make(truth), [region], spacing=spacing, dark=False)
    start, wall = time.process_time(), time.monotonic()
    taught = finish(teaching([correction], Teach(seed=seed)))
    cpu, wall = time.process_time() - start, time.monotonic() - wall
    path = str(taught.save(folder / f"{name}-{seed}"))
    known = int((truth[:, 1] < cut).sum())
    print(
        f"{name} seed {seed}: {known} corrected, {len(truth) - known} to judge; {cpu:.0f} s CPU, {wall:.0f} s"
    )
    for label, model in (("base", "atoms"), ("taught", path)):
        print(f"  {label:7} F1 on the rest {words(*f1_of(image, truth, model, spacing, cut))}")
    one, other = (finish(finding(lattice, FindAtoms(model=model))).atoms for model in ("atoms", path))
    same = len(match(one.positions, other.positions, 3.0)[0])
    print(f"  {LATTICE}: base {len(one)}, taught {len(other)}, {same} the same", flush=True)


def main() -> None:
    """Run all cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    options = parser.parse_args()
    lattice = as_image(options.data / LATTICE)
    with tempfile.TemporaryDirectory() as folder:
        for name, spacing in CASES.items():
            for seed in options.seeds:
                report(name, spacing, seed, options.data, lattice, Path(folder))


if __name__ == "__main__":
    main()

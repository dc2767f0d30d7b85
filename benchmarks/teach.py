"""What teaching brings on real images: F1 on the part that was not reviewed, and what is forgotten.

    python benchmarks/teach.py --data ../shared/data --seeds 0 1

Of each image one side, with 60 % of its labels, is taken for reviewed and corrected; a fifth of that is
held out by the engine itself. The rest is never shown: its labels judge base and taught finder, both at the
same given spacing: at a score of 0.5, and at the threshold that each does best at on the reviewed side.
"bound" is what a band-pass with its size and threshold chosen by all the labels reaches on the whole image.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

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
SIDES = ("left", "right", "top", "bottom")
LATTICE = "stem_LLTO_512.tif"
WITHIN = 6.0
SHARE = 0.6
THRESHOLDS = np.round(np.arange(0.1, 0.91, 0.05), 2)


@dataclass(frozen=True, eq=False)
class Case:
    """An image with its labels, and the side of it that is reviewed."""

    image: Image
    truth: Vector
    spacing: float
    side: str

    def reviewed(self, positions: Vector) -> NDArray[np.bool_]:
        """Return which positions lie on the reviewed side."""
        axis, low = int(self.side in ("left", "right")), self.side in ("left", "top")
        ordered = np.sort(self.truth[:, axis])
        count = int(SHARE * len(ordered))
        cut = ordered[count - 1] + 5 if low else ordered[len(ordered) - count] - 5
        there: NDArray[np.bool_] = positions[:, axis] < cut if low else positions[:, axis] > cut
        return there

    def correction(self) -> Correction:
        """Return the reviewed side as a person's correction."""
        rows, columns = (part.ravel() for part in np.indices(self.image.frame_shape))
        inside = self.reviewed(np.column_stack([rows, columns]).astype(float))
        (top, left), (bottom, right) = (
            [int(pick(part[inside])) for part in (rows, columns)] for pick in (np.min, np.max)
        )
        region = np.array([(top, left), (top, right), (bottom, right), (bottom, left)]) + 0.5 * np.array(
            [(-1, -1), (-1, 1), (1, 1), (1, -1)]
        )
        return Correction(self.image, Atoms.make(self.truth), [region], spacing=self.spacing, dark=False)

    def f1(self, model: str) -> tuple[float, float]:
        """F1 on the rest at a score of 0.5, and at the threshold that is best on the reviewed side."""
        recipe = FindAtoms(model=model, spacing=self.spacing, contrast="bright")
        found = finish(finding(self.image, recipe)).candidates
        table = np.array([self._tally(found.positions[found.features["score"] >= t]) for t in THRESHOLDS])
        own = int(np.argmax(table[:, 0] - 1e-3 * np.abs(THRESHOLDS - 0.5)))
        return float(table[np.argmin(np.abs(THRESHOLDS - 0.5)), 1]), float(table[own, 1])

    def _tally(self, atoms: Vector) -> list[float]:
        of_atoms, of_truth = match(atoms, self.truth, WITHIN)
        alone = np.delete(atoms, of_atoms, axis=0)
        result = []
        for side in (True, False):
            hits, false, there = (
                int((self.reviewed(part) == side).sum()) for part in (self.truth[of_truth], alone, self.truth)
            )
            result.append(2 * hits / max(hits + false + there, 1))
        return result

    def bound(self) -> float:
        """Best F1 on the whole image of a band-pass, over all sizes and thresholds."""
        pixels, best = np.asarray(self.image.frame(0), float), 0.0
        for sigma in (1, 1.5, 2, 2.5, 3, 4, 5):
            seen = ndimage.gaussian_filter(pixels, sigma) - ndimage.gaussian_filter(pixels, 3 * sigma)
            peaks = np.argwhere(seen == ndimage.maximum_filter(seen, size=int(4 * sigma + 5)))
            peaks = peaks[np.argsort(-seen[tuple(peaks.T)])].astype(float)
            for count in range(1, 4 * len(self.truth)):
                hits = len(match(peaks[:count], self.truth, WITHIN)[0])
                best = max(best, 2 * hits / (count + len(self.truth)))
        return best


def report(name: str, case: Case, seed: int, lattice: Image, folder: Path) -> None:
    """Teach one side, judge on the rest, and look at a lattice that was not taught."""
    start = time.process_time()
    taught = finish(teaching([case.correction()], Teach(seed=seed)))
    cpu = time.process_time() - start
    path = str(taught.save(folder / f"{name}-{case.side}-{seed}"))
    rest = int((~case.reviewed(case.truth)).sum())
    one, other = (finish(finding(lattice, FindAtoms(model=model))).atoms for model in ("atoms", path))
    same = len(match(one.positions, other.positions, 3.0)[0])
    before, after = case.f1("atoms"), case.f1(path)
    print(
        f"{name} {case.side} seed {seed} ({rest} judged, {cpu:.0f} s CPU): at 0.50 {before[0]:.3f} -> "
        f"{after[0]:.3f}, at own {before[1]:.3f} -> {after[1]:.3f}; {LATTICE} {same} of {len(one)} kept, "
        f"{len(other) - same} new",
        flush=True,
    )


def main() -> None:
    """Run all cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES)
    parser.add_argument("--images", nargs="+", choices=CASES, default=list(CASES))
    options = parser.parse_args()
    lattice = as_image(options.data / LATTICE)
    with tempfile.TemporaryDirectory() as folder:
        for name in options.images:
            image = as_image(options.data / f"{name}.tif")
            truth = np.loadtxt(options.data / f"{name}_labels.csv", delimiter=",", skiprows=1)[:, -2:][
                :, ::-1
            ]
            print(f"{name}: bound {Case(image, truth, CASES[name], 'left').bound():.2f}", flush=True)
            for side in options.sides:
                for seed in options.seeds:
                    report(name, Case(image, truth, CASES[name], side), seed, lattice, Path(folder))


if __name__ == "__main__":
    main()

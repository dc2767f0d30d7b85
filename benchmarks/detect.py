"""Detection and refinement with the bundled model: precision, recall, F1, error over bound, CPU seconds.

    python benchmarks/detect.py [--model NAME]

The images of refine.py. The first table starts from the model's own candidates; *completed* also drops what
the pixels do not support and adds what was missed. The second starts from imperfect positions: 5 % missing,
3 % false ones at random places. A column is found if an atom lies within a third of the nearest distance.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from refine import CROWDING, SIZE, bound, crystal, expected
from scipy.spatial import cKDTree

from napari_atomai.data.image import Image
from napari_atomai.data.progress import finish
from napari_atomai.data.recipe import FindAtoms, RefineAtoms
from napari_atomai.locate.centres import Peaks
from napari_atomai.locate.complete import refine_complete
from napari_atomai.locate.refine import fit_radius
from napari_atomai.predictors.detect import CLOSEST
from napari_atomai.workflow.find import finding
from napari_atomai.workflow.measure import measured

DOSES = (3, 10, 100)


def matched(found: np.ndarray, truth: np.ndarray, reach: float) -> np.ndarray:
    """Pairs (M, 2) of found and true atoms, one to one, nearest first."""
    distance, other = cKDTree(truth).query(found)
    order = np.argsort(distance)
    order = order[distance[order] < reach]
    _, first = np.unique(other[order], return_index=True)
    return np.stack([order[first], other[order[first]]], axis=1)


def told(found: np.ndarray, where: np.ndarray, variance: np.ndarray, reach: float) -> str:
    """Precision, recall, F1 and error over bound, as columns of a table."""
    pairs = matched(found, where, reach)
    precision, recall = len(pairs) / max(len(found), 1), len(pairs) / len(where)
    score = 2 * precision * recall / max(precision + recall, 1e-9)
    known = pairs[np.isfinite(variance[pairs[:, 1]]).all(1)]
    errors = found[known[:, 0]] - where[known[:, 1]]
    ratio = np.sqrt(np.mean(errors**2) / np.mean(variance[known[:, 1]]))
    return f"{precision:.4f} | {recall:.4f} | {score:.4f} | {ratio:.3f}"


def with_net(image: np.ndarray, model: str, complete: bool) -> tuple[np.ndarray, float]:
    """Positions at the recipe's threshold, and CPU seconds."""
    find = FindAtoms(model=model)
    clock = time.process_time()
    result = finish(
        finding(Image.from_array(image), find, RefineAtoms(method="none" if complete else "gaussian"))
    )
    positions, keep = result.candidates.positions, result.atoms.positions
    if complete:
        spacing = result.record.measured["spacing_px"]
        peaks = Peaks(positions, result.candidates.features["score"])
        where, features = measured(
            image, peaks, spacing, RefineAtoms(), closest=CLOSEST * spacing, complete=True
        )
        keep = where[features["score"] >= find.threshold]
    return keep, time.process_time() - clock


def imperfect(where: np.ndarray, nearest: float, rng: np.random.Generator) -> np.ndarray:
    """Starts with 5 % missing and 3 % false ones."""
    kept = where[rng.random(len(where)) > 0.05]
    false = rng.uniform(2, SIZE - 3, (int(0.03 * len(where)), 2))
    return np.concatenate([kept + rng.normal(0, 0.035 * nearest, kept.shape), false])


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="atoms")
    model = parser.parse_args().model
    finish(finding(Image.from_array(np.random.default_rng(0).poisson(5.0, (256, 256)).astype(float))))
    print("| atoms | counts at peak | start | precision | recall | F1 | error / bound | CPU s |")
    print("|---|---|---|---|---|---|---|---|")
    for count in (2500, 10000):
        for dose in DOSES:
            rng = np.random.default_rng(0)
            where, height, sigma = crystal(count, rng)
            mean = expected(where, height, sigma) * dose
            image = rng.poisson(mean).astype(np.float64)
            variance, nearest = bound(mean, where, height * dose, sigma), CROWDING * sigma
            rows = {
                "net": with_net(image, model, False),
                "net, completed": with_net(image, model, True),
            }
            begin = imperfect(where, nearest, rng)
            clock = time.process_time()
            done = refine_complete(image, begin, fit_radius(nearest))
            rows["imperfect, completed"] = (done.fit.positions, time.process_time() - clock)
            for name, (found, spent) in rows.items():
                numbers = told(found, where, variance, nearest / 3)
                print(f"| {count} | {dose} | {name} | {numbers} | {spent:.2f} |", flush=True)


if __name__ == "__main__":
    main()

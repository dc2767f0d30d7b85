"""Latents of a simulated perovskite with known displacements, with and without training.

    python benchmarks/latent_workflow.py

Atoms are found and refined as a user would; the truth only judges. CPU seconds of this process.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from scipy.spatial import cKDTree

from napari_atomai.data.image import Image
from napari_atomai.data.progress import finish
from napari_atomai.data.recipe import CutPatches, LearnLatents
from napari_atomai.simulate.distortions import polar_domains
from napari_atomai.simulate.imaging import Columns, Conditions, draw, expose
from napari_atomai.simulate.lattices import PROTOTYPES
from napari_atomai.stat.latent import clustered, correlated, density
from napari_atomai.workflow.find import find_atoms
from napari_atomai.workflow.latent import cutting, learning

CUT = CutPatches(window=0.56)
RECIPES = {
    "nothing set apart": LearnLatents(rotation=False, translation=False, number=4),
    "free of rotation": LearnLatents(translation=False),
    "Zernike moments": LearnLatents(model="zernike"),
}


def main() -> None:
    simulated, displacement = polar_domains(size=512)
    atoms = find_atoms(simulated.image)
    away, nearest = cKDTree(simulated.truth.positions).query(atoms.positions)
    keep = (away < 3) & (simulated.truth.classes[nearest] == 1)  # B columns
    atoms, moved = atoms.keep(keep), displacement[nearest[keep]]
    where = dict(zip(atoms.ids.tolist(), range(len(atoms)), strict=True))
    cut = finish(cutting(simulated.image, CUT, atoms))
    for name, recipe in RECIPES.items():
        began = time.process_time()
        found = finish(learning(cut, recipe))
        seconds = time.process_time() - began
        truth = moved[[where[i] for i in found.atoms.ids.tolist()]]
        say(f"{name}: {len(found)} patches of {cut.motifs.patches.shape[1]} px, {seconds:.1f} CPU s")
        rows, columns = (correlated(found.latent.mean, truth[:, k]).together for k in (0, 1))
        say(f"  latents with the displacement along rows {rows:.3f}, along columns {columns:.3f}")
        domain = np.unique(truth, axis=0, return_inverse=True)[1]
        if found.clusters is not None and found.clusters.number == 4:
            say(f"  purity of 4 clusters {purity(found.clusters.labels, domain):.3f}")
        if found.latent.angle is not None:
            direction = np.arctan2(-truth[:, 0], truth[:, 1])
            turn = np.exp(1j * (found.latent.angle - direction))
            off = np.degrees(np.angle(turn / np.exp(1j * np.angle(turn.mean()))))
            say(f"  angle and direction of displacement: {np.sqrt((off**2).mean()):.1f} degrees RMS")
    field()
    many()


def field(size: int = 512, pixel_size: float = 0.02, most: float = 0.015) -> None:
    """Latents of a perovskite whose B columns are displaced along the columns by a wave of up to 15 pm."""
    cell = 0.4006 / pixel_size
    lattice = PROTOTYPES["perovskite 100"].scaled(cell / np.sqrt(2))
    positions, sites = lattice.tile((size, size), 0.1, 2 * cell)
    wave = np.where(sites == 1, most * np.sin(2 * np.pi * positions[:, 0] / size), 0.0)
    positions[:, 1] += wave / pixel_size
    columns = Columns(positions, np.where(sites == 0, 1.0, 0.5), np.full((len(sites), 2), 0.055 / pixel_size))
    random = np.random.default_rng(0)
    pixels = expose(draw(columns, (size, size), skirt=0.1) + 0.2, Conditions(dose=150.0), random)
    image = Image.from_array(pixels, pixel_size)
    atoms = find_atoms(image)
    away, nearest = cKDTree(positions).query(atoms.positions)
    keep = (away < 3) & (sites[nearest] == 1)
    truth = dict(zip(atoms.ids[keep].tolist(), wave[nearest[keep]], strict=True))
    cut = finish(cutting(image, CUT, atoms.keep(keep)))
    found = finish(learning(cut, RECIPES["nothing set apart"]))
    linear = correlated(found.latent.mean, [truth[i] for i in found.atoms.ids.tolist()]).linear
    say(f"wave of displacement: each latent with it {', '.join(f'{value:.3f}' for value in linear)}")


def many() -> None:
    """Clusters and density of 200,000 points."""
    random = np.random.default_rng(0)
    kind = random.integers(0, 4, 200_000)
    points = np.array([[0, 0], [5, 0], [0, 5], [5, 5]])[kind] + random.normal(size=(200_000, 2))
    for method in ("gmm", "kmeans", "hdbscan"):
        began = time.process_time()
        found = clustered(points, method, 4)
        seconds = time.process_time() - began
        say(f"{method} of 200,000 points: purity {purity(found.labels, kind):.3f}, {seconds:.1f} CPU s")
    began = time.process_time()
    density(points)
    say(f"density of 200,000 points: {time.process_time() - began:.2f} CPU s")


def purity(labels: np.ndarray, truth: np.ndarray) -> float:
    """Return the share of points that are of the kind that most of their cluster are."""
    table = np.zeros((labels.max() + 1, truth.max() + 1))
    np.add.at(table, (labels, truth), 1)
    return float(table.max(axis=1).sum() / table.sum())


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

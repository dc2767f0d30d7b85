"""Images with known columns by wave optics, of kinds the training does not draw: out/multislice/*.npz.

Needs abTEM (GPL-3), which the package does not: `pip install abtem pydantic` in an environment of its own,
then `PYTHONPATH=. python tools/make_multislice.py [NAME ...]`. Minutes of one core. Each file holds image
(y, x), picture (without noise), positions (N, 2) as row, column in pixels, classes, class_names, visibility,
seen and pixel_size_nm.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_atomai.simulate.boundaries import coincidence_angle, grain_boundary
from napari_atomai.simulate.defects import stone_wales, substitute, vacancies, wedge
from napari_atomai.simulate.imaging import Conditions
from napari_atomai.simulate.multislice import Multislice, simulate_multislice
from napari_atomai.simulate.structures import crystal, nanoparticle, sheet
from napari_atomai.simulate.supports import amorphous, on_support, single_atoms

if TYPE_CHECKING:
    from ase import Atoms

OUT = Path(__file__).resolve().parents[1] / "out" / "multislice"
SIZE = (28.0, 28.0)
HAADF = Multislice()
MAADF = Multislice(mode="MAADF", detector_mrad=(40.0, 100.0), energy_kev=60.0, semiangle_mrad=32.0)
ABF = Multislice(mode="ABF", detector_mrad=(12.0, 25.0), energy_kev=200.0, sampling=0.15)
EVEN = Conditions(dose=60, jitter=0.1)


def doped(rng: np.random.Generator) -> Atoms:
    alloy = substitute(sheet("MoS2", SIZE, angle=12), "Mo", "W", 0.2, rng)
    return vacancies(alloy, "S", 0.06, rng)


def graphene(rng: np.random.Generator) -> Atoms:
    turned = stone_wales(sheet("graphene", SIZE, angle=20), (14, 12))
    return substitute(turned, "C", "Si", 0.02, rng)


Made = tuple[Callable[[np.random.Generator], "Atoms"], Multislice, Conditions]
SET: dict[str, Made] = {
    "YBa2Cu3O7 100": (lambda _: crystal("YBa2Cu3O7", (1, 0, 0), SIZE, 24, angle=5), HAADF, EVEN),
    "Bi2Se3 110": (lambda _: crystal("Bi2Se3", (1, 0, 0), SIZE, 24, angle=17), HAADF, EVEN),
    "MgAl2O4 110": (lambda _: crystal("MgAl2O4", (1, 1, 0), SIZE, 24, angle=9), HAADF, EVEN),
    "TiO2 001 wedge": (lambda _: wedge(crystal("TiO2", (0, 0, 1), SIZE, 36), 0.2), HAADF, EVEN),
    "Au decahedron on carbon": (
        lambda rng: on_support(
            nanoparticle("Au", "decahedron", 22, (0, 0, 1), angle=8, size=SIZE), amorphous(SIZE, 10, rng)
        ),
        HAADF,
        EVEN,
    ),
    "Fe sigma 5": (
        lambda _: grain_boundary("Fe", coincidence_angle((0, 0, 1), 3, 1)[0], size=SIZE, thickness=24),
        HAADF,
        EVEN,
    ),
    "Pt atoms on carbon": (
        lambda rng: single_atoms(amorphous(SIZE, 20, rng), "Pt", 12, rng),
        HAADF,
        EVEN,
    ),
    "MoS2 alloy with vacancies": (doped, MAADF, EVEN),
    "graphene defects": (graphene, MAADF, Conditions(dose=150, jitter=0.1)),
    "Sr2RuO4 100 ABF": (
        lambda _: crystal("Sr2RuO4", (1, 0, 0), SIZE, 40, angle=3),
        ABF,
        Conditions(dose=300),
    ),
}


def main(names: list[str]) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    for name in names or list(SET):
        structure, options, conditions = SET[name]
        rng = np.random.default_rng(sum(name.encode()))
        before = time.process_time()
        made = simulate_multislice(structure(rng), options, conditions, rng)
        np.savez_compressed(
            OUT / f"{name.replace(' ', '_')}.npz",
            image=made.image,
            picture=made.picture,
            positions=made.positions,
            classes=made.classes,
            class_names=np.array(made.class_names),
            visibility=made.visibility,
            seen=made.seen,
            pixel_size_nm=np.array(made.pixel_size_nm),
        )
        spent = time.process_time() - before
        print(
            f"{name}: {made.image.shape}, {made.seen.sum()} of {len(made.seen)} columns seen, {spent:.0f} s"
        )


if __name__ == "__main__":
    main(sys.argv[1:])

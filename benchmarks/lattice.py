"""Lattices and movies: CPU seconds, and how near to the truth; real files as figures to look at.

    python benchmarks/lattice.py speed
    python benchmarks/lattice.py truth
    python benchmarks/lattice.py peer PYTHON_OF_ATOMAP
    python benchmarks/lattice.py real FOLDER_OF_MICROSCOPE_FILES OUT

One thread. `truth` finds the atoms of simulated images with the bundled model first.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402 - threads are counted when it is loaded
from scipy.spatial import cKDTree  # noqa: E402

from napari_atomai.data.atoms import Atoms  # noqa: E402
from napari_atomai.data.progress import finish  # noqa: E402
from napari_atomai.errors import AtomAIError  # noqa: E402
from napari_atomai.simulate.distortions import (  # noqa: E402
    edge_dislocation,
    edge_dislocation_strain,
    polar_domains,
)
from napari_atomai.simulate.lattices import PROTOTYPES  # noqa: E402
from napari_atomai.stat.lattice.fit import fit_lattice  # noqa: E402
from napari_atomai.stat.lattice.strain import COMPONENTS, strain  # noqa: E402
from napari_atomai.stat.movies.drift import drift_of_atoms, without_drift  # noqa: E402
from napari_atomai.stat.movies.linking import linking  # noqa: E402

SPACING = 14.0
IMAGES = (
    "stem_BaTiO3_1.dm4",
    "stem_LLTO_512.tif",
    "stem_perovskite_ADF_atomap.hdf5",
    "stem_perovskite_ABF_atomap.hdf5",
    "stem_Fe_grain-boundary.npy",
    "stem_MoS2_Vdoped_000.npy",
)
MOVIES = ("stem_graphene_Si_3frames.npy", "movie_hsafm_32frames.asd")


def timed(words: str, work: Callable[[], object]) -> object:
    """Do something, and tell its CPU seconds."""
    begin = time.process_time()
    result = work()
    print(f"{words}: {time.process_time() - begin:.2f} CPU s")
    return result


def speed() -> None:
    """Strain of 20,000 atoms; drift and links of 2,000 atoms in 500 frames."""
    rng = np.random.default_rng(0)
    where, _ = PROTOTYPES["square"].scaled(SPACING).tile((1985, 1985), 0.3, 0)
    where = where + rng.normal(0, 0.2, where.shape)
    lattice = timed(f"lattice of {len(where)} atoms", lambda: fit_lattice(where))
    timed(f"strain of {len(where)} atoms", lambda: strain(where, lattice))
    sites = PROTOTYPES["hexagonal"].scaled(SPACING).tile((620, 620), 0.2, 0)[0][:2000]
    seen = [np.flatnonzero(rng.random(len(sites)) > 0.02) for _ in range(500)]
    drift = np.cumsum(rng.normal(0, 1.0, (500, 2)), axis=0)
    drift -= drift[0]
    frames = np.repeat(np.arange(500), [len(some) for some in seen])
    who = np.concatenate(seen)
    atoms = Atoms.make(sites[who] + rng.normal(0, 0.8, (len(who), 2)) + drift[frames], 0, frames)
    found = timed("drift of 2,000 atoms in 500 frames", lambda: drift_of_atoms(atoms))
    print(f"  largest error {np.abs(found - drift).max():.2f} px, standard deviation of atoms 0.8 px")
    still = without_drift(atoms, found)
    tracks = timed("links, gaps of 2 frames", lambda: finish(linking(still, gap=2)))
    before, after = tracks.steps()
    print(f"  wrong links {np.mean(who[before] != who[after]):.1e}, tracks {len(tracks)}")


def truth() -> None:
    """Polarisation of four domains from the image alone; strain around an edge dislocation."""
    from napari_atomai.workflow.find import find_atoms
    from napari_atomai.workflow.lattice import measuring_lattice

    for seed, skirt in ((0, 0.0), (1, 0.0), (0, 0.1), (1, 0.1)):
        simulated, moved = polar_domains(seed=seed, skirt=skirt)
        atoms = find_atoms(simulated.image)
        (found,) = finish(measuring_lattice(atoms, None, simulated.image))
        away, near = cKDTree(simulated.truth.positions).query(atoms.positions)
        known = np.isfinite(found.polarisation.vectors).all(axis=1) & (away < 2)
        true, ours = moved[near][known], found.polarisation.vectors[known]
        slope = (ours * true).sum() / (true**2).sum()
        spread, told = 1000 * (ours - true).std(), 1000 * np.median(found.polarisation.sd[known])
        print(f"polarisation, {skirt:.0%} of the light in tails, seed {seed}: slope {slope:.3f}, ", end="")
        print(f"{known.sum()} cells, errors {spread:.1f} pm, told as {told:.1f} pm")
    for name in ("square", "hexagonal"):
        perfect, _ = PROTOTYPES[name].scaled(SPACING).tile((600, 600), 0, 0)
        centre = (303.0, 305.0)
        bent = edge_dislocation(perfect, SPACING, centre)
        measured = strain(bent, fit_lattice(bent), reference=fit_lattice(perfect).cells[0].vectors)
        true = edge_dislocation_strain(bent, SPACING, centre)
        radius = np.hypot(*(bent - centre).T)
        for low, high in ((3, 6), (6, 20)):
            ring = (radius > low * SPACING) & (radius < high * SPACING)
            errors = (
                np.sqrt(np.mean((getattr(measured, c) - true[c])[ring] ** 2) / np.mean(true[c][ring] ** 2))
                for c in COMPONENTS
            )
            told = ", ".join(f"{c} {100 * e:.1f} %" for c, e in zip(COMPONENTS, errors, strict=True))
            print(f"edge dislocation, {name}, {low} to {high} Burgers vectors: {told}")


PEER = """
import sys, time
import numpy as np
import atomap.api as am
file = np.load(sys.argv[1])
a, b = (am.Sublattice(file[name][:, ::-1], image=file["image"]) for name in ("a", "b"))
start = time.process_time()
a.construct_zone_axes()
found = a.get_polarization_from_second_sublattice(*a.zones_axis_average_distances[:2], b)
seconds = time.process_time() - start
rows = np.array(found.metadata.vector_list)  # x, y, and from B to the middle of its cage
np.savez(sys.argv[2], where=rows[:, [1, 0]], vectors=-rows[:, [3, 2]], seconds=seconds)
"""


def peer(python: str) -> None:
    """Polarisation by Atomap and here, from the same positions and sublattices."""
    from napari_atomai.stat.lattice.polarisation import polarisation
    from napari_atomai.workflow.find import find_atoms
    from napari_atomai.workflow.lattice import measuring_lattice

    for seed in (0, 1):
        simulated, moved = polar_domains(seed=seed, skirt=0.0)
        atoms = find_atoms(simulated.image)
        (found,) = finish(measuring_lattice(atoms, None, simulated.image))
        sites = found.lattice.sublattice
        where, sites = atoms.positions[sites >= 0], sites[sites >= 0]
        begin = time.process_time()
        vectors = polarisation(where, fit_lattice(where, sites), centre=1, cage=0).vectors
        seconds = time.process_time() - begin
        with tempfile.TemporaryDirectory() as folder:
            given, given_back = Path(folder) / "given.npz", Path(folder) / "back.npz"
            np.savez(given, image=simulated.image.pixels, a=where[sites == 0], b=where[sites == 1])
            subprocess.run([python, "-W", "ignore", "-c", PEER, given, given_back], check=True)
            back = dict(np.load(given_back))
        theirs = (back["where"], back["vectors"], float(back["seconds"]))
        for name, result in (("here", (where, vectors, seconds)), ("Atomap", theirs)):
            away, near = cKDTree(simulated.truth.positions).query(result[0])
            known = np.isfinite(result[1]).all(axis=1) & (away < 2)
            ours, true = result[1][known], moved[near][known] / 0.02
            print(f"{name}, seed {seed}: slope {(ours * true).sum() / (true**2).sum():.3f}, ", end="")
            print(f"error {20 * (ours - true).std():.2f} pm, {known.sum()} cells, {result[2]:.2f} CPU s")


def real(data: Path, out: Path) -> None:
    """Write the results of real files, and tell what they say."""
    from napari_atomai.workflow.find import as_image, finding
    from napari_atomai.workflow.lattice import measuring_lattice
    from napari_atomai.workflow.lattice_results import write_lattice
    from napari_atomai.workflow.lattice_tables import numbers
    from napari_atomai.workflow.movie import following
    from napari_atomai.workflow.movie_results import numbers as movie_numbers
    from napari_atomai.workflow.movie_results import write_movie

    for name in (*IMAGES, *MOVIES):
        image = as_image(data / name)
        found = finish(finding(image))
        try:
            if name in MOVIES:
                followed = finish(following(found.atoms, None, image))
                write_movie(followed, found.atoms, found.record, out / name, image=image)
                told, notes = movie_numbers(followed), followed.notes
            else:
                measured = finish(measuring_lattice(found.atoms, None, image))
                write_lattice(measured, found.atoms, found.record, out / name, image=image)
                told, notes = numbers(measured[0]), measured[0].notes
        except AtomAIError as error:
            print(f"{name}: {error}")
            continue
        print(f"{name}: " + ", ".join(f"{key} {value:.4g}" for key, value in told.items()))
        for note in notes:
            print(f"  {note}")


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("speed")
    commands.add_parser("truth")
    commands.add_parser("peer").add_argument("python", help="interpreter that has Atomap")
    files = commands.add_parser("real")
    files.add_argument("data", type=Path)
    files.add_argument("out", type=Path)
    args = parser.parse_args()
    if args.command == "real":
        real(args.data, args.out)
    elif args.command == "peer":
        peer(args.python)
    else:
        {"speed": speed, "truth": truth}[args.command]()


if __name__ == "__main__":
    main()

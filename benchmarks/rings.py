"""Rings of graphene with Stone-Wales defects: CPU seconds and counts, AtomAI beside in the same run.

    python benchmarks/rings.py [--atomai PYTHON] [--atoms 20000]
    python benchmarks/rings.py --sheets 30 [--noise 0.12]

PYTHON is the interpreter of an environment that has AtomAI. Positions have 0.03 Å of noise. One thread.
With --sheets: so many sheets of some 2,400 atoms with 6 to 11 Stone-Wales defects and 4 vacancies, 20 jitters
each: on how many of them a ring differs from those that were made.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402 - threads are counted when it is loaded

from napari_atomai.graphx import find_bonds, find_rings  # noqa: E402
from napari_atomai.simulate.samples import stone_wales  # noqa: E402

BOND = 1.42
PEER = """
import sys, time
import numpy as np
from atomai.utils import Graph
where = np.load(sys.argv[1])
table = np.column_stack([where, np.zeros(len(where))])
begin = time.process_time()
graph = Graph(table, {0: "C"})
graph.find_neighbors(expand=1.2)
graph.polycount(max_depth=7)
graph.remove_filled_polygons()
seconds = time.process_time() - begin
sizes, number = np.unique([len(r) for r in graph.rings], return_counts=True)
print(f"{seconds:.3f} {dict(zip(sizes.tolist(), number.tolist()))}")
"""


def honeycomb(count: int) -> np.ndarray:
    """About so many atoms (N, 2) in a square, Å."""
    cols = max(round(np.sqrt(count * np.sqrt(3) / 4 / 3)), 2)
    rows = max(round(count / 4 / cols), 2)
    motif = np.array([[0, 0], [0, 1], [np.sqrt(3) / 2, 1.5], [np.sqrt(3) / 2, 2.5]])
    corners = np.stack(np.meshgrid(np.arange(rows) * np.sqrt(3), np.arange(cols) * 3, indexing="ij"), -1)
    return (corners.reshape(-1, 1, 2) + motif).reshape(-1, 2) * BOND


def ours(where: np.ndarray) -> tuple[float, dict[int, int]]:
    """CPU seconds and counts by size, up to 7 members."""
    begin = time.process_time()
    rings = find_rings(find_bonds(where), most=7)
    return time.process_time() - begin, rings.counts()


def theirs(python: str, where: np.ndarray) -> str:
    """AtomAI's CPU seconds and counts."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "atoms.npy"
        np.save(path, where)
        done = subprocess.run([python, "-c", PEER, str(path)], capture_output=True, text=True, check=True)
    return done.stdout.strip().splitlines()[-1]


def sheet(seed: int) -> np.ndarray:
    """Graphene with defects at known places, turned by a random angle, without loose ends at its border."""
    rng = np.random.default_rng(seed)
    where = honeycomb(2432)
    while ((bonds := find_bonds(where)).coordination < 2).any():
        where = where[bonds.coordination >= 2]
    low, high = where.min(axis=0) + 10, where.max(axis=0) - 10
    places = np.stack(np.meshgrid(*np.linspace(low, high, 4).T, indexing="ij"), -1).reshape(-1, 2)
    places = rng.permutation(places) + rng.uniform(-1.5, 1.5, places.shape)
    turned = int(rng.integers(6, 12))
    for place in places[:turned]:
        where = stone_wales(where, BOND, place)
    gone = [np.linalg.norm(where - place, axis=1).argmin() for place in places[turned : turned + 4]]
    way = np.exp(1j * rng.uniform(0, 2 * np.pi))
    return np.delete(where, gone, axis=0) @ np.array([[way.real, -way.imag], [way.imag, way.real]])


def made(where: np.ndarray) -> set[frozenset[int]]:
    """Members of every ring."""
    rings = find_rings(find_bonds(where))
    return {frozenset(rings.members(i).tolist()) for i in range(len(rings))}


def as_made(sheets: int, noise: float, jitters: int = 20) -> str:
    """On how many jittered sheets a ring differs."""
    wrong = lost = rings = 0
    for seed in range(sheets):
        where = sheet(seed)
        known = made(where)
        for jitter in range(jitters):
            moved = where + np.random.default_rng((seed, jitter)).normal(0, noise, where.shape)
            found = made(moved)
            wrong, lost, rings = wrong + (found != known), lost + len(known - found), rings + len(known)
    return f"{noise} Å: {wrong} of {sheets * jitters} sheets differ, {lost} of {rings} rings"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--atomai", help="interpreter of an environment with AtomAI")
    parser.add_argument("--atoms", type=int, default=20_000)
    parser.add_argument("--sheets", type=int, default=0, help="compare the rings of so many sheets instead")
    parser.add_argument("--noise", type=float, default=0.12, help="along each axis, in Å")
    args = parser.parse_args()
    if args.sheets:
        print(as_made(args.sheets, args.noise))
        return
    rng = np.random.default_rng(0)
    where = honeycomb(args.atoms)
    places = 0.1 + 0.8 * np.stack(np.mgrid[:4, :5] / 5, -1).reshape(-1, 2)
    for centre in where.max(axis=0) * places:
        where = stone_wales(where, BOND, centre)
    where += rng.normal(0, 0.03, where.shape)
    ours(where[:1000])  # imports and first calls are no part of it
    seconds, counts = min((ours(where) for _ in range(3)), key=lambda each: each[0])
    print(f"{len(where)} atoms: {seconds:.3f} CPU s, {counts}")
    if args.atomai:
        told = theirs(args.atomai, where)
        print(f"AtomAI: {told} ({float(told.split()[0]) / seconds:.0f} times as long)")
    for count in (100_000, 1_000_000):
        many = honeycomb(count)
        many = rng.permutation(many[rng.random(len(many)) > 0.01] + rng.normal(0, 0.03, (1, 2)))
        seconds, counts = ours(many + rng.normal(0, 0.06, many.shape))
        print(f"{len(many)} atoms, 1 % missing: {seconds:.2f} CPU s, {counts}")


if __name__ == "__main__":
    main()

"""Refinement of thousands of atoms: CPU time, and the error in units of the Cramer-Rao bound.

    python benchmarks/refine.py [--seeds N]

Two sublattices (1 : 0.4) turned by 7 degrees on 1024 x 1024 pixels, 0.3 px of disorder, background 0.15,
Poisson counts; nearest neighbours are 5.7 widths apart. Starts are off by 0.035 of that distance. The bound
has position, amplitude, width and background free and knows the neighbours. One thread.
"""

from __future__ import annotations

import argparse
import os
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402 - threads are counted when it is loaded

from napari_atomai.locate.refine import fit_radius, refine_gaussian  # noqa: E402

SIZE = 1024
BACKGROUND = 0.15
CROWDING = 5.7


def crystal(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
    """Positions (N, 2), amplitudes (N,) and width of the columns."""
    side = SIZE / np.sqrt(count / 2)
    reach = int(SIZE / side) + 4
    corners = np.stack(np.mgrid[-reach:reach, -reach:reach], -1).reshape(-1, 2) * side
    turn = np.deg2rad(7)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    where = np.concatenate([corners, corners + side / 2]) @ matrix.T + SIZE / 2
    height = np.repeat([1.0, 0.4], len(corners))
    inside = ((where >= 1) & (where <= SIZE - 2)).all(1)
    where, height = where[inside], height[inside]
    where = where + rng.normal(0, 0.3, where.shape)
    return where, height * (1 + 0.05 * rng.normal(size=len(where))), side / np.sqrt(2) / CROWDING


def windows(where: np.ndarray, sigma: float, half: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whole-pixel offsets (N, K, K, 2) of windows, and distances from the atom in widths along both axes."""
    middle = np.round(where).astype(int)
    offsets = np.arange(-half, half + 1)
    rows, cols = ((offsets - (where - middle)[:, axis, None]) / sigma for axis in (0, 1))
    grid = np.stack(np.meshgrid(offsets, offsets, indexing="ij"), -1)
    return (
        middle[:, None, None] + grid,
        rows[:, :, None] + 0 * cols[:, None, :],
        cols[:, None, :] + 0 * rows[:, :, None],
    )


def expected(where: np.ndarray, height: np.ndarray, sigma: float) -> np.ndarray:
    """Expected image for one count at the brighter columns."""
    half = int(np.ceil(6 * sigma))
    pixels, t, s = windows(where, sigma, half)
    padded = np.zeros((SIZE + 2 * half + 2,) * 2)
    at = tuple(np.moveaxis(pixels + half + 1, -1, 0))
    np.add.at(padded, at, height[:, None, None] * np.exp(-0.5 * (t * t + s * s)))
    return BACKGROUND + padded[half + 1 : -half - 1, half + 1 : -half - 1]


def bound(image: np.ndarray, where: np.ndarray, height: np.ndarray, sigma: float) -> np.ndarray:
    """Variance (N, 2) below which no unbiased estimate of row and column gets; NaN near the border."""
    half = int(np.ceil(4 * sigma))
    found = np.full(where.shape, np.nan)
    deep = np.flatnonzero(((where >= half + 1) & (where <= SIZE - half - 2)).all(1))
    for part in np.array_split(deep, max(1, len(deep) // 500)):
        pixels, t, s = windows(where[part], sigma, half)
        a, g = height[part, None, None] / sigma, np.exp(-0.5 * (t * t + s * s))
        slopes = np.stack([a * g * t, a * g * s, g, g * (t * t + s * s), np.ones_like(g)], 1).reshape(
            len(part), 5, -1
        )
        weight = 1 / image[tuple(np.moveaxis(pixels, -1, 0))].reshape(len(part), 1, -1)
        information = (slopes * weight) @ slopes.transpose(0, 2, 1)
        found[part] = np.einsum("nii->ni", np.linalg.inv(information))[:, :2]
    return found


def measure(count: int, dose: float, seed: int) -> tuple[float, ...]:
    """CPU seconds, error over bound of both sublattices, scatter of z-scores, failures."""
    rng = np.random.default_rng(seed)
    where, height, sigma = crystal(count, rng)
    mean = expected(where, height, sigma)
    image = rng.poisson(mean * dose)
    begin = where + rng.normal(0, 0.035 * CROWDING * sigma, where.shape)
    clock = time.process_time()
    fit = refine_gaussian(image, begin, fit_radius(CROWDING * sigma))
    spent = time.process_time() - clock
    variance = bound(mean * dose, where, height * dose, sigma)
    errors = fit.positions - where
    known = np.isfinite(variance).all(1)
    ratios = []
    for kind in (height > 0.7, height <= 0.7):
        use = known & kind
        ratios.append(float(np.sqrt(np.mean(errors[use] ** 2) / np.mean(variance[use]))))
    good = known & fit.converged
    z = errors[good] / np.stack([fit.row_sd, fit.col_sd], 1)[good]
    return spent, *ratios, float(z.std()), float((~fit.converged).sum())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--seeds", type=int, default=1, help="images per row; the errors' own error is 2 %% with one"
    )
    seeds = parser.parse_args().seeds
    print("| atoms | counts at peak | CPU s | error / bound A | B | sd of z | kept their start |")
    print("|---|---|---|---|---|---|---|")
    for count in (2500, 10000):
        for dose in (3, 10, 100, 1000):
            mean = np.mean([measure(count, dose, seed) for seed in range(seeds)], axis=0)
            print(
                f"| {count} | {dose} | {mean[0]:.2f} | "
                + " | ".join(f"{m:.3f}" for m in mean[1:4])
                + f" | {mean[4]:.0f} |"
            )


if __name__ == "__main__":
    main()

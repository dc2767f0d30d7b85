"""Sweeps over all atoms of an image: fit each without its neighbours, learn noise and width, again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_atomai.locate import background, gaussian, noise, windows
from napari_atomai.locate.gaussian import (
    COL,
    HEIGHT,
    LEVEL,
    ROW,
    SIGMA_COL,
    SIGMA_ROW,
    Limits,
    WidthPrior,
    Windows,
)
from napari_atomai.locate.neighbours import nearest_distances
from napari_atomai.locate.windows import Canvas

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Weighting = Literal["noise", "uniform"]

_SETTLED = 0.1
"""An atom has settled when it moves less than this part of its error bar in one sweep."""

_OVERLAP = 3.6
"""Atoms closer than this many widths overlap so much that they are disentangled step by step."""

_POPULATION = 8
"""Fewer atoms say nothing about what width is common."""

_TANGLED_SWEEPS = 6
"""Sweeps in which overlapping atoms share one width."""


@dataclass(frozen=True, eq=False)
class Plan:
    """Numbers of one refinement, in pixels of the (binned) canvas."""

    half: int
    radius: float
    limits: Limits
    sweeps: int
    weighting: Weighting

    @property
    def distance(self) -> Array:
        """Distance (K, K) of a window's pixels from its middle."""
        offsets = np.arange(-self.half, self.half + 1)
        distance: Array = np.hypot(offsets[:, None], offsets)
        return distance


@dataclass(frozen=True, eq=False)
class Found:
    """Parameters (n, 6) with absolute centres, and the columns of `_measure` (.., n)."""

    parameters: Array
    moved: Array
    table: Array


def solve(canvas: Canvas, start: Array, plan: Plan) -> Found:
    """Sweep over all atoms until they settle, then measure."""
    scene = _Scene(canvas, start, plan)
    for sweep in range(plan.sweeps):
        scene.sweep(steps=6 if sweep == 0 else 3)
        if not len(scene.todo):
            break
    return Found(scene.parameters, scene.moved, scene.measure())


class _Scene:
    """All atoms of one image while they are being fitted."""

    def __init__(self, canvas: Canvas, start: Array, plan: Plan) -> None:
        self.canvas, self.plan = canvas, plan
        self.noise = noise.Noise()
        self.prior = WidthPrior()
        self.model = canvas.blank()
        self.done = 0
        self.centres = windows.nearest_pixel(start)
        self.parameters = np.zeros((len(start), gaussian.PARAMETERS))
        self.parameters[:, :2] = start
        self.start = start
        self.slope = np.zeros((len(start), 2))
        self.width = 1.0
        self.moved = np.full(len(start), np.inf)
        self.width_error = np.full(len(start), np.inf)
        self.todo = np.arange(len(start))
        self.near = _pairs(start, 3 * plan.radius)
        # Before neighbours are known, an atom has only what is closer to it than to them.
        self.nearest = nearest_distances(start)
        self.core = np.clip(0.5 * self.nearest, 1.5, plan.radius)
        self.crowded = np.zeros(len(start), np.bool_)

    def sweep(self, steps: int) -> None:
        """Fit the atoms that have not settled, each without what the others put into its window."""
        for part in windows.parts(len(self.todo), self.plan.half):
            self._fit(self.todo[part], steps)
        self._render()
        self.done += 1
        if self.done == 1:
            self._untangle()
        if self.done <= 3:
            self.slope = background.slopes(self.start, self.parameters[:, LEVEL])
            self._learn_noise()
        if self.done <= (_TANGLED_SWEEPS if self.crowded.any() else 3):
            self._learn_width()
        self._choose()

    def measure(self) -> Array:
        """Return variances of row, column and amplitude, quality and number of pixels: (5, n)."""
        columns = [np.empty((2, 0))]
        matrices = [np.empty((0, gaussian.PARAMETERS, gaussian.PARAMETERS))]
        noisy = [np.empty(0)]
        for part in windows.parts(len(self.parameters), self.plan.half):
            index = np.arange(len(self.parameters))[part]
            cut = self._windows(index)
            _, normal = gaussian.fit(cut, self._local(index), self.plan.limits, self.prior, 0)
            rest, table = _goodness(cut, normal)
            columns.append(table)
            noisy.append(rest)
            matrices.append(normal.matrix)
        unit = np.square(gaussian.scale(self.parameters)) * np.concatenate(noisy)[:, None]
        with np.errstate(invalid="ignore"):  # what cannot be told has an infinite variance
            variances = (self._covariance(np.concatenate(matrices)) * unit)[:, [ROW, COL, HEIGHT]]
        return np.concatenate([variances.T, np.concatenate(columns, axis=1)])

    def _covariance(self, matrix: Array) -> Array:
        """Diagonal of each atom's covariance; what an overlapping neighbour's error adds is included."""
        alone = gaussian.inverse(matrix)
        diagonal: Array = np.einsum("nii->ni", alone).copy()
        sigma = self.parameters[:, SIGMA_ROW : SIGMA_COL + 1].max(1)
        near = self.near
        apart = np.hypot(*(self.parameters[near[:, 0], :2] - self.parameters[near[:, 1], :2]).T)
        near = near[apart < 2.25 * (sigma[near[:, 0]] + sigma[near[:, 1]])]
        near = near[np.isfinite(diagonal[near]).all((1, 2))]
        excess = np.zeros_like(diagonal)
        for part in windows.parts(len(near), self.plan.half):
            pair = near[part]
            joint = self._joint(pair, matrix)
            for side, atom in enumerate(pair.T):
                more = joint[:, side] - diagonal[atom]
                np.add.at(excess, atom, np.where(np.isfinite(more), more, 0.0))
        return np.maximum(diagonal + excess, diagonal)

    def _joint(self, pair: Integers, matrix: Array) -> Array:
        """Variances (M, 2, 6) of two atoms that are fitted in turns, each without the other's Gaussian.

        At rest, ``own x error + cross x error of the other = noise``, for both; the noise is shared where
        the windows overlap.
        """
        count = gaussian.PARAMETERS
        system = np.empty((len(pair), 2 * count, 2 * count))
        noisy = np.empty_like(system)
        halves = (slice(0, count), slice(count, 2 * count))
        for one, two, me, you in ((*pair.T, *halves), (*pair.T[::-1], *halves[::-1])):
            other = self.parameters[two].copy()
            other[:, :2] -= self.centres[one]
            weights, local = self._windows(one).weights, self._local(one)
            cross = gaussian.coupling(weights, local, other)
            cross[:, :, LEVEL] = 0.0  # the other's background is not subtracted
            system[:, me, me] = noisy[:, me, me] = matrix[one]
            system[:, me, you] = cross
            shared = gaussian.coupling(weights * self._within(one, two), local, other)
            noisy[:, me, you], noisy[:, you, me] = shared, shared.transpose(0, 2, 1)
        size = np.sqrt(np.einsum("nii->ni", system))
        unit = 1.0 / (size[:, :, None] * size[:, None, :])
        inverse = np.linalg.inv(system * unit + 1e-11 * np.eye(2 * count))
        spread = np.einsum("nij,njk,nik->ni", inverse, noisy * unit, inverse, optimize=True) / size**2
        return np.asarray(spread).reshape(-1, 2, count)

    def _within(self, one: Integers, two: Integers) -> NDArray[np.bool_]:
        """Pixels of the first atoms' windows that are in the second ones' too."""
        offsets = np.arange(-self.plan.half, self.plan.half + 1)
        rows, cols = (self.centres[two] - self.centres[one]).T[:, :, None]
        distance = np.hypot((offsets - rows)[:, :, None], (offsets - cols)[:, None, :])
        within: NDArray[np.bool_] = distance <= self.plan.radius + 0.5
        return within

    def _local(self, index: Integers) -> Array:
        local = self.parameters[index].copy()
        local[:, :2] -= self.centres[index]
        return local

    def _used(self, index: Integers) -> NDArray[np.bool_]:
        reach = self.plan.radius if self.done else self.core[index, None, None]
        valid = self.canvas.cut(self.canvas.valid, self.centres[index], self.plan.half)
        return valid & (self.plan.distance <= reach + 0.5)

    def _windows(self, index: Integers) -> Windows:
        half = self.plan.half
        data = self.canvas.cut(self.canvas.pixels, self.centres[index], half).astype(np.float64)
        weights = self._used(index).astype(np.float64)
        if self.done:
            others, level = self._surroundings(index)
            weights = weights * self.noise.weights(others + level[:, None, None])
            own = self._local(index)
            own[:, HEIGHT] = np.maximum(own[:, HEIGHT], 0.0)
            data = data - others + gaussian.values(own, half)
        return Windows(data, weights)

    def _surroundings(self, index: Integers) -> tuple[Array, Array]:
        """All Gaussians and the lean of the background in windows (n, K, K), and the level in each (n,)."""
        offsets = np.arange(-self.plan.half, self.plan.half + 1)
        rows, cols = self.slope[index].T[:, :, None] * offsets
        lean = rows[:, :, None] + cols[:, None, :]
        model = self.canvas.cut(self.model, self.centres[index], self.plan.half)
        return model + lean, self.parameters[index, LEVEL]

    def _fit(self, index: Integers, steps: int) -> None:
        cut = self._windows(index)
        old = self._local(index)
        if not self.done:
            old = gaussian.start(cut, old[:, :2], np.maximum(0.45 * self.core[index], 0.6))
        new, normal = gaussian.fit(cut, old, self.plan.limits, self.prior, steps)
        move = np.abs(new[:, :2] - old[:, :2]).max(1)
        # A move is measured by the error bar that the noise leaves: nobody needs the tenth of it.
        error, self.width_error[index] = _rough_errors(new, normal, cut)
        self.moved[index] = move / np.clip(error, 0.002, 0.2)
        if self.done:
            # Two that overlap push each other to and fro; half a step brings both to rest.
            new[self.crowded[index]] = 0.5 * (new + old)[self.crowded[index]]
        new[:, :2] += self.centres[index]
        self.parameters[index] = new

    def _untangle(self) -> None:
        """Take overlapping atoms back to their start, with a width that belongs to one atom alone."""
        if len(self.parameters) == 0:
            return
        width = float(np.quantile(self.parameters[:, SIGMA_ROW : SIGMA_COL + 1].min(1), 0.25))
        self.crowded = self.nearest < _OVERLAP * width
        which = np.flatnonzero(self.crowded)
        self.done = 0
        for part in windows.parts(len(which), self.plan.half):
            index = which[part]
            cut = self._windows(index)
            first = gaussian.start(cut, self.start[index] - self.centres[index], np.full(len(index), width))
            first[:, :2] += self.centres[index]
            self.parameters[index] = first
        self.done = 1
        self.width = width
        self._render()

    def _learn_width(self) -> None:
        if self.done < _TANGLED_SWEEPS and self.crowded.any():
            free, mean = ~self.crowded, self.width
            if free.sum() >= _POPULATION:
                mean = _common_width(self.parameters[free], self.width_error[free]).mean
            self.prior = WidthPrior(mean, 1.0 / (0.03 * mean) ** 2)
        else:
            self.prior = _common_width(self.parameters, self.width_error)

    def _render(self) -> None:
        sigma = self.parameters[:, SIGMA_ROW : SIGMA_COL + 1].max(1)
        reach = 3.5 * float(np.percentile(sigma, 95)) if len(sigma) else 0.0
        self.model = self.canvas.blank()
        half = int(np.clip(np.ceil(reach), self.plan.half, 3 * self.plan.half))
        drawn = self.parameters.copy()
        # Where there is nothing, the fit digs holes, which the neighbours must not see.
        drawn[:, HEIGHT] = np.maximum(drawn[:, HEIGHT], 0.0)
        self.canvas.add(self.model, drawn, half)

    def _learn_noise(self) -> None:
        some = np.arange(0, len(self.parameters), max(1, len(self.parameters) // 600))
        use = self._used(some)
        others, level = self._surroundings(some)
        expected = others + level[:, None, None]
        data = self.canvas.cut(self.canvas.pixels, self.centres[some], self.plan.half)
        rest = (data - expected)[use]
        uniform = self.plan.weighting == "uniform"
        self.noise = noise.learn(np.zeros_like(rest) if uniform else expected[use], rest)

    def _choose(self) -> None:
        restless = self.moved > _SETTLED
        again = restless.copy()
        shaken = self.moved > 3 * _SETTLED
        again[self.near[shaken[self.near[:, 0]], 1]] = True
        again[self.near[shaken[self.near[:, 1]], 0]] = True
        self.todo = np.flatnonzero(again)


def _rough_errors(parameters: Array, normal: gaussian.Normal, cut: Windows) -> tuple[Array, Array]:
    """Error bars of position and width without correlations: to measure moves and compare widths by."""
    freedom = np.maximum((cut.weights > 0).sum((1, 2)) - gaussian.PARAMETERS, 1)
    noisy = np.sqrt(np.maximum(normal.cost, 0) / freedom)[:, None]
    stiff = np.sqrt(np.maximum(np.einsum("nii->ni", normal.matrix), 1e-300))
    errors = np.abs(gaussian.scale(parameters)) * noisy / stiff
    return errors[:, [ROW, COL]].max(1), errors[:, [SIGMA_ROW, SIGMA_COL]].max(1)


def _common_width(parameters: Array, error: Array) -> WidthPrior:
    """Learn what the better half of the atoms say about the width, and how far widths really differ."""
    if len(parameters) < _POPULATION:
        return WidthPrior()
    best = np.argsort(error, kind="stable")[: max(len(parameters) // 2, _POPULATION)]
    widths = parameters[best, SIGMA_ROW : SIGMA_COL + 1]
    mean = float(np.median(widths))
    spread = 1.48 * float(np.median(np.abs(widths - mean)))
    real = spread**2 - float(np.median(error[best])) ** 2
    return WidthPrior(mean, 1.0 / max(real, (0.1 * mean) ** 2))


def _goodness(cut: Windows, normal: gaussian.Normal) -> tuple[Array, Array]:
    """Residual variance in units of the weights (n,); quality and number of pixels (2, n)."""
    pixels = (cut.weights > 0).sum((1, 2))
    weight = np.maximum(cut.weights.sum((1, 2)), 1e-300)
    mean = np.einsum("nij,nij->n", cut.weights, cut.data) / weight
    spread = np.einsum("nij,nij->n", cut.weights, np.square(cut.data - mean[:, None, None]))
    cost = np.maximum(normal.cost, 0)
    quality = np.clip(1 - cost / np.maximum(spread, 1e-300), 0, 1)
    freedom = np.maximum(pixels - gaussian.PARAMETERS, 1)
    return cost / freedom, np.stack([quality, pixels.astype(np.float64)])


def _pairs(positions: Array, reach: float) -> NDArray[np.intp]:
    """Find the indices (M, 2) of atoms closer to each other than `reach`."""
    if len(positions) < 2:
        return np.empty((0, 2), np.intp)
    return cKDTree(positions).query_pairs(reach, output_type="ndarray")

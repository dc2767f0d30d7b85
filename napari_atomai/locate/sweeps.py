"""Sweeps over all atoms of an image: fit each without its neighbours, learn noise and width, again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_atomai.locate import background, gaussian, goodness, noise, tails, widths, windows
from napari_atomai.locate.covariance import Fitted
from napari_atomai.locate.ellipses import ellipses
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
Pixels = NDArray[np.float32]
Weighting = Literal["noise", "uniform"]

_SETTLED = 0.15
"""An atom has settled when it moves less than this part of its error bar in one sweep."""

_OVERLAP = 3.6
"""Atoms closer than this many widths overlap so much that they are disentangled step by step."""

_LEARNING = 3
"""Sweeps after which noise and widths are learnt anew."""

_TANGLED = 6
"""Sweeps in which overlapping atoms share one width."""

_TAILED = 3
"""Sweeps after which wide tails are learnt, once noise, widths and neighbours are known."""

_ASKED = ((300, 1.5), (1500, tails.SURE))
"""Atoms that are asked about tails, and how sure they must be: many only where some say yes."""

_STEPS = (4, 2)
"""Steps of the fits in the first sweeps; later ones take a single step, from near their end."""

_FEW_CHANGED = 0.4
"""Part of the atoms below which those that changed are erased and drawn anew, twice the work for each."""

_SURVEYED = 600
"""Atoms from which noise and widths are learnt."""


@dataclass(frozen=True, eq=False)
class Plan:
    """Numbers of one refinement, in pixels of the (binned) canvas."""

    half: int
    radius: float
    limits: Limits
    sweeps: int
    weighting: Weighting
    tails: bool


@dataclass(frozen=True, eq=False)
class Found:
    """What the sweeps end with, one entry per atom.

    Parameters
    ----------
    parameters : array, shape (N, 6)
        Centres in pixels of the canvas.
    moved : array, shape (N,)
        Pixels moved in the last sweep.
    variance : array, shape (N, 6)
        Of the parameters, from the noise.
    quality : array, shape (N,)
        Part of the window's variance that the Gaussian explains.
    gain : array, shape (N,)
        Twice what the Gaussian adds to the log-likelihood of its window.
    pixels : array, shape (N,)
        Used in the window.
    ellipse : array, shape (3, N)
        Long and short width, and angle in degrees.
    """

    parameters: Array
    moved: Array
    variance: Array
    quality: Array
    gain: Array
    pixels: Array
    ellipse: Array


def solve(canvas: Canvas, start: Array, plan: Plan) -> Found:
    """Sweep over all atoms until they settle, then measure."""
    scene = _Scene(canvas, start, plan)
    for sweep in range(plan.sweeps):
        scene.sweep(_STEPS[sweep] if sweep < len(_STEPS) else 1)
        if not len(scene.todo):
            break
    return scene.measure()


class _Scene:
    """All atoms of one image while they are being fitted."""

    def __init__(self, canvas: Canvas, start: Array, plan: Plan) -> None:
        self.canvas, self.plan = canvas, plan
        self.noise = noise.Noise()
        self.prior = WidthPrior()
        self.model, self.done = canvas.blank(), 0
        self.tails, self.skirts = tails.Tails.none(1.0), canvas.blank()
        count = len(start)
        self.start, self.centres = start, windows.nearest_pixel(start)
        self.parameters = np.zeros((count, gaussian.PARAMETERS))
        self.parameters[:, :2] = start
        self.drawn, self.reach = np.zeros_like(self.parameters), 0  # as the model shows them, and how far
        self.planes = background.Planes(start)
        self.slope = np.zeros((count, 2))
        self.moved, self.error = np.full(count, np.inf), np.full(count, np.inf)
        self.damping = np.full(count, 1e-3)
        self.todo = np.arange(count)
        self.some = np.arange(0, count, max(1, count // _SURVEYED))
        self.near = _pairs(start, 3 * plan.radius)
        self.apart = np.hypot(*(start[self.near[:, 0]] - start[self.near[:, 1]]).T)
        # Before neighbours are known, an atom has only what is closer to it than to them.
        self.nearest = nearest_distances(start)
        self.core = np.clip(0.5 * self.nearest, 1.5, plan.radius)
        self.crowded = np.zeros(count, np.bool_)
        self.distance = windows.distances(plan.half)
        self.whole = canvas.whole(self.centres, plan.half)

    def sweep(self, steps: int) -> None:
        """Fit the atoms that have not settled, each without what the others put into its window."""
        for part in windows.parts(len(self.todo), self.plan.half):
            self._fit(self.todo[part], steps)
        if self.done == 0 and len(self.start):
            self._untangle()
        elif self.done == _LEARNING and self.prior.precision:
            # Now that widths, noise and neighbours are known, who ran away may try again.
            self._restart(self._away() & ~self.crowded, self.prior.mean)
        self._render()
        self.done += 1
        if self.done <= (_TANGLED if self.crowded.any() else _LEARNING):
            self._learn()
        self._choose()
        first = _TANGLED if self.crowded.any() else _LEARNING
        if self.plan.tails and (self.done == first or (self.tails and self.done < first + _TAILED)):
            self._learn_tails(first)

    def measure(self) -> Found:
        """Tell what was found, and how sure it is."""
        count = len(self.parameters)
        matrix = np.empty((count, gaussian.PARAMETERS, gaussian.PARAMETERS))
        table, ellipse = np.empty((4, count)), np.empty((3, count))
        for part in windows.parts(count, self.plan.half):
            cut, local = self._windows(np.arange(count)[part]), self._local(np.arange(count)[part])
            normal = gaussian.equations(cut, local, self.prior)
            matrix[part], table[:, part] = normal.matrix, goodness.goodness(cut, normal)
            ellipse[:, part] = ellipses(*goodness.plain(cut, table[0, part]), local)
        unit, quality, gain, pixels = table
        fitted = Fitted(self.parameters, self.centres, matrix, self.plan.radius)
        variance = fitted.alone()
        self._add_shared(variance, fitted)
        with np.errstate(invalid="ignore"):  # what cannot be told has an infinite variance
            variance *= np.square(gaussian.scale(self.parameters)) * unit[:, None]
        return Found(self.parameters, self.moved, variance, quality, gain, pixels, ellipse)

    def _add_shared(self, variance: Array, fitted: Fitted) -> None:
        """Add what the error of an overlapping neighbour does to each atom."""
        near = fitted.overlapping(self.near)
        near = near[np.isfinite(variance[near]).all((1, 2))]
        excess = np.zeros_like(variance)
        for part in windows.parts(len(near), self.plan.half):
            one, two = (self._windows(each).weights for each in near[part].T)
            joint = fitted.together(near[part], (one, two))
            for side, atom in enumerate(near[part].T):
                more = joint[:, side] - variance[atom]
                np.add.at(excess, atom, np.where(np.isfinite(more), more, 0.0))
        variance += np.maximum(excess, 0.0)

    def _local(self, index: Integers) -> Array:
        local = self.parameters[index].copy()
        local[:, :2] -= self.centres[index]
        return local

    def _used(self, index: Integers) -> Pixels:
        """One for the pixels of windows (n, K, K) that are used, zero for the others."""
        reach = self.plan.radius if self.done else self.core[index, None, None]
        used = np.empty((len(index), *self.distance.shape), np.float32)
        used[:] = self.distance <= reach + 0.5
        torn = ~self.whole[index]
        if torn.any():
            used[torn] *= self.canvas.cut(self.canvas.valid, self.centres[index[torn]], self.plan.half)
        return used

    def _windows(self, index: Integers) -> Windows:
        half = self.plan.half
        data = self.canvas.cut(self.canvas.pixels, self.centres[index], half)
        weights = self._used(index)
        if self.done:
            others, level = self._surroundings(index)
            weights *= self.noise.weights(others + level[:, None, None])
            own = self._local(index)
            own[:, HEIGHT] = np.maximum(own[:, HEIGHT], 0.0)
            data -= others
            data += gaussian.values(own, half)
        return Windows(data, weights)

    def _surroundings(self, index: Integers) -> tuple[Pixels, Pixels]:
        """All Gaussians and the lean of the background in windows (n, K, K), and the level in each (n,)."""
        offsets = np.arange(-self.plan.half, self.plan.half + 1)
        rows, cols = (self.slope[index].T[:, :, None] * offsets).astype(np.float32)
        others: Pixels = self.canvas.cut(self.model, self.centres[index], self.plan.half)
        others += rows[:, :, None]
        others += cols[:, None, :]
        return others, self.parameters[index, LEVEL].astype(np.float32)

    def _fit(self, index: Integers, steps: int) -> None:
        cut = self._windows(index)
        old = self._local(index)
        if not self.done:
            old = gaussian.start(cut, old[:, :2], np.maximum(0.45 * self.core[index], 0.6))
        fitted = gaussian.fit(cut, old, self.plan.limits, self.prior, steps, self.damping[index])
        new, self.damping[index] = fitted.parameters, fitted.damping
        # A trial that was taken back has not moved the atom, but it has not settled either.
        move = np.maximum(np.abs(new - old), np.abs(fitted.step))[:, [ROW, COL]].max(1)
        self.moved[index], self.error[index] = move, goodness.rough_error(fitted, cut)
        if self.done:
            # Two that overlap push each other to and fro; half a step brings both to rest.
            new[self.crowded[index]] = 0.5 * (new + old)[self.crowded[index]]
        new[:, :2] += self.centres[index]
        self.parameters[index] = new

    def _untangle(self) -> None:
        """Take atoms that overlap or ran away back to their start, with a width that belongs to one atom."""
        sigma = self.parameters[:, SIGMA_ROW : SIGMA_COL + 1]
        self.width = float(np.quantile(sigma.min(1), 0.25))
        self.crowded = self.nearest < _OVERLAP * self.width
        self._restart(self.crowded, self.width)
        self._restart(self._away() & ~self.crowded, float(np.median(sigma)))
        self.damping[:] = 1e-3

    def _away(self) -> NDArray[np.bool_]:
        """Tell which atoms went far, or are no peaks."""
        far = np.hypot(*(self.parameters[:, :2] - self.start).T) > 0.5 * (self.plan.limits.shift - 1)
        away: NDArray[np.bool_] = far | (self.parameters[:, HEIGHT] <= 0)
        return away

    def _restart(self, chosen: NDArray[np.bool_], width: float) -> None:
        which = np.flatnonzero(chosen)
        for part in windows.parts(len(which), self.plan.half):
            index = which[part]
            place = self.start[index] - self.centres[index]
            first = gaussian.start(self._windows(index), place, np.full(len(index), width))
            first[:, :2] += self.centres[index]
            self.parameters[index] = first

    def _render(self) -> None:
        """Draw all atoms; where few have changed, only those."""
        sigma = self.parameters[:, SIGMA_ROW : SIGMA_COL + 1].max(1)
        reach = 3.5 * float(np.percentile(sigma, 95)) if len(sigma) else 0.0
        half = int(np.clip(np.ceil(reach), self.plan.half, 3 * self.plan.half))
        drawn = self.parameters.copy()
        # Where there is nothing, the fit digs holes, which the neighbours must not see.
        drawn[:, HEIGHT] = np.maximum(drawn[:, HEIGHT], 0.0)
        new = (drawn != self.drawn).any(axis=1)
        if half == self.reach and new.mean() < _FEW_CHANGED:
            erased = self.drawn[new]
            erased[:, HEIGHT] *= -1
            self.canvas.add(self.model, np.concatenate([erased, drawn[new]]), half)
        else:
            self.model = self.skirts.copy()
            self.canvas.add(self.model, drawn, half)
        self.drawn, self.reach = drawn, half

    def _learn(self) -> None:
        """Learn lean, noise and width from some of the atoms."""
        if self.done <= _LEARNING:
            self.slope = self.planes.slopes(self.parameters[:, LEVEL])
            self._learn_noise()
        some = self.some
        tangled = self.done < _TANGLED and bool(self.crowded.any())
        if tangled:
            some = np.flatnonzero(~self.crowded)[:: max(1, int((~self.crowded).sum()) // _SURVEYED)]
        cut = self._windows(some)
        normal = gaussian.equations(cut, self._local(some), self.prior)
        learnt = widths.learn(self.parameters[some], normal, goodness.goodness(cut, normal)[0], self.prior)
        if tangled:
            mean = learnt.mean if learnt.precision else self.width
            learnt = WidthPrior(mean, 1.0 / (0.03 * mean) ** 2)
        self.prior = learnt

    def _learn_noise(self) -> None:
        use = self._used(self.some) > 0
        others, level = self._surroundings(self.some)
        expected = others + level[:, None, None]
        data = self.canvas.cut(self.canvas.pixels, self.centres[self.some], self.plan.half)
        # Where a fit can follow a pixel's noise, less of it is left over.
        share = gaussian.leverage(self._windows(self.some).weights, self._local(self.some), self.prior)
        rest = ((data - expected) / np.sqrt(1.0 - share))[use].astype(np.float64)
        uniform = self.plan.weighting == "uniform"
        self.noise = noise.learn(np.zeros_like(rest) if uniform else expected[use].astype(np.float64), rest)

    def _learn_tails(self, first: int) -> None:
        """Learn what wide tails all atoms have, and draw them under the model."""
        width = float(np.median(self.parameters[:, SIGMA_ROW : SIGMA_COL + 1])) if len(self.start) else 1.0
        old = tails.Tails.none(width) if self.done == first else self.tails
        # Atoms beyond the border have tails, too, which nobody knows.
        size = np.array(self.canvas.pixels.shape) - 2 * self.canvas.margin
        depth = np.minimum(self.centres, size - 1 - self.centres).min(1, initial=size.max())
        deep = np.flatnonzero((depth > self.plan.half + 4 * width) & ~self._away())
        # Drawn by lot: every second atom of a list may be of one sublattice only.
        lot = np.random.default_rng(0).permutation(deep)
        stars = tails.Stars(self.parameters[:, :2], np.maximum(self.parameters[:, HEIGHT], 0.0))
        for many, sure in _ASKED if not old else _ASKED[1:]:
            self.tails = tails.learn(self._asked(np.sort(lot[:many])), stars, old, sure)
            if not self.tails:
                break
        if not self.tails and not old:
            return
        self.model -= self.skirts
        self.skirts = stars.draw(self.canvas, self.tails)
        self.model += self.skirts
        self.todo = np.arange(len(self.start))

    def _asked(self, some: Integers) -> tails.Sample:
        cut, local = self._windows(some), self._local(some)
        inverse = gaussian.inverse(gaussian.equations(cut, local, self.prior).matrix)
        inverse[~np.isfinite(inverse)] = 0.0
        return tails.Sample(cut, local, inverse, self.centres[some])

    def _choose(self) -> None:
        part = self.moved / np.clip(self.error, 0.002, 0.5)
        again = part > _SETTLED
        shaken = part > 3 * _SETTLED
        # Farther away, hardly anything of an atom that moved is left in the window.
        felt = self.near[self.apart < self.plan.radius + 0.5 * self.reach]
        again[felt[shaken[felt[:, 0]], 1]] = True
        again[felt[shaken[felt[:, 1]], 0]] = True
        self.todo = np.flatnonzero(again)


def _pairs(positions: Array, reach: float) -> NDArray[np.intp]:
    """Find the indices (M, 2) of atoms closer to each other than `reach`."""
    if len(positions) < 2:
        return np.empty((0, 2), np.intp)
    return cKDTree(positions).query_pairs(reach, output_type="ndarray")

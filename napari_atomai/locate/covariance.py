"""Variances of what was fitted: of each atom alone, and what an overlapping neighbour's error adds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_atomai.locate import gaussian
from napari_atomai.locate.gaussian import LEVEL, SIGMA_COL, SIGMA_ROW

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Pixels = NDArray[np.float32]

_REACH = 2.25
"""Neighbours within so many widths of both atoms are fitted as if together."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """Atoms at rest, in the windows they were fitted in.

    Parameters
    ----------
    parameters : array, shape (N, 6)
        Centres in pixels of the image.
    centres : array of int, shape (N, 2)
        Middle pixels of the windows.
    matrix : array, shape (N, 6, 6)
        Normal equations, in the units of `gaussian.scale`.
    radius : float
        Of the disc of pixels used in each window.
    """

    parameters: Array
    centres: Integers
    matrix: Array
    radius: float

    def overlapping(self, near: Integers) -> Integers:
        """Return the pairs (M, 2) of `near` whose Gaussians overlap."""
        sigma = self.parameters[:, SIGMA_ROW : SIGMA_COL + 1].max(1)
        apart = np.hypot(*(self.parameters[near[:, 0], :2] - self.parameters[near[:, 1], :2]).T)
        pairs: Integers = near[apart < _REACH * (sigma[near[:, 0]] + sigma[near[:, 1]])]
        return pairs

    def alone(self) -> Array:
        """Variances (N, 6) of each atom for noise of one unit; infinite where nothing can be told."""
        variances: Array = np.einsum("nii->ni", gaussian.inverse(self.matrix)).copy()
        return variances

    def together(self, pair: Integers, weights: tuple[Pixels, Pixels]) -> Array:
        """Variances (M, 2, 6) of two atoms that are fitted in turns, each without the other's Gaussian.

        At rest, ``own x error + cross x error of the other = noise``, for both; the noise is shared where
        the windows overlap. `weights` are those of the windows of the first and of the second atoms.
        """
        count = gaussian.PARAMETERS
        system = np.empty((len(pair), 2 * count, 2 * count))
        noisy = np.empty_like(system)
        halves = (slice(0, count), slice(count, 2 * count))
        sides = ((*pair.T, *halves), (*pair.T[::-1], *halves[::-1]))
        for (one, two, me, you), weight in zip(sides, weights, strict=True):
            own, other = self.parameters[one].copy(), self.parameters[two].copy()
            own[:, :2] -= self.centres[one]
            other[:, :2] -= self.centres[one]
            cross = gaussian.coupling(weight, own, other)
            cross[:, :, LEVEL] = 0.0  # the other's background is not subtracted
            system[:, me, me] = noisy[:, me, me] = self.matrix[one]
            system[:, me, you] = cross
            shared = gaussian.coupling(weight * self._within(one, two, weight.shape[-1] // 2), own, other)
            noisy[:, me, you], noisy[:, you, me] = shared, shared.transpose(0, 2, 1)
        size = np.sqrt(np.einsum("nii->ni", system))
        unit = 1.0 / (size[:, :, None] * size[:, None, :])
        inverse = np.linalg.inv(system * unit + 1e-11 * np.eye(2 * count))
        spread = np.einsum("nij,njk,nik->ni", inverse, noisy * unit, inverse, optimize=True) / size**2
        return np.asarray(spread).reshape(-1, 2, count)

    def _within(self, one: Integers, two: Integers, half: int) -> NDArray[np.bool_]:
        """Pixels of the first atoms' windows that are in the second ones' too."""
        offsets = np.arange(-half, half + 1)
        rows, cols = (self.centres[two] - self.centres[one]).T[:, :, None]
        distance = np.hypot((offsets - rows)[:, :, None], (offsets - cols)[:, None, :])
        within: NDArray[np.bool_] = distance <= self.radius + 0.5
        return within

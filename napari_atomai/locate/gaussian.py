"""Least squares of one 2-D Gaussian in each of many windows, all windows at once.

A Gaussian with its axes along rows and columns is a product of a row part and a column part. All that
Gauss and Newton need - every product of two derivatives, summed over the window with its weights - is then a
handful of moments of the weights and of the weighted data, and each of these is two small matrix products.
Pixels are single precision, which is finer than any detector; the equations are double.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Pixels = NDArray[np.float32]
Flags = NDArray[np.bool_]

ROW, COL, HEIGHT, SIGMA_ROW, SIGMA_COL, LEVEL = range(6)
"""Columns of the parameters: centre (relative to the window's), amplitude, widths, background."""

PARAMETERS = 6

# The derivatives by the first five parameters are g * t^p * s^q, with t and s the distances from the centre
# in units of the widths, but for a factor amplitude/width; the sixth, by the background, is 1.
_P = np.array([1, 0, 0, 2, 0])
_Q = np.array([0, 1, 0, 0, 2])
_ROWS_2, _COLS_2 = _P[:, None] + _P, _Q[:, None] + _Q


@dataclass(frozen=True, eq=False)
class Windows:
    """Square windows of data and weights.

    Parameters
    ----------
    data, weights : array of float32, shape (N, K, K)
        Pixels, and their weights (one over the variance); weight 0 leaves a pixel out.
    """

    data: Pixels
    weights: Pixels

    @property
    def half(self) -> int:
        """Pixels on each side of the middle one."""
        return int(self.data.shape[-1]) // 2


@dataclass(frozen=True, eq=False)
class Limits:
    """What the fit may not leave: distance from the window's centre, and the widths, in pixels."""

    shift: float
    narrow: float
    wide: float


@dataclass(frozen=True)
class WidthPrior:
    """What all atoms say about the width of one: a normal distribution of its widths, in pixels.

    Parameters
    ----------
    mean : float
    precision : float
        One over the variance; 0 says nothing.
    """

    mean: float = 1.0
    precision: float = 0.0


@dataclass(frozen=True, eq=False)
class Normal:
    """Normal equations of every window at its parameters.

    Parameters
    ----------
    matrix : array, shape (N, 6, 6)
        Sum of weight x derivative x derivative, in the units of `scale`.
    gradient : array, shape (N, 6)
        Sum of weight x derivative x residual.
    cost : array, shape (N,)
        Sum of weight x residual squared.
    """

    matrix: Array
    gradient: Array
    cost: Array

    def where(self, better: Flags, other: Normal) -> Normal:
        """Take the other's windows where `better`."""
        return Normal(
            np.where(better[:, None, None], other.matrix, self.matrix),
            np.where(better[:, None], other.gradient, self.gradient),
            np.where(better, other.cost, self.cost),
        )


@dataclass(frozen=True, eq=False)
class Fitted:
    """Where a fit ended.

    Parameters
    ----------
    parameters : array, shape (N, 6)
    normal : Normal
        Normal equations there.
    step : array, shape (N, 6)
        Last one tried.
    damping : array, shape (N,)
        For the next step.
    """

    parameters: Array
    normal: Normal
    step: Array
    damping: Array


@dataclass(frozen=True, eq=False)
class _Sums:
    """What stays the same while parameters change."""

    weighted: Pixels
    weights: Pixels
    level: Array
    linear: Array
    square: Array
    prior: WidthPrior

    @classmethod
    def of(cls, windows: Windows, prior: WidthPrior) -> _Sums:
        weighted = windows.weights * windows.data
        level = np.einsum("nij->n", windows.weights).astype(np.float64)
        linear = np.einsum("nij->n", weighted).astype(np.float64)
        square = np.einsum("nij,nij->n", weighted, windows.data).astype(np.float64)
        return cls(weighted, windows.weights, level, linear, square, prior)


def values(parameters: Array, half: int) -> Pixels:
    """Gaussians without their background in windows of 2 `half` + 1 pixels, shape (N, K, K)."""
    rows, cols = _profiles(parameters, half, 0)
    tall = rows[:, 0] * parameters[:, HEIGHT, None].astype(np.float32)
    drawn: Pixels = np.einsum("ni,nj->nij", tall, cols[:, 0])
    return drawn


def start(windows: Windows, centre: Array, sigma: Array) -> Array:
    """First parameters (N, 6): given centre and width, amplitude and background by linear least squares."""
    parameters = np.zeros((len(centre), PARAMETERS))
    parameters[:, :2] = centre
    parameters[:, SIGMA_ROW : SIGMA_COL + 1] = sigma[:, None]
    parameters[:, HEIGHT] = 1.0
    sums = _Sums.of(windows, WidthPrior())
    first, second, data = _moments(parameters, sums)
    gg, g, gd = second[:, 0, 0], first[:, 0, 0], data[:, 0, 0]
    determinant = gg * sums.level - g * g
    safe = np.where(determinant > 1e-9 * gg * sums.level, determinant, np.inf)
    parameters[:, HEIGHT] = (gd * sums.level - g * sums.linear) / safe
    parameters[:, LEVEL] = (gg * sums.linear - g * gd) / safe
    return parameters


def fit(
    windows: Windows, parameters: Array, limits: Limits, prior: WidthPrior, steps: int, damping: Array
) -> Fitted:
    """Levenberg-Marquardt in every window, with a damping of its own.

    Parameters
    ----------
    windows : Windows
        Data and weights.
    parameters : array, shape (N, 6)
        Start.
    limits : Limits
        What the fit may not leave.
    prior : WidthPrior
        Keeps the widths of faint atoms near those of the others; bright ones go their own way.
    steps : int
        Trials, at least one; a trial that does not lower the cost is taken back and damped more.
    damping : array, shape (N,)
        To begin with; 1e-3 where nothing is known.
    """
    sums = _Sums.of(windows, prior)
    now = _equations(parameters, sums)
    for _ in range(steps):
        trial = _limited(parameters + scale(parameters) * _solve(now, damping), limits)
        step = trial - parameters
        new = _equations(trial, sums)
        better = new.cost <= now.cost
        parameters = np.where(better[:, None], trial, parameters)
        now = now.where(better, new)
        damping = np.clip(np.where(better, damping * 0.1, damping * 10.0), 1e-7, 1e7)
    return Fitted(parameters, now, step, damping)


def equations(windows: Windows, parameters: Array, prior: WidthPrior) -> Normal:
    """Return the normal equations of every window at given parameters (N, 6)."""
    return _equations(parameters, _Sums.of(windows, prior))


def scale(parameters: Array) -> Array:
    """Change of each parameter for a unit step of the normal equations, shape (N, 6)."""
    height = parameters[:, HEIGHT]
    height = np.where(np.abs(height) > 1e-12, height, 1e-12)
    out = np.ones_like(parameters)
    out[:, ROW] = out[:, SIGMA_ROW] = parameters[:, SIGMA_ROW] / height
    out[:, COL] = out[:, SIGMA_COL] = parameters[:, SIGMA_COL] / height
    return out


def coupling(weights: Pixels, own: Array, other: Array) -> Array:
    """Products of the derivatives of two Gaussians in the window of the first, shape (M, 6, 6).

    Parameters
    ----------
    weights : array, shape (M, K, K)
        Of the first ones' windows.
    own, other : array, shape (M, 6)
        Parameters, centres relative to the middle of the window of `own`.

    Returns
    -------
    array, shape (M, 6, 6)
        Sum of weight x own derivative x other derivative, in the units of `scale`.
    """
    half = weights.shape[-1] // 2
    sides = []
    for mine, theirs in zip(_profiles(own, half, 2), _profiles(other, half, 2), strict=True):
        both = (mine[:, :, None] * theirs[:, None, :]).reshape(len(own), 9, -1)
        sides.append(np.concatenate([both, theirs, mine, np.ones_like(mine[:, :1])], axis=1))
    moments = sides[0] @ weights @ sides[1].transpose(0, 2, 1)
    products = np.empty((len(own), PARAMETERS, PARAMETERS))
    products[:, :LEVEL, :LEVEL] = moments[:, 3 * _P[:, None] + _P, 3 * _Q[:, None] + _Q]
    products[:, LEVEL, :LEVEL] = moments[:, 9 + _P, 9 + _Q]
    products[:, :LEVEL, LEVEL] = moments[:, 12 + _P, 12 + _Q]
    products[:, LEVEL, LEVEL] = moments[:, 15, 15]
    return products


def moments(pixels: Pixels, parameters: Array) -> Array:
    """Sum of pixels x g t^p s^q over each window, p and q = 0 to 2, with t and s as widths from the centre.

    Returns
    -------
    array, shape (N, 3, 3)
    """
    rows, cols = _profiles(parameters, pixels.shape[-1] // 2, 2)
    return np.asarray(rows @ pixels @ cols.transpose(0, 2, 1), np.float64)


def squared_moment(pixels: Pixels, parameters: Array) -> Array:
    """Sum of pixels x (g t s)^2 over each window, shape (N,)."""
    rows, cols = (np.square(side[:, 1]) for side in _profiles(parameters, pixels.shape[-1] // 2, 1))
    return np.asarray((rows[:, None] @ pixels @ cols[:, :, None])[:, 0, 0], np.float64)


def leverage(weights: Pixels, parameters: Array, prior: WidthPrior) -> Pixels:
    """Part of each pixel's own noise that the fit follows, 0 to 0.9, shape (N, K, K)."""
    rows, cols = _profiles(parameters, weights.shape[-1] // 2, 2)
    slopes = np.ones((*weights.shape, PARAMETERS), np.float32)
    for number, (p, q) in enumerate(zip(_P, _Q, strict=True)):
        slopes[..., number] = rows[:, p, :, None] * cols[:, q, None, :]
    normal = equations(Windows(np.zeros_like(weights), weights), parameters, prior)
    spread = inverse(normal.matrix)
    spread[~np.isfinite(spread)] = 0.0
    share = np.einsum("nijp,nijp->nij", slopes @ spread[:, None].astype(np.float32), slopes)
    return np.asarray(np.clip(weights * share, 0.0, 0.9), np.float32)


def inverse(matrix: Array) -> Array:
    """Inverse of symmetric matrices (N, p, p); infinite where there is none."""
    size = np.sqrt(np.maximum(np.einsum("nii->ni", matrix), 1e-300))
    unit = matrix / size[:, :, None] / size[:, None, :]
    unit[~np.isfinite(unit).all((1, 2))] = 0.0
    found: Array = np.linalg.inv(unit + 1e-11 * np.eye(matrix.shape[-1]))
    diagonal = np.einsum("nii->ni", found)
    known = ((diagonal > 0) & (diagonal < 1e8)).all(1)
    found[~known] = np.inf
    size[~known] = 1.0
    return np.asarray(found / size[:, :, None] / size[:, None, :], np.float64)


def _profiles(parameters: Array, half: int, power: int) -> tuple[Pixels, Pixels]:
    """Row and column parts of g t^p, p = 0 to `power`, each of shape (N, power + 1, K)."""
    offsets = np.arange(-half, half + 1.0)
    parts = []
    for centre, sigma in ((ROW, SIGMA_ROW), (COL, SIGMA_COL)):
        t = ((offsets - parameters[:, centre, None]) / parameters[:, sigma, None]).astype(np.float32)
        part = np.empty((len(t), power + 1, len(offsets)), np.float32)
        np.exp(-0.5 * t * t, out=part[:, 0])
        for p in range(power):
            np.multiply(part[:, p], t, out=part[:, p + 1])
        parts.append(part)
    return parts[0], parts[1]


def _moments(parameters: Array, sums: _Sums) -> tuple[Array, Array, Array]:
    """Moments of the weights with g (N, 3, 3) and g squared (N, 5, 5), and of the data with g (N, 3, 3)."""
    half = sums.weights.shape[-1] // 2
    rows, cols = _profiles(parameters, half, 2)
    # A product with a transposed stack takes twice as long as with one that lies in order.
    double_rows, double_cols = _squared(rows), np.ascontiguousarray(_squared(cols).transpose(0, 2, 1))
    cols = np.ascontiguousarray(cols.transpose(0, 2, 1))
    first = rows @ sums.weights @ cols
    second = double_rows @ sums.weights @ double_cols
    data = rows @ sums.weighted @ cols
    return first.astype(np.float64), second.astype(np.float64), data.astype(np.float64)


def _squared(profiles: Pixels) -> Pixels:
    """g^2 t^p, p = 0 to 4, shape (N, 5, K), of g t^p, p = 0 to 2."""
    squared = np.empty((len(profiles), 5, profiles.shape[-1]), np.float32)
    np.multiply(profiles, profiles, out=squared[:, ::2])
    np.multiply(profiles[:, :2], profiles[:, 1:], out=squared[:, 1::2])
    return squared


def _equations(parameters: Array, sums: _Sums) -> Normal:
    first, second, data = _moments(parameters, sums)
    height, level = parameters[:, HEIGHT], parameters[:, LEVEL]
    matrix = np.empty((len(parameters), PARAMETERS, PARAMETERS))
    matrix[:, :LEVEL, :LEVEL] = second[:, _ROWS_2, _COLS_2]
    matrix[:, :LEVEL, LEVEL] = matrix[:, LEVEL, :LEVEL] = first[:, _P, _Q]
    matrix[:, LEVEL, LEVEL] = sums.level
    gradient = np.empty((len(parameters), PARAMETERS))
    gradient[:, :LEVEL] = (
        data[:, _P, _Q] - height[:, None] * second[:, _P, _Q] - level[:, None] * first[:, _P, _Q]
    )
    gradient[:, LEVEL] = sums.linear - height * first[:, 0, 0] - level * sums.level
    cost = (
        sums.square
        - 2 * (height * data[:, 0, 0] + level * sums.linear)
        + height * height * second[:, 0, 0]
        + 2 * height * level * first[:, 0, 0]
        + level * level * sums.level
    )
    _add_prior(matrix, gradient, cost, parameters, sums.prior)
    return Normal(matrix, gradient, cost)


def _add_prior(matrix: Array, gradient: Array, cost: Array, parameters: Array, prior: WidthPrior) -> None:
    if prior.precision == 0.0:
        return
    unit = scale(parameters)
    for sigma in (SIGMA_ROW, SIGMA_COL):
        off = parameters[:, sigma] - prior.mean
        matrix[:, sigma, sigma] += prior.precision * unit[:, sigma] ** 2
        gradient[:, sigma] -= prior.precision * unit[:, sigma] * off
        cost += prior.precision * off * off


def _solve(normal: Normal, damping: Array) -> Array:
    diagonal = np.einsum("nii->ni", normal.matrix)
    # The floor keeps a window without weights solvable: its step is then zero.
    extra = damping[:, None] * diagonal + 1e-9 * diagonal.max(1, keepdims=True) + 1e-30
    matrix = normal.matrix.copy()
    np.einsum("nii->ni", matrix)[:] += extra
    step = np.linalg.solve(matrix, normal.gradient[:, :, None])[:, :, 0]
    return np.asarray(step, np.float64)


def _limited(parameters: Array, limits: Limits) -> Array:
    out = parameters
    out[:, :2] = np.clip(out[:, :2], -limits.shift, limits.shift)
    out[:, SIGMA_ROW : SIGMA_COL + 1] = np.clip(out[:, SIGMA_ROW : SIGMA_COL + 1], limits.narrow, limits.wide)
    return out

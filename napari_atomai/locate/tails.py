"""Wide tails that all columns of an image share, learnt from what single Gaussians leave over.

Probe tails and the source put light around a column that one Gaussian does not hold. In a crystal they add up
to a hilly background that draws dim columns towards bright neighbours. One column says hardly anything about
them; hundreds together do. They are written as a few wide Gaussians, with shares that all columns have in
common.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import nnls
from scipy.spatial import cKDTree

from napari_atomai.locate import gaussian
from napari_atomai.locate.gaussian import HEIGHT, LEVEL, SIGMA_COL, SIGMA_ROW, Windows
from napari_atomai.locate.windows import Canvas, Layer

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Pixels = NDArray[np.float32]

WIDTHS = (1.7, 2.5, 3.7)
"""Of the Gaussians that make up a tail, in widths of the core."""

_REACH = 3.5
"""Widths at which a Gaussian ends."""

SURE = 4.0
"""Standard deviations, by the noise and by how atoms differ, from which tails are believed."""

_FEWEST = 100
"""Atoms below which nothing is learnt of tails."""

_OVER = 1.2
"""Steps are made longer by this: atoms that still wear their old widths hide part of the tails."""


@dataclass(frozen=True, eq=False)
class Tails:
    """Wide Gaussians under every column.

    Parameters
    ----------
    widths : array, shape (T,)
        In pixels.
    shares : array, shape (T,)
        Heights as parts of the core's.
    """

    widths: Array
    shares: Array

    @classmethod
    def none(cls, width: float) -> Tails:
        """No tails yet, under columns of a width in pixels."""
        return cls(width * np.array(WIDTHS), np.zeros(len(WIDTHS)))

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.shares.any())


@dataclass(frozen=True, eq=False)
class Stars:
    """Where columns are, and how high: tails hang on these, not on their noisy widths.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Row, column, in pixels.
    heights : array, shape (N,)
        Not negative.
    """

    positions: Array
    heights: Array

    @cached_property
    def tree(self) -> cKDTree:
        """To look for neighbours."""
        return cKDTree(self.positions)

    def around(self, centres: Integers, width: float, half: int) -> Pixels:
        """Gaussians of a width, as high as the columns, in windows (n, K, K) around whole pixels."""
        reach = _REACH * width + 1.2 * half
        most = int(np.max(self.tree.query_ball_point(centres, reach, return_length=True), initial=1))
        who = self.tree.query(centres, k=np.arange(1, most + 1), distance_upper_bound=reach)[1]
        # Where there are fewer, the tree tells one past the last.
        place = np.concatenate([self.positions, np.zeros((1, 2))])[who] - centres[:, None]
        place, tall = (place / width).astype(np.float32), np.append(self.heights, 0.0)[who, None]
        offsets = (np.arange(-half, half + 1) / width).astype(np.float32)
        rows, cols = (np.exp(-0.5 * np.square(offsets - place[..., axis, None])) for axis in (0, 1))
        windows: Pixels = (rows * tall.astype(np.float32)).transpose(0, 2, 1) @ cols
        return windows

    def draw(self, canvas: Canvas, tails: Tails) -> Layer:
        """Draw the tails of all columns, as a layer of the canvas."""
        layer = canvas.blank()
        for width, share in zip(tails.widths, tails.shares, strict=True):
            if share > 0:
                layer += self._drawn(canvas, float(width)) * np.float32(share)
        return layer

    def _drawn(self, canvas: Canvas, width: float) -> Layer:
        """Columns as points on a coarse grid, blurred. What grid and interpolation blur is taken off."""
        step = max(1, int(width / 3))
        shape = tuple(n // step + 3 for n in canvas.pixels.shape)
        place = (self.positions + canvas.margin) / step
        corner = np.floor(place).astype(np.int64)
        part = place - corner
        points = np.zeros(shape[0] * shape[1])
        for row in (0, 1):
            for col in (0, 1):
                weight = np.abs(1 - row - part[:, 0]) * np.abs(1 - col - part[:, 1])
                index = (corner[:, 0] + row) * shape[1] + corner[:, 1] + col
                points += np.bincount(index, weight * self.heights, len(points))
        blur = np.sqrt((width / step) ** 2 - (1 / 6 if step == 1 else 1 / 3))
        coarse = ndimage.gaussian_filter(
            points.reshape(shape).astype(np.float32), blur, mode="constant", truncate=_REACH
        )
        coarse *= np.float32(2 * np.pi * (width / step) ** 2)
        return _finer(_finer(coarse, step, canvas.pixels.shape[0]).T, step, canvas.pixels.shape[1]).T


@dataclass(frozen=True, eq=False)
class Sample:
    """Fitted columns that are asked about tails.

    Parameters
    ----------
    cut : Windows
        Data without the neighbours and without any tails, and weights.
    parameters : array, shape (n, 6)
        Centres relative to those of the windows.
    inverse : array, shape (n, 6, 6)
        Of the normal equations there.
    centres : array of int, shape (n, 2)
        Of the windows.
    """

    cut: Windows
    parameters: Array
    inverse: Array
    centres: Integers


def learn(sample: Sample, stars: Stars, tails: Tails, sure: float = SURE) -> Tails:
    """Learn the shares of tails from what the fits leave over.

    Only that part of a tail counts which no change of a column's own Gaussian and background could stand for
    (the others are projected out of window by window), so that widths, heights and levels may be free.

    Parameters
    ----------
    sample : Sample
        Some of the columns, with all their neighbours in the image.
    stars : Stars
        All columns.
    tails : Tails
        What is subtracted from the data so far.
    sure : float
        Standard deviations by which there must be tails.

    Returns
    -------
    Tails
        Without any where the columns do not tell them from none.
    """
    count = len(sample.centres)
    none = Tails(tails.widths, np.zeros(len(tails.widths)))
    if count < _FEWEST:
        return none
    half, weights = sample.cut.half, sample.cut.weights
    shapes = np.stack([stars.around(sample.centres, float(width), half) for width in tails.widths])
    core = gaussian.values(sample.parameters, half) + sample.parameters[:, LEVEL, None, None]
    rest = (sample.cut.data - core).astype(np.float32)
    rest += np.einsum("t,tnij->nij", tails.shares.astype(np.float32), shapes)
    own = np.stack([_own(sample.parameters, float(width), half) for width in tails.widths])
    products = _products(sample, np.concatenate([shapes - own, own, rest[None]]))
    unit = float(np.einsum("nij,nij,nij->n", weights, rest, rest).sum())
    unit /= max(int(np.count_nonzero(weights)) - gaussian.PARAMETERS * count, 1)
    shares = _shares(_without(products, len(own)), unit, sure)
    if not shares.any():
        return none
    return Tails(tails.widths, np.maximum(tails.shares + _OVER * (shares - tails.shares), 0))


def _own(parameters: Array, width: float, half: int) -> Pixels:
    """Gaussians of a width, as high as the columns in whose windows they are."""
    wide = parameters.copy()
    wide[:, [SIGMA_ROW, SIGMA_COL]] = width
    wide[:, HEIGHT] = np.maximum(wide[:, HEIGHT], 0.0)
    return gaussian.values(wide, half)


def _products(sample: Sample, every: Pixels) -> Array:
    """Products (M, M, n) of pictures (M, n, K, K), each without what its column could stand for."""
    weights = sample.cut.weights
    slopes = np.stack([_slopes(each, weights, sample.parameters) for each in every])
    products = np.einsum("anij,bnij->abn", every * weights, every, dtype=np.float64, optimize=True)
    return np.asarray(products - np.einsum("anp,npq,bnq->abn", slopes, sample.inverse, slopes, optimize=True))


def _without(products: Array, count: int) -> Array:
    """Products (T, T + 1, n) of neighbours' tails and the rest, without `count` pictures between the two.

    These stand for columns that are no Gaussians themselves: turned ellipses, flat or peaked ones.
    """
    tails = len(products) - count - 1
    middle = slice(tails, tails + count)
    total = products.sum(-1)
    change = -total[:tails, middle] @ np.linalg.pinv(total[middle, middle], rcond=1e-6, hermitian=True)
    turn = np.concatenate([np.eye(tails), change], axis=1)
    kept = np.einsum("ac,cdn,bd->abn", turn, products[: tails + count, : tails + count], turn, optimize=True)
    right = np.einsum("ac,cn->an", turn, products[: tails + count, -1])
    return np.concatenate([kept, right[:, None]], axis=1)


def _shares(products: Array, unit: float, sure: float) -> Array:
    """Shares (T,), none negative, from products (T, T + 1, n) of tails with tails and, last, the rest."""
    matrix, right = products[:, :-1].sum(-1), products[:, -1]
    floor = 1e-9 * np.trace(matrix) * np.eye(len(matrix))
    try:
        root = np.linalg.cholesky(matrix + floor)
    except np.linalg.LinAlgError:
        return np.zeros(len(matrix))
    shares = np.asarray(nnls(root.T, np.linalg.solve(root, right.sum(1)))[0], np.float64)
    gain = shares @ right.sum(1)
    each = shares @ right - np.einsum("a,abn,b->n", shares, products[:, :-1], shares)
    scatter = float(np.sqrt(np.square(each).sum()))
    return shares if gain > sure**2 * unit and gain > sure * scatter else np.zeros(len(shares))


def _slopes(pixels: Pixels, weights: Pixels, parameters: Array) -> Array:
    """Sum of weight x derivative x pixel (n, 6), the derivatives in the units of `gaussian.scale`."""
    flat = parameters.copy()
    flat[:, [HEIGHT, LEVEL]] = 0.0
    return gaussian.equations(Windows(pixels, weights), flat, gaussian.WidthPrior()).gradient


def _finer(coarse: Layer, step: int, size: int) -> Layer:
    """Interpolate the first axis at every `step`-th part of its spacing, up to `size` values."""
    if step == 1:
        return coarse[:size]
    low, phase = np.divmod(np.arange(size), step)
    part = (phase / step).astype(np.float32)[:, None]
    fine: Layer = coarse[low] * (1 - part) + coarse[low + 1] * part
    return fine

"""Patches of latents: decoded one by one, or on a grid; and patches turned to one orientation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from napari_atomai.data.latent import Latent, Manifold

Floats = NDArray[np.float32]

GRID_SIDE = 7
"""Patches along each side of a manifold."""


class Decoder(Protocol):
    """What makes patches of latents."""

    def decode(self, latent: Latent | ArrayLike, classes: ArrayLike | None = None) -> Floats:
        """Return patches (n, h, w) of latents (n, D), or of a `Latent` with its poses and classes."""
        ...


@dataclass(frozen=True, eq=False)
class Nearest:
    """Decodes latents as the patch that has the most similar ones: moments have no way back.

    Parameters
    ----------
    points : array, shape (N, D)
        Latents.
    patches : array, shape (N, h, w)
        That they belong to.
    """

    points: NDArray[Any]
    patches: Floats

    def decode(self, latent: Latent | ArrayLike, classes: ArrayLike | None = None) -> Floats:
        """Return the patches (n, h, w) whose latents are nearest to those given, (n, D)."""
        del classes
        points = latent.mean if isinstance(latent, Latent) else np.atleast_2d(np.asarray(latent, float))
        nearest = cKDTree(self.points).query(points)[1]
        return np.asarray(self.patches[nearest], np.float32)


def manifold_of(decoder: Decoder, points: Floats, labels: NDArray[np.int64], state: int) -> Manifold:
    """Decode equal steps over where nearly all motifs of a state lie; other latents are at their median.

    Parameters
    ----------
    decoder : Decoder
        Makes patches of latents.
    points : array, shape (N, D)
        Latents of motifs.
    labels : array of int, shape (N,)
        State of each, from 1.
    state : int
        Which one; where it has less than two motifs, all of them count.
    """
    here = points[labels == state] if (labels == state).sum() > 1 else points
    low, high = np.percentile(here, [2, 98], axis=0).astype(np.float32)
    two = points.shape[1] > 1
    across = np.linspace(low[int(two)], high[int(two)], GRID_SIDE, dtype=np.float32)
    first = np.linspace(high[0], low[0], GRID_SIDE, dtype=np.float32) if two else np.zeros(1, np.float32)
    grid = np.tile(np.median(here, axis=0), (len(first), GRID_SIDE, 1)).astype(np.float32)
    if two:
        grid[..., 0] = first[:, None]
    grid[..., int(two)] = across
    flat = grid.reshape(-1, grid.shape[-1])
    images = decoder.decode(flat, classes=np.full(len(flat), state))
    return Manifold(images.reshape(*grid.shape[:2], *images.shape[1:]), first, across)


def turned(patches: ArrayLike, angle: ArrayLike) -> Floats:
    """Turn patches (n, h, w) by angles (n,) in radians, counter-clockwise as displayed; linear interpolation.

    What comes from outside a patch is its border.
    """
    values, theta = np.asarray(patches, np.float32), np.asarray(angle, np.float64)
    count, height, width = values.shape
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    rows, columns = np.meshgrid(np.arange(height) - middle[0], np.arange(width) - middle[1], indexing="ij")
    cosine, sine = (each(theta)[:, None, None] for each in (np.cos, np.sin))
    from_row = np.clip(cosine * rows + sine * columns + middle[0], 0, height - 1)
    from_column = np.clip(cosine * columns - sine * rows + middle[1], 0, width - 1)
    top = np.minimum(from_row.astype(int), max(height - 2, 0))
    left = np.minimum(from_column.astype(int), max(width - 2, 0))
    down, right = from_row - top, from_column - left
    which = np.arange(count)[:, None, None]
    above = (1 - right) * values[which, top, left] + right * values[which, top, left + 1]
    below = (1 - right) * values[which, top + 1, left] + right * values[which, top + 1, left + 1]
    return np.asarray((1 - down) * above + down * below, np.float32)

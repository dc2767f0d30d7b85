"""What an autoencoder finds in patches, and what it makes of a grid of latents; arrays only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Latent:
    """Latents, classes and poses of n patches; `mean, sd = latent` unpacks the first two.

    Parameters
    ----------
    mean, sd : array, shape (n, latent_dim)
        Mean and standard deviation of the posterior of the continuous latents; the prior of each is
        normal with a width of 1. The latent that says most of the patches comes first.
    angle : array, shape (n,), optional
        Radians from -pi to pi, counter-clockwise as displayed, by which the motif is turned.
    shift : array, shape (n, 2), optional
        (row, column) in pixels by which it is displaced.
    scale : array, shape (n,), optional
        By which it is enlarged.
    classes : array, shape (n, classes), optional
        Probability of each state of the discrete latents.
    """

    mean: Floats
    sd: Floats
    angle: Floats | None = None
    shift: Floats | None = None
    scale: Floats | None = None
    classes: Floats | None = None

    def __len__(self) -> int:
        return len(self.mean)

    def __iter__(self) -> Iterator[Floats]:
        return iter((self.mean, self.sd))

    def __getitem__(self, chosen: Any) -> Latent:
        """Return those of some patches: indices, a mask or a slice."""
        others = {name: part for name, part in self._optional().items() if part is not None}
        return Latent(self.mean[chosen], self.sd[chosen], **{k: part[chosen] for k, part in others.items()})

    def _optional(self) -> dict[str, Floats | None]:
        return {"angle": self.angle, "shift": self.shift, "scale": self.scale, "classes": self.classes}

    @property
    def labels(self) -> NDArray[np.int64]:
        """The most probable class of each patch, from 1; all 1 where there are none."""
        if self.classes is None:
            return np.ones(len(self), np.int64)
        return np.asarray(self.classes.argmax(axis=1) + 1, np.int64)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return all of it as columns of a table, by name."""
        found: dict[str, NDArray[Any]] = {}
        for number, (mean, sd) in enumerate(zip(self.mean.T, self.sd.T, strict=True), start=1):
            found[f"z{number}"], found[f"z{number}_sd"] = mean, sd
        if self.angle is not None:
            found["angle_rad"] = self.angle
        if self.shift is not None:
            found["shift_row_px"], found["shift_col_px"] = self.shift.T
        if self.scale is not None:
            found["scale"] = self.scale
        if self.classes is not None:
            found["latent_class"] = self.labels
            found["latent_class_probability"] = self.classes.max(axis=1)
        return found


@dataclass(frozen=True, eq=False)
class Manifold:
    """Patches decoded on a grid of latents.

    Parameters
    ----------
    images : array, shape (rows, columns, *in_dim)
        In the units of the data.
    first, second : array, shape (rows,), (columns,)
        Value of the first latent in each row of the grid, from high to low, and of the second in each column.
    """

    images: Floats
    first: Floats
    second: Floats

    def mosaic(self) -> Floats:
        """Return one picture of all of them, side by side; spectra become rows of it."""
        if self.images.ndim == 3:
            return np.ascontiguousarray(self.images.reshape(-1, self.images.shape[-1]))
        rows, columns, height, width = self.images.shape
        return np.ascontiguousarray(self.images.transpose(0, 2, 1, 3).reshape(rows * height, columns * width))

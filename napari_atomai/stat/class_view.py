"""Atoms of one or many images, looked at together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.errors import BadImage, MissingExtra
from napari_atomai.locate.neighbours import typical_spacing
from napari_atomai.prepare.places import Places
from napari_atomai.prepare.windows import image_stack
from napari_atomai.stat import class_values

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]

_ALONE = 10.0  # pixels: the spacing of atoms that have no neighbours


@dataclass(frozen=True, eq=False)
class View:
    """Atoms in their images; frames are looked at one by one and the results joined.

    Parameters
    ----------
    stack : array, shape (n, y, x)
        Images.
    where : Places
        Atoms.
    spacing : float
        Typical distance to the nearest neighbour in the same frame, pixels.
    """

    stack: NDArray[Any]
    where: Places
    spacing: float

    @classmethod
    def of(cls, stack: NDArray[Any], where: Places) -> View:
        """Measure the spacing."""
        return cls(stack, where, _spacing(where))

    def _frames(self, look: Callable[[NDArray[Any], NDArray[np.bool_]], Vector], width: int = 0) -> Vector:
        found = np.empty((len(self.where), width) if width else len(self.where))
        for frame in np.unique(self.where.frames):
            here = self.where.frames == frame
            found[here] = look(self.stack[frame], here)
        return found

    def brightness(self) -> Vector:
        """Return how bright each atom is above the background, (N,)."""
        at = self.where.positions
        return self._frames(lambda image, here: class_values.brightness(image, at[here], self.spacing))

    def inner(self) -> NDArray[np.bool_]:
        """Say which atoms lie wholly in the image, or all where hardly any does: half atoms are no class."""
        edge = np.minimum(self.where.positions, np.array(self.stack.shape[1:]) - 1 - self.where.positions)
        inner: NDArray[np.bool_] = np.minimum(edge[:, 0], edge[:, 1]) >= 0.5 * self.spacing
        return inner if inner.sum() >= 0.5 * len(inner) else np.ones_like(inner)

    def window_mean(self, side: int) -> Vector:
        """Return the mean of a square of `side` pixels around each atom, (N,)."""
        at = self.where.positions
        return self._frames(lambda image, here: class_values.window_mean(image, at[here], side))

    def patches(self, side: float) -> Vector:
        """Return the surroundings of each atom, (N, PATCH)."""
        at = self.where.positions
        return self._frames(
            lambda image, here: class_values.surroundings(image, at[here], self.spacing, side),
            class_values.PATCH,
        )

    def levelled(self, values: Vector, groups: Integers) -> Vector:
        """Return values (N,) relative to those of the atoms around."""
        at, of = self.where.positions, groups
        return self._frames(
            lambda _, here: class_values.levelled(values[here], at[here], self.spacing, of[here])
        )

    def gradient(self, values: Vector) -> float:
        """Return by what share values change across the most uneven frame."""
        frames = [self.where.frames == frame for frame in np.unique(self.where.frames)]
        at = self.where.positions
        return max(class_values.gradient(values[here], at[here], self.spacing) for here in frames)


def grey_stack(image: ArrayLike) -> NDArray[Any]:
    """Return images (n, y, x) of one channel."""
    stack = image_stack(image)
    if stack.shape[-1] != 1:
        raise BadImage(
            f"The images have {stack.shape[-1]} channels.",
            why="Brightness is one number for each pixel.",
            remedy="Give one channel, image[..., k].",
        )
    return stack[..., 0]


def _spacing(where: Places) -> float:
    """Return the typical distance to the nearest neighbour in the same frame, pixels."""
    apart = where.frames[:, None] * 1e7
    spacing = typical_spacing(where.positions + apart)
    return spacing if np.isfinite(spacing) and spacing < 1e6 else _ALONE


def unit(values: Vector) -> Vector:
    """Return values as one feature (N, 1) of unit deviation."""
    return (values / (float(values.std()) or 1.0))[:, None]


def require_sklearn() -> None:
    """Say how to get scikit-learn where it is not installed.

    Raises
    ------
    MissingExtra
        If there is none.
    """
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise MissingExtra(
            "scikit-learn is not installed.",
            why="Classes of atoms are found by it.",
            remedy="pip install scikit-learn",
        ) from error

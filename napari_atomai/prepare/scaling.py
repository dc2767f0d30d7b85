"""Intensities of an image brought to about 0 to 1: the same way in training and in prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from napari_atomai.data.arguments import shown
from napari_atomai.data.recipe import Recipe
from napari_atomai.errors import BadImage, BadOption

Pixels = NDArray[Any]

FLOOR, CEILING = -0.5, 1.5
"""Scaled intensities end here, so that a hot or dead pixel cannot outshout its surroundings."""

_SAMPLED = 1024
_SEED = 20260801


@dataclass(frozen=True, eq=False)
class Limits:
    """What one image, channel by channel, is scaled with.

    Parameters
    ----------
    low, span : array of float64, shape (c,)
        An intensity ``low`` becomes 0 and ``low + span`` becomes 1; a span of 0 makes all 0.
    fill : array of float64, shape (c,)
        Stands in for pixels that are not finite.
    """

    low: NDArray[np.float64]
    span: NDArray[np.float64]
    fill: NDArray[np.float64]


class Scaling(Recipe):
    """How the intensities of an image are brought to about 0 to 1, each image and channel by its own.

    "percentile" measures between two percentiles of the image, "minmax" between its darkest and
    brightest pixel, "none" leaves intensities as they are. Each image is measured alone, so a dim frame
    of a movie is not lost beside a bright one, and an image gives the same whatever else is in the stack.
    """

    title: ClassVar[str] = "Scale intensities"

    kind: Literal["percentile", "minmax", "none"] = Field(
        "percentile", description="percentile (a hot pixel changes nothing), minmax or none."
    )
    low: float = Field(0.1, ge=0, le=100, description="Percentile of intensities that becomes 0.")
    high: float = Field(99.9, ge=0, le=100, description="Percentile of intensities that becomes 1.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"the low percentile, {self.low:g}, must be below the high one, {self.high:g}")
        return self

    def apply(self, images: Pixels) -> NDArray[np.float32]:
        """Scale every image of a stack.

        Parameters
        ----------
        images : array, shape (n, y, x) or (n, y, x, c)
            Real numbers of any kind and byte order. Pixels that are not finite become the image's median.

        Returns
        -------
        array of float32, same shape
            From -0.5 to 1.5, mostly 0 to 1 ("none": as they were). A constant image becomes 0.

        Raises
        ------
        BadImage
            If it is not such a stack of real numbers.
        """
        stack = np.asarray(images)
        check_stack(stack)
        result = np.empty(stack.shape, np.float32)
        for image, scaled in zip(stack, result, strict=True):
            scaled[...] = self.within(image, self.limits(image))
        return result

    def limits(self, image: Pixels) -> Limits:
        """Measure one image (y, x) or (y, x, c); a large one on a million of its pixels."""
        pixels = self.measured_on(image[..., None] if image.ndim == 2 else image)
        found = np.array([self._measure(pixels[..., i]) for i in range(pixels.shape[-1])])
        return Limits(*found.reshape(-1, 3).T)

    def measured_on(self, image: Any) -> Any:
        """Return the pixels of one image, numpy or dask, that its limits are measured on."""
        return image if self.kind == "minmax" else sampled(image)

    def within(self, image: Pixels, limits: Limits) -> NDArray[np.float32]:
        """Scale one image, or a part of it, by limits that were measured before."""
        # Single precision loses nothing of what came in single precision or in 16 bits.
        kind = np.result_type(image.dtype, np.float32)
        pixels = (image[..., None] if image.ndim == 2 else image).astype(kind)
        known = np.isfinite(pixels)
        if not known.all():
            pixels = np.where(known, pixels, limits.fill.astype(kind))
        if self.kind == "none":
            largest = np.finfo(np.float32).max
            np.clip(pixels, -largest, largest, out=pixels)
            return pixels.astype(np.float32, copy=False).reshape(image.shape)
        flat = limits.span == 0
        with np.errstate(over="ignore"):
            pixels -= limits.low.astype(kind)
            pixels /= np.where(flat, 1, limits.span).astype(kind)
        np.clip(pixels, FLOOR, CEILING, out=pixels)
        if flat.any():
            pixels[..., flat] = 0
        return pixels.astype(np.float32, copy=False).reshape(image.shape)

    def _measure(self, channel: Pixels) -> tuple[float, float, float]:
        known = channel[np.isfinite(channel)]
        if known.size == 0:
            return 0.0, 0.0, 0.0
        some = sampled(known[:, None]).astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            low, middle, high = (float(value) for value in np.percentile(some, [self.low, 50, self.high]))
            if self.kind == "minmax" or not high > low:
                # Percentiles that coincide: a few bright pixels on an otherwise constant image.
                low, high = float(known.min()), float(known.max())
            span = np.subtract(high, low)
        if not np.isfinite(span):
            raise BadImage(
                f"Intensities run from {low:g} to {high:g}.",
                why="Their difference is more than a number can hold.",
                remedy="Divide the image by a large number first.",
            )
        return low, float(span), middle


def a_scaling(given: Any) -> Scaling:
    """Return the scaling that was given, or the usual one for None.

    Raises
    ------
    BadOption
        If it is something else.
    """
    if given is not None and not isinstance(given, Scaling):
        raise BadOption(
            f"scaling is {shown(given)}.", remedy='Give prepare.scaling.Scaling(kind="minmax"), for instance.'
        )
    return given if given is not None else Scaling()


def check_stack(images: Any) -> None:
    """Refuse what is not a stack (n, y, x) or (n, y, x, c) of real numbers; numpy or dask.

    Raises
    ------
    BadImage
        With the shape or kind that was given.
    """
    if images.dtype.kind not in "buif":
        raise BadImage(
            f"The images are of kind {images.dtype}; intensities are real numbers.",
            remedy="Take the real part, the amplitude or the phase of complex images first."
            if images.dtype.kind == "c"
            else "Give an array of numbers: images of one size, as numpy or dask have them.",
        )
    if images.ndim not in (3, 4) or 0 in images.shape:
        raise BadImage(
            f"The images have shape {images.shape}.",
            remedy="Give (images, rows, columns), or (images, rows, columns, channels), none of them 0.",
        )


def sampled(image: Any) -> Any:
    """Return an image's pixels at random rows and columns, about a million; a small image whole.

    Regular steps would beat with the lattice. The same rows and columns every time, of numpy or dask.
    """
    rng = np.random.default_rng(_SEED)
    for axis in (0, 1):
        size, other = image.shape[axis], image.shape[1 - axis]
        count = max(_SAMPLED, _SAMPLED**2 // other)
        if size > count:
            chosen = np.sort(rng.choice(size, count, replace=False))
            image = image[chosen] if axis == 0 else image[:, chosen]
    return image

"""Stacks of images as a net wants them: any layout, numpy or dask, scaled part by part."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.errors import BadImage
from napari_atomai.predictors.engines import Batch, NetFacts
from napari_atomai.predictors.pieces import Frame, Indices, Span
from napari_atomai.predictors.tiles import taken
from napari_atomai.prepare.checks import channels_moved
from napari_atomai.prepare.scaling import Limits, Scaling, check_stack

log = logging.getLogger(__name__)


def as_stack(images: Any) -> Any:
    """Return images as (n, y, x) or (n, y, x, c), numpy or dask.

    Raises
    ------
    BadImage
        If they are not such images of real numbers.
    """
    try:
        stack = images if hasattr(images, "compute") else np.asarray(images)
    except ValueError as error:
        raise BadImage(
            "The images do not form one array: their sizes differ.", remedy="Predict them one by one."
        ) from error
    stack = stack[None] if stack.ndim == 2 else stack
    check_stack(stack)
    return stack


def with_channels(images: Any, channels: int) -> Any:
    """Return images as (n, y, x, c), numpy or dask.

    Parameters
    ----------
    images : array, shape (y, x), (n, y, x) or (n, y, x, c)
        Real numbers.
    channels : int
        What the net takes.

    Raises
    ------
    BadImage
        If they are not such images, or have another number of channels.
    """
    stack = as_stack(images)
    stack = stack[..., None] if stack.ndim == 3 else stack
    if stack.shape[-1] != channels:
        raise BadImage(
            f"The images have shape {tuple(np.shape(images))}: {_channels(stack.shape[-1])}; "
            f"the net takes {_channels(channels)}.",
            remedy=channels_moved("images", channels)
            if stack.shape[1] == channels
            else "Give (images, rows, columns, channels), the channels last, or without for one channel.",
        )
    return stack


class Stack:
    """Scales parts of a stack as they are asked for; every frame by limits measured on all of it, once.

    Parameters
    ----------
    images : array, shape (n, y, x, c)
        numpy or dask; of dask one frame at a time is in memory.
    scaling : Scaling
        How.
    facts : NetFacts
        Of the net: they say how far it has images mirrored.
    limits : Limits, optional
        What all frames are scaled by, where that was measured on more than is here.
    """

    def __init__(self, images: Any, scaling: Scaling, facts: NetFacts, limits: Limits | None = None) -> None:
        self.images = images
        self.scaling = scaling
        self.frame = Frame.mirrored(images.shape[1], images.shape[2], facts)
        self._limits = limits
        self._last: tuple[int, NDArray[Any], Limits] | None = None
        self._filled: dict[int, int] = {}

    def __len__(self) -> int:
        return int(self.images.shape[0])

    def read(self, frames: Span, rows: Indices, columns: Indices) -> Batch:
        """Give frames at rows and columns, scaled, as (n, channels, y, x)."""
        parts = []
        for number in range(*frames):
            image, limits = self._at(number)
            parts.append(self.scaling.within(taken(image, rows, columns), limits).transpose(2, 0, 1))
        return np.stack(parts)

    def _at(self, number: int) -> tuple[NDArray[Any], Limits]:
        if self._last is None or self._last[0] != number:
            image = self.images[number]
            if hasattr(image, "compute"):
                image = image.compute(scheduler="synchronous")  # no threads are left behind
            self._look(number, image)
            self._last = number, image, self._limits or self.scaling.limits(image)
        return self._last[1:]

    def _look(self, number: int, image: NDArray[Any]) -> None:
        """Count pixels that are not finite; a frame that has no others is refused."""
        known = int(np.isfinite(image).sum()) if image.dtype.kind == "f" else image.size
        if known < image.size:
            self._filled[number] = image.size - known
        if known == 0 and self._limits is None:
            raise BadImage(
                f"Image {number} of {len(self)} has no pixel that is finite (all NaN or inf).",
                why="There is nothing in it to predict from.",
                remedy="Leave it out.",
            )

    def tell(self) -> None:
        """Say in the log that pixels were filled, and how many."""
        if self._filled:
            first = min(self._filled)
            log.warning(
                "%d of %d images have pixels that are not finite (the first is image %d, with %d of them): "
                "the net saw the image's median there. Do not rely on the maps at these pixels.",
                len(self._filled),
                len(self),
                first,
                self._filled[first],
            )


def _channels(count: int) -> str:
    return "1 channel" if count == 1 else f"{count} channels"

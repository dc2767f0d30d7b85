"""Stacks of images as a net wants them: any layout, numpy or dask, scaled part by part."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.errors import BadImage
from napari_atomai.predictors.engines import Batch
from napari_atomai.predictors.pieces import Frame, Indices, Span
from napari_atomai.predictors.tiles import taken
from napari_atomai.prepare.scaling import Limits, Scaling, check_stack


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
    stack = images if hasattr(images, "compute") else np.asarray(images)
    stack = stack[None] if stack.ndim == 2 else stack
    check_stack(stack)
    stack = stack[..., None] if stack.ndim == 3 else stack
    if stack.shape[-1] != channels:
        raise BadImage(
            f"The images have shape {tuple(images.shape)}: {_channels(stack.shape[-1])}; "
            f"the net takes {_channels(channels)}.",
            remedy="Give (images, rows, columns, channels), the channels last, or without for one channel.",
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
    limits : Limits, optional
        What all frames are scaled by, where that was measured on more than is here.
    """

    def __init__(self, images: Any, scaling: Scaling, limits: Limits | None = None) -> None:
        self.images = images
        self.scaling = scaling
        self.frame = Frame(images.shape[1], images.shape[2])
        self._limits = limits
        self._last: tuple[int, NDArray[Any], Limits] | None = None

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
            self._last = number, image, self._limits or self.scaling.limits(image)
        return self._last[1:]


def _channels(count: int) -> str:
    return "1 channel" if count == 1 else f"{count} channels"

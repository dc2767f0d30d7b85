"""Numbers of pixels: their type, and whether three or four of them are a colour or a stack of detectors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_CHANNELS = (3, 4)
_COLOURS = (np.uint8, np.uint16)
_ROWS_AT_ONCE = 256
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def native_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type in the byte order of this computer; 80-bit floats, which nothing takes, as float64."""
    return np.dtype(np.float64) if dtype.kind == "f" and dtype.itemsize > 8 else dtype.newbyteorder("=")


def native(array: Any) -> Any:
    """Return an array in its native type; one that has it is not copied."""
    return array if array.dtype == native_type(array.dtype) else array.astype(native_type(array.dtype))


def channels_last(array: Any) -> bool:
    """Tell whether an array looks like (y, x, 3 or 4), not like a movie of frames as narrow as that."""
    return array.ndim == 3 and array.shape[-1] in _CHANNELS and min(array.shape[:2]) > max(_CHANNELS)


def is_colour(array: Any) -> bool:
    """Tell whether numbers that nobody described are colours: bytes and words are, measured values not."""
    return channels_last(array) and array.dtype.newbyteorder("=") in _COLOURS


def as_picture(array: Any) -> tuple[Any, bool, tuple[str, ...]]:
    """Bring an array that nobody described into the order of an Image.

    Returns
    -------
    array : array, shape (y, x), (channel, y, x) or as it was
        Luminance of a colour picture; the detectors of a stack one after the other.
    stacked : bool
        Whether its first dimension are detectors.
    notes : tuple of str
        A sentence when something was converted.
    """
    if channels_last(array) and not is_colour(array):
        note = f"{array.shape[-1]} channels per pixel of {array.dtype}, no colour: shown one after the other."
        return np.moveaxis(array, -1, 0), True, (note,)
    grey, notes = as_grey(array)
    return grey, False, notes


def as_grey(array: Any) -> tuple[Any, tuple[str, ...]]:
    """Turn a colour picture (y, x, 3 or 4) into luminance; leave every other array alone.

    Returns
    -------
    array : array, shape (y, x) or as it was
    notes : tuple of str
        A sentence when something was converted.
    """
    if not channels_last(array):
        return array, ()
    channels = array.shape[-1]
    grey = luminance(array) if isinstance(array, np.ndarray) else (array[..., :3] @ _LUMINANCE).astype("f4")
    return grey, (f"Colour picture with {channels} channels: turned into luminance.",)


def luminance(colour: NDArray[Any]) -> NDArray[np.float32]:
    """Return the luminance of a colour picture (y, x, 3 or 4), shape (y, x)."""
    grey = np.empty(colour.shape[:2], np.float32)
    for first in range(0, len(colour), _ROWS_AT_ONCE):  # the product itself takes 50 bytes per pixel
        rows = slice(first, first + _ROWS_AT_ONCE)
        grey[rows] = colour[rows, :, :3] @ _LUMINANCE
    return grey

"""Images brought to another size for a net, and its maps and atoms brought back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_atomai.errors import BadOption

Size = tuple[int, int]


def resized(images: NDArray[Any], size: Size) -> NDArray[np.float32]:
    """Bring images (n, y, x) or (n, y, x, c) to another number of rows and columns.

    Detail that would alias is smoothed away first. Pixel ``i`` of the images lies at
    ``(i + 0.5) * factor - 0.5`` of the result.

    Raises
    ------
    BadOption
        If the size is not two positive whole numbers.
    """
    check_size(size)
    pixels = np.asarray(images, np.float32)
    factors = np.array(size) / np.array(pixels.shape[1:3])
    smooth = np.where(factors < 1, 0.5 * (1 / factors - 1) + 0.2, 0.0)
    rest = (1.0,) * (pixels.ndim - 3)
    pixels = ndimage.gaussian_filter(pixels, (0.0, *smooth, *(0.0 for _ in rest)), mode="nearest")
    result: NDArray[np.float32] = ndimage.zoom(
        pixels, (1.0, *factors, *rest), order=1, mode="nearest", grid_mode=True
    )
    return result


def check_size(size: Any) -> None:
    """Refuse a size that is not two positive whole numbers.

    Raises
    ------
    BadOption
        With the size.
    """
    whole = isinstance(size, tuple | list | np.ndarray) and len(size) == 2
    if not whole or not all(isinstance(side, int | np.integer) and side >= 1 for side in size):
        raise BadOption(f"resize is {size!r}.", remedy="Give rows and columns, such as (512, 512).")


def back(positions: NDArray[np.float64], before: Size, size: Size) -> NDArray[np.float64]:
    """Return positions (N, 2) found in an image of `size` in pixels of the image of size `before`."""
    factors = np.array(size) / np.array(before)
    found: NDArray[np.float64] = (positions + 0.5) / factors - 0.5
    return found

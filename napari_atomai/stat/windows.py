"""Local order: Fourier transforms of windows that slide over an image, and their components."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from napari_atomai.data.image import Axis, Image
from napari_atomai.data.progress import Progress, finish
from napari_atomai.errors import BadImage, BadOption
from napari_atomai.stat.components import Components, decomposing
from napari_atomai.stat.rows import Matrix
from napari_atomai.stat.scree_plot import scree, suggested_number

_MOST = 12  # components that are suggested
_ENOUGH = 16  # windows that do not overlap, to tell how many components there are
_BATCH = 1 << 24  # bytes of windows transformed at once


@dataclass(frozen=True, eq=False)
class LocalOrder:
    """Components of the Fourier transforms of windows, and where each holds.

    Parameters
    ----------
    components : Components
        Pictures of Fourier amplitudes (K, v, u), frequency 0 in the middle.
    maps : Image, shape (K, rows, columns)
        Loading of every window, at its middle, in the calibration of the image.
    frequencies : (Axis, Axis)
        Of the rows and columns of a component: in 1/nm, or cycles per pixel (unit "1/pixel").
    window, step : (int, int)
        Rows and columns in pixels.
    shares : array
        Of the variance, in each principal component, falling.
    suggested : int
        How many of them stand above noise.
    """

    components: Components
    maps: Image
    frequencies: tuple[Axis, Axis]
    window: tuple[int, int]
    step: tuple[int, int]
    shares: Matrix
    suggested: int

    @property
    def edges(self) -> tuple[float, float, float, float]:
        """Frequencies at the left, right, bottom and top edge of a component."""
        (top, bottom), (left, right) = (
            (axis.offset - axis.scale / 2, axis.offset + axis.scale * (count - 0.5))
            for axis, count in zip(self.frequencies, self.components.components.shape[1:], strict=True)
        )
        return left, right, bottom, top


def local_order(
    image: Image,
    n_components: int = 4,
    *,
    window: tuple[int, int] | None = None,
    step: tuple[int, int] | None = None,
    zoom: float = 2.0,
    method: str = "nmf",
    seed: int = 1,
) -> LocalOrder:
    """Map local order; see `ordering`, which tells its progress."""
    return finish(
        ordering(image, n_components, window=window, step=step, zoom=zoom, method=method, seed=seed)
    )


def ordering(
    image: Image,
    n_components: int = 4,
    *,
    window: tuple[int, int] | None = None,
    step: tuple[int, int] | None = None,
    zoom: float = 2.0,
    method: str = "nmf",
    seed: int = 1,
) -> Generator[Progress, None, LocalOrder]:
    """Decompose the Fourier amplitudes of windows that slide over an image.

    Each window loses its mean and is faded out towards its border (Hann), so that neither brightness nor
    the border make spots (Vasudevan et al., 10.1063/1.4914016).

    Parameters
    ----------
    image : Image, shape (y, x)
        One frame.
    n_components : int
        How many; 0 = as many as stand above noise, at most 12.
    window : (rows, columns), optional
        Pixels; an eighth of the shorter side, from 32 to 128, where left out.
    step : (rows, columns), optional
        Pixels between windows; a quarter of the window where left out.
    zoom : float
        Frequencies up to 1 / zoom of the highest are used.
    method, seed
        As in `stat.components.decomposing`.

    Yields
    ------
    Progress

    Returns
    -------
    LocalOrder

    Raises
    ------
    BadImage
        If it is not one picture of finite numbers, or smaller than a window.
    BadOption
        If the options do not fit it.
    """
    pixels = _picture(image)
    sides, steps = window_and_step(pixels.shape, window, step, zoom)
    amplitudes, middle = _amplitudes(pixels, sides, steps, zoom)
    yield Progress(0, 0, f"components of {amplitudes.shape[0] * amplitudes.shape[1]} windows")
    samples = amplitudes.reshape(-1, *amplitudes.shape[2:])
    shares, _ = scree(samples, seed=seed)
    above = scree(_independent(amplitudes, sides, steps), seed=seed)[1]
    number = n_components or min(suggested_number(method, above), _MOST)
    found = yield from decomposing(samples, method, number, seed=seed)
    maps = found.loadings.T.reshape(-1, *amplitudes.shape[:2])
    return LocalOrder(
        found,
        _map_image(image, maps, sides, steps),
        _frequencies(image, sides, middle),
        sides,
        steps,
        shares,
        above,
    )


def _picture(image: Image) -> NDArray[np.float32]:
    if image.pixels.ndim != 2:
        raise BadImage(f"The image has shape {image.shape}.", remedy="Choose one frame of shape (y, x).")
    pixels = np.asarray(image.pixels, np.float32)
    if not np.isfinite(pixels).all():
        raise BadImage(
            f"{np.count_nonzero(~np.isfinite(pixels))} pixels are not finite.",
            why="One of them would spoil the transform of every window that holds it.",
            remedy="Fill them, or choose a part of the image without them.",
        )
    return pixels


def window_and_step(
    shape: tuple[int, ...],
    window: tuple[int, int] | None = None,
    step: tuple[int, int] | None = None,
    zoom: float = 2.0,
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the windows, and the step from one to the next, that `ordering` takes for an image.

    Raises
    ------
    BadOption
        If they do not fit it.
    """
    side = int(np.clip(min(shape) // 8, 32, 128))
    sides = window or (side, side)
    steps = step or (max(1, sides[0] // 4), max(1, sides[1] // 4))
    _check(shape, sides, steps, zoom)
    return sides, steps


def _check(shape: tuple[int, ...], sides: tuple[int, int], steps: tuple[int, int], zoom: float) -> None:
    if min(sides) < 8 or sides[0] > shape[0] or sides[1] > shape[1]:
        raise BadOption(
            f"Windows of {sides[0]} x {sides[1]} px do not fit an image of {shape[0]} x {shape[1]} px.",
            remedy="Choose sides from 8 px to those of the image.",
        )
    if min(steps) < 1 or not 1 <= zoom <= min(sides) / 4:
        raise BadOption(
            f"The step is {steps[0]} x {steps[1]} px and the zoom {zoom:g}.",
            remedy=f"Choose steps of 1 px or more and a zoom from 1 to {min(sides) / 4:g}.",
        )


def _amplitudes(
    pixels: NDArray[np.float32], sides: tuple[int, int], steps: tuple[int, int], zoom: float
) -> tuple[Matrix, tuple[int, int]]:
    """Return amplitudes (rows, columns, v, u) of all windows, and where frequency 0 lies in them."""
    windows = sliding_window_view(pixels, sides)[:: steps[0], :: steps[1]]
    fade = np.outer(np.hanning(sides[0] + 2)[1:-1], np.hanning(sides[1] + 2)[1:-1]).astype(np.float32)
    half = (int(sides[0] / 2 / zoom), int(sides[1] / 2 / zoom))
    # Frequencies -half .. half, but for the highest of an even window, which has no opposite.
    half = (min(half[0], (sides[0] - 1) // 2), min(half[1], (sides[1] - 1) // 2))
    rows, columns = (np.arange(-h, h + 1) % side for h, side in zip(half, sides, strict=True))
    result = np.empty((*windows.shape[:2], len(rows), len(columns)), np.float32)
    together = max(1, _BATCH // (windows.shape[1] * sides[0] * sides[1] * 4))
    for low in range(0, len(windows), together):
        part = windows[low : low + together]
        part = (part - part.mean(axis=(2, 3), keepdims=True)) * fade
        result[low : low + together] = np.abs(np.fft.fft2(part)[:, :, rows[:, None], columns])
    return result, half


def _independent(amplitudes: Matrix, sides: tuple[int, int], steps: tuple[int, int]) -> Matrix:
    """Return amplitudes (N, F) whose noise is independent; else it would be counted as components.

    Windows that overlap share their noise; so do opposite frequencies, and, faded out, neighbouring ones.
    """
    apart = amplitudes[:: -(-sides[0] // steps[0]), :: -(-sides[1] // steps[1])]
    chosen = apart if apart.shape[0] * apart.shape[1] >= _ENOUGH else amplitudes
    thin = chosen[..., ::2, ::2].reshape(-1, *(-(-side // 2) for side in amplitudes.shape[2:]))
    thin = thin.reshape(len(thin), -1)
    return thin[:, : (thin.shape[1] + 1) // 2]


def _map_image(image: Image, maps: Matrix, sides: tuple[int, int], steps: tuple[int, int]) -> Image:
    spatial = [
        Axis(axis.name, axis.scale * step, axis.offset + axis.scale * (side - 1) / 2, axis.unit)
        for axis, side, step in zip(image.axes, sides, steps, strict=True)
    ]
    name = f"{image.name}: local order"
    return Image(maps, (Axis("component"), *spatial), name=name, source=image.source, quantity="loading")


def _frequencies(image: Image, sides: tuple[int, int], middle: tuple[int, int]) -> tuple[Axis, Axis]:
    sizes = [axis.nm for axis in image.axes]
    known = all(size is not None for size in sizes)
    unit = "1/nm" if known else "1/pixel"
    scales = [1 / (side * (size if known and size else 1)) for side, size in zip(sides, sizes, strict=True)]
    row, column = (
        Axis(name, scale, -scale * centre, unit)
        for name, scale, centre in zip(("v", "u"), scales, middle, strict=True)
    )
    return row, column

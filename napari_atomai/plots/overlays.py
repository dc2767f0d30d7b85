"""Every figure the engine can draw. The only door to matplotlib; figures without pyplot's state."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_atomai.data.atoms import Atoms
from napari_atomai.errors import BadImage
from napari_atomai.files.atomic import replacing

DPI = 300
"""Resolution figures are saved at: that of a printed page."""

CLASS_COLOURS = ("#ff9f1c", "#2ec4ff", "#ff4fa3", "#7dff5a", "#f4f01f", "#b28dff")
"""One for each class, then again: bright on a gray picture, told apart by the colour-blind."""

_LONG_SIDE = 6.0  # inches
_NARROWEST = 3.0  # inches: below it the words have no room
_LOWEST = 1.0  # inches
_STRIP = 0.42  # inches under the picture, for legend and calibration
_HEAD = 0.28  # inches above the picture, for the title
_MOST_PIXELS = 2400  # along a side: more than the printed page can show only costs memory
_SAMPLE = 1 << 18  # pixels that the percentiles are taken of
_LETTERS_PER_INCH = 14  # of the title
_CLIP = (0.5, 99.5)  # percentiles between which the gray levels lie
_CIRCLE = 0.32  # radius of a circle, in nearest-neighbour distances: neighbours stay apart
_BAR_PART = 0.25  # the scale bar is at most this part of the picture's width


def overlay(
    pixels: NDArray[Any],
    atoms: Atoms,
    pixel_size: tuple[float, float] | None = None,
    *,
    title: str = "",
) -> Figure:
    """Draw atoms as open circles on the picture they were found in.

    Parameters
    ----------
    pixels : array, shape (y, x)
        One frame; gray levels lie between its 0.5 and 99.5 percentiles.
    atoms : Atoms
        Atoms of this frame; positions are row, column in pixels, pixel centres at integers.
    pixel_size : (row, column), optional
        In nm. With it a scale bar is drawn; without, the figure says "uncalibrated".
    title : str
        Written above the picture.

    Returns
    -------
    Figure
        With an Agg canvas; save it with `save_figure`.

    Raises
    ------
    BadImage
        If `pixels` is not a 2-D array with at least one pixel.
    """
    if pixels.ndim != 2 or pixels.size == 0:
        raise BadImage(
            f"A picture of shape {pixels.shape} cannot be drawn.",
            remedy="Give one frame, (y, x), with at least one pixel.",
        )
    step = (1.0, 1.0) if pixel_size is None else pixel_size
    with plain():
        figure, axes = page(pixels.shape, step)
        picture(axes, pixels)
        axes.set_aspect(step[0] / step[1])
        _circles(figure, axes, atoms, pixels.shape)
        if pixel_size is not None:
            scale_bar(axes, pixels.shape, pixel_size)
        _words(figure, axes, atoms, title, calibrated=pixel_size is not None)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure at 300 dpi; the suffix of `path` says as what (.png, .svg, .pdf, .tif).

    The file appears whole or not at all.

    Raises
    ------
    SaveFailed
        If it could not be written; an earlier file of that name is intact.
    """
    kind = path.suffix.lstrip(".").lower() or "png"
    # Noisy pictures hardly become smaller by more effort, and it takes seconds.
    effort: dict[str, Any] = {"pil_kwargs": {"compress_level": 4}} if kind == "png" else {}
    with replacing(path) as beside, plain():
        figure.savefig(beside, dpi=DPI, format=kind, **effort)


def scale_bar_length(width_nm: float) -> tuple[float, str]:
    """Return a round length of at most a quarter of a width, and how to write it.

    Parameters
    ----------
    width_nm : float
        Width of the picture, in nm.

    Returns
    -------
    length_nm : float
        1, 2 or 5 times a power of ten, in nm.
    label : str
        The same length in pm, Å, nm, µm or mm.
    """
    most = width_nm * _BAR_PART
    ten = 10.0 ** math.floor(math.log10(most))
    # The factor forgives rounding, so that a bar of exactly a quarter is not made half as long.
    length = next(n for n in (5.0, 2.0, 1.0) if n * ten <= most * (1 + 1e-9) or n == 1.0) * ten
    units = ((1e6, "mm"), (1e3, "µm"), (1.0, "nm"), (0.1, "Å"), (1e-3, "pm"))
    size, unit = next(((s, u) for s, u in units if length >= s * (1 - 1e-9)), units[-1])
    return length, f"{length / size:.6g} {unit}"


def circle_radius(atoms: Atoms, shape: tuple[int, ...]) -> float:
    """Radius of the circles in pixels: a third of the typical distance between neighbours.

    Parameters
    ----------
    atoms : Atoms
        Positions in pixels.
    shape : (rows, columns)
        Of the picture; a lone atom gets a circle that can be seen in it.
    """
    largest = 0.05 * max(shape)
    if len(atoms) < 2:
        return max(1.0, min(largest, 0.02 * max(shape)))
    distances, _ = cKDTree(atoms.positions).query(atoms.positions, k=2)
    return float(np.clip(_CIRCLE * np.median(np.asarray(distances)[:, 1]), 0.5, max(0.5, largest)))


def plain() -> AbstractContextManager[None]:
    """Keep a person's own matplotlib settings (LaTeX, fonts that lack Å) out of our figures."""
    return mpl.rc_context({"text.usetex": False, "font.family": ["DejaVu Sans"]})


def page(shape: tuple[int, ...], step: tuple[float, float]) -> tuple[Figure, Axes]:
    """Return an empty figure with axes for a frame (y, x) of pixels of a size, and a strip for words."""
    high, wide = shape[0] * step[0], shape[1] * step[1]
    inch = _LONG_SIDE / max(high, wide)
    width, height = max(wide * inch, _NARROWEST), max(high * inch, _LOWEST)
    whole = height + _STRIP + _HEAD
    figure = Figure(figsize=(width, whole), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, _STRIP / whole, 1.0, height / whole))
    axes.set_axis_off()
    return figure, axes


def picture(axes: Axes, pixels: NDArray[Any]) -> None:
    """Draw a frame (y, x) in gray, between percentiles; a large one is averaged first."""
    rows, columns = pixels.shape
    shown, factor = _shrunk(pixels)
    every = max(1, shown.size // _SAMPLE)
    finite = shown.ravel()[::every]
    finite = finite[np.isfinite(finite)]
    low, high = np.percentile(finite, _CLIP) if finite.size else (0.0, 1.0)
    if not high > low:
        low, high = low - 0.5, low + 0.5
    edge = (-0.5, shown.shape[1] * factor - 0.5, shown.shape[0] * factor - 0.5, -0.5)
    # Levels are brought to 0..1 here: matplotlib's own scaling overflows on huge numbers.
    with np.errstate(over="ignore", invalid="ignore"):
        levels = np.clip((shown - low) / (high - low), 0, 1)
    axes.imshow(
        np.ma.masked_invalid(levels), cmap="gray", vmin=0, vmax=1, extent=edge, interpolation="antialiased"
    )
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))


def _shrunk(pixels: NDArray[Any]) -> tuple[NDArray[np.float64], int]:
    """Average blocks of a picture that is larger than the page can show; pixels beyond are cut."""
    factor = max(1, math.ceil(max(pixels.shape) / _MOST_PIXELS))
    factor = min(factor, *pixels.shape)
    if factor == 1:
        return np.asarray(pixels, dtype=np.float64), 1
    rows, columns = (n // factor for n in pixels.shape)
    blocks = pixels[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float64)), factor


def _circles(figure: Figure, axes: Axes, atoms: Atoms, shape: tuple[int, ...]) -> None:
    if len(atoms) == 0:
        return
    rows, columns = shape
    radius = circle_radius(atoms, shape)
    box = axes.get_position()
    width, height = figure.get_size_inches() * (box.width, box.height)
    points = 72 * radius * min(width / columns, height / rows)
    # Each circle is round in the data: where pixels are not square it is drawn as an ellipse.
    size = np.full(len(atoms), 2 * radius)
    line = float(np.clip(points * 0.2, 0.25, 0.9))
    shadow = ("#00000099", 2.2 * line)  # a bright line alone is lost on a bright column
    for colours, width in (shadow, (np.array(_colours(atoms))[atoms.classes], line)):
        axes.add_collection(
            EllipseCollection(
                size,
                size,
                np.zeros(len(atoms)),
                units="xy",
                offsets=atoms.positions[:, ::-1],
                offset_transform=axes.transData,
                facecolors="none",
                edgecolors=colours,
                linewidths=width,
            )
        )


def _colours(atoms: Atoms) -> list[str]:
    return [CLASS_COLOURS[c % len(CLASS_COLOURS)] for c in range(len(atoms.class_names))]


def scale_bar(axes: Axes, shape: tuple[int, ...], pixel_size: tuple[float, float]) -> None:
    """Draw a scale bar of a round length; the size of a pixel (row, column) is in nm."""
    length, label = scale_bar_length(shape[1] * pixel_size[1])
    bar = AnchoredSizeBar(
        axes.transData,
        length / pixel_size[1],
        label,
        "lower left",
        pad=0.35,
        borderpad=0.5,
        sep=3,
        color="white",
        label_top=True,
        size_vertical=0.008 * max(shape),
        fontproperties=FontProperties(size=9, weight="bold"),
    )
    bar.patch.set(facecolor="black", alpha=0.6, edgecolor="none")
    axes.add_artist(bar)


def _words(figure: Figure, axes: Axes, atoms: Atoms, title: str, *, calibrated: bool) -> None:
    box = axes.get_position()
    letters = int(figure.get_size_inches()[0] * _LETTERS_PER_INCH)
    short = title if len(title) <= letters else f"{title[: letters // 2 - 1]}…{title[-letters // 2 :]}"
    figure.text(0.01, box.y1 + 0.005, short, fontsize=8, va="bottom", parse_math=False)
    handles = [
        Line2D([], [], marker="o", ls="", mfc="none", mec=colour, mew=1.2, label=f"{name}: {count}")
        for (name, count), colour in zip(atoms.counts().items(), _colours(atoms), strict=True)
    ]
    middle = box.y0 / 2
    figure.legend(
        handles=handles,
        loc="center left",
        bbox_to_anchor=(0, middle),
        ncols=4,
        frameon=False,
        fontsize=8,
        handletextpad=0.1,
        columnspacing=1.0,
    )
    if not calibrated:
        figure.text(0.99, middle, "uncalibrated", fontsize=8, ha="right", va="center", style="italic")

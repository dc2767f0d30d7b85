"""Figures of latents: manifold, scatter, mean patches, atoms in their colours, curves of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, ListedColormap, Normalize, to_rgba_array
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_atomai.data.latent import Manifold
from napari_atomai.plots.overlays import picture, plain, scale_bar

Values = NDArray[Any]
Size = tuple[float, float] | None

COLOURS = ("#E69F00", "#56B4E9", "#CC79A7", "#009E73", "#F0E442", "#D55E00", "#0072B2")
"""Of classes and clusters, from 1 (Okabe and Ito's); grey for 0."""

_NONE = "#888888"
_MOST = 5000
"""Points that are drawn one by one; of more a picture is drawn."""
_BINS = 256
_TAILS = (1, 99)


def colours_of(values: Values, kind: str = "number") -> tuple[Values, Any, Normalize]:
    """Return colours (N, 4), and the map and limits that they follow.

    Parameters
    ----------
    values : array, shape (N,)
        NaN is grey.
    kind : {"number", "angle", "class"}
        Angles (radians) run through a circle of colours; classes are whole numbers from 0.
    """
    from matplotlib import colormaps

    chosen: Colormap
    numbers = np.asarray(values, np.float64)
    if kind == "class":
        count = max(int(np.nan_to_num(numbers).max(initial=1)), 1)
        chosen = ListedColormap([_NONE, *(COLOURS[i % len(COLOURS)] for i in range(count))])
        limits = Normalize(-0.5, count + 0.5)
    elif kind == "angle":
        chosen, limits = colormaps["twilight"], Normalize(-np.pi, np.pi)
    else:
        known = numbers[np.isfinite(numbers)]
        low, high = np.percentile(known, _TAILS) if known.size else (0.0, 1.0)
        chosen, limits = colormaps["viridis"], Normalize(low, high if high > low else low + 1.0)
    colours = np.asarray(chosen(limits(np.nan_to_num(numbers))), np.float64)
    colours[~np.isfinite(numbers)] = to_rgba_array(_NONE)[0]
    return colours, chosen, limits


def draw_scatter(axes: Any, points: Values, colours: Values, names: tuple[str, str]) -> None:
    """Draw points (N, 2), x and y; of more than 5,000 a picture with the mean colour of every place.

    Parameters
    ----------
    axes : matplotlib Axes
        To draw on.
    points : array, shape (N, 2)
        Of latents.
    colours : array, shape (N, 4)
        Of each.
    names : (str, str)
        Of x and y.
    """
    if len(points) <= _MOST:
        axes.scatter(*points.T, s=_dot(len(points)), c=colours, linewidths=0, rasterized=True)
    else:
        low, high = points.min(axis=0), points.max(axis=0)
        size = np.where(high > low, high - low, 1.0)
        low, high = low - 0.02 * size, low + 1.02 * size
        drawn = _raster(points, colours, low, high)
        axes.imshow(drawn, extent=(low[0], high[0], low[1], high[1]), origin="lower", aspect="auto")
    axes.locator_params(nbins=5)
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])


def _dot(count: int) -> float:
    return float(np.clip(20_000 / max(count, 1), 2, 16))


def _raster(points: Values, colours: Values, low: Values, high: Values) -> Values:
    """Return RGBA (rows, columns, 4), row 0 at the lowest y; clearer where fewer points lie."""
    index = np.clip(((points - low) / (high - low) * _BINS).astype(int), 0, _BINS - 1)
    place = index[:, 1] * _BINS + index[:, 0]
    counts = np.bincount(place, minlength=_BINS**2)
    drawn = np.zeros((_BINS**2, 4))
    for channel in range(3):
        sums = np.bincount(place, colours[:, channel], _BINS**2)
        drawn[:, channel] = sums / np.maximum(counts, 1)
    shown = counts > 0
    drawn[shown, 3] = 0.35 + 0.65 * np.log1p(counts[shown]) / np.log1p(counts.max())
    return drawn.reshape(_BINS, _BINS, 4)


def draw_manifold(axes: Any, manifold: Manifold) -> None:
    """Draw a manifold as one picture, one unit of the axes for each patch, with the values of its latents."""
    rows, columns = len(manifold.first), len(manifold.second)
    where = (-0.5, columns - 0.5, rows - 0.5, -0.5)
    axes.imshow(manifold.mosaic(), extent=where, cmap="gray", aspect="equal", interpolation="nearest")
    two = rows > 1
    across, down = np.arange(0, columns, 2), np.arange(0, rows, 2) if two else np.zeros(0, int)
    axes.set_xticks(across, [f"{value:.2g}" for value in manifold.second[across]])
    axes.set_yticks(down, [f"{value:.2g}" for value in manifold.first[down]])
    axes.set_xlabel("z2" if two else "z1")
    axes.set_ylabel("z1" if two else "")


def draw_curves(axes: Any, curves: Mapping[str, Sequence[float]]) -> None:
    """Draw losses (negative ELBO) of a training by cycle."""
    for name in ("train_loss", "test_loss"):
        values = np.asarray(curves.get(name, ()), np.float64)
        if values.size:
            axes.plot(np.arange(1, len(values) + 1), values, ".-", markersize=3, label=name.partition("_")[0])
    axes.set_xlabel("cycle")
    axes.set_ylabel("-ELBO, nats")
    if axes.lines:
        axes.legend(fontsize=8, frameon=False)


def manifold_figure(manifold: Manifold) -> Figure:
    """Draw a manifold on a page of its own."""
    figure, axes = _page(5.0, 5.0)
    with plain():
        draw_manifold(axes, manifold)
    return figure


def scatter_figure(points: Values, values: Values, kind: str, names: tuple[str, str, str]) -> Figure:
    """Draw points (N, 2) in the colours of values (N,); names are those of x, y and the values."""
    figure, axes = _page(5.2, 4.2)
    with plain():
        colours, chosen, limits = colours_of(values, kind)
        draw_scatter(axes, points, colours, names[:2])
        _bar(figure, axes, chosen, limits, names[2], kind)
    return figure


def means_figure(means: Values, titles: Sequence[str]) -> Figure:
    """Draw patches (K, h, w) side by side, in the same grey scale."""
    across = min(len(means), 6)
    down = -(-len(means) // across)
    figure = Figure(figsize=(1.7 * across, 1.9 * down), layout="constrained")
    FigureCanvasAgg(figure)
    low, high = float(means.min()), float(means.max())
    with plain():
        for number, (patch, title) in enumerate(zip(means, titles, strict=True), start=1):
            axes = figure.add_subplot(down, across, number)
            axes.imshow(patch, cmap="gray", vmin=low, vmax=high)
            axes.set_title(title, fontsize=9)
            axes.axis("off")
    return figure


def places_figure(
    pixels: Values, where: Values, values: Values, kind: str, name: str, *, pixel_size: Size = None
) -> Figure:
    """Draw atoms (N, 2) as dots on their image, in the colours of values (N,)."""
    rows, columns = pixels.shape
    figure, axes = _page(5.6, 5.0 * min(max(rows / columns, 0.4), 1.6))
    with plain():
        picture(axes, pixels)
        colours, chosen, limits = colours_of(values, kind)
        size = max(3.0, 0.25 * rows * columns / max(len(where), 1) * (72 * 5.0 / columns) ** 2 / 2)
        axes.scatter(where[:, 1], where[:, 0], s=min(size, 60.0), c=colours, linewidths=0)
        axes.set_xlim(-0.5, columns - 0.5)
        axes.set_ylim(rows - 0.5, -0.5)
        axes.axis("off")
        if pixel_size is not None:
            scale_bar(axes, pixels.shape, pixel_size)
        _bar(figure, axes, chosen, limits, name, kind)
    return figure


def curves_figure(curves: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the losses of a training on a page of their own."""
    figure, axes = _page(4.8, 3.2)
    with plain():
        draw_curves(axes, curves)
    return figure


def _page(wide: float, high: float) -> tuple[Figure, Any]:
    figure = Figure(figsize=(wide, high), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def _bar(figure: Figure, axes: Any, chosen: Any, limits: Normalize, name: str, kind: str) -> None:
    from matplotlib.cm import ScalarMappable

    ticks = np.arange(chosen.N) if kind == "class" else None
    figure.colorbar(ScalarMappable(limits, chosen), ax=axes, label=name, fraction=0.05, ticks=ticks)

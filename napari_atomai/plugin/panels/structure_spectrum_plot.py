"""What the Structure-spectrum panel plots, on axes of matplotlib. No Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_atomai.workflow.imspec import ImSpecResult

_MEASURED, _PREDICTED = "#E69F00", "#56B4E9"
_FROM, _TO = np.array([0.34, 0.71, 0.91]), np.array([0.90, 0.62, 0.0])


def draw_losses(canvas: Any, losses: Mapping[str, Sequence[float]]) -> None:
    """Plot losses of a training, cycle by cycle."""
    canvas.split(False)
    canvas.axes.clear()
    for colour, (name, values) in zip((_MEASURED, _PREDICTED), losses.items(), strict=False):
        canvas.axes.plot(np.arange(1, len(values) + 1), values, color=colour, label=name.replace("_", " "))
    if losses:
        canvas.axes.set_yscale("log")
        canvas.axes.legend()
    canvas.axes.set_xlabel("cycle")
    canvas.axes.set_ylabel("loss (share of variance)")
    canvas.redraw()


def draw_place(canvas: Any, result: ImSpecResult, index: int) -> None:
    """Plot what was measured and what is predicted at a place: spectra with error bars, or patches."""
    canvas.split(False)
    canvas.axes.clear()
    mean, spread = result.predicted.mean[index], result.predicted.standard_deviation[index]
    if mean.ndim == 2:
        _images(canvas.axes, [result.pairs.patches[index], mean])
        canvas.axes.set_title("measured | predicted")
    else:
        energy = energies(result)
        canvas.axes.plot(energy, result.pairs.spectra[index], color=_MEASURED, lw=1, label="measured")
        canvas.axes.plot(energy, mean, color=_PREDICTED, lw=2, label="predicted")
        if result.predicted.members > 1:
            band = (mean - 2 * spread, mean + 2 * spread)
            canvas.axes.fill_between(energy, *band, color=_PREDICTED, alpha=0.3, label="± 2 sd of the nets")
        canvas.axes.legend()
        _energies(canvas.axes, result)
    canvas.redraw()


def draw_walk(
    canvas: Any, result: ImSpecResult, walk: tuple[NDArray[Any], NDArray[Any], NDArray[Any]]
) -> None:
    """Plot a walk along a latent in the space of images, above, and in that of spectra, below."""
    values, inputs, targets = walk
    patches, spectra = (inputs, targets) if result.recipe.direction == "im2spec" else (targets, inputs)
    canvas.split(True)
    energy = energies(result)
    strip = np.concatenate([np.pad(one, ((0, 0), (0, 1)), constant_values=np.nan) for one in patches], axis=1)
    canvas.upper.imshow(strip, extent=(energy[0], energy[-1], 0, 1), aspect="auto", cmap="gray")
    canvas.upper.set_yticks([])
    canvas.upper.tick_params(labelbottom=False, bottom=False)
    canvas.upper.set_title(f"latent from {values[0]:.2g} (blue) to {values[-1]:.2g} (orange)", fontsize=9)
    for share, spectrum in zip(np.linspace(0, 1, len(values)), spectra, strict=True):
        canvas.axes.plot(energy, spectrum, color=_FROM + share * (_TO - _FROM))
    _energies(canvas.axes, result)
    canvas.redraw()


def draw_structure(canvas: Any, result: ImSpecResult, patch: NDArray[Any], low: float, high: float) -> None:
    """Show the structure that is behind a range of energies beside the mean one."""
    canvas.split(False)
    canvas.axes.clear()
    _images(canvas.axes, [patch, result.pairs.patches.mean(axis=0)])
    canvas.axes.set_title(f"strong at {low:g} to {high:g} {result.pairs.energy.unit} | mean", fontsize=9)
    canvas.redraw()


def energies(result: ImSpecResult) -> NDArray[np.float64]:
    """Return the energy of every channel, shape (E,)."""
    axis = result.pairs.energy
    return np.asarray(axis.offset + axis.scale * np.arange(result.pairs.spectra.shape[1]))


def _energies(axes: Any, result: ImSpecResult) -> None:
    axis = result.pairs.energy
    axes.set_xlabel(f"{axis.name} ({axis.unit})")
    axes.set_ylabel("intensity")


def _images(axes: Any, images: Sequence[NDArray[Any]]) -> None:
    gap = np.full((images[0].shape[0], 1), np.nan)
    axes.imshow(np.concatenate([images[0], gap, images[1]], axis=1), cmap="gray")
    axes.set_xticks([])
    axes.set_yticks([])

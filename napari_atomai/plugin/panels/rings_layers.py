"""Bonds and rings as layers, and how to bring a defect into view. No Qt."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Vectors
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from napari_atomai.plugin.kept_recipes import note
from napari_atomai.plugin.layers import world_of
from napari_atomai.plugin.overlays import in_frames, overlay

if TYPE_CHECKING:
    from napari_atomai.data.atoms import Atoms
    from napari_atomai.data.recipe import Record
    from napari_atomai.workflow.rings import FrameRings

BONDS, RINGS = "bonds", "rings"
LENGTH_COLOURS = "cool"
"""Colormap of bond lengths: seen on black, grey and white."""

_TAILS = (2, 98)
_WIDTH = 0.09  # of a bond's length
_AROUND = 3.0  # times the size of a defect is seen around it


@dataclass(frozen=True, eq=False)
class SeenRings:
    """What was found among the atoms of an image.

    Parameters
    ----------
    found : list of FrameRings
    atoms : Atoms
        As they were then.
    sizes : array of uint8
        Size of the ring around each pixel, in the shape of the image.
    record : Record
        How the atoms came about, and the recipe of the rings as the last step.
    """

    found: list[FrameRings]
    atoms: Atoms
    sizes: NDArray[np.uint8]
    record: Record

    @property
    def lengths(self) -> NDArray[np.float64]:
        """Length of every bond, Å."""
        return np.concatenate([np.empty(0), *(part.rings.bonds.lengths for part in self.found)])

    def counts(self) -> dict[int, int]:
        """How many rings there are of each size, in all frames."""
        sizes = np.concatenate([np.empty(0, np.int64), *(part.rings.sizes for part in self.found)])
        return {int(n): int(k) for n, k in zip(*np.unique(sizes, return_counts=True), strict=True)}


def length_limits(lengths: NDArray[np.float64]) -> tuple[float, float]:
    """Return the lengths, in Å, at the ends of the scale of colours."""
    if not len(lengths):
        return 1.0, 2.0
    low, high = np.percentile(lengths, _TAILS).tolist()
    return (low, high) if high - low > 1e-3 else (low - 0.01, high + 0.01)


def show_rings(layers: Any, image: Any, seen: SeenRings, shown: Collection[int] | None = None) -> None:
    """Lay bonds and rings over an image, in place of the last ones.

    Parameters
    ----------
    layers, image
        The viewer's layers, and the image's.
    seen : SeenRings
        Of that image.
    shown : collection of int, optional
        Sizes of rings that are coloured; all when left out.
    """
    make = partial(Labels, seen.sizes, name=f"{image.name}: rings", opacity=0.45)
    rings = overlay(layers, RINGS, image, make, ndim=seen.sizes.ndim, low=True)
    rings.data = seen.sizes
    note(rings, seen.record)
    colour_sizes(rings, seen.counts() if shown is None else shown)
    rings.editable = False  # they follow from the atoms: what is painted here would mean nothing
    data = bond_vectors(seen)
    make = partial(Vectors, data, name=f"{image.name}: bonds", vector_style="line", opacity=1.0)
    bonds = overlay(layers, BONDS, image, make, ndim=data.shape[-1])
    bonds.data = data
    bonds.features = {"length_A": seen.lengths}
    if len(data):
        bonds.edge_width = _WIDTH * float(np.median(np.linalg.norm(data[:, 1], axis=1)))
        bonds.edge_colormap = LENGTH_COLOURS
        bonds.edge_color = "length_A"
        bonds.edge_contrast_limits = length_limits(seen.lengths)
        bonds.refresh_colors()


def colour_sizes(layer: Any, shown: Collection[int]) -> None:
    """Give rings of some sizes their colours; those of others are not seen."""
    from napari_atomai.plots import ring_colour

    colours: dict[int | None, Any] = {None: "transparent", 0: "transparent"}
    layer.colormap = DirectLabelColormap(color_dict=colours | {size: ring_colour(size) for size in shown})


def bond_vectors(seen: SeenRings) -> NDArray[np.float64]:
    """Return the bonds as napari's vectors (B, 2, D): where each starts, and along what; in pixels."""
    leading = seen.sizes.shape[:-2]
    parts = [np.empty((0, 2, len(leading) + 2))]
    for part in seen.found:
        bonds = part.rings.bonds
        data = np.zeros((len(bonds), 2, len(leading) + 2))
        data[:, 0] = in_frames(part.frame, part.in_pixels(bonds.positions[bonds.pairs[:, 0]]), leading)
        data[:, 1, -2:] = part.in_pixels(bonds.vectors)
        parts.append(data)
    return np.concatenate(parts)


def zoom_to(viewer: Any, image: Any, part: FrameRings, where: NDArray[np.float64], extent: float) -> None:
    """Bring a place of a frame into the middle of the canvas, with its surroundings.

    Parameters
    ----------
    viewer : napari.Viewer or ViewerModel
        Whose camera is moved.
    image : napari layer
        The image.
    part : FrameRings
        Of the frame.
    where : array, shape (2,)
        Row, column in Å.
    extent : float
        How large it is, in Å.
    """
    spacing = float(np.median(part.rings.bonds.lengths)) if len(part.rings.bonds) else 1.5
    half = _AROUND * max(extent, 3 * spacing) / 2
    corners = [
        in_frames(part.frame, part.in_pixels(where + sign * half)[None], image.data.shape[:-2])[0]
        for sign in (-1, 1)
    ]
    low, high = (np.asarray(world_of(image, corner, viewer.layers)) for corner in corners)
    for axis, value in enumerate(low[:-2]):
        viewer.dims.set_point(axis, value)
    middle = (low + high)[-2:] / 2
    viewer.scene.camera.center = (0.0, float(middle[0]), float(middle[1]))
    viewer.scene.camera.zoom = float(min(viewer.canvas.size) / np.abs(high - low)[-2:].max())

"""The zoom at which atoms lie as far apart as the net that a person has trained saw them in training."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.progress import Progress
from napari_atomai.data.recipe import FINEST_SPACING
from napari_atomai.locate.neighbours import nearest_distances
from napari_atomai.models.coordinates import atoms_of
from napari_atomai.predictors.scale import LATTICE, MAX_SPACING, SURE, Scale, scale_of
from napari_atomai.workflow.segment_model import OpenModel

_PART = 192
"""Rows and columns, as the net sees them, of the part that is looked at."""

_LEAST = 48
_LARGEST = 2.0
_AS_TRAINED = 0.33
"""Octaves from the spacing of the training within which an image is left as it is."""


def choose_zoom(net: OpenModel, pixels: NDArray[Any]) -> Generator[Progress, None, tuple[Scale, str]]:
    """Try zooms half an octave apart on a part of an image, and take the one that the net is surest of.

    Parameters
    ----------
    net : OpenModel
        It has to know how far apart atoms were in its training, else the image is taken as it is.
    pixels : array, shape (y, x)
        One frame.

    Returns
    -------
    scale, note
        The note says what was chosen and why, where a person should know; else it is empty.
    """
    best = net.spacing
    if not best:
        return Scale(1.0, float("nan"), 0.0), ""
    tried = []
    zooms = _zooms(best, min(pixels.shape))
    for zoom in zooms:
        tried.append((yield from _try(net, pixels, zoom)))
        yield Progress(len(tried), len(zooms), "looking for the zoom")
    surest = max(tried, key=lambda one: one.confidence)
    if surest.confidence < LATTICE:
        return Scale(1.0, float("nan"), surest.confidence), (
            f"The net sees no lattice at any zoom from {zooms[0]:.2g} to {zooms[-1]:.2g}, so it saw the "
            "image as it is. If there is one, give the zoom that brings neighbouring atoms to "
            f"{best:.3g} pixels, as in training."
        )
    zoom = best / surest.spacing
    if abs(np.log2(zoom)) < _AS_TRAINED:
        return Scale(1.0, surest.spacing, surest.confidence), ""
    return Scale(zoom, surest.spacing, surest.confidence), (
        f"The net saw the image at zoom {zoom:.3g}: its atoms are {surest.spacing:.3g} pixels apart, those "
        f"of the training were {best:.3g}."
    )


def _zooms(best: float, side: int) -> list[float]:
    """Return zooms at which spacings that can be told lie as in training, as they are among them."""
    smallest = max(best / MAX_SPACING, _LEAST / side)
    steps = np.arange(np.ceil(2 * np.log2(min(smallest, 1.0))), 2 * np.log2(_LARGEST) + 0.5)
    zooms = 2 ** (steps / 2)
    return [float(zoom) for zoom in zooms if zoom <= max(1.0, best / FINEST_SPACING)]


def _try(net: OpenModel, pixels: NDArray[Any], zoom: float) -> Generator[Progress, None, Scale]:
    rows, columns = pixels.shape
    half = max(int(_PART / zoom) // 2, 16)
    middle = pixels[
        max(rows // 2 - half, 0) : rows // 2 + half, max(columns // 2 - half, 0) : columns // 2 + half
    ]
    maps, _ = yield from net.seen(middle, zoom)
    atoms = atoms_of(maps, SURE)
    return scale_of(atoms.scores, zoom * nearest_distances(atoms.positions), zoom, net.spacing)

"""Whether the atoms of an image are bright or dark, where nobody says.

Columns are small and what lies between them is wide. In a bright-column image the distribution of brightness
therefore has its tail upwards, in a dark-column image (ABF, BF) downwards. The tail alone may lie (holes,
defocus), and so may the net, which takes the gaps of many lattices for a lattice: both must say so.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_atomai.data.card import ModelCard
from napari_atomai.data.progress import Progress
from napari_atomai.predictors.engines import Engine
from napari_atomai.predictors.scale import LATTICE, Scale, find_scale, try_scale

Picture = NDArray[np.float32]

DARK_TAIL = -0.1
"""Tail below which columns may be dark."""

PLAIN_TAIL = -0.2
"""Tail below which they are, where they form a lattice."""

_FINER = 0.5  # octaves: then one pattern has at least twice the sites of the other


def tail(image: Picture, spacing: float) -> float:
    """Return which way the brightness of an image is skewed at the size of its columns: -1 (dark) to 1.

    Parameters
    ----------
    image : array, shape (y, x)
        Finite pixels.
    spacing : float
        Distance between neighbouring columns, pixels.
    """
    narrow = ndimage.gaussian_filter(image, 0.15 * spacing, mode="nearest")
    wide = ndimage.gaussian_filter(image, spacing, mode="nearest", truncate=3.0)
    low, middle, high = np.percentile(narrow - wide, [5, 50, 95])
    span = float(high - low)
    return float(high + low - 2 * middle) / span if span > 0 else 0.0


def find_scale_and_polarity(
    engine: Engine, card: ModelCard, image: Picture
) -> Generator[Progress, None, tuple[Scale, bool]]:
    """Find the scale of an image, and whether its atoms are dark.

    Returns
    -------
    scale : Scale
    dark : bool
        Whether the scale is that of the inverted image.
    """
    bright = yield from find_scale(engine, card, image)
    spacing = bright.spacing if np.isfinite(bright.spacing) else card.spacing_best / bright.zoom
    # The bright spots may be the hollows of a dark honeycomb, whose columns are nearer by a root of three.
    if min(tail(image, spacing), tail(image, spacing / 3**0.5)) >= DARK_TAIL:
        return bright, False
    dark = yield from find_scale(engine, card, -image)
    skew = tail(image, dark.spacing) if dark.confidence > 0 else 0.0
    # The hollows of dark dumbbells and honeycombs are the sparser lattice, and so the one that is seen best:
    # where the skew is plain, it and not the confidence decides.
    finer = dark.confidence >= LATTICE and np.log2(spacing / dark.spacing) > _FINER
    if (finer and skew < PLAIN_TAIL) or (dark.confidence > bright.confidence and skew < DARK_TAIL):
        return dark, True
    return bright, False


def is_dark(engine: Engine, card: ModelCard, image: Picture, spacing: float) -> bool:
    """Tell whether the atoms of an image whose spacing is known are dark."""
    if tail(image, spacing) >= DARK_TAIL:
        return False
    bright, dark = (try_scale(engine, card, one, card.spacing_best / spacing) for one in (image, -image))
    return dark.confidence > bright.confidence

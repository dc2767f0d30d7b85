"""What is refused before atoms are looked for, and what is said of a result."""

from __future__ import annotations

import numpy as np

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.card import ModelCard
from napari_atomai.data.image import NO_CALIBRATION, Image
from napari_atomai.errors import BadImage, TooLarge
from napari_atomai.files.guard import Limits
from napari_atomai.predictors.scale import LATTICE, Scale, zoomed_shape
from napari_atomai.prepare.normalise import finite

SMALLEST = 8
"""Rows and columns an image must have at least."""

DARK = "Atoms are darker than their surroundings here: the image was inverted. Say bright if they are not."
"""Said of an image whose polarity was recognised."""

OUTLIERS = (
    "Pixels that lie far outside all their neighbours, or in a line of one value, were left out: {:,}. They "
    "are the detector's (hot, dead, struck by a cosmic ray), not the sample's."
)
"""Said of an image that has such pixels, with their number."""


def check_image(image: Image) -> None:
    """Refuse what atoms cannot be looked for in.

    Raises
    ------
    BadImage
        If it is a spectrum image, has more than three dimensions, or is too small.
    TooLarge
        If the maps of a movie would not fit into memory.
    """
    if image.is_spectral:
        raise BadImage(
            f"{image.name} has an axis of energy ({', '.join(axis.name for axis in image.axes)}).",
            why="Atoms are looked for in an image (y, x) or a movie (t, y, x), not in spectra.",
            remedy="Choose an image, or sum over an energy window first.",
        )
    if len(image.shape) > 3:
        raise BadImage(
            f"The data have {len(image.shape)} dimensions, shape {image.shape}.",
            why="Atoms are looked for in an image (y, x) or a movie (t, y, x).",
            remedy="Choose one image of the stack, or sum over the other axes.",
        )
    if min(image.frame_shape) < SMALLEST:
        raise BadImage(
            f"The image has {image.frame_shape[0]} x {image.frame_shape[1]} pixels.",
            why=f"An atom and its surroundings need at least {SMALLEST} x {SMALLEST}.",
            remedy="Choose a larger image or region.",
        )
    needed = 4 * int(np.prod(image.shape, dtype=np.int64))
    budget = Limits().budget
    if needed > budget:
        raise TooLarge(
            f"The probability maps of {image.n_frames} frames need {needed / 1e9:.1f} GB; "
            f"{budget / 1e9:.1f} GB may be used.",
            remedy="Choose fewer frames, or work through the movie in parts.",
        )


def notes_on(
    image: Image, scale: Scale, card: ModelCard, candidates: Atoms, incomplete: int
) -> tuple[str, ...]:
    """Say what a person should know about a result, beside the image's own notes.

    Parameters
    ----------
    image : Image
        What atoms were looked for in.
    scale, card
        The scale that was used, and the model's card.
    candidates : Atoms
        What was found.
    incomplete : int
        Frames with pixels that are not finite.
    """
    notes: list[str] = []
    if image.pixel_size is None and NO_CALIBRATION not in image.notes:
        notes.append(NO_CALIBRATION)
    if incomplete:
        where = f" in {incomplete} of {image.n_frames} frames" if image.n_frames > 1 else ""
        notes.append(f"Pixels that are not finite were left out{where}.")
    if len(candidates) == 0:
        notes.append(_nothing(image))
    elif scale.confidence < LATTICE:
        notes.append(
            "No lattice was found: what was seen lies irregularly. Look at it closely, or give the spacing."
        )
    elif not card.spacing_min <= scale.zoom * scale.spacing <= card.spacing_max:
        notes.append(f"The spacing of {scale.spacing:.1f} px is beyond what the model was trained at.")
    return tuple(notes)


def _nothing(image: Image) -> str:
    pixels = image.frame(0)
    if not np.isfinite(pixels).any():
        return "No atoms: no pixel is a finite number."
    if float(np.ptp(finite(pixels))) == 0:
        return "No atoms: all pixels have the same value."
    return (
        "No atoms were seen at any scale. If there are some, give their spacing in pixels, "
        "or try the other contrast."
    )


def check_zoom(image: Image, zoom: float) -> None:
    """Refuse a zoom whose maps would not fit into memory."""
    rows, columns = zoomed_shape(image.frame_shape, zoom)
    needed, budget = 40 * rows * columns, Limits().budget
    if needed > budget:
        raise TooLarge(
            f"At the net's scale the image has {rows} x {columns} pixels and needs {needed / 1e9:.1f} GB; "
            f"{budget / 1e9:.1f} GB may be used.",
            remedy="Give a region of the image, or another spacing.",
        )

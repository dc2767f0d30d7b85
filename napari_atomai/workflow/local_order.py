"""From an image to maps of local order: which lattice is where."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from napari_atomai.data.image import Image
from napari_atomai.data.progress import Progress
from napari_atomai.data.recipe import Record
from napari_atomai.data.recipes_statistics import LocalOrder as Recipe
from napari_atomai.errors import BadOption
from napari_atomai.stat.windows import LocalOrder, ordering
from napari_atomai.workflow.record import new_record

Sides = tuple[int, int]


@dataclass(frozen=True, eq=False)
class OrderMaps:
    """Local order of an image.

    Parameters
    ----------
    order : stat.windows.LocalOrder
        Fourier amplitudes, maps, axes, scree.
    image : Image
        The frame that went in.
    record : Record
        How it came about, with notes.
    """

    order: LocalOrder
    image: Image
    record: Record


def mapping_order(image: Image, recipe: Recipe | None = None) -> Generator[Progress, None, OrderMaps]:
    """Map local order; stops when the generator is closed.

    Parameters
    ----------
    image : Image, shape (y, x) or (t, y, x)
        Of a movie the frame that the recipe names.
    recipe : LocalOrder
        Method, number of components, windows.

    Yields
    ------
    Progress

    Returns
    -------
    OrderMaps

    Raises
    ------
    BadImage
        If pixels are not finite.
    BadOption
        If the windows do not fit the image, or there is no such frame.
    """
    recipe = recipe or Recipe()
    frame = frame_of(image, recipe.frame)
    window, step = sides_of(frame, recipe.window), sides_of(frame, recipe.stride)
    order = yield from ordering(
        frame,
        recipe.components,
        window=window,
        step=step,
        zoom=recipe.zoom,
        method=recipe.method,
        seed=recipe.seed,
    )
    notes = list(image.notes)
    if not order.components.converged:
        notes.append(f"{recipe.method} had not settled when it was stopped.")
    record = new_record(image, (), notes=tuple(notes))
    measured = {"window_rows_px": float(order.window[0]), "window_columns_px": float(order.window[1])}
    return OrderMaps(order, frame, record.model_copy(update={"steps": (recipe,), "measured": measured}))


def frame_of(image: Image, number: int) -> Image:
    """Return a frame of a movie as an image (y, x).

    Raises
    ------
    BadOption
        If there is no such frame.
    """
    if number >= image.n_frames:
        raise BadOption(
            f"Frame {number} was asked for; the image has {image.n_frames}.",
            remedy=f"Choose a frame from 0 to {image.n_frames - 1}.",
        )
    return Image(image.frame(number), image.axes[-2:], name=image.name, source=image.source)


def sides_of(image: Image, length: float) -> Sides | None:
    """Return a length in nm (pixels where not calibrated) as pixels along rows and columns; 0 gives None."""
    if not length:
        return None
    rows, columns = np.maximum(1, np.rint(length / np.array(image.pixel_size or (1.0, 1.0))))
    return int(rows), int(columns)

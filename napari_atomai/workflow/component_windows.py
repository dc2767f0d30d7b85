"""Windows of an image: around atoms, or on a grid."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.data.progress import Progress
from napari_atomai.data.recipe import Record
from napari_atomai.data.recipes_statistics import LocalStatistics
from napari_atomai.errors import BadAtoms, BadOption, UnknownOption
from napari_atomai.locate.neighbours import nearest_distances
from napari_atomai.prepare.patches import extract_subimages
from napari_atomai.workflow.checks import check_image
from napari_atomai.workflow.find import finding
from napari_atomai.workflow.record import new_record

_SMALLEST = 3  # pixels along the side of a window
_DISTANCES = 2.0  # side of a window, in distances between neighbours


@dataclass(frozen=True, eq=False)
class Windows:
    """What was cut out of an image.

    Parameters
    ----------
    patches : array, shape (N, h, w)
    centres : Atoms
        In the middle of each.
    asked : int
        How many there were to be cut; windows that leave the image are not.
    record : Record
        How the centres came about.
    """

    patches: NDArray[np.float32]
    centres: Atoms
    asked: int
    record: Record


def cutting(
    image: Image, recipe: LocalStatistics, atoms: Atoms | None = None
) -> Generator[Progress, None, Windows]:
    """Cut the windows that a recipe asks for; raises what `workflow.components.surrounding` does."""
    check_image(image)
    record = new_record(image, (), notes=image.notes)
    if recipe.grid:
        chosen = grid_of(image, recipe.grid, recipe.window)
    else:
        if atoms is None:
            found = yield from finding(image)
            atoms, record = found.atoms, found.record
        chosen = _of_class(atoms, recipe.around)
    # Of a table the numbers are taken; where they lie in nm is the image's to say.
    chosen = replace(chosen, pixel_size=image.pixel_size, origin=image.origin)
    window = window_of(image, chosen, recipe.window)
    patches, kept = yield from _cut(image, chosen, window, recipe.centred)
    return Windows(patches, kept, len(chosen), record)


def grid_of(image: Image, step: float, window: float = 0.0) -> Atoms:
    """Return points on a grid, around each of which a window lies in the image; the same in every frame.

    Parameters
    ----------
    image : Image
        Its last two dimensions are rows and columns.
    step : float
        Distance between points in nm (pixels where not calibrated).
    window : float
        Side of the windows; 0 = twice the step.

    Raises
    ------
    BadOption
        If the step is smaller than a pixel.
    """
    size = np.array(image.pixel_size or (1.0, 1.0))
    if (step < size).any():
        raise BadOption(
            f"A grid of {step:.3g} is finer than the pixels, {size.max():.3g}.",
            remedy=f"Choose a distance of {size.max():.3g} or more between the windows.",
        )
    half = (window or _DISTANCES * step) / size / 2 + 0.5
    sides = [
        np.arange(edge, length - edge, each) if length > 2 * edge else np.array([(length - 1) / 2])
        for length, edge, each in zip(image.frame_shape, half, step / size, strict=True)
    ]
    # In whole pixels nothing has to be interpolated.
    points = np.stack(np.meshgrid(*map(np.rint, sides), indexing="ij"), axis=-1).reshape(-1, 2)
    frames = np.repeat(np.arange(image.n_frames), len(points))
    return Atoms.make(np.tile(points, (image.n_frames, 1)), frames=frames, class_names=("window",))


def window_of(image: Image, atoms: Atoms, side: float = 0.0) -> tuple[int, int]:
    """Return rows and columns, both odd, of a window with a side in nm (pixels where not calibrated).

    Raises
    ------
    BadAtoms
        If the side is to follow from the atoms, and no two of them are in one frame.
    BadOption
        If it is smaller than 3 px, or larger than the image.
    """
    size = np.array(image.pixel_size or (1.0, 1.0))
    unit = "px" if image.pixel_size is None else "nm"
    wanted = side or _DISTANCES * _spacing(atoms, size)
    # The nearest odd number: 20 and 21 px become 21, so that a pixel lies in the middle.
    rows, columns = (2 * int(round(n, 6) // 2) + 1 for n in (wanted / size).tolist())
    if min(rows, columns) < _SMALLEST or rows > image.shape[-2] or columns > image.shape[-1]:
        raise BadOption(
            f"A window of {wanted:.3g} {unit} is {rows} x {columns} px; the image has "
            f"{image.shape[-2]} x {image.shape[-1]} px.",
            why="Windows of less than 3 px have no surroundings, and larger ones than the image do not fit.",
            remedy=f"Choose a window between {3 * size.max():.3g} {unit} and the image's shorter side.",
        )
    return rows, columns


def _spacing(atoms: Atoms, size: NDArray[np.float64]) -> float:
    frames = np.unique(atoms.frames).tolist()
    near = [nearest_distances(atoms.positions[atoms.frames == frame] * size) for frame in frames]
    distances = np.concatenate([*near, np.empty(0)])
    distances = distances[np.isfinite(distances)]
    if not distances.size:
        raise BadAtoms(
            f"{len(atoms)} atom(s) have no neighbour.",
            why="The window follows from the distance between neighbours.",
            remedy="Give the side of the window.",
        )
    return float(np.median(distances))


def _of_class(atoms: Atoms, name: str) -> Atoms:
    if name and name not in atoms.class_names:
        raise UnknownOption("class of atoms called", name, atoms.class_names)
    chosen = atoms.keep(atoms.classes == atoms.class_names.index(name)) if name else atoms
    if not len(chosen):
        raise BadAtoms(
            f"There are no atoms of class {name!r}." if name else "There are no atoms.",
            why="Windows are cut around them.",
            remedy="Find atoms at a lower threshold, choose another class, or give a table of atoms.",
        )
    return chosen


def _cut(
    image: Image, atoms: Atoms, window: tuple[int, int], centred: bool
) -> Generator[Progress, None, tuple[NDArray[np.float32], Atoms]]:
    """Cut a window around each atom, and return those atoms whose window lies in the image."""
    patches, kept, reason = [], [], None
    frames = np.unique(atoms.frames).tolist()
    if frames[-1] >= image.n_frames:
        raise BadAtoms(
            f"Atoms lie in frame {frames[-1]}; the image has {image.n_frames} frame(s).",
            remedy="Give the atoms of this image.",
        )
    for done, frame in enumerate(frames):
        yield Progress(done, len(frames), "cutting windows")
        index = np.flatnonzero(atoms.frames == frame)
        where, pixels = atoms.positions[index], image.frame(frame)
        try:
            images, places, _ = extract_subimages(pixels, where, window, subpixel=centred)
        except BadAtoms as error:
            reason = error
            continue
        # Splines swing a little beyond what was measured: below zero, say, where nothing was negative.
        patches.append(np.clip(images[..., 0], np.nanmin(pixels), np.nanmax(pixels)).astype(np.float32))
        kept.append(index[_rows_in(where, places)])
    if not patches:
        assert reason is not None
        raise reason
    return np.concatenate(patches), atoms.keep(np.concatenate(kept))


def _rows_in(table: NDArray[np.float64], chosen: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which rows of a table (N, 2) are among some that were taken from it."""
    form = [("row", float), ("column", float)]
    one, other = (np.ascontiguousarray(each).view(form).ravel() for each in (table, chosen))
    return np.isin(one, other)

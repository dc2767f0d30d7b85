"""From an image and its atoms to components of what lies around them, loadings and maps."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Axis, Image
from napari_atomai.data.progress import Progress
from napari_atomai.data.recipe import Record
from napari_atomai.data.recipes_statistics import LocalStatistics
from napari_atomai.errors import BadAtoms, BadOption, UnknownOption
from napari_atomai.locate.neighbours import nearest_distances
from napari_atomai.prepare.patches import extract_subimages
from napari_atomai.stat.components import Components, decomposing
from napari_atomai.stat.loading_maps import interpolated
from napari_atomai.stat.scree import scree, suggested_number
from napari_atomai.workflow.checks import check_image
from napari_atomai.workflow.find import finding
from napari_atomai.workflow.record import new_record

MOST = 12
"""Most components that are suggested."""

_SMALLEST = 3  # pixels along the side of a window
_FINEST = 1024  # points along the longer side of a map: atoms are much farther apart
_DISTANCES = 2.0  # side of a window, in distances between neighbours


@dataclass(frozen=True, eq=False)
class Surroundings:
    """Components of what lies around atoms.

    Parameters
    ----------
    components : Components
        Pictures (K, h, w) of the windows, and loadings (N, K).
    atoms : Atoms
        Those whose window was decomposed, with the features ``loading_1`` ... ``loading_K`` and
        ``component``, the one of largest loading (of a mixture the likeliest class), from 1.
    shares : array, shape (min(N, h * w),)
        Of the variance, in each principal component, falling.
    suggested : int
        How many of them stand above noise.
    image : Image
        What the windows were cut from.
    record : Record
        How it came about, with notes.
    """

    components: Components
    atoms: Atoms
    shares: NDArray[np.float64]
    suggested: int
    image: Image
    record: Record

    def map(self, component: int) -> Image:
        """Return the loading of a component, from 0, between the atoms: (y, x), or (t, y, x) of a movie.

        NaN where no atom is near; frames with less than three atoms are all NaN. At most 1,024 points lie
        along a side.
        """
        shape = self.image.frame_shape
        step = max(1, math.ceil(max(shape) / _FINEST))
        grid = tuple(len(range(0, size, step)) for size in shape)
        maps = np.full((self.image.n_frames, *grid), np.nan, np.float32)
        loadings = self.components.loadings[:, component]
        for frame in np.unique(self.atoms.frames).tolist():
            here = self.atoms.frames == frame
            try:
                maps[frame] = interpolated(self.atoms.positions[here], loadings[here], shape, step=step)
            except BadAtoms:
                continue  # too few to span a map
        axes = [Axis(a.name, a.scale * step, a.offset, a.unit) for a in self.image.axes[-2:]]
        return Image(
            maps.reshape(*self.image.shape[:-2], *grid),
            (*self.image.axes[:-2], *axes),
            name=f"{self.image.name}: component {component + 1}",
            source=self.image.source,
            quantity="loading",
        )


def surrounding(
    image: Image, recipe: LocalStatistics | None = None, atoms: Atoms | None = None
) -> Generator[Progress, None, Surroundings]:
    """Decompose what lies around atoms; stops when the generator is closed.

    Parameters
    ----------
    image : Image, shape (y, x) or (t, y, x)
        Of a movie the windows of all frames are decomposed together.
    recipe : LocalStatistics
        Method, number of components, window.
    atoms : Atoms, optional
        Given or corrected ones; else they are found with the bundled model.

    Yields
    ------
    Progress

    Returns
    -------
    Surroundings

    Raises
    ------
    BadAtoms
        If there are no atoms, or no window lies in the image.
    BadOption
        If the window does not fit the image, or there are fewer windows than components.
    BadImage
        If pixels are negative, for NMF.
    UnknownOption
        If no class has the name that was asked for.
    """
    recipe = recipe or LocalStatistics()
    check_image(image)
    if atoms is None:
        found = yield from finding(image)
        atoms, record = found.atoms, found.record
    else:
        record = new_record(image, (), notes=image.notes)
    # Of a table the numbers are taken; where they lie in nm is the image's to say.
    chosen = replace(_of_class(atoms, recipe.around), pixel_size=image.pixel_size, origin=image.origin)
    window = window_of(image, chosen, recipe.window)
    patches, kept = yield from _cut(image, chosen, window, recipe.centred)
    shares, suggested = scree(patches)
    number = recipe.components or min(suggested_number(recipe.method, suggested), MOST)
    components = yield from decomposing(
        patches, recipe.method, number, offset=recipe.offset, seed=recipe.seed
    )
    notes = _notes(len(chosen), len(kept), window, components)
    measured = {**record.measured, "window_rows_px": float(window[0]), "window_columns_px": float(window[1])}
    record = record.model_copy(
        update={
            "steps": (*record.steps, recipe),
            "measured": measured,
            "notes": (*record.notes, *notes),
        }
    )
    return Surroundings(components, _with_loadings(kept, components), shares, suggested, image, record)


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


def _notes(asked: int, kept: int, window: tuple[int, int], components: Components) -> tuple[str, ...]:
    notes = []
    if kept < asked:
        notes.append(
            f"{asked - kept} of {asked} windows of {window[0]} x {window[1]} px leave the image, or hold "
            "pixels that are not finite, and are left out."
        )
    if not components.converged:
        notes.append(f"{components.method} had not settled when it was stopped: another pass may change it.")
    return tuple(notes)


def _with_loadings(atoms: Atoms, components: Components) -> Atoms:
    loadings = {f"loading_{k + 1}": column for k, column in enumerate(components.loadings.T)}
    return replace(atoms, features={**loadings, "component": components.classes + 1})

"""From an image and its atoms to components of what lies around them, loadings and maps."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Axis, Image
from napari_atomai.data.progress import Progress
from napari_atomai.data.recipe import Record
from napari_atomai.data.recipes_statistics import LocalStatistics
from napari_atomai.errors import BadAtoms
from napari_atomai.stat.components import Components, decomposing
from napari_atomai.stat.loading_groups import groups_of
from napari_atomai.stat.loading_maps import interpolated
from napari_atomai.stat.scree_plot import scree, suggested_number
from napari_atomai.workflow.component_windows import Windows, cutting

MOST = 12
"""Most components that are suggested."""

_FINEST = 1024  # points along the longer side of a map: atoms are much farther apart


@dataclass(frozen=True, eq=False)
class Surroundings:
    """Components of what lies around atoms.

    Parameters
    ----------
    components : Components
        Pictures (K, h, w) of the windows, and loadings (N, K).
    atoms : Atoms
        Those whose window was decomposed, with the features ``loading_1`` ... ``loading_K``; ``component``,
        the one of largest loading; and ``group``, of atoms that all loadings say are alike. Of a mixture both
        are the likeliest class. Counted from 1, the largest group first.
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

    @property
    def groups(self) -> NDArray[np.int64]:
        """Group of each atom, from 0."""
        return np.asarray(self.atoms.features["group"], np.int64) - 1

    def group_picture(self, group: int) -> NDArray[np.floating[Any]]:
        """Return what the components make of the mean window of a group, from 0: shape (h, w)."""
        mean = self.components.loadings[self.groups == group].mean(axis=0)
        picture = np.tensordot(mean, self.components.components, 1)
        return np.asarray(picture + self.components.mean - self.components.offset)

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
    cut = yield from cutting(image, recipe, atoms)
    shares, suggested = scree(cut.patches)
    number = recipe.components or min(suggested_number(recipe.method, suggested), MOST)
    components = yield from decomposing(
        cut.patches, recipe.method, number, offset=recipe.offset, seed=recipe.seed
    )
    yield Progress(0, 0, "groups of atoms")
    groups = groups_of(components, recipe.groups or number, recipe.seed)
    rows, columns = cut.patches.shape[1:]
    measured = {"window_rows_px": float(rows), "window_columns_px": float(columns)}
    record = cut.record.model_copy(
        update={
            "steps": (*cut.record.steps, recipe),
            "measured": {**cut.record.measured, **measured},
            "notes": (*cut.record.notes, *_notes(cut, components)),
        }
    )
    atoms = _with_loadings(cut.centres, components, groups)
    return Surroundings(components, atoms, shares, suggested, image, record)


def suggesting(
    image: Image, recipe: LocalStatistics | None = None, atoms: Atoms | None = None
) -> Generator[Progress, None, tuple[NDArray[np.float64], int, int]]:
    """Find how many components what lies around atoms has; parameters are those of `surrounding`.

    Returns
    -------
    shares : array, shape (min(N, h * w),)
        Of the variance, in each principal component, falling.
    number : int
        How many components the recipe's method would be asked for.
    above : int
        How many principal components stand above noise.
    """
    recipe = recipe or LocalStatistics()
    cut = yield from cutting(image, recipe, atoms)
    yield Progress(0, 0, "how many components")
    shares, above = scree(cut.patches)
    return shares, min(suggested_number(recipe.method, above), MOST), above


def _notes(cut: Windows, components: Components) -> tuple[str, ...]:
    notes, (rows, columns) = [], cut.patches.shape[1:]
    lost = cut.asked - len(cut.centres)
    if lost:
        notes.append(
            f"{lost} of {cut.asked} windows of {rows} x {columns} px leave the image, or hold "
            "pixels that are not finite, and are left out."
        )
    if not components.converged:
        notes.append(f"{components.method} had not settled when it was stopped: another pass may change it.")
    return tuple(notes)


def _with_loadings(atoms: Atoms, components: Components, groups: NDArray[np.int64]) -> Atoms:
    loadings = {f"loading_{k + 1}": column for k, column in enumerate(components.loadings.T)}
    told = {"component": components.classes + 1, "group": groups + 1}
    return replace(atoms, features={**loadings, **_within(components), **told})


def _within(components: Components) -> dict[str, NDArray[np.float64]]:
    """Return loadings on the principal components of a sample's own class; NaN where it has none."""
    most = max((len(own.components) for own in components.within), default=0)
    told = np.full((most, len(components.classes)), np.nan)
    for number, own in enumerate(components.within):
        told[: len(own.components), components.classes == number] = own.loadings.T
    return {f"within_{k + 1}": values for k, values in enumerate(told)}

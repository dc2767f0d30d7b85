"""What the Components panel has done in the background, and which atoms it is done for. No Qt."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.progress import Progress
from napari_atomai.plugin.job_slots import NOTHING, Done
from napari_atomai.plugin.layers import image_of, notes_of, origin_nm, pixel_size_nm, uid_of
from napari_atomai.plugin.panels.components_layers import show_loadings
from napari_atomai.plugin.points import atoms_of

if TYPE_CHECKING:
    from napari_atomai.data.atoms import Atoms
    from napari_atomai.data.recipes_statistics import LocalStatistics
    from napari_atomai.workflow.components import Surroundings

SLOT, NUMBER = "components", "number of components"
_KEPT = 6  # results of one image, to be compared
_AROUND = 9  # windows of a grid that are drawn


@dataclass(frozen=True, eq=False)
class Runs:
    """What was found in one image, by what it is called; the newest is the last."""

    runs: dict[str, Surroundings]

    def plus(self, found: Surroundings) -> Runs:
        """Return these and one more, in place of one that is called the same."""
        name = called(found)
        others = [(key, run) for key, run in self.runs.items() if key != name]
        return Runs(dict([*others[1 - _KEPT :], (name, found)]))


@dataclass(frozen=True)
class Number:
    """How many components were suggested for a method, the scree, and how many stand above noise."""

    shares: NDArray[np.float64]
    number: int
    above: int
    method: str

    def sentence(self) -> str:
        """Say so."""
        return f"{self.number} components are suggested for {self.method}: {self.above} stand above noise."


def called(found: Surroundings) -> str:
    """Name a result by its method, number, and window."""
    recipe: Any = found.record.steps[-1]
    rows = found.components.components.shape[1]
    size = found.image.pixel_size
    window = f"{rows} px" if size is None else f"{rows * size[0]:.3g} nm"
    where = "grid" if recipe.grid else recipe.around or "all"
    return f"{recipe.method} {len(found.components.components)}, {window}, {where}"


def atoms_on(points: Any, layer: Any) -> Atoms:
    """Return the atoms of a Points layer in the pixels of an image layer."""
    atoms = atoms_of(points)
    if notes_of(points).get("parent_uid") == uid_of(layer):
        return atoms
    if (pixel_size_nm(points) is None) != (pixel_size_nm(layer) is None):
        return atoms  # nothing is known of how one lies on the other: pixels are taken for pixels
    own, theirs = ((np.asarray(each.scale)[-2:], np.asarray(each.translate)[-2:]) for each in (points, layer))
    where = (atoms.positions * own[0] + own[1] - theirs[1]) / theirs[0]
    return dataclasses.replace(atoms, positions=where)


def run(slot: Any, layer: Any, recipe: LocalStatistics, atoms: Atoms | None) -> bool:
    """Decompose what lies around atoms; the result joins the `Runs` of the image."""
    image = image_of(layer)

    def work() -> Generator[Progress, None, Surroundings]:
        from napari_atomai.workflow.components import surrounding

        return surrounding(image, recipe, atoms)

    return bool(slot.start(layer, work, "decomposing surroundings", _shown(slot)))


def suggest(slot: Any, layer: Any, recipe: LocalStatistics, atoms: Atoms | None) -> bool:
    """Find how many components there are; the result is a `Number`."""
    image = image_of(layer)

    def work() -> Generator[Progress, None, Number]:
        from napari_atomai.workflow.components import suggesting

        shares, number, above = yield from suggesting(image, recipe, atoms)
        return Number(shares, number, above, recipe.method)

    return bool(slot.start(layer, work, "counting components"))


def export(slot: Any, layer: Any, found: Surroundings, folder: Path) -> bool:
    """Write what the command writes, into a folder of its own within the one that is given."""
    now = recalibrated(found, layer)
    inside = folder / folder_name(f"{layer.name} {called(now)}")

    def work() -> Generator[Progress, None, Path]:
        from napari_atomai.workflow.component_results import write_surroundings

        yield Progress(0, 0, "writing files")
        write_surroundings(now, inside)
        return inside

    return bool(slot.start(layer, work, "exporting components", written(slot)))


def written(slot: Any) -> Done:
    """Return what says where files were written."""

    def done(folder: Path, layer: Any) -> Any:
        slot.said.emit(uid_of(layer), f"Written to {folder}.")
        return NOTHING

    return done


def recalibrated(found: Surroundings, layer: Any) -> Surroundings:
    """Return a result with the calibration that its image has now."""
    image = dataclasses.replace(found.image, axes=image_of(layer).axes)
    atoms = dataclasses.replace(found.atoms, pixel_size=pixel_size_nm(layer), origin=origin_nm(layer))
    return dataclasses.replace(found, image=image, atoms=atoms)


def folder_name(text: str) -> str:
    """Return a text as the name of a folder on any system."""
    return re.sub(r"[^\w.+-]+", "_", text).strip("_.")[:80] or "components"


def windows_shown(layer: Any, recipe: LocalStatistics, atoms: Atoms | None) -> tuple[list[Any], str]:
    """Return the corners of windows in the middle of an image, and what is to be said of them.

    Raises
    ------
    AtomAIError
        If there can be no such windows.
    """
    from napari_atomai.workflow.component_windows import grid_of, window_of

    image = image_of(layer)
    if recipe.grid:
        atoms = grid_of(image, recipe.grid, recipe.window)
    elif atoms is not None and recipe.around in atoms.class_names:
        atoms = atoms.keep(atoms.classes == atoms.class_names.index(recipe.around))
    if atoms is None and not recipe.window:
        return [], "The atoms are found first; the window is twice their distance."
    middle = np.array(image.frame_shape) / 2
    where = middle[None] if atoms is None or not len(atoms) else atoms.positions
    rows, columns = window_of(image, recipe_atoms(atoms, image), recipe.window)
    first = where[np.argmin(((where - middle) ** 2).sum(axis=1))]
    order = np.argsort(((where - first) ** 2).sum(axis=1), kind="stable")
    half = np.array([rows, columns]) / 2
    count = _AROUND if recipe.grid else 1
    boxes = [np.array([where[i] - half, where[i] + half]) for i in order[:count]]
    size = "" if image.pixel_size is None else f", {rows * image.pixel_size[0]:.3g} nm"
    number = "" if atoms is None else f" around {len(atoms):,} {'points' if recipe.grid else 'atoms'}"
    return boxes, f"Windows of {rows} x {columns} px{size}{number}."


def recipe_atoms(atoms: Atoms | None, image: Any) -> Any:
    """Return atoms whose distances can be told in the unit of the image; None stays None."""
    if atoms is None:
        return None
    return dataclasses.replace(atoms, pixel_size=image.pixel_size, origin=image.origin)


def _shown(slot: Any) -> Callable[[Any, Any], Any]:
    def done(found: Surroundings, layer: Any) -> Runs:
        show_loadings(slot.layers, found, layer, 0)
        return (slot.result(uid_of(layer)) or Runs({})).plus(found)

    return done

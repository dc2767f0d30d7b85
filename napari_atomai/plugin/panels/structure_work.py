"""What the Structure panel builds, relaxes and says, and the layers that show what has moved. No widgets."""

from __future__ import annotations

import weakref
from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Points, Vectors
from numpy.typing import NDArray

from napari_atomai.plugin.layers import KEY, geometry_like, uid_of
from napari_atomai.plugin.overlays import in_frames, overlay, take_away
from napari_atomai.plugin.panels.structure_layout import VASP_RUN
from napari_atomai.plugin.session import session_of

if TYPE_CHECKING:
    from napari_atomai.aseutils.cells import Structure
    from napari_atomai.aseutils.relax import Relaxed
    from napari_atomai.data.atoms import Atoms
    from napari_atomai.data.progress import Progress
    from napari_atomai.data.recipes_structure import BuildStructure, Relax

SLOT = "structure"
POSITIONS, ARROWS, TRAJECTORY = "relaxed atoms", "relaxation", "trajectory"

_CLIP = 97.0  # percentile of the displacements that fills the scale
_LONGEST = 0.8  # of the distance between atoms: the longest usual arrow


@dataclass(frozen=True, eq=False)
class Built:
    """A structure, and what it was built of."""

    structure: Structure
    atoms: Atoms
    recipe: BuildStructure


@dataclass(frozen=True, eq=False)
class Moved:
    """What became of a structure, and where its atoms (columns) lie in the image.

    Parameters
    ----------
    built : Built
    relaxed : Relaxed
    before, after : array, shape (M, 2)
        Row, column in pixels.
    path : array, shape (F, M, 2)
        The same on the way.
    """

    built: Built
    relaxed: Relaxed
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    path: NDArray[np.float64]


def build(atoms: Atoms, recipe: BuildStructure, shape: tuple[int, int]) -> Built:
    """Build a structure; of a field of view of that shape where it repeats. For a worker."""
    from napari_atomai.workflow.structure import structure_of

    plane = [[shape[0], 0], [0, shape[1]]] if recipe.periodic else None
    return Built(structure_of(atoms, recipe, plane=plane), atoms, recipe)


def relax(viewer: Any, layer: Any, built: Built, recipe: Relax) -> bool:
    """Start moving the atoms of a structure; False, and a sentence, if that cannot be."""
    slot = session_of(viewer).slot(SLOT)
    seen_in = weakref.ref(getattr(viewer, "__wrapped__", viewer))

    def work() -> Generator[Progress, None, Moved]:
        from napari_atomai.aseutils.relax import relaxing
        from napari_atomai.workflow.structure import in_image

        relaxed = yield from relaxing(built.structure.atoms, recipe)
        placed = partial(in_image, start=built.structure, atoms=built.atoms, recipe=built.recipe)
        start = placed(relaxed.start.positions)
        return Moved(built, relaxed, start, placed(relaxed.atoms.positions), placed(relaxed.trajectory))

    def done(moved: Moved, image: Any) -> None:
        there = seen_in()
        if there is None:
            return
        camera = there.scene.camera
        view = camera.center, camera.zoom
        show_moved(there.layers, image, moved)
        camera.center, camera.zoom = view  # a layer with one more axis makes napari show all

    return bool(slot.start(layer, work, "moving atoms", done))


def show_moved(layers: Any, image: Any, moved: Moved) -> None:
    """Show where atoms have gone: points, arrows from where they were, and the way there as a movie."""
    leading, frame = image.data.shape[:-2] if not image.rgb else (), moved.built.recipe.frame
    where, start = (in_frames(frame, each, leading) for each in (moved.after, moved.before))
    size = 0.25 * _spacing(moved.before)
    look = {"face_color": "#009E73", "border_width": 0, "symbol": "disc", "opacity": 1.0}
    make = partial(Points, where, size=size, name=f"{image.name}: relaxed atoms", **look)
    points = overlay(layers, POSITIONS, image, make, ndim=where.shape[1])
    points.data, points.size = where, size
    _show_arrows(layers, image, moved, start)
    _show_path(layers, image, moved, look, size)


def _show_arrows(layers: Any, image: Any, moved: Moved, start: NDArray[np.float64]) -> None:
    away = moved.after - moved.before
    data = np.zeros((len(start), 2, start.shape[1]))
    data[:, 0], data[:, 1, -2:] = start, away
    spacing, sizes = _spacing(moved.before), np.linalg.norm(away, axis=1)
    usual = float(np.percentile(sizes, _CLIP)) if len(sizes) else 0.0
    factor = min(_LONGEST * spacing / usual, 1000.0) if usual > 0 else 1.0
    layer = overlay(
        layers, ARROWS, image, partial(Vectors, data, vector_style="arrow", opacity=1.0), ndim=data.shape[-1]
    )
    layer.data = data
    layer.features = {"moved_px": sizes}
    layer.length, layer.edge_width = factor, max(0.08 * spacing, 0.5)
    layer.edge_colormap, layer.edge_color = "plasma", "moved_px"
    layer.edge_contrast_limits = (0.0, usual or 1.0)
    layer.refresh_colors()
    layer.name = f"{image.name}: displacements x {factor:.3g}"


def _show_path(layers: Any, image: Any, moved: Moved, look: dict[str, Any], size: float) -> None:
    """Show the way as a movie of its own: its first axis is the step, whatever the image has."""
    take_away(layers, TRAJECTORY, uid_of(image))
    leading = image.data.shape[:-2] if not image.rgb else ()
    count, each = moved.path.shape[:2]
    inside = in_frames(moved.built.recipe.frame, moved.path.reshape(-1, 2), leading)
    data = np.insert(inside, 0, np.repeat(np.arange(count), each), axis=1)
    geometry = geometry_like(image, ndim=inside.shape[1])
    notes = {"role": TRAJECTORY, "parent_uid": uid_of(image)}
    layer = Points(
        data,
        size=size,
        name=f"{image.name}: trajectory",
        visible=False,
        metadata={KEY: notes},
        scale=(1.0, *geometry["scale"]),
        translate=(0.0, *geometry["translate"]),
        units=("pixel", *geometry["units"]),
        axis_labels=("step", *geometry["axis_labels"]),
        **(look | {"face_color": "#CC79A7"}),
    )
    uid_of(layer)
    active = layers.selection.active
    layers.append(layer)
    layers.selection.active = active


def save(atoms: Any, path: Path, kind: str) -> str:
    """Write a structure, or the inputs of a run into a folder; return what to say.

    Raises
    ------
    SaveFailed
        If a file could not be written, or reads back as something else.
    """
    if kind == VASP_RUN:
        from napari_atomai.aseutils.run_inputs import write_vasp_run

        names = ", ".join(each.name for each in write_vasp_run(atoms, path))
        return (
            f"Saved in {path}: {names}. POSCAR was read back and is the same. Read INCAR before you run it."
        )
    from napari_atomai.aseutils.export import write_structure

    return f"Saved {write_structure(atoms, path, kind)}: read back, and the same."


def formats() -> dict[str, str]:
    """Return what structures can be saved as: titles by name.

    Raises
    ------
    MissingExtra
        If ASE is not installed.
    """
    from napari_atomai.simulate.structures import require_ase

    require_ase()
    from napari_atomai.aseutils.export import FORMATS

    return {VASP_RUN: VASP_RUN} | {kind: form.title for kind, form in FORMATS.items()}


def ending_of(kind: str) -> str:
    """Return how the names of files of a format end."""
    from napari_atomai.aseutils.export import FORMATS

    return FORMATS[kind].ending


def in_words(built: Built) -> str:
    """Say what a structure is, and what is doubtful."""
    atoms = built.structure.atoms
    lengths = " x ".join(f"{length:.1f}" for length in atoms.cell.lengths())
    repeats = "".join(name for name, on in zip("xyz", atoms.pbc, strict=True) if on)
    words = f"{atoms.get_chemical_formula()}, cell {lengths} Å, " + (
        f"repeats along {', '.join(repeats)}." if repeats else "does not repeat."
    )
    return " ".join([words, *built.structure.notes])


def relaxed_in_words(moved: Moved, seconds: float) -> str:
    """Say what became of a structure."""
    relaxed = moved.relaxed
    far = np.linalg.norm(relaxed.displacements, axis=1)
    state = "At rest" if relaxed.at_rest else "Moved"
    words = (
        f"{state} after {len(relaxed.energies) - 1} steps in {seconds:.1f} s: "
        f"{relaxed.energies[0]:.3f} to {relaxed.energies[-1]:.3f} eV, "
        f"largest force {relaxed.forces[-1]:.3g} eV/Å, "
        f"atoms moved by {far.mean():.2f} Å on average, {far.max():.2f} Å at most."
    )
    return " ".join([words, *relaxed.notes])


def _spacing(positions: NDArray[np.float64]) -> float:
    from scipy.spatial import cKDTree

    if len(positions) < 2:
        return 10.0
    return float(np.median(np.asarray(cKDTree(positions).query(positions, k=[2])[0])))

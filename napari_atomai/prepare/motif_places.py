"""Where patches are cut, and how large: around atoms, middles of bonds or points of a grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.data.recipes_latent import BONDS, GRID, CutPatches
from napari_atomai.errors import BadAtoms, BadOption, UnknownOption

Vector = NDArray[np.float64]

_SIDE, _BOND = 2.5, 1.3  # distances between neighbours
_FEWEST, _MOST = 8, 24  # pixels of a patch where nobody says


def centres_of(image: Image, recipe: CutPatches, atoms: Atoms | None) -> Atoms:
    """Return what lies in the middles of the patches; raises as `prepare.motifs.cutting_motifs`."""
    if recipe.around == GRID:
        return _grid(image, recipe)
    if atoms is None:
        raise BadAtoms("There are no atoms.", remedy="Find atoms first, or cut patches on a grid.")
    chosen = of_classes(atoms, recipe.classes)
    if not len(chosen):
        raise BadAtoms("There are no atoms to cut around.", remedy="Find atoms, or choose another class.")
    if chosen.frames.max() >= image.n_frames:
        raise BadAtoms(
            f"Atoms lie in frame {chosen.frames.max()}; the image has {image.n_frames} frame(s).",
            remedy="Give the atoms of this image.",
        )
    # Of a table the numbers are taken; where they lie in nm is the image's to say.
    placed = replace(chosen, pixel_size=image.pixel_size, origin=image.origin)
    return _bonds(placed, recipe.spacing) if recipe.around == BONDS else placed


def size_of(image: Image, recipe: CutPatches, atoms: Atoms | None) -> tuple[tuple[float, float], int]:
    """Return the side (row, column) of patches in pixels of the image, and the pixels that they have.

    Pixels of a patch are as high as they are wide in nm, so that turning a motif does not distort it.
    """
    size = np.array(image.pixel_size or (1.0, 1.0))
    window = recipe.window or _SIDE * spacing_of(atoms, size)
    wanted = window / size
    count = recipe.pixels or int(np.clip(round(float(wanted.max())), _FEWEST, _MOST))
    if recipe.pixels == 0 and size[0] == size[1] and count == round(float(wanted[0])):
        wanted = np.full(2, float(count))  # pixel by pixel: nothing is made coarser or finer
    if wanted.min() < 3 or (wanted > np.array(image.frame_shape)).any():
        unit = "px" if image.pixel_size is None else "nm"
        rows, columns = image.frame_shape
        most = min(rows * size[0], columns * size[1])
        raise BadOption(
            f"Patches of {window:.3g} {unit} are {wanted[0]:.3g} x {wanted[1]:.3g} px; the image has "
            f"{rows} x {columns} px.",
            why="Less than 3 px show nothing, and larger ones than the image do not fit.",
            remedy=f"Choose a side between {3 * size.max():.3g} and {most:.3g} {unit}.",
        )
    return (float(wanted[0]), float(wanted[1])), count


def of_classes(atoms: Atoms, names: tuple[str, ...]) -> Atoms:
    """Return the atoms of some classes; all of them where none is named."""
    unknown = next((name for name in names if name not in atoms.class_names), None)
    if unknown is not None:
        raise UnknownOption("class of these atoms called", unknown, atoms.class_names)
    wanted = [atoms.class_names.index(name) for name in names]
    return atoms.keep(np.isin(atoms.classes, wanted)) if names else atoms


def spacing_of(atoms: Atoms | None, size: Vector) -> float:
    """Return the median distance to the nearest neighbour of the same frame, in the unit of the size."""
    near: list[Vector] = []
    for frame in [] if atoms is None else np.unique(atoms.frames).tolist():
        where = atoms.positions[atoms.frames == frame] * size if atoms is not None else np.empty((0, 2))
        if len(where) > 1:
            near.append(np.asarray(cKDTree(where).query(where, k=[2])[0])[:, 0])
    if not near:
        raise BadAtoms(
            "No two atoms lie in one frame.",
            why="The side of the patches follows from the distance between neighbours.",
            remedy="Give the side.",
        )
    return float(np.median(np.concatenate(near)))


def _bonds(atoms: Atoms, longest: float) -> Atoms:
    """Return the middles between neighbours, with the ids of both."""
    size = np.array(atoms.pixel_size or (1.0, 1.0))
    reach = longest or _BOND * spacing_of(atoms, size)
    pairs = []
    for frame in np.unique(atoms.frames).tolist():
        index = np.flatnonzero(atoms.frames == frame)
        found = cKDTree(atoms.positions[index] * size).query_pairs(reach, output_type="ndarray")
        pairs.append(index[found.reshape(-1, 2)])
    first, second = np.sort(np.concatenate(pairs), axis=1).T
    if not len(first):
        raise BadAtoms(
            f"No two atoms are nearer than {reach:.3g}.", remedy="Allow longer bonds, or choose more classes."
        )
    return Atoms.make(
        (atoms.positions[first] + atoms.positions[second]) / 2,
        0,
        atoms.frames[first],
        {"first": atoms.ids[first], "second": atoms.ids[second]},
        class_names=("bond",),
        pixel_size=atoms.pixel_size,
        origin=atoms.origin,
    )


def _grid(image: Image, recipe: CutPatches) -> Atoms:
    size = np.array(image.pixel_size or (1.0, 1.0))
    step = np.maximum((recipe.spacing or recipe.window / 2) / size, 1.0)
    # So that patches begin with whole pixels where their pixels are those of the image.
    margin = (recipe.window / size - 1) / 2 if recipe.edge == "leave out" else np.zeros(2)
    sides = [
        np.arange(edge, length - 1 - edge + 1e-6, each)
        for edge, length, each in zip(margin, image.frame_shape, step, strict=True)
    ]
    points = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, 2)
    frames = np.repeat(np.arange(image.n_frames), len(points))
    return Atoms.make(
        np.tile(points, (image.n_frames, 1)),
        0,
        frames,
        class_names=("point",),
        pixel_size=image.pixel_size,
        origin=image.origin,
    )

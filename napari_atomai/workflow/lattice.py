"""From atoms to their lattice: vectors, displacements, strain, polarisation, vacancies, dopants, cells."""

from __future__ import annotations

import itertools
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import QhullError, Voronoi, cKDTree

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.data.progress import Progress
from napari_atomai.data.recipes_lattice import MeasureLattice
from napari_atomai.errors import BadAtoms, UnknownOption
from napari_atomai.stat.class_values import brightness
from napari_atomai.stat.lattice.cells import CellIntensities, cell_intensities
from napari_atomai.stat.lattice.fit import Lattice, fit_lattice
from napari_atomai.stat.lattice.local import LocalFits, local_fits
from napari_atomai.stat.lattice.occupancy import (
    EmptySites,
    empty_sites,
    outlier_probability,
    vacancy_probability,
)
from napari_atomai.stat.lattice.ordering import split_by_brightness
from napari_atomai.stat.lattice.pairs import Pairs, neighbour_pairs
from napari_atomai.stat.lattice.polarisation import Polarisation, polarisation
from napari_atomai.stat.lattice.regions import in_region
from napari_atomai.stat.lattice.strain import Strain, strain

Vector = NDArray[np.float64]

_ERRORS = ("row_sd_px", "col_sd_px")
_MANY = 0.15
_EDGE = 0.5  # distances between neighbours
_PARTS = 4  # of the work on a frame

NO_VALUES = "Vacancies and unusual atoms have no probabilities: there are neither pixels nor intensities."
"""The note of a lattice measured from positions alone."""


@dataclass(frozen=True, eq=False)
class FrameLattice:
    """The lattice of one frame.

    Lengths are in `unit`, positions counted from pixel 0, 0; vectors are row, column.

    Parameters
    ----------
    frame : int
    atoms : array of int, shape (N,)
        Which atoms of the table lie in this frame: all arrays are of those.
    unit : str
        "nm", or "px" where the image is not calibrated.
    step : (row, column)
        Size of a pixel in `unit`.
    lattice : Lattice
    displacement : array, shape (N, 2)
        From the sites of the fitted lattice.
    local : LocalFits
        Displacement relative to the neighbours.
    strain : Strain
    polarisation : Polarisation or None
        None where the lattice has no two such sublattices.
    pairs : Pairs
        Distances and angles of neighbours.
    empty : EmptySites
    empty_probability : array, shape (M,)
        That each empty site has no atom; NaN where there are no pixels.
    outlier_score, outlier_probability : array, shape (N,)
        How much brighter than its like an atom is, in standard deviations, and the probability that it is
        something else, such as a dopant.
    cells : CellIntensities or None
    notes : tuple of str
        Sentences a person should see.
    """

    frame: int
    atoms: NDArray[np.int64]
    unit: str
    step: tuple[float, float]
    lattice: Lattice
    displacement: Vector
    local: LocalFits
    strain: Strain
    polarisation: Polarisation | None
    pairs: Pairs
    empty: EmptySites
    empty_probability: Vector
    outlier_score: Vector
    outlier_probability: Vector
    cells: CellIntensities | None
    notes: tuple[str, ...]

    def in_pixels(self, lengths: Vector) -> Vector:
        """Return positions or vectors (N, 2) in pixels."""
        return np.asarray(lengths / np.array(self.step), np.float64)


def measuring_lattice(
    atoms: Atoms, recipe: MeasureLattice | None = None, image: Image | None = None
) -> Generator[Progress, None, list[FrameLattice]]:
    """Measure the lattice of each frame; stops when the generator is closed.

    Parameters
    ----------
    atoms : Atoms
        Of an image or a movie; errors of positions are taken from ``row_sd_px`` and ``col_sd_px``.
    recipe : MeasureLattice
        Which sublattices, how far neighbours are taken, the reference.
    image : Image, optional
        For vacancies, intensities of cells, and brightness where atoms have no ``intensity``.

    Yields
    ------
    Progress

    Returns
    -------
    list of FrameLattice
        One for each frame whose atoms lie on a lattice; that others do not is said in the notes.

    Raises
    ------
    BadAtoms
        If there are no atoms, or they lie on no lattice in any frame.
    UnknownOption
        If atoms have no such class.
    """
    recipe = recipe or MeasureLattice()
    chosen = of_classes(atoms, recipe.classes)
    frames = np.unique(atoms.frames[chosen]).tolist()
    if not frames:
        raise BadAtoms("There are no atoms.", remedy="Find atoms first, with a lower threshold if need be.")
    found: list[FrameLattice] = []
    failed: dict[int, BadAtoms] = {}
    for number, frame in enumerate(frames):
        mine = chosen[atoms.frames[chosen] == frame]
        pixels = image.frame(frame) if image is not None and frame < image.n_frames else None
        try:
            found.append((yield from _counted(_measured(atoms, mine, recipe, pixels), number, len(frames))))
        except BadAtoms as error:
            failed[frame] = error
    if not found:
        raise next(iter(failed.values()))
    if failed:
        first, reason = next(iter(failed.items()))
        note = f"{len(failed)} of {len(frames)} frames have no lattice, the first is {first}: {reason}"
        found[0] = replace(found[0], notes=(note, *found[0].notes))
    yield Progress(len(frames), len(frames), "measuring the lattice")
    return found


def of_classes(atoms: Atoms, names: tuple[str, ...]) -> NDArray[np.int64]:
    """Return which atoms are of some classes; all of them where none is named.

    Raises
    ------
    UnknownOption
        If atoms have no such class.
    """
    unknown = next((name for name in names if name not in atoms.class_names), None)
    if unknown is not None:
        raise UnknownOption("class of these atoms called", unknown, atoms.class_names)
    wanted = [atoms.class_names.index(name) for name in names]
    return np.flatnonzero(np.isin(atoms.classes, wanted)) if names else np.arange(len(atoms))


def _counted(
    work: Generator[str, None, FrameLattice], number: int, of: int
) -> Generator[Progress, None, FrameLattice]:
    """Tell the parts of the work on one frame as progress of the whole."""
    for part in itertools.count():
        try:
            doing = next(work)
        except StopIteration as done:
            result: FrameLattice = done.value
            return result
        yield Progress(number * _PARTS + part, of * _PARTS, doing)
    raise AssertionError


def _measured(
    atoms: Atoms, chosen: NDArray[np.int64], recipe: MeasureLattice, pixels: NDArray[Any] | None
) -> Generator[str, None, FrameLattice]:
    """Measure the chosen atoms of a frame, and say before each part what it is."""
    frame, atoms = int(atoms.frames[chosen[0]]), atoms.keep(chosen)
    unit, step = ("px", (1.0, 1.0)) if atoms.pixel_size is None else ("nm", atoms.pixel_size)
    where, sd = atoms.positions * np.array(step), _errors(atoms, step)
    yield "fitting the lattice"
    lattice = fit_lattice(where, atoms.classes, by=recipe.sublattices)
    values = _values(atoms, lattice, step, pixels)
    if recipe.brightness and values is not None:
        lattice = split_by_brightness(lattice, where, values)
    yield "measuring strain"
    local = local_fits(where, lattice, reach=recipe.reach, sd=sd)
    strained = strain(where, lattice, reference=_reference(atoms, recipe), reach=recipe.reach, sd=sd)
    polar = None
    if any(len(cell.offsets) > max(recipe.centre, recipe.cage) for cell in lattice.cells):
        polar = polarisation(where, lattice, centre=recipe.centre, cage=recipe.cage, sd=sd)
    yield "looking for vacancies"
    empty = empty_sites(where, lattice)
    score, probability = np.full((2, len(atoms)), np.nan)
    if values is not None:
        score, probability = outlier_probability(values, where, lattice.sublattice)
    sure = _empty_probability(empty, where, lattice, step, pixels)
    yield "measuring cells"
    return FrameLattice(
        frame,
        chosen,
        unit,
        step,
        lattice,
        lattice.displacements(where),
        local,
        strained,
        polar,
        neighbour_pairs(where, lattice, sd=sd),
        empty,
        sure,
        score,
        probability,
        None if pixels is None else cell_intensities(pixels, atoms.positions, lattice, step=np.array(step)),
        (*lattice.notes, *_unknown_sublattice(lattice, recipe), *_said(values is not None, probability)),
    )


def _unknown_sublattice(lattice: Lattice, recipe: MeasureLattice) -> tuple[str, ...]:
    """Say that there is no polarisation where sublattices were chosen that the lattice does not have."""
    most, usual = max(len(cell.offsets) for cell in lattice.cells), MeasureLattice()
    asked = (recipe.centre, recipe.cage)
    if max(asked) < most or asked == (usual.centre, usual.cage):
        return ()
    return (
        f"There is no polarisation: sublattice {recipe.centre} in a cage of {recipe.cage} was asked for, and "
        f"the lattice has {most}, counted from 0.",
    )


def _said(known: bool, probability: Vector) -> tuple[str, ...]:
    if not known:
        return (NO_VALUES,)
    many = int((probability > 0.5).sum())
    if many > _MANY * len(probability):
        return (
            f"{many} of {len(probability)} atoms are unlike the others of their sublattice: it has columns "
            "of several brightnesses, which classes tell apart better than a search for single dopants.",
        )
    return ()


def _errors(atoms: Atoms, step: tuple[float, float]) -> Vector | None:
    """Return errors of positions (N, 2); None where some are not known."""
    if not all(name in atoms.features for name in _ERRORS):
        return None
    errors = np.stack([np.asarray(atoms.features[name], np.float64) for name in _ERRORS], axis=1)
    return errors * np.array(step) if np.isfinite(errors).all() and (errors > 0).all() else None


def _values(
    atoms: Atoms, lattice: Lattice, step: tuple[float, float], pixels: NDArray[Any] | None
) -> Vector | None:
    if pixels is None:
        return np.asarray(atoms.features["intensity"], np.float64) if "intensity" in atoms.features else None
    spacing = lattice.spacing / float(np.mean(step))
    values = brightness(pixels, atoms.positions, spacing)
    # A column that the edge of the image cuts is neither as bright as it is nor as the others are.
    room = np.minimum(atoms.positions, np.array(pixels.shape) - 1 - atoms.positions).min(axis=1)
    return np.where(room < _EDGE * spacing, np.nan, values)


def _reference(atoms: Atoms, recipe: MeasureLattice) -> NDArray[np.bool_] | None:
    if not recipe.reference:
        return None
    return in_region(atoms.positions, np.reshape(recipe.reference, (-1, 2)))


def _empty_probability(
    empty: EmptySites, where: Vector, lattice: Lattice, step: tuple[float, float], pixels: NDArray[Any] | None
) -> Vector:
    """Compare each empty site with the atoms of its sublattice, and with the places between atoms."""
    result = np.full(len(empty), np.nan)
    if pixels is None or not len(empty):
        return result
    between = _between(where, lattice.spacing)
    spacing, size = lattice.spacing / float(np.mean(step)), np.array(step)
    of_atoms, of_none, of_sites = (
        brightness(pixels, places / size, spacing) if len(places) else np.empty(0)
        for places in (where, between, empty.positions)
    )
    for sublattice in np.unique(empty.sublattice):
        mine = empty.sublattice == sublattice
        result[mine] = vacancy_probability(
            of_atoms[lattice.sublattice == sublattice], of_none, of_sites[mine]
        )
    return result


def _between(where: Vector, spacing: float) -> Vector:
    """Return the places farthest from all atoms around them, holes and the outside left out."""
    try:
        corners: Vector = np.asarray(Voronoi(where).vertices, np.float64)
    except (QhullError, ValueError):
        return np.empty((0, 2))
    corners = corners[((corners > where.min(axis=0)) & (corners < where.max(axis=0))).all(axis=1)]
    if not len(corners):
        return np.empty((0, 2))
    away, _ = cKDTree(where).query(corners)
    return np.asarray(corners[(away > 0.95 * np.median(away)) & (away < 1.2 * spacing)])

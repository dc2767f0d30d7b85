"""From the atoms of an image or a movie to bonds, rings and defects."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.progress import Progress
from napari_atomai.data.recipes_structure import FindRings
from napari_atomai.errors import BadOption, UnknownOption
from napari_atomai.graphx.bonds import find_bonds
from napari_atomai.graphx.centres import between, is_triangular
from napari_atomai.graphx.defects import Defect, find_defects, summary
from napari_atomai.graphx.radii import VALENCES, bond_length
from napari_atomai.graphx.rings import Rings, find_rings
from napari_atomai.graphx.scale import estimated_scale

Vector = NDArray[np.float64]

RING_CENTRES = (
    "The points form a triangular lattice, as the centres of rings do: atoms with three bonds each form a "
    "honeycomb. Put atoms between the points, or find them again with the other contrast (dark or bright)."
)
"""Said of points that are no atoms."""
BETWEEN = "Atoms were put between every three points, taken as the centres of rings."
"""Said of such atoms."""


@dataclass(frozen=True, eq=False)
class FrameRings:
    """Rings and defects of one frame.

    Parameters
    ----------
    frame : int
        Which.
    atoms : array of int, shape (N,)
        Index of each atom of `rings` in the table of all atoms.
    rings : Rings
        In Å, with the bonds they were found among.
    defects : list of Defect
        Largest first.
    scale : (row, column)
        Å per pixel.
    notes : tuple of str
        Sentences a person should see.
    """

    frame: int
    atoms: NDArray[np.int64]
    rings: Rings
    defects: list[Defect]
    scale: tuple[float, float]
    notes: tuple[str, ...]

    def in_pixels(self, angstrom: Vector) -> Vector:
        """Return positions in pixels of positions (N, 2) in Å."""
        pixels: Vector = angstrom / np.array(self.scale)
        return pixels


def finding_rings(
    atoms: Atoms, recipe: FindRings | None = None
) -> Generator[Progress, None, list[FrameRings]]:
    """Find the rings and defects of each frame; stops when the generator is closed.

    Parameters
    ----------
    atoms : Atoms
        Of an image or a movie.
    recipe : FindRings
        Elements of the classes, scale, definition of rings.

    Yields
    ------
    Progress

    Returns
    -------
    list of FrameRings
        One for each frame that has atoms.

    Raises
    ------
    UnknownOption
        If an element or a class is not there.
    BadAtoms
        If there are too few atoms to estimate a scale that is not known.
    BadOption
        If the scale is wrong beyond use.
    """
    recipe = recipe or FindRings()
    symbols = elements_of(atoms, recipe.elements, recipe.element)
    if not len(atoms):
        return []
    frames = np.unique(atoms.frames).tolist()
    scale, notes = scale_of(atoms, symbols, recipe.scale, recipe.bond)
    found = []
    for number, frame in enumerate(frames):
        yield Progress(number, len(frames), "finding rings")
        chosen = np.flatnonzero(atoms.frames == frame)
        bonds = find_bonds(
            atoms.positions[chosen] * scale,
            symbols[chosen],
            tolerance=recipe.tolerance,
            stretch=recipe.stretch,
        )
        rings = find_rings(bonds, recipe.definition, recipe.most)
        defects = find_defects(rings, recipe.usual)
        said = (*_on_centres(atoms.positions[chosen], symbols[chosen]), *notes, *rings.notes)
        found.append(FrameRings(frame, chosen, rings, defects, scale, said))
    yield Progress(len(frames), len(frames), "finding rings")
    return found


def atoms_between(centres: Atoms) -> Atoms:
    """Put atoms between every three neighbouring points, frame by frame.

    Parameters
    ----------
    centres : Atoms
        Centres of rings, as they are found in images where atoms are dark and rings are bright.

    Returns
    -------
    Atoms
        Of one class, "column".
    """
    parts = []
    for frame in np.unique(centres.frames).tolist():
        where = between(centres.positions[centres.frames == frame])
        parts.append(Atoms.make(where, frames=frame, pixel_size=centres.pixel_size, origin=centres.origin))
    return Atoms.concatenate(parts)


def _on_centres(positions: Vector, symbols: NDArray[np.str_]) -> tuple[str, ...]:
    three = all(VALENCES.get(str(symbol)) == 3 for symbol in np.unique(symbols))
    return (RING_CENTRES,) if three and is_triangular(positions) else ()


def elements_of(atoms: Atoms, elements: dict[str, str], default: str = "") -> NDArray[np.str_]:
    """Return the symbol of each atom by its class.

    Raises
    ------
    UnknownOption
        If a class is named that the atoms do not have.
    BadOption
        If one of theirs has no element.
    """
    for name in elements:
        if name not in atoms.class_names:
            raise UnknownOption("class of atoms called", name, atoms.class_names)
    present = {atoms.class_names[i] for i in np.unique(atoms.classes).tolist()}
    lost = sorted(name for name in present if not elements.get(name, default))
    if lost:
        raise BadOption(
            f"The class {lost[0]!r} has no element.",
            why="Bonds and structures follow from what the atoms are.",
            remedy="Give the symbol of its element, as C or Si.",
        )
    table = np.array([elements.get(name, default) for name in atoms.class_names], dtype=str)
    symbols: NDArray[np.str_] = table[atoms.classes]
    return symbols


def scale_of(
    atoms: Atoms, symbols: NDArray[np.str_], scale: float = 0.0, bond: float = 0.0
) -> tuple[tuple[float, float], tuple[str, ...]]:
    """Return Å per pixel along rows and columns: given, calibrated, or estimated, which is said.

    The frames of a movie have one scale, estimated from the fullest of them.

    Raises
    ------
    BadAtoms
        If it has to be estimated from too few atoms.
    """
    if scale > 0:
        return (scale, scale), ()
    if atoms.pixel_size is not None:
        return (10 * atoms.pixel_size[0], 10 * atoms.pixel_size[1]), ()
    kinds, number = np.unique(symbols, return_counts=True)
    common = kinds[np.argsort(-number, kind="stable")][:2].tolist()
    mixed = len(common) == 2 and number.min() > 0.2 * number.sum()
    known = bond or bond_length(common[0], common[1] if mixed else common[0])
    fullest = np.argmax(np.bincount(atoms.frames, minlength=1))
    found = estimated_scale(atoms.positions[atoms.frames == fullest], known)
    said = f"The image is not calibrated: {found:.4g} Å per pixel is estimated from bonds of {known:g} Å."
    return (found, found), (said,)


def ring_features(atoms: Atoms, found: list[FrameRings]) -> dict[str, NDArray[np.int64]]:
    """Return how many bonds and rings each atom of the table has, and its smallest and largest ring."""
    count = len(atoms)
    names = ("bonds", "rings", "smallest_ring", "largest_ring")
    features = {name: np.zeros(count, np.int64) for name in names}
    for part in found:
        rings, size = part.rings, part.rings.sizes[part.rings.ring_of()]
        features["bonds"][part.atoms] = rings.bonds.coordination
        features["rings"][part.atoms] = rings.per_atom()
        least, most = np.full(len(part.atoms), 1 << 30), np.zeros(len(part.atoms), np.int64)
        np.minimum.at(least, rings.atoms, size)
        np.maximum.at(most, rings.atoms, size)
        features["smallest_ring"][part.atoms] = np.where(most > 0, least, 0)
        features["largest_ring"][part.atoms] = most
    return features


def defects_over_time(found: Sequence[FrameRings]) -> tuple[NDArray[np.int64], dict[str, NDArray[np.int64]]]:
    """Return the frames (F,) that have atoms, and how many defects of each kind each of them has, (F,)."""
    frames = np.array([part.frame for part in found], np.int64)
    kinds = summary([defect for part in found for defect in part.defects])
    numbers = [summary(part.defects) for part in found]
    return frames, {kind: np.array([each.get(kind, 0) for each in numbers], np.int64) for kind in kinds}

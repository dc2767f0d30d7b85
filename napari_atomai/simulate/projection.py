"""Structures to images by a model of how bright each column is: quick, and exact about where columns lie.

Brightness grows with a power of the atomic number and levels off with thickness; the probe is a Gaussian
with a skirt. For images by wave optics see `napari_atomai.simulate.multislice`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from napari_atomai.data.atoms import Atoms as FoundAtoms
from napari_atomai.errors import BadOption
from napari_atomai.simulate.columns import ProjectedColumns, project
from napari_atomai.simulate.grounds import sample
from napari_atomai.simulate.imaging import Columns, Conditions, Picture, expose
from napari_atomai.simulate.microscope import Microscope
from napari_atomai.simulate.rendering import Dust, Scan, render, within
from napari_atomai.simulate.structures import frame_of
from napari_atomai.simulate.supports import SUPPORT
from napari_atomai.simulate.visible import Scene, contrast_to_noise, marks

if TYPE_CHECKING:
    from ase import Atoms

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

UNSURE = -1
"""Label of pixels of which nobody could say whether they lie on a column; losses leave them out."""

_NM = 0.1  # of an Å


@dataclass(frozen=True, eq=False)
class SimulatedImage:
    """A simulated image with everything that is true of it.

    Parameters
    ----------
    image : array of float32, shape (y, x)
        As the microscope would give it.
    picture : array of float32, shape (y, x)
        The same without noise and scan errors.
    pixel_size_nm : (row, column)
    positions : array, shape (N, 2)
        Row, column in pixels of every column in the image.
    classes : array of int, shape (N,)
        Index into `class_names`.
    class_names : tuple of str
        What columns consist of ("Sr", "TiO"), from the faintest on average to the brightest; in structures
        of few layers with the number of atoms ("S2").
    visibility : array, shape (N,)
        Ratio of signal to noise with which each column stands out (matched filter); 0 where atoms lie
        behind each other in chains, so that there is no column.
    seen : array of bool, shape (N,)
        Which of them anyone could see: above the noise, and a maximum of the noiseless picture.
    labels : array of int64, shape (y, x)
        Class of pixels on a seen column, ``len(class_names)`` for background, -1 where nobody could say.
    """

    image: Picture
    picture: Picture
    pixel_size_nm: tuple[float, float]
    positions: Vector
    classes: Integers
    class_names: tuple[str, ...]
    visibility: Vector
    seen: Flags
    labels: Integers

    @property
    def truth(self) -> FoundAtoms:
        """Every column as an atom, with ``visibility`` and ``seen`` as features."""
        return FoundAtoms.make(
            self.positions,
            self.classes,
            features={"visibility": self.visibility, "seen": self.seen},
            class_names=self.class_names or ("column",),
            pixel_size=self.pixel_size_nm,
        )


def simulate(
    atoms: Atoms,
    microscope: Microscope | None = None,
    conditions: Conditions | None = None,
    rng: np.random.Generator | None = None,
    *,
    shape: tuple[int, int] | None = None,
    distortion: ArrayLike | None = None,
    tolerance: float = 0.4,
) -> SimulatedImage:
    """Simulate the image of a structure.

    Parameters
    ----------
    atoms : ase.Atoms
        See `napari_atomai.simulate.structures` for axes and frame. Atoms tagged `SUPPORT` are drawn, but
        are no columns.
    microscope : Microscope, optional
        Mode, pixel size, probe.
    conditions : Conditions, optional
        Dose, noise and scan errors; 1 in the picture is the height of the strongest column (bright) or
        the level of vacuum (dark).
    rng : numpy.random.Generator, optional
        Where all noise comes from; of seed 0 when left out.
    shape : (rows, columns), optional
        Of the image; as many pixels as the structure's frame holds when left out.
    distortion : array, shape (2, 2), optional
        Matrix that takes true to seen (row, column) about the middle of the frame: shear, a wrong scale,
        or what `drifting` returns. The image then shows what lies beyond the frame, where atoms end.
    tolerance : float
        Atoms within this distance in the plane are of one column, Å.

    Returns
    -------
    SimulatedImage

    Raises
    ------
    BadOption
        If the image would have no pixels, or the distortion is no 2 x 2 matrix that can be undone.
    """
    microscope, conditions = microscope or Microscope(), conditions or Conditions()
    scan = _scan(atoms, microscope, shape, np.eye(2) if distortion is None else distortion)
    exponent = microscope.look.exponent
    support = atoms.get_tags() == SUPPORT
    dust = Dust(
        np.asarray(atoms.positions, float)[support][:, [1, 0]],
        np.asarray(atoms.numbers, float)[support] ** exponent,
    )
    projected = project(atoms[~support], tolerance, exponent)
    picture, columns = render(projected, dust, scan, microscope)
    return recorded(picture, columns, projected, microscope, conditions, rng or np.random.default_rng(0))


def recorded(
    picture: Picture,
    columns: Columns,
    projected: ProjectedColumns,
    microscope: Microscope,
    conditions: Conditions,
    rng: np.random.Generator,
) -> SimulatedImage:
    """Expose a noiseless picture and write down what is true of it.

    Parameters
    ----------
    picture : array, shape (y, x)
        Without noise.
    columns : Columns
        Where and how strong columns are in it; for dark ones how deep.
    projected : ProjectedColumns
        The same columns in the structure.
    microscope : Microscope
        Mode and pixel size.
    conditions : Conditions
        Dose, noise and scan errors.
    rng : numpy.random.Generator
        Where all noise comes from.
    """
    image = expose(picture, conditions, rng)
    bright = _turned_over(picture, columns) if microscope.look.dark else picture
    visibility, seen, labels = _truth(bright, columns, projected, conditions)
    inside = within(columns.positions, picture.shape)
    return SimulatedImage(
        image,
        picture,
        microscope.pixel_size_nm,
        columns.positions[inside],
        projected.classes[inside],
        projected.class_names,
        visibility[inside],
        seen[inside],
        labels,
    )


def _scan(atoms: Atoms, microscope: Microscope, shape: tuple[int, int] | None, distortion: ArrayLike) -> Scan:
    height, width, _ = frame_of(atoms)
    pixel = microscope.pixel_size_nm
    size = shape or (int(height * _NM / pixel[0] + 1e-6), int(width * _NM / pixel[1] + 1e-6))
    matrix = np.asarray(distortion, float)
    if min(size) < 1 or matrix.shape != (2, 2) or not abs(np.linalg.det(matrix)) > 1e-6:
        raise BadOption(
            f"An image of {size[0]} x {size[1]} pixels was asked for, distorted by {matrix.tolist()}.",
            remedy="Give at least one pixel, and a 2 x 2 matrix with a determinant other than 0.",
        )
    return Scan(size, pixel, np.array([height, width]) * _NM / 2, matrix)


def _truth(
    picture: Picture, columns: Columns, projected: ProjectedColumns, conditions: Conditions
) -> tuple[Vector, Flags, Integers]:
    """Return how well each column can be seen, whether it can at all, and the class of each pixel."""
    background = len(projected.class_names)
    if not len(columns.positions):
        return np.empty(0), np.empty(0, bool), np.full(picture.shape, background, np.int64)
    spacing = _spacing(columns.positions)
    scene = Scene(columns, picture, spacing, lattice=False)
    visibility = np.where(
        projected.chained, 0.0, contrast_to_noise(scene, conditions.dose, conditions.read_noise)
    )
    target, weight, seen = marks(scene, conditions.dose, conditions.read_noise)
    labels = np.full(picture.shape, background, np.int64)
    labels[weight == 0] = UNSURE
    discs = np.argwhere(target > 0.5)
    nearest = np.asarray(cKDTree(columns.positions).query(discs)[1], np.int64)
    labels[target > 0.5] = np.where(projected.chained, UNSURE, projected.classes)[nearest]
    return visibility, seen & ~projected.chained, labels


def _spacing(positions: Vector) -> float:
    if len(positions) < 2:
        return 20.0
    return float(np.median(np.asarray(cKDTree(positions).query(positions, k=[2])[0])))


def _turned_over(picture: Picture, columns: Columns) -> Picture:
    """Make dark columns bright about their own level, so that their counting noise stays what it is."""
    if not len(columns.positions):
        return picture
    return np.float32(2 * np.median(sample(picture, columns.positions))) - picture


def drifting(drift_nm: tuple[float, float], height_nm: float) -> Vector:
    """Return the distortion by a sample that moves evenly while rows are scanned one after the other.

    Parameters
    ----------
    drift_nm : (row, column)
        How far the sample has moved when the last row is scanned.
    height_nm : float
        Of the frame.

    Returns
    -------
    array, shape (2, 2)
        Takes true to seen (row, column).

    Raises
    ------
    BadOption
        If the sample keeps pace with the scan.
    """
    down, aside = drift_nm[0] / height_nm, drift_nm[1] / height_nm
    if not down < 1:
        raise BadOption(
            f"The sample drifts {drift_nm[0]:g} nm down while {height_nm:g} nm are scanned.",
            why="A row of the sample would never be passed.",
            remedy="Give a drift smaller than the frame.",
        )
    longer = 1 / (1 - down)
    return np.array([[longer, 0.0], [aside * longer, 1.0]])

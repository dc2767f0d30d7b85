"""From maps of probability to atoms with a class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from napari_atomai.locate.centres import find_peaks
from napari_atomai.locate.neighbours import nearest_distances
from napari_atomai.locate.refine import fit_radius, refine_gaussian

Vector = NDArray[np.float64]

_APART = 0.8
"""Two atoms whose blobs touch are told apart if they are farther from each other than this share of the
diameter of a blob; one blob has no two centres that far apart."""


@dataclass(frozen=True, eq=False)
class ClassAtoms:
    """Atoms in one image.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Row, column, in pixels.
    classes : array of int, shape (N,)
        From 0.
    scores : array, shape (N,)
        Mean probability of the class over the atom's blob.
    """

    positions: Vector
    classes: NDArray[np.int64]
    scores: Vector

    def moved(self, positions: Vector) -> ClassAtoms:
        """Return the same atoms at other positions."""
        return ClassAtoms(positions, self.classes, self.scores)

    def table(self) -> Vector:
        """Return (N, 3): row, column, class."""
        return np.column_stack([self.positions, self.classes])


def atoms_of(probabilities: NDArray[np.float32], threshold: float = 0.5) -> ClassAtoms:
    """Find the atoms in the maps of one image.

    Every blob above the threshold is an atom, at its centre of mass weighted by probability, also at the
    border; blobs that touch are cut between their peaks. A pixel belongs to one blob and a blob to one class,
    so no two classes claim the same atom.

    Parameters
    ----------
    probabilities : array, shape (y, x, classes)
        Background last, where there is more than one class.
    threshold : float
        Lowest probability that belongs to an atom.

    Returns
    -------
    ClassAtoms
        In order of row, then column.
    """
    objects = probabilities[..., :-1] if probabilities.shape[-1] > 1 else probabilities
    best = objects.max(axis=-1)
    inside = best >= threshold
    if not inside.any():
        return ClassAtoms(np.empty((0, 2)), np.empty(0, np.int64), np.empty(0))
    diameter = blob_diameter(np.where(inside, objects.argmax(axis=-1), -1), objects.shape[-1])
    peaks = find_peaks(best, max(_APART * diameter, 1.0), floor=threshold).positions
    rows, cols = np.nonzero(inside)
    owner = _owners(inside, peaks, rows, cols)
    mine = owner >= 0
    rows, cols, owner = rows[mine], cols[mine], owner[mine]
    return _summed(objects[rows, cols], np.stack([rows, cols], axis=1), owner)


def _owners(
    inside: NDArray[np.bool_], peaks: Vector, rows: NDArray[np.intp], cols: NDArray[np.intp]
) -> NDArray[np.int64]:
    """Return which atom each pixel belongs to; -1 for a blob without a peak, which is a speck."""
    blobs, count = ndimage.label(inside, structure=np.ones((3, 3)))
    pixel = np.clip(np.round(peaks).astype(np.intp), 0, np.array(inside.shape) - 1)
    home = blobs[pixel[:, 0], pixel[:, 1]]
    kept = np.flatnonzero(home)
    number = np.full(count + 1, -1)
    number[home[kept]] = kept
    blob = blobs[rows, cols]
    owner = number[blob]
    shared = np.bincount(home[kept], minlength=count + 1) > 1
    several = np.flatnonzero(shared[blob])
    if several.size:
        # A third coordinate keeps pixels to the peaks of their own blob.
        far = float(sum(inside.shape))
        split = kept[shared[home[kept]]]
        tree = cKDTree(np.column_stack([peaks[split], far * home[split]]))
        where = np.column_stack([rows[several], cols[several], far * blob[several]])
        owner[several] = split[tree.query(where)[1]]
    return owner.astype(np.int64)


def _summed(
    probability: NDArray[np.float32], pixels: NDArray[np.intp], owner: NDArray[np.int64]
) -> ClassAtoms:
    """Add up the pixels (N, classes) of every atom."""
    count = int(owner.max(initial=-1)) + 1
    area = np.bincount(owner, minlength=count)
    weight = probability.max(axis=1).astype(np.float64)
    total = np.bincount(owner, weight, count)
    sums = np.stack([np.bincount(owner, each, count) for each in probability.T], axis=1)
    some = np.flatnonzero(area)
    centre = [np.bincount(owner, weight * axis, count)[some] / total[some] for axis in pixels.T]
    positions = np.stack(centre, axis=1)
    order = np.lexsort((positions[:, 1], positions[:, 0]))
    some = some[order]
    classes = sums[some].argmax(axis=1)
    return ClassAtoms(positions[order], classes, sums[some, classes] / area[some])


def blob_diameter(classes: NDArray[np.integer], count: int) -> float:
    """Return the diameter of the median blob in pixels: of the disc of its area.

    Parameters
    ----------
    classes : array of int, shape (y, x)
        0 to `count` - 1; all else is no blob. Blobs of two classes that touch are two.
    count : int
        How many classes there are.
    """
    areas = [np.bincount(ndimage.label(classes == each)[0].ravel())[1:] for each in range(count)]
    every = np.concatenate(areas)
    return float(2 * np.sqrt(np.median(every) / np.pi)) if every.size else 0.0


def refined(image: NDArray[np.floating], atoms: ClassAtoms, radius: float = 0.0) -> ClassAtoms:
    """Fit a Gaussian to every atom of an image; see `napari_atomai.locate.refine.refine_gaussian`.

    Parameters
    ----------
    image : array, shape (y, x)
        Bright atoms.
    atoms : ClassAtoms
        Where to start.
    radius : float
        Half width of the fitted window in pixels; 0 = from the distance between neighbours.
    """
    if not len(atoms.positions):
        return atoms
    if not radius:
        distances = nearest_distances(atoms.positions)
        near = distances[np.isfinite(distances)]
        radius = fit_radius(float(np.median(near)) if near.size else np.inf)
    fit = refine_gaussian(image, atoms.positions, radius)
    return atoms.moved(fit.positions)

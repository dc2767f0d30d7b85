"""The paper's functions that make labels of lattices, with its arguments."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.data.arguments import a_number, whole_number
from napari_atomai.errors import BadAtoms, BadImage
from napari_atomai.prepare.masks import Labels, Soft, disc_labels, one_hot
from napari_atomai.prepare.places import numbers
from napari_atomai.prepare.windows import plain_stack


@dataclass(frozen=True)
class MakeAtom:
    """An atom as a Gaussian in a small image, and its mask.

    Parameters
    ----------
    sc : int
        Side of the image in pixels, made odd; the standard deviation is a quarter of it.
    r_mask : int
        Diameter of the mask in pixels.
    intensity, offset : float
        Height of the Gaussian, and what it stands on.
    """

    sc: int = 5
    r_mask: int = 3
    intensity: float = 1.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        whole_number("sc", self.sc)
        whole_number("r_mask", self.r_mask)
        a_number("intensity", self.intensity, -math.inf)
        a_number("offset", self.offset, -math.inf)

    @property
    def side(self) -> int:
        """Side of the image in pixels."""
        return self.sc + 1 - self.sc % 2

    def atom2dgaussian(self) -> NDArray[np.float64]:
        """Return the atom (side, side)."""
        along = np.exp(-0.5 * ((np.arange(self.side) - self.side // 2) / (self.side / 4)) ** 2)
        atom: NDArray[np.float64] = self.offset + self.intensity * along[:, None] * along
        return atom

    def gen_atom_mask(self) -> tuple[NDArray[np.float64], Labels]:
        """Return the atom (side, side) and its mask of 0 and 1, cut to the disc."""
        half = self.r_mask // 2
        sides = (2 * half + 1, 2 * half + 1)
        return self.atom2dgaussian(), disc_labels([[half, half]], sides, radius=self.r_mask / 2)


def create_lattice_mask(lattice: ArrayLike, xy_atoms: ArrayLike, *, rmask: float = 5.0) -> Labels:
    """Label the atoms of an image: 1 in a disc around each, 0 elsewhere.

    Parameters
    ----------
    lattice : array, shape (y, x)
        The image, of which the size is taken.
    xy_atoms : array, shape (N, 2)
        Row, column of each atom in pixels, of any fraction.
    rmask : float
        Diameter of the discs in pixels.

    Returns
    -------
    array of int64, shape (y, x)
        See `napari_atomai.prepare.masks.disc_labels`, which can do more.
    """
    image = np.asarray(lattice)
    if image.ndim != 2:
        raise BadImage(
            f"The image has shape {image.shape}.",
            remedy="Give one image (y, x); create_multiclass_lattice_mask takes stacks.",
        )
    return disc_labels(xy_atoms, image.shape, radius=a_number("rmask", rmask, 0) / 2)


def create_multiclass_lattice_mask(
    imgdata: ArrayLike, coord_class_dict: Mapping[int, ArrayLike] | ArrayLike, *, rmask: float = 7.0
) -> Soft:
    """Label the atoms of images by class, in one channel for each and one for the background.

    Parameters
    ----------
    imgdata : array, shape (n, y, x) or (y, x)
        The images, of which the size is taken.
    coord_class_dict : mapping of frame to array (N, 3), or array (N, 3) for one image
        Row, column in pixels and class of each atom. Classes may be any numbers: in their order they
        become channels 0, 1 ... the same in all images.
    rmask : float
        Diameter of the discs in pixels.

    Returns
    -------
    array of float32, shape (n, y, x, classes + 1)
        0 and 1; the background is the last channel.

    Raises
    ------
    BadAtoms
        If a table has no class column.
    """
    shape = plain_stack(imgdata).shape[:3]
    given = coord_class_dict if isinstance(coord_class_dict, Mapping) else {0: coord_class_dict}
    tables = {frame: _with_classes(table) for frame, table in given.items()}
    values = np.unique(np.concatenate([*(table[:, 2] for table in tables.values()), []]))
    if values.size == 0 or not np.isfinite(values).all():
        raise BadAtoms(
            f"The classes of atoms are {numbers(values) or 'none'}.",
            remedy="Give atoms, and a number for each.",
        )
    ranked = {
        frame: np.column_stack([table[:, :2], np.searchsorted(values, table[:, 2])])
        for frame, table in tables.items()
    }
    count, radius = len(values) + 1, a_number("rmask", rmask, 0) / 2
    return one_hot(disc_labels(ranked, shape, nb_classes=count, radius=radius), count)


def _with_classes(table: Any) -> NDArray[np.float64]:
    rows = np.asarray(table)
    if rows.ndim != 2 or rows.shape[1] != 3 or rows.dtype.kind not in "buif":
        raise BadAtoms(
            f"A table of atoms has shape {rows.shape} and type {rows.dtype}.",
            remedy="Give (N, 3): row, column and class; create_lattice_mask takes one class.",
        )
    return rows.astype(np.float64)

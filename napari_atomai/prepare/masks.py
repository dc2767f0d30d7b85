"""Labels to learn from, made of the positions of atoms: discs or Gaussians around sub-pixel centres.

Label images follow the paper: with ``nb_classes=1`` atoms are 1 and background is 0; with K classes,
atoms are 0 to K - 2 and the background is the last, K - 1. -1 is a pixel nobody labelled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_atomai.data.arguments import a_number, shown, whole_number
from napari_atomai.errors import BadAtoms, BadImage, BadOption
from napari_atomai.prepare.places import Coordinates, Places, numbers, places

Labels = NDArray[np.int64]
Soft = NDArray[np.float32]

IGNORED = -1
"""Label of a pixel that nobody labelled: it does not count."""

SMALLEST_RADIUS, LARGEST_RADIUS = 0.75, 1000.0
"""In pixels: a smaller disc may lie between pixel centres and leave no label, a larger one is no atom."""

_REACH = 4.0
"""Gaussians end at this many standard deviations."""

_ELEMENTS = 1_000_000
"""Pixels of windows worked on at a time."""


def disc_labels(
    coordinates: Coordinates,
    shape: Sequence[int],
    *,
    nb_classes: int = 1,
    radius: float | Sequence[float] = 3.0,
    ring: float = 0.0,
) -> Labels:
    """Label the pixels whose centre lies in a disc around an atom.

    Where discs overlap, the nearer atom has the pixel. Discs at the border are cut, also those of atoms
    that lie outside.

    Parameters
    ----------
    coordinates : Atoms, mapping of frame to array, or array
        Row, column (pixels, any fraction) and class of atoms; see `napari_atomai.prepare.places`.
    shape : (y, x) or (n, y, x)
        Of the images.
    nb_classes : int
        1, or the number of classes with the background.
    radius : float or sequence of float
        In pixels, of all discs or of those of each class.
    ring : float
        Width in pixels of a ring around every disc that counts as not labelled (-1): the edge of an
        atom is nobody's truth.

    Returns
    -------
    array of int64, shape `shape`

    Raises
    ------
    BadAtoms
        If classes do not fit `nb_classes`, or positions are not finite.
    BadOption
        If a radius is too small to label anything.
    """
    stack = _stack_shape(shape)
    table = _checked(places(coordinates, stack[0]), nb_classes)
    radii = _per_class("radius", radius, nb_classes, SMALLEST_RADIUS)[table.classes]
    discs = _cover(table, stack, radii)
    background, first = (0, 1) if nb_classes == 1 else (nb_classes - 1, 0)
    a_number("ring", ring, 0, LARGEST_RADIUS, f"Give 0 to {LARGEST_RADIUS:g} px.")
    labels = np.full(stack, background, np.int64)
    if ring > 0:
        labels[_cover(table, stack, radii + ring).atom >= 0] = IGNORED
    inside = discs.atom >= 0
    labels[inside] = table.classes[discs.atom[inside]] + first
    return labels.reshape(shape)


def gaussian_maps(
    coordinates: Coordinates,
    shape: Sequence[int],
    *,
    nb_classes: int = 1,
    sigma: float | Sequence[float] = 2.0,
) -> Soft:
    """Draw each atom as a Gaussian of height 1 in the channel of its class: a soft label.

    Where Gaussians overlap, the nearer atom has the pixel; channels add up to 1 everywhere.

    Parameters
    ----------
    coordinates, shape, nb_classes
        As in `disc_labels`.
    sigma : float or sequence of float
        Standard deviation in pixels, of all Gaussians or of those of each class.

    Returns
    -------
    array of float32, shape (..., y, x, nb_classes)
        The last channel is the background; with ``nb_classes=1`` there is one channel, of atoms.
    """
    stack = _stack_shape(shape)
    table = _checked(places(coordinates, stack[0]), nb_classes)
    sigmas = _per_class("sigma", sigma, nb_classes, SMALLEST_RADIUS / _REACH)[table.classes]
    covered = _cover(table, stack, _REACH * sigmas)
    inside = covered.atom >= 0
    owner = covered.atom[inside]
    maps = np.zeros((*stack, nb_classes), np.float32)
    height = np.exp(-0.5 * covered.squared[inside] / sigmas[owner] ** 2)
    maps[(*np.nonzero(inside), table.classes[owner])] = height
    if nb_classes > 1:
        maps[..., -1] = 1 - maps[..., :-1].sum(axis=-1)
    return maps.reshape(*shape, nb_classes)


def one_hot(labels: NDArray[Any], nb_classes: int) -> Soft:
    """Give each class a channel (..., y, x, nb_classes) of 0 and 1; pixels labelled -1 are 0 in all."""
    numbering = [1] if nb_classes == 1 else np.arange(nb_classes)
    channels: Soft = (np.asarray(labels)[..., None] == numbering).astype(np.float32)
    return channels


def centres_of_labels(labels: NDArray[Any], nb_classes: int = 1) -> dict[int, NDArray[np.float64]]:
    """Return the centre of mass of every connected region: what `disc_labels` was made of.

    Regions of one class that touch, also at a corner, count as one, and those cut by the border move inwards.

    Parameters
    ----------
    labels : array of int, shape (y, x) or (n, y, x)
        As `disc_labels` makes them.
    nb_classes : int
        1, or the number of classes with the background.

    Returns
    -------
    dict of int to array, shape (N, 3)
        Row, column (pixels) and class, for each frame.
    """
    stack = np.asarray(labels).reshape(_stack_shape(np.shape(labels)))
    wanted = [1] if nb_classes == 1 else list(range(nb_classes - 1))
    found = {}
    for frame, image in enumerate(stack):
        tables = [_centres(image == value, rank) for rank, value in enumerate(wanted)]
        found[frame] = np.concatenate([*tables, np.empty((0, 3))])
    return found


def _centres(region: NDArray[np.bool_], number: int) -> NDArray[np.float64]:
    parts, count = ndimage.label(region, np.ones((3, 3)))
    middle = np.array(ndimage.center_of_mass(region, parts, np.arange(1, count + 1))).reshape(-1, 2)
    return np.column_stack([middle, np.full(len(middle), float(number))])


@dataclass(frozen=True, eq=False)
class _Cover:
    """Which atom (-1: none) each pixel (n, y, x) belongs to, and its squared distance in pixels."""

    atom: Labels
    squared: NDArray[np.float64]


def _cover(table: Places, shape: tuple[int, int, int], reach: NDArray[np.float64]) -> _Cover:
    atom, squared = np.full(shape, -1, np.int64), np.full(shape, np.inf)
    for index, distance, owner in _windows(table, shape, reach):
        nearer = distance < squared.ravel()[index]
        index, distance, owner = index[nearer], distance[nearer], owner[nearer]
        # Where an index comes twice numpy keeps the last: nearest last, and of equals the first atom.
        order = np.argsort(-distance[::-1], kind="stable")
        index, distance, owner = index[::-1][order], distance[::-1][order], owner[::-1][order]
        squared.reshape(-1)[index] = distance
        atom.reshape(-1)[index] = owner
    return _Cover(atom, squared)


def _windows(
    table: Places, shape: tuple[int, int, int], reach: NDArray[np.float64]
) -> Iterator[tuple[Labels, NDArray[np.float64], Labels]]:
    """Pixels in reach of atoms: flat index, squared distance, atom; a batch of atoms at a time."""
    half = int(np.ceil(reach.max(initial=0))) + 1
    offsets = np.arange(-half, half + 1)
    size = max(1, _ELEMENTS // len(offsets) ** 2)
    for first in range(0, len(table), size):
        part = slice(first, first + size)
        where = table.positions[part]
        pixels = np.floor(where + 0.5).astype(np.int64)[..., None] + offsets
        gaps = (pixels - where[..., None]) ** 2
        inside = (pixels >= 0) & (pixels < np.array(shape[1:])[:, None])
        distance = gaps[:, 0, :, None] + gaps[:, 1, None, :]
        keep = distance <= reach[part, None, None] ** 2
        keep &= inside[:, 0, :, None] & inside[:, 1, None, :]
        line = table.frames[part, None] * shape[1] + pixels[:, 0]
        index = line[:, :, None] * shape[2] + pixels[:, 1, None, :]
        yield index[keep], distance[keep], np.nonzero(keep)[0] + first


def _stack_shape(shape: Sequence[int]) -> tuple[int, int, int]:
    sizes = tuple(shape) if isinstance(shape, list | tuple | np.ndarray) else ()
    if len(sizes) not in (2, 3) or not all(isinstance(size, int | np.integer) and size > 0 for size in sizes):
        raise BadImage(
            f"The shape of the images is {shown(shape)}.",
            remedy="Give (y, x) or (n, y, x), whole numbers, none of them 0.",
        )
    n, rows, columns = sizes if len(sizes) == 3 else (1, *sizes)
    return n, rows, columns


def _checked(table: Places, nb_classes: int) -> Places:
    whole_number("nb_classes", nb_classes, remedy="Give 1, or the number of classes with the background.")
    room = max(1, nb_classes - 1)
    wrong = np.unique(table.classes[table.classes >= room])
    if wrong.size:
        raise BadAtoms(
            f"There are atoms of class {numbers(wrong)}, but nb_classes={nb_classes} has room for "
            f"{'class 0 only' if room == 1 else f'classes 0 to {room - 1}'}"
            f"{' besides the background' if nb_classes > 1 else ''}.",
            remedy=f"Use nb_classes={int(wrong.max()) + 2}, or leave the classes out to make all one class.",
        )
    return table


def _per_class(
    name: str, value: float | Sequence[float], nb_classes: int, least: float
) -> NDArray[np.float64]:
    room = max(1, nb_classes - 1)
    several: Any = value if isinstance(value, list | tuple | np.ndarray) else [value]
    values = np.array([a_number(name, each, 0) for each in several])
    if values.size not in (1, room):
        raise BadOption(
            f"{name} has {values.size} values for {room} class(es) of atoms.",
            remedy="Give one number, or one for each class without the background.",
        )
    if not ((values >= least) & (values <= LARGEST_RADIUS)).all():
        raise BadOption(
            f"{name} is {value} px.",
            why=f"Below {least:g} px an atom may fall between pixels and leave no label.",
            remedy=f"Give {least:g} to {LARGEST_RADIUS:g} px.",
        )
    return np.broadcast_to(values.ravel(), (room,))

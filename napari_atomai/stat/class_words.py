"""The refinement of classes under the names the paper and AtomAI have for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.errors import UnknownOption
from napari_atomai.prepare.places import Places, places
from napari_atomai.stat.class_number import evidence_for, suggested_number
from napari_atomai.stat.class_view import View, grey_stack, require_sklearn, unit
from napari_atomai.stat.clusters import divided, in_order, main_features

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]

_PAPER = ("threshold", "kmeans", "meanshift", "gmm_local")


def update_classes(
    coordinates: Mapping[int, ArrayLike] | ArrayLike,
    nn_input: ArrayLike,
    method: Literal["threshold", "kmeans", "meanshift", "gmm_local"] = "threshold",
    *,
    thresh: float | None = None,
    n_components: int = 0,
    window_size: int = 0,
    coord_class: int | None = None,
    q: float = 0.25,
) -> dict[int, Vector]:
    """Give atoms new classes by their brightness or surroundings; the paper's refinement of classes.

    `classify` does the same with probabilities and reasons.

    Parameters
    ----------
    coordinates : mapping of frame to array (N, 3), or array (N, 3)
        Row, column, class. They are not changed.
    nn_input : array, shape (n, y, x), (n, y, x, 1) or (y, x)
        The images the net has seen.
    method : {"threshold", "kmeans", "meanshift", "gmm_local"}
        The first three look at the mean of a small window around each atom, the last at patches.
    thresh : float, optional
        Brightness from which an atom is of class 1; Otsu's, between `n_components` classes, when left out.
    n_components : int
        Number of classes for kmeans and gmm_local; 0 suggests one.
    window_size : int
        Side of the window or patch in pixels; 0 = 3 for brightness, and as far as the nearest neighbours
        for patches.
    coord_class : int, optional
        The class to be divided: its dimmest part keeps its number, the others get the next free ones. All
        atoms are divided together when left out.
    q : float
        Mean shift: quantile of distances that becomes the bandwidth.

    Returns
    -------
    dict of int to array, shape (N, 3)
        Classes from the dimmest to the brightest.

    Raises
    ------
    BadAtoms, BadImage
        If coordinates or images do not hold together.
    UnknownOption
        If there is no such method.
    """
    if method not in _PAPER:
        raise UnknownOption("method", method, _PAPER)
    require_sklearn()
    stack = grey_stack(nn_input)
    tables = coordinates if isinstance(coordinates, Mapping) else {0: coordinates}
    where = places(tables, len(stack))
    chosen = np.ones(len(where), bool) if coord_class is None else where.classes == coord_class
    part = Places(where.positions[chosen], where.classes[chosen], where.frames[chosen])
    classes = where.classes.copy()
    if len(part):
        found = _paper_classes(stack, part, method, thresh, n_components, window_size, q)
        free = classes.max() + 1
        classes[chosen] = found if coord_class is None else np.where(found, found - 1 + free, coord_class)
    table = np.column_stack([where.positions, classes])
    return {frame: table[where.frames == frame] for frame in tables}


def _paper_classes(
    stack: NDArray[Any],
    part: Places,
    method: str,
    thresh: float | None,
    n_components: int,
    window_size: int,
    q: float,
) -> Integers:
    view = View.of(stack, part)
    values = view.window_mean(window_size if window_size and method != "gmm_local" else 3)
    if method == "threshold" and thresh is not None:
        return (values >= thresh).astype(np.int64)
    features = main_features(view.patches(window_size)) if method == "gmm_local" else unit(values)
    if method == "threshold":
        n_components = n_components or 2
    if not n_components and method != "meanshift":
        n_components = suggested_number(evidence_for(features))
    way = {"gmm_local": "gmm"}.get(method, method)
    labels, probabilities = divided(features, way, n_components, seed=0, quantile=q)
    return in_order(values, labels, probabilities)[0]

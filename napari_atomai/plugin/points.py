"""Atoms <-> points: what a Points layer keeps of atoms, and the atoms it stands for. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.atoms import Atoms
from napari_atomai.plugin.layers import KEY, origin_nm, pixel_size_nm
from napari_atomai.workflow.marked import marked_atoms

if TYPE_CHECKING:
    from napari.layers import Points

# Okabe and Ito's colours (https://jfly.uni-koeln.de/color/), told apart by colour-blind readers.
COLOURS = ("#E69F00", "#56B4E9", "#CC79A7", "#009E73", "#F0E442", "#D55E00", "#0072B2")
_HIDDEN = ("frame", "row_px", "col_px", "x_nm", "y_nm")
"""Table columns that follow from a point's place; kept out of features, where they would go stale."""


def coordinates(atoms: Atoms, shape: Sequence[int]) -> NDArray[np.float64]:
    """Points data of atoms: pixel coordinates, with the leading indices of their frame in front."""
    leading = np.unravel_index(atoms.frames, tuple(shape[:-2])) if len(shape) > 2 else ()
    return np.column_stack([*leading, atoms.positions]).astype(np.float64)


def features_of(atoms: Atoms) -> dict[str, NDArray[Any]]:
    """Return the columns that napari keeps with the points."""
    columns = {name: column for name, column in atoms.table().items() if name not in _HIDDEN}
    columns["class"] = columns["class"].astype(object)
    return {**columns, "source": np.full(len(atoms), "model", dtype=object)}


def atoms_of(points: Points) -> Atoms:
    """Return the atoms as a Points layer has them now, edits and calibration included."""
    features = {str(name): np.asarray(points.features[name]) for name in points.features}
    notes = points.metadata.get(KEY, {})
    return marked_atoms(points.data, features, notes, pixel_size_nm(points), origin_nm(points))


def label_colours(labels: NDArray[Any], names: list[str]) -> NDArray[np.float64]:
    """Ring colours (N, 4) of class labels; those that are not among `names` share one more colour."""
    place = {name: i for i, name in enumerate(names)}
    index = np.fromiter((place.get(label, len(names)) for label in labels), np.int64, len(labels))
    return _rgba(len(names) + 1)[index]


def _rgba(count: int) -> NDArray[np.float64]:
    packed = [int(colour[1:], 16) for colour in colours_of(count)]
    rgb = [((c >> 16) / 255, (c >> 8 & 255) / 255, (c & 255) / 255, 1.0) for c in packed]
    return np.array(rgb, dtype=np.float64).reshape(-1, 4)


def colours_of(count: int) -> tuple[str, ...]:
    """One colour for each class, the same in points, class map, counts and table."""
    return tuple(COLOURS[i % len(COLOURS)] for i in range(count))

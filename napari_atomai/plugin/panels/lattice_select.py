"""Select the atoms whose values lie in a range that was dragged over a histogram of the Lattice panel."""

from __future__ import annotations

from functools import partial
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Points
from numpy.typing import NDArray

from napari_atomai.plugin import edits
from napari_atomai.plugin.history import history_of
from napari_atomai.plugin.layers import KEY, uid_of
from napari_atomai.plugin.overlays import in_frames, overlay, take_away
from napari_atomai.plugin.panels.lattice_plot import DISTANCES, HISTOGRAM
from napari_atomai.plugin.points import atoms_of

if TYPE_CHECKING:
    from napari_atomai.plugin.panels.lattice_layers import Measured
    from napari_atomai.workflow.lattice import FrameLattice

CHOSEN = "lattice selection"
_RING, _SIZE = "#F4511E", 0.9  # of the spacing


def can_be_dragged(view: str) -> bool:
    """Tell whether a plot has values along x that belong to atoms."""
    return view == DISTANCES or view.startswith(HISTOGRAM)


def atoms_between(found: FrameLattice, view: str, low: float, high: float) -> NDArray[np.int64]:
    """Return which atoms of a frame (counted within it) have values of a plot in a range.

    Of distances both atoms of a pair are taken.
    """
    if view == DISTANCES:
        inside = (found.pairs.distance >= low) & (found.pairs.distance <= high)
        return np.union1d(found.pairs.first[inside], found.pairs.second[inside])
    from napari_atomai.workflow.lattice_quantities import quantities

    values = quantities(found)[view.removeprefix(HISTOGRAM)].values
    return np.flatnonzero((values >= low) & (values <= high) & (found.lattice.sublattice >= 0))


def name_classes(points: Any, measured: Measured) -> int:
    """Give atoms the classes A, B ... of their sublattices; return how many have one.

    Atoms on no lattice stay what they are. It can be undone as any other change of classes.
    """
    place = {number: row for row, number in enumerate(atoms_of(points).ids.tolist())}
    features, count = points.features.copy(), 0
    if "class" not in features:
        features["class"] = np.full(len(features), "column", object)
    names = list(dict.fromkeys(str(label) for label in features["class"]))
    history = history_of(points) if "id" in features else None
    if history is not None:
        history.commit()
    for part in measured.frames:
        number, own = part.lattice.sublattice, measured.atoms.ids[part.atoms].tolist()
        for k in range(int(number.max(initial=-1)) + 1):
            name = ascii_uppercase[k % len(ascii_uppercase)]
            names += [] if name in names else [name]
            rows = [place[one] for one, its in zip(own, number.tolist(), strict=True) if its == k]
            features.loc[features.index[rows], "class"] = name
            count += len(rows)
    points.metadata.setdefault(KEY, {})["class_names"] = names
    points.features = features
    edits.colour(points)
    if history is not None:
        history.commit()
    return count


def select(
    layers: Any, image: Any, points: Any, measured: Measured, found: FrameLattice, rows: NDArray[np.int64]
) -> None:
    """Select atoms of a frame on their layer, and draw rings around them; none takes the rings away."""
    chosen = measured.atoms.keep(found.atoms[rows])
    points.visible = True
    layers.selection.active = points
    points.mode = "select"
    points.selected_data = set(np.flatnonzero(np.isin(atoms_of(points).ids, chosen.ids)).tolist())
    if not len(rows):
        take_away(layers, CHOSEN, uid_of(image))
        return
    where = in_frames(found.frame, chosen.positions, measured.leading)
    make = partial(Points, where, face_color="transparent", opacity=1.0)
    rings = overlay(layers, CHOSEN, image, make, ndim=where.shape[1])
    rings.selected_data = set()
    rings.data = where
    rings.size = _SIZE * found.lattice.spacing / float(np.mean(found.step))
    rings.face_color, rings.border_color, rings.border_width = "transparent", _RING, 0.12
    rings.name = f"{image.name}: chosen in the histogram"

"""What became of the atoms of a movie, as layers: tracks, states, and the movie without drift. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Points, Tracks
from numpy.typing import NDArray

from napari_atomai.plugin.kept_recipes import note
from napari_atomai.plugin.layers import KEY, find_layer, image_layer_data, notes_of, uid_of
from napari_atomai.plugin.overlays import overlay, take_away
from napari_atomai.plugin.points import colours_of

if TYPE_CHECKING:
    from napari_atomai.data.atoms import Atoms
    from napari_atomai.data.image import Image
    from napari_atomai.data.recipe import Record
    from napari_atomai.workflow.movie import Followed

TRACKS, DOTS = "tracks", "states of atoms"
ROLES = (TRACKS, DOTS)
_STILL, _DRIFT = "without_drift_of", "drift"
_DISC = 0.45  # spacings
_RING, _MARK = 0.3, "#F4511E"


@dataclass(frozen=True, eq=False)
class Traced:
    """What became of the atoms of a movie.

    Parameters
    ----------
    found : Followed
    atoms : Atoms
        As they were.
    record : Record
        With the recipe as the last step.
    image : Image
        The movie.
    """

    found: Followed
    atoms: Atoms
    record: Record
    image: Image

    @property
    def is_movie(self) -> bool:
        """Whether it has frames along one axis, which tracks need."""
        return len(self.image.shape) == 3

    @property
    def shortest(self) -> int:
        """Tracks of fewer sightings are not shown."""
        return int(getattr(self.record.steps[-1], "shortest", 1))

    def places(self, *, still: bool) -> NDArray[np.float64]:
        """Return frame, row, column (N, 3) of all sightings."""
        where = self.found.atoms.positions
        if not still:
            where = self.atoms.positions[self.found.sightings]
        return np.column_stack([self.found.tracks.frames, where])

    def values(self) -> dict[str, NDArray[np.float64]]:
        """Return, by name, the numbers that sightings have."""
        columns = self.found.atoms.features
        told_by = getattr(self.record.steps[-1], "feature", "") or "intensity"
        names = sorted(columns, key=lambda name: name != told_by)  # what states are told by comes first
        numbers = {
            name: np.asarray(columns[name], np.float64) for name in names if columns[name].dtype.kind in "fiu"
        }
        rows, cols = self.found.atoms.positions.T
        return {**numbers, "row without drift, px": rows, "column without drift, px": cols}


def show_tracks(layers: Any, image: Any, traced: Traced, *, still: bool) -> Any:
    """Draw the paths of the atoms, in place of the last ones."""
    tracks = traced.found.tracks
    order = tracks.order()
    order = order[tracks.sizes[tracks.track[order]] >= traced.shortest]
    data = np.column_stack([tracks.track, traced.places(still=still)])[order]
    if not len(data):
        take_away(layers, TRACKS, uid_of(image))
        return None
    features: dict[str, NDArray[Any]] = {"state": traced.found.states[order]}
    features |= {name: values[order] for name, values in traced.values().items() if "drift" not in name}
    make = partial(Tracks, data, features=features, tail_width=3)
    layer = overlay(layers, TRACKS, image, make, ndim=3)
    coloured = layer.color_by
    layer.color_by = "track_id"  # napari warns of a feature that goes with the old data
    layer.data = data
    layer.features = features
    layer.color_by = coloured if coloured in layer.features else "track_id"
    layer.tail_length = max(traced.found.tracks.length, 1)
    layer.name = f"{image.name}: tracks" + (" without drift" if still else "")
    note(layer, traced.record)
    return layer


def show_dots(layers: Any, image: Any, traced: Traced, *, still: bool, size: float) -> Any:
    """Draw discs at the atoms in the colours of their states, in place of the last ones."""
    places, states = traced.places(still=still), traced.found.states
    features = {"state": states, "track": traced.found.tracks.track}
    make = partial(Points, places, features=features, opacity=0.8, border_width=0.0)
    layer = overlay(layers, DOTS, image, make, ndim=3)
    layer.selected_data = set()
    layer.data = places
    layer.features = features
    layer.size = _DISC * size
    layer.face_color = state_rgba(traced)[states]
    layer.name = f"{image.name}: states" + (" without drift" if still else "")
    note(layer, traced.record)
    return layer


def select_dots(layers: Any, uid: str, values: NDArray[Any], low: float, high: float) -> int:
    """Select the sightings of an image whose values lie in a range; return how many, -1 without discs."""
    dots = find_layer(layers, DOTS, uid)
    if dots is None or len(dots.data) != len(values):
        return -1
    chosen = (values >= low) & (values <= high)
    dots.visible = True
    layers.selection.active = dots
    dots.mode = "select"
    dots.selected_data = set(np.flatnonzero(chosen).tolist())
    dots.border_width, dots.border_color = np.where(chosen, _RING, 0.0), _MARK
    return int(chosen.sum())


def state_colours(traced: Traced) -> tuple[str, ...]:
    """Return one colour for each state."""
    return colours_of(max(len(traced.found.counted.counts), 1))


def state_rgba(traced: Traced) -> NDArray[np.float64]:
    """Return the colours (K + 1, 4) of the states; grey for -1."""
    colours = (*state_colours(traced), "#888888")
    return np.array([[int(each[i : i + 2], 16) / 255 for i in (1, 3, 5)] + [1.0] for each in colours])


def still_layer(layers: Any, uid: str) -> Any:
    """Return the layer with an image's movie without drift, or None."""
    return next((layer for layer in layers if notes_of(layer).get(_STILL) == uid), None)


def is_of(layer: Any, traced: Traced) -> bool:
    """Tell whether a layer shows the movie without the drift that was found."""
    return layer is not None and layer.metadata[KEY][_DRIFT] == traced.found.drift.tolist()


def show_still(layers: Any, image: Any, traced: Traced, pixels: NDArray[np.float32]) -> Any:
    """Show the movie without drift as an image of its own, in place of the movie, which is hidden."""
    image.visible = False  # it would be seen where frames have left the field
    name = f"{image.name}: without drift"
    data, options, _ = image_layer_data(replace(traced.image, pixels=pixels, name=name, source=None))
    layer = still_layer(layers, uid_of(image))
    drift = traced.found.drift.tolist()
    if layer is not None:
        layer.data, layer.visible, layer.metadata[KEY][_DRIFT] = data, True, drift
        return layer
    options["metadata"][KEY] |= {_STILL: uid_of(image), _DRIFT: drift}
    layer = ImageLayer(data, **options)
    layer.contrast_limits, layer.colormap = image.contrast_limits, image.colormap
    uid_of(layer)
    active = layers.selection.active
    layers.insert(layers.index(image) + 1, layer)
    layers.selection.active = active
    return layer


def take_all_away(layers: Any, uid: str) -> None:
    """Remove the layers of an image's tracks; the movie without drift stays."""
    for role in ROLES:
        take_away(layers, role, uid)

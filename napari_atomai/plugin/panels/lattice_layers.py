"""What was measured of a lattice, as layers: a map, arrows, and sites. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Points, Vectors
from napari.utils.colormaps import ensure_colormap
from numpy.typing import NDArray

from napari_atomai.plugin.kept_recipes import note
from napari_atomai.plugin.layers import KEY, find_layer, notes_of
from napari_atomai.plugin.overlays import in_frames, overlay, take_away
from napari_atomai.plugin.panels.lattice_select import CHOSEN
from napari_atomai.plugin.points import colours_of

if TYPE_CHECKING:
    from napari_atomai.data.atoms import Atoms
    from napari_atomai.data.image import Image
    from napari_atomai.data.recipe import Record
    from napari_atomai.workflow.lattice import FrameLattice

MAP, ARROWS, SITES = "lattice map", "lattice arrows", "lattice sites"
ROLES = (MAP, ARROWS, SITES)

NONE, UNUSUAL, SUBLATTICES, VALUES = "none", "unusual sites", "sublattices", "values of the map"
_KINDS = {"vacancy": ("square", "#CC79A7"), "brighter": ("triangle_up", "#E69F00")}
_KINDS |= {"dimmer": ("triangle_down", "#56B4E9")}
_SHOWS = "shows"
_CLIP = 97.0  # percentile of the size that fills the scale
_LONGEST = 0.9  # spacings: the longest usual arrow


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured, of what, and how.

    Parameters
    ----------
    frames : list of FrameLattice
    atoms : Atoms
        As they were.
    record : Record
        With the recipe as the last step.
    image : Image
        That they lie in.
    """

    frames: list[FrameLattice]
    atoms: Atoms
    record: Record
    image: Image

    @property
    def leading(self) -> tuple[int, ...]:
        """Shape of the image before its rows and columns."""
        return tuple(self.image.shape[:-2])

    def at(self, frame: int) -> FrameLattice:
        """Return what was measured of a frame; of the first one if that has no lattice."""
        return next((part for part in self.frames if part.frame == frame), self.frames[0])


@dataclass(frozen=True, eq=False)
class Map:
    """Numbers between atoms, and what they are."""

    pixels: NDArray[np.float32]
    step: int
    name: str
    unit: str
    signed: bool


def map_of(measured: Measured, name: str) -> Map | None:
    """Return the map of a quantity, of all frames; None where it is known nowhere. For a worker."""
    from napari_atomai.stat.lattice.strain import COMPONENTS
    from napari_atomai.workflow.lattice_quantities import quantities
    from napari_atomai.workflow.lattice_tables import map_of as interpolated
    from napari_atomai.workflow.lattice_tables import map_step

    step, shape = map_step(measured.frames[0]), measured.image.frame_shape
    count = int(np.prod(measured.leading, dtype=int))
    pixels = np.full((count, *(-(-size // step) for size in shape)), np.nan, np.float32)
    kind = None
    for part in measured.frames:
        values = quantities(part).get(name)
        if values is None:
            continue
        drawn = interpolated(values.values, part, measured.atoms, shape, step, even=name in COMPONENTS)
        if drawn is not None:
            kind, pixels[part.frame] = values, drawn.pixels
    if kind is None:
        return None
    return Map(pixels.reshape(*measured.leading, *pixels.shape[1:]), step, name, kind.unit, kind.signed)


def show_map(layers: Any, image: Any, measured: Measured, drawn: Map) -> Any:
    """Lay a map over the image, in place of the last one."""
    low, high = _limits(drawn.pixels, drawn.signed)
    colours = ensure_colormap("RdBu_r" if drawn.signed else "viridis")
    make = partial(ImageLayer, drawn.pixels, opacity=0.6, blending="translucent")
    layer = overlay(layers, MAP, image, make, ndim=drawn.pixels.ndim, step=drawn.step, low=True)
    layer.data, layer.colormap, layer.contrast_limits_range = drawn.pixels, colours, (low, high)
    layer.contrast_limits = (low, high)
    layer.name = f"{image.name}: {drawn.name}" + (f", {drawn.unit}" if drawn.unit else "")
    layer.colorbar.visible = True
    layer.metadata[KEY][_SHOWS] = drawn.name
    note(layer, measured.record)
    return layer


def show_arrows(layers: Any, image: Any, measured: Measured, name: str, factor: float = 0.0) -> float:
    """Draw arrows, in place of the last ones; return how many times longer than the vectors they are.

    Parameters
    ----------
    layers, image
        The viewer's layers, and the image's.
    measured : Measured
        Of that image.
    name : str
        One of `lattice_quantities.arrows`.
    factor : float
        How many times longer; 0 = so that usual arrows do not reach the next atom.
    """
    from napari_atomai.plots.lattice import direction_colours
    from napari_atomai.workflow.lattice_quantities import arrows

    starts, along = [np.empty((0, len(measured.leading) + 2))], [np.empty((0, 2))]
    for part in measured.frames:
        vectors = arrows(part).get(name)
        if vectors is not None:
            known = np.isfinite(vectors).all(axis=1)
            where = measured.atoms.positions[part.atoms][known]
            starts.append(in_frames(part.frame, where, measured.leading))
            along.append(part.in_pixels(vectors[known]))
    start, vectors = np.concatenate(starts), np.concatenate(along)
    data = np.zeros((len(start), 2, start.shape[1]))
    data[:, 0], data[:, 1, -2:] = start, vectors
    spacing = _spacing(measured)
    sizes = np.linalg.norm(vectors, axis=1)
    usual = float(np.percentile(sizes, _CLIP)) if len(sizes) else 0.0
    factor = factor or (_LONGEST * spacing / usual if usual > 0 else 1.0)
    make = partial(Vectors, data, vector_style="arrow", opacity=1.0)
    layer = overlay(layers, ARROWS, image, make, ndim=data.shape[-1])
    layer.data = data
    layer.features = {"length_px": sizes, "angle_deg": np.degrees(np.arctan2(-vectors[:, 0], vectors[:, 1]))}
    if len(data):
        layer.edge_color = np.column_stack([direction_colours(vectors), np.ones(len(data))])
    layer.length, layer.edge_width = factor, max(0.12 * spacing, 1.0)
    layer.name = f"{image.name}: {name} x {factor:.3g}"
    layer.metadata[KEY][_SHOWS] = name
    note(layer, measured.record)
    return factor


def show_sites(layers: Any, image: Any, measured: Measured, what: str, least: float, name: str = "") -> int:
    """Mark sites, in place of the last ones; return how many.

    Parameters
    ----------
    layers, image
        The viewer's layers, and the image's.
    measured : Measured
        Of that image.
    what : str
        Unusual sites, sublattices, or values of the map called `name`.
    least : float
        Unusual sites less probable than this are left out.
    name : str
        Of a quantity.
    """
    parts = [_sites(part, measured, what, least, name) for part in measured.frames]
    where = np.concatenate([place for place, _, _ in parts])
    features = {key: np.concatenate([part[1][key] for part in parts]) for key in parts[0][1]}
    colours, symbols = (np.concatenate([part[2][k] for part in parts]) for k in (0, 1))
    make = partial(Points, where, features=features, opacity=1.0)
    layer = overlay(layers, SITES, image, make, ndim=where.shape[1])
    layer.selected_data = set()
    layer.data = where
    layer.features = features
    spacing = _spacing(measured)
    layer.size = (0.8 if what == UNUSUAL else 0.4) * spacing
    layer.current_size = layer.size[0] if len(where) else spacing
    if len(where):
        layer.symbol = symbols
        layer.face_color = "transparent" if what == UNUSUAL else colours
        layer.border_color, layer.border_width = colours, 0.12
    layer.name = f"{image.name}: {name if what == VALUES else what}"
    layer.metadata[KEY][_SHOWS] = what
    note(layer, measured.record)
    return len(where)


def take_all_away(layers: Any, uid: str) -> None:
    """Remove the layers of an image's lattice."""
    for role in (*ROLES, CHOSEN):
        take_away(layers, role, uid)


def _sites(part: FrameLattice, measured: Measured, what: str, least: float, name: str) -> Any:
    """Return places, features, and colours with symbols, of the sites of a frame."""
    if what == UNUSUAL:
        return _unusual(part, measured, least)
    where = in_frames(part.frame, measured.atoms.positions[part.atoms], measured.leading)
    symbols = np.full(len(where), "disc", object)
    if what == SUBLATTICES:
        number = part.lattice.sublattice
        palette = _rgba((*colours_of(int(number.max(initial=0)) + 1), "#888888"))  # grey: on no lattice
        return where, {"sublattice": number, "grain": part.lattice.grain}, (palette[number], symbols)
    from napari_atomai.workflow.lattice_quantities import quantities

    values = quantities(part)[name]
    low, high = _limits(values.values, values.signed)
    share = np.clip((values.values - low) / (high - low), 0, 1)
    colours = ensure_colormap("RdBu_r" if values.signed else "viridis").map(np.nan_to_num(share))
    colours[~np.isfinite(values.values)] = 0.0
    return where, {"value": values.values}, (colours, symbols)


def _unusual(part: FrameLattice, measured: Measured, least: float) -> Any:
    """Choose vacancies, and atoms unlike their sublattice; a vacancy of unknown probability counts."""
    sure = part.empty_probability
    gone = np.flatnonzero(part.empty.vacancy & ~(sure < least))
    odd = np.flatnonzero(part.outlier_probability >= least)
    where = np.concatenate(
        [part.in_pixels(part.empty.positions[gone]), measured.atoms.positions[part.atoms[odd]]]
    )
    kinds = ["vacancy"] * len(gone) + ["brighter" if part.outlier_score[i] > 0 else "dimmer" for i in odd]
    features = {
        "kind": np.array(kinds, object),
        "probability": np.concatenate([sure[gone], part.outlier_probability[odd]]),
        "deviations": np.concatenate([np.full(len(gone), np.nan), part.outlier_score[odd]]),
        "sublattice": np.concatenate([part.empty.sublattice[gone], part.lattice.sublattice[odd]]),
    }
    colours = _rgba([_KINDS[kind][1] for kind in kinds])
    symbols = np.array([_KINDS[kind][0] for kind in kinds], object)
    return in_frames(part.frame, where, measured.leading), features, (colours, symbols)


def _rgba(colours: Any) -> NDArray[np.float64]:
    packed = [[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] + [1.0] for colour in colours]
    return np.array(packed, np.float64).reshape(-1, 4)


def _limits(values: NDArray[Any], signed: bool) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    if signed:
        most = _round(float(np.percentile(np.abs(finite), _CLIP)))
        return -most, most
    low, high = np.percentile(finite, [100 - _CLIP, _CLIP]).tolist()
    return low, high if high > low else low + max(abs(low), 1.0) * 1e-6


def _round(size: float) -> float:
    """Return the next larger of 1, 2, 5, 10 ..., so that the ends of a scale bear numbers."""
    if size <= 0:
        return 1e-12
    ten = 10.0 ** np.floor(np.log10(size))
    return float(next(step * ten for step in (1, 2, 5, 10) if step * ten >= size * (1 - 1e-9)))


def _spacing(measured: Measured) -> float:
    first = measured.frames[0]
    return first.lattice.spacing / float(np.mean(first.step))


def shown_of(layers: Any, uid: str) -> dict[str, str]:
    """Return, by role, what the layers of an image's lattice show."""
    there = {role: find_layer(layers, role, uid) for role in ROLES}
    return {role: notes_of(layer).get(_SHOWS, NONE) for role, layer in there.items() if layer is not None}

"""How an image layer gets its pixel size by hand: worked out, applied to all its layers, undone. No Qt.

What was done lies in the image layer's own notes, so that it survives renaming and comes into the record
of every result; the steps that can be undone live as long as the layer.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Shapes
from pydantic import ValidationError

from napari_atomai.data.image import LENGTHS_IN_NM
from napari_atomai.data.recipe import Calibration
from napari_atomai.errors import BadOption
from napari_atomai.plugin.attached import attach, attached
from napari_atomai.plugin.layers import KEY, calibrate, follow, image_of, notes_of, pixel_size_nm, uid_of
from napari_atomai.plugin.measurements import line_width
from napari_atomai.workflow.record import now

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.layers import Layer

    from napari_atomai.stat.fourier import LatticePeak

LINE = "calibration line"
"""Role of the Shapes layer whose line has a known length."""

_NOTE = "calibration"
_MOST = 100  # steps that are kept
_DRAW = "Press Draw line, then press, drag and release along something whose length you know."


# --- what is known of a pixel size --------------------------------------------------------------


def calibration_of(layer: Layer) -> Calibration | None:
    """Return how an image layer came to the pixel size it has now; None where that came with the image."""
    notes, size = layer.metadata.get(KEY, {}), pixel_size_nm(layer)
    how = _read(notes.get(_NOTE))
    if how is not None and _same(how.pixel_size_nm, size):
        return how
    opened = notes.get("pixel_size_nm", size)
    if _same(opened, size):
        return None
    before = None if opened is None else (float(opened[0]), float(opened[1]))
    return Calibration(method="layer", pixel_size_nm=size, before_nm=before)


def _read(note: Any) -> Calibration | None:
    # Metadata may come from anywhere: a saved project, another program.
    try:
        return None if note is None else Calibration.model_validate(note)
    except ValidationError:
        return None


def _same(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is None and other is None
    return bool(np.allclose(one, other, rtol=1e-9, atol=0))


# --- a new pixel size ---------------------------------------------------------------------------


def pixel_ratio(layer: Layer) -> float:
    """Return the height of a pixel over its width; 1 where nothing says that pixels are not square."""
    size = pixel_size_nm(layer)
    if size is not None:
        return size[0] / size[1]
    return abs(float(layer.scale[-2] / layer.scale[-1])) if layer.units[-2] == layer.units[-1] else 1.0


_SIZES = (1e-6, 1e9)
"""Smallest and largest pixel, in nm."""


def number_of(text: str, what: str) -> float:
    """Return what was typed as a positive number.

    Raises
    ------
    BadOption
        In words, with what was typed.
    """
    try:
        value = float(text)
    except ValueError:
        point = f" Write {text.replace(',', '.')} with a point." if "," in text else ""
        typed = f"{text!r} is not a number." if text.strip() else "it is empty."
        raise BadOption(f"{what} is missing: {typed}{point}", remedy="Type a number.") from None
    if not np.isfinite(value) or value <= 0:
        raise BadOption(f"{what} of {text.strip()} is not possible.", remedy="Type a positive number.")
    return value


def in_nm(text: str, unit: str, what: str) -> float:
    """Return a typed length in nm; `unit` in canonical spelling."""
    return number_of(text, what) * LENGTHS_IN_NM[unit]


def line_layer(layers: Any, image: Layer) -> Shapes:
    """Return the layer with the calibration line of an image; make it if there is none."""
    look = {"edge_width": line_width(image), "edge_color": "#ffd54f", "face_color": "transparent"}
    return attach(layers, LINE, image, {"name": f"{image.name}: calibration line", "opacity": 1.0, **look})


def line_px(layers: Any, image: Layer) -> float:
    """Return the length of the selected line, else the last, counted in widths of a pixel of the image.

    Raises
    ------
    BadOption
        If there is none, it is not a straight line, or it has no length.
    """
    shapes = attached(layers, LINE, image)
    if shapes is None or not len(shapes.data):
        raise BadOption("There is no line yet.", remedy=_DRAW)
    chosen = sorted(shapes.selected_data)
    ends = np.asarray(shapes.data[chosen[-1] if chosen else -1], dtype=np.float64)
    if ends.shape != (2, 2):
        raise BadOption("This shape is not a straight line.", remedy=_DRAW)
    rows, columns = ends[1] - ends[0]
    length = float(np.hypot(rows * pixel_ratio(image), columns))
    if not np.isfinite(length) or length < 1:
        raise BadOption(f"The line is {length:.2g} px long: too short to measure by.", remedy=_DRAW)
    return length


def by_line(layers: Any, image: Layer, length_nm: float) -> Calibration:
    """Return the pixel size for which the calibration line of an image has a known length."""
    ratio, length = pixel_ratio(image), line_px(layers, image)
    size = length_nm / length
    return _new(image, "line", (size * ratio, size), known_nm=length_nm, measured_px=length)


def by_lattice(image: Layer, peak: LatticePeak, spacing_nm: float) -> Calibration:
    """Return the pixel size for which a peak stands for lattice planes of a known distance."""
    from napari_atomai.stat.fourier import calibrate_by_lattice

    found = calibrate_by_lattice(image_of(image), peak, spacing_nm)
    period = spacing_nm / found.pixel_size[1]
    measured = {"known_nm": spacing_nm, "measured_px": period, "relative_sd": found.relative_sd}
    return _new(image, "lattice", found.pixel_size, **measured)


def by_typing(image: Layer, size: tuple[float, float] | None) -> Calibration:
    """Return a pixel size (row, column) in nm that was typed; None takes the calibration away."""
    return _new(image, "typed", size)


def _new(image: Layer, method: Any, size: tuple[float, float] | None, **measured: float) -> Calibration:
    before = pixel_size_nm(image)
    if size is not None and not all(_SIZES[0] <= one <= _SIZES[1] for one in size):
        raise BadOption(
            f"A pixel would be {size[0]:.3g} x {size[1]:.3g} nm large.",
            why=f"Microscopes have pixels between {_SIZES[0]:g} and {_SIZES[1]:g} nm.",
            remedy="Check the number and its unit.",
        )
    return Calibration(method=method, pixel_size_nm=size, before_nm=before, time=now(), **measured)


# --- applied and undone -------------------------------------------------------------------------


@dataclass(frozen=True)
class _State:
    """Where the rows and columns of a layer lie, and the note that says why."""

    scale: tuple[float, ...]
    translate: tuple[float, ...]
    units: tuple[str, ...]
    note: dict[str, Any] | None

    def like(self, other: _State) -> bool:
        here, there = (*self.scale, *self.translate), (*other.scale, *other.translate)
        return _same(here, there) and self.units == other.units


@dataclass
class _History:
    states: list[_State] = field(default_factory=list)
    index: int = -1

    def add(self, state: _State) -> None:
        self.states = [*self.states[: self.index + 1], state][-_MOST:]
        self.index = len(self.states) - 1

    def shows(self, state: _State) -> bool:
        return self.index >= 0 and state.like(self.states[self.index])


_histories: weakref.WeakKeyDictionary[Layer, _History] = weakref.WeakKeyDictionary()


def apply(layers: Iterable[Layer], image: Layer, how: Calibration) -> None:
    """Give an image layer another pixel size, and with it every layer that belongs to it.

    Axes before rows and columns stay; the first pixel comes to lie at 0.

    Parameters
    ----------
    layers : napari LayerList
        Where the layers that belong to the image are looked for.
    image : napari Image layer
        Whose pixel size it is.
    how : Calibration
        The pixel size, and how it came about.
    """
    history = _history(image)
    _note(image, how.model_dump(mode="json"))  # before it moves: who hears of the move reads the note
    calibrate(image, 0.0 if how.pixel_size_nm is None else how.pixel_size_nm)
    history.add(_state(image))
    _bring_along(layers, image)


def can_undo(image: Layer) -> bool:
    """Whether the pixel size of an image layer was another one before."""
    history = _histories.get(_bare(image))
    return history is not None and (history.index > 0 or not history.shows(_state(image)))


def can_redo(image: Layer) -> bool:
    """Whether a step was undone, and nothing was changed since."""
    history = _histories.get(_bare(image))
    if history is None or not history.shows(_state(image)):
        return False
    return history.index < len(history.states) - 1


def undo(layers: Iterable[Layer], image: Layer) -> None:
    """Give an image layer the pixel size it had before; nothing happens where there is none."""
    _step(layers, image, -1)


def redo(layers: Iterable[Layer], image: Layer) -> None:
    """Take back an `undo`."""
    _step(layers, image, 1)


def _step(layers: Iterable[Layer], image: Layer, by: int) -> None:
    history = _history(image)
    if not 0 <= history.index + by < len(history.states):
        return
    history.index += by
    state = history.states[history.index]
    _note(image, state.note)
    image.scale = (*image.scale[:-2], *state.scale)
    image.translate = (*image.translate[:-2], *state.translate)
    image.units = (*(str(unit) for unit in image.units[:-2]), *state.units)
    _bring_along(layers, image)


def _history(image: Layer) -> _History:
    """Return the steps of a layer; a change that somebody else has made is a step, too."""
    history = _histories.setdefault(_bare(image), _History())
    state = _state(image)
    if not history.shows(state):
        history.add(state)
    return history


def _bare(layer: Layer) -> Layer:
    bare: Layer = getattr(layer, "__wrapped__", layer)  # napari hands widgets proxies, which live shortly
    return bare


def _state(image: Layer) -> _State:
    return _State(
        tuple(float(x) for x in image.scale[-2:]),
        tuple(float(x) for x in image.translate[-2:]),
        tuple(str(unit) for unit in image.units[-2:]),
        image.metadata.get(KEY, {}).get(_NOTE),
    )


def _note(image: Layer, note: dict[str, Any] | None) -> None:
    uid_of(image)  # from now on the notes are this layer's own, not those of the layer it is a copy of
    if note is None:
        image.metadata[KEY].pop(_NOTE, None)
    else:
        image.metadata[KEY][_NOTE] = note


def _bring_along(layers: Iterable[Layer], image: Layer) -> None:
    uid = uid_of(image)
    for layer in layers:
        if notes_of(layer).get("parent_uid") == uid:
            follow(layer, image)

"""What the Movies panel plots, on axes of matplotlib. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.plugin.panels.lattice_plot import fresh_axes
from napari_atomai.plugin.panels.movies_layers import state_colours
from napari_atomai.plugin.panels.movies_layout import DRIFT, DWELLS, LENGTHS, STATES, TRACK, TRANSITIONS

if TYPE_CHECKING:
    from napari_atomai.plugin.panels.movies_layers import Traced


def draw(canvas: Any, traced: Traced | None, view: str, track: int, value: str) -> None:
    """Draw a plot by its name; nothing without a result."""
    axes = fresh_axes(canvas)
    drawing = {
        DRIFT: lambda found: _drift(axes, found),
        TRANSITIONS: lambda found: _transitions(axes, found),
        DWELLS: lambda found: _dwells(axes, found),
        STATES: lambda found: _states(axes, found, value),
        LENGTHS: lambda found: _lengths(axes, found),
        TRACK: lambda found: _track(axes, found, track, value),
    }
    if traced is not None and view in drawing:
        drawing[view](traced)
    else:
        axes.set_axis_off()  # from 0 to 1 they look like a plot that failed
    canvas.redraw()


def over_time(
    traced: Traced, track: int, value: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return time, value and state (L,) along a track, with NaN and -1 in frames where it was not seen."""
    tracks = traced.found.tracks
    mine = np.flatnonzero(tracks.track == track)
    frames = np.arange(tracks.frames[mine].min(), tracks.frames[mine].max() + 1)
    values, states = np.full(len(frames), np.nan), np.full(len(frames), -1)
    place = tracks.frames[mine] - frames[0]
    values[place], states[place] = traced.values()[value][mine], traced.found.states[mine]
    return frames * traced.found.frame_time, values, states


def _drift(axes: Any, traced: Traced) -> None:
    from napari_atomai.plots.movies import draw_drift

    draw_drift(axes, traced.found.drift)


def _transitions(axes: Any, traced: Traced) -> None:
    from napari_atomai.plots.movies import draw_transitions

    draw_transitions(axes, traced.found.counted)
    axes.set_aspect("auto")  # in a dock there is more room beside the numbers than above them


def _dwells(axes: Any, traced: Traced) -> None:
    from napari_atomai.plots.movies import draw_dwells

    dwells = traced.found.dwells
    draw_dwells(axes, dwells.mean, dwells.low, dwells.high, traced.found.time_unit)


def _states(axes: Any, traced: Traced, value: str) -> None:
    from napari_atomai.plots.lattice import draw_histograms

    values, states = traced.values()[value], traced.found.states
    groups = {f"state {state}": values[states == state] for state in range(int(states.max()) + 1)}
    draw_histograms(axes, groups, state_colours(traced))
    axes.set_xlabel(value)
    axes.set_ylabel("sightings")


def _lengths(axes: Any, traced: Traced) -> None:
    sizes = traced.found.tracks.sizes
    axes.hist(sizes, np.arange(0.5, sizes.max() + 1.5, max(1, sizes.max() // 60)), color="#7570b3")
    axes.set_xlabel("sightings of a track")
    axes.set_ylabel("tracks")


def _track(axes: Any, traced: Traced, track: int, value: str) -> None:
    from napari_atomai.plots.movies import draw_values

    draw_values(axes, *over_time(traced, track, value), state_colours(traced))
    axes.set_title(f"track {track}", fontsize=9)
    axes.set_xlabel("frame" if traced.found.time_unit == "frames" else f"time, {traced.found.time_unit}")
    axes.set_ylabel(value)

"""Nanonis grids (3DS): a spectrum at every place, and the parameters it was measured with."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.shaping import Axes, Part
from napari_atomai.errors import BadImage
from napari_atomai.files import slabs
from napari_atomai.files.channels import (
    Channel,
    damaged,
    known,
    number,
    numbers,
    part,
    quantity,
    scaled,
    scan_axes,
    value_unit,
    whole,
)
from napari_atomai.files.guard import Limits, check_size, in_words
from napari_atomai.files.nanonis import MOST_CHANNELS, NM, header_of, turned

_READER = "nanonis 3ds"


@dataclass(frozen=True)
class _Grid:
    """What the header of a 3DS file says."""

    path: Path
    start: int
    tags: Mapping[str, str]
    shape: tuple[int, int]
    points: int
    parameters: tuple[str, ...]
    channels: tuple[str, ...]

    @property
    def record(self) -> int:
        """Floats that each place of the grid takes."""
        return len(self.parameters) + self.points * len(self.channels)

    @property
    def measured(self) -> int:
        """Places whose floats are whole."""
        return (self.path.stat().st_size - self.start) // (4 * self.record)


class _Block(slabs.Sliced):
    """Some floats of every place of a grid, (n, y, x); NaN where nothing was measured."""

    def __init__(self, grid: _Grid, first: int, count: int) -> None:
        super().__init__((count, *grid.shape), np.dtype(np.float32))
        self.grid, self.first = grid, first

    def box(self, box: slabs.Box) -> NDArray[Any]:
        """Read row by row. The grid is measured from the bottom up, and rows count from the top."""
        inner, rows, columns = box
        grid = self.grid
        found = np.full([piece.stop - piece.start for piece in box], np.nan, np.float32)
        with grid.path.open("rb") as file:
            for i, row in enumerate(range(rows.start, rows.stop)):
                place = (grid.shape[0] - 1 - row) * grid.shape[1] + columns.start
                count = min(columns.stop - columns.start, max(0, grid.measured - place))
                file.seek(grid.start + place * grid.record * 4)
                run = np.fromfile(file, ">f4", count * grid.record).reshape(count, grid.record)
                found[:, i, :count] = run[:, self.first + inner.start : self.first + inner.stop].T
        return found


def read_3ds(path: Path, limits: Limits) -> list[Part]:
    """Read a Nanonis grid: the parameters of every place as pictures, the channels as spectrum images.

    Row 0 is the top, as Nanonis shows it. Places that were not measured, because the grid was stopped, are
    NaN.

    Parameters
    ----------
    path : Path
        A file that exists.
    limits : Limits
        Grids larger than it allows at once are read when they are looked at.

    Returns
    -------
    list of Part
        The topography first, then the other parameters, (y, x) each; then the channels, (n, y, x) with the
        sweep first: one bias, height or frequency after the other.

    Raises
    ------
    CannotRead
        If the header makes no sense or does not fit the size of the file.
    TooLarge
        If one channel exceeds the budget.
    """
    grid = _grid(path)
    rows, columns = grid.shape
    check_size(path.name, (rows, columns, max(1, grid.points)), 4, limits)
    notes = _completeness(grid)
    settings = numbers(grid.tags.get("Grid settings", ""), 5, ";")
    centre_x, centre_y, width, height = (n * NM for n in settings[:4])
    axes = scan_axes(grid.shape, (width, height), (centre_x, centre_y))
    notes += turned(settings[4])
    parts = [*_parameters(grid, axes, notes, limits), *_channels(grid, axes, notes, limits)]
    if not parts:
        raise BadImage(
            f"{path.name} holds {rows} × {columns} places and no channel.", remedy="Choose another file."
        )
    return parts


def _grid(path: Path) -> _Grid:
    header, start = header_of(path, b":HEADER_END:", b"\n")
    tags: dict[str, str] = {}
    for line in header.splitlines():
        key, _, text = line.partition("=")
        tags.setdefault(key.strip(), text.strip().strip('"').strip())
    columns, rows = (whole(n) for n in numbers(tags.get("Grid dim", ""), 2, "x"))
    points, declared, size = (
        whole(number(tags.get(key, "")))
        for key in ("Points", "# Parameters (4 byte)", "Experiment size (bytes)")
    )
    channels = _list(tags.get("Channels", ""))
    names = [*_list(tags.get("Fixed parameters", "")), *_list(tags.get("Experiment parameters", ""))]
    fits = len(channels) * points * 4 == size and max(declared, len(channels)) <= MOST_CHANNELS
    if min(rows, columns) < 1 or not fits:
        raise damaged(
            path,
            f"its header says {rows} × {columns} places with {declared} parameters and {len(channels)} "
            f"channels of {points} points in {size} bytes",
        )
    names = [*names, *[f"Parameter {i}" for i in range(len(names), declared)]][:declared]
    return _Grid(path, start, tags, (rows, columns), points, tuple(names), tuple(channels))


def _list(text: str) -> list[str]:
    return [name.strip() for name in text.split(";") if name.strip()]


def _completeness(grid: _Grid) -> list[str]:
    rows, columns = grid.shape
    size = grid.path.stat().st_size - grid.start
    if grid.record < 1 or grid.measured < 1:
        raise damaged(grid.path, f"no place of its {rows} × {columns} grid is complete ({in_words(size)})")
    if size > rows * columns * grid.record * 4:
        raise damaged(grid.path, f"it holds more than the {rows} × {columns} places its header says")
    if grid.measured == rows * columns:
        return []
    return [f"{grid.measured} of {rows * columns} places were measured: the others are empty (NaN)."]


def _parameters(grid: _Grid, axes: Axes, notes: list[str], limits: Limits) -> list[Part]:
    if min(grid.shape) < 2 or not grid.parameters:  # along a line they are no pictures
        return []
    maps = Channel(_Block(grid, 0, len(grid.parameters)))
    values = maps.read(maps.nbytes > limits.at_once, 1)
    parts = []
    order = sorted(range(len(grid.parameters)), key=lambda i: grid.parameters[i] != "Z (m)")
    for i in order:
        name, given = _name_and_unit(grid.parameters[i])
        if name in ("Sweep Start", "Sweep End"):
            given = _name_and_unit(grid.tags.get("Sweep Signal", ""))[1]
        unit, factor = value_unit(given)
        title = "Z (topography)" if grid.parameters[i] == "Z (m)" else f"{name} (parameter)"
        named = (quantity(name), unit, _READER)
        shown = values[i] * np.float32(factor) if hasattr(values, "compute") else scaled(values[i], factor)
        parts.append(part(shown, axes, title, named, _tags(grid), notes))
    return parts


def _channels(grid: _Grid, axes: Axes, notes: list[str], limits: Limits) -> list[Part]:
    if grid.points < 1:
        return []
    sweep, said = _sweep(grid)
    everything = _Block(grid, 0, grid.record)
    values = None if everything.nbytes > limits.at_once else Channel(everything).read(False)
    single = tuple(i for i in (1, 2) if grid.shape[i - 1] == 1)
    scanned = [{**axis, "navigate": True} for i, axis in enumerate(axes, 1) if i not in single]
    parts = []
    for i, channel in enumerate(grid.channels):
        name, given = _name_and_unit(channel)
        unit, factor = value_unit(given)
        first = len(grid.parameters) + i * grid.points
        if values is None:
            cube = Channel(_Block(grid, first, grid.points), factor).read(True, 1)
        else:
            cube = scaled(values[first : first + grid.points], factor)
        way = "backward" if name.endswith("[bwd]") else "forward"
        name = name.removesuffix("[bwd]").strip()
        named = (quantity(name), unit, _READER)
        parts.append(
            part(
                cube.squeeze(axis=single),
                [sweep, *scanned],
                f"{name} {way}",
                named,
                _tags(grid),
                [*notes, *said],
            )
        )
    return parts


def _sweep(grid: _Grid) -> tuple[dict[str, Any], list[str]]:
    name, given = _name_and_unit(grid.tags.get("Sweep Signal", ""))
    unit, factor = ("nm", NM) if given == "m" else (given, 1.0)
    axis = {"name": name if name == "Bias" else f"{name or 'Sweep'} sweep", "size": grid.points}
    axis |= {"units": unit, "navigate": False}
    first = np.fromfile(grid.path, ">f4", len(grid.parameters), offset=grid.start).astype(float)
    at = {label: float(first[i]) * factor for i, label in enumerate(grid.parameters)}
    start, stop = at.get("Sweep Start", math.nan), at.get("Sweep End", math.nan)
    if grid.tags.get("Filetype", "Linear").casefold() != "linear" or not math.isfinite(start + stop):
        note = f"The steps along {name or 'the sweep'} are not given as a straight line: numbered instead."
        return {**axis, "scale": 1.0, "offset": 0.0, "units": None}, [note]
    return {**axis, "scale": (stop - start) / max(1, grid.points - 1), "offset": start}, []


def _name_and_unit(text: str) -> tuple[str, str]:
    found = re.fullmatch(r"(.*?)\s*\(([^()]*)\)\s*", text)
    return (found[1], found[2]) if found else (text, "")


def _tags(grid: _Grid) -> tuple[Mapping[str, str], dict[str, Any]]:
    when = grid.tags.get("Start time", "").split()
    day = when[0].split(".") if when else []
    date = "-".join(reversed(day)) if len(day) == 3 else ""
    comment = grid.tags.get("Comment", "")
    general = {"date": date, "time": when[1] if len(when) > 1 else "", "comment": comment}
    spm = {
        "experiment": grid.tags.get("Experiment", ""),
        "sweep_signal": grid.tags.get("Sweep Signal", ""),
        "bias_V": number(grid.tags.get("Bias>Bias (V)", "")),
        "scan_angle_deg": numbers(grid.tags.get("Grid settings", ""), 5, ";")[4],
        "places_measured": grid.measured,
    }
    return grid.tags, {"General": dict(known(general)), "Acquisition_instrument": {"SPM": dict(known(spm))}}

"""Tracks, drift and transitions of a movie as tables, pictures and a record in a folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.data.recipe import Record
from napari_atomai.files import export
from napari_atomai.files.tables import Column, write_table
from napari_atomai.workflow.folders import begin
from napari_atomai.workflow.movie import Followed

RECORD = "movie.json"
"""Name of the record; it is written last, so it says that the rest is whole."""


def write_movie(
    found: Followed, atoms: Atoms, record: Record, folder: Path, *, image: Image | None = None
) -> list[Path]:
    """Write what became of the atoms of a movie.

    Parameters
    ----------
    found : Followed
        Their tracks and states.
    atoms : Atoms
        Where they were seen, drift and all.
    record : Record
        How they came about; numbers and notes are added.
    folder : Path
        Where to; made when it is not there.
    image : Image, optional
        The movie, whose first frame lies under the paths.

    Returns
    -------
    list of Path
        tracks.csv (a line for each sighting), track_ends.csv, drift.csv, transitions.csv, dwell_times.csv,
        figures as PNG, movie.json.

    Raises
    ------
    SaveFailed
        If a file could not be written.
    """
    begin(folder, RECORD)
    names = ("tracks.csv", "track_ends.csv", "drift.csv", "transitions.csv", "dwell_times.csv")
    paths = [folder / name for name in names]
    export.write_csv(_sightings(found, atoms), paths[0])
    tables = (_ends(found), _drift(found), _transitions(found), _dwells(found))
    for path, table in zip(paths[1:], tables, strict=True):
        write_table(table, path)
    paths += _draw(found, image, folder)
    update = {"notes": (*record.notes, *found.notes), "measured": {**record.measured, **numbers(found)}}
    paths.append(folder / RECORD)
    export.write_text(record.model_copy(update=update).to_json(), paths[-1])
    return paths


def numbers(found: Followed) -> dict[str, float]:
    """Return what was found in a few numbers, by name."""
    tracks = found.tracks
    return {
        "frames": tracks.length,
        "tracks": len(tracks),
        "reach_px": tracks.reach,
        "births": int(tracks.births().sum()),
        "deaths": int(tracks.deaths().sum()),
        "states": len(found.counted.counts),
        "transitions": int(found.counted.counts.sum()),
    }


def _sightings(found: Followed, atoms: Atoms) -> Atoms:
    still, seen = found.atoms.positions, atoms.keep(found.sightings)
    features = {
        **seen.features,
        "track": found.tracks.track,
        "state": found.states,
        "row_without_drift_px": still[:, 0],
        "col_without_drift_px": still[:, 1],
    }
    return replace(seen, features=features).keep(found.tracks.order())


def _ends(found: Followed) -> dict[str, Column]:
    tracks = found.tracks
    return {
        "track": np.arange(len(tracks)),
        "first_frame": tracks.first,
        "last_frame": tracks.last,
        "sightings": tracks.sizes,
        "frames_out_of_sight": tracks.gaps,
    }


def _drift(found: Followed) -> dict[str, Column]:
    drift = found.drift
    return {"frame": np.arange(len(drift)), "row_px": drift[:, 0], "col_px": drift[:, 1]}


def _transitions(found: Followed) -> dict[str, Column]:
    counted = found.counted
    before, after = np.indices(counted.counts.shape)
    return {
        "from_state": before.ravel(),
        "to_state": after.ravel(),
        "count": counted.counts.ravel(),
        "probability": counted.probability.ravel(),
        "low_95": counted.low.ravel(),
        "high_95": counted.high.ravel(),
    }


def _dwells(found: Followed) -> dict[str, Column]:
    dwells, unit = found.dwells, found.time_unit
    return {
        "state": np.arange(len(dwells.mean)),
        f"mean_{unit}": dwells.mean,
        f"low_95_{unit}": dwells.low,
        f"high_95_{unit}": dwells.high,
        "stays": dwells.stays,
        "seen_to_end": dwells.left,
    }


def _draw(found: Followed, image: Image | None, folder: Path) -> list[Path]:
    # matplotlib is loaded here, not with the module: who only reads records does not wait for it.
    from napari_atomai import plots
    from napari_atomai.plots import movies as drawn

    atoms, tracks = found.atoms, found.tracks
    order, cuts = tracks.order(), np.cumsum(tracks.sizes)[:-1]
    paths = [path for path in np.split(atoms.positions[order], cuts) if len(path) > 1]
    high, wide = np.ceil(atoms.positions.max(axis=0)).astype(int).tolist()
    pixels = np.zeros((max(high, 1) + 1, max(wide, 1) + 1)) if image is None else image.frame(0)
    size = atoms.pixel_size if image is None else image.pixel_size
    figures = {
        "paths": drawn.path_figure(paths, pixels, size, f"{len(paths)} paths, without drift"),
        "drift": drawn.drift_figure(found.drift),
        "transitions": drawn.transition_figure(found.counted),
    }
    for name, figure in figures.items():
        plots.save_figure(figure, folder / f"{name}.png")
    return [folder / f"{name}.png" for name in figures]

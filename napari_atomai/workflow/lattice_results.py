"""What was measured of a lattice, as tables, calibrated maps, pictures and a record in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.data.recipe import Record
from napari_atomai.data.recipes_lattice import MeasureLattice
from napari_atomai.files import export, writing
from napari_atomai.files.tables import Column, write_table
from napari_atomai.stat.lattice.strain import COMPONENTS
from napari_atomai.workflow.folders import begin
from napari_atomai.workflow.lattice import FrameLattice
from napari_atomai.workflow.lattice_tables import columns, maps, numbers

RECORD = "lattice.json"
"""Name of the record; it is written last, so it says that the rest is whole."""


def write_lattice(
    found: Sequence[FrameLattice],
    atoms: Atoms,
    record: Record,
    folder: Path,
    *,
    image: Image | None = None,
    hspy: bool = False,
) -> list[Path]:
    """Write the lattice of an image or a movie.

    Parameters
    ----------
    found : sequence of FrameLattice
        Of each frame.
    atoms : Atoms
        Those that were measured.
    record : Record
        How they came about, with the recipe; cell parameters of the first frame and notes are added.
    folder : Path
        Where to; made when it is not there.
    image : Image, optional
        Picture under the figures.
    hspy : bool
        Write the maps of the first frame for HyperSpy, too.

    Returns
    -------
    list of Path
        lattice.csv (a line for each atom), distances.csv, vacancies.csv, maps of the first frame as TIFF
        (exx, eyy, exy, rotation, polarisation_row, polarisation_column), figures as PNG, lattice.json.

    Raises
    ------
    SaveFailed
        If a file could not be written.
    """
    begin(folder, RECORD, ("*.tif", "*.png", "*.hspy"))
    first = found[0]
    step = next((each.map_step for each in record.steps if isinstance(each, MeasureLattice)), 0)
    made = maps(first, atoms, _shape(atoms, image), step)
    paths = [folder / name for name in ("lattice.csv", "distances.csv", "vacancies.csv")]
    export.write_csv(_with_features(found, atoms), paths[0])
    write_table(_distances(found, atoms), paths[1])
    write_table(_vacancies(found), paths[2])
    for name, each in made.items():
        paths.append(folder / f"{name}.tif")
        export.write_tiff(each.pixels, paths[-1], each.pixel_size)
    if hspy and made:
        paths.append(folder / "lattice.hspy")
        writing.write_hspy(list(made.values()), paths[-1], overwrite=True)
    paths += _draw(first, atoms, image, made, folder)
    notes = dict.fromkeys(note for part in found for note in part.notes)
    update = {"notes": (*record.notes, *notes), "measured": {**record.measured, **numbers(first)}}
    paths.append(folder / RECORD)
    export.write_text(record.model_copy(update=update).to_json(), paths[-1])
    return paths


def _shape(atoms: Atoms, image: Image | None) -> tuple[int, int]:
    if image is not None:
        return image.frame_shape
    high, wide = np.ceil(atoms.positions.max(axis=0)).astype(int).tolist()
    return max(high, 1) + 1, max(wide, 1) + 1


def _with_features(found: Sequence[FrameLattice], atoms: Atoms) -> Atoms:
    features = dict(atoms.features)
    for part in found:
        for name, values in columns(part, len(atoms)).items():
            earlier = features.get(name)
            mine = np.zeros(len(atoms), bool)
            mine[part.atoms] = True
            features[name] = values if earlier is None else np.where(mine, values, earlier)
    return replace(atoms, features=features)


def _distances(found: Sequence[FrameLattice], atoms: Atoms) -> dict[str, Column]:
    unit = found[0].unit
    rows: dict[str, list[np.ndarray]] = {}
    for part in found:
        pairs, ids = part.pairs, atoms.ids[part.atoms]
        values = {
            "frame": np.full(len(pairs.first), part.frame),
            "first": ids[pairs.first],
            "second": ids[pairs.second],
            "sublattice": part.lattice.sublattice[pairs.first],
            "along": np.array(["a", "b"])[pairs.step],
            f"distance_{unit}": pairs.distance,
            f"distance_sd_{unit}": pairs.distance_sd,
            "angle_deg": pairs.angle,
        }
        for name, column in values.items():
            rows.setdefault(name, []).append(column)
    return {name: np.concatenate(parts) for name, parts in rows.items()}


def _vacancies(found: Sequence[FrameLattice]) -> dict[str, Column]:
    rows: dict[str, list[np.ndarray]] = {}
    for part in found:
        where = part.in_pixels(part.empty.positions)
        values = {
            "frame": np.full(len(part.empty), part.frame),
            "row_px": where[:, 0],
            "col_px": where[:, 1],
            "grain": part.empty.grain,
            "sublattice": part.empty.sublattice,
            "empty_neighbours": part.empty.size,
            "kind": np.where(part.empty.vacancy, "vacancy", "hole"),
            "probability": part.empty_probability,
        }
        for name, column in values.items():
            rows.setdefault(name, []).append(column)
    return {name: np.concatenate(parts) for name, parts in rows.items()}


def _draw(
    first: FrameLattice, atoms: Atoms, image: Image | None, made: dict[str, Image], folder: Path
) -> list[Path]:
    # matplotlib is loaded here, not with the module: who only reads records does not wait for it.
    from napari_atomai import plots
    from napari_atomai.plots import lattice as drawn

    where = atoms.positions[first.atoms]
    pixels = None if image is None else image.frame(first.frame)
    size = atoms.pixel_size if image is None else image.pixel_size
    figures = {
        "displacement": drawn.vector_figure(
            where, first.in_pixels(first.local.displacement), pixels, size, "displacement from the neighbours"
        ),
        "distances": drawn.distance_figure(first.pairs.distance, first.pairs.step, first.unit),
        "angles": drawn.rose_figure(first.pairs.angle, "directions of neighbours"),
    }
    strains = {name: each.pixels for name, each in made.items() if name in COMPONENTS}
    if strains:
        figures["strain"] = drawn.map_figure(strains)
    if first.polarisation is not None and np.isfinite(first.polarisation.vectors).any():
        figures["polarisation"] = drawn.vector_figure(
            where, first.in_pixels(first.polarisation.vectors), pixels, size, "polar displacement"
        )
        figures["polarisation_rose"] = drawn.rose_figure(first.polarisation.angle, "polar displacement")
    for name, figure in figures.items():
        plots.save_figure(figure, folder / f"{name}.png")
    return [folder / f"{name}.png" for name in figures]

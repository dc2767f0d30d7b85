"""What varies in patches, as tables, arrays, figures, the model and a record in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.files.atomic import replacing, write_text
from napari_atomai.files.export import write_csv
from napari_atomai.files.tables import write_table
from napari_atomai.workflow.folders import begin
from napari_atomai.workflow.latent import Latents

RECORD = "latent.json"
"""Name of the record; it is written last, so it says that the rest is whole."""

ARRAYS, TABLE, MODEL = "latent.h5", "latents.csv", "model.safetensors"


def write_latents(found: Latents, folder: Path) -> list[Path]:
    """Write what was found of an image or a movie.

    Parameters
    ----------
    found : Latents
        All of it.
    folder : Path
        Where to; made when it is not there.

    Returns
    -------
    list of Path
        latents.csv (a line for each atom), latent.h5 (patches, latents, manifolds), training.csv and
        model.safetensors of an autoencoder, figures as PNG, latent.json.

    Raises
    ------
    SaveFailed
        If a file could not be written.
    """
    begin(folder, RECORD, ("*.png", MODEL, "training.csv"))
    write_csv(found.atoms, folder / TABLE)
    _write_arrays(found, folder / ARRAYS)
    names = [TABLE, ARRAYS]
    save = getattr(found.decoder, "save_model", None)
    if save is not None:
        save(folder / MODEL, training=False)
        names.append(MODEL)
    if found.history:
        cycles = range(1, 1 + max(len(values) for values in found.history.values()))
        write_table({"cycle": list(cycles), **found.history}, folder / "training.csv")
        names.append("training.csv")
    names += _draw(found, folder)
    write_text(found.record.to_json(), folder / RECORD)
    return [folder / name for name in (*names, RECORD)]


def _write_arrays(found: Latents, path: Path) -> None:
    import h5py

    centres = found.cut.motifs.centres
    arrays: dict[str, NDArray[Any]] = {
        "patches": found.patches,
        "positions_px": centres.positions,
        "frames": centres.frames,
        "ids": centres.ids,
        "latent/mean": found.latent.mean,
        "latent/sd": found.latent.sd,
        "manifold/images": np.stack([each.images for each in found.manifolds]),
        "manifold/first": found.manifolds[0].first,
        "manifold/second": found.manifolds[0].second,
    }
    arrays |= {f"columns/{name}": values for name, values in found.columns().items()}
    with replacing(path) as part, h5py.File(part, "w") as file:
        for name, values in arrays.items():
            file.create_dataset(name, data=values, compression="gzip" if values.size > 1000 else None)
        file.attrs["record"] = found.record.to_json()


def _draw(found: Latents, folder: Path) -> list[str]:
    # matplotlib is loaded here, not with the module: who only reads records does not wait for it.
    from napari_atomai.plots import latent as drawn
    from napari_atomai.plots import save_figure

    centres = found.cut.motifs.centres
    columns, (x, y) = found.columns(), plane_of(found)
    points = np.column_stack([columns[x], columns[y]])
    shown = "cluster" if found.clusters is not None else "z1"
    figures = {
        "scatter": drawn.scatter_figure(points, columns[shown], kind_of(shown), (x, y, shown)),
        **{
            f"manifold{'' if number == 1 else f'_{number}'}": drawn.manifold_figure(each)
            for number, each in enumerate(found.manifolds, start=1)
        },
    }
    frame = int(centres.frames[0])
    here = centres.frames == frame
    for name in (f"z{number + 1}" for number in range(found.latent.mean.shape[1])):
        figures[f"map_{name}"] = _map(found, frame, here, name)
    for name in ("angle_rad", "latent_class", "cluster"):
        if name in columns:
            figures[f"map_{name.removesuffix('_rad')}"] = _map(found, frame, here, name)
    if found.clusters is not None:
        labels = found.clusters.labels
        numbers = np.unique(labels[labels > 0]).tolist()
        means = [found.mean_patch(labels == number) for number in numbers]
        titles = [f"{number}: {(labels == number).sum():,}" for number in numbers]
        if means:
            figures["clusters"] = drawn.means_figure(np.stack(means), titles)
    if found.history:
        figures["training"] = drawn.curves_figure(found.history)
    for name, figure in figures.items():
        save_figure(figure, folder / f"{name}.png")
    return [f"{name}.png" for name in figures]


def _map(found: Latents, frame: int, here: NDArray[np.bool_], name: str) -> Any:
    from napari_atomai.plots.latent import places_figure

    image = found.cut.image
    return places_figure(
        np.asarray(image.frame(frame), np.float64),
        found.cut.motifs.centres.positions[here],
        found.columns()[name][here],
        kind_of(name),
        name,
        pixel_size=image.pixel_size,
    )


def plane_of(found: Latents) -> tuple[str, str]:
    """Return which columns a scatter shows: x and y as in the manifold."""
    several = found.latent.mean.shape[1] > 1
    other = "angle_rad" if found.latent.angle is not None else "z1"
    return ("z2", "z1") if several else ("z1", other)


def kind_of(name: str) -> str:
    """Return whether a column holds numbers, an angle, or classes."""
    if name == "angle_rad":
        return "angle"
    return "class" if name in ("cluster", "latent_class") else "number"

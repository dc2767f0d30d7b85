"""Components as files in a folder: tables, calibrated maps, figures and the record."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.image import Image
from napari_atomai.files.atomic import write_text
from napari_atomai.files.export import write_csv, write_tiff
from napari_atomai.workflow.components import Surroundings
from napari_atomai.workflow.folders import begin, table
from napari_atomai.workflow.unmix import Spectra

COMPONENTS = "components.json"
"""Name of the record of `write_surroundings`; it is written last, so it says that the rest is whole."""

UNMIXED = "unmixed.json"
"""Name of the record of `write_spectra`."""

_MAPS = "map_[0-9]*.tif"


def write_surroundings(found: Surroundings, folder: str | Path) -> list[Path]:
    """Write loadings.csv, scree.csv, components.tif, map_1.tif ..., three figures, and components.json.

    Positions in loadings.csv are in pixels and nm; maps are (y, x), of a movie (t, y, x), and NaN where no
    atom is near. Figures show the first frame.

    Raises
    ------
    SaveFailed
        If a file could not be written.
    """
    # matplotlib is loaded here, not with the module: who only reads records does not wait for it.
    from napari_atomai.plots import save_figure
    from napari_atomai.plots.components import components_figure, maps_figure, scree_figure

    folder = Path(folder)
    begin(folder, COMPONENTS, (_MAPS,))
    write_csv(found.atoms, folder / "loadings.csv")
    pictures = found.components.components.astype(np.float32)
    write_tiff(pictures, folder / "components.tif", found.image.pixel_size)
    names = ["loadings.csv", "components.tif", *_write_scree(found.shares, folder)]
    first = []
    for k in range(len(pictures)):
        loading = found.map(k)
        first.append(loading.frame(0))
        names.append(_write_map(loading, k, folder))
    size = found.image.pixel_size
    figures = {
        "components.png": components_figure(found.components, pixel_size=size),
        "maps.png": maps_figure(np.stack(first), size if size is None else loading.pixel_size),
        "scree.png": scree_figure(found.shares, found.suggested),
    }
    for name, figure in figures.items():
        save_figure(figure, folder / name)
    write_text(found.record.to_json(), folder / COMPONENTS)
    return [folder / name for name in (*names, *figures, COMPONENTS)]


def write_spectra(found: Spectra, folder: str | Path) -> list[Path]:
    """Write spectra.csv, scree.csv, map_1.tif ..., two figures, and unmixed.json.

    The first column of spectra.csv is the position of each channel, the others are the components.

    Raises
    ------
    SaveFailed
        If a file could not be written.
    """
    from napari_atomai.plots import save_figure
    from napari_atomai.plots.components import scree_figure, spectra_figure

    unmixed = found.unmixed
    folder = Path(folder)
    begin(folder, UNMIXED, (_MAPS,))
    heads = [f"energy_{unmixed.unit}", *(f"component_{k + 1}" for k in range(len(unmixed.spectra)))]
    rows = np.column_stack([unmixed.energy, unmixed.spectra.T]).tolist()
    write_text(table(heads, rows), folder / "spectra.csv")
    names = ["spectra.csv", *_write_scree(found.shares, folder)]
    for k, pixels in enumerate(unmixed.maps.pixels):
        names.append(_write_map(Image(pixels, unmixed.maps.axes[1:]), k, folder))
    figures = {
        "unmixed.png": spectra_figure(
            unmixed.energy,
            unmixed.components,
            unmixed.maps.pixels,
            unit=unmixed.unit,
            pixel_size=found.image.pixel_size,
        ),
        "scree.png": scree_figure(found.shares, found.suggested),
    }
    for name, figure in figures.items():
        save_figure(figure, folder / name)
    write_text(found.record.to_json(), folder / UNMIXED)
    return [folder / name for name in (*names, *figures, UNMIXED)]


def _write_scree(shares: NDArray[np.float64], folder: Path) -> list[str]:
    rows = list(enumerate(shares.tolist(), 1))
    write_text(table(("component", "share_of_variance"), rows), folder / "scree.csv")
    return ["scree.csv"]


def _write_map(loading: Image, component: int, folder: Path) -> str:
    name = f"map_{component + 1}.tif"
    pixels = np.asarray(loading.pixels, np.float32)
    pages = pixels if pixels.ndim == 2 else pixels.reshape(-1, *pixels.shape[-2:])
    write_tiff(pages, folder / name, loading.pixel_size)
    return name

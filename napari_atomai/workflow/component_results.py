"""Components as files in a folder: tables, calibrated maps, figures and the record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.image import Image
from napari_atomai.files.atomic import write_text
from napari_atomai.files.export import write_csv, write_tiff
from napari_atomai.files.writing import write_hspy
from napari_atomai.workflow.components import Surroundings
from napari_atomai.workflow.folders import begin, table
from napari_atomai.workflow.local_order import OrderMaps
from napari_atomai.workflow.unmix import Spectra

COMPONENTS = "components.json"
"""Name of the record of `write_surroundings`; it is written last, so it says that the rest is whole."""

UNMIXED = "unmixed.json"
"""Name of the record of `write_spectra`."""

ORDER = "local_order.json"
"""Name of the record of `write_order`."""

_MAPS = "map_[0-9]*.tif"
_WITHIN = "within.tif"


def write_surroundings(found: Surroundings, folder: str | Path) -> list[Path]:
    """Write loadings.csv, scree.csv, components.tif, map_1.tif ..., maps.hspy, figures, and components.json.

    Of "pca_gmm" within.tif has the principal components within each class, those of the first class first.
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
    begin(folder, COMPONENTS, (_MAPS, _WITHIN))
    write_csv(found.atoms, folder / "loadings.csv")
    pictures = found.components.components.astype(np.float32)
    write_tiff(pictures, folder / "components.tif", found.image.pixel_size)
    names = ["loadings.csv", "components.tif", *_write_scree(found.shares, folder)]
    within = [own.components for own in found.components.within if len(own.components)]
    if within:
        write_tiff(np.concatenate(within).astype(np.float32), folder / _WITHIN, found.image.pixel_size)
        names.append(_WITHIN)
    maps = [found.map(k) for k in range(len(pictures))]
    names += _write_maps(maps, folder)
    size = found.image.pixel_size
    figures = {
        "components.png": components_figure(found.components, pixel_size=size),
        "maps.png": maps_figure(np.stack([one.frame(0) for one in maps]), size and maps[0].pixel_size),
        "scree.png": scree_figure(found.shares, found.suggested),
    }
    for name, figure in figures.items():
        save_figure(figure, folder / name)
    write_text(found.record.to_json(), folder / COMPONENTS)
    return [folder / name for name in (*names, *figures, COMPONENTS)]


def write_spectra(found: Spectra, folder: str | Path) -> list[Path]:
    """Write spectra.csv, scree.csv, map_1.tif ..., maps.hspy, two figures, and unmixed.json.

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
    names += _write_maps(maps_of(unmixed.maps), folder)
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


def write_order(found: OrderMaps, folder: str | Path) -> list[Path]:
    """Write amplitudes.hspy, scree.csv, map_1.tif ..., maps.hspy, three figures, and local_order.json.

    amplitudes.hspy has the Fourier amplitudes of the components with their axes in 1/nm.

    Raises
    ------
    SaveFailed
        If a file could not be written.
    """
    from napari_atomai.plots import save_figure
    from napari_atomai.plots.components import maps_figure, order_figure, scree_figure

    order, folder = found.order, Path(folder)
    begin(folder, ORDER, (_MAPS,))
    amplitudes = Image(
        order.components.components.astype(np.float32),
        (order.maps.axes[0], *order.frequencies),
        name=f"{found.image.name}: amplitudes",
    )
    write_hspy([amplitudes], folder / "amplitudes.hspy", overwrite=True)
    maps = maps_of(order.maps)
    names = ["amplitudes.hspy", *_write_scree(order.shares, folder), *_write_maps(maps, folder)]
    figures = {
        "amplitudes.png": order_figure(order.components, order.edges, order.frequencies[0].unit),
        "maps.png": maps_figure(np.asarray(order.maps.pixels), maps[0].pixel_size),
        "scree.png": scree_figure(order.shares, order.suggested),
    }
    for name, figure in figures.items():
        save_figure(figure, folder / name)
    write_text(found.record.to_json(), folder / ORDER)
    return [folder / name for name in (*names, *figures, ORDER)]


def _write_scree(shares: NDArray[np.float64], folder: Path) -> list[str]:
    rows = list(enumerate(shares.tolist(), 1))
    write_text(table(("component", "share_of_variance"), rows), folder / "scree.csv")
    return ["scree.csv"]


def maps_of(stack: Image) -> list[Image]:
    """Return maps (K, y, x) one by one."""
    return [
        Image(pixels, stack.axes[1:], name=f"{stack.name}: component {k + 1}", quantity=stack.quantity)
        for k, pixels in enumerate(np.asarray(stack.pixels, np.float32))
    ]


def _write_maps(maps: Sequence[Image], folder: Path) -> list[str]:
    """Write each map as TIFF, and all of them for HyperSpy; return the names."""
    names = []
    for k, loading in enumerate(maps):
        names.append(f"map_{k + 1}.tif")
        pixels = np.asarray(loading.pixels, np.float32)
        pages = pixels if pixels.ndim == 2 else pixels.reshape(-1, *pixels.shape[-2:])
        write_tiff(pages, folder / names[-1], loading.pixel_size)
    write_hspy(maps, folder / "maps.hspy", overwrite=True)
    return [*names, "maps.hspy"]

"""AtomAI's names for unmixing and local order; no mathematics of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from napari_atomai.data.image import Axis, Image
from napari_atomai.errors import BadImage, BadOption
from napari_atomai.stat.components import Components, decompose
from napari_atomai.stat.windows import LocalOrder, local_order

Matrix = NDArray[Any]


class SpectralUnmixer:
    """Component spectra and abundance maps of a cube of spectra.

    `stat.unmix` does it for spectrum images with axes, and leaves pixels out.

    Parameters
    ----------
    method : str
        "nmf", "pca", "ica" or "gmm" (in the space of at most 20 principal components).
    n_components : int
        How many.
    normalize : bool
        Whether each spectrum is divided by its sum before; abundances are multiplied by it again.
    noise : str
        "poisson" weights counts so that their noise is uniform.
    offset : float
        Added to all values, for NMF of data that reach below zero; they are not shifted unasked.
    random_state : int
        Seed.

    Attributes
    ----------
    components_ : array, shape (K, E)
    abundance_maps_ : array, shape (h, w, K)
    result : Components
        All that is known, after `fit`.
    figure : Figure
        After `plot_results`.
    """

    def __init__(
        self,
        method: str = "nmf",
        n_components: int = 4,
        normalize: bool = False,
        *,
        noise: str = "uniform",
        offset: float = 0.0,
        random_state: int = 1,
    ) -> None:
        self.method, self.n_components, self.normalize = method, n_components, normalize
        self.noise, self.offset, self.random_state = noise, offset, random_state
        self.result: Components | None = None
        self.components_: Matrix | None = None
        self.abundance_maps_: Matrix | None = None
        self.figure: Any = None

    def fit(self, hspy_data: ArrayLike) -> tuple[Matrix, Matrix]:
        """Unmix a cube (h, w, E); return components (K, E) and abundance maps (h, w, K).

        Raises
        ------
        BadImage
            If it is no such cube, or holds values that the method cannot take.
        BadOption
            If there are fewer spectra or channels than components.
        """
        cube = np.asarray(hspy_data)
        if cube.ndim != 3:
            raise BadImage(f"The cube has shape {cube.shape}.", remedy="Give (h, w, E): spectra come last.")
        spectra = cube.reshape(-1, cube.shape[-1])
        sums = np.ones((len(spectra), 1))
        if self.normalize:
            sums = spectra.sum(axis=1, keepdims=True, dtype=np.float64)
            sums[sums == 0] = 1  # nothing was measured there
            spectra = spectra / sums
        found = decompose(
            spectra,
            self.method,
            self.n_components,
            noise=self.noise,
            offset=self.offset,
            seed=self.random_state,
        )
        self.result, self.components_ = found, found.components
        maps: Matrix = (found.loadings * sums).reshape(*cube.shape[:2], -1)
        self.abundance_maps_ = maps
        return found.components, maps

    def plot_results(self, x_axis_vals: ArrayLike | None = None, x_axis_units: str | None = None) -> Any:
        """Return a figure of each component over its map; no window opens."""
        if self.result is None or self.abundance_maps_ is None:
            raise BadOption("Nothing has been unmixed yet.", remedy="Call fit first.")
        from napari_atomai.plots.components import spectra_figure

        channels = np.arange(self.result.components.shape[1])
        energy = channels if x_axis_vals is None else np.asarray(x_axis_vals)
        maps = np.moveaxis(self.abundance_maps_, -1, 0)
        self.figure = spectra_figure(energy, self.result, maps, unit=x_axis_units or "channel")
        return self.figure


class SlidingFFTNMF:
    """Components of the Fourier amplitudes of windows that slide over an image.

    `stat.local_order` does it for images with axes, and gives frequencies in 1/nm. Windows are always faded
    out towards their border (Hann), lose their mean, and their amplitudes are taken without a logarithm.

    Parameters
    ----------
    window_size_x, window_size_y : int, optional
        Rows and columns (AtomAI's x runs along rows) of a window in pixels.
    window_step_x, window_step_y : int, optional
        Rows and columns between windows.
    interpolation_factor : int
        How much finer components are returned than they are known.
    zoom_factor : float
        Frequencies up to 1 / zoom_factor of the highest are used.
    components : int
        How many.

    Attributes
    ----------
    result : LocalOrder
        All that is known, after `analyze_image`.
    """

    def __init__(
        self,
        window_size_x: int | None = None,
        window_size_y: int | None = None,
        window_step_x: int | None = None,
        window_step_y: int | None = None,
        interpolation_factor: int = 2,
        zoom_factor: float = 2,
        components: int = 4,
    ) -> None:
        self.window = _pair("window_size", window_size_x, window_size_y)
        self.step = _pair("window_step", window_step_x, window_step_y)
        self.interpolation_factor, self.zoom_factor = interpolation_factor, zoom_factor
        self.components = components
        self.result: LocalOrder | None = None

    def analyze_image(self, image_input: ArrayLike | Image) -> tuple[Matrix, Matrix]:
        """Return components (K, v, u) and abundances (K, rows, columns); no file is written.

        Raises
        ------
        BadImage
            If it is not one picture of finite numbers.
        BadOption
            If windows do not fit it, or there are fewer of them than components.
        """
        image = image_input
        if not isinstance(image, Image):
            image = Image(np.asarray(image_input), (Axis("y"), Axis("x")))
        found = local_order(image, self.components, window=self.window, step=self.step, zoom=self.zoom_factor)
        self.result = found
        finer = (1, self.interpolation_factor, self.interpolation_factor)
        components: Matrix = ndimage.zoom(found.components.components, finer, order=1)
        return components, np.asarray(found.maps.pixels)


def _pair(name: str, rows: int | None, columns: int | None) -> tuple[int, int] | None:
    if (rows is None) != (columns is None):
        raise BadOption(
            f"Only one of {name}_x and {name}_y is given.",
            remedy="Give both, or neither to have them chosen.",
        )
    return None if rows is None or columns is None else (rows, columns)

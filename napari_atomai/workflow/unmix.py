"""From a spectrum image to component spectra and abundance maps, with the record."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.image import Image
from napari_atomai.data.progress import Progress
from napari_atomai.data.recipe import Record
from napari_atomai.data.recipes_statistics import Unmix
from napari_atomai.errors import BadImage, BadOption
from napari_atomai.stat.scree_plot import suggested_number
from napari_atomai.stat.unmixing import Unmixed, spectra_scree, unmixing
from napari_atomai.workflow.components import MOST
from napari_atomai.workflow.record import new_record


@dataclass(frozen=True, eq=False)
class Spectra:
    """A spectrum image unmixed.

    Parameters
    ----------
    unmixed : Unmixed
        Component spectra, abundance maps, energies.
    shares : array
        Of the variance, in each principal component, falling.
    suggested : int
        How many of them stand above noise.
    image : Image
        What went in.
    record : Record
        How it came about, with notes.
    """

    unmixed: Unmixed
    shares: NDArray[np.float64]
    suggested: int
    image: Image
    record: Record


def unmixing_spectra(image: Image, recipe: Unmix | None = None) -> Generator[Progress, None, Spectra]:
    """Unmix a spectrum image; stops when the generator is closed.

    Parameters
    ----------
    image : Image, shape (E, y, x)
        A spectrum image.
    recipe : Unmix
        Method, number of components, energies, noise.

    Yields
    ------
    Progress

    Returns
    -------
    Spectra

    Raises
    ------
    BadImage
        If it is no spectrum image, or negative for NMF or noise of counts.
    BadOption
        If no channel lies between the energies, or there are more components than spectra.
    """
    recipe = recipe or Unmix()
    noise = _noise_of(image, recipe)
    if recipe.offset and noise == "poisson":
        raise BadOption(
            f"An offset of {recipe.offset:g} is not possible with noise of counts.",
            why="Such noise follows from the counts themselves.",
            remedy="Choose uniform noise, or leave the offset out.",
        )
    window = _window_of(recipe)
    yield Progress(0, 0, "how many components")
    shares, suggested = spectra_scree(image, window=window, noise=noise)
    unmixed = yield from unmixing(
        image,
        recipe.method,
        recipe.components or min(suggested_number(recipe.method, suggested), MOST),
        window=window,
        noise=noise,
        offset=recipe.offset,
        seed=recipe.seed,
    )
    done = recipe.model_copy(update={"noise": noise})
    record = new_record(image, (), notes=(*image.notes, *_notes(unmixed)))
    return Spectra(unmixed, shares, suggested, image, record.model_copy(update={"steps": (done,)}))


def suggesting_spectra(
    image: Image, recipe: Unmix | None = None
) -> Generator[Progress, None, tuple[NDArray[np.float64], int, int]]:
    """Find how many components a spectrum image has; parameters are those of `unmixing_spectra`.

    Returns
    -------
    shares : array
        Of the variance, in each principal component, falling.
    number : int
        How many components the recipe's method would be asked for.
    above : int
        How many principal components stand above noise.
    """
    recipe = recipe or Unmix()
    yield Progress(0, 0, "how many components")
    shares, above = spectra_scree(image, window=_window_of(recipe), noise=_noise_of(image, recipe))
    return shares, min(suggested_number(recipe.method, above), MOST), above


def _noise_of(image: Image, recipe: Unmix) -> Literal["uniform", "poisson"]:
    if recipe.noise != "auto":
        return recipe.noise
    return "poisson" if image.pixels.dtype.kind in "bu" else "uniform"


def _window_of(recipe: Unmix) -> tuple[float, float] | None:
    return None if recipe.low == recipe.high else (recipe.low, recipe.high)


def spectrum_images(images: Sequence[object]) -> list[Image]:
    """Return those datasets of a file that are spectrum images.

    Raises
    ------
    BadImage
        If there is none.
    """
    found = [each for each in images if isinstance(each, Image) and each.is_spectral and len(each.shape) == 3]
    if not found:
        raise BadImage(
            f"The file holds {len(images)} dataset(s), none of them a spectrum image.",
            remedy="Choose a file with spectra at rows and columns of points.",
        )
    return found


def _notes(unmixed: Unmixed) -> tuple[str, ...]:
    notes = []
    left_out = int((~unmixed.used).sum())
    if left_out:
        notes.append(f"{left_out} spectra hold values that are not finite, and are left out.")
    if not unmixed.components.converged:
        notes.append(f"{unmixed.components.method} had not settled when it was stopped.")
    return tuple(notes)

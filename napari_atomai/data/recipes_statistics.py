"""Recipes of local statistics: components of what lies around atoms, and of spectrum images."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from napari_atomai.data.recipe_base import Recipe

Method = Literal["pca", "ica", "nmf", "gmm"]

LocalMethod = Literal["pca", "ica", "nmf", "gmm", "pca_gmm"]

_METHOD = "pca, ica, nmf (nothing negative), or gmm: classes by a mixture of Gaussians."
_NUMBER = "How many components; 0 = as many as stand above noise, at most 12."
_OFFSET = "Added to all values, for nmf of data that reach below zero."
_SEED = "Of random starts."


class LocalStatistics(Recipe):
    """Decompose what lies around atoms into components, and map how much of each is where."""

    title: ClassVar[str] = "Components"

    step: Literal["local_statistics"] = "local_statistics"
    method: LocalMethod = Field(
        "pca",
        description="pca, ica, nmf (nothing negative), gmm: classes by a mixture of Gaussians, or pca_gmm: "
        "these classes, and two principal components within each.",
    )
    components: int = Field(4, ge=0, le=100, description=_NUMBER)
    groups: int = Field(
        0,
        ge=0,
        le=100,
        description="Into how many groups all loadings divide the atoms; 0 = as many as components.",
    )
    window: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description="Side of the window around each atom in nm (in pixels where nothing is calibrated); "
        "0 = twice the distance between neighbours.",
    )
    grid: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description="Distance between windows on a grid, in nm (in pixels where nothing is calibrated); "
        "0 = windows around atoms.",
    )
    around: str = Field("", description="Class of the atoms to look around, by its name; empty = all.")
    centred: bool = Field(
        True, description="Interpolate, so that every atom lies exactly in the middle of its window."
    )
    offset: float = Field(0.0, ge=0, description=_OFFSET)
    seed: int = Field(1, ge=0, lt=2**32, description=_SEED)

    @model_validator(mode="after")
    def _atoms_or_grid(self) -> Self:
        if self.grid and self.around:
            raise ValueError("windows on a grid belong to no class of atoms")
        return self


class Unmix(Recipe):
    """Write the spectra of a spectrum image as sums of few component spectra."""

    title: ClassVar[str] = "Unmix"

    step: Literal["unmix"] = "unmix"
    method: Method = Field("nmf", description=_METHOD)
    components: int = Field(4, ge=0, le=100, description=_NUMBER)
    low: float = Field(0.0, description="Lowest energy that is used, in the unit of the axis.")
    high: float = Field(0.0, description="Highest energy that is used; equal to the lowest = all.")
    noise: Literal["auto", "uniform", "poisson"] = Field(
        "auto",
        description="What the noise is like: the same everywhere, or that of counts (poisson); auto = of "
        "counts where the values are whole numbers.",
    )
    offset: float = Field(0.0, ge=0, description=_OFFSET)
    seed: int = Field(1, ge=0, lt=2**32, description=_SEED)


class LocalOrder(Recipe):
    """Decompose the Fourier amplitudes of windows that slide over an image: where is which lattice."""

    title: ClassVar[str] = "Local order"

    step: Literal["local_order"] = "local_order"
    method: Method = Field("nmf", description=_METHOD)
    components: int = Field(4, ge=0, le=100, description=_NUMBER)
    window: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description="Side of the windows in nm (in pixels where nothing is calibrated); 0 = an eighth of the "
        "image, from 32 to 128 pixels.",
    )
    stride: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description="Distance between windows, in the unit of their side; 0 = a quarter of it.",
    )
    zoom: float = Field(
        2.0, ge=1, le=64, description="Frequencies up to the highest one divided by this are used."
    )
    frame: int = Field(0, ge=0, description="Which frame of a movie, counted from 0.")
    seed: int = Field(1, ge=0, lt=2**32, description=_SEED)

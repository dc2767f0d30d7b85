"""Recipes of local statistics: components of what lies around atoms, and of spectrum images."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from napari_atomai.data.recipe_base import Recipe

Method = Literal["pca", "ica", "nmf", "gmm"]

_METHOD = "pca, ica, nmf (nothing negative), or gmm: classes by a mixture of Gaussians."
_NUMBER = "How many components; 0 = as many as stand above noise, at most 12."
_OFFSET = "Added to all values, for nmf of data that reach below zero."
_SEED = "Of random starts."


class LocalStatistics(Recipe):
    """Decompose what lies around atoms into components, and map how much of each is where."""

    title: ClassVar[str] = "Components"

    step: Literal["local_statistics"] = "local_statistics"
    method: Method = Field("pca", description=_METHOD)
    components: int = Field(4, ge=0, le=100, description=_NUMBER)
    window: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description="Side of the window around each atom in nm (in pixels where nothing is calibrated); "
        "0 = twice the distance between neighbours.",
    )
    around: str = Field("", description="Class of the atoms to look around, by its name; empty = all.")
    centred: bool = Field(
        True, description="Interpolate, so that every atom lies exactly in the middle of its window."
    )
    offset: float = Field(0.0, ge=0, description=_OFFSET)
    seed: int = Field(1, ge=0, lt=2**32, description=_SEED)


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

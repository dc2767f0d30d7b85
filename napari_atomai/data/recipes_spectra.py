"""Options of learning which structure goes with which spectrum."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator

from napari_atomai.data.recipe import Recipe


class TrainImSpec(Recipe):
    """Learn to predict spectra from the structure around them, or the structure from spectra."""

    title: ClassVar[str] = "Structure and spectrum"

    step: Literal["train_imspec"] = "train_imspec"
    direction: Literal["im2spec", "spec2im"] = Field(
        "im2spec", description="im2spec: structure to spectrum; spec2im: spectrum to structure."
    )
    window: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description="Side of the patch around each spectrum in nm (in pixels of the spectrum image where "
        "nothing is calibrated); 0 = 5 to 13 pixels of the spectrum image, as a linear model finds.",
    )
    patch: int = Field(
        0, ge=0, le=256, description="Pixels along the side of a patch; 0 = 16 to 32, as the window is wide."
    )
    alignment: Literal["auto", "calibrated", "same field"] = Field(
        "auto",
        description="How image and spectrum image lie on each other: by both calibrations, or as pictures of "
        "the same field; auto = calibrated where both are.",
    )
    low: float = Field(0.0, description="Lowest energy that is used, in the unit of the axis.")
    high: float = Field(0.0, description="Highest energy that is used; equal to the lowest = all.")
    rebin: int = Field(1, ge=1, le=4096, description="Channels that are added up to one.")
    latent_dim: int = Field(8, ge=1, le=256, description="How many numbers everything has to go through.")
    filters: int = Field(32, ge=1, le=512, description="Channels of the first convolutions.")
    training_cycles: int = Field(
        0, ge=0, le=100_000, description="Times that all pairs are gone through; 0 = some 1,600 batches."
    )
    turned: Literal["auto", "yes", "no"] = Field(
        "auto",
        description="Also learn from turned and mirrored patches: right where no direction of the structure, "
        "the scan or the beam matters to the spectrum; auto = where a linear model is no worse for it.",
    )
    models: int = Field(1, ge=1, le=50, description="Nets of the ensemble; several give error bars.")
    held_out: float = Field(0.25, gt=0, lt=0.8, description="Share of the area held out, in blocks.")
    seed: int = Field(1, ge=0, lt=2**32, description="Of blocks, weights and order.")

    @field_validator("turned", mode="before")
    @classmethod
    def _a_word(cls, value: object) -> object:
        """Take the yes or no of recipes that were written before there was "auto"."""
        return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value

    @field_validator("patch")
    @classmethod
    def _more_than_one(cls, value: int) -> int:
        if value == 1:
            raise ValueError("a patch of one pixel shows no structure: give 2 or more, or 0 = automatic")
        return value

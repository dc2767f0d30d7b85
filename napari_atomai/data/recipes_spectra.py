"""Options of learning which structure goes with which spectrum."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

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
        "nothing is calibrated); 0 = five pixels of the spectrum image.",
    )
    patch: int = Field(16, ge=2, le=256, description="Pixels along the side of a patch.")
    alignment: Literal["auto", "calibrated", "same field"] = Field(
        "auto",
        description="How image and spectrum image lie on each other: by both calibrations, or as pictures of "
        "the same field; auto = calibrated where both are.",
    )
    low: float = Field(0.0, description="Lowest energy that is used, in the unit of the axis.")
    high: float = Field(0.0, description="Highest energy that is used; equal to the lowest = all.")
    rebin: int = Field(1, ge=1, le=4096, description="Channels that are added up to one.")
    latent_dim: int = Field(4, ge=1, le=256, description="How many numbers everything has to go through.")
    filters: int = Field(32, ge=1, le=512, description="Channels of each convolution.")
    training_cycles: int = Field(60, ge=1, le=100_000, description="Times that all pairs are gone through.")
    turned: bool = Field(
        False,
        description="Also learn from turned and mirrored patches: right where no direction of the structure, "
        "the scan or the beam matters to the spectrum.",
    )
    models: int = Field(1, ge=1, le=50, description="Nets of the ensemble; several give error bars.")
    held_out: float = Field(0.25, gt=0, lt=0.8, description="Share of the area held out, in blocks.")
    seed: int = Field(1, ge=0, lt=2**32, description="Of blocks, weights and order.")

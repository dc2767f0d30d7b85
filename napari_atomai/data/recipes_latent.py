"""Recipes of latents: patches, and what is learned of how they vary."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from napari_atomai.data.recipe_base import Recipe

ATOMS, BONDS, GRID = "atoms", "bonds", "grid"


class CutPatches(Recipe):
    """Cut square patches around atoms, middles of bonds, or points of a grid."""

    title: ClassVar[str] = "Patches"

    step: Literal["cut_patches"] = "cut_patches"
    around: Literal["atoms", "bonds", "grid"] = Field(
        "atoms", description="What lies in the middle: atoms, middles between neighbours, or grid points."
    )
    classes: tuple[str, ...] = Field((), description="Only atoms of these classes; empty = of all.")
    window: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description="Side of a patch in nm (in pixels where nothing is calibrated); 0 = 2.5 times the "
        "distance between neighbours.",
    )
    pixels: int = Field(
        0, ge=0, le=128, description="Pixels along a side; 0 = as fine as the image, from 8 to 24."
    )
    spacing: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description="Longest bond, or distance between grid points, in the unit of the side; 0 = 1.3 times "
        "the distance between neighbours, or half a side.",
    )
    source: Literal["image", "probability", "classes"] = Field(
        "image",
        description="What is cut: the image, the probability of atoms, or a map of the classes of atoms.",
    )
    edge: Literal["leave out", "mirror"] = Field(
        "leave out",
        description="Patches that leave the image: left out, or continued by the image's mirror image.",
    )

    level: Literal["none", "frames", "patches"] = Field(
        "frames",
        description="What is brought to one level: nothing; frames of a movie, by their medians; or every "
        "patch, whose mean becomes 0 (for slopes of scanning probes).",
    )

    @model_validator(mode="after")
    def _grid_has_no_classes(self) -> Self:
        if self.around == "grid" and self.classes:
            raise ValueError("points of a grid belong to no class of atoms")
        if self.around == "grid" and not self.window:
            raise ValueError(
                "patches on a grid need a side: there are no neighbours that it could follow from"
            )
        return self


class LearnLatents(Recipe):
    """Find what varies in patches: an autoencoder free of poses, or Zernike moments without training."""

    title: ClassVar[str] = "Latents"

    step: Literal["learn_latents"] = "learn_latents"
    model: Literal["autoencoder", "zernike"] = Field(
        "autoencoder",
        description="An autoencoder that is trained on the patches, or moments that need no training.",
    )
    rotation: bool = Field(True, description="Latents do not tell how a motif is turned; an angle does.")
    translation: bool = Field(True, description="Latents do not tell how a motif is shifted; a shift does.")
    scale: bool = Field(False, description="Latents do not tell how large a motif is; a scale does.")
    conditional: bool = Field(
        False,
        description="Latents do not tell of which class an atom is: its class is told to the decoder.",
    )
    latent_dim: int = Field(2, ge=1, le=16, description="How many latents.")
    states: int = Field(0, ge=0, le=20, description="States of a discrete latent; 0 = there is none.")
    cycles: int = Field(40, ge=1, le=10_000, description="Passes through all patches.")
    batch_size: int = Field(
        0,
        ge=0,
        le=10_000,
        description="Patches that are looked at together; 0 = a 25th of all, from 16 to 100.",
    )
    rotation_prior: float = Field(
        0.0, ge=0, le=180, description="By how much motifs are usually turned, degrees; 0 = by any angle."
    )
    translation_prior: float = Field(
        0.1, gt=0, le=1, description="By how much they are usually shifted, as a part of half a side."
    )
    degree: int = Field(10, ge=1, le=30, description="Zernike moments up to this degree.")
    clusters: Literal["none", "gmm", "kmeans", "hdbscan"] = Field(
        "gmm", description="How atoms that are alike are put together, by their latents."
    )
    number: int = Field(0, ge=0, le=50, description="How many clusters; 0 = as many as the latents support.")
    seed: int = Field(1, ge=0, lt=2**32, description="Of random weights, batches and starts.")

    @model_validator(mode="after")
    def _classes_are_known_or_not(self) -> Self:
        if self.conditional and self.states > 1:
            raise ValueError(
                "either the classes of the atoms are told (conditional), or states are looked for: choose one"
            )
        return self

    @property
    def invariances(self) -> tuple[str, ...]:
        """What latents do not tell."""
        return tuple(name for name in ("rotation", "translation", "scale") if getattr(self, name))

"""Options of teaching a finder of atoms from corrections, and of ELIT. No torch: forms read them, too."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from napari_atomai.data.recipe import Recipe

NOTHING = "nothing"
"""The base of a net that starts from random weights."""

Strength = Literal["none", "gentle", "usual", "strong"]


class Teach(Recipe):
    """Teach a finder of atoms from what a person has corrected."""

    title: ClassVar[str] = "Teach"

    base: str = Field(
        "atoms",
        description='Model to go on from: a bundled one, a .safetensors file, or "nothing" (random weights).',
    )
    steps: int = Field(120, ge=1, le=100_000, description="Steps of learning, each from one batch.")
    batch: int = Field(6, ge=1, le=256, description="Patches of a step.")
    learning_rate: float = Field(1e-3, gt=0, le=0.1, description="Highest rate of a one-cycle schedule.")
    held_out: float = Field(
        0.2, ge=0, le=0.5, description="Share of the reviewed area that is not learned from, but judged on."
    )
    remember: float = Field(
        0.35,
        ge=0,
        le=0.9,
        description="Share of simulated scenes in a batch, so that what the base knew is not forgotten.",
    )
    augmentation: Strength = Field(
        "usual", description="How much patches are varied in dose, blur, drift, turn and size."
    )
    frozen: int = Field(0, ge=0, le=6, description="Levels of the net, from the finest, that do not learn.")
    seed: int = Field(0, ge=0, description="Of all that is drawn at random.")


class Elit(Recipe):
    """Ensemble learning and iterative training: the ensemble's sure atoms teach the ensemble."""

    title: ClassVar[str] = "ELIT"

    model: str = Field("atoms-ensemble", description="The ensemble to start from.")
    threshold: float = Field(0.7, ge=0.5, le=0.99, description="Score from which an atom can be a label.")
    agreement: float = Field(
        0.15, gt=0, le=0.5, description="Largest standard deviation of the score among the nets for a label."
    )
    background: float = Field(
        0.1,
        ge=0,
        le=0.5,
        description="Probability below which the nets must be for a pixel to be background.",
    )
    iterations: int = Field(4, ge=1, le=100, description="At most so many rounds.")
    steps: int = Field(40, ge=1, le=100_000, description="Steps of learning in a round, for each net.")
    learning_rate: float = Field(5e-4, gt=0, le=0.1, description="Highest rate of a one-cycle schedule.")
    remember: float = Field(0.35, ge=0, le=0.9, description="Share of simulated scenes in a batch.")
    augmentation: Strength = Field("usual", description="How much patches are varied.")
    change: float = Field(
        0.01, ge=0, le=1, description="It ends when a smaller share of the atoms is another one than before."
    )
    seed: int = Field(0, ge=0, description="Of all that is drawn at random.")

"""Recipes of lattices and of movies."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator

from napari_atomai.data.recipe_base import Recipe


class MeasureLattice(Recipe):
    """Measure the lattice that atoms lie on, and what deviates from it."""

    title: ClassVar[str] = "Measure lattice"

    step: Literal["measure_lattice"] = "measure_lattice"
    classes: tuple[str, ...] = Field((), description="Only atoms of these classes; empty = of all.")
    sublattices: Literal["auto", "class", "position"] = Field(
        "auto", description="Whether lattice vectors join atoms of one class, or any; auto = as fits."
    )
    brightness: bool = Field(
        True, description="Whether columns that are bright and dim in turn are told apart as sublattices."
    )
    centre: int = Field(1, ge=0, le=63, description="Polarisation: sublattice in the middle of the cage (B).")
    cage: int = Field(0, ge=0, le=63, description="Polarisation: sublattice of the cage around it (A).")
    reach: float = Field(
        1.6, ge=1, le=10, description="How far neighbours are taken for strain, in lengths of the cell."
    )
    reference: tuple[float, ...] = Field(
        (),
        description="Region taken as unstrained: row, column, row, column ... of two opposite corners of a "
        "rectangle, or of all corners of a polygon, in pixels; empty = the average of all atoms.",
    )
    map_step: int = Field(0, ge=0, le=256, description="Pixels between points of the maps; 0 = automatic.")

    @field_validator("reference")
    @classmethod
    def _spans_a_region(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if value and (len(value) < 4 or len(value) % 2):
            raise ValueError("two corners have four numbers, a polygon two for each corner")
        if len(value) == 4 and (value[0] == value[2] or value[1] == value[3]):
            raise ValueError("the two corners span no region")
        return value


class FollowAtoms(Recipe):
    """Follow the atoms of a movie, and count how they change."""

    title: ClassVar[str] = "Follow atoms"

    step: Literal["follow_atoms"] = "follow_atoms"
    classes: tuple[str, ...] = Field((), description="Only atoms of these classes; empty = of all.")
    drift: Literal["auto", "atoms", "image", "none"] = Field(
        "auto",
        description="What drift is measured by; auto = the image where there is one, then the atoms.",
    )
    reach: float = Field(
        0.0, ge=0, le=1e4, description="Largest way of an atom between two frames, px; 0 = 0.45 spacings."
    )
    gap: int = Field(1, ge=0, le=1000, description="For how many frames an atom may be out of sight.")
    shortest: int = Field(2, ge=1, description="Tracks of fewer sightings are not counted.")
    feature: str = Field(
        "", description="Feature that states are told by; empty = intensity, or else the class of the atoms."
    )
    states: int = Field(0, ge=0, le=12, description="How many states; 0 = as many as the atoms support.")
    frame_time: float = Field(
        0.0, ge=0, description="Seconds from frame to frame; 0 = of the file, or frames."
    )
    seed: int = Field(0, ge=0, description="Of the mixture that finds states.")

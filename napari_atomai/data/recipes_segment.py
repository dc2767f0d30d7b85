"""The recipe of a segmentation: a class for every pixel, by a net that a person has trained."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator

from napari_atomai.data.recipe_base import Recipe

SMALLEST_ZOOM = 0.05
"""Smallest size at which a net can be asked to see an image."""


class SegmentImage(Recipe):
    """Give a class to every pixel with a trained Segmentor or ensemble, and find the atoms of each class."""

    title: ClassVar[str] = "Segment"

    step: Literal["segment_image"] = "segment_image"
    model: str = Field("", description="Path of a .safetensors file that a Segmentor or an ensemble wrote.")
    threshold: float = Field(
        0.5, ge=0.05, le=0.99, description="Lowest probability that belongs to an object; 0.05 to 0.99."
    )
    zoom: float = Field(
        0.0,
        ge=0,
        le=20,
        description="Size at which the net sees the image, 0.05 to 20; 0 = so that atoms lie as far apart as "
        "in its training.",
    )
    contrast: Literal["bright", "dark"] = Field(
        "bright", description="Whether atoms are brighter or darker than around them, for the refinement."
    )

    @field_validator("zoom")
    @classmethod
    def _not_too_small(cls, value: float) -> float:
        if 0 < value < SMALLEST_ZOOM:
            raise ValueError(f"at less than {SMALLEST_ZOOM:g} nothing is left of an image")
        return value

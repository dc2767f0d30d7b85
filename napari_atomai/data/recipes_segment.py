"""The recipe of a segmentation: a class for every pixel, by a net that a person has trained."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from napari_atomai.data.recipe_base import Recipe


class SegmentImage(Recipe):
    """Give a class to every pixel with a trained Segmentor or ensemble, and find the atoms of each class."""

    title: ClassVar[str] = "Segment"

    step: Literal["segment_image"] = "segment_image"
    model: str = Field("", description="Path of a .safetensors file that a Segmentor or an ensemble wrote.")
    threshold: float = Field(
        0.5, ge=0.05, le=0.99, description="Lowest probability that belongs to an object; 0.05 to 0.99."
    )
    zoom: float = Field(
        1.0,
        ge=0.05,
        le=20,
        description="Size at which the net sees the image: brings atoms to the spacing it was trained at.",
    )
    contrast: Literal["bright", "dark"] = Field(
        "bright", description="Whether atoms are brighter or darker than around them, for the refinement."
    )

"""How training images are varied, in physical words. No torch here: forms and records read it too."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from napari_atomai.data.recipe import Recipe

Range = tuple[float, float]


def _pair(value: Any) -> Any:
    """Take one number for both ends: always this much."""
    return (value, value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _within(least: float, most: float) -> AfterValidator:
    def check(value: Range) -> Range:
        low, high = value
        if not least <= low <= high <= most:
            raise ValueError(f"a range (low, high) within {least:g} to {most:g} is needed, not {value}")
        return value

    return AfterValidator(check)


_Pixels = Annotated[Range, BeforeValidator(_pair), _within(0, 1000)]
_Share = Annotated[Range, BeforeValidator(_pair), _within(0, 1)]
_Amount = Annotated[Range, BeforeValidator(_pair), _within(0, 100)]
_Factor = Annotated[Range, BeforeValidator(_pair), _within(0.1, 10)]
_Degrees = Annotated[Range, BeforeValidator(_pair), _within(-360, 360)]
_Electrons = Annotated[Range, BeforeValidator(_pair), _within(0, 1e7)]


class Augment(Recipe):
    """How training images are varied. Every option is off until asked for.

    A range is (low, high); each image draws its own value, evenly, or evenly in the logarithm for dose and
    factors. One number means always this value. Intensities are those of scaled images: about 0
    (no signal) to 1 (brightest). In the order in which an image goes through them:
    """

    title: ClassVar[str] = "Vary training images"

    flips: bool = Field(False, description="Mirror half of the images along rows, half along columns.")
    quarter_turns: bool = Field(
        False, description="Turn by 0, 90, 180 or 270 degrees, exactly; by 0 or 180 if not square."
    )
    rotation: _Degrees = Field((0.0, 0.0), description="Free rotation in degrees, counterclockwise.")
    zoom: _Factor = Field((1.0, 1.0), description="Magnification, the frame staying as it is; 1 = none.")
    zoom_about: Literal["anywhere", "centre"] = Field(
        "anywhere",
        description="Whether the part that a zoom shows lies anywhere in the image or in its middle.",
    )
    resize: _Factor = Field(
        (1.0, 1.0),
        description="Magnification of image and frame alike, the same for a whole batch; 1 = none. "
        "The frame becomes a multiple of 16 pixels.",
    )
    drift: _Pixels = Field(
        (0.0, 0.0), description="How far the sample moves during the scan, in pixels, in any direction."
    )
    jitter: _Pixels = Field(
        (0.0, 0.0),
        description="Sideways shift of scan lines, root mean square in pixels. Labels do not shift so.",
    )
    outside: Literal["ignore", "reflect"] = Field(
        "ignore",
        description="What is beyond the border is reflected in images; in labels it is not counted (-1), "
        "or reflected too.",
    )
    blur: _Pixels = Field((0.0, 0.0), description="Standard deviation of a Gaussian probe in pixels.")
    contrast: _Factor = Field((1.0, 1.0), description="Factor on what differs from the mean; 1 = none.")
    gamma: _Factor = Field((1.0, 1.0), description="Power of intensities; 1 = none.")
    background: _Amount = Field(
        (0.0, 0.0), description="Height of a smooth background (a quadratic surface) that is added."
    )
    dose: _Electrons = Field(
        (0.0, 0.0),
        description="Electrons per pixel where the image is 1; counting (Poisson) noise. 0 = no such noise.",
    )
    gaussian_noise: _Amount = Field((0.0, 0.0), description="Standard deviation of detector noise.")
    salt_and_pepper: _Share = Field(
        (0.0, 0.0), description="Share of pixels that become the brightest or darkest of their image."
    )

    @field_validator("dose")
    @classmethod
    def _off_or_above(cls, value: Range) -> Range:
        if value[0] == 0 < value[1]:
            raise ValueError("doses are drawn in the logarithm: a range of them starts above 0")
        return value

    @property
    def moves(self) -> bool:
        """Whether pixels go elsewhere."""
        return self.flips or self.quarter_turns or self.interpolates

    @property
    def interpolates(self) -> bool:
        """Whether pixels go between pixels."""
        still = {"rotation": 0.0, "zoom": 1.0, "resize": 1.0, "drift": 0.0, "jitter": 0.0}
        return any(getattr(self, name) != (off, off) for name, off in still.items())

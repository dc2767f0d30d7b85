"""ModelCard: what a trained net is, was trained at and can do. JSON inside the weights' file."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_atomai.data.risk import RiskTable
from napari_atomai.errors import BadModel


class ModelCard(BaseModel):
    """Describes a set of weights well enough to build, run and judge the net.

    The net expects its atoms at a spacing between `spacing_min` and `spacing_max` pixels. A finder of atoms
    brings images to about `spacing_best` first; a segmentation takes them as they are.

    What is missing in the card of an older version has its default: cards of 0.1 are those of finders.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str = "1"
    description: str = ""
    licence: str = "MIT"
    net: str = Field(description="Name of the net in the registry.")
    net_options: dict[str, Any] = Field(default_factory=dict)
    members: int = Field(1, ge=1, le=1000, description="Nets of the ensemble; their answers are averaged.")
    classes: tuple[str, ...] = Field(("column",), description="Foreground classes; background is apart.")
    spacing_best: float = Field(13.0, gt=0, description="Nearest-neighbour distance, pixels.")
    spacing_min: float = Field(8.0, gt=0)
    spacing_max: float = Field(20.0, gt=0)
    spacing_known: bool = Field(True, description="False: nothing tells the distance of atoms.")
    task: Literal["find atoms", "segmentation", "imspec", "latent"] = Field(
        "find atoms", description="Whether the net finds atoms of any kind, or gives a class to every pixel."
    )
    background: Literal["none", "last"] = Field(
        "none", description="Whether the last output channel is the background, or there is none for it."
    )
    scaling: dict[str, Any] = Field(
        default_factory=dict, description="How intensities are scaled; empty: as the finder of atoms does."
    )
    loss: str = Field("", description="What was made small in training.")
    calibration: tuple[float, float] = Field(
        (1.0, 0.0), description="Slope and offset that make the log-odds of the nets those of the truth."
    )
    alone: tuple[float, float] = Field(
        (1.0, 0.0), description="The same once more, for images in which no lattice is seen."
    )
    lone: tuple[float, float] = Field(
        (0.0, 0.0), description="Slope and offset from evidence for a lone atom to log-odds; 0: not measured."
    )
    normalisation: dict[str, float] = Field(default_factory=dict)
    training: dict[str, Any] = Field(default_factory=dict)
    metrics: dict[str, float] = Field(default_factory=dict)
    risk: dict[str, RiskTable] = Field(
        default_factory=dict, description="What each threshold risks, on images of a kind."
    )
    created: str = ""

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Read a card.

        Raises
        ------
        BadModel
            If it is not a card, with the first entry that is wrong.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "card"
            raise BadModel(
                f"The model's card is not usable: {where!r}: {first['msg']}.",
                remedy="Choose a .safetensors file that napari-atomai wrote.",
            ) from error

    def to_json(self) -> str:
        """Return the card as JSON."""
        return self.model_dump_json()

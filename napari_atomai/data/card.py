"""ModelCard: what a trained net is, was trained at and can do. JSON inside the weights' file."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_atomai.errors import BadModel


class ModelCard(BaseModel):
    """Describes a set of weights well enough to build, run and judge the net.

    The net expects its atoms at a spacing between `spacing_min` and `spacing_max` pixels: images are
    brought to about `spacing_best` first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str = "1"
    description: str = ""
    licence: str = "MIT"
    net: str = Field(description="Name of the net in the registry.")
    net_options: dict[str, Any] = Field(default_factory=dict)
    classes: tuple[str, ...] = Field(("column",), description="Foreground classes; background is apart.")
    spacing_best: float = Field(13.0, gt=0, description="Nearest-neighbour distance, pixels.")
    spacing_min: float = Field(8.0, gt=0)
    spacing_max: float = Field(20.0, gt=0)
    normalisation: dict[str, float] = Field(default_factory=dict)
    training: dict[str, Any] = Field(default_factory=dict)
    metrics: dict[str, float] = Field(default_factory=dict)
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

"""Recipes: one frozen model per step. Form on the screen, record in the file and options, at once."""

from __future__ import annotations

import json
from typing import Annotated, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from napari_atomai.data.recipe_base import Recipe as Recipe
from napari_atomai.data.recipes_latent import CutPatches, LearnLatents
from napari_atomai.data.recipes_lattice import FollowAtoms, MeasureLattice
from napari_atomai.data.recipes_segment import SegmentImage
from napari_atomai.data.recipes_statistics import LocalOrder, LocalStatistics, Unmix
from napari_atomai.data.recipes_structure import BuildStructure, ExportStructure, FindRings, Relax
from napari_atomai.errors import BadOption

SCHEMA_VERSION = 2
"""Version of the JSON that a Record is written as. 2: the input may say how it was calibrated."""

FINEST_SPACING = 3.0
"""Smallest spacing of atoms, in pixels, that can be asked for."""

_CHOOSE = "Choose a recipe.json that napari-atomai wrote."


class FindAtoms(Recipe):
    """Find atoms (atomic columns) with a trained net."""

    title: ClassVar[str] = "Find atoms"

    step: Literal["find_atoms"] = "find_atoms"
    model: str = Field("atoms", description="Name of a bundled model, or path of a .safetensors file.")
    threshold: float = Field(
        0.5, ge=0.05, le=0.99, description="Atoms with a score below this are left out; 0.05 to 0.99."
    )
    false_rate: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="Choose the threshold so that at most this share of the atoms found is none; 0 = do not.",
    )
    miss_rate: float = Field(
        0.0,
        ge=0,
        le=0.9,
        description="Choose the threshold so that at most this share of the columns is missed; 0 = do not.",
    )
    spacing: float = Field(
        0.0,
        ge=0,
        le=2000,
        description="Distance between neighbouring atoms in pixels; 0 = measured in the image.",
    )
    contrast: Literal["auto", "bright", "dark"] = Field(
        "auto",
        description="Whether atoms are brighter (HAADF) or darker (ABF) than their surroundings; "
        "auto = seen in the image.",
    )

    @field_validator("spacing")
    @classmethod
    def _not_too_fine(cls, value: float) -> float:
        if 0 < value < FINEST_SPACING:
            raise ValueError(f"atoms nearer than {FINEST_SPACING:g} pixels cannot be told apart")
        return value

    @model_validator(mode="after")
    def _one_aim(self) -> Self:
        if self.false_rate > 0 and self.miss_rate > 0:
            raise ValueError("a threshold keeps either the rate of false atoms or that of missed ones")
        return self


class RefineAtoms(Recipe):
    """Refine positions on the raw pixels."""

    title: ClassVar[str] = "Refine positions"

    step: Literal["refine_atoms"] = "refine_atoms"
    method: Literal["gaussian", "centre of mass", "none"] = Field(
        "gaussian", description="2-D Gaussian fit, centre of mass, or the net's own position."
    )
    radius: float = Field(
        0.0, ge=0, le=500, description="Half width of the fitted window in pixels; 0 = from the spacing."
    )


Step = Annotated[
    FindAtoms
    | RefineAtoms
    | SegmentImage
    | FindRings
    | BuildStructure
    | Relax
    | ExportStructure
    | LocalStatistics
    | LocalOrder
    | Unmix
    | MeasureLattice
    | FollowAtoms
    | CutPatches
    | LearnLatents,
    Field(discriminator="step"),
]


class Calibration(BaseModel):
    """How an image came to its pixel size, where that is not its file's."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    method: Literal["line", "lattice", "typed", "given", "layer"] = Field(
        description="A line of known length, lattice planes of known distance, the pixel size typed in the "
        "window, given as an argument or on the command line, or set on the napari layer by other means."
    )
    pixel_size_nm: tuple[float, float] | None = Field(
        description="Size of a pixel (row, column); null where the calibration was taken away."
    )
    before_nm: tuple[float, float] | None = Field(None, description="The pixel size before, if any.")
    known_nm: float | None = Field(None, description="The known length or distance.")
    measured_px: float | None = Field(
        None, description="How many pixels it is in the image, counted in widths of a pixel."
    )
    relative_sd: float | None = Field(None, description="Standard error, relative to the pixel size.")
    time: str = Field("", description="When, in UTC.")


class InputRecord(BaseModel):
    """Which pixels went in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = ""
    dataset: int = 0
    sha256: str = Field("", description="Hash of the file; of the pixels where there is no file.")
    shape: tuple[int, ...] = ()
    dtype: str = ""
    pixel_size_nm: tuple[float, float] | None = None
    calibration: Calibration | None = Field(
        None, description="How it came to its pixel size; null where that came with the pixels."
    )


class ModelRecord(BaseModel):
    """Which trained model was used."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    sha256: str


class Record(BaseModel):
    """How a result came about: enough to make it again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA_VERSION
    created: str = ""
    input: InputRecord = InputRecord()
    steps: tuple[Step, ...] = ()
    model: ModelRecord | None = None
    measured: dict[str, float] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Return the record as indented JSON."""
        return self.model_dump_json(indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Record:
        """Read a record that `to_json` wrote, of this version or an older one.

        Raises
        ------
        BadOption
            If it is not such JSON, or was written by a newer version.
        """
        try:
            raw = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise BadOption(f"This recipe is not JSON: {error}.", remedy=_CHOOSE) from error
        version = raw.get("schema_version") if isinstance(raw, dict) else None
        if not isinstance(version, int):
            raise BadOption("This is not a recipe: it has no schema version.", remedy=_CHOOSE)
        if version > SCHEMA_VERSION:
            raise BadOption(
                f"The recipe has schema version {version}; this program reads up to {SCHEMA_VERSION}.",
                remedy="Update napari-atomai, or choose a recipe of this version.",
            )
        try:
            # Newer versions only add what may be missing: the record becomes one of today.
            return TypeAdapter(cls).validate_python({**raw, "schema_version": SCHEMA_VERSION})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise BadOption(
                f"The recipe's {where!r} is not usable: {first['msg']}.", remedy=_CHOOSE
            ) from error

    def step(self, kind: type[Recipe]) -> Recipe | None:
        """Return the first step of a kind, or None."""
        return next((step for step in self.steps if isinstance(step, kind)), None)

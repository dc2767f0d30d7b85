"""What every recipe is: a frozen model whose wrong options are refused in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from napari_atomai.errors import BadOption, UnknownOption


class Recipe(BaseModel):
    """Options of one step. Unknown names and values out of range are refused with a remedy."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    title: ClassVar[str] = "Step"

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Make a recipe of a mapping of options.

        Raises
        ------
        UnknownOption
            If a name does not exist; the nearest one that does is named.
        BadOption
            If a value is of the wrong kind or out of range.
        """
        for name in options:
            if name not in cls.model_fields:
                raise UnknownOption(f"option of {cls.title!r} called", name, cls.model_fields)
        try:
            return cls(**options)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise BadOption(
                f"Option {where!r} of {cls.title!r} is {first['input']!r}: {first['msg']}."
                if where
                else f"Options of {cls.title!r} exclude each other: {first['msg']}.",
                remedy=_help(cls, first["loc"]),
            ) from error


def _help(kind: type[Recipe], where: tuple[int | str, ...]) -> str:
    """Return what is said of an option, also where a part of its value is wrong."""
    field = kind.model_fields.get(str(where[0])) if where else None
    return (field.description if field is not None else "") or ""

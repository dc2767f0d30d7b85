"""How tags of microscope files are read: a number in its unit, a duration, a moment, words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

Value = float | str | tuple[float, ...]

Reading = Callable[[Any], tuple[Value, str] | None]
"""Turns what stands in a tag into value and unit; None where it says nothing."""


def at(tree: Any, path: str) -> Any:
    """Return what stands at a path of nested mappings, keys joined by "/"; None where there is nothing."""
    for key in path.split("/"):
        if not isinstance(tree, Mapping) or key not in tree:
            return None
        tree = tree[key]
    return tree


def as_number(value: Any) -> float | None:
    """Return a finite number, also one written as text; None for anything else."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def positive_in(unit: str, factor: float = 1.0) -> Reading:
    """Read a number above zero: programs write 0 (or -1) for what they were not told."""

    def read(value: Any) -> tuple[Value, str] | None:
        number = as_number(value)
        return None if number is None or number <= 0 else (number * factor, unit)

    return read


def signed_in(unit: str) -> Reading:
    """Read a number of either sign, of which 0 is a value like others."""

    def read(value: Any) -> tuple[Value, str] | None:
        number = as_number(value)
        return None if number is None else (number, unit)

    return read


def duration(seconds: float = 1.0) -> Reading:
    """Read a duration in units of so many seconds; it is given in µs, ms or s."""

    def read(value: Any) -> tuple[Value, str] | None:
        number = as_number(value)
        if number is None or number <= 0:
            return None
        number *= seconds
        for unit, size in (("s", 1.0), ("ms", 1e-3)):
            if number >= size * (1 - 1e-9):
                return number / size, unit
        return number * 1e6, "µs"

    return read


def wording(value: Any) -> tuple[Value, str] | None:
    """Read words; "Unknown" says nothing."""
    text = " ".join(value.split()) if isinstance(value, str) else ""
    return (text, "") if text and text.casefold() not in ("unknown", "none", "n/a") else None


def angles_in_rad(value: Any) -> tuple[Value, str] | None:
    """Read a range of angles in rad."""
    ends = [as_number(at(value, key)) for key in ("begin", "end")]
    begin, end = ends
    return None if begin is None or end is None or end <= begin else ((begin * 1e3, end * 1e3), "mrad")


def zeiss_in(unit: str) -> Reading:
    """Read an entry (name, value, unit) of a Zeiss SEM."""

    def read(value: Any) -> tuple[Value, str] | None:
        if not isinstance(value, list | tuple) or len(value) != 3 or value[2] != unit:
            return None
        return positive_in(unit)(value[1])

    return read


def since_1970(value: Any) -> tuple[Value, str] | None:
    """Read the time of Unix: seconds, in UTC."""
    return _moment(datetime(1970, 1, 1, tzinfo=UTC), as_number(value))


def since_1601(value: Any) -> tuple[Value, str] | None:
    """Read the time of Windows: steps of 100 ns, in UTC."""
    steps = as_number(value)
    return _moment(datetime(1601, 1, 1, tzinfo=UTC), None if steps is None else steps * 1e-7)


def _moment(start: datetime, seconds: float | None) -> tuple[Value, str] | None:
    if seconds is None or seconds <= 0:
        return None
    try:
        moment = start + timedelta(seconds=seconds)
    except OverflowError:
        return None
    return (f"{moment:%Y-%m-%d %H:%M:%S} UTC", "") if 1980 <= moment.year < 2100 else None


_UNSET = frozenset(f"{day} 00:00:00" for day in ("1601-01-01", "1970-01-01", "1980-01-01", "2000-01-01"))
"""What a clock says that was never set."""


def day_and_hour(date: str, time: str) -> Reading:
    """Read day and time of day as they stand in a group, in the order its program wrote them."""

    def read(group: Any) -> tuple[Value, str] | None:
        day, hour = (wording(at(group, key)) for key in (date, time))
        if day is None:
            return None
        moment = " ".join(str(part[0]) for part in (day, hour) if part)
        return None if moment in _UNSET else (moment, "")

    return read

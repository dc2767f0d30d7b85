"""Arguments that a person gave, looked at before anything is done with them."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.errors import BadAtoms, BadOption, UnknownOption

_SHOWN = 80
"""Characters of a value that a message shows; an array would fill the screen."""


def a_path(name: str, value: Any, remedy: str = "Give the path of a file.") -> Path:
    """Return a path of text or a path; "~" is the home folder.

    Raises
    ------
    BadOption
        If it is something else, or empty.
    """
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise BadOption(f"{name} is {shown(value)}.", why="It says where a file lies.", remedy=remedy)
    return Path(text).expanduser()


def a_flag(name: str, value: Any) -> bool:
    """Return what is True or False.

    Raises
    ------
    BadOption
        If it is something else: the word "no" would count as True.
    """
    if not isinstance(value, bool | np.bool_):
        raise BadOption(f"{name} is {shown(value)}.", why="It is on or off.", remedy="Give True or False.")
    return bool(value)


def a_number(name: str, value: Any, low: float, high: float = math.inf, remedy: str = "") -> float:
    """Return a finite number from `low` to `high`.

    Raises
    ------
    BadOption
        If it is no number, or outside.
    """
    kind = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not kind or not math.isfinite(value) or not low <= value <= high:
        ends = f"from {low:g} on" if math.isinf(high) else f"from {low:g} to {high:g}"
        raise BadOption(f"{name} is {shown(value)}.", remedy=remedy or f"Give a number {ends}.")
    return float(value)


def whole_number(name: str, value: object, least: int = 1, *, remedy: str = "") -> int:
    """Return a value that is a whole number of at least `least`.

    Raises
    ------
    BadOption
        With the value.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise BadOption(
            f"{name} is {shown(value)}.", remedy=remedy or f"Give a whole number of at least {least}."
        )
    return int(value)


def names(name: str, values: Any) -> tuple[str, ...]:
    """Return one word, or several, as a tuple of words that differ.

    Raises
    ------
    BadOption
        If there is anything else among them, or one twice.
    """
    words = (values,) if isinstance(values, str) else values
    fits = isinstance(words, list | tuple) and all(isinstance(word, str) and word.strip() for word in words)
    if not fits or len(set(words)) < len(words):
        raise BadOption(
            f"{name} is {shown(values)}.",
            why="Each is a name of its own.",
            remedy='Give words that differ, such as ("Sr", "Ti").',
        )
    return tuple(words)


def known(kind: str, given: Iterable[Any], words: Collection[str]) -> None:
    """Refuse a word that does not exist.

    Raises
    ------
    UnknownOption
        With the nearest that does.
    """
    for word in given:
        if not isinstance(word, str) or word not in words:
            raise UnknownOption(kind, word if isinstance(word, str) else shown(word), words)


def a_table(name: str, values: ArrayLike, columns: int) -> NDArray[np.float64]:
    """Return a table of numbers with so many columns; one row may come alone, and nothing is no rows.

    Raises
    ------
    BadAtoms
        If it has another shape: filled into these columns it would be of other atoms.
    """
    table = np.array(values, dtype=np.float64, ndmin=2)
    if table.size == 0:
        return table.reshape(0, columns)
    if table.ndim != 2 or table.shape[1] != columns:
        what = {2: "row and column", 3: "row, column and class"}.get(columns, "the numbers")
        raise BadAtoms(
            f"{name} have the shape {table.shape}.", remedy=f"Give (N, {columns}): {what} of each atom."
        )
    return table


def shown(value: Any) -> str:
    """Return a value as a message shows it: an array by its shape, all else as Python writes it."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} ..."

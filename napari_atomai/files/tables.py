"""Columns of numbers and words as CSV that spreadsheets open."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from napari_atomai.errors import BadOption
from napari_atomai.files.atomic import write_text

Column = Sequence[Any] | NDArray[Any]


def table_text(columns: Mapping[str, Column]) -> str:
    """Return columns of equal length as CSV with a header line.

    Numbers keep all their digits; NaN and None are empty cells.

    Raises
    ------
    BadOption
        If the columns are not of equal length.
    """
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise BadOption(
            f"The columns have different lengths: {lengths}.", why="A table has one cell for each row."
        )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*([_cell(value) for value in column] for column in columns.values()), strict=True))
    return text.getvalue()


def write_table(columns: Mapping[str, Column], path: str | os.PathLike[str]) -> None:
    """Write columns of equal length as CSV, whole or not at all.

    Raises
    ------
    BadOption
        If the columns are not of equal length.
    SaveFailed
        If the file cannot be written.
    """
    write_text(table_text(columns), path)


def _cell(value: Any) -> str:
    value = value.item() if hasattr(value, "item") else value
    if value is None or value != value:
        return ""
    return repr(value) if isinstance(value, float) else str(value)

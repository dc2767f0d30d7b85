"""Folders of results: whole or not, and of which input."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from napari_atomai.data.recipe import InputRecord, Record
from napari_atomai.errors import SaveFailed


def check_owner(folder: Path, record: str, new: InputRecord) -> None:
    """Refuse a folder that holds results of another input.

    Parameters
    ----------
    folder : Path
        Need not be there.
    record : str
        Name of the file that tells the input.
    new : InputRecord
        What is about to be written there.

    Raises
    ------
    SaveFailed
        With the input that they belong to.
    """
    if not (folder / record).exists():
        return
    try:
        theirs = Record.from_json((folder / record).read_text(encoding="utf-8")).input
    except (OSError, ValueError):  # AtomAIErrors of unusable records are ValueErrors
        theirs = InputRecord(path="an unknown input")
    if theirs.sha256 != new.sha256 or theirs.dataset != new.dataset:
        raise SaveFailed(
            f"{folder} already holds {Path(record).stem} of {theirs.path or 'another input'}.",
            why=f"They would be replaced by those of {new.path or 'this input'}.",
            remedy="Choose another folder, or allow overwriting (--overwrite).",
        )


def begin(folder: Path, record: str, stale: Sequence[str] = ()) -> None:
    """Make a folder, and take away an old record: without one it says "not whole".

    Parameters
    ----------
    folder : Path
        Where results go.
    record : str
        Name of the record, which is written last.
    stale : sequence of str
        Patterns of files of earlier results that new ones might not replace.

    Raises
    ------
    SaveFailed
        If that cannot be done.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / record).unlink(missing_ok=True)
        for old in (path for pattern in stale for path in folder.glob(pattern)):
            old.unlink()
    except OSError as error:
        raise SaveFailed(
            f"The folder {folder} cannot be written to: {error.strerror or error}.",
            remedy="Check that it may be written, or choose another.",
        ) from error


def table(names: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return text.getvalue()

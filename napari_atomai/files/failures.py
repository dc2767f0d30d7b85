"""What a reader raises, in words: which file, which format, why, and what to do."""

from __future__ import annotations

import gc
import logging
import os
import traceback
from collections.abc import Sequence
from pathlib import Path

from napari_atomai.errors import AtomAIError, CannotRead, MissingExtra, TooLarge
from napari_atomai.files import guard
from napari_atomai.files.guard import Limits

_LOG = logging.getLogger(__name__)
_PACKAGES = {"PIL": "pillow"}
"""Packages whose name is not that of their module."""


def explained(path: Path, description: str, error: Exception, limits: Limits) -> AtomAIError:
    """Make the error that says why a reader failed, in words.

    Parameters
    ----------
    path : Path
        The file; only its name is said, never the folder.
    description : str
        The format it was taken for.
    error : Exception
        What the reader raised.
    limits : Limits
        What reading may take.
    """
    if isinstance(error, MemoryError):
        return TooLarge(
            f"{path.name} declares more data than fits into memory "
            f"({guard.in_words(limits.budget)} can be used).",
            remedy="Check that the file is complete, or close other programs.",
        )
    if isinstance(error, ImportError) and error.name:
        package = _PACKAGES.get(error.name.partition(".")[0], error.name.partition(".")[0])
        return MissingExtra(
            f"{path.name} needs the package {package}, which is not installed.",
            why=f"It reads {description}.",
            remedy=f"Install it: pip install {package}",
        )
    reason = str(error).replace(f"{path.parent}{os.sep}", "").replace(str(path.parent), "its folder")
    reason = reason.strip() or type(error).__name__
    if reason.isdigit():
        reason = type(error).__name__
    if len(reason) > 200:
        reason = reason[:200] + " …"
    elif not reason.endswith((".", "!", "?")):
        reason += "."
    return CannotRead(
        f"{path.name} could not be read as {description}: {reason}",
        why="It is damaged, was not copied completely, or is a variant that is not known.",
        remedy="Open it in the microscope's software and export it again, for instance as TIFF.",
    )


def let_go(error: BaseException | None, marks: Sequence[str]) -> None:
    """Close the files that the frames of an error hold, while their complaints are caught.

    For those who look into it, the traceback goes to the log.
    """
    _LOG.debug("The reader failed: %s", "".join(traceback.format_exception(error)))
    while error is not None:
        error.__traceback__ = None
        error = error.__context__
    if "TIFF" in marks:  # its objects refer to each other; those of other readers go by themselves
        gc.collect()

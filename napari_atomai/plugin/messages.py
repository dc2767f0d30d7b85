"""Errors and waiting times, as something a user can act on. No Qt."""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass

from napari_atomai.errors import AtomAIError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Message:
    """What to tell the user about an error.

    Parameters
    ----------
    text : str
        One or two sentences.
    details : str
        Traceback for a bug report; empty for what we expected and worded ourselves.
    """

    text: str
    details: str = ""


def explain(error: BaseException, doing: str) -> Message:
    """Word an error that came up while `doing` something ("finding atoms")."""
    error = root_of(error)
    if isinstance(error, AtomAIError):
        return Message(str(error))
    if isinstance(error, MemoryError):
        return Message(
            f"The computer's memory did not suffice for {doing}. "
            "Close other programs, or crop the image to the region you need."
        )
    if isinstance(error, ImportError):
        return Message(
            f"A library that {doing} needs is not there ({error}). "
            "Install napari-atomai[all] again; `napari-atomai doctor` says what is missing.",
            _details(error),
        )
    first = (str(error).strip() or "no reason given").splitlines()[0]
    log.error("%s failed", doing, exc_info=error)
    return Message(f"Something went wrong while {doing}: {type(error).__name__}: {first}", _details(error))


def root_of(error: BaseException) -> BaseException:
    """Return the error inside napari's and psygnal's wrappers ("while emitting signal ...")."""
    while type(error).__name__ in {"EmitLoopError", "ReaderPluginError"} and error.__cause__ is not None:
        error = error.__cause__
    return error


def _details(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def time_left(fraction: float, elapsed: float) -> str:
    """Say how long work will still take, in words; empty while that cannot be told."""
    if fraction <= 0 or elapsed < 0.5:
        return ""
    seconds = elapsed * (1 - fraction) / fraction
    if seconds < 1.5:
        return "about a second left"
    if seconds < 90:
        return f"about {seconds:.0f} s left"
    return f"about {seconds / 60:.0f} min left"

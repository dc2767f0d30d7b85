"""Every error the engine raises on purpose: what is wrong, why it matters, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AtomAIError(Exception):
    """Root of all errors that napari-atomai raises on purpose.

    Parameters
    ----------
    what : str
        What is wrong, with the numbers that were seen.
    why : str
        Why it matters, in one sentence.
    remedy : str
        What the person can do about it, in one sentence.
    """

    def __init__(self, what: str, *, why: str = "", remedy: str = "") -> None:
        super().__init__(" ".join(part for part in (what, why, remedy) if part))
        self.what = what
        self.why = why
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions travel between processes by pickle, which would drop the keyword-only parts.
        return _rebuild, (type(self), self.what, self.why, self.remedy)


def _rebuild(kind: type[AtomAIError], what: str, why: str, remedy: str) -> AtomAIError:
    error = kind.__new__(kind)
    AtomAIError.__init__(error, what, why=why, remedy=remedy)
    return error


class BadImage(AtomAIError, ValueError):
    """The pixels cannot be used: wrong shape, kind or content."""


class BadAtoms(AtomAIError, ValueError):
    """A table of atoms does not hold together."""


class NotCalibrated(AtomAIError, ValueError):
    """A physical length was asked of an image that has no pixel size."""


class BadOption(AtomAIError, ValueError):
    """An option has a value that is not allowed."""


class UnknownOption(AtomAIError, TypeError):
    """An option, model or format has a name that does not exist.

    Parameters
    ----------
    kind : str
        What was named: "option", "model", "net" ...
    name : str
        The name that was given.
    known : iterable of str
        The names that exist.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1)
        remedy = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(names)}."
        super().__init__(f"There is no {kind} {name!r}.", remedy=remedy)


class CannotRead(AtomAIError, OSError):
    """A file could not be read: missing, damaged or of a format we do not open."""


class TooLarge(AtomAIError, MemoryError):
    """Something declares a size beyond the stated memory budget."""


class SaveFailed(AtomAIError, OSError):
    """A file could not be written; the previous version is intact."""


class BadModel(AtomAIError, ValueError):
    """A model file or its card does not hold together."""


class Diverged(AtomAIError, FloatingPointError):
    """The loss of a training is no longer a number; the net has the best weights from before."""


class MissingExtra(AtomAIError, ImportError):
    """An optional library is needed and not installed."""


class Stopped(AtomAIError):
    """The person stopped the work."""

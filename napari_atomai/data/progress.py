"""Progress: what long work tells its caller while it runs."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of long work.

    Parameters
    ----------
    step, of : int
        Steps done, and steps in all; `of` is 0 while it is not known.
    message : str
        What is being done, in a few words.
    losses : dict of str to float
        Numbers to plot while training.
    """

    step: int
    of: int = 0
    message: str = ""
    losses: dict[str, float] = field(default_factory=dict)

    @property
    def fraction(self) -> float:
        """Part done, from 0 to 1."""
        return self.step / self.of if self.of else 0.0


def finish(work: Generator[Progress, None, Result]) -> Result:
    """Run work to its end without looking at its progress, and return its result."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: Result = end.value
            return result

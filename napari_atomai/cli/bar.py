"""A progress bar with the time left; plain lines where the output is not a terminal."""

from __future__ import annotations

import shutil
import time
from typing import TextIO

from napari_atomai.data.progress import Progress

_EVERY = 0.1  # seconds between two drawings
_WIDTH = 24


class Bar:
    """Shows the progress of one input.

    Parameters
    ----------
    name : str
        What is being worked on.
    stream : text stream
        Usually stderr. The bar is drawn on a terminal; elsewhere `start` writes one plain line.
    quiet : bool
        Show nothing.
    """

    def __init__(self, name: str, stream: TextIO, *, quiet: bool = False) -> None:
        self.name = name
        self.stream = stream
        self.quiet = quiet
        self.drawn = not quiet and stream.isatty()
        self.began = time.monotonic()
        self.last = -_EVERY
        if not quiet and not self.drawn:
            stream.write(f"{name}\n")
            stream.flush()

    def show(self, progress: Progress) -> None:
        """Draw how far the work is."""
        passed = time.monotonic() - self.began
        if not self.drawn or passed - self.last < _EVERY:
            return
        self.last = passed
        done = round(progress.fraction * _WIDTH)
        left = _left(passed, progress.fraction)
        bar = f"[{'#' * done}{'.' * (_WIDTH - done)}] {progress.fraction:4.0%} {left} {progress.message}"
        room = shutil.get_terminal_size().columns - len(bar) - 3
        self.stream.write(f"\r{_shortened(self.name, max(8, room))} {bar}\x1b[K")
        self.stream.flush()

    def clear(self) -> None:
        """Take the bar away, so that other words can be written."""
        if self.drawn:
            self.stream.write("\r\x1b[K")
            self.stream.flush()


def _left(passed: float, fraction: float) -> str:
    if fraction <= 0:
        return ""
    seconds = round(passed / fraction - passed)
    return f"{seconds // 60}:{seconds % 60:02d} left"


def _shortened(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 3]}..."

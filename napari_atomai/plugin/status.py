"""What is being read, in the window's status bar. No Qt."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_atomai.data.progress import Progress

if TYPE_CHECKING:
    from napari_atomai.plugin.waiting import Tell

_READY = "Ready"
"""What napari's own status bar says when nothing is to be said."""


@contextlib.contextmanager
def shown_in_status(viewer: Any, paths: list[Path]) -> Iterator[Tell | None]:
    """Give what tells in a viewer's status bar how far the reading of files is; None without a viewer.

    Parameters
    ----------
    viewer : napari.Viewer or None
        Whose status bar it is.
    paths : list of Path
        The files, in the order in which they are read.
    """
    if viewer is None:
        yield None
        return
    said: list[str] = []

    def tell(progress: Progress, seconds: float) -> None:
        said[:] = [reading_in_words(paths, progress, seconds)]
        viewer.status = said[0]

    try:
        yield tell
    finally:
        if said and viewer.status == said[0]:  # the mouse may have moved over a layer since
            viewer.status = _READY


def reading_in_words(paths: list[Path], progress: Progress, seconds: float) -> str:
    """Say which file is being read, how large it is, which of how many, and for how long."""
    path = paths[min(progress.step, len(paths) - 1)]
    parts = [f"Reading {path.name}"]
    size = _size_in_words(path)
    if size:
        parts.append(f"({size})")
    if len(paths) > 1:
        parts.append(f"- file {progress.step + 1} of {len(paths)}, {100 * progress.fraction:.0f} %")
    return f"{' '.join(parts)} ... {seconds:.0f} s"


def _size_in_words(path: Path) -> str:
    from napari_atomai.files.guard import in_words

    try:
        return in_words(path.stat().st_size) if path.is_file() else ""
    except OSError:
        return ""

"""What must be there before ``napari-atomai open`` can show a window. Imports neither napari nor Qt."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from napari_atomai.doctor import has_display, qt_bindings
from napari_atomai.errors import AtomAIError, CannotRead, MissingExtra

_INSTALL = 'Run: pip install "napari-atomai[all]"; `napari-atomai find` works without.'


def check_screen(files: Sequence[Path]) -> None:
    """Say in a sentence why a window cannot open, before anything heavy is loaded.

    Parameters
    ----------
    files : sequence of Path
        What is to be opened.

    Raises
    ------
    MissingExtra
        If napari or a Qt binding is not installed.
    AtomAIError
        If there is no screen.
    CannotRead
        If a file is not there.
    """
    if importlib.util.find_spec("napari") is None:
        raise MissingExtra("napari is not installed.", why="It draws the window.", remedy=_INSTALL)
    if not qt_bindings():
        raise MissingExtra("No Qt binding is installed.", why="napari's window needs one.", remedy=_INSTALL)
    if not has_display():
        raise AtomAIError(
            "There is no screen: DISPLAY and WAYLAND_DISPLAY are empty.",
            why="A window cannot be shown.",
            remedy="Log in at the desktop, use `ssh -X` or a remote desktop, or use `napari-atomai find`.",
        )
    missing = [str(path) for path in files if not path.exists()]
    if missing:
        raise CannotRead(f"Not there: {', '.join(missing)}.", remedy="Check the spelling and the folder.")

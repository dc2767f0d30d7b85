"""Folders in which processes work: they go with their result, and stay where the program was killed."""

from __future__ import annotations

import json
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any

from qtpy.QtCore import QLockFile

from napari_atomai.plugin.autosave import home, is_left
from napari_atomai.workflow.process import TASK

_PREFIX, _LOCK = "napari-atomai-", "process.lock"
_MOST = 10


class RunFolder:
    """A folder that goes with this object, unless the program dies before.

    Parameters
    ----------
    folder : Path, optional
        One that an earlier program has left; a new one is made when left out.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or _new()
        lock = QLockFile(str(self.folder / _LOCK))
        lock.setStaleLockTime(0)
        lock.tryLock(0)
        weakref.finalize(self, _end, self.folder, lock)


def left(module: str) -> list[Path]:
    """Return folders of a kind of work that no living program works in, the newest first."""
    place = _place()
    if place is None or not place.is_dir():
        return []
    folders = sorted(place.glob(f"{_PREFIX}*"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    return [folder for folder in folders if _module(folder) == module and is_left(folder, _LOCK)]


def discard(folder: Path) -> None:
    """Delete a folder that was left."""
    shutil.rmtree(folder, ignore_errors=True)


def _place() -> Path | None:
    autosaves = home()
    return None if autosaves is None else autosaves.with_name(f"{autosaves.name}-runs")


def _new() -> Path:
    place = _place()
    if place is not None:
        place.mkdir(parents=True, exist_ok=True)
        for folder in sorted(place.glob(f"{_PREFIX}*"), key=lambda path: path.stat().st_mtime_ns)[:-_MOST]:
            if is_left(folder, _LOCK):
                discard(folder)
    return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))


def _end(folder: Path, lock: QLockFile) -> None:
    lock.unlock()
    shutil.rmtree(folder, ignore_errors=True)


def _module(folder: Path) -> Any:
    try:
        return json.loads((folder / TASK).read_text(encoding="utf-8"))["module"]
    except (OSError, ValueError, KeyError, TypeError):
        return None

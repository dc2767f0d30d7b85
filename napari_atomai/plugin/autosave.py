"""Nothing is lost: what is done in a viewer is written beside it, and offered again after a crash."""

from __future__ import annotations

import os
import shutil
import time
import uuid
import weakref
from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent, QLockFile, QObject, QStandardPaths, Signal

from napari_atomai.data.progress import Progress
from napari_atomai.errors import AtomAIError
from napari_atomai.files.work import SUFFIX, read_work, write_work
from napari_atomai.plugin.jobs import Job, Work
from napari_atomai.plugin.layers import notes_of
from napari_atomai.plugin.messages import explain
from napari_atomai.plugin.panels.widgets import timer
from napari_atomai.plugin.saved_work import add_hashes, take

GENERATIONS = 3
FOLDER = "NAPARI_ATOMAI_AUTOSAVE"
"""Environment variable with another place for autosaves; empty: none are written."""
_AFTER, _AT_LEAST_EVERY = 1500, 120_000
_LOCK = "lock"
_MOST_FOLDERS = 10


def home() -> Path | None:
    """Return the folder with the autosaves of all windows; None when they are turned off."""
    given = os.environ.get(FOLDER)
    if given is not None:
        return Path(given) if given else None
    place = QStandardPaths.StandardLocation.GenericDataLocation
    return Path(QStandardPaths.writableLocation(place)) / "napari-atomai" / "autosave"


class Autosave(QObject):
    """Writes the work of one session after every change, and every two minutes at least.

    Parameters
    ----------
    session : Session
        Held weakly.
    viewer : napari.Viewer
        Held weakly.
    """

    dirty_changed = Signal(bool)
    failed = Signal(str)

    def __init__(self, session: Any, viewer: Any) -> None:
        super().__init__()
        self._session, self._viewer = weakref.ref(session), weakref.ref(viewer)
        self.dirty = False
        self._folder: Path | None = None
        self._lock: QLockFile | None = None
        self._job: Job | None = None
        self._again = self._ended = False
        self._count = 0
        self._soon = timer(self, _AFTER, self.write)
        self._often = timer(self, _AT_LEAST_EVERY, self.write, once=False)
        session.correcting.changed.connect(self.note)
        session.atoms.result_changed.connect(self.note)
        viewer.layers.events.inserted.connect(self._on_layer)

    def note(self, _uid: str = "") -> None:
        """Note a change: it is written as soon as the hand rests."""
        if self._ended:  # a window that closes takes its layers away: that is no work
            return
        self._set(True)
        if home() is not None:
            self._soon.start()
            if not self._often.isActive():
                self._often.start()

    def saved(self) -> None:
        """Note that all was saved by the user."""
        self._set(False)

    def write(self) -> None:
        """Write the next generation, in a worker; at once again if more has changed meanwhile."""
        place, viewer, session = home(), self._viewer(), self._session()
        if place is None or viewer is None or session is None or not self.dirty:
            return
        if self._job is not None:
            self._again = True
            return
        try:
            path = self._next(place)
            work = take(viewer, session.found())
        except Exception as error:  # noqa: BLE001 - a slot must not raise; it is worded and shown
            self.failed.emit(explain(error, "saving unsaved work").text)
            return
        self._job = Job(_writing(path, work), "Autosave")
        self._job.succeeded.connect(self._on_end)
        self._job.stopped.connect(self._on_end)
        self._job.failed.connect(self._on_failed)
        self._job.start()

    def close(self, *, keep: bool) -> None:
        """End; the autosave stays only where work would be lost without it."""
        self._ended = True
        self._soon.stop()
        self._often.stop()
        if self._lock is not None:
            self._lock.unlock()
            self._lock = None
        if self._folder is not None and not keep:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _next(self, place: Path) -> Path:
        if self._folder is None:
            folder = place / f"{time.strftime('%Y-%m-%d %H.%M.%S')} {uuid.uuid4().hex[:6]}"
            folder.mkdir(parents=True)
            self._lock = QLockFile(str(folder / _LOCK))
            self._lock.setStaleLockTime(0)
            self._lock.tryLock(0)
            self._folder = folder
            _thin_out(place)
        self._count += 1
        return self._folder / f"{self._count % GENERATIONS}{SUFFIX}"

    def _set(self, dirty: bool) -> None:
        if dirty != self.dirty:
            self.dirty = dirty
            self.dirty_changed.emit(dirty)

    def _on_layer(self, event: Any) -> None:
        layer = event.value
        if notes_of(layer).get("role") and notes_of(layer).get("parent_uid"):
            for name in ("data", "paint", "labels_update"):
                emitter = getattr(layer.events, name, None)
                if emitter is not None:
                    emitter.connect(self._on_data)

    def _on_data(self, _event: Any = None) -> None:
        self.note()

    def _on_end(self, _outcome: Any = None) -> None:
        self._job = None
        if self._again:
            self._again = False
            self.write()

    def _on_failed(self, error: BaseException) -> None:
        self._on_end()
        self.failed.emit(explain(error, "saving unsaved work").text)


def _writing(path: Path, work: Any) -> Any:
    def start() -> Work:
        yield Progress(0, 0, "saving unsaved work")
        add_hashes(work)
        write_work(path, work)

    return start


def left_behind() -> list[Path]:
    """Return the folders of windows that did not come to their end, the newest first."""
    place = home()
    if place is None or not place.is_dir():
        return []
    folders = sorted((path for path in place.iterdir() if path.is_dir()), reverse=True)
    return [folder for folder in folders if is_left(folder) and list(folder.glob(f"*{SUFFIX}"))]


def newest(folder: Path) -> tuple[Any, list[str]]:
    """Return the newest piece of work of a folder that can be read, and what is to be said of others.

    A damaged one is set aside, not deleted.
    """
    notes: list[str] = []
    paths = sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in paths:
        try:
            return read_work(path), notes
        except AtomAIError as error:
            notes.append(f"{error} The one before it is taken.")
            if path.exists():
                path.rename(path.with_suffix(".damaged"))
    return None, notes


def discard(folder: Path) -> None:
    """Delete the autosaves of a window."""
    shutil.rmtree(folder, ignore_errors=True)


def is_left(folder: Path, lock_name: str = _LOCK) -> bool:
    """Whether no living program holds the lock of a folder."""
    lock = QLockFile(str(folder / lock_name))
    lock.setStaleLockTime(0)
    if not lock.tryLock(0):
        return False
    lock.unlock()
    return True


def _thin_out(place: Path) -> None:
    for folder in [path for path in sorted(place.iterdir(), reverse=True) if path.is_dir()][_MOST_FOLDERS:]:
        if is_left(folder):
            discard(folder)


class CloseGuard(QObject):
    """Hears when a window is about to be closed.

    Parameters
    ----------
    window : QMainWindow
        The viewer's window.
    may_close : callable
        Asked when a person closes it; False keeps it open.
    closed : callable
        Called when it closes.
    """

    def __init__(self, window: Any, may_close: Any, closed: Any) -> None:
        super().__init__(window)
        self._may_close, self._closed = may_close, closed
        window.installEventFilter(self)

    def eventFilter(self, _watched: QObject | None, event: QEvent | None) -> bool:
        """Ask before the window is closed by its user; keep what a program closes."""
        if event is None or event.type() != QEvent.Type.Close:
            return False
        try:
            if event.spontaneous() and not self._may_close():
                event.ignore()
                return True
            self._closed()
        except Exception:  # noqa: BLE001 - closing must not fail
            return False
        return False

"""Work in a process of its own, seen from the window: it can be stopped at once, and may die alone."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from qtpy.QtCore import QCoreApplication, QObject, QProcess, QTimer, Signal

from napari_atomai.errors import AtomAIError
from napari_atomai.plugin.run_folders import RunFolder
from napari_atomai.workflow import process as engine

_PATIENCE = 1500
"""Milliseconds that a stopped process has to end by itself."""
_MOST_WORDS = 4000


@dataclass(frozen=True)
class ProcessTask:
    """What a process shall do.

    Parameters
    ----------
    module : str
        Module of the engine with ``working(task)``, see `napari_atomai.workflow.process`.
    description : dict
        Options, as JSON has them.
    arrays : dict of str to array
        What it works on.
    left : Path, optional
        Folder of the same work that a killed program has left, with its task: it is gone on with there.
    """

    module: str
    description: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, Any] = field(default_factory=dict)
    left: Path | None = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """What is left of a process.

    Parameters
    ----------
    folder : Path
        Where its files lie, for as long as this object lives.
    summary : dict
        What it returned, or what it had kept when it ended early.
    ended : {"done", "stopped", "crashed"}
        How it ended.
    reason : str
        For "crashed": what is known of why.
    """

    folder: Path
    summary: dict[str, Any]
    ended: Literal["done", "stopped", "crashed"]
    reason: str = ""
    _home: Any = field(default=None, repr=False)


class ProcessJob(QObject):
    """One run of a task in a spawned process, with the signals of `Job`.

    Exactly one of `succeeded` (with an Outcome), `failed` and `stopped` is emitted. A process that was
    stopped, or died, after it had kept something succeeds with that.

    Parameters
    ----------
    task : ProcessTask
        What is done.
    name : str
        What it is called.
    """

    progressed = Signal(object)
    previewed = Signal(str, object)
    succeeded = Signal(object)
    failed = Signal(object)
    stopped = Signal()

    def __init__(self, task: ProcessTask, name: str) -> None:
        super().__init__()
        self.name = name
        self.running = self.stopping = False
        self._task = task
        self._home: RunFolder | None = None
        self._begun_at = 0.0
        self._rest = b""
        self._words = ""
        self._summary: dict[str, Any] | None = None
        self._error: Exception | None = None
        self._process = QProcess(self)
        self._process.readyReadStandardOutput.connect(self._on_lines)
        self._process.readyReadStandardError.connect(self._on_words)
        self._process.finished.connect(self._on_finished)
        self._process.errorOccurred.connect(self._on_error)
        self._killing = QTimer(self)
        self._killing.setSingleShot(True)
        self._killing.setInterval(_PATIENCE)
        self._killing.timeout.connect(self._process.kill)

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._begun_at if self._begun_at else 0.0

    @property
    def folder(self) -> Path | None:
        """Where the process writes; None before the start."""
        return None if self._home is None else self._home.folder

    @property
    def pid(self) -> int:
        """Number of the process; 0 when there is none."""
        return int(self._process.processId())

    def start(self) -> None:
        """Write the task and start the process; signals arrive through the event loop.

        Raises
        ------
        SaveFailed
            If the temporary folder cannot be written to.
        """
        self._home = RunFolder(self._task.left)
        folder = self._home.folder
        if self._task.left is None:
            engine.write_task(folder, self._task.module, self._task.description, self._task.arrays)
        self.running, self._begun_at = True, time.monotonic()
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.kill)
        self._process.start(sys.executable, ["-m", engine.__name__, str(folder)])

    def stop(self) -> None:
        """Ask to stop; it ends at its next step, or is ended."""
        if self.running and not self.stopping:
            self.stopping = True
            self._process.write(f"{engine.STOP}\n".encode())
            self._killing.start()

    def kill(self) -> None:
        """End the process at once; what it had kept is still the result."""
        if self.running:
            self.stopping = True
            self._process.kill()
            self._process.waitForFinished(_PATIENCE)

    def _on_lines(self) -> None:
        *lines, self._rest = (self._rest + bytes(self._process.readAllStandardOutput())).split(b"\n")
        for line in lines:
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError):  # not one of ours
                self._words += line.decode(errors="replace") + "\n"

    def _take(self, line: dict[str, Any]) -> None:
        if "progress" in line:
            if not self.stopping:
                self.progressed.emit(engine.as_progress(line))
        elif "preview" in line:
            self._show(str(line["preview"]))
        elif "result" in line:
            self._summary = dict(line["result"] or {})
        elif "error" in line:
            self._error = engine.as_error(line)

    def _show(self, name: str) -> None:
        folder = self.folder
        if folder is None or self.stopping or "/" in name or "\\" in name:
            return
        try:
            values = np.load(folder / f"preview-{name}.npy", allow_pickle=False)
        except (OSError, ValueError):  # the next one comes
            return
        self.previewed.emit(name, values)

    def _on_words(self) -> None:
        said = bytes(self._process.readAllStandardError()).decode(errors="replace")
        self._words = (self._words + said)[-_MOST_WORDS:]

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:  # `finished` will not come
            self._end(AtomAIError("Python could not be started for it.", remedy="Start napari again."))

    def _on_finished(self, code: int, _status: Any) -> None:
        self._on_lines()
        self._on_words()
        self._end(None if code == 0 else self._error or self._death(code))

    def _death(self, code: int) -> AtomAIError:
        last = self._words.strip().splitlines()[-1:] or ["it said nothing"]
        return AtomAIError(
            f"The process ended by itself with status {code} ({last[0]}).",
            why="The window and what it shows are not touched by that.",
            remedy="A smaller batch or image needs less memory; then start again.",
        )

    def _end(self, error: Exception | None) -> None:
        if not self.running:
            return
        self.running = False
        self._killing.stop()
        folder = self.folder
        kept = None if folder is None else engine.read_kept(folder)
        if self._summary is not None and error is None and not self.stopping:
            self._succeed(self._summary, "done", "")
        elif kept is not None:
            self._succeed(kept, "stopped" if self.stopping else "crashed", str(error or ""))
        elif self.stopping or error is None:
            self.stopped.emit()
        else:
            self.failed.emit(error)

    def _succeed(self, summary: dict[str, Any], ended: Any, reason: str) -> None:
        assert self.folder is not None
        self.succeeded.emit(Outcome(self.folder, summary, ended, reason, self._home))

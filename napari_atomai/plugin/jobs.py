"""Work off the main thread: progress, stop, and an end that always comes."""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, Signal
from superqt.utils import GeneratorWorker

from napari_atomai.data.progress import Progress

Work = Generator[Progress, None, Any]
_ids = itertools.count(1)


@dataclass(frozen=True)
class _Failure:
    error: BaseException


def _run(start: Callable[[], Work]) -> Generator[Progress, None, Any]:
    # superqt takes a RuntimeError for a deleted worker and then emits neither "errored" nor
    # "finished"; ONNX Runtime and torch raise exactly that. So errors travel as values.
    try:
        return (yield from start())
    except Exception as error:  # noqa: BLE001 - whatever it is, the window must hear of it
        return _Failure(error)


def _drive(work: Work) -> Work:
    return (yield from work)


class _Task(functools.partial[Any]):
    # napari's task manager shows the function's repr when a window is closed in mid-run.
    name = ""

    def __repr__(self) -> str:
        return self.name


class _Worker(GeneratorWorker):
    # A stopped superqt worker leaves its generator suspended: "finally" would run when the
    # garbage collector comes by. Here it runs at once, in the worker's thread.
    def __init__(self, func: Callable[..., Any], generator: Work) -> None:
        super().__init__(func, generator)
        self.generator = generator

    def work(self) -> Any:
        try:
            return super().work()
        finally:
            self.generator.close()


class Job(QObject):
    """One run of a generator of Progress in a worker thread.

    Exactly one of `succeeded`, `failed` and `stopped` is emitted, in the thread the job was made in. A
    job that was stopped never succeeds, even if its result was already there.

    Parameters
    ----------
    start : callable
        Makes the generator; called in the worker thread, so it may import heavy libraries.
    name : str
        What napari's task manager calls it.
    """

    progressed = Signal(object)
    succeeded = Signal(object)
    failed = Signal(object)
    stopped = Signal()

    def __init__(self, start: Callable[[], Work], name: str) -> None:
        super().__init__()
        self.id = next(_ids)
        self.name = name
        self.running = False
        self.stopping = False
        self._outcome: Any = None
        self._has_outcome = False
        self._started_at = 0.0
        task = _Task(_drive)
        task.name = name
        self._worker = create_worker(
            task, _run(start), _worker_class=_Worker, _ignore_errors=True, _start_thread=False
        )
        self._worker.yielded.connect(self._on_progress)
        self._worker.returned.connect(self._on_returned)
        self._worker.errored.connect(self._on_errored)
        self._worker.finished.connect(self._on_finished)

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started_at if self._started_at else 0.0

    def start(self) -> None:
        """Start; signals arrive through the event loop."""
        self.running = True
        self._started_at = time.monotonic()
        self._worker.start()

    def stop(self) -> None:
        """Ask to stop; the work ends at its next yield."""
        self.stopping = True
        self._worker.quit()

    def _on_progress(self, progress: Progress) -> None:
        if not self.stopping:
            self.progressed.emit(progress)

    def _on_returned(self, outcome: Any) -> None:
        self._outcome, self._has_outcome = outcome, True

    def _on_errored(self, error: BaseException) -> None:
        self._outcome, self._has_outcome = _Failure(error), True

    def _on_finished(self) -> None:
        self.running = False
        outcome, self._outcome = self._outcome, None
        if self.stopping or not self._has_outcome:
            self.stopped.emit()
        elif isinstance(outcome, _Failure):
            self.failed.emit(outcome.error)
        else:
            self.succeeded.emit(outcome)

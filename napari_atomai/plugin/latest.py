"""Work that is asked for again and again: only the last request counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_atomai.data.progress import Progress
from napari_atomai.plugin.jobs import Job, Work


class Latest(QObject):
    """Computes in a worker, one at a time; of requests that wait only the newest is kept.

    A result that is ready before the newer request has begun is still given, so that a picture follows a
    mouse that does not rest; what was asked for before `drop` never is.

    Parameters
    ----------
    parent : QObject
        The widget that asks; with it ends the work.
    name : str
        What napari's task manager calls it.
    """

    succeeded = Signal(object)
    failed = Signal(object)

    def __init__(self, parent: QObject, name: str) -> None:
        super().__init__(parent)
        self._name = name
        self._job: Job | None = None
        self._next: Callable[[], Any] | None = None
        self._dropped = False

    @property
    def busy(self) -> bool:
        """Whether a result is still to come."""
        return (self._job is not None and not self._dropped) or self._next is not None

    def ask(self, compute: Callable[[], Any]) -> None:
        """Compute this, in place of whatever was asked for and has not begun."""
        self._next = compute
        if self._job is None:
            self._start()

    def drop(self) -> None:
        """Forget what was asked for: no signal comes of it."""
        self._next, self._dropped = None, True

    def _start(self) -> None:
        if self._next is None:
            return
        compute, self._next, self._dropped = self._next, None, False
        self._job = Job(_once(compute), self._name)
        self._job.succeeded.connect(self._on_succeeded)
        self._job.failed.connect(self._on_failed)
        self._job.stopped.connect(self._on_stopped)
        self._job.start()

    def _on_succeeded(self, outcome: Any) -> None:
        self._end(self.succeeded, outcome)

    def _on_failed(self, error: BaseException) -> None:
        self._end(self.failed, error)

    def _on_stopped(self) -> None:
        self._job = None
        self._start()

    def _end(self, signal: Any, value: Any) -> None:
        self._job = None
        if not self._dropped:
            signal.emit(value)
        self._start()


def _once(compute: Callable[[], Any]) -> Callable[[], Work]:
    def work() -> Work:
        yield Progress(0, 0, "")
        return compute()

    return work

"""Wait for work without blocking the window, where napari wants the outcome from the same call."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

from qtpy.QtCore import QCoreApplication, QEventLoop, QTimer

from napari_atomai.data.progress import Progress, finish
from napari_atomai.errors import Stopped
from napari_atomai.plugin.jobs import Job, Work

Tell = Callable[[Progress, float], None]
"""Is told the newest progress of the work, and the seconds since its start."""

_MOMENT = 0.4
"""Seconds that work may take before anything is said of it: what is quick does not flicker."""
_EVERY = 200

log = logging.getLogger(__name__)


def wait_for(start: Callable[[], Work], name: str, tell: Tell | None = None) -> Any:
    """Run work in a worker thread and return its outcome; the window goes on meanwhile.

    Where there is no window, or where this is not its thread, the work runs here.

    Parameters
    ----------
    start : callable
        Makes the generator of Progress; called in the worker thread.
    name : str
        What napari's task manager calls it.
    tell : callable, optional
        Called again and again in the window's thread, once the work has taken longer than a moment.

    Returns
    -------
    object
        What the work returned.

    Raises
    ------
    Exception
        What the work raised.
    Stopped
        If the program is being left before the end.
    """
    if QCoreApplication.instance() is None or threading.current_thread() is not threading.main_thread():
        return finish(start())
    ended: list[tuple[Any, BaseException | None]] = []
    loop, job = QEventLoop(), Job(start, name)

    def end(outcome: Any, error: BaseException | None) -> None:
        ended.append((outcome, error))
        loop.quit()

    stopped = Stopped(f"Stopped while {name}.", remedy="Start it again.")
    job.succeeded.connect(lambda outcome: end(outcome, None))
    job.failed.connect(lambda error: end(None, error))
    job.stopped.connect(lambda: end(None, stopped))
    job.start()
    with _telling(job, tell):
        loop.exec()
    if not ended:  # leaving the program ends every loop
        job.stop()
        raise stopped
    outcome, error = ended[0]
    if error is not None:
        raise error
    return outcome


@contextlib.contextmanager
def _telling(job: Job, tell: Tell | None) -> Iterator[None]:
    """Tell how far a job is, at a steady pace: also while it has nothing new to say."""
    newest, timer = [Progress(0)], QTimer()
    job.progressed.connect(lambda progress: newest.__setitem__(0, progress))

    def on_time() -> None:
        if tell is None or job.elapsed < _MOMENT:
            return
        try:
            tell(newest[0], job.elapsed)
        except Exception:  # a slot must not raise; the work goes on unseen
            log.debug("telling of %s failed", job.name, exc_info=True)

    timer.timeout.connect(on_time)
    timer.start(_EVERY)
    try:
        yield
    finally:
        timer.stop()

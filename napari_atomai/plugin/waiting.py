"""Wait for work without blocking the window, where napari wants the outcome from the same call."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QCoreApplication, QEventLoop

from napari_atomai.data.progress import finish
from napari_atomai.errors import Stopped
from napari_atomai.plugin.jobs import Job, Work


def wait_for(start: Callable[[], Work], name: str) -> Any:
    """Run work in a worker thread and return its outcome; the window goes on meanwhile.

    Where there is no window, or where this is not its thread, the work runs here.

    Parameters
    ----------
    start : callable
        Makes the generator of Progress; called in the worker thread.
    name : str
        What napari's task manager calls it.

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
    loop.exec()
    if not ended:  # leaving the program ends every loop
        job.stop()
        raise stopped
    outcome, error = ended[0]
    if error is not None:
        raise error
    return outcome

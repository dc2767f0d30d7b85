"""One kind of work of a viewer: what runs, and what it gave for each image."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, Signal

from napari_atomai.plugin.connections import Connections
from napari_atomai.plugin.jobs import Job, Work
from napari_atomai.plugin.layers import is_plain_image, notes_of, uid_of
from napari_atomai.plugin.messages import explain
from napari_atomai.plugin.process import Outcome, ProcessJob, ProcessTask

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

Done = Callable[[Any, Any], Any]
"""Is given the outcome and the image's layer (None for work of no image); what it returns is kept."""
NOTHING = object()
"""What a `Done` returns when the outcome is not to be kept: what was there stays."""

NO_CHANGE = "Stopped. What was there before is unchanged."


@dataclass(frozen=True)
class _Running:
    job: Job | ProcessJob
    uid: str
    doing: str
    pixels: Any  # the layer's own data at the start: another object later means other pixels
    done: Done | None


class JobSlot(QObject):
    """Runs one job at a time, and keeps the last result of every image.

    A result is dropped, with a sentence, when its image was removed or has other pixels now.

    Parameters
    ----------
    viewer : napari.Viewer
        Held weakly: a slot never keeps a closed window alive.
    name : str
        The kind of work: "atoms", "train" ...
    """

    progressed = Signal(object)
    previewed = Signal(str, object)
    running_changed = Signal()
    result_changed = Signal(str)
    said = Signal(str, str)  # uid of the image ("" = any), sentence

    def __init__(self, viewer: Viewer, name: str) -> None:
        super().__init__()
        self.name = name
        self.seconds = 0.0  # that the last job took
        self._viewer = weakref.ref(getattr(viewer, "__wrapped__", viewer))
        self._running: _Running | None = None
        self._results: dict[str, Any] = {}
        self._pixels = Connections(self)
        self._watched: set[str] = set()
        viewer.layers.events.removed.connect(self._on_removed)

    # --- what a panel asks ---

    @property
    def job(self) -> Job | ProcessJob | None:
        """The running job, or None."""
        return None if self._running is None else self._running.job

    @property
    def running_uid(self) -> str:
        """Uid of the image that is worked on; empty when there is none."""
        return "" if self._running is None else self._running.uid

    def result(self, uid: str = "") -> Any:
        """Return the last result of an image, or None."""
        return self._results.get(uid)

    def results(self) -> dict[str, Any]:
        """Return the last results by the uid of their image."""
        return dict(self._results)

    def put(self, uid: str, result: Any) -> None:
        """Keep a result of an image in place of the last one."""
        self._results[uid] = result
        self._watch(uid)
        self.result_changed.emit(uid)

    def drop(self, uid: str) -> None:
        """Forget the result of an image."""
        if self._results.pop(uid, None) is not None:
            self.result_changed.emit(uid)

    def start(
        self, layer: Layer | None, work: Callable[[], Work], doing: str, done: Done | None = None
    ) -> bool:
        """Start work in a thread; False, and a sentence, if other work of this kind is going on.

        Parameters
        ----------
        layer : napari layer or None
            The image that is worked on; None for work of no single image.
        work : callable
            Makes a generator of Progress; called in the worker thread, so it may import heavy libraries. It
            must not touch layers or widgets.
        doing : str
            For sentences: "finding motifs".
        done : callable, optional
            Called in the window's thread with the outcome and the layer. A panel may be closed by then: give
            a function, not a method of a panel.
        """
        return self._start(layer, Job(work, _named(doing, layer)), doing, done)

    def start_process(
        self, layer: Layer | None, task: ProcessTask, doing: str, done: Done | None = None
    ) -> bool:
        """Start work in a process of its own; as `start`, with an `Outcome` as the result."""
        return self._start(layer, ProcessJob(task, _named(doing, layer)), doing, done)

    def stop(self) -> None:
        """Stop the running job."""
        if self._running is not None:
            self._running.job.stop()
            self.said.emit("", "Stopping ...")

    def tell(self, error: BaseException, doing: str) -> None:
        """Say what went wrong; with a notification where we did not expect it."""
        message = explain(error, doing)
        self.said.emit("", message.text)
        if message.details:
            show_error(f"{message.text}\n\n{message.details}")

    def layer(self, uid: str) -> Any:
        """Return the image layer of that uid, while it is in the viewer."""
        return next((x for x in self.layers if is_plain_image(x) and notes_of(x).get("uid") == uid), None)

    @property
    def layers(self) -> Any:
        """The viewer's layers; empty when it is gone."""
        viewer = self._viewer()
        return [] if viewer is None else viewer.layers

    # --- how a job begins and ends ---

    def _start(self, layer: Any, job: Any, doing: str, done: Done | None) -> bool:
        if self._running is not None:
            self.said.emit("", "Still at work: wait for it to end, or press Stop first.")
            return False
        job.progressed.connect(self.progressed)
        if isinstance(job, ProcessJob):
            job.previewed.connect(self.previewed)
        job.succeeded.connect(self._on_succeeded)
        job.failed.connect(self._on_failed)
        job.stopped.connect(self._on_stopped)
        uid, pixels = ("", None) if layer is None else (uid_of(layer), layer.data)
        self._running = _Running(job, uid, doing, pixels, done)
        try:
            job.start()
        except Exception as error:  # noqa: BLE001 - a slot must not raise; it is worded and shown
            self._end()
            self.tell(error, doing)
            return False
        self.running_changed.emit()
        return True

    def _on_succeeded(self, outcome: Any) -> None:
        done = self._end()
        layer = self.layer(done.uid) if done.uid else None
        if done.uid and layer is None:
            self.said.emit("", f"The image was removed in mid-run: the result of {done.doing} was dropped.")
            return
        if layer is not None and layer.data is not done.pixels:
            self.said.emit(done.uid, f"{layer.name!r} has other pixels now: the result was dropped.")
            return
        try:
            shown = None if done.done is None else done.done(outcome, layer)
        except Exception as error:  # noqa: BLE001 - a slot must not raise; it is worded and shown
            self.tell(error, done.doing)
            return
        if shown is not NOTHING:
            self.put(done.uid, outcome if shown is None else shown)
        if isinstance(outcome, Outcome) and outcome.ended != "done":
            self.said.emit(done.uid, _early(outcome))

    def _on_failed(self, error: BaseException) -> None:
        self.tell(error, self._end().doing)

    def _on_stopped(self) -> None:
        self._end()
        self.said.emit("", NO_CHANGE)

    def _end(self) -> _Running:
        done, self._running = self._running, None
        assert done is not None
        self.seconds = done.job.elapsed
        self.running_changed.emit()
        return done

    # --- images that go or change ---

    def _watch(self, uid: str) -> None:
        layer = self.layer(uid) if uid else None
        if layer is not None and uid not in self._watched:
            self._watched.add(uid)
            self._pixels.connect(layer.events.data, self._on_pixels)

    def _on_pixels(self, event: Any) -> None:
        uid = uid_of(event.source)
        if self._results.pop(uid, None) is not None:
            self.result_changed.emit(uid)
            self.said.emit(
                uid, "The image has other pixels now: what was found is of the old ones. Start again."
            )

    def _on_removed(self, event: Any) -> None:
        # Results are as large as the image: they go with it.
        if is_plain_image(event.value):
            uid = notes_of(event.value).get("uid", "")
            self._watched.discard(uid)
            self.drop(uid)


def _named(doing: str, layer: Any) -> str:
    name = doing[:1].upper() + doing[1:]
    return name if layer is None else f"{name}: {layer.name}"


def _early(outcome: Outcome) -> str:
    if outcome.ended == "stopped":
        return "Stopped. The best so far was kept."
    return f"{outcome.reason} The best so far was kept."
